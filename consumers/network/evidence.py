"""What one report says, for either audience, in the one form that the fold takes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from sys import intern
from typing import TYPE_CHECKING, Final, TypeAlias

from consumers.network import ages
from streams.shared import (
    AgeBandChanged,
    GradeRelayed,
    NominalDischarged,
    NominalEnrolled,
    NominalRelayed,
    PersonsMerged,
    PersonSplit,
    PoliceReportShared,
    ReportWithdrawn,
    SafeguardingNode,
    SafeguardingReportShared,
)
from streams.taxonomy import CRIMINAL_ACTIVITIES, RELATIONS, Bond, RelationKind, joins
from streams.values import AgeBand, ChildAtEvent, GradingScheme, NodeKind, Role, Theme

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from streams.parts import CodedFact, Grading, Handling
    from streams.shared import PoliceNode

ReportShared: TypeAlias = PoliceReportShared | SafeguardingReportShared
NetworkEvent: TypeAlias = (
    ReportShared
    | ReportWithdrawn
    | GradeRelayed
    | PersonsMerged
    | PersonSplit
    | AgeBandChanged
    | NominalEnrolled
    | NominalDischarged
    | NominalRelayed
)
"""Every event that can change a network, whichever audience it was made for."""

TieKey: TypeAlias = tuple[str, str, RelationKind]
"""Subject entity, object entity, kind; of a symmetric kind the smaller id comes first."""

_GRADED: Final = "ABCDE"
_UNGRADED_RANK: Final = 5
_SUSPECTED_FALSE_RANK: Final = 6
_SHAPES_KEPT: Final = 16_384
_GRADES_KEPT: Final = 256

#: What tells of a child where nobody told the age (domain.md section 8, rule 31): who has a parent
#: or carer to name, who is at a school, and who is exploited as a child.
_CARED_FOR: Final = frozenset(
    {RelationKind.PARENT, RelationKind.KINSHIP_CARER, RelationKind.FOSTER_CARER}
)
#: What makes a phone a deal line and an address a cuckooed one.
_MARKING: Final = frozenset(
    {RelationKind.RUNS_LINE, RelationKind.USES_LINE, RelationKind.CUCKOOED_AT}
)


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """One node of a report without its id. Police nodes have no age band."""

    number: int
    kind: NodeKind
    child: ChildAtEvent
    role: Role
    age_band: AgeBand = AgeBand.UNKNOWN


@dataclass(frozen=True, slots=True)
class StatedRelation:
    """A relation between two node numbers."""

    subject: int
    object: int
    kind: RelationKind


@dataclass(frozen=True, slots=True)
class Sign:
    """What one mention adds to what is known of its entity, by the rest of its report.

    `age` is a rank of `ages`, "" if the report does not tell. A report that is suspected
    false adds an age it tells, for that is no intelligence, and nothing else.
    """

    is_person: bool
    age: str
    seems_child: bool
    is_suspect: bool
    is_victim: bool
    is_marked: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """A tie that a report states, between places in its list of nodes."""

    subject: int
    object: int
    kind: RelationKind
    is_symmetric: bool
    is_network: bool


@dataclass(frozen=True, slots=True)
class Shape:
    """What a report says apart from who, when and where.

    Many reports have the same shape, so equal ones are kept once. `grading` is the grade that
    stands: that of police once they gave one. The rest follows from these: `criminal` tells
    whether a coded fact makes associates a network tie, `is_false` whether the report is suspected
    false; `signs` has one for each node.
    """

    nodes: tuple[NodeFacts, ...]
    relations: tuple[StatedRelation, ...]
    facts: tuple[CodedFact, ...]
    grading: Grading
    handling: Handling
    criminal: bool
    is_false: bool
    signs: tuple[Sign, ...]
    claims: tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One revision of one report; `entities` belong to `shape.nodes`, in order."""

    report_id: str
    revision: int
    origin_id: str
    week: str
    district: str | None
    entities: tuple[str, ...]
    shape: Shape


def evidence_of(event: ReportShared) -> Evidence:
    """Take from a report what networks and alerts are made of."""
    nodes = tuple(map(_facts_of, event.nodes))
    kinds = {node.number: node.kind for node in nodes}
    relations = tuple(
        StatedRelation(relation.subject, relation.object, relation.kind)
        for relation in event.relations
        if _is_possible(kinds, relation.subject, relation.object, relation.kind)
    )
    return evidence(
        report_id=str(event.report_id),
        revision=event.revision,
        origin_id=str(event.origin_id),
        week=event.event_week,
        district=event.district,
        entities=[str(node.entity_id) for node in event.nodes],
        shape=shape_of(nodes, relations, event.facts, event.grading, event.handling),
    )


def _facts_of(node: PoliceNode | SafeguardingNode) -> NodeFacts:
    band = node.age_band if isinstance(node, SafeguardingNode) else AgeBand.UNKNOWN
    return NodeFacts(node.node, node.kind, node.child_at_event, node.role, band)


def graded(evidence: Evidence, grading: Grading) -> Evidence:
    """Return the same report under another grade."""
    was = evidence.shape
    shape = shape_of(was.nodes, was.relations, was.facts, grading, was.handling)
    return evidence if shape == was else replace(evidence, shape=shape)


def evidence(  # noqa: PLR0913 - one argument for each field
    *,
    report_id: str,
    revision: int,
    origin_id: str,
    week: str,
    district: str | None,
    entities: Iterable[str],
    shape: Shape,
) -> Evidence:
    """Make evidence that shares with all other evidence the texts that recur."""
    return Evidence(
        report_id=report_id,
        revision=revision,
        origin_id=origin_id,
        week=intern(week),
        district=None if district is None else intern(district),
        entities=tuple(intern(entity) for entity in entities),
        shape=shape,
    )


@lru_cache(maxsize=_SHAPES_KEPT)
def shape_of(
    nodes: tuple[NodeFacts, ...],
    relations: tuple[StatedRelation, ...],
    facts: tuple[CodedFact, ...],
    grading: Grading,
    handling: Handling,
) -> Shape:
    """Return the shape of these parts, the same object for equal parts."""
    criminal = any(fact.activity in CRIMINAL_ACTIVITIES for fact in facts)
    is_false = is_suspected_false(grading)
    signs = _signs(nodes, relations, facts, is_false=is_false)
    claims = _claims(nodes, relations, criminal=criminal)
    return Shape(nodes, relations, facts, grading, handling, criminal, is_false, signs, claims)


def _claims(
    nodes: tuple[NodeFacts, ...], relations: tuple[StatedRelation, ...], *, criminal: bool
) -> tuple[Claim, ...]:
    places = {node.number: place for place, node in enumerate(nodes)}
    return tuple(
        Claim(
            subject=places[one.subject],
            object=places[one.object],
            kind=one.kind,
            is_symmetric=RELATIONS[one.kind].symmetric,
            is_network=is_network(one.kind, criminal=criminal),
        )
        for one in relations
    )


def _signs(
    nodes: tuple[NodeFacts, ...],
    relations: tuple[StatedRelation, ...],
    facts: tuple[CodedFact, ...],
    *,
    is_false: bool,
) -> tuple[Sign, ...]:
    exploited = any(fact.theme is Theme.CHILD_CRIMINAL_EXPLOITATION for fact in facts)
    cared_for = {one.object for one in relations if one.kind in _CARED_FOR}
    at_school = {one.subject for one in relations if one.kind is RelationKind.ATTENDS}
    marked = {one.object for one in relations if one.kind in _MARKING}

    def seems_child(node: NodeFacts) -> bool:
        told = node.number in cared_for or node.number in at_school
        return told or (exploited and node.role is Role.VICTIM)

    return tuple(
        Sign(
            is_person=node.kind is NodeKind.PERSON,
            age=ages.rank(node.child, node.age_band),
            seems_child=not is_false and seems_child(node),
            is_suspect=not is_false and node.role is Role.SUSPECT,
            is_victim=not is_false and node.role is Role.VICTIM,
            is_marked=not is_false and node.number in marked,
        )
        for node in nodes
    )


def claims_of(evidence: Evidence) -> Mapping[TieKey, bool]:
    """Return each tie the report states, and whether it states it as a network tie.

    A tie from an entity to itself (both ends were merged) is none.
    """
    entities = evidence.entities
    claims: dict[TieKey, bool] = {}
    for claim in evidence.shape.claims:
        subject, target = entities[claim.subject], entities[claim.object]
        if claim.is_symmetric and target < subject:
            subject, target = target, subject
        if subject != target:
            claims[subject, target, claim.kind] = claim.is_network
    return claims


def tie_key(subject: str, target: str, kind: RelationKind) -> TieKey:
    """Return the one key of a tie, whichever way round a symmetric one was told."""
    if RELATIONS[kind].symmetric and target < subject:
        return (target, subject, kind)
    return (subject, target, kind)


def is_network(kind: RelationKind, *, criminal: bool) -> bool:
    """Tell whether a relation is a network tie; an associate is one beside a criminal fact."""
    bond = RELATIONS[kind].bond
    return bond is Bond.NETWORK or (bond is Bond.CONDITIONAL and criminal)


def is_suspected_false(grading: Grading) -> bool:
    """Tell whether the assessor thinks the report false (E of 3x5x2, 5 of 5x5x5).

    Such a report alone creates no tie: it adds neither weight nor validity,
    and is listed beside the evidence of a tie that others carry.
    """
    return weakness(grading)[0] == _SUSPECTED_FALSE_RANK


def is_ungraded(grading: Grading) -> bool:
    """Tell whether nobody has graded the report yet."""
    return grading.scheme is GradingScheme.UNGRADED


@lru_cache(maxsize=_GRADES_KEPT)
def weakness(grading: Grading) -> tuple[int, int, str]:
    """Return a rank to order grades by, the weakest highest: assessment first, then source.

    The order is by place in the scheme's own list; nothing is converted from
    one scheme to the other. Ungraded is weaker than any grade but suspected
    false. Source: domain.md section 1.
    """
    if grading.scheme is GradingScheme.UNGRADED:
        return (_UNGRADED_RANK, 0, grading.scheme)
    return (_assessment_rank(grading), _place(grading.source), grading.scheme)


def _assessment_rank(grading: Grading) -> int:
    place = _place(grading.assessment)
    return _SUSPECTED_FALSE_RANK if place == len(_GRADED) else place


def _place(letter_or_digit: str | None) -> int:
    if letter_or_digit is None:
        return _UNGRADED_RANK
    if letter_or_digit.isdecimal():
        return int(letter_or_digit)
    return _GRADED.index(letter_or_digit) + 1


def _is_possible(
    kinds: Mapping[int, NodeKind], subject: int, target: int, kind: RelationKind
) -> bool:
    """Tell whether the ends are two nodes of the report, of kinds that this relation joins."""
    are_two = subject != target and subject in kinds and target in kinds
    return are_two and joins(kind, kinds[subject], kinds[target])
