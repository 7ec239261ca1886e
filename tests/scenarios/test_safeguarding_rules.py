"""Stories about the rules: signs that add up, places, lines, adults, time; and what undoes them."""

from __future__ import annotations

import pytest

from consumers.safeguarding import Safeguarding
from consumers.safeguarding.alerts import alert_id_of
from consumers.safeguarding.look import alert as shown_alert
from consumers.safeguarding.look import possible_alerts
from consumers.safeguarding.rule_tables import PENDING_TABLE, RULES_TABLE
from consumers.safeguarding.rules import standard
from consumers.safeguarding.tables import ALERTS_TABLE, VERSIONS
from consumers.store import ProjectionStore
from streams.codes import AlertSubject
from streams.hub import RulesAdopted
from streams.memory import MemoryLog
from streams.shared import (
    AgeBandChanged,
    AlertRaised,
    AlertUpdated,
    GradeRelayed,
    PossibleLinkTold,
)
from streams.taxonomy import RelationKind
from streams.values import Activity, AgeBand, AlertRule, Role
from tests.hub_rules import Hub, at, rules_with, signs, telling
from tests.invented_evidence import (
    DECIDED_AT,
    NO,
    UNKNOWN,
    YES,
    Desk,
    Told,
    an_id,
    grade,
    key,
    merged,
    relayed,
    split,
    withdrawn,
)

EARLY = AlertRule.EARLY_SIGNS
CUCKOO = AlertRule.CUCKOOED_ADDRESS
LINE = AlertRule.DEAL_LINE
ADULT = AlertRule.VULNERABLE_ADULT
SLAVERY = AlertRule.MODERN_SLAVERY
AREA = AlertRule.MISSING_IN_AREA
AWAY = AlertRule.UNANSWERED
HOME = AlertRule.HOUSEHOLD_OF_INVOLVED
TIED = AlertRule.CHILD_TIED_TO_NOMINAL

MISSING, RETURNED = Activity.MISSING, Activity.RETURNED
INJURY, EXCLUSION, DEBT = Activity.INJURY, Activity.EXCLUSION, Activity.DEBT
EXPLOITS, CUCKOOED = RelationKind.EXPLOITS, RelationKind.CUCKOOED_AT
LIVES, PARENT = RelationKind.LIVES_AT, RelationKind.PARENT
USES_LINE, RUNS_LINE = RelationKind.USES_LINE, RelationKind.RUNS_LINE
ASSOCIATE = RelationKind.ASSOCIATE


def network(name="N1", **facts):
    told = Told(name, **facts).tie("ada", RelationKind.CO_OFFENDER, "bob", "cyd")
    return told.suspect("ada").person("bob", "cyd", child=NO).safeguarding()


def three_signs(child="kit", **facts):
    """Missing, injured and excluded within five weeks, told by three: seven points."""
    return (
        signs("S1", child, EXCLUSION, week="2026-W36", **facts),
        signs("S2", child, INJURY, week="2026-W38", **facts),
        signs("S3", child, MISSING, week="2026-W40", **facts),
    )


@pytest.fixture
def hub():
    return Hub()


# --- early signs ------------------------------------------------------------------------


def test_signs_that_add_up_alert_once_and_name_what_counted(hub):
    hub.hear(*three_signs())
    assert hub.alerted(EARLY) == {"kit"}
    one = hub.alert(EARLY, "kit")
    assert [(sign.activity, sign.week) for sign in one.signs] == [
        (EXCLUSION, "2026-W36"),
        (INJURY, "2026-W38"),
        (MISSING, "2026-W40"),
    ]
    assert [alert.rule_id for alert in hub.told if alert.rule_id == EARLY] == [EARLY]


def test_one_point_below_the_threshold_is_no_alert(hub):
    hub.hear(*three_signs()[:2], signs("S4", "kit", EXCLUSION, week="2026-W39"))
    assert hub.alerted(EARLY) == set()  # 2 + 2 + 2 = 6
    hub.hear(signs("S5", "kit", DEBT, week="2026-W40"))
    assert hub.alerted(EARLY) == {"kit"}


def test_one_origin_told_twice_counts_once(hub):
    hub.hear(
        signs("S1", "kit", MISSING, origin="x"),
        signs("S2", "kit", MISSING, origin="x"),
        signs("S3", "kit", EXCLUSION, origin="y"),
    )
    assert hub.alerted(EARLY) == set()  # 3 + 2, not 3 + 3 + 2
    hub.hear(signs("S4", "kit", MISSING, origin="z"))
    assert hub.alerted(EARLY) == {"kit"}


def test_signs_of_one_origin_alone_are_not_enough_however_many(hub):
    hub.hear(signs("S1", "kit", MISSING, INJURY, EXCLUSION, DEBT, Activity.OUT_OF_AREA))
    assert hub.alerted(EARLY) == set()


def test_one_kind_of_sign_counts_at_most_as_often_as_the_rule_says(hub):
    hub.hear(*(signs(f"S{n}", "kit", MISSING) for n in range(9)))
    assert hub.alerted(EARLY) == set()
    hub.hear(signs("S9", "kit", EXCLUSION))
    assert hub.alerted(EARLY) == {"kit"}


@pytest.mark.parametrize(("week", "found"), [("2026-W28", {"kit"}), ("2026-W27", set())])
def test_the_window_is_so_many_weeks_and_no_more(hub, week, found):
    first, second, _ = three_signs()
    hub.hear(signs("S3", "kit", MISSING, week=week), first, second)
    hub.hear(signs("S4", "kit", Activity.OUT_OF_AREA, week="2026-W40"))
    one = hub.judge.alerts.get((EARLY, key("kit")))
    assert one is not None
    assert one.supported
    weeks = {sign.week for sign in one.signs}
    assert (week in weeks) == bool(found)


def test_a_window_reaches_over_the_turn_of_the_year(hub):
    hub.hear(
        signs("S1", "kit", MISSING, week="2026-W53"),
        signs("S2", "kit", EXCLUSION, week="2027-W01"),
        signs("S3", "kit", INJURY, week="2027-W02"),
    )
    assert hub.alerted(EARLY) == {"kit"}


@pytest.mark.parametrize("role", [Role.WITNESS, Role.CARER])
def test_facts_are_not_about_witnesses_and_carers(hub, role):
    assert hub.hear(*three_signs(role=role)).alerted(EARLY) == set()


@pytest.mark.parametrize("role", [Role.VICTIM, Role.SUSPECT, Role.OTHER])
def test_facts_are_about_victims_suspects_and_others(hub, role):
    assert hub.hear(*three_signs(role=role)).alerted(EARLY) == {"kit"}


def test_an_adult_has_no_early_signs_and_what_was_told_of_the_child_stays(hub):
    assert hub.hear(*three_signs(child_then=NO)).alerted(EARLY) == set()


def test_a_tie_to_an_adult_associate_counts_and_one_to_a_child_does_not(hub):
    first, second, _ = three_signs()
    friend = signs("S4", "kit", Activity.CONCERN)
    told = Told("A1").tie("kit", ASSOCIATE, "ray").child("kit").person("ray", child=YES)
    hub.hear(first, second, friend, signs("S5", "kit", MISSING, week="2026-W10"))
    assert hub.alerted(EARLY) == set()
    hub.hear(telling(told, Activity.MEETING), signs("S6", "kit", DEBT, week="2026-W37"))
    assert hub.alerted(EARLY) == set()  # 2 + 2 + 2
    grown = Told("A2", week="2026-W45").person("ray", child=NO)
    hub.hear(telling(grown, Activity.MEETING))
    assert hub.alerted(EARLY) == {"kit"}
    assert hub.alert(EARLY, "kit").path[0].kind is ASSOCIATE


def test_what_is_suspected_false_is_no_sign_and_a_later_grade_marks_the_alert(hub):
    first, second, third = three_signs()
    false = signs("S3", "kit", MISSING, week="2026-W40", grading=grade("E"))
    assert hub.hear(first, second, false).alerted(EARLY) == set()
    hub = Hub().hear(first, second, third)
    assert hub.alerted(EARLY) == {"kit"}
    hub.hear(GradeRelayed(report_id=an_id("S3"), revision=1, grading=grade("E")))
    assert hub.alerted(EARLY) == set()
    assert hub.alert(EARLY, "kit").supported is False


def test_a_withdrawal_takes_the_sign_back_and_the_alert_stays_marked(hub):
    hub.hear(*three_signs(), withdrawn("S2"))
    one = hub.alert(EARLY, "kit")
    assert (one.supported, one.signs, one.version) == (False, (), 2)


def test_a_correction_that_no_longer_says_so_takes_the_sign_back(hub):
    hub.hear(*three_signs(), signs("S3", "kit", Activity.CONCERN, revision=2, week="2026-W40"))
    assert hub.alerted(EARLY) == set()
    hub.hear(signs("S3", "kit", MISSING, revision=1, week="2026-W40"))
    assert hub.alerted(EARLY) == set()  # an older revision is no news


def test_signs_of_two_ids_add_up_once_they_are_one_and_no_longer_when_they_are_two(hub):
    first, second, _ = three_signs()
    third = Told("S3", week="2026-W40").child("kim")
    hub.hear(first, second, telling(third, MISSING))
    assert hub.alerted(EARLY) == set()
    hub.hear(merged("kit", "kim"))
    assert hub.alerted(EARLY) == {"kit"}
    hub.hear(split("kit", "kim", third.mention("kim")))
    assert hub.alerted(EARLY) == set()
    assert hub.alert(EARLY, "kit").supported is False


def test_a_child_that_comes_of_age_keeps_an_alert_without_support(hub):
    hub.hear(*three_signs())
    hub.hear(AgeBandChanged(person_id=an_id("kit"), age_band=AgeBand.ADULT, week="2026-W44"))
    assert hub.alert(EARLY, "kit").supported is False


def test_an_unknown_age_with_the_signs_of_a_child_counts_as_a_child(hub):
    told = Told("F1").tie("mum", PARENT, "kit").person("kit", child=UNKNOWN)
    hub.hear(*three_signs(child_then=UNKNOWN))
    assert hub.alerted(EARLY) == set()
    hub.hear(telling(told, Activity.NONE))
    assert hub.alerted(EARLY) == {"kit"}


# --- alerts follow people ---------------------------------------------------------------


def test_an_alert_follows_a_merged_person_and_no_second_one_is_raised(hub):
    hub.hear(*three_signs(), merged("kim", "kit"))
    assert set(hub.judge.alerts) == {(EARLY, key("kim"))}
    one = hub.judge.alerts[EARLY, key("kim")]
    assert one.alert_id == alert_id_of(EARLY, key("kit"))
    assert one.supported


def test_undone_the_alert_is_back_with_whom_it_was_raised_for(hub):
    told = [Told(f"S{n}", week=f"2026-W{36 + n}").child("kit") for n in range(3)]
    said = (EXCLUSION, INJURY, MISSING)
    hub.hear(*map(telling, told, said), merged("kim", "kit"))
    hub.hear(split("kim", "kit", *(one.mention("kit") for one in told)))
    assert set(hub.judge.alerts) == {(EARLY, key("kit"))}
    assert hub.judge.alerts[EARLY, key("kit")].alert_id == alert_id_of(EARLY, key("kit"))
    assert hub.alerted(EARLY) == {"kit"}


def test_two_alerts_of_one_person_stay_two_and_only_the_kept_one_has_support(hub):
    hub.hear(*three_signs("kit"))
    others = [Told(f"T{n}", week=f"2026-W{36 + n}").child("kim") for n in range(3)]
    hub.hear(*map(telling, others, (EXCLUSION, INJURY, MISSING)))
    assert hub.alerted(EARLY) == {"kit", "kim"}
    hub.hear(merged("kim", "kit"))
    assert hub.alerted(EARLY) == {"kim"}
    assert len([one for one in hub.judge.alerts if one[0] == EARLY]) == 2


def test_ids_that_are_merged_twice_and_parted_never_give_two_alerts_one_id(hub):
    told = [Told(f"S{n}", week=f"2026-W{36 + n}").child("kit") for n in range(3)]
    hub.hear(*map(telling, told, (EXCLUSION, INJURY, MISSING)))
    others = [Told(f"T{n}", week=f"2026-W{36 + n}").child("lou") for n in range(3)]
    hub.hear(*map(telling, others, (EXCLUSION, INJURY, MISSING)))
    hub.hear(merged("kim", "kit"), merged("lou", "kim"))
    hub.hear(split("lou", "kit", *(one.mention("kit") for one in told)))
    ids = [one.alert_id for one in hub.judge.alerts.values()]
    assert len(ids) == len(set(ids))
    assert hub.alerted(EARLY) == {"kit", "lou"}


# --- places and lines -------------------------------------------------------------------


def test_a_child_at_a_cuckooed_address_alerts_whichever_was_told_first(hub):
    lives = Told("L1").tie("kit", LIVES, "flat").child("kit").safeguarding()
    cuckooed = Told("C1").tie("dee", CUCKOOED, "flat").person("dee", child=NO).safeguarding()
    for first, second in ((lives, cuckooed), (cuckooed, lives)):
        hub = Hub().hear(first)
        assert hub.alerted(CUCKOO) == set()
        assert hub.hear(second).alerted(CUCKOO) == {"kit"}
    assert hub.hear(withdrawn("C1")).alerted(CUCKOO) == set()


def test_a_child_named_where_an_address_is_cuckooed_is_present_there(hub):
    named = Told("C1").tie("dee", CUCKOOED, "flat").person("dee", child=NO).child("kit")
    assert hub.hear(named.safeguarding()).alerted(CUCKOO) == {"kit"}
    off = Hub(rules_with(CUCKOOED_ADDRESS={"named_in_the_report": False, "examples": []}))
    assert off.hear(named.safeguarding()).alerted(CUCKOO) == set()


def test_an_adult_at_the_address_is_no_child_there(hub):
    told = Told("C1").tie("dee", CUCKOOED, "flat").tie("ray", LIVES, "flat")
    assert hub.hear(told.person("dee", "ray", child=NO).safeguarding()).alerted(CUCKOO) == set()


def test_a_child_on_a_line_and_one_exploited_by_who_runs_it(hub):
    hub.hear(Told("L1").tie("kit", USES_LINE, "line").child("kit").safeguarding())
    exploited = Told("L2").tie("ray", EXPLOITS, "lou").child("lou").person("ray", child=NO)
    hub.hear(exploited.safeguarding())
    assert hub.alerted(LINE) == {"kit"}
    hub.hear(Told("L3").tie("ray", RUNS_LINE, "line").person("ray", child=NO).safeguarding())
    assert hub.alerted(LINE) == {"kit", "lou"}
    assert [step.kind for step in hub.alert(LINE, "lou").path] == [EXPLOITS, RUNS_LINE]
    assert hub.hear(withdrawn("L3")).alerted(LINE) == {"kit"}


# --- households -------------------------------------------------------------------------


def test_a_child_of_somebody_involved_alerts_and_a_foster_child_does_not(hub):
    hub.hear(network())
    hub.hear(Told("F1").tie("ada", PARENT, "kit").child("kit").safeguarding())
    fostered = Told("F2").tie("ada", RelationKind.FOSTER_CARER, "lou").child("lou")
    hub.hear(fostered.safeguarding())
    assert hub.alerted(HOME) == {"kit"}


def test_siblings_are_left_to_their_own_rule_unless_the_file_says_otherwise(hub):
    events = (
        network(),
        Told("I1").tie("ada", EXPLOITS, "sib").child("sib").safeguarding(),
        Told("F1").tie("mum", PARENT, "sib", "kit").child("sib", "kit").safeguarding(),
    )
    assert hub.hear(*events).alerted(HOME) == set()
    assert hub.alerted(AlertRule.SIBLING_OF_INVOLVED) == {"kit"}
    wide = Hub(rules_with(HOUSEHOLD_OF_INVOLVED={"beyond_siblings": False, "examples": []}))
    assert wide.hear(*events).alerted(HOME) == {"kit"}


# --- adults and slavery -----------------------------------------------------------------


def test_an_adult_with_needs_who_is_cuckooed_is_an_alert_about_an_adult(hub):
    hub.hear(signs("V1", "dee", Activity.CARE_NEEDS, child_then=NO))
    assert hub.alerted(ADULT) == set()
    hub.hear(Told("V2").tie("dee", CUCKOOED, "flat").person("dee", child=NO).safeguarding())
    one = hub.alert(ADULT, "dee")
    assert (one.about, one.supported, one.path[0].kind) == (AlertSubject.ADULT, True, CUCKOOED)
    assert hub.hear(withdrawn("V1")).alert(ADULT, "dee").supported is False


def test_children_have_rules_of_their_own(hub):
    hub.hear(signs("V1", "kit", Activity.CARE_NEEDS))
    hub.hear(Told("V2").tie("ray", EXPLOITS, "kit").child("kit").safeguarding())
    assert hub.alerted(ADULT) == set()


@pytest.mark.parametrize(("child", "about"), [(YES, AlertSubject.CHILD), (NO, AlertSubject.ADULT)])
def test_indicators_of_slavery_count_by_kind_for_children_and_adults(hub, child, about):
    hub.hear(
        signs("M1", "eli", Activity.FEAR, Activity.PAY_WITHHELD, child_then=child),
        signs("M2", "eli", Activity.FEAR, child_then=child),
    )
    assert hub.alerted(SLAVERY) == set()  # two kinds
    hub.hear(signs("M3", "eli", Activity.COACHED_ANSWERS, child_then=child))
    assert hub.alerted(SLAVERY) == {"eli"}
    assert hub.alert(SLAVERY, "eli").about is about


# --- missing in an area -----------------------------------------------------------------


def test_a_missing_child_where_a_network_is_seen_alerts_whichever_came_first():
    seen, gone = network(), signs("M1", "kit", MISSING)
    for first, second in ((seen, gone), (gone, seen)):
        assert Hub().hear(first).hear(second).alerted(AREA) == {"kit"}


@pytest.mark.parametrize(("week", "found"), [("2026-W48", {"kit"}), ("2026-W49", set())])
def test_the_network_must_have_been_seen_around_that_time(hub, week, found):
    hub.hear(network(), signs("M1", "kit", MISSING, week=week))
    assert hub.alerted(AREA) == found


def test_when_the_network_falls_apart_the_area_is_none(hub):
    hub.hear(network(), signs("M1", "kit", MISSING))
    hub.hear(Told("N1", revision=2).tie("ada", RelationKind.CO_OFFENDER, "bob").safeguarding())
    assert hub.alert(AREA, "kit").supported is False


def test_a_child_of_the_network_makes_no_area_of_its_own_report(hub):
    hub.hear(network(district="S11"))
    tied = Told("I1", district="S11").tie("ada", EXPLOITS, "kit").child("kit")
    hub.hear(tied.safeguarding(), signs("M1", "kit", MISSING, district="S5"))
    assert hub.alerted(AREA) == set()


# --- time -------------------------------------------------------------------------------


def test_missing_and_not_back_in_time_is_raised_at_the_instant_it_falls_due(hub):
    hub.hear(signs("U1", "kit", MISSING), hour=0)
    (pending,) = hub.judge.pending()
    assert (pending.rule_id, pending.due_at) == (AWAY, at(72))
    hub.hear(signs("X1", "lou", Activity.CONCERN), hour=100)
    assert hub.alert(AWAY, "kit").raised_at == at(72)
    assert hub.judge.pending() == []


def test_back_in_time_is_no_alert_and_back_at_the_very_end_is_in_time(hub):
    hub.hear(signs("U1", "kit", MISSING), hour=0).hear(signs("U2", "kit", RETURNED), hour=72)
    assert hub.wait(500).alerted(AWAY) == set()
    late = Hub().hear(signs("U1", "kit", MISSING), hour=0)
    late.hear(signs("U2", "kit", RETURNED), hour=72.001)
    assert late.alerted(AWAY) == {"kit"}
    assert late.alert(AWAY, "kit").raised_at == at(72)


def test_a_return_told_before_but_of_a_later_week_answers(hub):
    hub.hear(signs("U2", "kit", RETURNED, week="2026-W41"), hour=0)
    hub.hear(signs("U1", "kit", MISSING, week="2026-W40"), hour=1)
    assert hub.wait(500).alerted(AWAY) == set()


def test_a_return_of_an_earlier_week_answers_nothing(hub):
    hub.hear(signs("U1", "kit", MISSING, week="2026-W40"), hour=0)
    hub.hear(signs("U2", "kit", RETURNED, week="2026-W39"), hour=1)
    assert hub.wait(73).alerted(AWAY) == {"kit"}


def test_somebody_elses_return_answers_nothing_until_the_two_are_one(hub):
    hub.hear(signs("U1", "kit", MISSING), hour=0).hear(signs("U2", "kim", RETURNED), hour=1)
    hub.hear(merged("kit", "kim"), hour=2)
    assert hub.wait(500).alerted(AWAY) == set()


def test_a_report_of_a_return_that_is_taken_back_leaves_the_matter_open(hub):
    hub.hear(signs("U1", "kit", MISSING), hour=0).hear(signs("U2", "kit", RETURNED), hour=1)
    hub.hear(withdrawn("U2"), hour=2)
    assert hub.wait(73).alerted(AWAY) == {"kit"}


def test_a_correction_does_not_begin_the_time_anew(hub):
    hub.hear(signs("U1", "kit", MISSING), hour=0)
    hub.hear(signs("U1", "kit", MISSING, INJURY, revision=2), hour=60)
    assert hub.wait(73).alert(AWAY, "kit").raised_at == at(72)


def test_a_report_of_a_missing_child_that_is_withdrawn_in_time_never_alerts(hub):
    hub.hear(signs("U1", "kit", MISSING), hour=0).hear(withdrawn("U1"), hour=1)
    assert hub.wait(500).judge.alerts == {}


# --- adopting rules ---------------------------------------------------------------------


def adoption(rules):
    return RulesAdopted(
        version=rules.version,
        document=rules.document,
        reviewed_by="Rae Reviewer",
        decided_by="Hal Lead",
        decided_at=DECIDED_AT,
    )


def off(*rule_ids, version=2):
    changed = {rule_id: {"enabled": False} for rule_id in rule_ids}
    return rules_with(version=version, **changed)


@pytest.fixture
def desk():
    return Desk(Safeguarding())


def supported(desk):
    rows = desk.rows(ALERTS_TABLE)
    return {(row["rule_id"], row["child_id"]) for row in rows if row["supported"]}


async def test_adopted_rules_judge_from_their_place_in_the_log_on(desk):
    await desk.hear(*three_signs()[:2])
    assert supported(desk) == set()
    lower = rules_with(EARLY_SIGNS={"threshold": 4, "examples": []})
    await desk.hear(adoption(lower))
    assert supported(desk) == {(EARLY, key("kit"))}
    (raised,) = desk.published()
    place = desk.log.records("safeguarding.intelligence")[-1]
    assert (raised.rule_version, raised.raised_at) == (2, place.appended_at)
    assert [row["version"] for row in desk.rows(RULES_TABLE)] == [2]


async def test_alerts_of_a_rule_that_went_away_stay_and_are_marked(desk):
    await desk.hear(*three_signs(), adoption(off(EARLY)))
    (row,) = [one for one in desk.rows(ALERTS_TABLE) if one["rule_id"] == EARLY]
    assert (row["supported"], row["version"], row["rule_version"]) == (False, 2, 2)
    await desk.hear(adoption(rules_with(version=3)))
    assert (EARLY, key("kit")) in supported(desk)


async def test_an_alert_that_stands_under_both_is_not_told_again(desk):
    await desk.hear(*three_signs())
    before = desk.published()
    await desk.hear(adoption(rules_with()))
    assert desk.published() == before


@pytest.mark.parametrize("document", ["", "{}", '{"version": 2}'])
async def test_rules_that_do_not_hold_change_nothing(desk, document):
    await desk.hear(*three_signs())
    before, rules = supported(desk), desk.projection.judge.rules
    broken = RulesAdopted(
        version=2,
        document=document,
        reviewed_by="Rae Reviewer",
        decided_by="Hal Lead",
        decided_at=DECIDED_AT,
    )
    await desk.hear(broken)
    assert (supported(desk), desk.projection.judge.rules) == (before, rules)


async def test_an_older_version_changes_nothing(desk):
    await desk.hear(adoption(off(EARLY, version=5)), adoption(rules_with(version=4)))
    assert desk.projection.judge.rules.version == 5


async def test_a_restart_goes_on_where_it_was_with_rules_signs_and_deadlines():
    hours = [0.0]
    sooner = rules_with(UNANSWERED={"hours": 24, "examples": []})
    log = MemoryLog(lambda: at(hours[0]))
    first = Desk(Safeguarding(), log)
    await first.hear(*three_signs()[:2], adoption(sooner))
    await first.hear(signs("U1", "kit", MISSING, week="2026-W40"))
    assert [row["due_at"] for row in first.rows(PENDING_TABLE)] == [at(24).isoformat()]
    again = Desk(Safeguarding(), log, first.store)
    hours[0] = 48.0
    await again.hear(signs("X1", "lou", Activity.CONCERN))
    whole = Desk(Safeguarding(), log, ProjectionStore.in_memory(Safeguarding()))
    await whole.read()
    assert again.table_hashes() == whole.table_hashes()
    assert (AWAY, key("kit")) in supported(again)
    assert again.rows(PENDING_TABLE) == []


async def test_events_tell_rule_subject_signs_and_version(desk):
    identity = alert_id_of(EARLY, key("kit"))
    await desk.hear(*three_signs(), withdrawn("S1"))
    raised, updated = [one for one in desk.published() if one.alert_id == identity]
    assert isinstance(raised, AlertRaised)
    assert (raised.rule_id, raised.about, raised.rule_version) == (EARLY, AlertSubject.CHILD, 1)
    assert {sign.activity for sign in raised.signs} == {EXCLUSION, INJURY, MISSING}
    assert isinstance(updated, AlertUpdated)
    assert (updated.supported, updated.rule_version, updated.signs) == (False, 1, ())
    versions = [row for row in desk.rows(VERSIONS) if row["alert_id"] == str(identity)]
    assert len(versions) == 2


async def test_what_is_possible_by_a_rule_that_is_off_is_not_shown(desk):
    tied = Told("I1").tie("ada", EXPLOITS, "kim").child("kim")
    doubt = PossibleLinkTold(left_id=an_id("kim"), right_id=an_id("kit"), open=True)
    await desk.hear(network(), tied.safeguarding(), signs("X1", "kit", Activity.CONCERN), doubt)
    with desk.store.snapshot() as snapshot:
        assert [one["rule"] for one in possible_alerts(snapshot.connection)] == [TIED]
    await desk.hear(adoption(off(TIED)))
    with desk.store.snapshot() as snapshot:
        assert possible_alerts(snapshot.connection) == []


async def test_capacity_and_consent_are_shown_and_never_assumed(desk):
    await desk.hear(
        signs("V1", "dee", Activity.CARE_NEEDS, child_then=NO),
        Told("V2").tie("dee", CUCKOOED, "flat").person("dee", child=NO).safeguarding(),
    )
    with desk.store.snapshot() as snapshot:
        shown = shown_alert(snapshot.connection, str(alert_id_of(ADULT, key("dee"))))
    words = " ".join(shown["in_words"])
    assert "Capacity: no report says that this adult lacks it" in words
    assert "Consent: not known here" in words
    assert shown["recipients"] == ["ADULT_SOCIAL_CARE"]
    assert shown["signs"][0]["sign"] == "CARE_NEEDS"
    assert "not a referral" in shown["note"]


async def test_a_nominal_enrolled_later_makes_a_household_of_concern(desk):
    await desk.hear(Told("F1").tie("mum", PARENT, "kit").child("kit").safeguarding())
    await desk.hear(relayed("mum"))
    assert supported(desk) == {(HOME, key("kit"))}
    assert standard().rule(HOME).enabled
    await desk.hear(relayed("mum", is_nominal=False))
    assert supported(desk) == set()
