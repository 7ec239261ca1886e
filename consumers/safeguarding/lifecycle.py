"""The life of an alert as people decide it; the machine raises and updates, and never closes.

A fold of `safeguarding.decisions` alone: whether the alert is there yet does not matter to it, so
that no order between the topics can. What a decision may follow is one function (`refusal`), asked
at the door, where the answer is an error, and by the fold, where such a decision changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from consumers.safeguarding.continuum import CONTINUUM_VERSION, BadLevelError, against_level
from streams.codes import CloseReason, DeadlineKind
from streams.errors import DeniedError, InvalidInputError
from streams.hub import (
    AlertClaimed,
    AlertClosed,
    ReferralAccepted,
    ReferralDeclined,
    ReferralMade,
    ThresholdAssessed,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from consumers.safeguarding.rounds import AlertFacts
    from streams.codes import NeedReason, ReferralRefusal, ReferralRoute
    from streams.ocg import DeadlinePassed

Decided: TypeAlias = (
    AlertClaimed
    | ThresholdAssessed
    | ReferralMade
    | ReferralAccepted
    | ReferralDeclined
    | AlertClosed
)
DECIDED: Final = (
    AlertClaimed,
    ThresholdAssessed,
    ReferralMade,
    ReferralAccepted,
    ReferralDeclined,
    AlertClosed,
)


class AlertState(StrEnum):
    """How far an alert has come. None of these is a verdict of the machine."""

    RAISED = "RAISED"
    CLAIMED = "CLAIMED"
    ASSESSED = "ASSESSED"
    REFERRED = "REFERRED"
    ACCEPTED = "ACCEPTED"
    DECLINED = "DECLINED"
    CLOSED = "CLOSED"


class UnknownAlertError(InvalidInputError):
    """No such alert was raised. Look again: `rivelin alert list`."""


class UnknownReferralError(InvalidInputError):
    """No such referral was made. Look again: `rivelin alert show`."""


class ClaimedAlreadyError(InvalidInputError):
    """The alert is yours already; nothing was written. Somebody else may take it over."""


class NotClaimedError(InvalidInputError):
    """Nobody has this alert. Take it on first (`rivelin alert claim`), then decide."""


class ClosedError(InvalidInputError):
    """The alert is closed. Claim it to look again (`rivelin alert claim`), then decide."""


class NotOpenError(InvalidInputError):
    """The referral was answered already; an answer stands. Refer again where that is needed."""


class ReferralOpenError(InvalidInputError):
    """A referral of this alert waits for its decision: one at a time, and no closing over it."""


class ReferredThereError(InvalidInputError):
    """A referral of this alert was accepted on this route already."""


class OwnReferralError(DeniedError):
    """Who referred does not answer: another social worker accepts or declines."""


class WrongReasonError(InvalidInputError):
    """The reason does not fit what is on the record; the message says which would."""


class ChangedSinceSeenError(InvalidInputError):
    """The alert has another version by now than the one that was looked at. Look again first."""


@dataclass(frozen=True, slots=True)
class Referral:
    """A referral and its answer. `made_at` is its log time: the decision clock runs from it."""

    referral_id: UUID
    alert_id: UUID
    route: ReferralRoute
    made_by: str
    made_at: datetime
    accepted: bool | None = None
    answered_by: str | None = None
    answered_at: datetime | None = None
    reason: ReferralRefusal | None = None

    @property
    def is_open(self) -> bool:
        """Tell whether it waits for its decision."""
        return self.accepted is None


@dataclass(frozen=True, slots=True)
class Life:
    """What people have decided on one alert; every instant is the log time of the decision.

    `decisions` counts them, those without effect too: the next one of the history has its number.
    """

    alert_id: UUID
    state: AlertState = AlertState.RAISED
    owner: str | None = None
    owned_since: datetime | None = None
    level: int | None = None
    continuum: int | None = None
    reasons: tuple[NeedReason, ...] = ()
    referrals: tuple[Referral, ...] = ()
    looked_at: datetime | None = None
    close_reason: CloseReason | None = None
    closed_by: str | None = None
    closed_at: datetime | None = None
    seen: int = 0
    escalated_at: datetime | None = None
    decisions: int = 0

    @property
    def open_referral(self) -> Referral | None:
        """Return the referral that waits for its decision."""
        return next((one for one in self.referrals if one.is_open), None)

    @property
    def was_accepted(self) -> bool:
        """Tell whether any referral was accepted."""
        return any(one.accepted for one in self.referrals)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an alert's history. `counted` is false of a decision that changed nothing."""

    alert_id: UUID
    number: int
    event: Decided | DeadlinePassed
    at: datetime
    counted: bool


@dataclass(slots=True)
class Lives:
    """The life of every alert that anybody has decided on."""

    lives: dict[UUID, Life] = field(default_factory=dict)
    referrals: dict[UUID, UUID] = field(default_factory=dict)

    def life(self, alert_id: UUID) -> Life:
        """Return the life of an alert; nobody has decided on one that is not here."""
        return self.lives.get(alert_id) or Life(alert_id)

    def alert_of(self, event: Decided) -> UUID | None:
        """Return the alert that a decision is about; None of an answer to no referral."""
        if isinstance(event, ReferralAccepted | ReferralDeclined):
            return self.referrals.get(event.referral_id)
        return event.alert_id

    def apply(self, event: Decided, at: datetime) -> Entry | None:
        """Take a decision in at its log time; None if it answers no referral there is. Total."""
        alert_id = self.alert_of(event)
        if alert_id is None:
            return None
        life = self.life(alert_id)
        counted = refusal(life, event, self) is None
        if counted:
            life = after(life, event, at)
        if counted and isinstance(event, ReferralMade):
            self.referrals[event.referral_id] = alert_id
        return self._entered(life, event, at, counted=counted)

    def pass_deadline(self, event: DeadlinePassed, at: datetime) -> Entry | None:
        """Take in that nobody claimed in time, or a clock ran out; None if about no alert here."""
        if event.kind is DeadlineKind.DECISION_DUE:
            alert_id = self.referrals.get(event.subject_id)
        elif event.kind in {DeadlineKind.TRIAGE_DUE, DeadlineKind.CLAIM_ESCALATED}:
            alert_id = event.subject_id
        else:
            alert_id = None
        if alert_id is None:
            return None
        life = self.life(alert_id)
        counted = _still_matters(life, event)
        if counted and event.kind is DeadlineKind.CLAIM_ESCALATED:
            life = replace(life, escalated_at=at)
        return self._entered(life, event, at, counted=counted)

    def _entered(
        self, life: Life, event: Decided | DeadlinePassed, at: datetime, *, counted: bool
    ) -> Entry:
        life = replace(life, decisions=life.decisions + 1)
        self.lives[life.alert_id] = life
        return Entry(life.alert_id, life.decisions, event, at, counted)


def _still_matters(life: Life, event: DeadlinePassed) -> bool:
    """Tell whether what was due had not been done by then: a claim may have come just before."""
    if event.kind is DeadlineKind.CLAIM_ESCALATED:
        return life.state in {AlertState.RAISED, AlertState.CLOSED}
    if event.kind is DeadlineKind.TRIAGE_DUE:
        return not is_triaged(life) or life.state is AlertState.CLOSED
    waits = life.open_referral
    return waits is not None and waits.referral_id == event.subject_id


def is_triaged(life: Life) -> bool:
    """Tell whether the triage clock has stopped: somebody assessed, referred or closed.

    To claim an alert does not stop it: it says who looks, not that somebody has looked.
    """
    return life.state not in {AlertState.RAISED, AlertState.CLAIMED}


# --- what a decision may follow ------------------------------------------------------------


def refusal(life: Life, event: Decided, lives: Lives) -> Exception | None:
    """Return what stands against a decision by the decisions so far, None if nothing does."""
    match event:
        case AlertClaimed():
            return _against_claim(life, event)
        case ThresholdAssessed():
            return _against_work(life) or against_level(event.level, event.reasons)
        case ReferralMade():
            return _against_work(life) or _against_referral(life, event, lives)
        case ReferralAccepted() | ReferralDeclined():
            return _against_answer(life, event)
        case AlertClosed():
            return _against_work(life) or _against_closing(life, event)


def _against_claim(life: Life, event: AlertClaimed) -> Exception | None:
    if life.owner == event.decided_by and life.state is not AlertState.CLOSED:
        return ClaimedAlreadyError("this alert is yours already; nothing was written")
    return None


def _against_work(life: Life) -> Exception | None:
    """Return what stands against work on an alert that nobody has, or that is closed."""
    if life.state is AlertState.CLOSED:
        return ClosedError("this alert is closed: claim it first, to look again")
    if life.owner is None:
        return NotClaimedError("nobody has this alert: take it on first with `rivelin alert claim`")
    return None


def _against_referral(life: Life, event: ReferralMade, lives: Lives) -> Exception | None:
    if life.open_referral is not None or event.referral_id in lives.referrals:
        return ReferralOpenError("a referral of this alert waits for its decision; one at a time")
    if any(one.accepted and one.route is event.route for one in life.referrals):
        return ReferredThereError("a referral of this alert was accepted on this route already")
    return None


def _against_answer(life: Life, event: ReferralAccepted | ReferralDeclined) -> Exception | None:
    referral = next(one for one in life.referrals if one.referral_id == event.referral_id)
    if not referral.is_open:
        return NotOpenError("this referral was answered already; an answer stands")
    if referral.made_by == event.decided_by:
        return OwnReferralError("who referred does not answer: another social worker decides")
    return None


def _against_closing(life: Life, event: AlertClosed) -> Exception | None:
    if life.open_referral is not None:
        return ReferralOpenError("a referral of this alert waits for its decision: no closing now")
    if event.reason is CloseReason.REFERRED and not life.was_accepted:
        return WrongReasonError("REFERRED is for an alert whose referral was accepted; none was")
    return None


# --- what follows from it ------------------------------------------------------------------


def after(life: Life, event: Decided, at: datetime) -> Life:
    """Return the life after a decision that nothing stands against."""
    match event:
        case AlertClaimed(decided_by=owner):
            return _claimed(life, owner, at)
        case ThresholdAssessed(level=level, continuum=continuum, reasons=reasons):
            assessed = replace(life, level=level, continuum=continuum, reasons=reasons)
            return _looked(assessed, AlertState.ASSESSED, at)
        case ReferralMade():
            made = Referral(event.referral_id, event.alert_id, event.route, event.decided_by, at)
            referred = replace(life, referrals=(*life.referrals, made))
            return _looked(referred, AlertState.REFERRED, at)
        case ReferralAccepted() | ReferralDeclined():
            return _answered(life, event, at)
        case AlertClosed(reason=reason, decided_by=who, seen=seen):
            closed = replace(life, close_reason=reason, closed_by=who, closed_at=at, seen=seen)
            return _looked(replace(closed, escalated_at=None), AlertState.CLOSED, at)


def _claimed(life: Life, owner: str, at: datetime) -> Life:
    """Taken on, taken over, or, once closed, looked at again: what was decided stays readable."""
    is_fresh = life.state in {AlertState.RAISED, AlertState.CLOSED}
    state = AlertState.CLAIMED if is_fresh else life.state
    return replace(life, state=state, owner=owner, owned_since=at, escalated_at=None)


def _looked(life: Life, state: AlertState, at: datetime) -> Life:
    """Take the next state. An assessment does not hide that a referral waits for its answer."""
    if state is AlertState.ASSESSED and life.open_referral is not None:
        state = AlertState.REFERRED
    return replace(life, state=state, looked_at=at)


def _answered(life: Life, event: ReferralAccepted | ReferralDeclined, at: datetime) -> Life:
    accepted = isinstance(event, ReferralAccepted)
    reason = event.reason if isinstance(event, ReferralDeclined) else None
    referrals = tuple(
        replace(one, accepted=accepted, answered_by=event.decided_by, answered_at=at, reason=reason)
        if one.referral_id == event.referral_id
        else one
        for one in life.referrals
    )
    state = AlertState.ACCEPTED if accepted else AlertState.DECLINED
    return replace(life, referrals=referrals, state=state)


# --- deciding ---------------------------------------------------------------------------------


def decide(lives: Lives, known: Mapping[UUID, AlertFacts], event: Decided) -> tuple[Decided, ...]:
    """Return the event of a decision that may be made now.

    `known` are the alerts that were raised, by id.
    Raises: UnknownAlertError, UnknownReferralError, and what `refusal` returns.
    """
    alert_id = lives.alert_of(event)
    if alert_id is None:
        raise UnknownReferralError("no such referral was made; `rivelin alert show` lists them")
    if alert_id not in known:
        raise UnknownAlertError("no such alert was raised; `rivelin alert list` shows those")
    if (against := refusal(lives.life(alert_id), event, lives)) is not None:
        raise against
    if isinstance(event, AlertClosed):
        _require_fit(known[alert_id], event)
    if isinstance(event, ThresholdAssessed) and event.continuum != CONTINUUM_VERSION:
        raise BadLevelError(f"the continuum of need in use is version {CONTINUUM_VERSION}")
    return (event,)


def _require_fit(facts: AlertFacts, event: AlertClosed) -> None:
    """Refuse a closing over what nobody has looked at, or that the evidence contradicts."""
    if event.seen != facts.latest.number:
        raise ChangedSinceSeenError(
            f"this alert has version {facts.latest.number} by now; look again before you close it"
        )
    if event.reason is CloseReason.REASON_GONE and facts.latest.supported:
        raise WrongReasonError("REASON_GONE is for an alert without support; reports support this")
