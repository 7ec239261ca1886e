"""What waits at the desk beside possible links, and what reviewers said, as the store tells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from streams.values import LinkVerdict


@dataclass(frozen=True, slots=True)
class Hold:
    """A report that the gate holds."""

    partner: str
    report_id: UUID
    revision: int
    reasons: tuple[tuple[str, str | None], ...]
    held_at: datetime


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a person said about a hold or a quarantined record."""

    verdict: str
    reason: str | None
    decided_by: str
    decided_for: str
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class Quarantine:
    """A quarantined record without its content; `offset` is its place on the topic."""

    offset: int
    partner: str
    report_id: UUID | None
    revision: int | None
    stage: str
    reasons: tuple[tuple[str, str | None], ...]
    immediate_risk: bool
    size_bytes: int
    quarantined_at: datetime


@dataclass(frozen=True, slots=True)
class Review:
    """One verdict of one reviewer; `truth` is known of planted pairs only."""

    link_id: UUID
    decided_by: str
    verdict: LinkVerdict
    decided_at: datetime
    over_budget: str | None
    truth: LinkVerdict | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """How much waits for a human, and since when the oldest of each has."""

    links: int
    links_touching_child: int
    links_escalated: int
    oldest_link: datetime | None
    holds: int
    oldest_hold: datetime | None
    quarantined: int
    oldest_quarantined: datetime | None
