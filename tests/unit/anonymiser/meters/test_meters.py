"""The meters: what became of reports, told to an agency of itself and of nobody by name."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

import pytest

from anonymiser import keyring
from anonymiser.gate.audience import AudienceIds
from anonymiser.meters.book import Book
from anonymiser.meters.figures import SHARE_REPORTS_MIN, Meters
from anonymiser.meters.history import History, histories
from streams.codes import Agency, Cause, Lever, ReferralRoute, SeizedItem, ShareBand
from streams.disruptions import CausedBy, DisruptionExecuted, DisruptionPlanned, SeizureMade
from streams.hub import AlertClaimed, ReferralAccepted, ReferralMade
from streams.ocg import ReportGraded
from streams.parts import Grading, Reason
from streams.restricted import (
    EnclaveMention,
    MentionResolved,
    MergeDecided,
    NumberedRelation,
    ReportAdmitted,
    ReportRetracted,
    SplitDecided,
)
from streams.shared import AlertRaised, FeedbackGiven, PathStep
from streams.taxonomy import RelationKind
from streams.values import (
    AlertRule,
    Audience,
    CountBand,
    FourP,
    GradingScheme,
    LinkBasis,
    NodeKind,
    Outcome,
    Sex,
    WithdrawalReason,
)

START = datetime(2026, 9, 1, 9, tzinfo=UTC)
NOW = START + timedelta(days=60)
KEYS = keyring.new_keys(random.Random(7).randbytes)
POLICE = AudienceIds(Audience.POLICE, KEYS.audience)
HUB = AudienceIds(Audience.SAFEGUARDING, KEYS.audience)
ONE = Grading(scheme=GradingScheme.SCHEME_3X5X2, source="1", assessment="B")
TWO = Grading(scheme=GradingScheme.SCHEME_3X5X2, source="2", assessment="C")


def key(name):
    return uuid5(UUID(int=6), name)


class Log:
    """What the topics told, in whatever order; each thing at its own time."""

    def __init__(self):
        self.told = []
        self.answers = []

    def report(self, partner, name, *people, at=START, origin=None):
        report_id = key(name)
        ties = tuple(
            NumberedRelation(subject=0, object=node, kind=RelationKind.CO_OFFENDER)
            for node in range(1, len(people))
        )
        admitted = ReportAdmitted(
            partner=partner, report_id=report_id, revision=1, content_digest=b"", admitted_at=at,
            origin_token=None, origin_id=key(origin or f"origin {name}"), relations=ties,
        )  # fmt: skip
        self.told.append((admitted, at))
        for node, person in enumerate(people):
            mention = MentionResolved(
                partner=partner, report_id=report_id, revision=1, node=node, sex=Sex.UNKNOWN,
                kind=NodeKind.PERSON, entity_id=key(person), basis=LinkBasis.NEW, agreed=(),
                label_token=b"", sealed_tokens=b"",
            )  # fmt: skip
            self.told.append((mention, at))
        self.answers.append((partner, Outcome.SHARED, ()))
        return self

    def also(self, event, at=START):
        self.told.append((event, at))
        return self

    def graded(self, partner, name, grading=ONE, at=START):
        return self.also(
            ReportGraded(
                report_id=POLICE.report(partner, key(name)), revision=1, grading=grading,
                basis=(), decided_by="Ada Testina", decided_at=at,
            ),
            at,
        )  # fmt: skip

    def book(self, shuffle=None):
        told = list(self.told)
        # Topics have no order between them; within the linker's own topic there is one.
        ours = [one for one in told if type(one[0]).__module__ == "streams.restricted"]
        theirs = [one for one in told if type(one[0]).__module__ != "streams.restricted"]
        if shuffle is not None:
            random.Random(shuffle).shuffle(theirs)
            told = [*theirs, *ours]
        book = Book()
        for event, at in told:
            book.apply(event, at)
        for partner, outcome, codes in self.answers:
            reasons = tuple(Reason(code=one) for one in codes)
            book.answer(
                partner,
                FeedbackGiven(
                    report_id=None, revision=None, outcome=outcome, reasons=reasons, offset=None,
                    immediate_risk=False, given_at=START,
                ),
            )  # fmt: skip
        return book

    def meters(self, at=NOW, days=28, shuffle=None):
        return Meters(self.book(shuffle), KEYS, at, days)


def many(partner, count, log=None, **terms):
    log = log or Log()
    for number in range(count):
        log.report(partner, f"{partner} {number}", f"{partner} person {number}", **terms)
    return log


def test_a_report_that_nobody_looked_at_is_in_the_hole_once_it_is_old():
    log = Log().report("loxley", "r1", "ann").report("loxley", "r2", "bob").graded("loxley", "r2")
    assert log.meters(START + timedelta(days=27)).own("loxley").old == 0
    own = log.meters(START + timedelta(days=28)).own("loxley")
    assert (own.reports, own.old, own.untriaged) == (2, 2, 1)


def test_an_agency_hears_of_its_own_reports_alone():
    log = many("loxley", 3).report("porter", "other", "cyd").graded("porter", "other")
    assert log.meters().own("loxley").untriaged == 3
    assert log.meters().own("porter").untriaged == 0


@pytest.mark.parametrize("few", range(1, 3))
def test_of_others_nothing_is_told_below_three_agencies(few):
    log = many("loxley", 2)
    for number in range(few):
        many(f"other{number}", 30, log)
    assert log.meters().others("loxley") is None


def test_of_others_nothing_is_told_below_five_reports():
    log = many("loxley", 2)
    for number in range(3):
        many(f"other{number}", 1, log)
    assert log.meters().others("loxley") is None
    many("other0", 3, log)
    assert log.meters().others("loxley").reports == 5


def test_whether_people_are_linked_is_told_from_twenty_reports_on_and_in_bands():
    assert many("loxley", SHARE_REPORTS_MIN - 1).meters().own("loxley").unlinked is None
    assert many("loxley", 40).meters().own("loxley").unlinked is ShareBand.NEARLY_ALL
    log = many("loxley", 40)
    for number in range(40):
        log.report("porter", f"p{number}", f"loxley person {number}")
    assert log.meters().own("loxley").unlinked is ShareBand.FEW


@pytest.mark.parametrize("days", [1, 27, 29, 60])
def test_what_tells_of_people_is_told_for_one_window_alone(days):
    """Moved a day at a time it would tell of the one report that each day brings in."""
    own = many("loxley", 40).meters(days=days).own("loxley")
    assert (own.unlinked, own.without_outcome) == (None, None)
    assert own.reports == 40


def test_a_merge_links_two_reports_and_its_undoing_parts_them():
    log = Log().report("loxley", "r1", "ann").report("porter", "r2", "anne")
    assert log.book().linked() == frozenset()
    merged = MergeDecided(
        kind=NodeKind.PERSON, kept_id=key("ann"), absorbed_id=key("anne"),
        basis=LinkBasis.HUMAN, agreed=(), decided_at=START,
    )  # fmt: skip
    log.also(merged)
    assert len(log.book().linked()) == 2
    log.also(
        SplitDecided(
            kind=NodeKind.PERSON, entity_id=key("ann"), new_entity_id=key("anne"),
            mentions=(EnclaveMention(partner="porter", report_id=key("r2"), node=0),),
            decided_by="Ida", decided_at=START,
        )
    )  # fmt: skip
    assert log.book().linked() == frozenset()


def test_a_withdrawn_report_is_counted_nowhere():
    log = Log().report("loxley", "r1", "ann").report("loxley", "r2", "ann")
    gone = ReportRetracted(
        partner="loxley", report_id=key("r2"), reason=WithdrawalReason.ERROR, retracted_at=START
    )
    log.also(gone)
    assert log.meters().own("loxley").reports == 1
    assert log.book().linked() == frozenset()


def acted(log, partner, name, hours):
    """A disruption that rests on a report and was executed so many hours after it came."""
    plan = DisruptionPlanned(
        disruption_id=key(f"plan {name}"), ocg_id=key("ocg"), target_id=None,
        lever=Lever.ENFORCEMENT, agency=Agency.POLICE, four_p=FourP.PURSUE, request_id=None,
        report_ids=(POLICE.report(partner, key(name)),), planned_for=START.date(),
        decided_by="Ada", decided_at=START,
    )  # fmt: skip
    done = DisruptionExecuted(
        disruption_id=key(f"plan {name}"), executed_on=START.date(), decided_by="Ada",
        decided_at=START,
    )  # fmt: skip
    log.also(plan, START + timedelta(hours=hours / 2))
    return log.also(done, START + timedelta(hours=hours))


def test_the_clock_runs_from_the_report_to_the_first_action_that_rests_on_it():
    log = many("loxley", 40)
    for number in range(20):
        acted(log, "loxley", f"loxley {number}", hours=10 * (number + 1))
    own = log.meters().own("loxley")
    assert (own.hours_to_action_p50, own.hours_to_action_p90) == (100, 180)
    assert own.acted_on in {ShareBand.MOST, ShareBand.SOME}
    assert own.untriaged == 20


def test_of_few_actions_neither_how_many_nor_when_is_told():
    log = many("loxley", 19)
    acted(log, "loxley", "loxley 0", hours=10)
    own = log.meters().own("loxley")
    assert (own.acted_on, own.hours_to_action_p50, own.hours_to_action_p90) == (None, None, None)


@pytest.mark.parametrize("shuffle", range(6))
def test_an_outcome_is_owed_to_the_reports_behind_its_disruption_in_whatever_order(shuffle):
    log = many("loxley", 20)
    for number in range(20):
        acted(log, "loxley", f"loxley {number}", hours=10)
        seized = SeizureMade(
            outcome_id=key(f"gun {number}"), ocg_id=None, item=SeizedItem.FIREARM, quantity=1,
            caused_by=CausedBy(cause=Cause.DISRUPTION, cause_id=key(f"plan loxley {number}")),
            occurred_on=START.date(), decided_by="Ada", decided_at=START,
        )  # fmt: skip
        log.also(seized, START + timedelta(hours=11))
    own = log.meters(shuffle=shuffle).own("loxley")
    assert own.without_outcome is ShareBand.FEW
    assert own.hours_to_action_p50 == 10


@pytest.mark.parametrize("shuffle", range(6))
def test_the_hubs_work_on_an_alert_counts_for_the_reports_behind_it(shuffle):
    alert, referral = key("alert"), key("referral")
    step = PathStep(
        from_id=key("a"), kind=RelationKind.EXPLOITS, to_id=key("b"),
        report_ids=tuple(HUB.report("loxley", key(f"loxley {n}")) for n in range(20)),
    )  # fmt: skip
    raised = AlertRaised(
        alert_id=alert, rule=AlertRule.CHILD_TIED_TO_NOMINAL, rule_version=1, child_id=key("b"),
        path=(step,), raised_at=START,
    )  # fmt: skip
    by = {"decided_by": "Hana", "decided_at": START}
    route = ReferralRoute.CHILDRENS_SOCIAL_CARE
    log = many("loxley", 20).also(raised)
    log.also(AlertClaimed(alert_id=alert, **by), START + timedelta(hours=1))
    made = ReferralMade(referral_id=referral, alert_id=alert, route=route, **by)
    log.also(made, START + timedelta(hours=3))
    log.also(ReferralAccepted(referral_id=referral, **by), START + timedelta(hours=20))
    own = log.meters(shuffle=shuffle).own("loxley")
    assert (own.untriaged, own.hours_to_action_p50) == (0, 3)
    assert own.without_outcome is ShareBand.FEW


def test_refusals_and_duplicates_are_the_quality_of_the_format():
    log = many("loxley", 2)
    log.answers += [("loxley", Outcome.REFUSED, ("bad_check_digit", "no_gateway"))]
    log.answers += [("loxley", Outcome.REFUSED, ("bad_check_digit",))]
    log.answers += [("loxley", Outcome.DUPLICATE, ())]
    meters = log.meters()
    own = meters.own("loxley")
    assert (own.submissions, own.refused, own.duplicates) == (5, 2, 1)
    assert list(meters.reasons("loxley").items()) == [("bad_check_digit", 2), ("no_gateway", 1)]


def test_the_balance_of_contributions_is_even_or_it_is_not():
    even, uneven = Log(), Log()
    for number in range(4):
        many(f"agency{number}", 10, even)
        many(f"agency{number}", 37 if number == 0 else 1, uneven)
    assert (even.meters().balance().gini_percent, even.meters().balance().largest_percent) == (
        0,
        25,
    )
    assert uneven.meters().balance().largest_percent == 92
    assert uneven.meters().balance().gini_percent > 60
    assert many("loxley", 30).meters().balance() is None


# --- the history of an unseen source ------------------------------------------------------


def three_alike(reliable=5, judged=6):
    log = Log()
    for number in range(3):
        partner = f"agency{number}"
        many(partner, 8, log)
        for place in range(judged):
            grading = ONE if place < reliable else TWO
            log.graded(partner, f"{partner} {place}", grading)
    return log


def test_a_source_that_three_agencies_could_be_is_told_in_bands():
    said = histories(three_alike().book(), POLICE)
    assert set(said.values()) == {History(CountBand.FROM_5, ShareBand.FEW, ShareBand.NEARLY_ALL)}
    assert len(said) == 3


def test_of_a_source_that_would_stand_out_less_is_told():
    log = three_alike()
    log.graded("agency0", "agency0 0", TWO).graded("agency0", "agency0 1", TWO)
    log.graded("agency0", "agency0 2", TWO).graded("agency0", "agency0 3", TWO)
    said = histories(log.book(), POLICE)
    assert {one.reliable for one in said.values()} == {None}


def test_a_source_that_stands_alone_is_told_nothing_of():
    log = many("quiet", 1, three_alike())
    assert "quiet" not in histories(log.book(), POLICE)


def test_another_origin_corroborates_and_the_same_one_told_twice_does_not():
    log = Log().report("loxley", "r1", "ann", "bob", origin="x")
    log.report("porter", "r2", "ann", "bob", origin="x")
    assert log.book().corroborated() == frozenset()
    log.report("porter", "r3", "bob", "ann", origin="y")
    assert len(log.book().corroborated()) == 3
