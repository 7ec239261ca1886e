"""Laws of what police decide about OCGs: order between topics, restarts and redelivery."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date, timedelta

import pytest

from consumers.ocg_network import OcgNetwork
from consumers.ocg_network.deciding import (
    By,
    Ground,
    PersonFacts,
    decide_archive,
    decide_map,
    decide_members,
    decide_merge,
    decide_reactivate,
    decide_role,
    decide_role_end,
    decide_split,
)
from consumers.ocg_network.ocgs import OcgBook
from consumers.ocg_network.tables import GRADINGS, OCG_HISTORY, OCG_MEMBERS
from consumers.store import ProjectionStore
from consumers.worker import restore, take
from streams.codec import encode
from streams.codes import ArchiveReason, OcgRole, RoleEnd
from streams.errors import DeniedError, InvalidInputError
from streams.memory import MemoryLog
from streams.ports import Outgoing
from streams.roles import OcgStatus
from streams.topics import POLICE, POLICE_DECISIONS
from tests.invented_evidence import History, an_id, discharged, enrolled, police_events
from tests.invented_ocgs import (
    AT,
    WHY,
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


@pytest.mark.parametrize("seed", range(3))
async def test_any_interleaving_of_evidence_and_decisions_gives_the_same_rows(seed):
    reports, decided = await topics(seed)
    first = hashes(folded([*reports, *decided]))
    assert hashes(folded([*decided, *reports])) == first
    for number in range(2):
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


# --- what is decided is taken, and what is taken holds together --------------------------------

EVERYBODY = [an_id(name) for name in PEOPLE]


def a_ground(chooser) -> Ground:
    """Some are merged into others, some are children or victims only; who it is changes."""
    at_risk = set(chooser.sample(EVERYBODY, chooser.randrange(3)))
    roots = {one: chooser.choice(EVERYBODY) if chooser.random() < 0.1 else one for one in EVERYBODY}
    people = {
        one: PersonFacts(roots[one], is_person=True, is_child=one in at_risk, is_victim_only=False)
        for one in EVERYBODY
    }
    return Ground(people, seen=chooser.randrange(100))


def a_decision(chooser, book, number):
    """What somebody may ask for, sensible or not, as a call that gives events or an error."""
    known = [*book.ocgs, an_id("nobody's")]
    one, other = chooser.choice(known), chooser.choice(known)
    some = chooser.sample(EVERYBODY, chooser.randrange(1, 6))
    if (members := book.members(one)) and chooser.random() < 0.7:
        some[0] = chooser.choice(members)
    on, by = a_ground(chooser), By("DS Invented", AT, WHY)
    new = {"ocg_id": an_id(f"new {number}"), "reference": f"SY-{number}"}
    return chooser.choice(
        [
            lambda: decide_map(book, on, by, members=some, **new),
            lambda: decide_members(book, on, by, ocg_id=one, add=some[:1], remove=some[1:2]),
            lambda: decide_merge(book, by, kept=one, absorbed=other),
            lambda: decide_split(
                book,
                on,
                by,
                ocg_id=one,
                new_ocg_id=new["ocg_id"],
                new_reference=new["reference"],
                members=chooser.sample(book.members(one), min(3, len(book.members(one)))),
            ),
            lambda: decide_archive(book, by, ocg_id=one, reason=ArchiveReason.NO_ACTIVITY),
            lambda: decide_reactivate(book, on, by, ocg_id=one),
            lambda: decide_role(
                book, on, by, ocg_id=one, person_id=some[0], role=OcgRole.PRINCIPAL
            ),
            lambda: decide_role(book, on, by, ocg_id=one, person_id=some[0], role=None),
            lambda: decide_role_end(
                book, on, by, ocg_id=one, person_id=some[0], reason=RoleEnd.LEFT
            ),
        ]
    )


@pytest.mark.parametrize("seed", range(3))
def test_whatever_may_be_decided_is_taken_by_the_fold_and_leaves_it_whole(seed):
    chooser = random.Random(seed)
    book, offset, decided = OcgBook(), 0, Counter()
    for number in range(1_000):
        decision = a_decision(chooser, book, number)
        try:
            events = decision()
        except (InvalidInputError, DeniedError):
            continue
        for event in events:
            assert book.roles.accepts(event, offset), type(event).__name__
            book.apply(event, offset)
            decided[type(event).__name__] += 1
            offset += 1
        holds_together(book)
    assert len(decided) == 7, decided


def holds_together(book: OcgBook) -> None:
    """Roles are of members; an absorbed OCG has neither; whom the index names holds a role."""
    held = set()
    for ocg_id, frame in book.roles.ocgs.items():
        assert frame.roles.keys() <= frame.members.keys()
        if frame.status is OcgStatus.ABSORBED:
            assert not frame.members
            assert frame.absorbed_into in book.ocgs
        if frame.status is OcgStatus.MAPPED:
            held |= frame.roles.keys()
        assert book.ocgs[ocg_id].reference
    assert book.roles.holders().keys() == held
