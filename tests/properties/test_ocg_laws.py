"""Laws of what police decide about OCGs: order between topics, restarts and redelivery."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest

from consumers.ocg_network import OcgNetwork
from consumers.ocg_network.ocgs import OcgBook
from consumers.ocg_network.tables import GRADINGS, OCG_HISTORY, OCG_MEMBERS
from consumers.store import ProjectionStore
from consumers.worker import restore, take
from streams.codec import encode
from streams.codes import OcgRole
from streams.memory import MemoryLog
from streams.ports import Outgoing
from streams.topics import POLICE, POLICE_DECISIONS
from tests.invented_evidence import History, discharged, enrolled, police_events
from tests.invented_ocgs import (
    archived,
    confirmed,
    ended,
    expired,
    graded,
    mapped,
    merged,
    reactivated,
    scored,
    split,
)

REPORTS = 80
DECISIONS = 120
PEOPLE = [f"person {number}" for number in range(12)]
OCGS = [f"SY-{number}" for number in range(1, 6)]


def decisions(seed: int):
    """Decisions as people might take them, some of which fit nothing that was decided before."""
    chooser = random.Random(seed)
    for number in range(DECISIONS):
        ocg, other = chooser.sample(OCGS, 2)
        person, last_day = chooser.choice(PEOPLE), date(2027, chooser.randrange(1, 4), 1)
        seen = chooser.randrange(REPORTS)
        some = chooser.sample(PEOPLE, 4)
        yield chooser.choice(
            [
                mapped(ocg, *some, seen=seen, reports=("report 1", f"report {number}")),
                mapped(other, *some, seen=seen),
                confirmed(ocg, person, seen, last_day, role=chooser.choice(tuple(OcgRole))),
                confirmed(ocg, some[0], seen, last_day, reports=("report 2",)),
                confirmed(other, some[1], seen, last_day + timedelta(days=40)),
                expired(ocg, person, last_day),
                ended(ocg, person),
                archived(ocg),
                reactivated(ocg),
                merged(ocg, other),
                split(ocg, f"SY-{100 + number}", *some[:2]),
                scored(ocg, f"score {chooser.randrange(30)}"),
                graded(f"report {chooser.randrange(20)}", chooser.choice("ABE")),
                enrolled(person, seen=seen),
                discharged(person),
            ]
        )


async def topics(seed: int):
    log = MemoryLog()
    for event in police_events(History(seed, people=len(PEOPLE)).run(REPORTS)):
        await log.append([Outgoing(POLICE, encode(event))])
    for event in decisions(seed):
        await log.append([Outgoing(POLICE_DECISIONS, encode(event))])
    return log.records(POLICE), log.records(POLICE_DECISIONS)


def interleaved(left, right, chooser):
    left, right = list(left), list(right)
    while left or right:
        pick = left if not right or (left and chooser.random() < 0.5) else right
        yield pick.pop(0)


def hashes(store):
    with store.snapshot() as snapshot:
        return dict(snapshot.table_hashes())


def folded(records, batch=1_000):
    projection = OcgNetwork()
    store = ProjectionStore.in_memory(projection)
    records = list(records)
    for start in range(0, len(records), batch):
        part = records[start : start + batch]
        take(projection, store, part, {record.topic: record.offset + 1 for record in part})
    return store


@pytest.mark.parametrize("seed", range(4))
async def test_any_interleaving_of_evidence_and_decisions_gives_the_same_rows(seed):
    reports, decided = await topics(seed)
    first = hashes(folded([*reports, *decided]))
    assert hashes(folded([*decided, *reports])) == first
    for number in range(3):
        mixed = interleaved(reports, decided, random.Random(number))
        assert hashes(folded(mixed, batch=7)) == first


@pytest.mark.parametrize("seed", range(2))
async def test_a_restart_after_any_decision_restores_exactly(seed):
    reports, decided = await topics(seed)
    whole = folded([*reports, *decided])
    with whole.snapshot() as snapshot:
        assert len(list(snapshot.rows(OCG_HISTORY))) > 20, (
            "too little was decided to prove anything"
        )
        assert any(row["role"] for row in snapshot.rows(OCG_MEMBERS))
    projection = OcgNetwork()
    store = ProjectionStore.in_memory(projection)
    take(projection, store, reports, {POLICE: len(reports)})
    for number, record in enumerate(decided):
        if number % 5 == 0:
            projection = OcgNetwork()
            restore(projection, store)
        take(projection, store, [record], {record.topic: record.offset + 1})
    assert hashes(store) == hashes(whole)


async def test_a_tail_of_decisions_that_comes_again_changes_nothing():
    projection = OcgNetwork()
    told = list(decisions(1))
    for offset, event in enumerate(told):
        if isinstance(event, OcgBook.events[POLICE_DECISIONS]):
            projection.ocgs.apply(event, offset)
    projection.ocgs.take_rewrites()
    before = repr((projection.ocgs.ocgs, projection.ocgs.roles.ocgs))
    for start in (0, 40, 100):
        for offset, event in list(enumerate(told))[start:]:
            if isinstance(event, OcgBook.events[POLICE_DECISIONS]):
                assert projection.ocgs.apply(event, offset) == ()
    assert repr((projection.ocgs.ocgs, projection.ocgs.roles.ocgs)) == before
    assert {one.table for one in projection.ocgs.take_rewrites()} == {GRADINGS}  # as they were


async def test_open_deadlines_are_those_of_the_roles_that_stand_live_and_restored():
    reports, decided = await topics(2)
    projection = OcgNetwork()
    store = ProjectionStore.in_memory(projection)
    take(projection, store, [*reports, *decided], {})
    roles = projection.ocgs.roles.ocgs.items()
    standing = {(ocg, person) for ocg, frame in roles for person in frame.roles}
    again = OcgNetwork()
    restore(again, store)
    for one in (projection, again):
        opened = {(due.subject_id, due.person_id) for due in one.deadlines.open()}
        assert opened == standing
    assert standing
