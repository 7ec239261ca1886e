"""The fold: shared reports and decisions in, ties, networks and standings out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, assert_never

from consumers.network import ages
from consumers.network.components import Components
from consumers.network.entities import Entities, standing_of
from consumers.network.evidence import evidence_of, graded
from consumers.network.ledger import Ledger
from consumers.network.nominals import Nominals
from consumers.network.policy import POLICY
from consumers.network.ties import TieBook
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
    SafeguardingReportShared,
)
from streams.values import AgeBand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from consumers.network.components import Component
    from consumers.network.entities import Entity, Standing
    from consumers.network.evidence import Evidence, NetworkEvent, TieKey
    from consumers.network.identity import Moment, Name
    from consumers.network.policy import Policy
    from consumers.network.ties import Pair, PairKey, Tie
    from streams.parts import Grading
    from streams.shared import Mention


@dataclass(slots=True)
class Changes:
    """Keys of what changed since they were last written out; what is gone is named too."""

    reports: set[str] = field(default_factory=set)
    redirects: set[str] = field(default_factory=set)
    waiting: set[tuple[str, int]] = field(default_factory=set)
    grades: set[tuple[str, int]] = field(default_factory=set)
    ages: set[str] = field(default_factory=set)
    splits: set[str] = field(default_factory=set)
    decisions: set[str] = field(default_factory=set)
    entities: set[str] = field(default_factory=set)
    ties: set[TieKey] = field(default_factory=set)
    pairs: set[PairKey] = field(default_factory=set)
    networks: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    moments: list[Moment] = field(default_factory=list)


@dataclass(slots=True)
class Touched:
    """What one event touched: pairs whose evidence changed; standings before and after.

    `ties` and `reports` name what was told, told otherwise or taken back.
    """

    pairs: AbstractSet[PairKey] = frozenset()
    standings: dict[str, tuple[Standing | None, Standing | None]] = field(default_factory=dict)
    ties: AbstractSet[TieKey] = frozenset()
    reports: AbstractSet[str] = frozenset()


class NetworkFold:
    """The network as the reports so far describe it. One instance, one audience.

    Updated in place. The cost of an event depends on the report, on the
    entities it names and their near neighbours, not on the length of the log;
    a retraction may walk the component it cuts.
    """

    def __init__(self, policy: Policy = POLICY) -> None:
        self.policy = policy
        self.changes = Changes()
        self.ledger = Ledger()
        self.nominals = Nominals()
        self._ties = TieBook(self.ledger.reports)
        self._entities = Entities()
        self._components = Components(
            policy.minimum_people, self._entities.part, self._entities.network
        )
        self._at = 0
        self._touched_reports: set[str] = set()

    def apply(self, event: NetworkEvent, at: int) -> Touched:
        """Fold one event in; `at` is its offset. Total: what refers to something unseen waits."""
        self._at = at
        match event:
            case PoliceReportShared() | SafeguardingReportShared():
                self._share(evidence_of(event))
            case ReportWithdrawn(report_id=report_id):
                self._withdraw(str(report_id))
            case GradeRelayed(report_id=report_id, revision=revision, grading=grading):
                self._grade(str(report_id), revision, grading)
            case PersonsMerged(kept_id=kept, absorbed_id=absorbed):
                self._merge(str(kept), str(absorbed))
            case PersonSplit(entity_id=entity, new_entity_id=new, mentions=mentions):
                self._split(str(entity), str(new), mentions, at)
            case AgeBandChanged(person_id=person, age_band=band, week=week):
                self._tell_age(str(person), ages.said_of(week, band))
            case NominalEnrolled(person_id=person, seen=seen):
                self._enrol(str(person), seen, at)
            case NominalRelayed(person_id=person, is_nominal=True):
                self._enrol(str(person), at, at)
            case NominalDischarged(person_id=person) | NominalRelayed(person_id=person):
                self._discharge(str(person), at)
            case _:
                assert_never(event)
        return self._settle()

    def hold_role(self, person: str, seen: int | None) -> Touched:
        """Take in that an id holds a confirmed role, or none; see `Nominals.confirm`."""
        self.nominals.confirm(person, seen)
        self._entities.touched.add(self.ledger.root(person))
        return self._settle()

    # --- what can be asked -------------------------------------------------------

    def standing(self, entity: str) -> Standing | None:
        """Return how an entity stands, None for one that no live report mentions."""
        known = self._entities.get(entity)
        return None if known is None else known.standing

    def entity_ids(self) -> Iterator[str]:
        """Yield the id of every entity that a live report mentions."""
        yield from self._entities.ids()

    def report_count(self, entity: str) -> int:
        """Return how many live reports mention an entity."""
        known = self._entities.get(entity)
        return 0 if known is None else known.reports.distinct

    def reports_of(self, entity: str) -> Sequence[str]:
        """Return the live reports that mention an entity, in order; one for each mention."""
        known = self._entities.get(entity)
        return () if known is None else known.reports

    def age_band(self, entity: str) -> AgeBand:
        """Return the age band that was told last; police are told none."""
        known = self._entities.get(entity)
        return AgeBand.UNKNOWN if known is None else known.age_band

    def links(self, entity: str) -> Sequence[str]:
        """Return the entities that network ties of enough weight join to this one."""
        return self._components.links(entity)

    def near(self, entity: str) -> Mapping[str, Pair]:
        """Return every pair of an entity, of whatever kinds, by the other end."""
        return self._ties.near(entity)

    def pair(self, one: str, other: str) -> Pair | None:
        """Return all ties between two entities, if there are any."""
        return self._ties.pair(one, other)

    def tie(self, key: TieKey) -> Tie | None:
        """Return one tie, if a report states it."""
        return self._ties.tie(key)

    def component(self, entity: str) -> Component | None:
        """Return the component of an entity over network ties, candidate or not."""
        return self._components.component(entity)

    def network(self, network_id: str) -> Component | None:
        """Return the component that a candidate network is, None for one that is none now."""
        name = self._components.names.known.get(network_id)
        component = None if name is None else self._components.component(name.home)
        is_it = component is not None and component.published == network_id
        return component if is_it else None

    def name(self, network_id: str) -> Name:
        """Return what is known of a network's name, which may sleep."""
        return self._components.names.known[network_id]

    def network_pairs(self) -> Iterator[tuple[str, str, int]]:
        """Yield each pair that counts as tied, with its weight."""
        for pair in self._ties.pairs():
            weight = pair.weight
            if self._counts(weight):
                yield pair.low, pair.high, weight

    def take_changes(self) -> Changes:
        """Return what changed since the last call."""
        changes, self.changes = self.changes, Changes()
        changes.names, changes.moments = self._components.names.take_changes()
        return changes

    def load(self, reports: Iterable[Evidence], names: Mapping[str, Name]) -> None:
        """Rebuild everything derived, from reports whose ids are as they stand.

        Ledger and nominals must be filled before. Nothing counts as changed.
        """
        for network, name in names.items():
            self._components.names.add(network, name)
        self._components.wake()
        for evidence in reports:
            self._put(None, evidence)
            self._weave(self._entities.touched)
            self._forget_touched()
        self._components.resume()
        self._restand(set(self._entities.ids()))
        self.take_changes()

    # --- one event ---------------------------------------------------------------

    def _share(self, evidence: Evidence) -> None:
        report_id = evidence.report_id
        if not self.ledger.accepts(report_id, evidence.revision):
            return
        self.changes.waiting |= self.ledger.waiting_keys(report_id)
        self.changes.grades |= self.ledger.drop_grades(report_id, evidence.revision)
        self._put(self.ledger.reports.get(report_id), self.ledger.resolve(evidence))

    def _grade(self, report_id: str, revision: int, grading: Grading) -> None:
        if not self.ledger.grade(report_id, revision, grading):
            return
        self.changes.grades.add((report_id, revision))
        known = self.ledger.reports.get(report_id)
        if known is not None and known.revision == revision:
            self._put(known, graded(known, grading))

    def _tell_age(self, person: str, age: str | None) -> None:
        """Take in an age that was told; None takes back what was told of the person before."""
        ledger = self.ledger
        if ledger.take_back_ages(person) if age is None else ledger.tell_age(person, age):
            self.changes.ages.add(person)
            self._entities.touched.add(self.ledger.root(person))

    def _withdraw(self, report_id: str) -> None:
        self.changes.waiting |= self.ledger.waiting_keys(report_id)
        self.ledger.take_waiting(report_id)
        self.changes.grades |= self.ledger.drop_grades(report_id)
        self.ledger.withdrawn.add(report_id)
        self.changes.reports.add(report_id)
        known = self.ledger.reports.get(report_id)
        if known is not None:
            self._put(known, None)

    def _merge(self, kept: str, absorbed: str) -> None:
        kept, absorbed = self.ledger.root(kept), self.ledger.root(absorbed)
        if kept == absorbed:
            return
        self.ledger.redirect(absorbed, kept)
        names = tuple(self._components.names.carried_by(absorbed))
        self._components.rehome(names, absorbed, kept)
        self.changes.redirects.add(absorbed)
        self._entities.touched |= {kept, absorbed}
        entity = self._entities.get(absorbed)
        for report_id in dict.fromkeys(entity.reports if entity else ()):
            self._rename(report_id, lambda _, now: kept if now == absorbed else now)

    def _split(self, entity: str, new: str, mentions: tuple[Mention, ...], at: int) -> None:
        if entity == new:
            return
        entity = self.ledger.root(entity)
        voided = set(self.ledger.aliases(entity))
        self.nominals.split(voided, at)
        self.changes.splits |= voided
        self._entities.touched |= {entity, new, self.ledger.root(new)}
        self._release(new)
        for report_id, numbers in _by_report(mentions).items():
            self._reassign(report_id, numbers, new)

    def _release(self, new: str) -> None:
        """Let an absorbed id stand for itself again, and carry what names it carried."""
        before, names = self.ledger.root(new), self._components.names
        self.ledger.release(new)
        self.changes.redirects.add(new)
        ids = set(self.ledger.aliases(new))
        own = (name for name in names.carried_by(before) if names.known[name].carrier in ids)
        self._components.rehome(tuple(own), before, new)

    def _reassign(self, report_id: str, numbers: AbstractSet[int], new: str) -> None:
        if report_id in self.ledger.reports:
            self._rename(report_id, lambda number, now: new if number in numbers else now)
        elif report_id not in self.ledger.withdrawn:
            for number in numbers:
                self.ledger.wait(report_id, number, new)
            self.changes.waiting |= self.ledger.waiting_keys(report_id)

    def _enrol(self, person: str, seen: int, at: int) -> None:
        self.nominals.enrol(person, seen, at)
        self._decided(person)

    def _discharge(self, person: str, at: int) -> None:
        self.nominals.discharge(person, at)
        self._decided(person)

    def _decided(self, person: str) -> None:
        self.changes.decisions.add(person)
        self._entities.touched.add(self.ledger.root(person))

    def _rename(self, report_id: str, name: Callable[[int, str], str]) -> None:
        before = self.ledger.reports[report_id]
        nodes = zip(before.shape.nodes, before.entities, strict=True)
        entities = tuple(name(node.number, entity) for node, entity in nodes)
        if entities == before.entities:
            return
        after = replace(before, entities=entities)
        self.ledger.reports[report_id] = after
        self._ties.rename(before, after)
        self._entities.rename(before, after)
        self._touched_reports.add(report_id)
        self.changes.reports.add(report_id)

    def _put(self, before: Evidence | None, after: Evidence | None) -> None:
        """Replace what a report said; None where it said, or says, nothing."""
        self._touched_reports |= {one.report_id for one in (before, after) if one is not None}
        if before is not None:
            self._entities.remove(before)
            self._ties.remove(before)
            del self.ledger.reports[before.report_id]
            self.changes.reports.add(before.report_id)
        if after is not None:
            self.ledger.reports[after.report_id] = after
            self._ties.add(after)
            self._entities.add(after)
            self.changes.reports.add(after.report_id)

    # --- after one event -----------------------------------------------------------

    def _settle(self) -> Touched:
        """Bring components and standings up to date with what the event touched."""
        entities = set(self._entities.touched)
        self._weave(entities)
        moved, networks = self._components.settle(self._at)
        self.changes.ties |= self._ties.touched_ties
        self.changes.pairs.update(self._ties.touched)
        self.changes.networks |= networks
        touched = Touched(
            set(self._ties.touched),
            self._restand(entities | moved),
            set(self._ties.touched_ties),
            self._touched_reports,
        )
        self._forget_touched()
        return touched

    def _weave(self, entities: AbstractSet[str]) -> None:
        """Bring what entities count as, and the links between them, up to date."""
        self._describe(entities)
        self._relink()

    def _forget_touched(self) -> None:
        self._ties.clear()
        self._entities.settle()
        self._touched_reports = set()

    def _describe(self, entities: AbstractSet[str]) -> None:
        for entity_id in entities:
            entity = self._entities.get(entity_id)
            if entity is not None and entity.reports:
                entity.told_age = self.ledger.told_age(entity_id)
                part = entity.counted_as()
                if part is not entity.part:
                    self._components.recount(entity_id, entity.part, part)
                    entity.part = part

    def _relink(self) -> None:
        parted: list[PairKey] = []
        for key, before, now in self._ties.settle():
            if self._counts(now) and not self._counts(before):
                self._components.join(*key)
            elif self._counts(before) and not self._counts(now):
                parted.append(key)
        for key in parted:
            self._components.part(*key)

    def _counts(self, weight: int) -> bool:
        return weight >= self.policy.minimum_weight

    def _restand(
        self, entities: AbstractSet[str]
    ) -> dict[str, tuple[Standing | None, Standing | None]]:
        self.changes.entities |= entities
        moved: dict[str, tuple[Standing | None, Standing | None]] = {}
        for entity_id in entities:
            entity = self._entities.get(entity_id)
            if entity is not None:
                before, entity.standing = entity.standing, self._stand(entity_id, entity)
                if before != entity.standing:
                    moved[entity_id] = (before, entity.standing)
        return moved

    def _stand(self, entity_id: str, entity: Entity) -> Standing | None:
        if not entity.reports:
            return None
        return standing_of(
            kind=entity.kind,
            is_child=entity.is_child,
            is_suspect=entity.suspected > 0,
            is_victim=entity.victim > 0,
            is_nominal=self._is_nominal(entity_id, entity),
            network=self._components.network(entity_id),
            is_marked=entity.marked > 0,
        )

    def _is_nominal(self, entity_id: str, entity: Entity) -> bool:
        """Enrolled, or in a confirmed role, which of a child or of a victim only does not count."""
        ids = tuple(self.ledger.aliases(entity_id))
        at_risk = entity.is_child or entity.is_only_victim
        return self.nominals.is_enrolled(ids) or (not at_risk and self.nominals.holds_role(ids))


def _by_report(mentions: tuple[Mention, ...]) -> Mapping[str, AbstractSet[int]]:
    numbers: dict[str, set[int]] = {}
    for mention in mentions:
        numbers.setdefault(str(mention.report_id), set()).add(mention.node)
    return numbers
