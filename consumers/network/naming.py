"""Naming what one event altered: which network goes on under which name, and what is told of it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from consumers.network.identity import Change

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from consumers.network.components import Component
    from consumers.network.identity import Names


class Naming:
    """Names candidate networks after one event, in this order.

    1. Of the names that named its parts until now, the one that has lasted longest.
    2. The name of a network that nobody else goes on under, and most of whose people it has.
    3. Of the sleeping names that its members carry, the one that was awake last.
    4. A new name.

    `former` tells the network an entity was in before the event; `adrift` are the names whose
    network it ended, or whose carrier it took out of one. Every choice is one of counts, offsets
    and least ids, so it does not matter in which order links were cut and joined.
    """

    def __init__(
        self,
        names: Names,
        of: Mapping[str, Component],
        adrift: set[str],
        former: Callable[[str], str | None],
        at: int,
    ) -> None:
        self.touched = set(adrift)
        self._names = names
        self._of = of
        self._adrift = adrift
        self._former = former
        self._at = at

    def settle(self, candidates: Iterable[Component]) -> list[tuple[Component, str]]:
        """Name candidate networks, and put to sleep whatever names none any longer."""
        awake: list[Component] = []
        nameless: list[Component] = []
        for component in candidates:
            (awake if component.awake else nameless).append(component)
        if self._adrift:
            nameless.sort(key=lambda component: component.first_person())
        chosen = [(component, self._choose(component)) for component in (*awake, *nameless)]
        for component, network in chosen:
            self._tell(component, network)
        self._dissolve()
        return chosen

    def _choose(self, component: Component) -> str:
        if component.awake:
            return self._names.lasting(component.awake)
        if self._adrift and (left := self._left_to(component)):
            return self._inherit(component, self._names.lasting(left))
        if component.carried:
            return self._names.last_awake(component.carried)
        network = self._names.form(component.first_person(), self._at)
        component.carried.add(network)
        return network

    def _left_to(self, component: Component) -> list[str]:
        """Return the names adrift of networks most of whose people are in a component."""
        known = self._names.known
        return [
            network
            for network, votes in self._votes(component).items()
            if network in self._adrift and 2 * votes > known[network].people
        ]

    def _inherit(self, component: Component, network: str) -> str:
        before = self._of.get(self._names.known[network].home)
        if before is not None:
            before.carried.discard(network)
        self._adrift.discard(network)
        self._names.pass_on(network, component.first_person())
        component.carried.add(network)
        return network

    def _votes(self, component: Component) -> Counter[str]:
        """Count the people of a component by the network they were in."""
        networks = (self._former(person) for person in component.persons())
        return Counter(network for network in networks if network is not None)

    def _tell(self, component: Component, network: str) -> None:
        before = self._names.known[network].people
        absorbed = sorted(component.awake - {network})
        for other in absorbed:
            self._names.weigh(other, 0, self._at)
        self._names.weigh(network, component.people, self._at)
        self.touched |= {network, *absorbed}
        component.awake = {network}
        changes: list[tuple[Change, str | None]] = [(Change.ABSORBED, one) for one in absorbed]
        if not before:
            changes = [self._birth(component)]
        elif not absorbed and component.people != before:
            grew = component.people > before
            changes = [(Change.GREW if grew else Change.SHRANK, None)]
        self._names.tell(network, self._at, changes)

    def _birth(self, component: Component) -> tuple[Change, str | None]:
        votes = self._votes(component)
        if not votes:
            return Change.FORMED, None
        return Change.PARTED, min(votes, key=lambda network: (-votes[network], network))

    def _dissolve(self) -> None:
        for network in self._adrift:
            self._names.weigh(network, 0, self._at)
            self._names.tell(network, self._at, [(Change.DISSOLVED, None)])
