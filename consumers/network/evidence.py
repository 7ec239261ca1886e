"""What one report says, for either audience, in the one form that the fold takes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from sys import intern
from typing import TYPE_CHECKING, Final, TypeAlias

from streams.shared import (
    NominalDischarged,
    NominalEnrolled,
    NominalRelayed,
    PersonsMerged,
    PersonSplit,
    PoliceReportShared,
    ReportWithdrawn,
    SafeguardingReportShared,
)
from streams.taxonomy import CRIMINAL_ACTIVITIES, RELATIONS, Bond, RelationKind, joins
from streams.values import ChildAtEvent, GradingScheme, NodeKind, Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from streams.parts import Grading, Handling

ReportShared: TypeAlias = PoliceReportShared | SafeguardingReportShared
NetworkEvent: TypeAlias = (
    ReportShared
    | ReportWithdrawn
    | PersonsMerged
    | PersonSplit
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


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """One node of a report without its id."""

    number: int
    kind: NodeKind
    child: ChildAtEvent
    role: Role


@dataclass(frozen=True, slots=True)
class StatedRelation:
    """A relation between two node numbers."""

    subject: int
    object: int
    kind: RelationKind


@dataclass(frozen=True, slots=True)
class Shape:
    """What a report says apart from who, when and where.

    Many reports have the same shape, so equal ones are kept once.
    `criminal` tells whether a coded fact makes associates a network tie.
    """

    nodes: tuple[NodeFacts, ...]
    relations: tuple[StatedRelation, ...]
    criminal: bool
    grading: Grading
    handling: Handling


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
    nodes = tuple(
        NodeFacts(node.node, node.kind, node.child_at_event, node.role) for node in event.nodes
    )
    kinds = {node.number: node.kind for node in nodes}
    relations = tuple(
        StatedRelation(relation.subject, relation.object, relation.kind)
        for relation in event.relations
        if _is_possible(kinds, relation.subject, relation.object, relation.kind)
    )
    criminal = any(fact.activity in CRIMINAL_ACTIVITIES for fact in event.facts)
    return evidence(
        report_id=str(event.report_id),
        revision=event.revision,
        origin_id=str(event.origin_id),
        week=event.event_week,
        district=event.district,
        entities=[str(node.entity_id) for node in event.nodes],
        shape=shape_of(nodes, relations, criminal, event.grading, event.handling),
    )


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
    criminal: bool,  # noqa: FBT001 - the parts of a shape, in its order
    grading: Grading,
    handling: Handling,
) -> Shape:
    """Return the shape of these parts, the same object for equal parts."""
    return Shape(nodes, relations, criminal, grading, handling)


def claims_of(evidence: Evidence) -> Mapping[TieKey, bool]:
    """Return each tie the report states, and whether it states it as a network tie.

    A tie from an entity to itself (both ends were merged) is none.
    """
    who = {
        node.number: entity
        for node, entity in zip(evidence.shape.nodes, evidence.entities, strict=True)
    }
    claims: dict[TieKey, bool] = {}
    for relation in evidence.shape.relations:
        subject, target = who[relation.subject], who[relation.object]
        if subject != target:
            key = tie_key(subject, target, relation.kind)
            claims[key] = is_network(relation.kind, criminal=evidence.shape.criminal)
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
    """Tell whether both ends are in the report and of kinds that this relation joins."""
    return subject in kinds and target in kinds and joins(kind, kinds[subject], kinds[target])
