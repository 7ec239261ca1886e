"""What may be decided about disruptions, and what is refused with the state unchanged."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from consumers.ocg_network.disruption_decisions import (
    AskedView,
    DisruptionSettledError,
    HubSaysHoldError,
    HubViewMissingError,
    NoLeverAgainstError,
    NotAtTheEdgeError,
    NotExecutedError,
    NotYourAgencyError,
    OwnDisruptionError,
    Target,
    UnknownCauseError,
    UnknownDisruptionError,
    decide_assess,
    decide_concern,
    decide_execute,
    decide_fail,
    decide_intervention,
    decide_outcome,
    decide_plan,
)
from consumers.ocg_network.levers import TargetKind, catalogue
from streams.codes import Agency, HubView, InterventionKind, Lever, OcgRole
from streams.errors import InvalidInputError
from streams.roles import OcgStatus
from tests.invented_disruptions import (
    ADULT,
    CHILD,
    CHILDS_HOME,
    HOME,
    OFFICER,
    VICTIM,
    arrested,
    assessed,
    book_of,
    by_disruption,
    by_report,
    closed,
    concern,
    executed,
    failed,
    ground,
    offered,
    planned,
    seized,
    sentenced,
)
from tests.invented_evidence import an_id, key

EMPTY = book_of()
CLOSURE = {
    "lever": Lever.CLOSURE_ORDER,
    "target_id": an_id("home"),
    "request_id": an_id("Q1"),
}


def view(view=HubView.NO_OBJECTION):
    return {Lever.CLOSURE_ORDER: AskedView(request_id=key("Q1"), view=view)}


# --- planning -------------------------------------------------------------------------


def test_a_lever_is_planned_against_an_adult_of_a_mapped_ocg():
    assert decide_plan(planned(), EMPTY, ground()) == (planned(),)


@pytest.mark.parametrize("status", [None, OcgStatus.ARCHIVED, OcgStatus.ABSORBED])
def test_nothing_is_planned_against_an_ocg_that_is_not_mapped(status):
    with pytest.raises(InvalidInputError, match="mapped"):
        decide_plan(planned(), EMPTY, ground(ocg_status=status))


@pytest.mark.parametrize("target", [CHILD, VICTIM])
@pytest.mark.parametrize("lever", list(Lever))
def test_no_lever_at_all_is_planned_against_a_child_or_a_victim(lever, target):
    event = planned(lever=lever, agency=catalogue().entries[lever].agency)
    with pytest.raises(NoLeverAgainstError):
        decide_plan(event, EMPTY, ground(target))


def test_a_lever_is_planned_by_an_agency_that_holds_it():
    with pytest.raises(InvalidInputError, match="COUNCIL, HOUSING, POLICE"):
        decide_plan(planned(agency=Agency.FIRE), EMPTY, ground())


def test_an_officer_plans_the_levers_of_their_own_agency_and_police_those_of_all():
    fire = ground(acts_for=frozenset({Agency.FIRE}))
    with pytest.raises(NotYourAgencyError, match="FIRE"):
        decide_plan(planned(), EMPTY, fire)
    assert decide_plan(planned(), EMPTY, ground(acts_for=frozenset({Agency.COUNCIL})))
    assert decide_plan(planned(), EMPTY, ground(acts_for=None))


def test_how_it_went_is_told_by_the_agency_whose_lever_it_is_or_by_police():
    book, fire = book_of(planned()), frozenset({Agency.FIRE})
    with pytest.raises(NotYourAgencyError, match="FIRE"):
        decide_execute(executed(), book, ground(acts_for=fire))
    with pytest.raises(NotYourAgencyError, match="FIRE"):
        decide_fail(failed(), book, acts_for=fire)
    council = frozenset({Agency.COUNCIL})
    assert decide_execute(executed(), book, ground(acts_for=council))
    assert decide_fail(failed(), book, acts_for=council)
    assert decide_fail(failed(), book, acts_for=None)


def test_the_day_is_that_of_london_also_in_the_first_hour_of_a_summer_day():
    """At 23:30 UTC in June it is tomorrow in London, where the day has come."""
    late, today = datetime(2026, 6, 30, 23, 30, tzinfo=UTC), date(2026, 7, 1)
    event = replace(executed(on=today), decided_at=late)
    assert decide_execute(event, book_of(planned()), ground()) == (event,)
    assert book_of(planned(decided_at=late)).disruptions[key("D1")].planned_on == "2026-07-01"
    with pytest.raises(InvalidInputError, match="not come yet"):
        decide_execute(replace(event, executed_on=date(2026, 7, 2)), book_of(planned()), ground())


def test_a_lever_needs_the_kind_of_target_it_is_for():
    with pytest.raises(InvalidInputError, match="PERSON"):
        decide_plan(planned(target_id=an_id("home")), EMPTY, ground(HOME))
    with pytest.raises(InvalidInputError, match="needs one"):
        decide_plan(planned(target_id=None), EMPTY, ground(None))


def test_a_lever_is_not_planned_against_somebody_who_is_not_of_the_ocg():
    with pytest.raises(InvalidInputError, match="neither a member"):
        decide_plan(planned(), EMPTY, ground(is_of_ocg=False))


def test_a_report_that_police_do_not_hold_is_no_ground_for_a_plan():
    with pytest.raises(UnknownCauseError):
        decide_plan(planned(report_ids=(an_id("R9"),)), EMPTY, ground())


def test_at_a_home_with_a_child_the_plan_is_refused_with_the_command_to_ask():
    with pytest.raises(HubViewMissingError, match=r"ask-view \S+ --lever CLOSURE_ORDER"):
        decide_plan(planned(**CLOSURE), EMPTY, ground(CHILDS_HOME))


def test_a_view_that_was_asked_and_not_given_is_none_yet():
    with pytest.raises(HubViewMissingError, match="not answered"):
        decide_plan(planned(**CLOSURE), EMPTY, ground(CHILDS_HOME, views=view(None)))


def test_a_view_on_one_lever_says_nothing_of_another():
    possession = {"lever": Lever.POSSESSION, "agency": Agency.HOUSING}
    with pytest.raises(HubViewMissingError):
        decide_plan(
            planned(target_id=an_id("home"), **possession),
            EMPTY,
            ground(CHILDS_HOME, views=view()),
        )


def test_hold_refuses_and_every_other_view_lets_the_plan_stand():
    hold = view(HubView.HOLD_UNTIL_CHILD_SAFE)
    with pytest.raises(HubSaysHoldError):
        decide_plan(planned(**CLOSURE), EMPTY, ground(CHILDS_HOME, views=hold))
    for other in set(HubView) - {HubView.HOLD_UNTIL_CHILD_SAFE}:
        views = view(other)
        assert decide_plan(planned(**CLOSURE), EMPTY, ground(CHILDS_HOME, views=views))


@pytest.mark.parametrize("named", [None, an_id("an earlier view")])
def test_a_plan_names_the_view_that_it_rests_on(named):
    plan = planned(**CLOSURE | {"request_id": named})
    with pytest.raises(HubViewMissingError, match="names the hub's latest view"):
        decide_plan(plan, EMPTY, ground(CHILDS_HOME, views=view()))


def test_a_home_where_only_victims_live_is_protected_and_not_taken():
    sheltered = Target(entity_id=key("home"), kind=TargetKind.ADDRESS, shelters_victim=True)
    with pytest.raises(NoLeverAgainstError, match="HARDENING"):
        decide_plan(planned(**CLOSURE), EMPTY, ground(sheltered))
    hardening = planned(lever=Lever.HARDENING, agency=Agency.HOUSING, target_id=an_id("home"))
    assert decide_plan(hardening, EMPTY, ground(sheltered))


# --- how it went ----------------------------------------------------------------------


def test_a_plan_is_executed_once():
    assert decide_execute(executed(), book_of(planned()), ground())
    with pytest.raises(DisruptionSettledError):
        decide_execute(executed(), book_of(planned(), failed()), ground())


def test_what_was_never_planned_is_neither_executed_nor_failed_nor_assessed():
    with pytest.raises(UnknownDisruptionError):
        decide_execute(executed(), book_of(executed()), ground())
    with pytest.raises(UnknownDisruptionError):
        decide_fail(failed(), EMPTY, acts_for=None)
    with pytest.raises(UnknownDisruptionError):
        decide_assess(assessed(), EMPTY)


def test_a_child_that_moved_in_since_the_plan_stops_the_execution():
    with pytest.raises(HubViewMissingError):
        decide_execute(executed(), book_of(planned(**CLOSURE)), ground(CHILDS_HOME))


def test_nothing_is_executed_on_a_day_to_come():
    with pytest.raises(InvalidInputError, match="not come"):
        decide_execute(executed(on=date(2026, 7, 1)), book_of(planned()), ground())


@pytest.mark.parametrize("history", [[planned()], [planned(), failed()]])
def test_a_plan_or_a_failure_is_not_assessed(history):
    with pytest.raises(NotExecutedError):
        decide_assess(assessed(), book_of(*history))


@pytest.mark.parametrize("name", [OFFICER, OFFICER.upper(), f"  {OFFICER} "])
def test_nobody_assesses_what_they_planned_or_executed_however_they_write_their_name(name):
    book = book_of(planned(), executed(by="PC Invented Other"))
    with pytest.raises(OwnDisruptionError):
        decide_assess(assessed(by=name), book)
    with pytest.raises(OwnDisruptionError):
        decide_assess(assessed(by="pc invented other"), book)
    assert decide_assess(assessed(), book)


def test_an_assessment_gives_a_rationale():
    with pytest.raises(InvalidInputError, match="rationale"):
        decide_assess(assessed(why=()), book_of(planned(), executed()))


# --- what it brought ------------------------------------------------------------------


def test_an_outcome_names_a_cause_that_is_known():
    book = book_of(planned())
    assert decide_outcome(seized(), book, ground())
    assert decide_outcome(seized(caused_by=by_report()), book, ground())
    for unknown in (by_disruption("D9"), by_report("R9")):
        with pytest.raises(UnknownCauseError):
            decide_outcome(seized(caused_by=unknown), book, ground())


def test_a_childs_arrest_or_sentence_is_no_outcome_against_an_ocg():
    for event in (arrested(person="cy"), sentenced(person="cy")):
        with pytest.raises(NoLeverAgainstError, match="tell the hub"):
            decide_outcome(event, book_of(planned()), ground(CHILD))


@pytest.mark.parametrize(
    ("event", "target"),
    [
        (seized(quantity=0), ADULT),
        (seized(quantity=-3), ADULT),
        (sentenced(months=-1), ADULT),
        (sentenced(months=721), ADULT),
        (closed(until=date(2026, 5, 31)), HOME),
        (closed(), ADULT),
        (arrested(), HOME),
        (arrested(), None),
        (seized(occurred_on=date(2026, 7, 1)), ADULT),
    ],
)
def test_an_outcome_out_of_range_is_refused(event, target):
    with pytest.raises(InvalidInputError):
        decide_outcome(event, book_of(planned()), ground(target))


def test_an_outcome_is_recorded_once():
    with pytest.raises(InvalidInputError, match="there already"):
        decide_outcome(seized(), book_of(planned(), seized()), ground())


# --- the edge -------------------------------------------------------------------------


def test_an_intervention_is_for_adults_at_the_edge_and_never_for_a_principal():
    talk = offered(kind=InterventionKind.CEASE_AND_DESIST_TALK, agency=Agency.POLICE)
    for role in (OcgRole.PERIPHERAL, OcgRole.SIGNIFICANT):
        assert decide_intervention(talk, EMPTY, ground(roles=frozenset({role})))
    with pytest.raises(NotAtTheEdgeError):
        decide_intervention(talk, EMPTY, ground(roles=frozenset({OcgRole.PRINCIPAL})))


@pytest.mark.parametrize("target", [CHILD, VICTIM])
def test_for_a_child_or_victim_an_intervention_is_support_from_who_supports(target):
    assert decide_intervention(offered(), EMPTY, ground(target))
    for kind, agency in (
        (InterventionKind.CEASE_AND_DESIST_TALK, Agency.COUNCIL),
        (InterventionKind.MENTORING, Agency.POLICE),
    ):
        with pytest.raises(NoLeverAgainstError, match="support"):
            decide_intervention(offered(kind=kind, agency=agency), EMPTY, ground(target))


def test_a_concern_names_a_week_that_has_begun_and_a_count():
    assert decide_concern(concern(), EMPTY, ground())
    for wrong in ({"week": "2026-W30"}, {"week": "2026-W99"}, {"week": "June"}, {"count": 0}):
        with pytest.raises(InvalidInputError):
            decide_concern(concern(**wrong), EMPTY, ground())
