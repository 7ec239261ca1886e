"""What is tried against networks and what it brought: events of `disruption.events`.

Under police ids. `agency` is a kind of body, `decided_by` a named person with a role there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from streams.codes import (
    Agency,
    Cause,
    ConcernKind,
    DisruptionFailure,
    Impact,
    InterventionKind,
    InterventionOutcome,
    Lever,
    OffenceClass,
    Rationale,
    SeizedItem,
)
from streams.values import FourP, Theme


@dataclass(frozen=True, slots=True, kw_only=True)
class DisruptionPlanned:
    """A lever is to be used against an OCG, or against one person or thing of it (`target_id`).

    `request_id` is the hub's view that was asked before, where a child may live at the target.
    """

    disruption_id: UUID
    ocg_id: UUID
    target_id: UUID | None
    lever: Lever
    agency: Agency
    four_p: FourP
    report_ids: tuple[UUID, ...]
    request_id: UUID | None
    planned_for: date
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DisruptionExecuted:
    """The lever was used."""

    disruption_id: UUID
    executed_on: date
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DisruptionFailed:
    """It came to nothing; the reason is a lesson, not blame."""

    disruption_id: UUID
    reason: DisruptionFailure
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpactAssessed:
    """A named assessor says what an executed disruption did; until then it is "not assessed"."""

    disruption_id: UUID
    impact: Impact
    reasons: tuple[Rationale, ...]
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CausedBy:
    """The report or the disruption that an outcome is owed to."""

    cause: Cause
    cause_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class SeizureMade:
    """Something was seized. `quantity` in pieces; of drugs grams, of cash whole pounds."""

    outcome_id: UUID
    ocg_id: UUID | None
    item: SeizedItem
    quantity: int
    caused_by: CausedBy
    occurred_on: date
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrestMade:
    """Somebody was arrested."""

    outcome_id: UUID
    ocg_id: UUID | None
    person_id: UUID
    offence: OffenceClass
    caused_by: CausedBy
    occurred_on: date
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OffenceRecorded:
    """An offence was recorded; offences of one `string_id` are a string of linked offences."""

    outcome_id: UUID
    ocg_id: UUID | None
    offence: OffenceClass
    string_id: UUID | None
    caused_by: CausedBy
    occurred_on: date
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SentencePassed:
    """A person was sentenced. `months` of custody, 0 for a sentence without."""

    outcome_id: UUID
    ocg_id: UUID | None
    person_id: UUID
    offence: OffenceClass
    months: int
    caused_by: CausedBy
    occurred_on: date
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosureMade:
    """A place was closed, until a day."""

    outcome_id: UUID
    ocg_id: UUID | None
    entity_id: UUID
    until: date
    caused_by: CausedBy
    occurred_on: date
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class InterventionAttempted:
    """Somebody at the edge of a network was offered a way out."""

    intervention_id: UUID
    ocg_id: UUID | None
    person_id: UUID
    kind: InterventionKind
    agency: Agency
    outcome: InterventionOutcome
    caused_by: CausedBy | None
    occurred_on: date
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcernRecorded:
    """So many voices of concern came from an area in a week; a spike is found by counting."""

    concern_id: UUID
    kind: ConcernKind
    area: str
    theme: Theme
    count: int
    week: str
    ocg_id: UUID | None
    caused_by: CausedBy | None
    decided_by: str
    decided_at: datetime
