"""Laws of time: what a store shows of a moment is what a replay up to that moment gives."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pytest

from consumers.audit.replay import Bound, compare, position_at, replay
from consumers.network.tables import ENTITIES
from consumers.ocg_network import OcgNetwork
from consumers.past import past_of
from consumers.projection import UNREADABLE
from consumers.safeguarding import Safeguarding
from consumers.store import NoPastError, ProjectionStore
from consumers.worker import take
from streams.codec import encode
from streams.errors import InvalidInputError
from streams.memory import MemoryLog
from streams.ports import Outgoing
from streams.topics import DISRUPTIONS, POLICE, POLICE_DECISIONS, SAFEGUARDING
from tests.invented_disruptions import (
    answered,
    arrested,
    asked,
    assessed,
    concern,
    executed,
    planned,
    protected,
    seized,
)
from tests.invented_evidence import (
    CRIMINAL,
    Desk,
    History,
    Told,
    discharged,
    enrolled,
    key,
    merged,
    police_events,
    relayed,
    safeguarding_events,
    split,
)
from tests.properties.test_hub_laws import both_topics
from tests.properties.test_ocg_laws import decisions as ocg_decisions

CO = "CO_OFFENDER"
EVENTS = 120
MOMENTS = 8


def told(kind, seed):
    """A random history for a projection, with what police decided meanwhile."""
    chooser = random.Random(seed)
    police = kind is OcgNetwork
    history = History(seed).run(EVENTS)
    for number, event in enumerate((police_events if police else safeguarding_events)(history)):
        yield event
        if chooser.random() < 0.2:
            name = f"person {chooser.randrange(40)}"
            ends = chooser.random() < 0.3
            if not police:
                yield relayed(name, is_nominal=not ends)
            else:
                seen = chooser.randrange(number + 1)
                yield discharged(name) if ends else enrolled(name, seen=seen)


async def written(kind, seed):
    log, desk = MemoryLog(), Desk(kind())
    for event in told(kind, seed):
        await log.append([Outgoing(desk.topic_of(event), encode(event))])
    await log.append([Outgoing(kind().topics[0], b"no event")])
    return log


def compared(store):
    """The tables that are kept through time; the others say so when they are read."""
    kept = {table.name for tables in store.past.values() for table in tables}
    return [table for table in store.tables if table.name in kept or table is UNREADABLE]


async def agree(store, positions, log, kind, bound):
    replayed = await replay(kind(), log, bound)
    with store.as_of(positions) as then, replayed.snapshot() as expected:
        then.tables = compared(store)
        expected.tables = compared(store)
        compare(then, expected)
        return {table.name: sum(1 for _ in then.rows(table)) for table in then.tables}


@pytest.mark.parametrize("kind", [OcgNetwork, Safeguarding], ids=lambda kind: kind.name)
@pytest.mark.parametrize(("seed", "batch"), [(1, 1), (2, 37), (3, 5_000)])
async def test_at_every_instant_the_store_shows_what_a_replay_gives(kind, seed, batch):
    log = await written(kind, seed)
    desk = await Desk(kind(), log).read(batch)
    instants = [one.appended_at for topic in kind.topics for one in log.records(topic)]
    chosen = random.Random(seed).sample(instants, MOMENTS)
    for at in (min(instants) - timedelta(seconds=1), *chosen, max(instants)):
        positions = desk.store.positions_until(at)
        await agree(desk.store, positions, log, kind, Bound(until=at))


@pytest.mark.parametrize("kind", [OcgNetwork, Safeguarding], ids=lambda kind: kind.name)
async def test_at_every_position_the_store_shows_what_a_replay_gives(kind):
    log = await written(kind, 7)
    desk = await Desk(kind(), log).read(11)
    for topic in kind.topics:
        end = len(log.records(topic))
        for offset in random.Random(7).sample(range(1, end + 1), min(MOMENTS, end) // 2):
            bound = await position_at(log, topic, offset)
            await agree(desk.store, desk.store.positions_at(topic, offset), log, kind, bound)
        with pytest.raises(InvalidInputError, match="holds no record below"):
            desk.store.positions_at(topic, 0)


async def test_whatever_order_two_topics_were_read_in_the_past_is_the_same():
    log = await written(OcgNetwork, 9)
    for order in (OcgNetwork.topics, OcgNetwork.topics[::-1]):
        store = ProjectionStore.in_memory(OcgNetwork())
        await one_topic_after_the_other(store, log, order)
        for upto in (10, 60, 90):
            positions = {POLICE: upto, POLICE_DECISIONS: upto // 9}
            await agree(store, positions, log, OcgNetwork, Bound(positions=positions))


async def one_topic_after_the_other(store, log, topics):
    projection = type(store.projection)()
    for topic in topics:
        for record in log.records(topic):
            take(projection, store, [record], {topic: record.offset + 1})


async def test_after_a_restart_the_past_goes_on_where_it_was(tmp_path):
    log = await written(Safeguarding, 4)
    path = tmp_path / "past.sqlite"
    store = ProjectionStore.open(path, Safeguarding())
    desk = Desk(Safeguarding(), log, store)
    await desk.runner.start()
    await desk.runner.turn(timedelta(0), 40)
    store.close()
    store = ProjectionStore.open(path, Safeguarding())
    await Desk(Safeguarding(), log, store).read(13)
    for offset in (20, 39, 40, 41, 100):
        bound = await position_at(log, SAFEGUARDING, offset)
        await agree(store, store.positions_at(SAFEGUARDING, offset), log, Safeguarding, bound)
    store.close()


# --- with what people decide ------------------------------------------------------------------


async def police_log(seed):
    """Evidence, decisions on OCGs and nominals, disruptions and the hub's views of them."""
    log = MemoryLog()
    for event in told(OcgNetwork, seed):
        topic = POLICE_DECISIONS if hasattr(event, "decided_at") else POLICE
        await log.append([Outgoing(topic, encode(event))])
    for event in ocg_decisions(seed):
        await log.append([Outgoing(POLICE_DECISIONS, encode(event))])
    for number in range(12):
        name = f"D{number % 5}"
        tried = [planned(name), executed(name), assessed(name), seized(f"S{number}")]
        for event in (*tried, arrested(f"A{number}"), concern(f"K{number}")):
            await log.append([Outgoing(DISRUPTIONS, encode(event))])
        for topic, event in (
            (POLICE_DECISIONS, asked(f"Q{number}")),
            (POLICE, answered(f"Q{number}")),
            (POLICE, protected(f"P{number}", ended=number % 3 == 0)),
        ):
            await log.append([Outgoing(topic, encode(event))])
    return log


async def test_at_any_positions_of_three_topics_police_see_what_a_replay_gives():
    log = await police_log(11)
    chooser, store = random.Random(11), ProjectionStore.in_memory(OcgNetwork())
    await one_topic_after_the_other(store, log, OcgNetwork.topics[::-1])
    rows = Counter()
    for _ in range(MOMENTS // 2):
        positions = {one: chooser.randrange(len(log.records(one)) + 1) for one in OcgNetwork.topics}
        rows.update(await agree(store, positions, log, OcgNetwork, Bound(positions=positions)))
    assert {"ocgs", "disruptions", "decisions"} <= {name for name, count in rows.items() if count}


async def test_at_any_positions_of_its_topics_the_hub_sees_what_a_replay_gives():
    evidence, decisions = await both_topics(2)
    log, store = MemoryLog(), ProjectionStore.in_memory(Safeguarding())
    for record in (*evidence, *decisions):
        await log.append([Outgoing(record.topic, record.value)])
    await one_topic_after_the_other(store, log, Safeguarding.topics[::-1])
    chooser = random.Random(2)
    for _ in range(MOMENTS // 2):
        positions = {
            one: chooser.randrange(len(log.records(one)) + 1) for one in Safeguarding.topics
        }
        await agree(store, positions, log, Safeguarding, Bound(positions=positions))


def test_everything_that_people_look_at_is_kept_through_time():
    for kind in (OcgNetwork, Safeguarding):
        store = ProjectionStore.in_memory(kind())
        assert {table.name for table in compared(store)} == {table.name for table in store.tables}


# --- what a past is --------------------------------------------------------------------------


@pytest.fixture
async def desk():
    desk = Desk(OcgNetwork())
    await desk.hear(
        Told("R1", activity=CRIMINAL).tie("ada", CO, "bob", "cyd").police(),
        merged("ada", "bob"),
        split("ada", "bob", Told("R1").tie("ada", CO, "bob").mention("bob")),
    )
    return desk


def people(snapshot):
    return {row["entity_id"] for row in snapshot.rows(ENTITIES)}


async def test_a_merge_and_the_split_that_undoes_it_are_seen_at_their_moments(desk):
    seen = []
    for position in range(4):
        with desk.store.as_of({POLICE: position}) as then:
            seen.append(people(then))
    everybody = {key("ada"), key("bob"), key("cyd")}
    assert seen == [set(), everybody, everybody - {key("bob")}, everybody]


async def test_a_look_at_the_past_leaves_the_present_as_it_is(desk):
    before = desk.table_hashes()
    with desk.store.as_of({POLICE: 1}) as then:
        assert then.positions() == {POLICE: 1}
    assert desk.table_hashes() == before
    assert desk.store.positions()[POLICE] == 3


async def test_versions_of_a_row_never_overlap_and_leave_no_gap_while_it_lives():
    desk = Desk(Safeguarding())
    await desk.hear(*safeguarding_events(History(3).run(150)))
    with desk.store.snapshot() as now:
        versions = list(now.rows(past_of(ENTITIES)))
        current = {row["entity_id"] for row in now.rows(ENTITIES)}
    assert {one["entity_id"] for one in versions if one["held_until"] > 10_000} == current
    for one, after in pairwise(versions):
        assert one["held_since"] < one["held_until"]
        if one["entity_id"] == after["entity_id"]:
            assert one["held_until"] <= after["held_since"]


async def test_what_is_not_kept_through_time_is_never_shown_as_it_is_now(desk):
    desk.store.past = {POLICE: (ENTITIES,)}
    with pytest.raises(NoPastError), desk.store.as_of({POLICE: 1}) as then:
        then.table_hashes()
