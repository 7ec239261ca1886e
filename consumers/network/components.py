"""Connected components, kept up to date edge by edge; their size never decides the cost."""

from __future__ import annotations

from collections import deque
from enum import Enum, auto
from typing import TYPE_CHECKING, TypeAlias

from consumers.network.bag import Bag
from consumers.network.identity import Names
from consumers.network.naming import Naming

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

Links: TypeAlias = "Callable[[str], Sequence[str]]"


class Part(Enum):
    """What an entity counts as in a network."""

    PERSON = auto()
    CHILD = auto()
    VICTIM = auto()  # a grown-up whom reports call a victim and none a suspect
    OTHER = auto()  # an organisation or a phone line


class Component:
    """Entities that network ties join.

    `published` is the name under which it was last known as a candidate
    network, None while it is none. `carried` are all names that members carry,
    `awake` those that named a network as of the last event: several after two
    were joined, none after the carrier left.
    """

    __slots__ = ("_part_of", "awake", "carried", "counts", "members", "published")

    def __init__(self, part_of: Callable[[str], Part]) -> None:
        self._part_of = part_of
        self.members: set[str] = set()
        self.counts = dict.fromkeys(Part, 0)
        self.carried: set[str] = set()
        self.awake: set[str] = set()
        self.published: str | None = None

    @property
    def people(self) -> int:
        """How many count towards a candidate network."""
        return self.counts[Part.PERSON]

    def persons(self) -> Iterator[str]:
        """Yield those who count."""
        return (entity for entity in self.members if self._part_of(entity) is Part.PERSON)

    def first_person(self) -> str:
        """Return the smallest id of those who count; there must be one."""
        return min(self.persons())


class Components:
    """Joins the smaller component into the larger, and parts by searching from both ends at once.

    So joining costs the smaller side, and parting what has to be walked to
    meet again or to exhaust one side. All members are renamed only when a name
    that has lasted longer comes in, which is the rarer the longer theirs lasts.
    """

    def __init__(
        self,
        minimum_people: int,
        part_of: Callable[[str], Part],
        former: Callable[[str], str | None],
    ) -> None:
        """`part_of` tells what an entity counts as; of a change `recount` must be told.

        `former` tells the network an entity was in as of the last event.
        """
        self.names = Names()
        self._minimum_people = minimum_people
        self._part_of = part_of
        self._former = former
        self._links: dict[str, Bag] = {}
        self._of: dict[str, Component] = {}
        self._altered: dict[int, Component] = {}
        self._moved: set[str] = set()
        self._retired: set[str] = set()
        self._adrift: set[str] = set()  # awake names whose carrier is in no component

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
            self._alter(component)

    def rehome(self, networks: Iterable[str], before: str, now: str) -> None:
        """Tell that who carries these names goes by another id from now on."""
        left, joined = self._of.get(before), self._of.get(now)
        for network in networks:
            if left is not None:
                self._lift(network, left)
            self.names.move(network, now)
            if joined is not None:
                self._drop(network, joined)

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
        self._adrift |= small.awake
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
        fresh = Component(self._part_of)
        for entity in lost:
            self._expel(whole, entity)
            self._admit(fresh, entity)
        self._tidy(whole)
        self._tidy(fresh)

    def settle(self, at: int) -> tuple[AbstractSet[str], AbstractSet[str]]:
        """Return the entities whose network may have changed, and the networks that did.

        Both since the last call; the second names networks old and new. `at` is the offset of the
        event, the birth of what it forms.
        """
        candidates = []
        for component in self._altered.values():
            if component.people >= self._minimum_people:
                candidates.append(component)
            else:
                self._end(component)
        naming = Naming(self.names, self._of, self._adrift, self._former, at)
        for component, now in naming.settle(candidates):
            if now != component.published:
                self._publish(component, now)
        entities, networks = self._moved, self._retired | naming.touched
        self._altered, self._moved, self._retired, self._adrift = {}, set(), set(), set()
        return entities, networks

    def wake(self) -> None:
        """Tell that all names that do not sleep are about to be found with their carriers.

        For loading: call it before the first link and `resume` after the last.
        """
        known = self.names.known
        self._adrift = {network for network, name in known.items() if name.people}

    def resume(self) -> None:
        """Take each name for the one its component had; nothing counts as changed."""
        for component in self._altered.values():
            component.published = next(iter(component.awake), None)
        self._altered, self._moved, self._retired, self._adrift = {}, set(), set(), set()

    def _end(self, component: Component) -> None:
        """Let a component be no candidate network, whatever it was."""
        self._adrift |= component.awake
        component.awake = set()
        if component.published is not None:
            self._publish(component, None)

    def _publish(self, component: Component, now: str | None) -> None:
        self._retired |= {name for name in (component.published, now) if name is not None}
        self._moved |= component.members
        component.published = now

    def _ensure(self, entity: str) -> Component:
        if entity not in self._of:
            self._admit(Component(self._part_of), entity)
        return self._of[entity]

    def _admit(self, component: Component, entity: str) -> None:
        component.members.add(entity)
        component.counts[self._part_of(entity)] += 1
        self._of[entity] = component
        self._moved.add(entity)
        self._alter(component)
        for network in self.names.carried_by(entity):
            self._drop(network, component)

    def _expel(self, component: Component, entity: str) -> None:
        for network in self.names.carried_by(entity):
            self._lift(network, component)
        component.members.discard(entity)
        component.counts[self._part_of(entity)] -= 1
        del self._of[entity]
        self._moved.add(entity)
        self._alter(component)

    def _lift(self, network: str, component: Component) -> None:
        """Take a name out of a component; one that is awake drifts until it is dropped."""
        component.carried.discard(network)
        if network in component.awake:
            component.awake.discard(network)
            self._adrift.add(network)
        self._alter(component)

    def _drop(self, network: str, component: Component) -> None:
        component.carried.add(network)
        if network in self._adrift:
            self._adrift.discard(network)
            component.awake.add(network)
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

    Both ends are searched at once, near ones first, always on the side that has seen fewer links,
    so that the cost is at most about twice that of the smaller side. Most that were tied know
    somebody in common, and meet in the second step.
    """
    left, right = _Walk(one), _Walk(other)
    while True:
        walk, across = (left, right) if left.links <= right.links else (right, left)
        if not walk.ahead:
            return walk.seen
        if not across.seen.isdisjoint(walk.step(links)):
            return None


class _Walk:
    """A search from one entity; each step asks for the links of one more."""

    __slots__ = ("ahead", "links", "seen")

    def __init__(self, start: str) -> None:
        self.seen = {start}
        self.ahead = deque((start,))
        self.links = 0

    def step(self, links: Links) -> Sequence[str]:
        """Go one entity further; return whom that brought into view."""
        near = links(self.ahead.popleft())
        fresh = [entity for entity in near if entity not in self.seen]
        self.links += len(near)
        self.seen.update(fresh)
        self.ahead.extend(fresh)
        return fresh
