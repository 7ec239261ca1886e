"""A batch of some kilobytes that the broker would have to unpack to more than it has."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import UnknownError

from deploy.admission import admit
from deploy.topics import ensure_topics
from streams.kafka import KafkaLog
from streams.kafka.connection import close
from streams.ports import Outgoing
from streams.topics import partner_topics, submissions_of

BOMBER, NEIGHBOUR = "bomb-homes", "calm-homes"
#: The heap of a node is 160 MB.
UNPACKED_BYTES = 150 << 20


@pytest.fixture
async def settings(broker):
    for partner in (BOMBER, NEIGHBOUR):
        await ensure_topics(broker.settings, partner_topics(partner))
    await admit(broker.settings, (BOMBER, NEIGHBOUR), datetime.now(UTC))
    return broker.settings


async def test_a_batch_that_unpacks_to_more_than_the_heap_is_refused_and_ends_nothing_else(
    broker, settings
):
    producer = AIOKafkaProducer(
        **settings.access(f"partner:{BOMBER}").options(),
        compression_type="gzip",
        max_request_size=2 * UNPACKED_BYTES,
        max_batch_size=2 * UNPACKED_BYTES,
    )
    await producer.start()
    log = KafkaLog(settings.access(f"partner:{NEIGHBOUR}"), client_id="test-bombs")
    everything = KafkaLog(broker.access("supervisor"), client_id="test-bombs")
    try:
        with pytest.raises(UnknownError):
            await producer.send_and_wait(submissions_of(BOMBER), bytes(UNPACKED_BYTES), partition=0)
        assert broker.child.is_running
        assert await log.append([Outgoing(submissions_of(NEIGHBOUR), b"as ever")])
        assert await everything.ends([submissions_of(BOMBER)]) == {submissions_of(BOMBER): 0}
    finally:
        await close(producer)
        await log.stop()
        await everything.stop()
