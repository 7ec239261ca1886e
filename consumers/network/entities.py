"""What the live reports say of each entity: kind, child or not, suspected or not."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from consumers.network.bag import Bag
from consumers.network.components import Part
from streams.values import ChildAtEvent, NodeKind, Role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consumers.network.evidence import Evidence, NodeFacts

_STANDINGS_KEPT: Final = 4_096


@dataclass(frozen=True, slots=True)
class Standing:
    """How an entity stands after an event; `network` is the candidate network it is in."""

    kind: NodeKind
    is_child: bool
    is_suspect: bool
    is_victim: bool
    is_nominal: bool
    network: str | None

    @property
    def is_suspected_nominal(self) -> bool:
        """In a suspected role in a candidate network.

        Children are not: they are recorded as potential victims first.
        """
        return self.is_suspect and not self.is_child and self.network is not None

    @property
    def is_of_concern(self) -> bool:
        """Whether a tie to this person puts a child at risk: a nominal or suspected one."""
        return self.is_nominal or self.is_suspected_nominal


@lru_cache(maxsize=_STANDINGS_KEPT)
def standing_of(  # noqa: PLR0913 - one argument for each field
    *,
    kind: NodeKind,
    is_child: bool,
    is_suspect: bool,
    is_victim: bool,
    is_nominal: bool,
    network: str | None,
) -> Standing:
    """Return the standing of these facts, mostly one that others in the network have too."""
    return Standing(kind, is_child, is_suspect, is_victim, is_nominal, network)


class Entity:
    """What the live reports say of one entity, kept so that each report can be taken back.

    `standing` and `part` are as of the last event; the rest may be ahead of
    them while one is folded. What a bag would be empty of is None: most are.
    """

    __slots__ = (
        "_things",
        "child_weeks",
        "other_weeks",
        "part",
        "persons",
        "reports",
        "standing",
        "suspected",
        "victim",
    )

    def __init__(self) -> None:
        self.reports = Bag()
        self.child_weeks: Bag | None = None
        self.other_weeks: Bag | None = None
        self._things: Bag | None = None  # kinds of the mentions that are no person
        self.persons = 0  # mentions as a person, and in these roles
        self.suspected = 0
        self.victim = 0
        self.part = Part.OTHER
        self.standing: Standing | None = None

    @property
    def kind(self) -> NodeKind:
        """The kind that its mentions give it; a person if any of them does."""
        return NodeKind.PERSON if self.persons else NodeKind((self._things or _EMPTY).first)

    @property
    def is_child(self) -> bool:
        """Whether the last week that says yes is not followed by a later one that says no."""
        said_yes, said_no = self.child_weeks or _EMPTY, self.other_weeks or _EMPTY
        return bool(said_yes) and said_yes.last >= said_no.last

    def add(self, evidence: Evidence, facts: NodeFacts) -> None:
        """Take a mention in."""
        self.reports.add(evidence.report_id)
        self._count(facts, 1)
        if facts.kind is not NodeKind.PERSON:
            self._things = _with(self._things, facts.kind)
        if facts.child is ChildAtEvent.YES:
            self.child_weeks = _with(self.child_weeks, evidence.week)
        elif facts.child is ChildAtEvent.NO:
            self.other_weeks = _with(self.other_weeks, evidence.week)

    def remove(self, evidence: Evidence, facts: NodeFacts) -> None:
        """Take a mention back."""
        self.reports.take(evidence.report_id)
        self._count(facts, -1)
        if facts.kind is not NodeKind.PERSON:
            self._things = _without(self._things, facts.kind)
        if facts.child is ChildAtEvent.YES:
            self.child_weeks = _without(self.child_weeks, evidence.week)
        elif facts.child is ChildAtEvent.NO:
            self.other_weeks = _without(self.other_weeks, evidence.week)

    def _count(self, facts: NodeFacts, by: int) -> None:
        self.persons += by * (facts.kind is NodeKind.PERSON)
        self.suspected += by * (facts.role is Role.SUSPECT)
        self.victim += by * (facts.role is Role.VICTIM)


_EMPTY: Final = Bag()


def _with(bag: Bag | None, item: str) -> Bag:
    filled = Bag() if bag is None else bag
    filled.add(item)
    return filled


def _without(bag: Bag | None, item: str) -> Bag | None:
    if bag is not None:
        bag.take(item)
    return bag or None


class Entities:
    """Entities by id; notes which ones one event touched. One without a mention is no more."""

    def __init__(self) -> None:
        self._entities: dict[str, Entity] = {}
        self.touched: set[str] = set()

    def add(self, evidence: Evidence) -> None:
        """Take in the mentions of a report."""
        for facts, entity_id in zip(evidence.shape.nodes, evidence.entities, strict=True):
            if entity_id not in self._entities:
                self._entities[entity_id] = Entity()
            self._entities[entity_id].add(evidence, facts)
            self.touched.add(entity_id)

    def remove(self, evidence: Evidence) -> None:
        """Take them back."""
        for facts, entity_id in zip(evidence.shape.nodes, evidence.entities, strict=True):
            self._entities[entity_id].remove(evidence, facts)
            self.touched.add(entity_id)

    def get(self, entity_id: str) -> Entity | None:
        """Return an entity that a live report mentions."""
        return self._entities.get(entity_id)

    def part(self, entity_id: str) -> Part:
        """Return what an entity counted as when it was last described."""
        return self._entities[entity_id].part

    def ids(self) -> Iterator[str]:
        """Yield every id."""
        yield from self._entities

    def settle(self) -> None:
        """Drop those that nothing mentions any longer, and forget what was touched."""
        for entity_id in self.touched:
            entity = self._entities.get(entity_id)
            if entity is not None and not entity.reports:
                del self._entities[entity_id]
        self.touched.clear()
