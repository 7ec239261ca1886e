"""A batch of some kilobytes that the broker would have to unpack to more than it has."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime

import pytest
from aiokafka.errors import UnknownError

from deploy.admission import admit
from deploy.topics import ensure_topics
from streams.kafka import KafkaLog
from streams.ports import Outgoing
from streams.topics import partner_topics, submissions_of
from tests.hostile.raw_batches import batch, varint, write

BOMBER, NEIGHBOUR = "bomb-homes", "calm-homes"
GZIP = 1
#: The heap of a node is 160 MB.
UNPACKED_BYTES = 150 << 20
_CHUNK = bytes(1 << 20)


@pytest.fixture
async def settings(broker):
    for partner in (BOMBER, NEIGHBOUR):
        await ensure_topics(broker.settings, partner_topics(partner))
    await admit(broker.settings, (BOMBER, NEIGHBOUR), datetime.now(UTC))
    return broker.settings


def packed(told, held):
    """A record that says how long it is and holds so many bytes, packed bit by bit."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    head = varint(told) + b"\0" + varint(0) + varint(0) + varint(-1) + varint(told)
    chunks = (packer.compress(_CHUNK) for _ in range(held // len(_CHUNK)))
    return b"".join([packer.compress(head), *chunks, packer.flush()])


@pytest.mark.parametrize(
    ("told", "held"), [(UNPACKED_BYTES, UNPACKED_BYTES), (2**31 - 1, 0)], ids=["bomb", "lie"]
)
async def test_what_unpacks_to_more_than_the_heap_is_refused_and_ends_nothing_else(
    broker, settings, told, held
):
    bomb = batch(packed(told, held), attributes=GZIP, count=1)
    with pytest.raises(UnknownError):
        await write(settings.access(f"partner:{BOMBER}"), submissions_of(BOMBER), bomb)
    assert broker.child.is_running
    neighbour = KafkaLog(settings.access(f"partner:{NEIGHBOUR}"), client_id="test-bombs")
    everything = KafkaLog(broker.access("supervisor"), client_id="test-bombs")
    try:
        assert await neighbour.append([Outgoing(submissions_of(NEIGHBOUR), b"as ever")])
        assert await everything.ends([submissions_of(BOMBER)]) == {submissions_of(BOMBER): 0}
    finally:
        await neighbour.stop()
        await everything.stop()
