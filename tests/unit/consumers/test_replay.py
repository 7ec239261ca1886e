"""Replay: the same state again, and a difference told by table and key."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import delete, insert, text, update

from consumers.audit.replay import Bound, compare, position_at, replay, sum_up
from consumers.network.tables import ENTITIES, NETWORK_TABLES, REPORTS, TIES
from consumers.ocg_network import OcgNetwork
from consumers.safeguarding import Safeguarding
from consumers.safeguarding.tables import ALERTS_TABLE
from consumers.store import NoStoreError, ProjectionStore, store_path
from deploy.replay import compare_with_live, replay_until
from streams.codec import encode
from streams.errors import AuditMismatchError, InvalidInputError
from streams.memory import MemoryLog
from streams.ports import Outgoing
from streams.topics import ALERTS, POLICE
from tests.invented_evidence import (
    Desk,
    History,
    Told,
    enrolled,
    police_events,
    safeguarding_events,
    split,
)

CO = "CO_OFFENDER"


async def live(log, folder, kind=OcgNetwork):
    """A projection that runs on a store of its own file."""
    projection = kind()
    store = ProjectionStore.open(store_path(folder, projection), projection)
    return await Desk(projection, log, store).read()


@pytest.fixture
async def desks(tmp_path):
    log = MemoryLog()
    police, hub = await live(log, tmp_path), await live(log, tmp_path, Safeguarding)
    early = split("ada", "bob", Told("never shared").person("ada").mention("ada"))
    await police.hear(*police_events(History(5).run(150)), early, enrolled("ada", seen=3))
    await hub.hear(*safeguarding_events(History(5).run(150)))
    return police, hub, tmp_path


async def test_live_stores_equal_their_replay(desks):
    police, hub, folder = desks
    found = await compare_with_live(police.log, folder)
    assert [one.name for one in found] == ["ocg_network", "safeguarding"]
    assert [one.state_hash for one in found] == [police.store.state_hash(), hub.store.state_hash()]
    assert found[0].rows["reports"] == len(police.rows(REPORTS)) > 0


async def test_replay_compares_at_the_positions_of_the_live_store(desks):
    police, _, folder = desks
    later = Told("not read yet").tie("ada", CO, "bob").police()
    await police.log.append([Outgoing(POLICE, encode(later))])
    await compare_with_live(police.log, folder)


async def test_replay_sends_nothing(desks):
    police, _, folder = desks
    before = {topic: police.log.records(topic) for topic in police.log.topics()}
    assert before[ALERTS]
    await compare_with_live(police.log, folder)
    await replay_until(police.log, "2026-01-05T09:00:00.100Z")
    assert {topic: police.log.records(topic) for topic in police.log.topics()} == before


@pytest.mark.parametrize("table", NETWORK_TABLES, ids=lambda table: table.name)
async def test_any_row_edited_by_hand_is_told_by_table_and_key(desks, table):
    police, hub, folder = desks
    desk = police if police.rows(table) else hub
    row = desk.rows(table)[0]
    keys = [column.name for column in table.primary_key.columns]
    with desk.store._engine.begin() as connection:
        other = next(name for name in row if name not in keys)
        matching = [table.c[name] == row[name] for name in keys]
        connection.execute(update(table).where(*matching).values({other: text("7")}))
    with pytest.raises(AuditMismatchError) as failure:
        await compare_with_live(police.log, folder)
    told = str(failure.value)
    assert f"{table.name} {', '.join(f'{name}={row[name]}' for name in keys)} is different" in told


async def test_a_row_that_was_removed_or_slipped_in_is_told(desks):
    police, hub, folder = desks
    gone = police.rows(TIES)[0]
    with police.store._engine.begin() as connection:
        connection.execute(delete(TIES).where(TIES.c.subject_id == gone["subject_id"]))
    with pytest.raises(AuditMismatchError, match=f"ties subject_id={gone['subject_id']}.*missing"):
        await compare_with_live(police.log, folder)
    await _rebuilt(police, folder)
    with hub.store._engine.begin() as connection:
        row = {**hub.rows(ALERTS_TABLE)[0], "alert_id": "ffff"}
        connection.execute(insert(ALERTS_TABLE).values(row))
    with pytest.raises(AuditMismatchError, match="alerts alert_id=ffff is unexpected"):
        await compare_with_live(police.log, folder)


async def _rebuilt(desk, folder):
    desk.store.close()
    for path in folder.glob("ocg_network*"):
        path.unlink()
    await live(desk.log, folder)


async def test_replay_up_to_an_instant_gives_the_state_of_that_instant():
    log = MemoryLog()
    desk = Desk(OcgNetwork(), log)
    hashes = {}
    for event in police_events(History(9).run(40)):
        await desk.hear(event)
        hashes[log.records(POLICE)[-1].appended_at] = desk.store.state_hash()
    for at, expected in hashes.items():
        store = await replay(OcgNetwork(), log, Bound(until=at))
        assert store.state_hash() == expected
    empty = await replay(OcgNetwork(), log, Bound(until=min(hashes) - timedelta(seconds=1)))
    assert empty.positions() == {}


async def test_replay_up_to_a_position_takes_what_lies_below_it():
    log = MemoryLog()
    desk = Desk(OcgNetwork(), log)
    events = police_events(History(9).run(10))
    await desk.hear(*events[:6])
    expected = desk.store.state_hash()
    await desk.hear(*events[6:])
    store = await replay(OcgNetwork(), log, await position_at(log, POLICE, 6))
    assert store.state_hash() == expected
    with pytest.raises(InvalidInputError, match="holds no record below"):
        await position_at(log, POLICE, 0)


@pytest.mark.parametrize("until", ["yesterday", "2026-11-25T09:30", ""])
async def test_what_is_no_instant_is_refused(until):
    with pytest.raises(InvalidInputError, match="time zone"):
        await replay_until(MemoryLog(), until)


@pytest.mark.parametrize("until", ["police.intelligence:x", "police.inteligence:3"])
async def test_what_is_no_position_is_refused_and_the_topics_are_told(until):
    with pytest.raises(InvalidInputError, match=r"TOPIC:OFFSET.*police\.intelligence"):
        await replay_until(MemoryLog(), until)


async def test_without_a_live_store_there_is_nothing_to_compare(tmp_path):
    with pytest.raises(NoStoreError, match="rivelin up"):
        await compare_with_live(MemoryLog(), tmp_path)


async def test_summing_up_tells_rows_positions_and_hash():
    desk = await Desk(OcgNetwork()).hear(Told("R1").tie("ada", CO, "bob").police())
    with desk.store.snapshot() as snapshot:
        found = sum_up("ocg_network", snapshot)
        compare(snapshot, snapshot)
    assert found.rows["entities"] == 2
    assert found.positions[POLICE] == 1
    assert found.state_hash == desk.store.state_hash()
    assert ENTITIES.name in found.rows
