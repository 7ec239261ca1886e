"""Laws of the hub's fold: no order between the topics matters, nor where it starts again."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from consumers.deadlines import Deadline
from consumers.safeguarding import Safeguarding
from consumers.safeguarding.hub_tables import HISTORY, LIVES
from consumers.store import ProjectionStore
from consumers.worker import restore, take
from streams.codec import encode
from streams.codes import CloseReason, DeadlineKind, ReferralRoute
from streams.memory import MemoryLog
from streams.ports import Outgoing
from streams.topics import HUB_DECISIONS, SAFEGUARDING
from tests.invented_evidence import History, safeguarding_events
from tests.invented_hub import (
    ANN,
    BEN,
    MONDAY,
    SUE,
    Wall,
    accepted,
    answered,
    assessed,
    claimed,
    closed,
    declined,
    hub_id,
    listed,
    offered,
    referred,
)

PEOPLE = (ANN, BEN, SUE)
BATCHES = (1, 7, 500)


class Decisions:
    """Random decisions, most of them such as the door would let through, some that it would not."""

    def __init__(self, seed, alerts):
        self.dice = random.Random(seed)
        self.alerts = [*alerts, hub_id("an alert that never comes")]
        self.count = 0

    def run(self, events):
        return [self.one() for _ in range(events)]

    def one(self):
        self.count += 1
        choose = self.dice.choice
        alert, by = choose(self.alerts), choose(PEOPLE)
        earlier = self.dice.randrange(self.count)
        return choose(
            (
                lambda: claimed(alert, by),
                lambda: claimed(alert, by),
                lambda: assessed(alert, self.dice.randrange(0, 6), by),
                lambda: referred(f"R{self.count}", alert, by, route=choose(tuple(ReferralRoute))),
                lambda: accepted(f"R{earlier}", by),
                lambda: declined(f"R{earlier}", by),
                lambda: closed(
                    alert, self.dice.randrange(1, 4), by, reason=choose(tuple(CloseReason))
                ),
                lambda: listed(f"P{self.dice.randrange(3)}", self.dice.randrange(0, 4), by),
                lambda: offered(f"O{self.count}", f"P{self.dice.randrange(3)}", alert, by),
                lambda: answered(f"O{earlier}", taken_up=self.dice.random() < 0.5),
                lambda: self.passed(alert, earlier),
            )
        )()

    def passed(self, alert, earlier):
        kind = self.dice.choice(
            (DeadlineKind.TRIAGE_DUE, DeadlineKind.CLAIM_ESCALATED, DeadlineKind.DECISION_DUE)
        )
        subject = hub_id(f"R{earlier}") if kind is DeadlineKind.DECISION_DUE else alert
        due = MONDAY + timedelta(hours=self.dice.randrange(30))
        return Deadline(kind, subject, None, due).passed(due)


class Ticking(Wall):
    def __call__(self):
        self.forward(minutes=7)
        return self.now


async def both_topics(seed):
    """A history of evidence, and one of decisions on the alerts that follow from it."""
    log = MemoryLog(Ticking())
    told = safeguarding_events(History(seed, people=25).run(60))
    await log.append([Outgoing(SAFEGUARDING, encode(event)) for event in told])
    evidence = log.records(SAFEGUARDING)
    first = Safeguarding()
    for record in evidence:
        first.apply(record)
    alerts = sorted(first.hub.facts, key=str)
    assert len(alerts) > 2, "a history without alerts proves nothing"
    for event in Decisions(seed, alerts).run(150):
        await log.append([Outgoing(HUB_DECISIONS, encode(event))])
    return evidence, log.records(HUB_DECISIONS)


def interleaved(one, other, dice):
    left, right, found = list(one), list(other), []
    while left or right:
        side = left if left and (not right or dice.random() < 0.5) else right
        found.append(side.pop(0))
    return found


def fold(projection, store, records, batch):
    for start in range(0, len(records), batch):
        part = records[start : start + batch]
        take(projection, store, part, {record.topic: record.offset + 1 for record in part})


@pytest.mark.parametrize("seed", range(2))
async def test_every_interleaving_of_evidence_and_decisions_gives_one_state(seed):
    evidence, decisions = await both_topics(seed)
    hashes, deadlines = set(), set()
    orders = [interleaved(evidence, decisions, random.Random(number)) for number in range(3)]
    for number, records in enumerate([[*evidence, *decisions], [*decisions, *evidence], *orders]):
        projection = Safeguarding()
        store = ProjectionStore.in_memory(projection)
        fold(projection, store, records, BATCHES[number % 3])
        hashes.add(store.state_hash())
        deadlines.add(tuple(projection.deadlines.open()))
    assert len(hashes) == 1
    assert len(deadlines) == 1
    assert deadlines != {()}
    with store.snapshot() as snapshot:
        lives = list(snapshot.rows(LIVES))
        history = list(snapshot.rows(HISTORY))
    assert len({one["state"] for one in lives}) > 3, "few states prove little"
    assert {one["counted"] for one in history} == {True, False}


@pytest.mark.parametrize("cut", [0.3, 0.7])
async def test_started_again_anywhere_it_goes_on_as_if_nothing_had_happened(cut):
    evidence, decisions = await both_topics(5)
    records = interleaved(evidence, decisions, random.Random(1))
    whole = Safeguarding()
    store = ProjectionStore.in_memory(whole)
    fold(whole, store, records, 500)
    part = Safeguarding()
    half = ProjectionStore.in_memory(part)
    place = int(len(records) * cut)
    fold(part, half, records[:place], 500)
    again = Safeguarding()
    restore(again, half)
    assert again.deadlines.open() == part.deadlines.open()
    fold(again, half, records[place:], 500)
    assert half.state_hash() == store.state_hash()
    assert again.deadlines.open() == whole.deadlines.open()
    assert again.hub.lives.lives == whole.hub.lives.lives
    assert again.hub.provisions.listed == whole.hub.provisions.listed


async def test_no_decision_closes_an_alert_but_that_of_a_person():
    evidence, decisions = await both_topics(3)
    projection = Safeguarding()
    for record in (*evidence, *decisions):
        projection.apply(record)
    closed_lives = [one for one in projection.hub.lives.lives.values() if one.closed_at]
    assert closed_lives
    assert all(one.closed_by in PEOPLE and one.close_reason for one in closed_lives)
