"""What the gate must remember: what it holds, and what each audience has been shown.

A fold of the gate's own output. Only what an audience has seen is ever
corrected towards it, so that a merge or split among people it knows nothing
of does not tell it that they exist.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias, assert_never

from streams.codec import decode, encode
from streams.restricted import EnclaveMention, ReportHeld, ReportLinked
from streams.shared import (
    NominalRelayed,
    PersonsMerged,
    PersonSplit,
    PoliceReportShared,
    ReportWithdrawn,
    SafeguardingReportShared,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from uuid import UUID

    from anonymiser.gate.audience import AudienceIds
    from streams.values import Audience

SharedEvent: TypeAlias = (
    PoliceReportShared
    | SafeguardingReportShared
    | NominalRelayed
    | ReportWithdrawn
    | PersonsMerged
    | PersonSplit
)
ReportKey: TypeAlias = tuple[str, "UUID"]


class Seen:
    """What one audience has been shown, under its own ids."""

    def __init__(self, ids: AudienceIds) -> None:
        self.ids = ids
        # There may be very many, so ids are kept as bare bytes and the nodes of a report as bits.
        self._nodes: dict[bytes, int] = {}
        self._entities: set[bytes] = set()
        self._kept: dict[UUID, UUID] = {}
        self._nominals: dict[UUID, None] = {}

    def apply(self, event: SharedEvent) -> None:
        """Fold one of the gate's own events in."""
        match event:
            case PoliceReportShared() | SafeguardingReportShared():
                self._nodes[event.report_id.bytes] = sum(1 << node.node for node in event.nodes)
                self._entities.update(node.entity_id.bytes for node in event.nodes)
            case ReportWithdrawn():
                self._nodes.pop(event.report_id.bytes, None)
            case NominalRelayed():
                self._entities.add(event.person_id.bytes)
                self._nominals.pop(event.person_id, None)
                if event.is_nominal:
                    self._nominals[event.person_id] = None
            case PersonsMerged():
                self._kept[event.absorbed_id] = event.kept_id
                self._entities.add(event.kept_id.bytes)
            case PersonSplit():
                self._kept.pop(event.new_entity_id, None)
                self._entities.add(event.new_entity_id.bytes)
            case _:
                assert_never(event)

    def has_report(self, partner: str, report_id: UUID) -> bool:
        """Tell whether some revision of the report is with the audience."""
        return self.ids.report(partner, report_id).bytes in self._nodes

    def has_entity(self, entity_id: UUID) -> bool:
        """Tell whether the audience knows the entity; the id is the enclave's."""
        return self.ids.entity(entity_id).bytes in self._entities

    def has_mention(self, mention: EnclaveMention) -> bool:
        """Tell whether the audience was shown this node of this report."""
        report_id = self.ids.report(mention.partner, mention.report_id)
        return bool(self._nodes.get(report_id.bytes, 0) >> mention.node & 1)

    def knows(self, audience_id: UUID) -> bool:
        """Tell whether this id was ever given to the audience."""
        return audience_id.bytes in self._entities

    def is_absorbed(self, audience_id: UUID) -> bool:
        """Tell whether the audience reads this id as another, since it was told of a merge."""
        return audience_id in self._kept

    def nominals_at(self, audience_id: UUID) -> tuple[UUID, ...]:
        """Return the ids under which an entity, as it stands, was said to be a nominal."""
        return tuple(one for one in self._nominals if self.root(one) == audience_id)

    def root(self, audience_id: UUID) -> UUID:
        """Return the id that the entity goes by now."""
        while audience_id in self._kept:
            audience_id = self._kept[audience_id]
        return audience_id


@dataclass(frozen=True, slots=True)
class Holding:
    """A held report, decoded."""

    event: ReportHeld
    linked: ReportLinked


@dataclass(slots=True)
class Held:
    """The reports that wait, and in which of them an entity stands."""

    _holdings: dict[ReportKey, Holding] = field(default_factory=dict)
    _by_entity: dict[UUID, dict[ReportKey, None]] = field(default_factory=dict)

    def get(self, partner: str, report_id: UUID) -> Holding | None:
        """Return what is held of a report."""
        return self._holdings.get((partner, report_id))

    def put(self, event: ReportHeld) -> None:
        """Hold a report; a later revision replaces the earlier one."""
        key = (event.partner, event.report_id)
        self.drop(key)
        linked = decode(event.linked, ReportLinked)
        self._holdings[key] = Holding(event, linked)
        for node in linked.nodes:
            self._by_entity.setdefault(node.entity_id, {})[key] = None

    def drop(self, key: ReportKey) -> None:
        """Let go of a report; harmless if it is not held."""
        holding = self._holdings.pop(key, None)
        for node in holding.linked.nodes if holding is not None else ():
            keys = self._by_entity.get(node.entity_id, {})
            keys.pop(key, None)
            if not keys:
                self._by_entity.pop(node.entity_id, None)

    def renamed(
        self, old: UUID, new: UUID, mentions: Iterable[EnclaveMention] | None = None
    ) -> Iterator[ReportHeld]:
        """Yield the held reports that name `old` (in one of `mentions`), now naming `new`."""
        only = None if mentions is None else {(m.partner, m.report_id, m.node) for m in mentions}
        for key in tuple(self._by_entity.get(old, ())):
            holding = self._holdings[key]
            nodes = tuple(
                replace(node, entity_id=new)
                if node.entity_id == old and (only is None or (*key, node.node) in only)
                else node
                for node in holding.linked.nodes
            )
            if nodes != holding.linked.nodes:
                linked = encode(replace(holding.linked, nodes=nodes))
                yield replace(holding.event, linked=linked)


class GateState:
    """Everything the gate remembers."""

    def __init__(self, ids: Iterable[AudienceIds]) -> None:
        self.held = Held()
        self.seen: dict[Audience, Seen] = {one.audience: Seen(one) for one in ids}

    def others_with(
        self, linked: ReportLinked, audiences: Iterable[Audience]
    ) -> Iterator[Audience]:
        """Yield the audiences that have an earlier revision and shall not have this one."""
        for audience, seen in self.seen.items():
            if audience not in audiences and seen.has_report(linked.partner, linked.report_id):
                yield audience
