"""One suite for every log behind the port: what a stage may rely on."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams.errors import CommitFailedError, FencedError
from streams.kafka import KafkaLog
from streams.memory import MemoryLog
from streams.ports import Outgoing

SOON = timedelta(milliseconds=200)
PATIENCE_SECONDS = 20


class Bench:
    """A log with topics and ids of its own, so that tests never meet."""

    def __init__(self, log, make_topics):
        self.log = log
        self._make_topics = make_topics
        self._run = uuid.uuid4().hex[:8]

    async def topic(self, name="in"):
        topic = f"contract.{self._run}.{name}"
        await self._make_topics([topic])
        return topic

    def sink(self, topics=(), name="stage"):
        return self.log.sink(f"{name}-{self._run}", f"{name}-{self._run}", topics)

    async def read(self, topic, start=0):
        """Read to the end as of now: whatever was committed before is in it."""
        source = self.log.source()
        await source.start({topic: start})
        try:
            return await asyncio.wait_for(self._read(source, topic), PATIENCE_SECONDS)
        finally:
            await source.stop()

    @staticmethod
    async def _read(source, topic):
        end = (await source.ends())[topic]
        records = []
        while source.position(topic) < end:
            records += await source.poll(500, SOON)
        return records


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.kafka)])
def access_or_none(request):
    """How to enter the broker; None for the log in memory."""
    return None if request.param == "memory" else request.getfixturevalue("access")


@pytest.fixture
async def bench(access_or_none):
    if access_or_none is None:
        yield Bench(MemoryLog(), _no_topics_needed)
        return
    log = KafkaLog(access_or_none, client_id="contract")
    yield Bench(log, lambda names: make_topics(access_or_none, names))
    await log.stop()


async def _no_topics_needed(names):
    """In memory topics spring up."""


async def make_topics(access, names):
    admin = AIOKafkaAdminClient(**access.options())
    await admin.start()
    try:
        config = {"message.timestamp.type": "LogAppendTime"}
        await admin.create_topics([NewTopic(name, 1, 1, topic_configs=config) for name in names])
    finally:
        await admin.close()


def outgoing(topic, *values):
    return [Outgoing(topic, value) for value in values]


def values_of(records):
    return [record.value for record in records]


async def test_what_was_appended_is_read_in_order_with_its_key(bench):
    topic = await bench.topic()

    placed = await bench.log.append([Outgoing(topic, b"%d" % n, key=b"k") for n in range(50)])

    records = await bench.read(topic)
    assert values_of(records) == [b"%d" % n for n in range(50)]
    assert {record.key for record in records} == {b"k"}
    assert [record.offset for record in records] == [one.offset for one in placed]
    assert [record.appended_at for record in records] == [one.appended_at for one in placed]


async def test_log_time_never_runs_backwards_and_knows_its_zone(bench):
    topic = await bench.topic()
    for value in (b"a", b"b", b"c"):
        await bench.log.append(outgoing(topic, value))

    times = [record.appended_at for record in await bench.read(topic)]

    assert times == sorted(times)
    assert all(time.utcoffset() == timedelta(0) for time in times)


async def test_a_tombstone_is_read_as_no_value(bench):
    topic = await bench.topic()

    await bench.log.append([Outgoing(topic, None, key=b"gone")])

    (record,) = await bench.read(topic)
    assert record.value is None
    assert record.key == b"gone"


async def test_an_empty_topic_gives_nothing_and_ends_where_it_begins(bench):
    topic = await bench.topic()

    assert await bench.read(topic) == []
    assert await bench.log.ends([topic]) == {topic: 0}


async def test_reading_starts_at_the_position_asked_for(bench):
    topic = await bench.topic()
    placed = await bench.log.append(outgoing(topic, b"a", b"b", b"c"))

    assert values_of(await bench.read(topic, placed[1].offset)) == [b"b", b"c"]


async def test_poll_never_returns_more_than_the_limit(bench):
    topic = await bench.topic()
    await bench.log.append(outgoing(topic, *[b"x"] * 30))
    source = bench.log.source()
    await source.start({topic: 0})

    sizes = []
    while sum(sizes) < 30:
        sizes.append(len(await source.poll(7, SOON)))

    await source.stop()
    assert max(sizes) == 7


async def test_poll_wakes_up_as_soon_as_something_comes(bench):
    topic = await bench.topic()
    source = bench.log.source()
    await source.start({topic: 0})
    waiting = asyncio.create_task(source.poll(10, timedelta(seconds=PATIENCE_SECONDS)))
    await asyncio.sleep(0.05)

    await bench.log.append(outgoing(topic, b"late"))

    records = await asyncio.wait_for(waiting, PATIENCE_SECONDS / 2)
    await source.stop()
    assert values_of(records) == [b"late"]


async def test_several_topics_are_each_read_in_order(bench):
    left, right = await bench.topic("left"), await bench.topic("right")
    await bench.log.append([Outgoing((left, right)[n % 2], b"%d" % n) for n in range(40)])
    source = bench.log.source()
    await source.start({left: 0, right: 0})

    records = []
    while len(records) < 40:
        records += await source.poll(9, SOON)

    await source.stop()
    for topic, first in ((left, 0), (right, 1)):
        values = values_of(record for record in records if record.topic == topic)
        assert values == [b"%d" % n for n in range(first, 40, 2)]


async def test_a_transaction_appends_and_moves_the_positions_together(bench):
    source_topic, target = await bench.topic("in"), await bench.topic("out")
    sink = bench.sink([source_topic])
    assert await sink.start() == {}

    await sink.commit(outgoing(target, b"a", b"b"), {source_topic: 2})
    await sink.stop()

    assert values_of(await bench.read(target)) == [b"a", b"b"]
    again = bench.sink([source_topic])
    assert await again.start() == {source_topic: 2}
    await again.stop()


async def test_a_transaction_tells_where_its_own_output_ends(bench):
    topic, other = await bench.topic(), await bench.topic("other")
    sink = bench.sink()
    await sink.start()
    written = []
    for values in ((b"1", b"2"), (b"3",)):
        outgoing = [Outgoing(topic, value) for value in values]
        written.append(await sink.commit([*outgoing, Outgoing(other, b"beside")], {}))
    records = await bench.read(topic)
    assert [ends[topic] - 1 for ends in written] == [records[1].offset, records[2].offset]
    assert [one.value for one in await bench.read(topic, written[0][topic])] == [b"3"]
    assert (await bench.read(other))[-1].offset == written[1][other] - 1
    await sink.stop()


async def test_positions_move_even_when_there_is_nothing_to_write(bench):
    topic = await bench.topic()
    sink = bench.sink([topic])
    await sink.start()
    await sink.commit([], {topic: 7})
    await sink.stop()

    again = bench.sink([topic])
    assert await again.start() == {topic: 7}
    await again.stop()


async def test_output_may_be_written_without_moving_a_position(bench):
    topic, target = await bench.topic("in"), await bench.topic("out")
    sink = bench.sink([topic])
    await sink.start()
    await sink.commit(outgoing(target, b"a"), {})
    await sink.commit([], {})
    await sink.stop()

    assert values_of(await bench.read(target)) == [b"a"]


async def test_positions_belong_to_their_group(bench):
    topic = await bench.topic()
    mine, other = bench.sink([topic], "mine"), bench.sink([topic], "other")
    await mine.start()
    await mine.commit([], {topic: 3})

    assert await other.start() == {}
    await mine.stop()
    await other.stop()


async def test_only_the_positions_of_the_asked_topics_are_returned(bench):
    kept, new = await bench.topic("kept"), await bench.topic("new")
    sink = bench.sink([kept])
    await sink.start()
    await sink.commit([], {kept: 1})
    await sink.stop()

    again = bench.sink([kept, new])
    assert await again.start() == {kept: 1}
    await again.stop()


async def test_what_was_committed_is_settled_and_can_be_read(bench):
    topic, empty = await bench.topic("written"), await bench.topic("empty")
    sink = bench.sink()
    await sink.start()
    written = await sink.commit([Outgoing(topic, b"one"), Outgoing(topic, b"two")], {})
    await bench.log.settled([topic, empty])

    assert (await bench.log.ends([topic]))[topic] >= written[topic]
    await bench.log.settled([])
    await sink.stop()


async def test_transactions_leave_gaps_that_readers_pass_over(bench):
    topic = await bench.topic()
    sink = bench.sink()
    await sink.start()
    for value in (b"a", b"b", b"c"):
        await sink.commit(outgoing(topic, value), {})
    await sink.stop()

    records = await bench.read(topic)

    assert values_of(records) == [b"a", b"b", b"c"]
    offsets = [record.offset for record in records]
    assert offsets[-1] - offsets[0] > 2
    assert (await bench.log.ends([topic]))[topic] > offsets[-1] + 1


async def test_a_reader_ends_up_behind_the_last_marker(bench):
    topic = await bench.topic()
    sink = bench.sink()
    await sink.start()
    await sink.commit(outgoing(topic, b"a"), {})
    await sink.stop()
    source = bench.log.source()
    await source.start({topic: 0})

    async with asyncio.timeout(PATIENCE_SECONDS):
        while source.position(topic) < 2:
            await source.poll(10, SOON)

    assert (await bench.log.ends([topic]))[topic] == source.position(topic)
    await source.stop()


async def test_a_new_holder_fences_the_old_one(bench):
    topic, target = await bench.topic("in"), await bench.topic("out")
    old = bench.sink([topic])
    await old.start()
    await old.commit(outgoing(target, b"old"), {topic: 1})
    new = bench.sink([topic])
    assert await new.start() == {topic: 1}

    with pytest.raises(FencedError):
        await old.commit(outgoing(target, b"stale"), {topic: 2})

    await new.commit(outgoing(target, b"new"), {topic: 2})
    await old.stop()
    await new.stop()
    assert values_of(await bench.read(target)) == [b"old", b"new"]


async def test_after_an_error_the_sink_is_dead(bench):
    target = await bench.topic("out")
    old, new = bench.sink(), bench.sink()
    await old.start()
    await new.start()
    with pytest.raises(FencedError):
        await old.commit(outgoing(target, b"stale"), {})

    with pytest.raises(CommitFailedError):
        await old.commit(outgoing(target, b"again"), {})

    await old.stop()
    await new.stop()
    assert await bench.read(target) == []


async def test_a_sink_that_was_not_started_cannot_commit(bench):
    topic = await bench.topic()
    sink = bench.sink()

    with pytest.raises(CommitFailedError):
        await sink.commit(outgoing(topic, b"a"), {})

    await sink.stop()


async def test_a_big_batch_over_several_topics_is_one_transaction(bench):
    topics = [await bench.topic(f"out{n}") for n in range(3)]
    feed = await bench.topic("in")
    sink = bench.sink([feed])
    await sink.start()
    batch = [Outgoing(topics[n % 3], b"%06d" % n + b"." * 1_000) for n in range(5_000)]

    await sink.commit(batch, {feed: 5_000})
    await sink.stop()

    read = [await bench.read(topic) for topic in topics]
    for n, records in enumerate(read):
        assert [int(record.value[:6]) for record in records] == list(range(n, 5_000, 3))


async def test_stopping_what_was_never_started_is_harmless(bench):
    await bench.log.source().stop()
    await bench.sink().stop()
