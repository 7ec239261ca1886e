"""A small town played through every stage over the log in memory, and judged by its own truth."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from anonymiser.keyring import new_keys
from consumers.audit.replay import Bound, compare, replay
from consumers.ocg_network import OcgNetwork
from consumers.safeguarding import Safeguarding
from deploy.demo.findings import Resolved, find
from deploy.demo.witnesses import records_outside
from deploy.leaks import LeakSearch, identifiers_of
from deploy.pipeline import Pipeline
from producers.town.reports import Step
from producers.town.town import Town, build_town
from producers.town.truth import truth_of
from streams.codec import decode
from streams.errors import DecodeError
from streams.memory import LogicalClock, MemoryLog
from streams.restricted import WithdrawalSubmitted
from streams.shared import (
    FeedbackGiven,
    PersonsMerged,
    PersonSplit,
    PoliceReportShared,
    ReportWithdrawn,
    SafeguardingReportShared,
)
from streams.taxonomy import RELATIONS, SAFEGUARDING_ONLY, RelationKind
from streams.topics import DUTY, OPERATIONS, POLICE, SAFEGUARDING, feedback_of
from streams.values import AgeBand, Audience, ChildAtEvent, Outcome, Role
from tests.invented_evidence import Desk

NOW = datetime(2026, 9, 14, 9, tzinfo=UTC)
ON_POLICE = (PoliceReportShared, ReportWithdrawn, PersonsMerged, PersonSplit)
KEYS = new_keys(random.Random(2026).randbytes)


def entries_of(town):
    for body in town.bodies:
        ends = NOW + timedelta(days=-1 if body.lapsed else 365)
        yield body.entry(NOW, ends, by="a test")


def event_of(step):
    if step.step is Step.WITHDRAWAL:
        return WithdrawalSubmitted(
            report_id=step.report.report_id, partner=step.partner, reason=step.reason
        )
    return step.report


class Play:
    """A town that has been told and worked off."""

    def __init__(self, town, log, pipeline, resolved):
        self.town, self.log, self.pipeline, self.resolved = town, log, pipeline, resolved
        self.truth = truth_of(town)

    def findings(self):
        with (
            self.pipeline.networks.snapshot() as police,
            self.pipeline.alerts.snapshot() as hub,
        ):
            views = {Audience.POLICE: police, Audience.SAFEGUARDING: hub}
            return find(self.town, self.truth, KEYS, self.resolved, views)

    def feedback(self, partner):
        for record in self.log.records(feedback_of(partner)):
            yield decode(record.value, FeedbackGiven)


async def play(town, order=None, batch=500):
    log = MemoryLog(LogicalClock(NOW))
    pipeline = Pipeline(log, KEYS, list(entries_of(town)))
    await pipeline.start()
    steps = [step for step in town.submissions if step.step is not Step.STOPPED]
    await pipeline.send(event_of(step) for step in (order or list)(steps))
    await pipeline.settle(batch)
    return Play(town, log, pipeline, await Resolved.read(log))


def interleaved(seed):
    """Each partner keeps its own order; between partners any order may come."""

    def order(steps):
        chance = random.Random(seed)
        waiting = {}
        for step in steps:
            waiting.setdefault(step.partner, []).append(step)
        while waiting:
            partner = chance.choice(sorted(waiting))
            yield waiting[partner].pop(0)
            if not waiting[partner]:
                del waiting[partner]

    return order


@pytest.fixture(scope="module")
def played():
    return asyncio.run(play(build_town(1)))


@pytest.mark.parametrize("seed", range(6))
async def test_networks_and_exposed_children_are_those_of_the_truth(seed):
    one = await play(build_town(seed))
    findings = one.findings()
    assert findings.networks == one.truth.networks
    assert findings.exposures == one.truth.exposures
    assert findings.false_kin == 0
    assert findings.merged == 0


@pytest.mark.parametrize("seed", range(10, 13))
async def test_without_mistakes_nobody_is_split_and_every_tie_has_the_origins_it_must(seed):
    one = await play(build_town(seed, mistakes=0))
    findings = one.findings()
    assert findings.agrees_with(one.truth)
    assert (findings.split, findings.merged, findings.questions) == (0, 0, 0)
    assert findings.weights == one.truth.weights
    assert max(one.truth.weights.values()) > 1


@pytest.mark.parametrize("seed", range(4))
async def test_the_order_in_which_partners_tell_changes_nothing(seed):
    one = await play(build_town(2), interleaved(seed), batch=7)
    assert one.findings().agrees_with(one.truth)


async def test_every_submission_gets_the_outcome_it_must(played):
    wanted, given = {}, {}
    for step, outcome in zip(played.town.submissions, played.truth.outcomes, strict=True):
        if outcome is not None:
            revision = None if step.step is Step.WITHDRAWAL else step.report.revision
            key = (step.partner, step.report.report_id, revision)
            wanted.setdefault(key, []).append(outcome)
    for body in played.town.bodies:
        for told in played.feedback(body.partner):
            given.setdefault((body.partner, told.report_id, told.revision), []).append(told.outcome)
    assert given == wanted


async def test_an_immediate_risk_reaches_the_duty_officer_whoever_sends_it(played):
    urgent = {s.partner for s in played.town.submissions if s.report.immediate_risk}
    assert urgent == {"five-weirs-hospitals", "neepsend-mentors"}
    assert len(played.log.records(DUTY)) == 2


async def test_no_identifier_is_in_any_byte_outside_the_enclave(played):
    wanted = [i for step in played.town.submissions for i in identifiers_of(step.report)]
    search = LeakSearch(wanted)
    documents = [
        document
        for topic in played.log.topics()
        for record in played.log.records(topic)
        for document in records_outside(record)
    ]
    assert len(documents) > 1000
    assert [leak for document in documents for leak in search.find(document)] == []


@pytest.mark.parametrize("projection", [OcgNetwork, Safeguarding])
async def test_a_replay_gives_the_same_state(played, projection):
    live = {OcgNetwork: played.pipeline.networks, Safeguarding: played.pipeline.alerts}[projection]
    again = await replay(projection(), played.log, Bound(positions=live.positions()))
    assert live.state_hash() == again.state_hash()
    with live.snapshot() as one, again.snapshot() as other:
        compare(one, other)


async def test_alerts_about_adults_whose_age_the_gate_withheld_are_told_apart():
    """It tells no age where few are alike; who may be a child then counts as one."""
    played = await play(build_town(1, 60, 1))  # a grown-up sibling of an involved child is told of
    hub = Desk(Safeguarding())
    await hub.hear(*(ageless(one) for one in told_to_the_hub(played.log)))
    with played.pipeline.networks.snapshot() as police, hub.store.snapshot() as alerts:
        views = {Audience.POLICE: police, Audience.SAFEGUARDING: alerts}
        findings = find(played.town, played.truth, KEYS, played.resolved, views)
    assert findings.of_untold_age
    assert not findings.of_untold_age & played.truth.exposures
    assert findings.exposures == played.truth.exposures
    assert not played.findings().of_untold_age


def told_to_the_hub(log):
    kinds = (SafeguardingReportShared, ReportWithdrawn, PersonsMerged, PersonSplit)
    for record in log.records(SAFEGUARDING):
        with suppress(DecodeError):
            yield decode(record.value, *kinds)


def ageless(event):
    """Tell no age of an adult who is merely named."""
    if not isinstance(event, SafeguardingReportShared):
        return event
    unknown = {"child_at_event": ChildAtEvent.UNKNOWN, "age_band": AgeBand.UNKNOWN}
    nodes = (
        replace(node, **unknown)
        if node.role is Role.OTHER and node.child_at_event is ChildAtEvent.NO
        else node
        for node in event.nodes
    )
    return replace(event, nodes=tuple(nodes))


async def test_police_get_no_tie_of_kin_friend_carer_or_school(played):
    kinds = {
        relation.kind
        for record in played.log.records(POLICE)
        if isinstance(event := decode(record.value, *ON_POLICE), PoliceReportShared)
        for relation in event.relations
    }
    assert RelationKind.CO_OFFENDER in kinds
    assert not {kind for kind in kinds if RELATIONS[kind].bond in SAFEGUARDING_ONLY}


async def test_each_disclosure_is_recorded_once(played):
    shared = played.truth.count(played.town, Outcome.SHARED)
    assert len(played.log.records(OPERATIONS)) >= shared


async def test_a_town_without_offences_gives_no_network_and_no_alert():
    one = await play(Town.without_offences(5, households=1000))
    findings = one.findings()
    assert not findings.networks
    assert not findings.exposures
    assert findings.false_kin == 0
    assert findings.persons > 1000
