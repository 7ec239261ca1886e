"""Who may see a report: handling code, conditions, protection and conflict of interest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from anonymiser.gate.lawful import refusals
from streams.parts import Reason
from streams.values import Audience, ConditionCode, HandlingCode, Outcome

if TYPE_CHECKING:
    from datetime import datetime

    from streams.parts import Handling
    from streams.registry import PartnerEntry
    from streams.restricted import ReportLinked

NEEDS_APPROVAL: Final = Reason(code="originator_approval_required", field="handling.conditions")
CONFLICT_CODE: Final = "conflict_of_interest"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to become of a report. `audiences` is empty unless the outcome is SHARED."""

    outcome: Outcome
    audiences: tuple[Audience, ...] = ()
    reasons: tuple[Reason, ...] = ()


def judge(
    linked: ReportLinked,
    entry: PartnerEntry | None,
    at: datetime,
    *,
    approved: bool,
    released: bool = False,
) -> Verdict:
    """Decide who sees a report at `at`; `approved` once the originator has been consulted.

    `released` once a named person of the desk has looked at a conflict of interest.

    Refusal is decided before holding: nobody is asked about what the law forbids.
    """
    if reasons := refusals(linked, entry, at) + conditions_missing(linked.handling):
        return Verdict(Outcome.REFUSED, reasons=reasons)
    if reasons := holds(linked, approved=approved, released=released):
        return Verdict(Outcome.HELD, reasons=reasons)
    audiences = recipients_of(linked)
    if not audiences:
        return Verdict(Outcome.REFUSED, reasons=(Reason(code="protected_subject", field="nodes"),))
    return Verdict(Outcome.SHARED, audiences)


def conditions_missing(handling: Handling) -> tuple[Reason, ...]:
    """Code C without recipients or without conditions is a promise nobody can keep."""
    if handling.code is not HandlingCode.C:
        return ()
    missing = (
        ("handling.recipients", not handling.recipients),
        ("handling.conditions", not handling.conditions),
    )
    return tuple(Reason(code="conditions_missing", field=path) for path, is_so in missing if is_so)


def holds(linked: ReportLinked, *, approved: bool, released: bool) -> tuple[Reason, ...]:
    """Return what the report has to wait for."""
    reasons = []
    if ConditionCode.S2 in linked.handling.conditions and not approved:
        reasons.append(NEEDS_APPROVAL)
    reasons += [
        Reason(code=CONFLICT_CODE, field=f"nodes[{node.node}].conflict")
        for node in linked.nodes
        if node.conflict and not released
    ]
    return tuple(reasons)


def recipients_of(linked: ReportLinked) -> tuple[Audience, ...]:
    """Name the audiences: those the partner named, else all; police never of protected subjects."""
    named = linked.handling.recipients or tuple(Audience)
    is_protected = any(node.protected for node in linked.nodes)
    return tuple(
        audience
        for audience in Audience
        if audience in named and not (audience is Audience.POLICE and is_protected)
    )
