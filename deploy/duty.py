"""What the duty officer sees: each readable risk by itself, unreadable ones by partner and hour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

    from streams.parts import Reason
    from streams.restricted import RiskRaised

NOT_OPENED: Final = "could not be opened: ask the partner by phone"


@dataclass(frozen=True, slots=True)
class DutyEntry:
    """One line for the duty officer. `count` is above 1 only where nothing could be read."""

    partner: str
    readable: bool
    report_id: UUID | None
    revision: int | None
    count: int
    reasons: tuple[str, ...]
    first_at: datetime
    last_at: datetime
    offsets: tuple[int, ...]


def group(risks: Iterable[RiskRaised]) -> tuple[DutyEntry, ...]:
    """Return the entries, newest last. A flood that cannot be read never hides a readable one."""
    groups: dict[object, list[RiskRaised]] = {}
    for risk in risks:
        groups.setdefault(group_of(risk), []).append(risk)
    return tuple(sorted(map(_entry, groups.values()), key=lambda entry: entry.last_at))


def group_of(risk: RiskRaised) -> tuple[object, ...]:
    """Return what two risks have in common if they share a line."""
    if risk.readable:
        return (risk.partner, risk.offset)
    return (risk.partner, risk.raised_at.replace(minute=0, second=0, microsecond=0))


def _entry(risks: list[RiskRaised]) -> DutyEntry:
    first, last = risks[0], risks[-1]
    offsets = tuple(
        dict.fromkeys(risk.offset for risk in risks)
    )  # told early and in its turn: once
    return DutyEntry(
        partner=first.partner,
        readable=first.readable,
        report_id=first.report_id if len(offsets) == 1 else None,
        revision=first.revision if len(offsets) == 1 else None,
        count=len(offsets),
        reasons=_codes(reason for risk in risks for reason in risk.reasons),
        first_at=first.raised_at,
        last_at=last.raised_at,
        offsets=offsets,
    )


def _codes(reasons: Iterable[Reason]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(reason.code for reason in reasons))
