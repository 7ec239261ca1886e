"""A projection's store that is damaged, held or full: nothing is lost, and nothing told twice."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from contextlib import closing

import pytest
from sqlalchemy.event import listen
from sqlalchemy.exc import OperationalError

from consumers.safeguarding import Safeguarding
from consumers.store import OvertakenError, ProjectionStore, store_path
from consumers.worker import ProjectionRunner
from streams.codec import encode
from streams.loop import NO_WAIT
from streams.memory import MemoryLog
from streams.ports import Outgoing
from streams.store import damaged_stores
from streams.taxonomy import RelationKind
from streams.topics import ALERTS, SAFEGUARDING
from tests.invented_evidence import NO, Told

CO, EXPLOITS = RelationKind.CO_OFFENDER, RelationKind.EXPLOITS


def an_alert(name):
    """Two reports from which one alert follows."""
    people = [f"{name}-{one}" for one in ("ada", "bob", "cyd")]
    group = Told(f"{name}-1").tie(people[0], CO, *people[1:]).suspect(people[0])
    child = Told(f"{name}-2").tie(people[0], EXPLOITS, f"{name}-kit").child(f"{name}-kit")
    events = (group.person(*people[1:], child=NO).safeguarding(), child.safeguarding())
    return [encode(event) for event in events]


@pytest.fixture
async def log():
    log = MemoryLog()
    await log.append([Outgoing(SAFEGUARDING, value) for value in an_alert("first")])
    return log


async def run(log, folder):
    """One life of the projection, until it has read and told all there is."""
    projection = Safeguarding()
    store = ProjectionStore.open(store_path(folder, projection), projection)
    runner = ProjectionRunner(projection, store, log)
    await runner.start()
    while await runner.turn(NO_WAIT):
        pass
    told = (store.set_aside, store.state_hash(), dict(store.positions()))
    await runner.stop()
    return told


def alerts_on(log):
    return len(log.records(ALERTS))


@pytest.mark.parametrize("how", ["cut short", "overwritten", "no database at all"])
async def test_a_damaged_store_is_set_aside_and_the_log_fills_another_without_telling_twice(
    log, tmp_path, how
):
    _, sound, positions = await run(log, tmp_path)
    assert alerts_on(log) == 1
    file = store_path(tmp_path, Safeguarding())
    whole = file.read_bytes()
    damaged = {
        "cut short": whole[: len(whole) * 2 // 3],
        "overwritten": whole[:4096] + b"\xff" * 8192 + whole[12288:],
        "no database at all": b"not a store, " * 900,
    }[how]
    file.write_bytes(damaged)

    kept, rebuilt, read_to = await run(log, tmp_path)

    assert (rebuilt, read_to) == (sound, positions)
    assert alerts_on(log) == 1
    assert kept.read_bytes() == damaged
    assert damaged_stores(tmp_path) == (kept,)
    assert (await run(log, tmp_path))[0] is None  # the next start finds nothing wrong


async def test_a_store_that_somebody_else_has_locked_is_waited_for_aloud(log, tmp_path, caplog):
    projection = Safeguarding()
    store = ProjectionStore.open(store_path(tmp_path, projection), projection)
    runner = ProjectionRunner(projection, store, log)
    await runner.start()
    with closing(sqlite3.connect(store_path(tmp_path, projection))) as somebody:
        somebody.execute("BEGIN IMMEDIATE")
        with caplog.at_level(logging.WARNING, "rivelin.store"):
            turn = asyncio.create_task(runner.turn(NO_WAIT))
            while not runner.alarms():  # noqa: ASYNC110 - the attempt itself gives no event
                await asyncio.sleep(0.05)
            assert runner.alarms() == ("store_locked safeguarding",)
            assert runner.positions()[SAFEGUARDING] == 0

            somebody.execute("ROLLBACK")
            assert await asyncio.wait_for(turn, 5) == 2

    assert runner.alarms() == ()
    assert store.positions()[SAFEGUARDING] == 2
    assert alerts_on(log) == 1
    assert [one.getMessage() for one in caplog.records] == [
        "the store safeguarding: another process has it locked",
        "the store safeguarding: it is free again",
    ]
    await runner.stop()


async def test_a_store_without_space_ends_the_process_with_nothing_half_done(log, tmp_path):
    projection = Safeguarding()
    store = ProjectionStore.open(store_path(tmp_path, projection), projection)
    runner = ProjectionRunner(projection, store, log)
    await runner.start()
    await log.append([Outgoing(SAFEGUARDING, v) for n in range(40) for v in an_alert(f"n{n}")])
    listen(store._engine, "begin", lambda one: one.exec_driver_sql("PRAGMA max_page_count = 1"))

    with pytest.raises(OperationalError) as full:
        await runner.turn(NO_WAIT)

    assert full.value.orig.sqlite_errorname == "SQLITE_FULL"
    assert store.positions() == {}
    assert alerts_on(log) == 0
    await runner.stop()
    kept, _, positions = await run(log, tmp_path)  # there is space again
    assert kept is None
    assert positions[SAFEGUARDING] == 82
    assert alerts_on(log) == 41


async def test_a_process_that_was_stopped_and_replaced_writes_nothing_over_its_successor(
    log, tmp_path
):
    first_report, second_report = an_alert("second")
    projection = Safeguarding()
    stale_store = ProjectionStore.open(store_path(tmp_path, projection), projection)
    stale = ProjectionRunner(projection, stale_store, log)
    await stale.start()
    await stale.turn(NO_WAIT, limit=1)  # and here it is stopped for a while
    await log.append([Outgoing(SAFEGUARDING, first_report), Outgoing(SAFEGUARDING, second_report)])
    _, sound, positions = await run(log, tmp_path)

    with pytest.raises(OvertakenError):
        await stale.turn(NO_WAIT, limit=1)

    assert stale_store.state_hash() == sound
    assert stale_store.positions() == positions
    stale_store.close()
