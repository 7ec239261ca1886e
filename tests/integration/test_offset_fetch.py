"""A broker that comes back never makes a committed position look absent."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from deploy.broker import LocalBroker
from streams.errors import RivelinError
from streams.kafka import KafkaLog
from streams.ports import Outgoing
from streams.topics import OPERATIONS, SHARED_TOPICS

GROUP = "positions-through-a-restart"


@pytest.fixture
def node(settings):
    """A node of our own: it is killed."""
    with LocalBroker(settings) as node:
        yield node


async def positions_while_starting(log, seconds):
    """What a starting stage would begin at, asked again and again while the broker comes back."""
    found = []
    ends = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < ends:
        sink = log.sink(f"asking-{len(found)}", GROUP, (OPERATIONS,))
        with contextlib.suppress(RivelinError):
            found.append((await sink.start()).get(OPERATIONS))
        await sink.stop()
    return found


async def test_a_position_is_never_absent_while_a_broker_comes_back(node, settings):
    from deploy.topics import ensure_topics  # noqa: PLC0415 - with the node only

    await ensure_topics(settings, SHARED_TOPICS)
    log = KafkaLog(node.access("supervisor"), client_id="positions")
    sink = log.sink("committing", GROUP, (OPERATIONS,))
    await sink.start()
    for position in range(1, 21):
        await sink.commit([Outgoing(OPERATIONS, b"x")], {OPERATIONS: position})

    await asyncio.to_thread(node.kill)
    restart = asyncio.create_task(node.start_async())
    found = await asyncio.gather(*[positions_while_starting(log, 8) for _ in range(3)])
    await restart
    await log.stop()

    # 19 is what Kafka 4.3.1 itself may make of a kill between answer and markers: ADR 0011.
    assert {position for one in found for position in one} <= {19, 20}
