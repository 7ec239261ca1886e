"""What a human may decide at the desk, and what is refused; a command in, an event out."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from anonymiser.desk.cases import CaseState
from streams.errors import DeniedError, InvalidInputError
from streams.restricted import (
    HoldDecided,
    LinkReviewed,
    OriginatorApproved,
    RedriveRequested,
)
from streams.values import HoldReason, HoldVerdict, LinkVerdict

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from anonymiser.desk.cases import Case
    from anonymiser.desk.entries import Hold, Quarantine
    from anonymiser.desk.policy import DeskPolicy
    from streams.values import OverBudgetReason

_LONDON: Final = ZoneInfo("Europe/London")
NAME_LETTERS: Final = range(2, 81)
NEEDS_APPROVAL_CODE: Final = "originator_approval_required"
CONFLICT_CODE: Final = "conflict_of_interest"
DESK: Final = "desk"
"""The body of people who work for the enclave and for no partner."""

#: Which reasons fit which verdict; what fits none could hide why a report went out.
REASONS_OF: Final[Mapping[HoldVerdict, Sequence[HoldReason]]] = {
    HoldVerdict.RELEASE: (HoldReason.NO_CONFLICT_FOUND, HoldReason.STAFF_EXCLUDED),
    HoldVerdict.REFUSE: (
        HoldReason.REDIRECTED_TO_STANDARDS,
        HoldReason.PARTNER_ASKED,
        HoldReason.PARTNER_DECLINED,
        HoldReason.NOT_LAWFUL,
        HoldReason.OUT_OF_DATE,
    ),
    HoldVerdict.CLOSE: (
        HoldReason.RESOLVED_WITH_PARTNER,
        HoldReason.PARTNER_ASKED,
        HoldReason.NOT_LAWFUL,
        HoldReason.OUT_OF_DATE,
    ),
    HoldVerdict.REDRIVE: (HoldReason.CAUSE_MENDED,),
}
#: What stands beside a record is read from the broker only once, when it first comes in.
_NEVER_AGAIN: Final = frozenset(
    {"unsound_record", "too_many_headers", "headers_too_large", "key_too_large"}
)


class AlreadyDecidedError(InvalidInputError):
    """The link stands like this already; say the other thing to change it."""


class BudgetSpentError(DeniedError):
    """The reviewer has decided as many as one decides well in a day. Go on tomorrow."""


class OwnReportError(DeniedError):
    """Nobody decides about a report that their own body made. Have somebody else decide."""


def reviewer_name(text: str | None) -> str:
    """Return the name of a person that goes on the record.

    Raises: InvalidInputError if there is none, or it is no name a reader could tell from others.
    """
    name = " ".join((text or "").split())
    if not name:
        raise InvalidInputError("a decision has a name: give --as NAME")
    if len(name) not in NAME_LETTERS or not name.isprintable():
        raise InvalidInputError(
            f"--as: a name has {NAME_LETTERS.start} to {NAME_LETTERS.stop - 1} letters"
        )
    return name


def london_day(now: datetime) -> datetime:
    """Return when the present day began in London; budgets are by day, summer time or not."""
    return datetime.combine(now.astimezone(_LONDON).date(), time(), _LONDON)


def review(  # noqa: PLR0913 - one argument for each thing that matters
    case: Case,
    verdict: LinkVerdict,
    *,
    reviewer: str,
    decided_today: int,
    over_budget: OverBudgetReason | None,
    policy: DeskPolicy,
    at: datetime,
) -> LinkReviewed:
    """Turn a verdict into what is recorded.

    A link that was decided may be decided otherwise: that undoes. What later
    evidence settled, or what no live report stands behind any longer, is not
    for a human to decide; two persons that were united wrongly are decided
    about as DIFFERENT all the same.

    Raises: AlreadyDecidedError, BudgetSpentError, InvalidInputError.
    """
    _refuse_what_stands(case, verdict)
    is_within = decided_today < policy.decisions_per_day
    if not is_within and over_budget is None:
        raise BudgetSpentError(
            f"{reviewer} has given {decided_today} verdicts today, the budget is"
            f" {policy.decisions_per_day}: go on tomorrow, or give --over-budget and why"
        )
    return LinkReviewed(
        kind=case.kind,
        left_id=case.left_id,
        right_id=case.right_id,
        verdict=verdict,
        decided_by=reviewer,
        decided_at=at,
        over_budget=None if is_within else over_budget,
    )


def _refuse_what_stands(case: Case, verdict: LinkVerdict) -> None:
    if case.state.value == verdict.value:
        last = case.opinions[-1]
        raise AlreadyDecidedError(
            f"decided as {verdict.value.lower()} already, by {last.decided_by} on"
            f" {last.decided_at:%Y-%m-%d}; the other verdict would undo it"
        )
    if case.state is CaseState.GONE:
        raise InvalidInputError("no live report is left on one side: there is nothing to decide")
    if case.state is CaseState.UNITED and verdict is not LinkVerdict.DIFFERENT:
        raise InvalidInputError("later evidence has made the two one already")
    is_decided = case.state in (CaseState.SAME, CaseState.DIFFERENT)
    if is_decided and verdict is LinkVerdict.UNSURE:
        raise InvalidInputError("a decided link becomes no doubt again: say SAME or DIFFERENT")


# --- what the gate holds ------------------------------------------------------------


def approve(hold: Hold, *, person: str, at: datetime) -> OriginatorApproved:
    """Record that the originator, by a named person of its own, lets a report go on.

    Raises: InvalidInputError if the report waits for something else.
    """
    if NEEDS_APPROVAL_CODE not in _codes(hold):
        raise InvalidInputError(
            "this report does not wait for its originator: " + ", ".join(_codes(hold))
        )
    return OriginatorApproved(
        partner=hold.partner,
        report_id=hold.report_id,
        revision=hold.revision,
        approved_by=person,
        approved_at=at,
    )


def rule(  # noqa: PLR0913 - one argument for each thing that matters
    hold: Hold,
    verdict: HoldVerdict,
    reason: HoldReason,
    *,
    person: str,
    body: str,
    at: datetime,
) -> HoldDecided:
    """Release a report that waits for a conflict of interest, or refuse a held one.

    Raises: OwnReportError, InvalidInputError.
    """
    _refuse_own(hold.partner, body)
    _refuse_reason(verdict, reason)
    if verdict is HoldVerdict.RELEASE and CONFLICT_CODE not in _codes(hold):
        raise InvalidInputError(
            "only a conflict of interest is released by the desk; this report waits for: "
            + ", ".join(_codes(hold))
        )
    return HoldDecided(
        partner=hold.partner,
        report_id=hold.report_id,
        revision=hold.revision,
        quarantined_offset=None,
        verdict=verdict,
        reason=reason,
        decided_by=person,
        decided_for=body,
        decided_at=at,
    )


def close(
    kept: Quarantine, reason: HoldReason, *, person: str, body: str, at: datetime
) -> HoldDecided:
    """Close the case of a quarantined record; the ciphertext stays where it is.

    Raises: OwnReportError, InvalidInputError.
    """
    _refuse_own(kept.partner, body)
    _refuse_reason(HoldVerdict.CLOSE, reason)
    return HoldDecided(
        partner=kept.partner,
        report_id=kept.report_id,
        revision=kept.revision,
        quarantined_offset=kept.offset,
        verdict=HoldVerdict.CLOSE,
        reason=reason,
        decided_by=person,
        decided_for=body,
        decided_at=at,
    )


def redrive(
    kept: Quarantine, place: int | None, *, person: str, body: str, at: datetime
) -> tuple[RedriveRequested, HoldDecided]:
    """Have a quarantined submission processed once more, since what stopped it is mended.

    `place` is its position on its partner's topic. The case is closed by it: what is stopped
    again is a case of its own.
    Raises: OwnReportError, InvalidInputError.
    """
    _refuse_own(kept.partner, body)
    if place is None:
        raise InvalidInputError("an older version kept this record without its place; the partner"
                                " sends it again")  # fmt: skip
    if codes := [code for code, _ in kept.reasons if code in _NEVER_AGAIN]:
        raise InvalidInputError(f"{codes[0]} is mended by the partner alone: it sends it again")
    asked = RedriveRequested(
        partner=kept.partner,
        offset=place,
        collected=True,
        quarantined_offset=kept.offset,
        requested_by=person,
        requested_at=at,
    )
    decided = HoldDecided(
        partner=kept.partner,
        report_id=kept.report_id,
        revision=kept.revision,
        quarantined_offset=kept.offset,
        verdict=HoldVerdict.REDRIVE,
        reason=HoldReason.CAUSE_MENDED,
        decided_by=person,
        decided_for=body,
        decided_at=at,
    )
    return asked, decided


def require_body(body: str, partners: Collection[str]) -> None:
    """Refuse a body that is neither the desk nor a partner of the register.

    Raises: InvalidInputError.
    """
    if body != DESK and body not in partners:
        raise InvalidInputError(f"--body: {DESK}, or a partner as `rivelin partner list` has it")


def _refuse_own(partner: str, body: str) -> None:
    if body == partner:
        raise OwnReportError("a report is not decided about by somebody of the body that made it")


def _refuse_reason(verdict: HoldVerdict, reason: HoldReason) -> None:
    if reason not in REASONS_OF[verdict]:
        fitting = ", ".join(one.value for one in REASONS_OF[verdict])
        raise InvalidInputError(f"--reason: to {verdict.value.lower()} there are {fitting}")


def _codes(hold: Hold) -> tuple[str, ...]:
    return tuple(dict.fromkeys(code for code, _ in hold.reasons))


def next_day(now: datetime) -> timedelta:
    """Return how long until the budget is whole again."""
    return london_day(now + timedelta(days=1)) - now
