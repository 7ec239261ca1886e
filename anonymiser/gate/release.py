"""Build what leaves, field by field, from an allow-list; nothing is copied and then deleted.

What is built has no size of its own: `finished` pads it to a class.

Node numbers stay as they were in the report, so that a split can name a
mention to every audience. A gap in the police numbers therefore shows that
something was kept back, and nothing of what.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from streams.codec import encode
from streams.padding import size_class
from streams.shared import (
    PoliceNode,
    PoliceReportShared,
    SafeguardingNode,
    SafeguardingReportShared,
    SharedRelation,
)
from streams.taxonomy import RELATIONS, SAFEGUARDING_ONLY
from streams.values import AgeBand, ChildAtEvent, NodeKind, Role, Sex

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anonymiser.gate.audience import AudienceIds
    from streams.restricted import LinkedNode, NumberedRelation, ReportLinked
    from streams.values import PartnerType

Shared = TypeVar("Shared", bound=PoliceReportShared | SafeguardingReportShared)

#: The smallest size class of what leaves; most reports fit into it.
SMALLEST_BYTES: Final = 1_024

#: Roles that concern police whatever ties a person has.
_OF_CONCERN: Final = frozenset({Role.SUSPECT, Role.VICTIM, Role.WITNESS})


def for_police(linked: ReportLinked, ids: AudienceIds) -> PoliceReportShared:
    """Build the report for police: no kin, friend, carer, school tie; of age only child or not."""
    nodes, relations = _police_part(linked)
    return PoliceReportShared(
        report_id=ids.report(linked.partner, linked.report_id),
        revision=linked.revision,
        origin_id=ids.origin(linked.origin_id),
        immediate_risk=linked.immediate_risk,
        purpose=linked.purpose,
        event_week=linked.event_week,
        district=linked.district,
        nodes=tuple(_police_node(node, ids) for node in nodes),
        relations=tuple(_relation(relation) for relation in relations),
        facts=linked.facts,
        grading=linked.grading,
        handling=linked.handling,
        narrative=linked.redacted,
    )


def for_safeguarding(linked: ReportLinked, ids: AudienceIds) -> SafeguardingReportShared:
    """Build the report for the safeguarding hub: every tie, and the age band."""
    return SafeguardingReportShared(
        report_id=ids.report(linked.partner, linked.report_id),
        revision=linked.revision,
        origin_id=ids.origin(linked.origin_id),
        immediate_risk=linked.immediate_risk,
        purpose=linked.purpose,
        event_week=linked.event_week,
        district=linked.district,
        nodes=tuple(_safeguarding_node(node, ids) for node in linked.nodes),
        relations=tuple(_relation(relation) for relation in linked.relations),
        facts=linked.facts,
        grading=linked.grading,
        handling=linked.handling,
        narrative=linked.redacted,
    )


def finished(event: Shared, partner_type: PartnerType | None = None) -> Shared:
    """Name the sector if it may be told, and pad the record to its size class."""
    whole = replace(event, partner_type=partner_type, padding=b"")
    bare = len(encode(whole))
    size = size_class(bare, SMALLEST_BYTES)
    while (filler := _filler(size - bare)) is None:
        size = size_class(size + 1, SMALLEST_BYTES)
    return replace(whole, padding=bytes(filler))


def plainest(event: SafeguardingReportShared) -> SafeguardingReportShared:
    """Say no place, sex or age; of each person only whether they are a child.

    For the hub alone, where too few people could be meant whatever is left out: what singles a
    family out is then that it is one, and a tie that the hub never hears of protects no child.
    """
    nodes = tuple(
        replace(
            node,
            sex=Sex.UNKNOWN,
            age_band=AgeBand.UNKNOWN,
            child_at_event=_only_child(node.child_at_event),
        )
        for node in event.nodes
    )
    return replace(event, district=None, police_area=None, nodes=nodes)


def _only_child(child: ChildAtEvent) -> ChildAtEvent:
    return child if child is ChildAtEvent.YES else ChildAtEvent.UNKNOWN


def _filler(room: int) -> int | None:
    """Return how many bytes of padding take up `room`, None if no number of them does.

    Avro writes their number before them, in more bytes the more there are.
    """
    for length_bytes in range(1, 4):
        count = room + 1 - length_bytes
        if count >= 0 and max(1, -(-(2 * count).bit_length() // 7)) == length_bytes:
            return count
    return None


def _police_node(node: LinkedNode, ids: AudienceIds) -> PoliceNode:
    return PoliceNode(
        node=node.node,
        kind=node.kind,
        entity_id=ids.entity(node.entity_id),
        sex=node.sex,
        child_at_event=node.child_at_event,
        role=node.role,
    )


def _safeguarding_node(node: LinkedNode, ids: AudienceIds) -> SafeguardingNode:
    return SafeguardingNode(
        node=node.node,
        kind=node.kind,
        entity_id=ids.entity(node.entity_id),
        sex=node.sex,
        age_band=node.age_band,
        child_at_event=node.child_at_event,
        role=node.role,
        protected=node.protected,
    )


def _relation(relation: NumberedRelation) -> SharedRelation:
    return SharedRelation(subject=relation.subject, object=relation.object, kind=relation.kind)


def _police_part(
    linked: ReportLinked,
) -> tuple[tuple[LinkedNode, ...], tuple[NumberedRelation, ...]]:
    """Leave out the ties that are not for police, and what stands in the report only for them.

    A brother who is only a brother goes, and with him the address that is only his.
    """
    tied = _ends_of(linked.relations)
    nodes = linked.nodes
    relations = _between(linked.relations, nodes)
    while True:
        kept = _ends_of(relations)
        left = tuple(n for n in nodes if n.node in kept or n.node not in tied or _concerns(n))
        if len(left) == len(nodes):
            return nodes, relations
        nodes, relations = left, _between(relations, left)


def _between(
    relations: Iterable[NumberedRelation], nodes: Iterable[LinkedNode]
) -> tuple[NumberedRelation, ...]:
    """Select the ties that police may see and whose ends are both there."""
    present = {node.node for node in nodes}
    return tuple(
        relation
        for relation in relations
        if RELATIONS[relation.kind].bond not in SAFEGUARDING_ONLY
        and {relation.subject, relation.object} <= present
    )


def _ends_of(relations: Iterable[NumberedRelation]) -> set[int]:
    return {end for relation in relations for end in (relation.subject, relation.object)}


def _concerns(node: LinkedNode) -> bool:
    return node.kind is NodeKind.PERSON and node.role in _OF_CONCERN
