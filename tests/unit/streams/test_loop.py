"""The loop: nothing lost, nothing twice, whatever dies when; and how it gathers."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from streams.errors import FencedError, LostPositionsError
from streams.loop import NO_WAIT, Pace, StageRunner, read_to_end, settle
from streams.memory import LogicalClock, MemoryLog
from streams.ports import URGENT, Outgoing, Record
from streams.topics import REPORT_KEYS, RESOLUTIONS

MOMENT = LogicalClock()()


class Counting:
    """A stage with state: it numbers what it sees, and can be made to break."""

    name = "counting"
    sources = ("in",)
    state_topics = ("out",)
    reference_topics = ("rules",)

    def __init__(self, breaks_at=None):
        self.count = 0
        self.rules = []
        self.batches = []
        self._breaks_at = breaks_at

    def learn(self, records):
        self.rules += [record.value for record in records]

    def recover(self, records):
        self.count += len(records)

    def step(self, records):
        self.batches.append(len(records))
        return [self._number(record) for record in records]

    def _number(self, record):
        self.count += 1
        if self.count == self._breaks_at:
            raise RuntimeError("a bug")
        return Outgoing("out", b"%d:%s" % (self.count, record.value))


def numbered(log):
    return [record.value for record in log.records("out")]


async def filled(count):
    log = MemoryLog()
    await log.append([Outgoing("in", b"%d" % n) for n in range(1, count + 1)])
    return log


async def test_every_record_is_stepped_once_and_the_position_moves():
    log = await filled(7)
    runner = StageRunner(Counting(), log)
    await runner.start()

    await settle(runner, limit=3)

    assert numbered(log) == [b"%d:%d" % (n, n) for n in range(1, 8)]
    assert log.committed("rivelin-counting") == {"in": 7}
    assert runner.positions() == {"in": 7}


async def test_a_successor_goes_on_with_the_state_and_the_place_of_the_dead():
    log = await filled(10)
    broken = StageRunner(Counting(breaks_at=6), log)
    await broken.start()
    assert await broken.turn(NO_WAIT, limit=4) == 4
    with pytest.raises(RuntimeError):
        await broken.turn(NO_WAIT, limit=4)

    successor = StageRunner(Counting(), log)
    await successor.start()
    await settle(successor)

    assert numbered(log) == [b"%d:%d" % (n, n) for n in range(1, 11)]


class Linking(Counting):
    """Under a name that owns a topic, beside one that others write."""

    name = "linker"
    state_topics = (RESOLUTIONS, REPORT_KEYS)

    def _number(self, record):
        return Outgoing(RESOLUTIONS, record.value)


async def test_a_stage_whose_positions_are_lost_does_not_do_everything_again():
    log = await filled(3)
    first = StageRunner(Linking(), log)
    await first.start()
    await settle(first)
    log._groups.clear()

    with pytest.raises(LostPositionsError):
        await StageRunner(Linking(), log).start()


async def test_what_others_wrote_before_the_first_start_is_no_sign_of_loss():
    log = await filled(3)
    await log.append([Outgoing(REPORT_KEYS, b"x", key=b"k")])
    runner = StageRunner(Linking(), log)

    await runner.start()
    await settle(runner)

    assert len(log.records(RESOLUTIONS)) == 3


async def test_an_overtaken_runner_writes_nothing_more():
    log = await filled(4)
    old, new = StageRunner(Counting(), log), StageRunner(Counting(), log)
    await old.start()
    await new.start()

    with pytest.raises(FencedError):
        await old.turn(NO_WAIT)
    await settle(new)

    assert numbered(log) == [b"%d:%d" % (n, n) for n in range(1, 5)]


async def test_reference_data_is_known_before_the_step_that_follows_it():
    log = await filled(1)
    await log.append([Outgoing("rules", b"first")])
    stage = Counting()
    runner = StageRunner(stage, log)
    await runner.start()
    assert stage.rules == [b"first"]

    await log.append([Outgoing("rules", b"second")])
    await settle(runner)

    assert stage.rules == [b"first", b"second"]


async def test_what_is_decided_while_a_stage_has_nothing_to_do_is_known_before_its_next_batch(
    monkeypatch,
):
    monkeypatch.setattr("streams.loop.IDLE_REFRESH_SPACING", NO_WAIT)
    log = MemoryLog()
    stage = Counting()
    runner = StageRunner(stage, log)
    await runner.start()
    stop = asyncio.Event()
    running = asyncio.create_task(runner.run_forever(stop))

    for rule in (b"first", b"second"):  # one fetch each: a reader fetches no further unread
        await log.append([Outgoing("rules", rule)])
        await _until(lambda rule=rule: rule in stage.rules)

    assert stage.batches == []
    stop.set()
    await asyncio.wait_for(running, 2)


async def test_the_runner_stops_between_transactions():
    log = await filled(3)
    runner = StageRunner(Counting(), log)
    await runner.start()
    stop = asyncio.Event()
    running = asyncio.create_task(runner.run_forever(stop))
    await _until(lambda: len(numbered(log)) == 3)

    stop.set()
    await asyncio.wait_for(running, 2)
    await runner.stop()


async def test_under_load_records_are_gathered_and_an_urgent_one_is_not():
    log = MemoryLog()
    stage = Counting()
    runner = StageRunner(stage, log, Pace(spacing=timedelta(seconds=30)))
    await runner.start()
    stop = asyncio.Event()
    running = asyncio.create_task(runner.run_forever(stop))

    await log.append([Outgoing("in", b"first")])  # after a pause: at once
    await _until(lambda: stage.batches == [1])
    for _ in range(5):
        await log.append([Outgoing("in", b"more")])
        await asyncio.sleep(0.01)
    assert stage.batches == [1]
    await log.append([Outgoing("in", b"risk", key=URGENT)])
    await _until(lambda: len(stage.batches) > 1)

    assert stage.batches == [1, 6]
    stop.set()
    await asyncio.wait_for(running, 2)


async def test_a_stop_does_not_wait_for_the_gathering():
    log = await filled(1)
    stage = Counting()
    runner = StageRunner(stage, log, Pace(spacing=timedelta(seconds=30)))
    await runner.start()
    stop = asyncio.Event()
    running = asyncio.create_task(runner.run_forever(stop))
    await _until(lambda: stage.batches == [1])
    await log.append([Outgoing("in", b"late")])
    await asyncio.sleep(0.05)

    stop.set()

    await asyncio.wait_for(running, 2)


def records(count, key=None):
    return [Record("in", n, MOMENT, key, b"x") for n in range(count)]


def test_after_a_pause_nothing_waits():
    assert Pace().wait(records(1), timedelta(hours=1)) == NO_WAIT
    assert Pace().wait(records(1), Pace().spacing) == NO_WAIT


def test_soon_after_a_transaction_records_wait_for_the_rest_of_the_spacing():
    pace = Pace(spacing=timedelta(milliseconds=60))

    assert pace.wait(records(1), timedelta(milliseconds=20)) == timedelta(milliseconds=40)


def test_enough_records_or_an_urgent_one_go_at_once():
    pace = Pace(spacing=timedelta(seconds=1), enough=10)

    assert pace.wait(records(10), NO_WAIT) == NO_WAIT
    assert pace.wait([*records(1), *records(1, key=URGENT)], NO_WAIT) == NO_WAIT
    assert pace.wait(records(9), NO_WAIT) == timedelta(seconds=1)


async def test_reading_to_the_end_passes_gaps_and_stops_there():
    log = MemoryLog()
    sink = log.sink("writer", "writer", [])
    await sink.start()
    for n in range(5):
        await sink.commit([Outgoing("a", b"%d" % n)], {})

    batches = [batch async for batch in read_to_end(log, ["a", "empty"], limit=2)]

    assert [record.value for batch in batches for record in batch] == [b"%d" % n for n in range(5)]
    assert max(map(len, batches)) == 2


# --- a stage that lets something go after a time ------------------------------------


class Waiting(Counting):
    """Keeps back what it sees for a second of its clock, then lets it go together."""

    name = "waiting"
    reference_topics = ()

    def __init__(self):
        super().__init__()
        self.kept = []

    def step(self, records):
        self.kept += records
        return []

    def due_at(self):
        return self.kept[0].appended_at + timedelta(seconds=1) if self.kept else None

    def counts(self):
        return {"waiting": len(self.kept)}

    def tick(self, at):
        if self.due_at() is None or at < self.due_at():
            return []
        kept, self.kept = self.kept, []
        return [self._number(record) for record in kept]


async def test_what_is_due_goes_in_a_transaction_of_its_own_that_moves_no_position():
    log = await filled(2)
    stage = Waiting()
    runner = StageRunner(stage, log)
    await runner.start()
    await settle(runner)
    due_at = stage.due_at()
    assert runner.counts()["waiting"] == 2

    await runner.tick(due_at - timedelta(milliseconds=1))
    assert numbered(log) == []
    await runner.tick(due_at)
    assert numbered(log) == [b"1:1", b"2:2"]
    await runner.tick(due_at + timedelta(hours=1))

    assert numbered(log) == [b"1:1", b"2:2"]
    assert log.committed("rivelin-waiting") == {"in": 2}


async def test_the_runner_asks_its_clock_whether_something_is_due():
    log = await filled(1)
    now = [MOMENT]
    runner = StageRunner(Waiting(), log, clock=lambda: now[0])
    await runner.start()
    stop = asyncio.Event()
    running = asyncio.ensure_future(runner.run_forever(stop))

    await _until(lambda: log.committed("rivelin-waiting") == {"in": 1})
    assert numbered(log) == []
    now[0] = MOMENT + timedelta(seconds=2)
    await _until(lambda: numbered(log) == [b"1:1"])
    stop.set()
    await running


async def test_a_stage_without_a_time_is_not_asked():
    log = await filled(1)
    runner = StageRunner(Counting(), log)
    await runner.start()
    await runner.tick(MOMENT)
    assert numbered(log) == []
    assert runner.counts() == {"records_folded": 0}


async def _until(condition):
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event to tell
            await asyncio.sleep(0.005)
