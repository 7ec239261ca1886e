"""What police decide about OCGs: events of `police.decisions`, under police ids.

`seen` is the next offset of `police.intelligence` when they looked: a split of a person that came
later voids what was decided about that person, whatever order the topics are read in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from streams.codes import (
    ArchiveReason,
    DeadlineKind,
    Factor,
    GradeBasis,
    Lever,
    OcgRole,
    Rationale,
    RoleEnd,
)
from streams.parts import Grading


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportGraded:
    """A named analyst grades a revision of a report; a later grade of the revision replaces it."""

    report_id: UUID
    revision: int
    grading: Grading
    basis: tuple[GradeBasis, ...]
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OcgMapped:
    """A named analyst says that these people are an OCG; `reference` is a code, never a name.

    `network_id` is the candidate network it was mapped from, `report_ids` what it rests on.
    Told again of the same OCG it sets its members: who is none any longer has no role either.
    """

    ocg_id: UUID
    reference: str
    network_id: UUID | None
    members: tuple[UUID, ...]
    areas: tuple[str, ...]
    reasons: tuple[Rationale, ...]
    report_ids: tuple[UUID, ...]
    seen: int
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OcgMerged:
    """Two OCGs are one: what was of `absorbed_id` is of `kept_id`."""

    kept_id: UUID
    absorbed_id: UUID
    reasons: tuple[Rationale, ...]
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OcgSplit:
    """These members of an OCG are another one; their roles are to be confirmed there anew."""

    ocg_id: UUID
    new_ocg_id: UUID
    new_reference: str
    members: tuple[UUID, ...]
    reasons: tuple[Rationale, ...]
    seen: int
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OcgArchived:
    """An OCG is mapped no longer."""

    ocg_id: UUID
    reason: ArchiveReason
    reasons: tuple[Rationale, ...]
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OcgReactivated:
    """An archived OCG is mapped again."""

    ocg_id: UUID
    reasons: tuple[Rationale, ...]
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleConfirmed:
    """A person's part in a mapped OCG, until a day; told again it is renewed."""

    ocg_id: UUID
    person_id: UUID
    role: OcgRole
    reasons: tuple[Rationale, ...]
    report_ids: tuple[UUID, ...]
    expires_on: date
    seen: int
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleEnded:
    """A person has no part in the OCG any longer."""

    ocg_id: UUID
    person_id: UUID
    reason: RoleEnd
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorScore:
    """One factor of a score and its value."""

    factor: Factor
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OcgScored:
    """A named rater scores an OCG: inputs only, totals follow from the version of the model."""

    score_id: UUID
    ocg_id: UUID
    model: int
    harm: tuple[FactorScore, ...]
    likelihood: tuple[FactorScore, ...]
    confidence: int
    organisational_position: tuple[FactorScore, ...]
    reasons: tuple[Rationale, ...]
    report_ids: tuple[UUID, ...]
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HubViewAsked:
    """Police ask the hub's view before a lever is used at a place; the gate carries it over."""

    request_id: UUID
    entity_id: UUID
    lever: Lever
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlinePassed:
    """A deadline has passed: said once, by the scheduler of the topic; `due_at` is exact.

    `subject_id` is the alert, referral or declaration; of a role the OCG, and `person_id`.
    """

    deadline_id: UUID
    kind: DeadlineKind
    subject_id: UUID
    person_id: UUID | None
    due_at: datetime
    passed_at: datetime
