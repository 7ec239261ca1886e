"""Builders of what police decide about invented OCGs, by name, for the tests of their fold."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from streams.codes import (
    ArchiveReason,
    DeadlineKind,
    Factor,
    GradeBasis,
    OcgRole,
    Rationale,
    RoleEnd,
)
from streams.ocg import (
    DeadlinePassed,
    FactorScore,
    OcgArchived,
    OcgMapped,
    OcgMerged,
    OcgReactivated,
    OcgScored,
    OcgSplit,
    ReportGraded,
    RoleConfirmed,
    RoleEnded,
)
from streams.roles import expiry_of
from streams.shared import GradeRelayed, SourceHistoryTold
from streams.topics import POLICE, POLICE_DECISIONS
from tests.invented_evidence import Desk, an_id, grade

AT = datetime(2026, 11, 26, 9, tzinfo=UTC)
WHO = {"decided_by": "DS Invented", "decided_at": AT}
WHY = (Rationale.INTELLIGENCE,)
LAST_DAY = date(2027, 5, 26)


def told(at: datetime | None) -> dict:
    return {"decided_by": "DS Invented", "decided_at": at or AT}


def mapped(ocg: str, *members: str, at=None, seen=0, reports=()) -> OcgMapped:
    return OcgMapped(
        ocg_id=an_id(ocg),
        reference=ocg,
        network_id=None,
        members=tuple(map(an_id, members)),
        areas=(),
        reasons=WHY,
        report_ids=tuple(map(an_id, reports)),
        seen=seen,
        **told(at),
    )


def confirmed(
    ocg: str,
    person: str,
    seen: int = 5,
    last_day: date = LAST_DAY,
    *,
    role: OcgRole = OcgRole.SIGNIFICANT,
    reports=(),
) -> RoleConfirmed:
    return RoleConfirmed(
        ocg_id=an_id(ocg),
        person_id=an_id(person),
        role=role,
        reasons=WHY,
        report_ids=tuple(map(an_id, reports)),
        expires_on=last_day,
        seen=seen,
        **WHO,
    )


def ended(ocg: str, person: str) -> RoleEnded:
    return RoleEnded(ocg_id=an_id(ocg), person_id=an_id(person), reason=RoleEnd.LEFT, **WHO)


def archived(ocg: str, at=None) -> OcgArchived:
    reason = ArchiveReason.NO_ACTIVITY
    return OcgArchived(ocg_id=an_id(ocg), reason=reason, reasons=WHY, **told(at))


def reactivated(ocg: str) -> OcgReactivated:
    return OcgReactivated(ocg_id=an_id(ocg), reasons=WHY, **WHO)


def merged(kept: str, absorbed: str) -> OcgMerged:
    return OcgMerged(kept_id=an_id(kept), absorbed_id=an_id(absorbed), reasons=WHY, **WHO)


def split(ocg: str, new: str, *members: str) -> OcgSplit:
    return OcgSplit(
        ocg_id=an_id(ocg),
        new_ocg_id=an_id(new),
        new_reference=new,
        members=tuple(map(an_id, members)),
        reasons=WHY,
        seen=0,
        **WHO,
    )


def expired(ocg: str, person: str, last_day: date = LAST_DAY) -> DeadlinePassed:
    due = expiry_of(last_day)
    return DeadlinePassed(
        deadline_id=an_id(f"{ocg} {person} {last_day}"),
        kind=DeadlineKind.ROLE_EXPIRED,
        subject_id=an_id(ocg),
        person_id=an_id(person),
        due_at=due,
        passed_at=due + timedelta(minutes=1),
    )


HARM = (
    Factor.PHYSICAL,
    Factor.PSYCHOLOGICAL,
    Factor.FINANCIAL,
    Factor.COMMUNITY_AND_ENVIRONMENT,
    Factor.GEOGRAPHIC_SCOPE,
    Factor.PUBLIC_EXPECTATION,
)
LIKELIHOOD = (Factor.VICTIM_VULNERABILITY, Factor.FREQUENCY, Factor.TREND)
POSITION = (Factor.CAPACITY, Factor.CAPABILITY)
#: The worked example of domain.md section 3: harm 11, likelihood 5, risk 55.
EXAMPLE = ((3, 3, 1, 2, 2, 0), (0, 3, 2), (2, 1))


def _factors(names, values):
    return tuple(
        FactorScore(factor=one, value=value) for one, value in zip(names, values, strict=True)
    )


def scored(
    ocg: str, name: str = "score", values=EXAMPLE, *, at=None, confidence=3, reports=()
) -> OcgScored:
    harm, likelihood, position = values
    return OcgScored(
        score_id=an_id(f"{ocg} {name}"),
        ocg_id=an_id(ocg),
        model=1,
        harm=_factors(HARM, harm),
        likelihood=_factors(LIKELIHOOD, likelihood),
        confidence=confidence,
        organisational_position=_factors(POSITION, position),
        reasons=WHY,
        report_ids=tuple(map(an_id, reports)),
        **told(at),
    )


def graded(report: str, assessment: str = "B", revision: int = 1) -> ReportGraded:
    return ReportGraded(
        report_id=an_id(report),
        revision=revision,
        grading=grade(assessment),
        basis=(GradeBasis.SOURCE_HISTORY,),
        **WHO,
    )


class Analyst(Desk):
    """A desk that knows which topic a decision stands on, and looks at rows."""

    def topic_of(self, event) -> str:
        about_evidence = isinstance(event, GradeRelayed | SourceHistoryTold)
        is_decision = hasattr(event, "decided_at") or type(event).__name__ == "DeadlinePassed"
        return POLICE_DECISIONS if is_decision and not about_evidence else POLICE

    def look(self, read, *more):
        with self.store.snapshot() as snapshot:
            return read(snapshot.connection, *more)
