"""What the gate must remember: what it holds, and what each audience has been shown.

A fold of the gate's own output. Only what an audience has seen is ever
corrected towards it, so that a merge or split among people it knows nothing
of does not tell it that they exist.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Final, Generic, TypeAlias, TypeVar, assert_never

from anonymiser.gate.batch import merge_of, waiting_of
from anonymiser.gate.cells import Shown, turned
from streams.codec import decode, encode
from streams.restricted import (
    EnclaveMention,
    MergeDecided,
    ReporterNoted,
    ReportHeld,
    ReportLinked,
    ReportWaiting,
)
from streams.shared import (
    AgeBandChanged,
    NominalRelayed,
    PersonsMerged,
    PersonSplit,
    PoliceReportShared,
    ReportWithdrawn,
    SafeguardingReportShared,
)
from streams.values import AgeBand, NodeKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from uuid import UUID

    from anonymiser.gate.audience import AudienceIds
    from streams.shared import PoliceNode, SafeguardingNode
    from streams.values import Audience, PartnerType

SharedEvent: TypeAlias = (
    PoliceReportShared
    | SafeguardingReportShared
    | NominalRelayed
    | ReportWithdrawn
    | PersonsMerged
    | PersonSplit
    | AgeBandChanged
)
#: The same as classes; what else the gate writes for an audience is for its relays to remember.
SHARED_EVENTS: Final = (
    PoliceReportShared,
    SafeguardingReportShared,
    NominalRelayed,
    ReportWithdrawn,
    PersonsMerged,
    PersonSplit,
    AgeBandChanged,
)
ReportKey: TypeAlias = tuple[str, "UUID"]
Kept = TypeVar("Kept", bound=ReportHeld | ReportWaiting)


class Seen:
    """What one audience has been shown, under its own ids."""

    def __init__(self, ids: AudienceIds) -> None:
        self.ids = ids
        # There may be very many, so ids are kept as bare bytes and the nodes of a report as bits.
        self._nodes: dict[bytes, int] = {}
        self._later: dict[bytes, int] = {}  # the revision, where it is not the first
        self._entities: set[bytes] = set()
        self._things: set[bytes] = set()
        self._kept: dict[UUID, UUID] = {}
        #: What adds up over all that was ever shown of a person; small cells are counted with it.
        self.shown = Shown()

    def apply(self, event: SharedEvent) -> None:
        """Fold one of the gate's own events in."""
        match event:
            case PoliceReportShared() | SafeguardingReportShared():
                self._nodes[event.report_id.bytes] = sum(1 << node.node for node in event.nodes)
                if event.revision > 1:
                    self._later[event.report_id.bytes] = event.revision
                self._entities.update(node.entity_id.bytes for node in event.nodes)
                self._things.update(_things_in(event))
                self.shown.apply(event)
            case ReportWithdrawn():
                self._nodes.pop(event.report_id.bytes, None)
                self._later.pop(event.report_id.bytes, None)
            case NominalRelayed():
                self._entities.add(event.person_id.bytes)
            case PersonsMerged():
                self._kept[event.absorbed_id] = event.kept_id
                self._note(event.kind, event.kept_id)
                self.shown.merge(event.kept_id, event.absorbed_id)
            case PersonSplit():
                self._kept.pop(event.new_entity_id, None)
                self._note(event.kind, event.new_entity_id)
                self.shown.split(event.entity_id, event.new_entity_id)
            case AgeBandChanged(person_id=person, age_band=band, week=week):
                if band is not AgeBand.UNKNOWN:
                    self.shown.turn(person, turned(band, week))
            case _:
                assert_never(event)

    def _note(self, kind: NodeKind, audience_id: UUID) -> None:
        self._entities.add(audience_id.bytes)
        if kind is not NodeKind.PERSON:
            self._things.add(audience_id.bytes)

    def has_report(self, partner: str, report_id: UUID) -> bool:
        """Tell whether some revision of the report is with the audience."""
        return self.ids.report(partner, report_id).bytes in self._nodes

    def revision_of(self, partner: str, report_id: UUID) -> int:
        """Return which revision of the report is with the audience; 0 if none is."""
        return self.revision_shown(self.ids.report(partner, report_id))

    def revision_shown(self, audience_id: UUID) -> int:
        """Return the same of a report by the audience's own id; 0 for an id it never got."""
        shown = audience_id.bytes
        return self._later.get(shown, 1) if shown in self._nodes else 0

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

    def is_thing(self, audience_id: UUID) -> bool:
        """Tell whether this id was given to the audience and is no person's."""
        return audience_id.bytes in self._things

    def is_absorbed(self, audience_id: UUID) -> bool:
        """Tell whether the audience reads this id as another, since it was told of a merge."""
        return audience_id in self._kept

    def root(self, audience_id: UUID) -> UUID:
        """Return the id that the entity goes by now."""
        while audience_id in self._kept:
            audience_id = self._kept[audience_id]
        return audience_id


def _things_in(event: PoliceReportShared | SafeguardingReportShared) -> Iterator[bytes]:
    nodes: Iterable[PoliceNode | SafeguardingNode] = event.nodes
    return (node.entity_id.bytes for node in nodes if node.kind is not NodeKind.PERSON)


@dataclass(frozen=True, slots=True)
class Holding(Generic[Kept]):
    """A report that is kept back, decoded."""

    event: Kept
    linked: ReportLinked


@dataclass(slots=True)
class Held(Generic[Kept]):
    """The reports that are kept back, oldest first, and in which of them an entity stands."""

    _holdings: dict[ReportKey, Holding[Kept]] = field(default_factory=dict)
    _by_entity: dict[UUID, dict[ReportKey, None]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._holdings)

    def first(self, count: int) -> list[Holding[Kept]]:
        """Return up to `count` of the reports, oldest first."""
        return list(islice(self._holdings.values(), count))

    def get(self, partner: str, report_id: UUID) -> Holding[Kept] | None:
        """Return what is kept back of a report."""
        return self._holdings.get((partner, report_id))

    def put(self, event: Kept) -> None:
        """Keep a report back; a later revision replaces the earlier one."""
        key = (event.partner, event.report_id)
        self._forget(key)
        linked = decode(event.linked, ReportLinked)
        self._holdings[key] = Holding(event, linked)  # in the place of the earlier one
        for node in linked.nodes:
            self._by_entity.setdefault(node.entity_id, {})[key] = None

    def drop(self, key: ReportKey) -> None:
        """Let go of a report; harmless if it is not here."""
        self._forget(key)
        self._holdings.pop(key, None)

    def _forget(self, key: ReportKey) -> None:
        holding = self._holdings.get(key)
        for node in holding.linked.nodes if holding is not None else ():
            keys = self._by_entity.get(node.entity_id, {})
            keys.pop(key, None)
            if not keys:
                self._by_entity.pop(node.entity_id, None)

    def renamed(
        self, old: UUID, new: UUID, mentions: Iterable[EnclaveMention] | None = None
    ) -> Iterator[Kept]:
        """Yield the reports that name `old` (in one of `mentions`), now naming `new`."""
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


class Batch:
    """What waits to go to police together, and who has ever reported; a fold of `enclave.held`.

    Asking costs the same however many wait.
    """

    def __init__(self) -> None:
        self.reports: Held[ReportWaiting] = Held()
        self.merges: dict[UUID, MergeDecided] = {}
        self._waiting: Counter[str] = Counter()
        self._sector: dict[str, PartnerType] = {}
        self._reporters: Counter[PartnerType] = Counter()

    def apply(self, event: object, key: bytes) -> None:
        """Fold one of the gate's records in; what is none of a batch changes nothing."""
        match event:
            case ReportWaiting():
                self._count(event.partner, event.report_id, -1)
                self.reports.put(event)
                self._count(event.partner, event.report_id, 1)
            case MergeDecided():
                self.merges[event.absorbed_id] = event
            case ReporterNoted() if event.partner not in self._sector:
                self._sector[event.partner] = event.type
                self._reporters[event.type] += 1
            case None:
                self._let_go(key)
            case _:
                return

    def _let_go(self, key: bytes) -> None:
        if (report := waiting_of(key)) is not None:
            self._count(*report, -1)
            self.reports.drop(report)
        elif (absorbed := merge_of(key)) is not None:
            self.merges.pop(absorbed, None)

    def _count(self, partner: str, report_id: UUID, change: int) -> None:
        if self.reports.get(partner, report_id) is not None:
            self._waiting[partner] += change
            if not self._waiting[partner]:
                del self._waiting[partner]

    @property
    def partners(self) -> int:
        """From how many partners the waiting reports are."""
        return len(self._waiting)

    def tells_of(self, entity_id: UUID) -> bool:
        """Tell whether a merge that waits will make this id known; it is the enclave's."""
        return any(merge.kept_id == entity_id for merge in self.merges.values())

    def has_reported(self, partner: str) -> bool:
        """Tell whether a report of the partner was ever let go."""
        return partner in self._sector

    def reporters(self, sector: PartnerType) -> int:
        """Return how many partners of a sector have reported."""
        return self._reporters[sector]

    def waiting_since(self) -> datetime | None:
        """Return since when the first of all that waits does; what waits keeps its place."""
        reports = [one.event.since for one in self.reports.first(1)]
        merges = [one.decided_at for one in islice(self.merges.values(), 1)]
        return min(reports + merges, default=None)


class GateState:
    """Everything the gate remembers."""

    def __init__(self, ids: Iterable[AudienceIds]) -> None:
        self.held: Held[ReportHeld] = Held()
        self.batch = Batch()
        self.seen: dict[Audience, Seen] = {one.audience: Seen(one) for one in ids}

    def is_settled(self, linked: ReportLinked) -> bool:
        """Tell whether this revision of a report, or a later one, is shared, held or waits."""
        report = (linked.partner, linked.report_id)
        kept = (self.held.get(*report), self.batch.reports.get(*report))
        revisions = (
            *(seen.revision_of(*report) for seen in self.seen.values()),
            *(one.event.revision for one in kept if one is not None),
        )
        return any(revision >= linked.revision for revision in revisions)

    def is_live(self, partner: str, report_id: UUID) -> bool:
        """Tell whether some revision of a report was let out, is held or waits."""
        report = (partner, report_id)
        kept = (self.held.get(*report), self.batch.reports.get(*report))
        return any(one is not None for one in kept) or any(
            seen.has_report(*report) for seen in self.seen.values()
        )

    def others_with(
        self, linked: ReportLinked, audiences: Iterable[Audience]
    ) -> Iterator[Audience]:
        """Yield the audiences that have an earlier revision and shall not have this one."""
        for audience, seen in self.seen.items():
            if audience not in audiences and seen.has_report(linked.partner, linked.report_id):
                yield audience
