"""What may be decided on an alert, what follows from it, and what each refusal is called."""

from __future__ import annotations

import pytest

from consumers.safeguarding import lifecycle
from consumers.safeguarding.continuum import BadContinuumError, BadLevelError, continuum, parse
from consumers.safeguarding.deciding import decide
from consumers.safeguarding.hub import HubBook
from consumers.safeguarding.lifecycle import AlertState
from consumers.safeguarding.rounds import is_new_since_closed, waits_for_claim
from streams.codes import CloseReason, ReferralRoute
from streams.errors import DeniedError
from tests.invented_hub import (
    ANN,
    BEN,
    MONDAY,
    SUE,
    accepted,
    assessed,
    claimed,
    closed,
    declined,
    hub_id,
    referred,
    version,
)


class Desk:
    """An alert, what was decided on it, and what somebody wants to decide."""

    def __init__(self):
        self.book = HubBook()
        self.version(1)

    def version(self, number, *, supported=True):
        self.book.found(hub_id("A"), version(number, supported=supported))
        return self

    def given(self, *events):
        for event in events:
            self.book.apply(event, MONDAY)
        return self

    def when(self, event):
        """Decide at the door, and let it be folded as it then is."""
        for one in decide(self.book, event):
            self.book.apply(one, MONDAY)
        return self.life

    @property
    def life(self):
        return self.book.lives.life(hub_id("A"))


@pytest.fixture
def desk():
    return Desk()


def test_an_alert_goes_from_raised_to_closed_by_named_people(desk):
    states = [desk.life.state]
    for event in (
        claimed("A"),
        assessed("A", 4),
        referred("R", "A"),
        accepted("R"),
        closed("A", reason=CloseReason.REFERRED),
    ):
        states += [desk.when(event).state]
    assert states == ["RAISED", "CLAIMED", "ASSESSED", "REFERRED", "ACCEPTED", "CLOSED"]
    assert (desk.life.owner, desk.life.level, desk.life.closed_by) == (ANN, 4, ANN)


def test_claimed_by_somebody_else_it_is_handed_over_and_keeps_its_state(desk):
    desk.given(claimed("A"), assessed("A"))
    life = desk.when(claimed("A", BEN))
    assert (life.state, life.owner) == (AlertState.ASSESSED, BEN)


def test_after_a_decline_it_can_be_referred_again(desk):
    desk.given(claimed("A"), referred("R1", "A"), declined("R1"))
    assert desk.life.state is AlertState.DECLINED
    life = desk.when(referred("R2", "A"))
    assert (life.state, len(life.referrals)) == (AlertState.REFERRED, 2)


def test_an_accepted_alert_may_take_another_route_as_well(desk):
    desk.given(claimed("A"), referred("R1", "A"), accepted("R1"))
    life = desk.when(referred("R2", "A", route=ReferralRoute.EARLY_HELP))
    assert life.open_referral.referral_id == hub_id("R2")


def test_an_assessment_does_not_hide_that_a_referral_waits(desk):
    desk.given(claimed("A"), referred("R", "A"))
    life = desk.when(assessed("A", 3))
    assert (life.state, life.level) == (AlertState.REFERRED, 3)


@pytest.mark.parametrize(
    ("before", "event", "error"),
    [
        ((), claimed("B"), lifecycle.UnknownAlertError),
        ((), accepted("R"), lifecycle.UnknownReferralError),
        ((), assessed("A"), lifecycle.NotClaimedError),
        ((), referred("R", "A"), lifecycle.NotClaimedError),
        ((), closed("A"), lifecycle.NotClaimedError),
        ((claimed("A"),), claimed("A"), lifecycle.ClaimedAlreadyError),
        ((claimed("A"),), assessed("A", 5), BadLevelError),
        ((claimed("A"),), assessed("A", 0), BadLevelError),
        ((claimed("A"),), assessed("A", reasons=()), BadLevelError),
        ((claimed("A"),), assessed("A", continuum=2), BadLevelError),
        ((claimed("A"), referred("R", "A")), referred("S", "A"), lifecycle.ReferralOpenError),
        ((claimed("A"), referred("R", "A")), closed("A"), lifecycle.ReferralOpenError),
        ((claimed("A"), referred("R", "A")), accepted("R", ANN), lifecycle.OwnReferralError),
        ((claimed("A"), referred("R", "A")), declined("R", ANN), lifecycle.OwnReferralError),
        ((claimed("A"), referred("R", "A"), accepted("R")), declined("R"), lifecycle.NotOpenError),
        (
            (claimed("A"), referred("R", "A"), accepted("R")),
            referred("S", "A"),
            lifecycle.ReferredThereError,
        ),
        (
            (claimed("A"),),
            closed("A", reason=CloseReason.REFERRED),
            lifecycle.WrongReasonError,
        ),
        (
            (claimed("A"),),
            closed("A", reason=CloseReason.REASON_GONE),
            lifecycle.WrongReasonError,
        ),
        ((claimed("A"),), closed("A", seen=2), lifecycle.ChangedSinceSeenError),
        ((claimed("A"), closed("A")), closed("A"), lifecycle.ClosedError),
        ((claimed("A"), closed("A")), referred("R", "A"), lifecycle.ClosedError),
    ],
)
def test_what_may_not_be_decided_has_a_named_error_and_changes_nothing(desk, before, event, error):
    desk.given(*before)
    was = desk.life
    with pytest.raises(error):
        desk.when(event)
    assert desk.life == was


def test_answering_ones_own_referral_is_denied_like_a_missing_role():
    assert issubclass(lifecycle.OwnReferralError, DeniedError)


def test_a_decision_that_stands_on_the_log_against_the_rules_changes_nothing_and_stays_readable(
    desk,
):
    desk.given(claimed("A"), referred("R", "A"), accepted("R", ANN))
    assert desk.life.state is AlertState.REFERRED
    assert desk.life.decisions == 3


def test_an_answer_to_no_referral_is_passed_over(desk):
    assert desk.given(accepted("nothing")).life.decisions == 0


def test_a_closing_after_the_reason_has_gone_says_so(desk):
    desk.given(claimed("A")).version(2, supported=False)
    life = desk.when(closed("A", seen=2, reason=CloseReason.REASON_GONE))
    assert life.close_reason is CloseReason.REASON_GONE


def test_evidence_after_a_closing_asks_to_look_again(desk):
    desk.given(claimed("A"), closed("A"))
    assert not is_new_since_closed(desk.life, desk.book.facts[hub_id("A")])
    desk.version(2)
    facts = desk.book.facts[hub_id("A")]
    assert is_new_since_closed(desk.life, facts)
    assert waits_for_claim(desk.life, facts)
    life = desk.when(claimed("A", BEN))
    assert (life.state, life.owner, life.closed_by) == (AlertState.CLAIMED, BEN, ANN)
    assert not is_new_since_closed(life, facts)


def test_evidence_that_is_lost_after_a_closing_does_not(desk):
    desk.given(claimed("A"), closed("A")).version(2, supported=False)
    assert not is_new_since_closed(desk.life, desk.book.facts[hub_id("A")])
    desk.version(3)
    assert is_new_since_closed(desk.life, desk.book.facts[hub_id("A")])


def test_a_decision_on_an_alert_that_is_not_there_yet_waits_in_the_fold():
    book = HubBook()
    book.apply(claimed("A"), MONDAY)
    assert book.deadlines.open() == []
    book.found(hub_id("A"), version(1))
    assert book.lives.life(hub_id("A")).owner == ANN
    assert [one.kind for one in book.deadlines.open()] == ["TRIAGE_DUE"]


def test_who_answers_may_be_the_owner_who_did_not_refer(desk):
    desk.given(claimed("A"), referred("R", "A"), claimed("A", SUE))
    assert desk.when(accepted("R", SUE)).state is AlertState.ACCEPTED


# --- the continuum of need ------------------------------------------------------------------


def test_the_continuum_has_four_levels_by_local_names():
    assert [one.name for one in continuum().values()] == [
        "Universal",
        "Early help",
        "Targeted",
        "Specialist or statutory",
    ]


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"levels": [{"level": 1, "name": "x", "means": "y"}]},
        {"levels": [{"level": n, "name": "x", "means": "y", "rank": 1} for n in (1, 2, 3, 4)]},
        {"levels": [{"level": n, "name": "x", "means": "y"} for n in (1, 2, 3, 4, 4)]},
    ],
)
def test_a_continuum_without_four_named_levels_is_refused(document):
    with pytest.raises(BadContinuumError):
        parse(document)


def test_a_version_that_nobody_wrote_is_refused():
    with pytest.raises(BadContinuumError):
        continuum(99)
