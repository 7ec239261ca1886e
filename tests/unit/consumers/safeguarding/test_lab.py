"""The threshold laboratory over hand-made logs: gained, lost, earlier, later, load, outcomes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from consumers.safeguarding.alerts import alert_id_of
from consumers.safeguarding.lab import Trial, Window, compare, load_of
from consumers.safeguarding.lab_findings import (
    DecidedAlreadyError,
    Findings,
    TooManyFindingsError,
    UnfitReasonError,
    UnknownFindingError,
    decide_on_finding,
    only_trial,
    raise_findings,
)
from consumers.safeguarding.lab_report import Reviewed, report_of
from consumers.safeguarding.lifecycle import Lives
from consumers.safeguarding.rules import InvalidRulesError, parse, standard
from consumers.safeguarding.suppression import FEW, WITHHELD
from deploy.lab import Experiment, put_before_lead, run, window_of
from deploy.views import Asker
from streams.codec import decode, encode
from streams.codes import (
    CloseReason,
    FindingReason,
    FindingVerdict,
    NeedReason,
    ReferralRoute,
    StaffRole,
)
from streams.errors import DeniedError, InvalidInputError
from streams.hub import (
    AlertClaimed,
    AlertClosed,
    LabFindingRaised,
    ReferralAccepted,
    ReferralMade,
    RulesAdopted,
    ThresholdAssessed,
)
from streams.memory import LogicalClock, MemoryLog
from streams.ports import Outgoing
from streams.shared import DecisionRefused, OperationRecorded
from streams.taxonomy import RelationKind
from streams.topics import ALERTS, HUB_DECISIONS, OPERATIONS, SAFEGUARDING
from streams.values import Activity, Purpose
from tests.invented_evidence import Told, an_id, key
from tests.staff import let_act

MONDAY = datetime(2026, 9, 7, 9, tzinfo=UTC)
SIGNS = "EARLY_SIGNS"
SIBLING = "SIBLING_OF_INVOLVED"
TIED = "CHILD_TIED_TO_NOMINAL"
LEAD = Asker("Lea Lead", Purpose.SAFEGUARD_CHILDREN)
WEEKS = ("2026-W36", "2026-W37", "2026-W38")


def changed(rule_id, **values):
    """The standard rules with other numbers for one of them."""
    rules = standard()
    others = tuple(
        one.model_copy(update=values) if one.id == rule_id else one for one in rules.rules
    )
    return rules.model_copy(update={"version": 2, "rules": others})


EASIER = changed(SIGNS, threshold=3, minimum_origins=1)
HARDER = changed(SIGNS, threshold=12)
WITHOUT_SIBLINGS = changed(SIBLING, enabled=False)


def sign(name, child, activity, week=WEEKS[0]):
    return Told(name, activity=activity, week=week).child(child).safeguarding()


def in_three_weeks(child):
    """Signs that add up to three, five and seven points, one week after the other."""
    acts = (Activity.OLDER_ASSOCIATES, Activity.INJURY, Activity.EXCLUSION)
    return [
        sign(f"{child} {number}", child, act, week)
        for number, (act, week) in enumerate(zip(acts, WEEKS, strict=True))
    ]


def network():
    told = (
        Told("N1").tie("ada", RelationKind.CO_OFFENDER, "bob", "cyd").suspect("ada", "bob", "cyd")
    )
    return told.safeguarding()


def exploited_with_sibling(child, sibling):
    tied = Told(f"I {child}").tie("ada", RelationKind.EXPLOITS, child).child(child)
    kin = Told(f"K {child}").tie(child, RelationKind.SIBLING, sibling).child(child, sibling)
    return [tied.safeguarding(), kin.safeguarding()]


def tried(rules, *events, adopted=None, window=None):
    """Events a day apart, from Monday on; those of one list are of one day."""
    trial = Trial(adopted or standard(), rules)
    offset = 0
    for day, some in enumerate(events):
        for event in some if isinstance(some, list) else [some]:
            trial.hear(event, offset, MONDAY + timedelta(days=day, milliseconds=offset))
            offset += 1
    window = window or Window(MONDAY, MONDAY + timedelta(days=len(events)))
    outcome = trial.close(window.end)
    return outcome, compare(outcome, window)


def names(alerts):
    """The ids as they were told, of which a test knows those of its own people."""
    return [(one.rule_id, one.child_id) for one in alerts]


def test_the_same_rules_under_another_name_change_nothing():
    again = standard().model_copy(update={"version": 9, "title": "The same once more"})
    _, found = tried(again, *in_three_weeks("kit"), network(), exploited_with_sibling("kit", "lou"))
    assert (found.gained, found.lost, found.earlier, found.later) == ((), (), (), ())
    assert {one.rule_id for one in found.same} == {SIGNS, TIED, SIBLING}


def test_an_easier_rule_gains_what_never_reached_the_old_threshold():
    outcome, found = tried(EASIER, sign("R1", "kit", Activity.OUT_OF_AREA))
    assert outcome.adopted == {}
    assert names(found.gained) == [(SIGNS, key("kit"))]
    assert found.lost == ()
    assert (found.people_trial, found.people_adopted) == ({key("kit")}, frozenset())


def test_an_easier_rule_is_earlier_by_the_days_between_the_reports():
    _, found = tried(EASIER, *in_three_weeks("kit"))
    (moved,) = found.earlier
    assert moved.adopted.child_id == key("kit")
    assert moved.by == -timedelta(days=2, milliseconds=2)
    assert (found.gained, found.lost, found.later) == ((), (), ())


def test_a_harder_rule_loses_and_the_other_way_round_it_gains():
    _, found = tried(HARDER, *in_three_weeks("kit"))
    assert names(found.lost) == [(SIGNS, key("kit"))]
    _, back = tried(standard(), *in_three_weeks("kit"), adopted=HARDER)
    assert names(back.gained) == names(found.lost)


def test_a_later_rule_is_later():
    _, found = tried(standard(), *in_three_weeks("kit"), adopted=EASIER)
    (moved,) = found.later
    assert moved.by.days == 2


def test_a_rule_that_is_off_loses_its_alerts_and_no_others():
    _, found = tried(WITHOUT_SIBLINGS, network(), exploited_with_sibling("kit", "lou"))
    assert names(found.lost) == [(SIBLING, key("lou"))]
    assert [one.rule_id for one in found.same] == [TIED]
    assert found.people_trial == {key("kit")}


def test_alerts_from_before_the_window_are_no_change_of_it():
    early = Window(MONDAY - timedelta(days=9), MONDAY - timedelta(days=1))
    late = Window(MONDAY + timedelta(days=5), MONDAY + timedelta(days=9))
    for window in (early, late):
        _, found = tried(EASIER, sign("R1", "kit", Activity.OUT_OF_AREA), window=window)
        assert found.gained == ()


def test_what_falls_due_within_the_window_is_raised_in_it_without_another_event():
    slow = changed("UNANSWERED", hours=24 * 6)
    missing = sign("R1", "kit", Activity.MISSING)
    _, found = tried(slow, missing, window=Window(MONDAY, MONDAY + timedelta(days=4)))
    assert names(found.lost) == [("UNANSWERED", key("kit"))]
    _, found = tried(slow, missing, window=Window(MONDAY, MONDAY + timedelta(days=7)))
    assert [one.by.days for one in found.later] == [3]


def test_load_counts_days_of_london_and_days_over_capacity():
    several = [sign(f"R{n}", f"kid {n}", Activity.OUT_OF_AREA) for n in range(7)]
    _, found = tried(EASIER, several, sign("R8", "kid 8", Activity.OUT_OF_AREA))
    load = load_of(found.trial_load, found.window, capacity=6)
    assert (load.days, load.days_over, load.worst) == (3, 1, 7)
    assert load.worst_day == MONDAY.date()
    assert load_of(found.trial_load, found.window, capacity=7).days_over == 0
    assert load_of(found.adopted_load, found.window, None).worst == 0


def test_the_report_shows_large_counts():
    several = [sign(f"R{n}", f"kid {n}", Activity.OUT_OF_AREA) for n in range(7)]
    _, found = tried(EASIER, several)
    told = report_of(found, Lives(), capacity=6)
    assert told["rules"][SIGNS]["gained"] == told["alerts"]["trial"] == 7
    assert told["people"] == {"adopted": 0, "trial": 7, "gained": 7, "lost": 0, "both": 0}
    assert told["outcomes"]["gained"]["not reviewed"] == 7
    assert told["load"]["trial"] | {"days": 0} == {
        "days": 0,
        "days_over": 1,
        "worst": 7,
        "worst_day": MONDAY.date(),
        "p50": 7,
        "p95": 7,
    }


def test_the_report_withholds_small_counts_and_what_would_give_them_away():
    several = [sign(f"R{n}", f"kid {n}", Activity.OUT_OF_AREA) for n in range(7)]
    _, found = tried(EASIER, several, network(), exploited_with_sibling("kit", "lou"))
    told = report_of(found, Lives(), capacity=6)
    assert told["rules"][TIED]["same"] == told["rules"][SIBLING]["same"] == FEW
    assert not isinstance(told["alerts"]["trial"], int) or told["alerts"]["gained"] == WITHHELD
    assert told["people"]["both"] == FEW
    assert told["load"]["adopted"]["worst"] == FEW
    assert told["load"]["adopted"]["worst_day"] is None
    assert told["shift_days"] == {"earlier": None, "later": None}


# --- what people made of it -------------------------------------------------------------


def told_to(lives, *events):
    for number, event in enumerate(events):
        lives.apply(event, MONDAY + timedelta(hours=number))
    return lives


def worked(alert_id, *, level, accepted=None, closed=None):
    """A hub's work on one alert."""
    who, when = {"decided_by": "Hal Hub"}, {"decided_at": MONDAY}
    about = {"alert_id": alert_id}
    yield AlertClaimed(**about, **who, **when)
    reasons = (next(iter(NeedReason)),)
    yield ThresholdAssessed(level=level, continuum=1, reasons=reasons, **about, **who, **when)
    if accepted:
        route = ReferralRoute.CHILDRENS_SOCIAL_CARE
        yield ReferralMade(referral_id=alert_id, route=route, **about, **who, **when)
        yield ReferralAccepted(referral_id=alert_id, decided_by="Sol Social", **when)
    if closed:
        yield AlertClosed(reason=closed, seen=1, **about, **who, **when)


@pytest.mark.parametrize(
    ("level", "more", "made_of_it"),
    [
        (4, {"accepted": True}, Reviewed.ACCEPTED),
        (3, {}, Reviewed.HIGH_NEED),
        (2, {}, Reviewed.LOW_NEED),
        (1, {"closed": CloseReason.MISTAKEN}, Reviewed.MISTAKEN),
    ],
)
def test_what_people_made_of_lost_alerts_is_told(level, more, made_of_it):
    kids = [f"kid {n}" for n in range(6)]
    lives = Lives()
    for kid in kids:
        told_to(lives, *worked(alert_id_of(SIGNS, key(kid)), level=level, **more))
    days = [list(day) for day in zip(*map(in_three_weeks, kids), strict=True)]
    _, found = tried(HARDER, *days)
    told = report_of(found, lives, None)
    assert told["outcomes"]["lost"][made_of_it.value] == 6
    assert told["alerts"]["lost"] == 6


def test_of_a_gained_alert_what_people_made_of_the_persons_other_alerts_is_told():
    kids = [(f"kid {n}", f"sib {n}") for n in range(5)]
    lives = Lives()
    for kid, _ in kids:
        told_to(lives, *worked(alert_id_of(TIED, key(kid)), level=4))
    story = [event for kid, sib in kids for event in exploited_with_sibling(kid, sib)]
    missing = [sign(f"R {kid}", kid, Activity.OUT_OF_AREA) for kid, _ in kids]
    _, found = tried(EASIER, network(), story, missing)
    told = report_of(found, lives, None)
    assert told["outcomes"]["gained"][Reviewed.HIGH_NEED.value] == 5


# --- over a log ----------------------------------------------------------------------------


@pytest.fixture
async def log():
    log = MemoryLog(LogicalClock(MONDAY, timedelta(milliseconds=1)))
    await let_act(log, LEAD.name, StaffRole.HUB_LEAD, agency="hub")
    return log


async def written(log, topic, *events):
    await log.append([Outgoing(topic, encode(event)) for event in events])


def silent(_done, _total):
    pass


async def test_a_run_tells_is_recorded_and_writes_nothing_else(log):
    await written(
        log, SAFEGUARDING, *in_three_weeks("kit"), sign("R1", "lou", Activity.OUT_OF_AREA)
    )
    before = {topic: len(log.records(topic)) for topic in (ALERTS, HUB_DECISIONS, SAFEGUARDING)}
    window = Window(MONDAY, MONDAY + timedelta(days=1))
    result = await run(log, LEAD, Experiment(EASIER, window, 3), silent)
    assert result.report["events"] == 4
    assert result.report["adopted"] == {"version": 1, "digest": standard().digest}
    assert result.report["alerts"]["gained"] == FEW
    assert {topic: len(log.records(topic)) for topic in before} == before
    (look,) = [decode(one.value, OperationRecorded) for one in log.records(OPERATIONS)]
    assert look.subject == f"lab {EASIER.digest[:12]}"


async def test_who_has_no_role_of_the_hub_gets_nothing_and_that_is_recorded(log):
    await let_act(log, "Ann Analyst", StaffRole.ANALYST)
    window = Window(MONDAY, MONDAY + timedelta(days=1))
    with pytest.raises(DeniedError):
        await run(log, Asker("Ann Analyst", LEAD.purpose), Experiment(EASIER, window), silent)
    (refused,) = [decode(one.value, DecisionRefused) for one in log.records(OPERATIONS)]
    assert refused.act == "RUN_LABORATORY"


async def test_events_after_the_window_are_not_heard(log):
    await written(log, SAFEGUARDING, *in_three_weeks("kit"))
    result = await run(log, LEAD, Experiment(EASIER, Window(MONDAY, MONDAY)), silent)
    assert result.report["events"] == 0


async def test_compared_is_with_the_rules_adopted_at_the_end_of_the_window(log):
    adopted = RulesAdopted(
        version=2,
        document=HARDER.document,
        reviewed_by="Rae Reviewer",
        decided_by=LEAD.name,
        decided_at=MONDAY,
    )
    await written(log, HUB_DECISIONS, adopted)
    window = Window(MONDAY, MONDAY + timedelta(days=1))
    result = await run(log, LEAD, Experiment(EASIER, window), silent)
    assert result.report["adopted"] == {"version": 2, "digest": HARDER.digest}


async def findings_of(log):
    return Findings.of(log.records(HUB_DECISIONS))


@pytest.fixture
def recent(monkeypatch):
    """Today lies in the week of the log."""
    monkeypatch.setattr("deploy.decisions.now", lambda: MONDAY + timedelta(days=3))


async def raised(log, rules=EASIER):
    window = Window(MONDAY, MONDAY + timedelta(days=2))
    one = Experiment(rules, window)
    result = await run(log, LEAD, one, silent)
    return await put_before_lead(log, LEAD, one, result.outcome)


async def test_what_only_the_new_rule_flags_is_put_before_the_lead_once(log, recent):
    await written(
        log, SAFEGUARDING, *in_three_weeks("kit"), sign("R1", "lou", Activity.OUT_OF_AREA)
    )
    assert await raised(log) == 1
    (finding,) = (await findings_of(log)).by_id.values()
    assert finding.raised.person_id == an_id("lou")
    assert finding.raised.report_ids == (an_id("R1"),)
    assert await raised(log) == 0
    assert len(log.records(ALERTS)) == 0


async def test_a_matter_older_than_ninety_days_is_put_before_nobody(log, monkeypatch):
    await written(log, SAFEGUARDING, sign("R1", "lou", Activity.OUT_OF_AREA))
    monkeypatch.setattr("deploy.decisions.now", lambda: MONDAY + timedelta(days=91))
    assert await raised(log) == 0


def test_of_whom_the_adopted_rules_say_something_is_no_finding():
    outcome, _ = tried(
        EASIER,
        network(),
        exploited_with_sibling("kit", "lou"),
        sign("R", "kit", Activity.OUT_OF_AREA),
    )
    assert only_trial(outcome, MONDAY, MONDAY + timedelta(days=9)) == []


def test_more_findings_than_a_lead_can_decide_are_refused(monkeypatch):
    monkeypatch.setattr("consumers.safeguarding.lab_findings.FINDINGS_MAX", 2)
    several = [sign(f"R{n}", f"kid {n}", Activity.OUT_OF_AREA) for n in range(3)]
    outcome, _ = tried(EASIER, several)
    alerts = only_trial(outcome, MONDAY, MONDAY + timedelta(days=9))
    with pytest.raises(TooManyFindingsError, match="3 people"):
        raise_findings(Findings(), alerts, EASIER, LEAD.name, MONDAY)


def some_findings(*decided):
    log = MemoryLog()
    told = LabFindingRaised(
        finding_id=an_id("F1"),
        person_id=an_id("kit"),
        rule_id=SIGNS,
        rules_digest="0" * 64,
        report_ids=(),
        decided_by="Hal Hub",
        decided_at=MONDAY,
    )
    placed = [Outgoing(HUB_DECISIONS, encode(one)) for one in (told, *decided)]
    log._append(placed)
    return Findings.of(log.records(HUB_DECISIONS))


def decided(verdict, reason):
    return decide_on_finding(some_findings(), key("F1")[:6], verdict, reason, LEAD.name, MONDAY)


def test_a_finding_is_taken_up_or_declined_by_a_reason_that_fits():
    assert decided(FindingVerdict.TAKEN_UP, FindingReason.CHILD_AT_RISK).finding_id == an_id("F1")
    assert decided(FindingVerdict.DECLINED, FindingReason.RULE_TOO_WIDE).decided_by == LEAD.name
    with pytest.raises(UnfitReasonError, match="CHILD_AT_RISK"):
        decided(FindingVerdict.TAKEN_UP, FindingReason.RULE_TOO_WIDE)
    with pytest.raises(UnfitReasonError, match="KNOWN_ALREADY"):
        decided(FindingVerdict.DECLINED, FindingReason.CHILD_AT_RISK)


def test_a_finding_is_decided_once():
    before = decided(FindingVerdict.DECLINED, FindingReason.KNOWN_ALREADY)
    found = some_findings(before)
    with pytest.raises(DecidedAlreadyError, match="DECLINED"):
        decide_on_finding(
            found,
            key("F1"),
            FindingVerdict.TAKEN_UP,
            FindingReason.CHILD_AT_RISK,
            LEAD.name,
            MONDAY,
        )


@pytest.mark.parametrize("typed", ["", "zz", "ffffffffff"])
def test_a_finding_that_is_not_there_cannot_be_decided(typed):
    with pytest.raises(UnknownFindingError):
        some_findings().named(typed)


# --- bad input ----------------------------------------------------------------------------


def test_a_window_that_ends_before_it_begins_is_refused():
    with pytest.raises(InvalidInputError, match="--from lies after --to"):
        window_of(MONDAY, MONDAY - timedelta(days=1))


def test_a_bad_rule_file_is_refused_by_the_name_of_its_field():
    text = standard().document.replace('"threshold":7', '"threshold":7,"treshold":7')
    with pytest.raises(InvalidRulesError, match="treshold"):
        parse(text, "new.json")
