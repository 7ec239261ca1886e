"""What the live reports say of each entity: kind, child or not, suspected or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from consumers.network.bag import Bag
from streams.values import ChildAtEvent, NodeKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consumers.network.evidence import Evidence, NodeFacts


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


class Entity:
    """Counts over the live reports that mention one entity, so that each can be taken back."""

    __slots__ = ("child_weeks", "counts", "other_weeks", "reports")

    def __init__(self) -> None:
        self.reports = Bag()
        self.child_weeks = Bag()
        self.other_weeks = Bag()
        self.counts: dict[str, int] = {}  # mentions of each kind, and in each role

    @property
    def kind(self) -> NodeKind:
        """The kind that its mentions give it; a person if any of them does."""
        return next(kind for kind in NodeKind if kind in self.counts)

    @property
    def is_child(self) -> bool:
        """Whether the last week that says yes is not followed by a later one that says no."""
        return bool(self.child_weeks) and self.child_weeks.last >= self.other_weeks.last

    def add(self, evidence: Evidence, facts: NodeFacts) -> None:
        """Take a mention in."""
        self.reports.add(evidence.report_id)
        for code in (facts.kind, facts.role):
            self.counts[code] = self.counts.get(code, 0) + 1
        if (weeks := self._weeks(facts)) is not None:
            weeks.add(evidence.week)

    def remove(self, evidence: Evidence, facts: NodeFacts) -> None:
        """Take a mention back."""
        self.reports.take(evidence.report_id)
        for code in (facts.kind, facts.role):
            self.counts[code] -= 1
            if not self.counts[code]:
                del self.counts[code]
        if (weeks := self._weeks(facts)) is not None:
            weeks.take(evidence.week)

    def _weeks(self, facts: NodeFacts) -> Bag | None:
        if facts.child is ChildAtEvent.YES:
            return self.child_weeks
        return self.other_weeks if facts.child is ChildAtEvent.NO else None


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
