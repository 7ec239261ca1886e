"""Names of candidate networks, which last while a network grows, shrinks, merges and parts.

A network is known by an opaque name, made when it first forms and called after nobody. A member
of it carries the name, at first the grown-up with the smallest id: the name is where its carrier
is. So when two networks become one the carriers of both are in it, the name that has lasted longer
goes on, the other one sleeps, and when they part again both come back. When the carrier leaves,
or its part is no candidate network any more, most of the network goes on under its name, which
another member carries from then on.

All of this follows from the one topic of evidence: which event formed a name is its offset there.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid5

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_NAMESPACE: Final = UUID("5d0c6f0e-93a7-5e5b-8a4e-0b7d3f1c9e26")
_NONE: Final[frozenset[str]] = frozenset()


class Change(StrEnum):
    """What happened to a network."""

    FORMED = "FORMED"
    GREW = "GREW"
    SHRANK = "SHRANK"
    ABSORBED = "ABSORBED"  # the other, whose name sleeps from here on
    PARTED = "PARTED"  # from the other
    DISSOLVED = "DISSOLVED"


@dataclass(frozen=True, slots=True)
class Moment:
    """One change of one network; `people` is how many count in it afterwards.

    `offset` is that of the event, `number` tells several changes at one event apart.
    """

    network_id: str
    offset: int
    number: int
    change: Change
    other_id: str | None
    people: int


@dataclass(slots=True)
class Name:
    """A name: who carries it, the offset of the event that formed it, and how many count in it.

    It sleeps while `people` is 0. `turned` is the offset of the event that woke it last, or put it
    to sleep. `home` is the id that the carrier goes by now.
    """

    carrier: str
    since: int
    people: int
    turned: int
    home: str


class Names:
    """Every name there was, and where each is; `changed` and `moments` are not written out yet."""

    def __init__(self) -> None:
        self.known: dict[str, Name] = {}
        self.changed: set[str] = set()
        self.moments: list[Moment] = []
        self._carried: dict[str, set[str]] = {}

    def carried_by(self, entity: str) -> Collection[str]:
        """Return the names that an entity carries, under whichever of its ids."""
        return self._carried.get(entity, _NONE)

    def lasting(self, networks: Iterable[str]) -> str:
        """Return the name that has been awake longest; of two that woke at one event the older."""
        known = self.known
        return min(networks, key=lambda one: (known[one].turned, known[one].since, one))

    def last_awake(self, networks: Iterable[str]) -> str:
        """Return the name that fell asleep last; of two at one event the older."""
        known = self.known
        return min(networks, key=lambda one: (-known[one].turned, known[one].since, one))

    def add(self, network: str, name: Name) -> None:
        """Take a name in, new or from a row."""
        self.known[network] = name
        self._carried.setdefault(name.home, set()).add(network)

    def form(self, founder: str, at: int) -> str:
        """Make a name; somebody who founds a second network makes another one."""
        made = (str(uuid5(_NAMESPACE, f"{founder} {number}")) for number in count())
        network = next(name for name in made if name not in self.known)
        self.add(network, Name(founder, at, 0, at, founder))
        self.changed.add(network)
        return network

    def pass_on(self, network: str, heir: str) -> None:
        """Let another carry a name."""
        self.move(network, heir)
        self.known[network].carrier = heir
        self.changed.add(network)

    def move(self, network: str, home: str) -> None:
        """Note that who carries a name goes by another id now."""
        name = self.known[network]
        here = self._carried[name.home]
        here.discard(network)
        if not here:
            del self._carried[name.home]
        name.home = home
        self._carried.setdefault(home, set()).add(network)

    def weigh(self, network: str, people: int, at: int) -> None:
        """Note how many count in a network; 0 puts its name to sleep."""
        name = self.known[network]
        if name.people != people:
            if not (name.people and people):
                name.turned = at
            name.people = people
            self.changed.add(network)

    def take_changes(self) -> tuple[set[str], list[Moment]]:
        """Return the names that changed, and what happened, since the last call."""
        taken = self.changed, self.moments
        self.changed, self.moments = set(), []
        return taken

    def tell(self, network: str, at: int, changes: Iterable[tuple[Change, str | None]]) -> None:
        """Add changes of one network at one event to its history."""
        people = self.known[network].people
        for number, (change, other) in enumerate(changes):
            self.moments.append(Moment(network, at, number, change, other, people))
