"""Laws of the projections: order, batches, restarts and redelivery never change the state."""

from __future__ import annotations

import random

import networkx as nx
import pytest

from consumers.network.components import Components, Part
from consumers.ocg_network import OcgNetwork
from consumers.projection import OUTBOX
from consumers.safeguarding import Safeguarding
from consumers.store import ProjectionStore
from consumers.worker import restore, take
from streams.codec import encode
from streams.memory import MemoryLog
from streams.ports import Outgoing
from streams.topics import ALERTS, POLICE, POLICE_DECISIONS, SAFEGUARDING
from tests.invented_evidence import (
    Desk,
    History,
    Told,
    discharged,
    enrolled,
    merged,
    police_events,
    relayed,
    safeguarding_events,
    split,
)

EVENTS = 250
BATCHES = (1, 100, 5_000)


async def written(topic, events):
    """A log in memory that holds the events."""
    log = MemoryLog()
    for event in events:
        await log.append([Outgoing(topic, encode(event))])
    return log.records(topic)


async def police_topics(seed):
    steps = police_events(History(seed).run(EVENTS))
    chooser = random.Random(seed)
    decisions = []
    for _ in range(40):
        name = f"person {chooser.randrange(40)}"
        decisions.append(
            discharged(name)
            if chooser.random() < 0.3
            else enrolled(name, seen=chooser.randrange(EVENTS))
        )
    return await written(POLICE, steps), await written(POLICE_DECISIONS, decisions)


async def safeguarding_topic(seed):
    chooser = random.Random(seed)
    events = []
    for event in safeguarding_events(History(seed).run(EVENTS)):
        events.append(event)
        if chooser.random() < 0.06:
            name = f"person {chooser.randrange(40)}"
            events.append(relayed(name, is_nominal=chooser.random() < 0.7))
    return await written(SAFEGUARDING, events)


def interleaved(left, right, chooser):
    left, right = list(left), list(right)
    while left or right:
        pick = left if not right or (left and chooser.random() < 0.7) else right
        yield pick.pop(0)


def folded(projection, records, batch):
    """The store after these records, taken in batches."""
    store = ProjectionStore.in_memory(projection)
    records = list(records)
    for start in range(0, len(records), batch):
        part = records[start : start + batch]
        take(projection, store, part, {record.topic: record.offset + 1 for record in part})
    return store


def hashes(store):
    with store.snapshot() as snapshot:
        return dict(snapshot.table_hashes())


@pytest.mark.parametrize("seed", range(2))
async def test_every_interleaving_and_batch_gives_one_state(seed):
    reports, decisions = await police_topics(seed)
    found = set()
    for number in range(20):
        records = interleaved(reports, decisions, random.Random(number))
        found.add(folded(OcgNetwork(), records, BATCHES[number % 3]).state_hash())
    assert len(found) == 1


@pytest.mark.parametrize("seed", range(4))
async def test_batches_change_neither_alerts_nor_what_is_published(seed):
    records = await safeguarding_topic(seed)
    stores = [folded(Safeguarding(), records, batch) for batch in BATCHES]
    assert stores[0].pending(1_000), "a history without an alert proves nothing"
    assert len({store.state_hash() for store in stores}) == 1
    assert len({tuple(store.pending(100_000)) for store in stores}) == 1


@pytest.mark.parametrize("kind", [OcgNetwork, Safeguarding])
async def test_a_redelivered_tail_changes_nothing(kind):
    desk = Desk(kind())
    told = History(7).run(120)
    await desk.hear(*(police_events(told) if kind is OcgNetwork else safeguarding_events(told)))
    before = desk.table_hashes()
    topic = desk.projection.topics[0]
    tail = desk.log.records(topic)[-60:]
    take(desk.projection, desk.store, desk.runner._fresh(tail), desk.store.positions())
    assert desk.table_hashes() == before


async def test_a_report_sent_twice_counts_once():
    desk = Desk(OcgNetwork())
    told = Told("R1").tie("ada", "CO_OFFENDER", "bob")
    await desk.hear(told.police())
    before = desk.table_hashes()
    await desk.hear(told.police(), told.police())
    assert desk.table_hashes() == before


@pytest.mark.parametrize("kind", [OcgNetwork, Safeguarding])
async def test_a_merge_that_is_undone_leaves_no_trace_but_the_split_itself(kind):
    desk = Desk(kind())
    told = [step for step in History(11).run(200) if isinstance(step, Told)]
    events = police_events(told) if kind is OcgNetwork else safeguarding_events(told)
    await desk.hear(*events)
    before = desk.table_hashes()
    stands = {}
    for one in told:  # of two that say they are the same revision the first stands
        if one.name not in stands or one.revision > stands[one.name].revision:
            stands[one.name] = one
    mentions = [one.mention("person 3") for one in stands.values() if "person 3" in one.kinds]
    await desk.hear(merged("person 5", "person 3"))
    assert desk.table_hashes() != before
    await desk.hear(split("person 5", "person 3", *mentions))
    after = desk.table_hashes()
    kept = set(before) - {"splits", "names", "network_history", "alerts", "alert_versions"}
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert after["splits"] != before["splits"], "decisions made before must stay void"


@pytest.mark.parametrize("kind", [OcgNetwork, Safeguarding])
async def test_a_restart_after_any_record_restores_exactly(kind):
    records = await safeguarding_topic(3) if kind is Safeguarding else (await police_topics(3))[0]
    whole = folded(kind(), records, 1)
    projection = kind()
    store = ProjectionStore.in_memory(projection)
    for number, record in enumerate(records):
        if number % 7 == 0:
            projection = kind()
            restore(projection, store)
        take(projection, store, [record], {record.topic: record.offset + 1})
    assert hashes(store) == hashes(whole)
    assert store.pending(100_000) == whole.pending(100_000)


async def test_a_rebuilt_store_sends_no_alert_again():
    log = MemoryLog()
    first = Desk(Safeguarding(), log)
    await first.hear(*safeguarding_events(History(2).run(200)))
    sent = log.records(ALERTS)
    assert sent
    rebuilt = Desk(Safeguarding(), log)
    await rebuilt.read()
    assert log.records(ALERTS) == sent
    assert rebuilt.store.state_hash() == first.store.state_hash()
    assert not rebuilt.rows(OUTBOX)


async def test_dying_between_sending_and_noting_it_sends_nothing_twice():
    log = MemoryLog()
    desk = Desk(Safeguarding(), log)
    await desk.hear(*safeguarding_events(History(2).run(100)))
    sent = log.records(ALERTS)
    assert sent
    with desk.store._engine.begin() as connection:  # as if the outbox had not been cleared
        for number, record in enumerate(sent):
            name = desk.projection.publications[0].notice_id_of(record.value)
            row = {"topic": ALERTS, "notice_id": name, "value": record.value}
            connection.execute(OUTBOX.insert().values(row))
            assert number >= 0
    again = Desk(Safeguarding(), log, desk.store)
    await again.read()
    assert log.records(ALERTS) == sent
    assert not again.rows(OUTBOX)


# --- components and cores against an oracle ----------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_components_equal_those_of_an_oracle_through_joins_and_parts(seed):
    chooser = random.Random(seed)
    nodes = [f"{number:02}" for number in range(60)]
    parts = {node: chooser.choice(list(Part)) for node in nodes}
    before: dict[str, str] = {}
    components, graph = Components(3, parts.__getitem__, before.get), nx.Graph()
    for at in range(1_500):
        _toggle(components, graph, chooser, nodes, parts)
        if chooser.random() < 0.05:
            _flip(components, chooser, nodes, parts)
        components.settle(at)
        before.clear()
        before.update(_networks(components, nodes))
        assert _members(before) == _expected_members(graph, parts)


def _toggle(components, graph, chooser, nodes, parts):
    one, other = chooser.sample(nodes, 2)
    if parts[one] is Part.OTHER and parts[other] is Part.OTHER:
        return  # a network tie always has a person at one end
    if graph.has_edge(one, other):
        graph.remove_edge(one, other)
        components.part(one, other)
    elif chooser.random() < 0.25 or graph.number_of_edges() < 30:
        graph.add_edge(one, other)
        components.join(one, other)
    elif graph.number_of_edges():
        edge = chooser.choice(list(graph.edges))
        graph.remove_edge(*edge)
        components.part(*edge)


def _flip(components, chooser, nodes, parts):
    node = chooser.choice([n for n in nodes if parts[n] is not Part.OTHER])
    before = parts[node]
    parts[node] = Part.CHILD if before is Part.PERSON else Part.PERSON
    components.recount(node, before, parts[node])


def _networks(components, nodes):
    return {node: components.network(node) for node in nodes if components.network(node)}


def _members(networks):
    found = {}
    for node, network in networks.items():
        found.setdefault(network, set()).add(node)
    return set(map(frozenset, found.values()))


def _expected_members(graph, parts):
    return {
        frozenset(members)
        for members in nx.connected_components(graph)
        if sum(parts[node] is Part.PERSON for node in members) >= 3
    }


# --- incremental against from scratch --------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
async def test_alerts_found_around_each_event_are_those_of_looking_at_everyone(seed):
    projection = Safeguarding()
    for record in await safeguarding_topic(seed + 100):
        projection.apply(record)
        projection.now = record.appended_at
        assert _supported(projection) == _from_scratch(projection)


def _supported(projection):
    alerts = projection.book.alerts.items()
    return {name: (alert.path, alert.signs) for name, alert in alerts if alert.supported}


def _from_scratch(projection):
    """The alerts of a picture that is built anew from the reports, judged person by person."""
    from consumers.safeguarding.engine import Judge  # noqa: PLC0415 - the oracle's own tool
    from consumers.safeguarding.picture import Picture  # noqa: PLC0415 - the same

    picture, rules = Picture(projection.fold), projection.judge.rules
    picture.load(projection.picture.signs.told)
    judge = Judge(rules)
    judge.adopt(rules, picture, projection.now)
    return {name: (alert.path, alert.signs) for name, alert in judge.alerts.items()}
