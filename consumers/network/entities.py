"""What the live reports say of each entity: kind, child or not, suspected or not."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from consumers.network import ages
from consumers.network.bag import Bag
from consumers.network.components import Part
from streams.values import NodeKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consumers.network.evidence import Evidence, NodeFacts, Sign
    from streams.values import AgeBand

_STANDINGS_KEPT: Final = 4_096


@dataclass(frozen=True, slots=True)
class Standing:
    """How an entity stands after an event; `network` is the candidate network it is in.

    `is_deal_line`: a phone that somebody is said to run or use as one. `is_cuckooed`: an address
    where somebody is said to be cuckooed.
    """

    kind: NodeKind
    is_child: bool
    is_suspect: bool
    is_victim: bool
    is_nominal: bool
    network: str | None
    is_deal_line: bool = False
    is_cuckooed: bool = False

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

    @property
    def is_only_victim(self) -> bool:
        """Whether reports call this person a victim and none a suspect."""
        return self.is_victim and not self.is_suspect


@lru_cache(maxsize=_STANDINGS_KEPT)
def standing_of(  # noqa: PLR0913 - one argument for each field
    *,
    kind: NodeKind,
    is_child: bool,
    is_suspect: bool,
    is_victim: bool,
    is_nominal: bool,
    network: str | None,
    is_marked: bool,
) -> Standing:
    """Return the standing of these facts, mostly one that others in the network have too."""
    return Standing(
        kind=kind,
        is_child=is_child,
        is_suspect=is_suspect,
        is_victim=is_victim,
        is_nominal=is_nominal,
        network=network,
        is_deal_line=is_marked and kind is NodeKind.PHONE,
        is_cuckooed=is_marked and kind is NodeKind.ADDRESS,
    )


class Entity:
    """What the live reports say of one entity, kept so that each report can be taken back.

    `standing` and `part` are as of the last event; the rest may be ahead of
    them while one is folded. What a bag would be empty of is None: most are.
    `told_age` is the last age that was told of the person itself, by no report.
    """

    __slots__ = (
        "_ages",
        "_things",
        "marked",
        "part",
        "persons",
        "reports",
        "seeming",
        "standing",
        "suspected",
        "told_age",
        "victim",
    )

    def __init__(self) -> None:
        self.reports = Bag()
        self._ages: Bag | None = None  # see `ages`
        self._things: Bag | None = None  # kinds of the mentions that are no person
        self.persons = 0  # mentions as a person
        self.seeming = 0  # of which speak of a child
        self.suspected = 0  # mentions in these roles
        self.victim = 0
        self.marked = 0  # mentions as a deal line, or as a cuckooed address
        self.told_age = ""
        self.part = Part.OTHER
        self.standing: Standing | None = None

    @property
    def kind(self) -> NodeKind:
        """The kind that its mentions give it; a person if any of them does."""
        return NodeKind.PERSON if self.persons else NodeKind((self._things or _EMPTY).first)

    @property
    def is_child(self) -> bool:
        """Whether the last that was told of the age says child; if nothing was, whether one seems.

        So an age that was told in any week stands above signs of a child: then it is not unknown.
        """
        age = self._age
        return ages.is_child(age) if age else self.seeming > 0

    @property
    def age_band(self) -> AgeBand:
        """The band that was told last."""
        return ages.band_of(self._age)

    @property
    def _age(self) -> str:
        return max(self._ages.last if self._ages else "", self.told_age)

    @property
    def is_only_victim(self) -> bool:
        """Whether reports call this person a victim and none a suspect."""
        return self.victim > 0 and not self.suspected

    def counted_as(self) -> Part:
        """Return what the entity counts as in a network."""
        if not self.persons:
            return Part.OTHER
        if self.is_child:
            return Part.CHILD
        return Part.VICTIM if self.is_only_victim else Part.PERSON

    def add(self, evidence: Evidence, facts: NodeFacts, sign: Sign) -> None:
        """Take a mention in."""
        self.reports.add(evidence.report_id)
        self._count(sign, 1)
        if not sign.is_person:
            self._things = _with(self._things, facts.kind)
        if sign.age:
            self._ages = _with(self._ages, ages.said(evidence.week, sign.age))

    def remove(self, evidence: Evidence, facts: NodeFacts, sign: Sign) -> None:
        """Take a mention back."""
        self.reports.take(evidence.report_id)
        self._count(sign, -1)
        if not sign.is_person:
            self._things = _without(self._things, facts.kind)
        if sign.age:
            self._ages = _without(self._ages, ages.said(evidence.week, sign.age))

    def _count(self, sign: Sign, by: int) -> None:
        self.persons += by * sign.is_person
        self.seeming += by * sign.seems_child
        self.suspected += by * sign.is_suspect
        self.victim += by * sign.is_victim
        self.marked += by * sign.is_marked


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
        for place, entity_id in enumerate(evidence.entities):
            self._add(evidence, place, entity_id)

    def remove(self, evidence: Evidence) -> None:
        """Take them back."""
        for place, entity_id in enumerate(evidence.entities):
            self._remove(evidence, place, entity_id)

    def rename(self, before: Evidence, after: Evidence) -> None:
        """Take in that mentions of a report are of other entities; what it says is the same."""
        for place, (was, now) in enumerate(zip(before.entities, after.entities, strict=True)):
            if was != now:
                self._remove(before, place, was)
                self._add(after, place, now)

    def _add(self, evidence: Evidence, place: int, entity_id: str) -> None:
        entity = self._entities.get(entity_id)
        if entity is None:
            entity = self._entities[entity_id] = Entity()
        entity.add(evidence, evidence.shape.nodes[place], evidence.shape.signs[place])
        self.touched.add(entity_id)

    def _remove(self, evidence: Evidence, place: int, entity_id: str) -> None:
        shape = evidence.shape
        self._entities[entity_id].remove(evidence, shape.nodes[place], shape.signs[place])
        self.touched.add(entity_id)

    def get(self, entity_id: str) -> Entity | None:
        """Return an entity that a live report mentions."""
        return self._entities.get(entity_id)

    def part(self, entity_id: str) -> Part:
        """Return what an entity counted as when it was last described."""
        return self._entities[entity_id].part

    def network(self, entity_id: str) -> str | None:
        """Return the network an entity was in as of the last event."""
        entity = self._entities.get(entity_id)
        standing = None if entity is None else entity.standing
        return None if standing is None else standing.network

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
