"""A stage that dies anywhere in a transaction: its successor leaves no gap and no double."""

from __future__ import annotations

import asyncio
import sys
import uuid
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams.kafka import KafkaLog
from streams.loop import read_to_end
from streams.ports import Outgoing
from tests.elsewhere import environment

PROGRAM = Path(__file__).with_name("crashing_stage.py")
ROOT = PROGRAM.parents[2]
DIED = 9
RECORDS = 100

POINTS = (
    "begin_transaction:after:1",
    "send:after:1",
    "send:after:25",
    "send_offsets_to_transaction:before:1",
    "send_offsets_to_transaction:after:2",
    "commit_transaction:before:2",
    "commit_transaction:after:1",
    "commit_transaction:after:3",
)


async def child(broker, run, *options):
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(PROGRAM), run, *options,
        cwd=ROOT, env={"PYTHONPATH": str(ROOT), **environment(broker.settings)},
    )  # fmt: skip
    return await asyncio.wait_for(process.wait(), 60)


@pytest.fixture
async def run(broker):
    """Topics of its own, filled with records 1 to 100."""
    name = f"loop-{uuid.uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(**broker.access("supervisor").options())
    await admin.start()
    await admin.create_topics([NewTopic(f"{name}.{end}", 1, 1) for end in ("in", "out")])
    await admin.close()
    log = KafkaLog(broker.access("supervisor"), client_id="test")
    await log.append([Outgoing(f"{name}.in", b"%d" % n) for n in range(1, RECORDS + 1)])
    await log.stop()
    return name


async def output(broker, run):
    """Read all, after a successor's start, which waits until what was committed can be read."""
    log = KafkaLog(broker.access("supervisor"), client_id="test")
    successor = log.sink(f"rivelin-numbering-{run}", f"rivelin-numbering-{run}", [])
    await successor.start()
    values = [record.value async for batch in read_to_end(log, [f"{run}.out"]) for record in batch]
    await successor.stop()
    return values


SERIES = [b"%d:%d" % (n, n) for n in range(1, RECORDS + 1)]


@pytest.mark.kafka
async def test_death_at_any_point_of_a_transaction_loses_and_doubles_nothing(broker, run):
    for point in POINTS:
        assert await child(broker, run, "--die", point) == DIED

    assert await child(broker, run) == 0

    assert await output(broker, run) == SERIES


@pytest.mark.kafka
async def test_control_positions_committed_apart_from_the_output_double_it(broker, run):
    """Were this to pass unnoticed, the test above would prove nothing."""
    assert await child(broker, run, "--apart", "--die", "commit_transaction:after:1") == DIED

    assert await child(broker, run, "--apart") == 0

    values = [value.partition(b":")[2] for value in await output(broker, run)]
    assert len(values) == RECORDS + 10
    assert len(set(values)) == RECORDS
