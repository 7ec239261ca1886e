"""What a node that was killed between a decision and its markers left open is ended as decided."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from datetime import timedelta
from types import SimpleNamespace

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.mending import keep_mending
from streams.errors import OpenTransactionError
from streams.kafka import KafkaLog
from streams.kafka.connection import partition_of
from streams.kafka.open_transactions import end_abandoned
from streams.loop import read_to_end
from streams.ports import Outgoing
from tests.crash.cluster import Cluster
from tests.crash.markers import forget_marker, partitions_with_markers

GROUP = "copying"
SOON = timedelta(seconds=1)


@pytest.fixture
async def cluster(tmp_path):
    node = await Cluster(tmp_path).start()
    yield node
    await node.stop()


@pytest.fixture
async def log(cluster):
    log = KafkaLog(cluster.access, client_id="test")
    yield log
    await log.stop()


async def written_by(log, name, numbers):
    """A writer that has copied some records, each in a transaction of its own, to two topics."""
    sink = log.sink(name, f"{GROUP}-{name}", [f"{name}.in"])
    await sink.start()
    for number in numbers:
        await copy(sink, name, number)
    await log.settled([f"{name}.one", f"{name}.two"])
    await position(log, name)
    await asyncio.sleep(0.2)  # and the coordinator has noted that it is over
    return sink


async def copy(sink, name, number):
    outgoing = [Outgoing(f"{name}.{way}", b"%d" % number) for way in ("one", "two")]
    await sink.commit(outgoing, {f"{name}.in": number})


async def die_within(sink, name, number):
    """Write all of a transaction but its end."""
    producer = sink._producer
    await producer.begin_transaction()
    for way in ("one", "two"):
        await producer.send_and_wait(f"{name}.{way}", b"%d" % number, partition=0)
    offsets = {partition_of(f"{name}.in"): number}
    await producer.send_offsets_to_transaction(offsets, f"{GROUP}-{name}")


def forget_markers(cluster, *names):
    data = cluster.nodes[0].folder.data
    topics = (f"{name}.{way}" for name in names for way in ("one", "two"))
    for partition in partitions_with_markers(data, (*topics, "__consumer_offsets")):
        forget_marker(partition)


async def seen(log, name):
    return [
        [
            int(record.value)
            async for batch in read_to_end(log, [f"{name}.{way}"])
            for record in batch
        ]
        for way in ("one", "two")
    ]


async def position(log, name):
    sink = log.sink(f"{name}-look", f"{GROUP}-{name}", [f"{name}.in"])
    positions = await sink.start()
    await sink.stop()
    return positions.get(f"{name}.in")


async def test_what_was_decided_and_forgotten_is_carried_out_in_every_partition(
    cluster, log, monkeypatch
):
    topics = [f"{name}.{way}" for name in ("kept", "undone") for way in ("in", "one", "two")]
    await cluster.make_topics(*topics)
    await written_by(log, "kept", [1, 2])
    dead = await written_by(log, "undone", [1])
    await die_within(dead, "undone", 2)
    await log.sink("undone", f"{GROUP}-undone", ["undone.in"]).start()  # has it aborted

    cluster.kill()
    forget_markers(cluster, "kept", "undone")
    await cluster.restart(is_mended=False)

    log = KafkaLog(cluster.access, client_id="test")
    outputs = [topic for topic in topics if not topic.endswith(".in")]
    assert await seen(log, "kept") == [[1], [1]]  # a reader gets no further
    monkeypatch.setattr("streams.kafka.settled.HELD_MAX", SOON)
    monkeypatch.setattr("streams.kafka.log.HELD_MAX", SOON)
    with pytest.raises(OpenTransactionError):  # and nobody goes on from a position that is held
        await position(log, "kept")
    await log.stuck(outputs)
    await asyncio.sleep(1.1)
    assert set(await log.stuck(outputs)) == set(outputs)

    mended = await end_abandoned(cluster.access)

    ended = {(one.topic.partition(".")[0], one.is_commit) for one in mended.ended}
    offsets = "__consumer_offsets"
    assert ended == {("kept", True), ("undone", False), (offsets, True), (offsets, False)}
    assert not mended.undecided
    assert await seen(log, "kept") == [[1, 2], [1, 2]]
    assert await seen(log, "undone") == [[1], [1]]
    assert (await position(log, "kept"), await position(log, "undone")) == (2, 1)
    assert not await log.stuck(outputs)
    assert (await end_abandoned(cluster.access)).ended == ()
    await log.stop()


async def test_a_writer_that_outlives_the_node_waits_until_its_last_transaction_took_effect(
    cluster, log
):
    await cluster.make_topics("kept.in", "kept.one", "kept.two")
    survivor = await written_by(log, "kept", [1, 2])

    cluster.kill()
    forget_markers(cluster, "kept")
    await cluster.restart(is_mended=False)
    going_on = asyncio.create_task(copy(survivor, "kept", 3))
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.shield(going_on), 1)
    assert not going_on.done()
    said = []
    keeper = SimpleNamespace(access=lambda _: cluster.access)
    mending = asyncio.create_task(keep_mending(keeper, said.append))
    await going_on
    await asyncio.wait_for(until_told(said), 10)  # it goes on before it is told why
    mending.cancel()

    assert "mended: kept.one-0: a transaction left open was committed, as decided" in said
    assert await seen(log, "kept") == [[1, 2, 3], [1, 2, 3]]
    assert await position(log, "kept") == 3
    await survivor.stop()


async def until_told(said):
    while not said:  # noqa: ASYNC110 - a list gives no event
        await asyncio.sleep(0.05)


async def test_a_transaction_that_is_alive_is_left_to_its_writer(broker, access, topic_pair):
    producer = AIOKafkaProducer(**access.options(), transactional_id=topic_pair)
    await producer.start()
    await producer.begin_transaction()
    await producer.send_and_wait(f"{topic_pair}.one", b"1", partition=0)

    mended = await end_abandoned(access)

    assert (mended.ended, mended.undecided) == ((), ())
    await producer.commit_transaction()
    await producer.stop()


@pytest.fixture
async def topic_pair(access, request):
    """Topics `….in`, `….one` and `….two` of a name of their own."""
    name = f"open-{uuid.uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(**access.options())
    await admin.start()
    await admin.create_topics([NewTopic(f"{name}.{way}", 1, 1) for way in ("in", "one", "two")])
    await admin.close()
    return name
