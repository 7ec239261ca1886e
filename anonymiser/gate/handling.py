"""Who may see a report: law, handling code, conditions, protection and conflict of interest.

Handling NONE means that the partner gave no code. It goes where law and
agreement allow, travels as NONE and is never taken for P (streams.handling).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from anonymiser.gate.law import LAW_VERSION
from anonymiser.gate.lawful import lawful_audiences, refusals
from streams.parts import Reason
from streams.topics import BY_NAME, POLICE, SAFEGUARDING
from streams.values import Audience, ConditionCode, HandlingCode, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from streams.parts import Handling
    from streams.registry import PartnerEntry
    from streams.restricted import ReportLinked

TOPIC_OF: Final = {Audience.POLICE: POLICE, Audience.SAFEGUARDING: SAFEGUARDING}

NEEDS_APPROVAL: Final = Reason(code="originator_approval_required", field="handling.conditions")

_EVERY: Final = frozenset(ConditionCode)
#: Which conditions each reader of a shared topic can keep. The hub speaks with families and
#: cannot act covertly (A1, A2). Audit and meters act on nothing they read, and the meters tell only
#: of numbers. Who is not named here keeps none.
KEEPS: Final[Mapping[str, frozenset[ConditionCode]]] = {
    "police": _EVERY,
    "safeguarding": frozenset({ConditionCode.A3, ConditionCode.S1, ConditionCode.S2}),
    "audit": _EVERY,
    "gate": _EVERY,
    "meters": _EVERY,
}
CONFLICT_CODE: Final = "conflict_of_interest"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to become of a report. `audiences` is empty unless the outcome is SHARED.

    `law_version` is that of the law table, None where the law was not asked.
    """

    outcome: Outcome
    audiences: tuple[Audience, ...] = ()
    reasons: tuple[Reason, ...] = ()
    law_version: int | None = None


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
    verdict = recipients(linked, entry, at)
    if verdict.outcome is not Outcome.SHARED:
        return verdict
    reasons = holds(linked, approved=approved, released=released)
    return Verdict(Outcome.HELD, (), reasons, LAW_VERSION) if reasons else verdict


def recipients(linked: ReportLinked, entry: PartnerEntry | None, at: datetime) -> Verdict:
    """Decide who may see a report at `at`, whatever it may have to wait for."""
    reasons = refusals(linked, entry, at) + conditions_missing(linked.handling)
    if reasons or entry is None:
        return Verdict(Outcome.REFUSED, (), reasons, LAW_VERSION)
    left = lawful_audiences(linked, entry)
    for code, path, keeps_out in _RULES:
        left = tuple(audience for audience in left if not keeps_out(linked, audience))
        if not left:
            return Verdict(Outcome.REFUSED, (), (Reason(code=code, field=path),), LAW_VERSION)
    return Verdict(Outcome.SHARED, left, (), LAW_VERSION)


def kept_from(
    linked: ReportLinked, entry: PartnerEntry | None, verdict: Verdict
) -> Mapping[Audience, str]:
    """Return which audiences a report that is shared does not go to, and by which rule.

    A refusal keeps nothing back: there was nothing lawful to give, and its partner is told why.
    """
    if verdict.outcome is not Outcome.SHARED or entry is None:
        return {}
    lawful = lawful_audiences(linked, entry)
    return {
        audience: _rule_against(linked, audience, is_lawful=audience in lawful)
        for audience in Audience
        if audience not in verdict.audiences
    }


def _rule_against(linked: ReportLinked, audience: Audience, *, is_lawful: bool) -> str:
    if not is_lawful:
        return "not_lawful"
    return next((code for code, _, keeps_out in _RULES if keeps_out(linked, audience)), "other")


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


def can_keep(audience: Audience, conditions: tuple[ConditionCode, ...]) -> bool:
    """Tell whether every reader of the audience's topic can keep every condition."""
    readers = BY_NAME[TOPIC_OF[audience]].readers
    return all(set(conditions) <= KEEPS.get(reader, frozenset()) for reader in readers)


def _not_named(linked: ReportLinked, audience: Audience) -> bool:
    named = linked.handling.recipients or tuple(Audience)
    return audience not in named


def _cannot_keep(linked: ReportLinked, audience: Audience) -> bool:
    return not can_keep(audience, linked.handling.conditions)


def _is_protected_from(linked: ReportLinked, audience: Audience) -> bool:
    return audience is Audience.POLICE and any(node.protected for node in linked.nodes)


#: What keeps an audience out, in the order in which a receipt names it.
_RULES: Final = (
    ("recipient_not_lawful", "handling.recipients", _not_named),
    ("conditions_unmet", "handling.conditions", _cannot_keep),
    ("protected_subject", "nodes", _is_protected_from),
)
