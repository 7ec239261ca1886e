"""What the in-memory log adds to the contract: a clock of one's own, and no surprises."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from streams.memory import LogicalClock, MemoryLog
from streams.ports import Outgoing

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
NO_WAIT = timedelta(0)


async def test_the_given_clock_stamps_every_record():
    clock = LogicalClock(START, timedelta(seconds=1))
    log = MemoryLog(clock)

    await log.append([Outgoing("a", b"1")])
    clock.advance(timedelta(hours=1))
    await log.append([Outgoing("a", b"2")])

    times = [record.appended_at for record in log.records("a")]
    assert times == [START, START + timedelta(hours=1, seconds=1)]


async def test_one_transaction_has_one_time():
    log = MemoryLog(LogicalClock(START))
    sink = log.sink("stage", "stage", ["in"])
    await sink.start()

    await sink.commit([Outgoing("a", b"1"), Outgoing("b", b"2")], {})

    assert {record.appended_at for topic in "ab" for record in log.records(topic)} == {START}


async def test_the_same_writes_give_the_same_log():
    async def written():
        log = MemoryLog()
        sink = log.sink("stage", "stage", ["in"])
        await sink.start()
        for n in range(3):
            await log.append([Outgoing("in", b"%d" % n)])
            await sink.commit([Outgoing("out", b"%d" % n)], {"in": n + 1})
        return log.records("in"), log.records("out")

    assert await written() == await written()


async def test_a_marker_lies_in_each_topic_that_a_transaction_wrote():
    log = MemoryLog()
    sink = log.sink("stage", "stage", [])
    await sink.start()

    await sink.commit([Outgoing("a", b"1"), Outgoing("a", b"2"), Outgoing("b", b"3")], {})

    assert await log.ends(["a", "b", "c"]) == {"a": 3, "b": 2, "c": 0}
    assert log.topics() == ("a", "b")


async def test_a_busy_topic_does_not_starve_a_quiet_one():
    log = MemoryLog()
    await log.append([Outgoing("busy", b"x")] * 20)
    await log.append([Outgoing("quiet", b"y")])
    source = log.source()
    await source.start({"busy": 0, "quiet": 0})

    polls = [await source.poll(5, NO_WAIT) for _ in range(2)]

    assert "quiet" in {record.topic for records in polls for record in records}


async def test_without_a_wait_an_empty_poll_returns_at_once():
    source = MemoryLog().source()
    await source.start({"a": 0})

    assert await source.poll(5, NO_WAIT) == []


def test_one_log_serves_several_event_loops():
    log = MemoryLog()

    async def wait_in_vain():
        source = log.source()
        await source.start({"a": 0})
        return await source.poll(1, timedelta(milliseconds=1))

    assert asyncio.run(wait_in_vain()) == []
    assert asyncio.run(wait_in_vain()) == []
