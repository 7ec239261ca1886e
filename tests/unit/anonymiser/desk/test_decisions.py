"""What a human may decide at the desk, and what is refused in one line."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from anonymiser.desk import decisions
from anonymiser.desk.cases import Case, CaseState, Opinion, Side, band, in_order, link_id_of
from anonymiser.desk.entries import Hold, Quarantine
from anonymiser.desk.escalation import overdue
from anonymiser.desk.policy import DeskPolicy
from streams.errors import DeniedError, InvalidInputError
from streams.values import HoldReason, HoldVerdict, LinkVerdict, NodeKind, OverBudgetReason

AT = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
POLICY = DeskPolicy()
LEFT, RIGHT = UUID(int=1), UUID(int=2)


def case(**changes):
    facts = {
        "link_id": link_id_of(LEFT, RIGHT),
        "kind": NodeKind.PERSON,
        "left_id": LEFT,
        "right_id": RIGHT,
        "agreed": ("born_on", "family_name"),
        "contradicted": ("given_name",),
        "score_centibits": 2400,
        "weights_version": 1,
        "bars": (),
        "noticed_at": AT - timedelta(days=2),
        "escalated_at": None,
        "sides": (Side(1, 1, is_child=False), Side(2, 1, is_child=False)),
        "state": CaseState.OPEN,
        "opinions": (),
        "asked": (),
        "planted": False,
    }
    return Case(**(facts | changes))


def decided(verdict):
    opinion = Opinion(verdict, "Ola Prober", AT - timedelta(days=1))
    return case(state=CaseState(verdict.value), opinions=(opinion,))


def review(one, verdict=LinkVerdict.DIFFERENT, *, today=0, over_budget=None):
    return decisions.review(
        one,
        verdict,
        reviewer="Ida Reviewer",
        decided_today=today,
        over_budget=over_budget,
        policy=POLICY,
        at=AT,
    )


def test_a_verdict_names_reviewer_time_and_the_two_as_they_were_noticed():
    said = review(case(), LinkVerdict.SAME)

    assert (said.left_id, said.right_id, said.verdict) == (LEFT, RIGHT, LinkVerdict.SAME)
    assert (said.decided_by, said.decided_at, said.over_budget) == ("Ida Reviewer", AT, None)


def test_a_decided_link_may_be_decided_otherwise_and_not_the_same_again():
    assert review(decided(LinkVerdict.SAME), LinkVerdict.DIFFERENT).verdict is LinkVerdict.DIFFERENT
    with pytest.raises(InvalidInputError, match="same already, by Ola Prober on 2026-11-24"):
        review(decided(LinkVerdict.SAME), LinkVerdict.SAME)


def test_a_decided_link_becomes_no_doubt_again():
    with pytest.raises(InvalidInputError, match="SAME or DIFFERENT"):
        review(decided(LinkVerdict.DIFFERENT), LinkVerdict.UNSURE)


def test_unsure_is_said_of_an_open_link_as_often_as_there_are_reviewers():
    opinion = Opinion(LinkVerdict.UNSURE, "Ola Prober", AT)
    assert review(case(opinions=(opinion,)), LinkVerdict.UNSURE).verdict is LinkVerdict.UNSURE


def test_nothing_is_decided_about_what_no_report_stands_behind():
    with pytest.raises(InvalidInputError, match="no live report"):
        review(case(state=CaseState.GONE))


def test_two_that_later_evidence_united_may_be_parted_and_not_united_again():
    united = case(state=CaseState.UNITED)

    assert review(united, LinkVerdict.DIFFERENT).verdict is LinkVerdict.DIFFERENT
    with pytest.raises(InvalidInputError, match="one already"):
        review(united, LinkVerdict.SAME)


def test_beyond_the_budget_of_a_day_a_reviewer_is_sent_home():
    assert review(case(), today=POLICY.decisions_per_day - 1).over_budget is None
    with pytest.raises(DeniedError, match="40 verdicts today, the budget is 40"):
        review(case(), today=POLICY.decisions_per_day)


def test_a_coded_reason_goes_beyond_the_budget_and_is_recorded_only_there():
    why = OverBudgetReason.CHILD_AT_RISK

    assert review(case(), today=POLICY.decisions_per_day, over_budget=why).over_budget is why
    assert review(case(), today=0, over_budget=why).over_budget is None


def test_the_day_of_a_budget_begins_at_midnight_in_london():
    summer = datetime(2026, 7, 1, 23, 30, tzinfo=UTC)  # half past midnight on the 2nd

    assert decisions.london_day(summer).isoformat() == "2026-07-02T00:00:00+01:00"
    assert decisions.london_day(AT).isoformat() == "2026-11-25T00:00:00+00:00"


@pytest.mark.parametrize("typed", [None, "", "  ", "x", "x" * 81, "Ida\x1b[31m"])
def test_a_decision_needs_a_name_that_can_be_read(typed):
    with pytest.raises(InvalidInputError, match="--as"):
        decisions.reviewer_name(typed)


def test_spaces_around_and_within_a_name_do_not_make_another_reviewer():
    assert decisions.reviewer_name("  Ida \t Reviewer ") == "Ida Reviewer"


# --- order, bands, escalation ---------------------------------------------------------


def test_overdue_links_stand_first_then_those_of_children_then_the_oldest():
    child = Side(1, 1, is_child=True)
    old, young = case(noticed_at=AT - timedelta(days=4)), case(noticed_at=AT)
    of_child = case(noticed_at=AT, sides=(child, Side(1, 1, is_child=False)))
    overdue_one = case(noticed_at=AT, escalated_at=AT)

    assert in_order([young, old, of_child, overdue_one]) == [overdue_one, of_child, old, young]


def test_numbers_are_told_in_bands():
    assert [band(n) for n in (1, 2, 4, 5, 9, 10, 500)] == [
        "1", "2-4", "2-4", "5-9", "5-9", "10 or more", "10 or more",
    ]  # fmt: skip


def test_the_id_of_a_pair_is_the_same_whichever_way_round():
    assert link_id_of(LEFT, RIGHT) == link_id_of(RIGHT, LEFT) != link_id_of(LEFT, LEFT)


def test_a_link_is_escalated_once_it_has_waited_five_days_to_the_second():
    fresh = AT - timedelta(days=5) + timedelta(seconds=1)
    links = [(LEFT, RIGHT, AT - timedelta(days=5)), (RIGHT, LEFT, fresh)]

    (told,) = overdue(links, POLICY, AT)
    assert (told.left_id, told.noticed_at, told.escalated_at) == (
        LEFT,
        AT - timedelta(days=5),
        AT,
    )


# --- holds and quarantine ---------------------------------------------------------------

CONFLICT = (("conflict_of_interest", "nodes[0].conflict"),)
APPROVAL = (("originator_approval_required", "handling.conditions"),)


def hold(reasons, partner="loxley-council"):
    return Hold(partner, UUID(int=7), 2, reasons, AT)


def rule(held, verdict, reason, body="desk"):
    return decisions.rule(held, verdict, reason, person="Ida Reviewer", body=body, at=AT)


def test_an_approval_names_the_person_of_the_partner_and_the_revision():
    said = decisions.approve(hold(APPROVAL), person="Jo Originator", at=AT)

    assert (said.approved_by, said.partner, said.revision) == ("Jo Originator", "loxley-council", 2)


def test_a_conflict_is_not_approved_by_the_partner_that_has_it():
    with pytest.raises(InvalidInputError, match="conflict_of_interest"):
        decisions.approve(hold(CONFLICT), person="Jo Originator", at=AT)


def test_nobody_decides_about_a_report_of_their_own_body():
    with pytest.raises(DeniedError, match="body that made it"):
        rule(hold(CONFLICT), HoldVerdict.RELEASE, HoldReason.STAFF_EXCLUDED, "loxley-council")


def test_a_body_is_the_desk_or_a_partner_of_the_register_so_a_slip_is_no_other_body():
    decisions.require_body("desk", ())
    decisions.require_body("loxley-council", {"loxley-council"})

    with pytest.raises(InvalidInputError, match="--body"):
        decisions.require_body("loxley_council", {"loxley-council"})


def test_the_desk_releases_conflicts_and_not_what_its_originator_holds():
    released = rule(hold(CONFLICT), HoldVerdict.RELEASE, HoldReason.STAFF_EXCLUDED)

    assert released.verdict is HoldVerdict.RELEASE
    with pytest.raises(InvalidInputError, match="only a conflict"):
        rule(hold(APPROVAL), HoldVerdict.RELEASE, HoldReason.STAFF_EXCLUDED)


def test_a_reason_to_refuse_is_none_to_release():
    with pytest.raises(InvalidInputError, match="NO_CONFLICT_FOUND, STAFF_EXCLUDED"):
        rule(hold(CONFLICT), HoldVerdict.RELEASE, HoldReason.OUT_OF_DATE)
    assert rule(hold(APPROVAL), HoldVerdict.REFUSE, HoldReason.PARTNER_DECLINED)


def test_a_quarantined_record_is_closed_by_its_number():
    kept = Quarantine(
        offset=4,
        partner="loxley-council",
        report_id=None,
        revision=None,
        stage="intake",
        reasons=(),
        immediate_risk=True,
        size_bytes=90,
        quarantined_at=AT,
    )
    reason = HoldReason.RESOLVED_WITH_PARTNER

    closed = decisions.close(kept, reason, person="Ida Reviewer", body="desk", at=AT)
    assert (closed.quarantined_offset, closed.verdict) == (4, HoldVerdict.CLOSE)
    with pytest.raises(DeniedError):
        decisions.close(kept, reason, person="Ida R", body=kept.partner, at=AT)


def test_a_replaced_case_keeps_its_ids_out_of_its_repr():
    assert str(LEFT) not in repr(replace(case(), planted=True))
    assert "planted" not in repr(case())
