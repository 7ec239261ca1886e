"""What the hub's evidence says, whatever the rules: network, signs, involved children, areas.

One picture can be judged by several versions of the rules at once; nothing in it depends on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from consumers.network.fold import NetworkFold
from consumers.safeguarding.alerts import Neighbourhood
from consumers.safeguarding.areas import Areas
from consumers.safeguarding.paths import Paths
from consumers.safeguarding.signs import SignBook
from streams.shared import PersonsMerged, PersonSplit, SafeguardingReportShared
from streams.taxonomy import RelationKind
from streams.values import NodeKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from consumers.network.evidence import NetworkEvent, TieKey
    from consumers.network.fold import Touched
    from consumers.safeguarding.paths import Path
    from consumers.safeguarding.signs import Cell, Told

Ids: TypeAlias = frozenset[str]

#: Ties that say something of a person by themselves, without a path to somebody involved.
_LOCAL: frozenset[RelationKind] = frozenset(
    {
        RelationKind.ASSOCIATE,
        RelationKind.CUCKOOED_AT,
        RelationKind.EXPLOITS,
        RelationKind.LIVES_AT,
        RelationKind.RUNS_LINE,
        RelationKind.USES_LINE,
    }
)


@dataclass(frozen=True, slots=True)
class Change:
    """Whom one event concerns, by the ways in which it can concern them.

    `near` may have another tie to somebody of concern, `close` another involved kin or friend,
    `local` other signs, places or lines; of `renamed` the id is another now. `cells` are the
    weeks and districts in which a network is seen now, or no longer.
    """

    near: Ids = frozenset()
    close: Ids = frozenset()
    local: Ids = frozenset()
    renamed: Ids = frozenset()
    cells: frozenset[Cell] = frozenset()

    @property
    def everybody(self) -> Ids:
        """Return all of them."""
        return self.near | self.close | self.local | self.renamed


class Picture:
    """The hub's evidence folded, and what each event of it touches."""

    def __init__(self, fold: NetworkFold | None = None) -> None:
        self.fold = NetworkFold() if fold is None else fold
        self.signs = SignBook()
        self.areas = Areas()
        self._involved: dict[str, Path] = {}

    def apply(self, event: NetworkEvent, offset: int, at: datetime) -> Change:
        """Fold one event in; `at` is its log time."""
        return self.settle(event, self.fold.apply(event, offset), at)

    def settle(self, event: object, touched: Touched, at: datetime) -> Change:
        """Take in what an event did to the fold, which has applied it already."""
        if isinstance(event, SafeguardingReportShared) and str(event.report_id) in touched.reports:
            self.signs.hear(event, at)
        around = Neighbourhood(self.fold, touched)
        near = around.near_network()
        moved = self._involve(near)
        local = self.signs.settle(touched.reports, self.fold) | around.moved_people()
        local.update(self._told_of(touched.ties, around))
        return Change(
            frozenset(near),
            frozenset(around.close_to(moved)),
            frozenset(local),
            self._renamed(event),
            frozenset(self.areas.settle(self.fold, touched)),
        )

    def paths(self) -> Paths:
        """Return what looks for paths in the fold as it is now."""
        return Paths(self.fold, self._involved)

    def people(self) -> Iterator[str]:
        """Yield every person that a live report mentions."""
        for entity in self.fold.entity_ids():
            standing = self.fold.standing(entity)
            if standing is not None and standing.kind is NodeKind.PERSON:
                yield entity

    def load(self, told: Mapping[str, Told]) -> None:
        """Rebuild everything derived; the fold must be filled."""
        self.signs.load(told, self.fold)
        self.areas.load(self.fold)
        self._involve(set(self.people()))

    def _involve(self, people: Iterable[str]) -> set[str]:
        """Bring up to date which children are tied to somebody of concern; return who changed."""
        paths = Paths(self.fold)
        changed: set[str] = set()
        for person in people:
            path = paths.to_nominal(person) if paths.is_child(person) else None
            if path != self._involved.get(person):
                changed.add(person)
                if path is None:
                    del self._involved[person]
                else:
                    self._involved[person] = path
        return changed

    def _told_of(self, ties: Iterable[TieKey], around: Neighbourhood) -> Iterator[str]:
        for subject, target, kind in ties:
            if kind in _LOCAL:
                yield subject
                if kind in {RelationKind.ASSOCIATE, RelationKind.EXPLOITS}:
                    yield target
                elif kind is RelationKind.CUCKOOED_AT:
                    yield from self._others(target, RelationKind.LIVES_AT)
                elif kind is RelationKind.RUNS_LINE:
                    yield from self._others(subject, RelationKind.EXPLOITS)
        for person in around.moved:
            yield from self._others(person, RelationKind.ASSOCIATE)

    def _others(self, entity: str, kind: RelationKind) -> Iterator[str]:
        for near, pair in self.fold.near(entity).items():
            if any(tie.kind is kind for tie in pair.ties):
                yield near

    def _renamed(self, event: object) -> Ids:
        """Return the ids that go by another name now, and the names they go by."""
        match event:
            case PersonsMerged():
                ids = {str(event.kept_id), str(event.absorbed_id)}
            case PersonSplit():
                ids = {str(event.entity_id), str(event.new_entity_id)}
            case _:
                return frozenset()
        return frozenset(ids | {self.fold.ledger.root(one) for one in ids})
