"""What a named person may decide about OCGs, roles, scores and grades: a command in, events out.

Pure. The book is the fold of `police.decisions` to its end; the people come from the view, with
how much of the intelligence topic that view rests on (`seen`). What does not hold is a named
error, and nothing is written. Source of the rules: domain.md section 8, rules 14, 26, 36 and 38.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from consumers.ocg_network.scoring import Score, check
from streams.codes import OcgRole
from streams.errors import DeniedError, InvalidInputError
from streams.grades import is_grade
from streams.instants import london_day
from streams.ocg import (
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
from streams.roles import OcgStatus
from streams.values import GradingScheme

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, datetime
    from uuid import UUID

    from consumers.ocg_network.ocgs import OcgBook
    from consumers.ocg_network.scoring import Values
    from streams.codes import ArchiveReason, GradeBasis, Rationale, RoleEnd
    from streams.parts import Grading

#: Fewer are never labelled an OCG (Serious Crime Act 2015 s45: three or more persons).
MEMBERS_MIN: Final = 3
MEMBERS_MAX: Final = 500
AREAS_MAX: Final = 50
#: What a decision may name as its evidence; a record on the log has its bound.
REPORTS_MAX: Final = 2_000
#: How long a role lasts if nobody says otherwise, and at most; then it is confirmed again.
ROLE_MONTHS_DEFAULT: Final = 6
ROLE_MONTHS_MAX: Final = 12
_REFERENCE: Final = re.compile(r"[A-Z]{2,4}-[0-9]{1,6}")


class UnknownOcgError(InvalidInputError):
    """No OCG of this reference or id was ever mapped. `rivelin ocg list --all` shows them."""


class OcgNotMappedError(InvalidInputError):
    """The OCG is archived, or another took it in. Reactivate it, or decide on the other."""


class OcgNotArchivedError(InvalidInputError):
    """Only an archived OCG is reactivated."""


class BadReferenceError(InvalidInputError):
    """A reference is a code such as SY-12, and never a name of anybody."""


class DuplicateReferenceError(InvalidInputError):
    """An OCG has this reference already, perhaps archived; a reference is never used again."""


class TooFewMembersError(InvalidInputError):
    """Fewer than three distinct persons who count are never labelled an OCG."""


class AtRiskError(DeniedError):
    """A child, or a person who is a victim only, is no member of an OCG and holds no role.

    They are somebody to protect: tell the safeguarding hub.
    """


class NoSuchPersonError(InvalidInputError):
    """No live report mentions this person, or the id stands for a place or a thing."""


class NotAMemberError(InvalidInputError):
    """The person is no member of the OCG. Map it again with them, or name a member."""


class NoRoleError(InvalidInputError):
    """The person holds no role in this OCG that could be renewed or ended."""


class ExpiryError(InvalidInputError):
    """The last day of a role lies between today and twelve months from today."""


class SameOcgError(InvalidInputError):
    """An OCG cannot be merged with itself. Name two."""


class EverybodySplitOffError(InvalidInputError):
    """A split leaves somebody behind; to end the OCG, archive it."""


class NoReasonError(InvalidInputError):
    """Every decision names at least one reason code."""


class GradeError(InvalidInputError):
    """The grade does not fit its scheme; nothing is converted from one scheme to another."""


class NotGradableError(InvalidInputError):
    """The report is not there, was withdrawn, or was corrected since. Look at it again."""


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """A person as the view shows them; `root` is the id they go by now."""

    root: UUID
    is_person: bool
    is_child: bool
    is_victim_only: bool

    @property
    def is_at_risk(self) -> bool:
        """Whether they are to be protected, and so neither counted nor ranked."""
        return self.is_child or self.is_victim_only


@dataclass(frozen=True, slots=True)
class Ground:
    """What a decision about people rests on: who they are now, and how much of the topic that saw.

    A member whom no live report mentions any longer is missing from `people`.
    """

    people: Mapping[UUID, PersonFacts]
    seen: int


@dataclass(frozen=True, slots=True)
class By:
    """Who decides, when, and why."""

    name: str
    at: datetime
    reasons: tuple[Rationale, ...]
    report_ids: tuple[UUID, ...] = ()


def is_reference(text: str) -> bool:
    """Tell whether a text is a reference such as SY-12."""
    return _REFERENCE.fullmatch(text) is not None


# --- OCGs -----------------------------------------------------------------------------------


def decide_map(  # noqa: PLR0913 - one argument for each thing that is decided
    book: OcgBook,
    ground: Ground,
    by: By,
    *,
    ocg_id: UUID,
    reference: str,
    members: Sequence[UUID],
    network_id: UUID | None = None,
    areas: Sequence[str] = (),
) -> tuple[OcgMapped, ...]:
    """Say that these people are an OCG.

    Raises: BadReferenceError, DuplicateReferenceError, NoSuchPersonError, AtRiskError,
    TooFewMembersError, NoReasonError.
    """
    _require_reasons(by)
    _require_fresh(book, reference)
    if len(areas) > AREAS_MAX:
        raise InvalidInputError(f"an OCG is seen in up to {AREAS_MAX} areas")
    mapped = OcgMapped(
        ocg_id=ocg_id,
        reference=reference,
        network_id=network_id,
        members=_distinct(ground, members),
        areas=tuple(areas),
        reasons=by.reasons,
        report_ids=by.report_ids[:REPORTS_MAX],
        seen=ground.seen,
        decided_by=by.name,
        decided_at=by.at,
    )
    return (mapped,)


def decide_members(  # noqa: PLR0913 - one argument for each thing that is decided
    book: OcgBook,
    ground: Ground,
    by: By,
    *,
    ocg_id: UUID,
    add: Sequence[UUID] = (),
    remove: Sequence[UUID] = (),
) -> tuple[OcgMapped, ...]:
    """Map an OCG again with some members more and some fewer; nothing else about it changes.

    Who was found to be at risk since goes, or nothing is decided: nobody says anew that a child is
    a member. Raises: what `decide_map` raises, NotAMemberError.
    """
    _require_reasons(by)
    _require_mapped(book, ocg_id)
    _require_adults(ground, add)
    going, known = set(_roots(ground, remove)), book.members(ocg_id)
    if going - set(_roots(ground, known)):
        raise NotAMemberError("somebody who is to be taken out is no member of this OCG")
    staying = [one for one in known if _root(ground, one) not in going]
    _require_adults(ground, [one for one in staying if one in ground.people])
    here = set(_roots(ground, staying))
    members = (*staying, *(one for one in dict.fromkeys(_roots(ground, add)) if one not in here))
    _require_room(members)
    _require_three(_counted(ground, members), "who count")
    one = book.ocgs[ocg_id]
    mapped = OcgMapped(
        ocg_id=ocg_id,
        reference=one.reference,
        network_id=one.network_id,
        members=members,
        areas=one.areas,
        reasons=by.reasons,
        report_ids=by.report_ids[:REPORTS_MAX],
        seen=ground.seen,
        decided_by=by.name,
        decided_at=by.at,
    )
    return (mapped,)


def decide_merge(book: OcgBook, by: By, *, kept: UUID, absorbed: UUID) -> tuple[OcgMerged, ...]:
    """Make two OCGs one.

    Raises: SameOcgError, UnknownOcgError, OcgNotMappedError, NoReasonError.
    """
    _require_reasons(by)
    if kept == absorbed:
        raise SameOcgError("an OCG cannot be merged with itself")
    _require_mapped(book, kept)
    _require_mapped(book, absorbed)
    merged = OcgMerged(
        kept_id=kept,
        absorbed_id=absorbed,
        reasons=by.reasons,
        decided_by=by.name,
        decided_at=by.at,
    )
    return (merged,)


def decide_split(  # noqa: PLR0913 - one argument for each thing that is decided
    book: OcgBook,
    ground: Ground,
    by: By,
    *,
    ocg_id: UUID,
    new_ocg_id: UUID,
    new_reference: str,
    members: Sequence[UUID],
) -> tuple[OcgSplit, ...]:
    """Make some members of an OCG another one; both keep three who count.

    Raises: UnknownOcgError, OcgNotMappedError, NotAMemberError, EverybodySplitOffError,
    TooFewMembersError, AtRiskError, BadReferenceError, DuplicateReferenceError, NoReasonError.
    """
    _require_reasons(by)
    _require_mapped(book, ocg_id)
    _require_fresh(book, new_reference)
    roots = set(_roots(ground, members))
    going = tuple(one for one in book.members(ocg_id) if _root(ground, one) in roots)
    if roots - {_root(ground, one) for one in going}:
        raise NotAMemberError("somebody who is to be split off is no member of this OCG")
    staying = [one for one in book.members(ocg_id) if one not in going]
    if not staying:
        raise EverybodySplitOffError("a split leaves somebody behind; to end the OCG, archive it")
    _require_adults(ground, going)
    _require_three(_counted(ground, going), "who are split off")
    _require_three(_counted(ground, staying), "who stay")
    split = OcgSplit(
        ocg_id=ocg_id,
        new_ocg_id=new_ocg_id,
        new_reference=new_reference,
        members=going,
        reasons=by.reasons,
        seen=ground.seen,
        decided_by=by.name,
        decided_at=by.at,
    )
    return (split,)


def decide_archive(
    book: OcgBook, by: By, *, ocg_id: UUID, reason: ArchiveReason
) -> tuple[OcgArchived, ...]:
    """Map an OCG no longer.

    Raises: UnknownOcgError, OcgNotMappedError, NoReasonError.
    """
    _require_reasons(by)
    _require_mapped(book, ocg_id)
    archived = OcgArchived(
        ocg_id=ocg_id, reason=reason, reasons=by.reasons, decided_by=by.name, decided_at=by.at
    )
    return (archived,)


def decide_reactivate(
    book: OcgBook, ground: Ground, by: By, *, ocg_id: UUID
) -> tuple[OcgReactivated, ...]:
    """Map an archived OCG again; three of its members must still count.

    Raises: UnknownOcgError, OcgNotArchivedError, TooFewMembersError, NoReasonError.
    """
    _require_reasons(by)
    _require_known(book, ocg_id)
    if book.status(ocg_id) is not OcgStatus.ARCHIVED:
        raise OcgNotArchivedError("only an archived OCG is reactivated")
    _require_three(_counted(ground, book.members(ocg_id)), "who are its members")
    reactivated = OcgReactivated(
        ocg_id=ocg_id, reasons=by.reasons, decided_by=by.name, decided_at=by.at
    )
    return (reactivated,)


# --- roles ----------------------------------------------------------------------------------


def decide_role(  # noqa: PLR0913 - one argument for each thing that is decided
    book: OcgBook,
    ground: Ground,
    by: By,
    *,
    ocg_id: UUID,
    person_id: UUID,
    role: OcgRole | None,
    last_day: date | None = None,
) -> tuple[RoleConfirmed, ...]:
    """Confirm the part of a member, until a day; without a `role` renew the one they hold.

    Raises: UnknownOcgError, OcgNotMappedError, NotAMemberError, AtRiskError, ExpiryError,
    NoRoleError, NoReasonError.
    """
    _require_reasons(by)
    _require_mapped(book, ocg_id)
    _require_adults(ground, (person_id,))
    member = _member(book, ground, ocg_id, person_id)
    held = book.roles.role(ocg_id, member)
    if role is None and held is None:
        raise NoRoleError("the person holds no role in this OCG that could be renewed")
    confirmed = RoleConfirmed(
        ocg_id=ocg_id,
        person_id=member,
        role=role or (held.role if held else OcgRole.PERIPHERAL),
        reasons=by.reasons,
        report_ids=by.report_ids[:REPORTS_MAX],
        expires_on=_last_day(last_day, by.at),
        seen=ground.seen,
        decided_by=by.name,
        decided_at=by.at,
    )
    return (confirmed,)


def decide_role_end(  # noqa: PLR0913 - one argument for each thing that is decided
    book: OcgBook, ground: Ground, by: By, *, ocg_id: UUID, person_id: UUID, reason: RoleEnd
) -> tuple[RoleEnded, ...]:
    """End every role that a person holds in an OCG, under whichever id it was confirmed.

    Raises: UnknownOcgError, NoRoleError.
    """
    _require_known(book, ocg_id)
    root = _root(ground, person_id)
    frame = book.roles.ocgs[book.roles.root(ocg_id)]
    held = [one for one in frame.roles if _root(ground, one) == root]
    if not held:
        raise NoRoleError("the person holds no role in this OCG that could be ended")
    return tuple(
        RoleEnded(ocg_id=ocg_id, person_id=one, reason=reason, decided_by=by.name, decided_at=by.at)
        for one in sorted(held)
    )


def months_after(day: date, months: int) -> date:
    """Return the day so many months later, the last of its month where there is no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return day.replace(year=year, month=month + 1, day=last)
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")


def _last_day(wanted: date | None, at: datetime) -> date:
    today = london_day(at)
    last = months_after(today, ROLE_MONTHS_DEFAULT) if wanted is None else wanted
    if last < today:
        raise ExpiryError("a role cannot expire before today")
    if last > (limit := months_after(today, ROLE_MONTHS_MAX)):
        raise ExpiryError(f"a role lasts to {limit} at most and is then confirmed again")
    return last


# --- scores and grades ----------------------------------------------------------------------


def decide_score(  # noqa: PLR0913 - one argument for each thing that is decided
    book: OcgBook,
    by: By,
    *,
    score_id: UUID,
    ocg_id: UUID,
    model: int,
    harm: Values,
    likelihood: Values,
    position: Values,
    confidence: int,
) -> tuple[OcgScored, ...]:
    """Score a mapped OCG: inputs only, what follows from them is computed.

    Raises: UnknownOcgError, OcgNotMappedError, UnknownModelError, UnknownFactorError,
    MissingFactorError, ScoreOutOfRangeError, NoReasonError.
    """
    _require_reasons(by)
    _require_mapped(book, ocg_id)
    score = Score(
        model=model,
        harm=harm,
        likelihood=likelihood,
        position=position,
        confidence=confidence,
        decided_at=by.at,
    )
    check(score)
    scored = OcgScored(
        score_id=score_id,
        ocg_id=ocg_id,
        model=model,
        harm=_factors(harm),
        likelihood=_factors(likelihood),
        confidence=confidence,
        organisational_position=_factors(position),
        reasons=by.reasons,
        report_ids=by.report_ids[:REPORTS_MAX],
        decided_by=by.name,
        decided_at=by.at,
    )
    return (scored,)


def decide_grade(  # noqa: PLR0913 - one argument for each thing that is decided
    *,
    report_id: UUID,
    revision: int | None,
    grading: Grading,
    basis: Iterable[GradeBasis],
    by: str,
    at: datetime,
) -> tuple[ReportGraded, ...]:
    """Grade a revision of a report; None stands for a report that is not there or was withdrawn.

    Raises: NotGradableError, GradeError, NoReasonError.
    """
    if revision is None:
        raise NotGradableError("police hold no live report of this id")
    if grading.scheme is GradingScheme.UNGRADED:
        raise GradeError("a grade names its scheme: 3x5x2 or 5x5x5")
    if not is_grade(grading):
        raise GradeError(
            "the grade does not fit its scheme: 3x5x2 has source 1 to 3 and assessment A to E,"
            " 5x5x5 source A to E and assessment 1 to 5"
        )
    known = tuple(dict.fromkeys(basis))
    if not known:
        raise NoReasonError("a grade says what it rests on: --basis")
    graded = ReportGraded(
        report_id=report_id,
        revision=revision,
        grading=grading,
        basis=known,
        decided_by=by,
        decided_at=at,
    )
    return (graded,)


def _factors(values: Values) -> tuple[FactorScore, ...]:
    return tuple(FactorScore(factor=factor, value=values[factor]) for factor in sorted(values))


# --- what must hold -------------------------------------------------------------------------


def _require_reasons(by: By) -> None:
    if not by.reasons:
        raise NoReasonError("a decision names at least one reason code: --reason")


def _require_known(book: OcgBook, ocg_id: UUID) -> None:
    if ocg_id not in book.ocgs:
        raise UnknownOcgError("no such OCG was ever mapped")


def _require_mapped(book: OcgBook, ocg_id: UUID) -> None:
    _require_known(book, ocg_id)
    status = book.status(ocg_id)
    if status is OcgStatus.ABSORBED:
        into = book.ocgs[book.roles.root(ocg_id)].reference
        raise OcgNotMappedError(f"this OCG was merged into {into}: decide on that one")
    if status is not OcgStatus.MAPPED:
        raise OcgNotMappedError("this OCG is archived: reactivate it first")


def _require_fresh(book: OcgBook, reference: str) -> None:
    if not is_reference(reference):
        raise BadReferenceError(
            "a reference is two to four capital letters, a hyphen and up to six digits, such as"
            " SY-12; it is a code and never a name"
        )
    if book.by_reference(reference) is not None:
        raise DuplicateReferenceError(
            f"{reference} is an OCG already, mapped, archived or absorbed; take another reference"
        )


def _distinct(ground: Ground, members: Sequence[UUID]) -> tuple[UUID, ...]:
    """Return the members by the ids they go by now, each once."""
    _require_adults(ground, members)
    distinct = tuple(dict.fromkeys(_roots(ground, members)))
    _require_three(len(distinct), "who count")
    _require_room(distinct)
    return distinct


def _require_room(members: Sequence[UUID]) -> None:
    if len(members) > MEMBERS_MAX:
        raise InvalidInputError(f"an OCG has up to {MEMBERS_MAX} members")


def _require_three(counted: int, who: str) -> None:
    if counted < MEMBERS_MIN:
        raise TooFewMembersError(
            f"{counted} distinct adults {who}: fewer than {MEMBERS_MIN} are never labelled an OCG"
        )


def _require_adults(ground: Ground, people: Iterable[UUID]) -> None:
    for one in people:
        facts = ground.people.get(one)
        if facts is None or not facts.is_person:
            raise NoSuchPersonError("somebody named is no person whom a live report mentions")
        if facts.is_at_risk:
            raise AtRiskError(
                "a child, or somebody who is a victim only, is no member of an OCG and holds no"
                f" role: {one} is to be protected, tell the hub"
            )


def _counted(ground: Ground, members: Iterable[UUID]) -> int:
    """Return how many distinct persons count: who is at risk, or whom nobody mentions, does not."""
    known = (ground.people[one] for one in members if one in ground.people)
    return len({facts.root for facts in known if facts.is_person and not facts.is_at_risk})


def _root(ground: Ground, person: UUID) -> UUID:
    facts = ground.people.get(person)
    return person if facts is None else facts.root


def _roots(ground: Ground, people: Iterable[UUID]) -> tuple[UUID, ...]:
    return tuple(_root(ground, one) for one in people)


def _member(book: OcgBook, ground: Ground, ocg_id: UUID, person_id: UUID) -> UUID:
    """Return the id under which somebody is a member; of two that were merged the one now used."""
    root = _root(ground, person_id)
    same = [one for one in book.members(ocg_id) if _root(ground, one) == root]
    if not same:
        raise NotAMemberError("the person is no member of this OCG: map it again with them first")
    return root if root in same else min(same)
