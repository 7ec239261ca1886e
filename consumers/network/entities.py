"""What the live reports say of each entity: kind, child or not, suspected or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from streams.values import ChildAtEvent, NodeKind, Role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consumers.network.evidence import Evidence, NodeFacts

_Key = TypeVar("_Key", bound=str)


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

    __slots__ = ("child_weeks", "kinds", "other_weeks", "reports", "suspected", "victim")

    def __init__(self) -> None:
        self.kinds: dict[NodeKind, int] = {}
        self.reports: dict[str, int] = {}
        self.child_weeks: dict[str, int] = {}
        self.other_weeks: dict[str, int] = {}
        self.suspected = 0
        self.victim = 0

    @property
    def kind(self) -> NodeKind:
        """The kind that its mentions give it; a person if any of them does."""
        if len(self.kinds) == 1:
            return next(iter(self.kinds))
        return NodeKind.PERSON if NodeKind.PERSON in self.kinds else min(self.kinds)

    @property
    def is_child(self) -> bool:
        """Whether the last week that says yes is not followed by a later one that says no."""
        return bool(self.child_weeks) and max(self.child_weeks) >= max(self.other_weeks, default="")

    def count(self, report_id: str, week: str, facts: NodeFacts, by: int) -> None:
        """Take a mention in (`by` 1) or back (`by` -1)."""
        _count(self.reports, report_id, by)
        _count(self.kinds, facts.kind, by)
        if facts.kind is not NodeKind.PERSON:
            return
        if facts.child is ChildAtEvent.YES:
            _count(self.child_weeks, week, by)
        elif facts.child is ChildAtEvent.NO:
            _count(self.other_weeks, week, by)
        self.suspected += by * (facts.role is Role.SUSPECT)
        self.victim += by * (facts.role is Role.VICTIM)


class Entities:
    """Entities by id; notes which ones one event touched. One without a mention is no more."""

    def __init__(self) -> None:
        self._entities: dict[str, Entity] = {}
        self.touched: set[str] = set()

    def add(self, evidence: Evidence) -> None:
        """Take in the mentions of a report."""
        self._count(evidence, 1)

    def remove(self, evidence: Evidence) -> None:
        """Take them back."""
        self._count(evidence, -1)

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

    def _count(self, evidence: Evidence, by: int) -> None:
        mentions = zip(evidence.shape.nodes, evidence.entities, strict=True)
        for facts, entity_id in mentions:
            entity = self._entities.get(entity_id)
            if entity is None:
                entity = self._entities[entity_id] = Entity()
            entity.count(evidence.report_id, evidence.week, facts, by)
            self.touched.add(entity_id)


def _count(counts: dict[_Key, int], key: _Key, by: int) -> None:
    total = counts.get(key, 0) + by
    if total:
        counts[key] = total
    else:
        del counts[key]
