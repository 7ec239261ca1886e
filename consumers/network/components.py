"""Connected components, kept up to date edge by edge; their size never decides the cost."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, TypeAlias

from consumers.network.bag import Bag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

Links: TypeAlias = "Callable[[str], Sequence[str]]"


class Part(Enum):
    """What an entity counts as in a network."""

    PERSON = auto()
    CHILD = auto()
    VICTIM = auto()  # a grown-up whom reports call a victim and none a suspect
    OTHER = auto()  # an organisation or a phone line


class Component:
    """Entities that network ties join. Its identity is the smallest id of those who count.

    Those are the people in it who are not children: no network is called after a child.
    `published` is the identity under which it was last known as a candidate
    network, None while it is none.
    """

    __slots__ = ("counts", "members", "published", "smallest")

    def __init__(self) -> None:
        self.members: set[str] = set()
        self.counts = dict.fromkeys(Part, 0)
        self.smallest: str | None = None
        self.published: str | None = None


class Components:
    """Joins the smaller component into the larger, and parts by searching from both ends at once.

    So joining costs the smaller side, and parting what has to be walked to
    meet again or to exhaust one side. Members are renamed only when the
    smallest id changes, which random ids make rarer the larger a component is.
    """

    def __init__(self, minimum_people: int, part_of: Callable[[str], Part]) -> None:
        """`part_of` tells what an entity counts as; of a change `recount` must be told."""
        self._minimum_people = minimum_people
        self._part_of = part_of
        self._links: dict[str, Bag] = {}
        self._of: dict[str, Component] = {}
        self._altered: dict[int, Component] = {}
        self._moved: set[str] = set()
        self._retired: set[str] = set()

    def links(self, entity: str) -> Sequence[str]:
        """Return the entities that a network tie of enough weight joins to this one, in order."""
        return self._links.get(entity, ())

    def network(self, entity: str) -> str | None:
        """Return the candidate network an entity is in."""
        component = self._of.get(entity)
        return None if component is None else component.published

    def component(self, entity: str) -> Component | None:
        """Return the component an entity is in, candidate or not."""
        return self._of.get(entity)

    def recount(self, entity: str, before: Part, now: Part) -> None:
        """Tell that an entity counts as something else from now on."""
        component = self._of.get(entity)
        if component is not None:
            component.counts[before] -= 1
            component.counts[now] += 1
            if Part.PERSON in {before, now}:
                component.smallest = None
            self._alter(component)

    def join(self, one: str, other: str) -> None:
        """Add a link."""
        self._links.setdefault(one, Bag()).add(other)
        self._links.setdefault(other, Bag()).add(one)
        small, large = self._ensure(one), self._ensure(other)
        if small is large:
            return
        if len(small.members) > len(large.members):
            small, large = large, small
        self._retire(small)
        for entity in small.members:
            self._admit(large, entity)

    def part(self, one: str, other: str) -> None:
        """Remove a link; what it held together falls into two components."""
        self._unlink(one, other)
        self._unlink(other, one)
        lost = cut_off(self.links, one, other)
        if lost is None:
            return
        whole = self._of[one]
        fresh = Component()
        for entity in lost:
            self._expel(whole, entity)
            self._admit(fresh, entity)
        self._tidy(whole)
        self._tidy(fresh)

    def settle(self) -> tuple[AbstractSet[str], AbstractSet[str]]:
        """Return the entities whose network may have changed, and the networks that did.

        Both since the last call; the second names identities old and new.
        """
        entities, networks = self._moved, self._retired
        for component in self._altered.values():
            now = self._identity(component)
            networks |= {name for name in (component.published, now) if name is not None}
            if now != component.published:
                component.published = now
                entities |= component.members
        self._altered, self._moved, self._retired = {}, set(), set()
        return entities, networks

    def _identity(self, component: Component) -> str | None:
        if component.counts[Part.PERSON] < self._minimum_people:
            return None
        if component.smallest is None:
            component.smallest = min(e for e in component.members if self._counts(e))
        return component.smallest

    def _counts(self, entity: str) -> bool:
        return self._part_of(entity) is Part.PERSON

    def _ensure(self, entity: str) -> Component:
        if entity not in self._of:
            self._admit(Component(), entity)
        return self._of[entity]

    def _admit(self, component: Component, entity: str) -> None:
        if not component.members or (
            component.smallest is not None and self._counts(entity) and entity < component.smallest
        ):
            component.smallest = entity if self._counts(entity) else None
        component.members.add(entity)
        component.counts[self._part_of(entity)] += 1
        self._of[entity] = component
        self._moved.add(entity)
        self._alter(component)

    def _expel(self, component: Component, entity: str) -> None:
        component.members.discard(entity)
        component.counts[self._part_of(entity)] -= 1
        if component.smallest == entity:
            component.smallest = None
        del self._of[entity]
        self._moved.add(entity)
        self._alter(component)

    def _tidy(self, component: Component) -> None:
        """Dissolve a component that one entity without a link is left of."""
        if len(component.members) == 1:
            (entity,) = component.members
            if entity not in self._links:
                self._expel(component, entity)
                self._retire(component)

    def _unlink(self, one: str, other: str) -> None:
        self._links[one].take(other)
        if not self._links[one]:
            del self._links[one]

    def _alter(self, component: Component) -> None:
        self._altered[id(component)] = component

    def _retire(self, component: Component) -> None:
        self._altered.pop(id(component), None)
        if component.published is not None:
            self._retired.add(component.published)


def cut_off(links: Links, one: str, other: str) -> AbstractSet[str] | None:
    """Return all that one of two ends reaches, if it cannot reach the other; else None.

    Both ends are searched in turns, an edge each, so that the cost is at most
    about twice that of the smaller side.
    """
    left, right = _Walk(links, one), _Walk(links, other)
    while True:
        for walk, across in ((left, right), (right, left)):
            step = next(walk.steps, None)
            if step is None:
                return walk.seen
            if step in across.seen:
                return None


class _Walk:
    """A search from one entity; each step is an edge."""

    def __init__(self, links: Links, start: str) -> None:
        self.seen = {start}
        self.steps = self._walk(links, start)

    def _walk(self, links: Links, start: str) -> Iterator[str]:
        ahead = [start]
        while ahead:
            for entity in links(ahead.pop()):
                if entity not in self.seen:
                    self.seen.add(entity)
                    ahead.append(entity)
                yield entity
