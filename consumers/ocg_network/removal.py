"""Removal simulation: what a network would look like on paper without some of its adults.

It counts what is on record before and after. It predicts nothing and picks nobody: see `LIMITS`.
Children and victims are never removed or ranked; they stay in the graph, so that it shows who
would be left beside whom.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import rustworkx as rx

from streams.errors import DeniedError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

LIMITS: Final = (
    "Networks rewire: others take the places that fall empty.",
    "The graph is what was reported, not what is: who is watched more stands out more.",
    "Before and after are counts on paper, no cause and effect.",
    "Never a list of targets: officers decide on other grounds than a place in a graph.",
    "Children and victims are neither removed nor ranked.",
)


class Measure(StrEnum):
    """By what the adults are ordered before one of them is taken out."""

    BETWEENNESS = "BETWEENNESS"
    DEGREE = "DEGREE"


class NotRemovableError(DeniedError):
    """Only adults who are no victims can be taken out in a simulation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A graph in figures.

    `largest_share`: the largest component, and `reach`: the pairs that some path joins, both as
    shares of the nodes and pairs at the start; `density`: ties among those left by all possible.
    """

    nodes: int
    ties: int
    components: int
    largest: int
    largest_share: float
    reach: float
    density: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What it was and would be, with who was taken out in which order, and the limits."""

    removed: tuple[str, ...]
    measure: Measure | None
    before: Shape
    after: Shape
    steps: tuple[Shape, ...]
    limits: tuple[str, ...] = LIMITS


class Network:
    """A network to take people out of: nodes of every kind, undirected ties.

    Raises: InvalidInputError for a tie to itself or to a node that is not there.
    """

    def __init__(
        self,
        nodes: Iterable[str],
        ties: Iterable[tuple[str, str]],
        removable: AbstractSet[str],
    ) -> None:
        self._names = sorted(nodes)
        self._removable = removable & set(self._names)
        self._index = {name: number for number, name in enumerate(self._names)}
        self._graph: rx.PyGraph[str, None] = rx.PyGraph(multigraph=False)
        self._graph.add_nodes_from(self._names)
        for one, other in ties:
            if one == other or one not in self._index or other not in self._index:
                raise InvalidInputError("a tie joins two different nodes of the network")
            self._graph.add_edge(self._index[one], self._index[other], None)

    def without(self, people: Sequence[str]) -> Simulation:
        """Take these adults out, one after the other.

        Raises: NotRemovableError, InvalidInputError for somebody who is not in the network.
        """
        for one in people:
            if one not in self._index:
                raise InvalidInputError("somebody to be taken out is not in this network")
            if one not in self._removable:
                raise NotRemovableError("a child or a victim is never taken out, nor a thing")
        if len(set(people)) < len(people):
            raise InvalidInputError("nobody is taken out twice")
        order = iter(people)
        return self._simulate(len(people), lambda _graph: next(order), None)

    def without_top(self, count: int, measure: Measure) -> Simulation:
        """Take out the highest adult `count` times, measured anew each time.

        Of equal ones the smallest id goes first.
        Raises: InvalidInputError if there are fewer adults.
        """
        if not 1 <= count <= len(self._removable):
            raise InvalidInputError(f"--top: from 1 to {len(self._removable)}, the adults there")

        def highest(graph: rx.PyGraph[str, None]) -> str:
            values = _MEASURES[measure](graph)
            ranked = ((values[i], graph[i]) for i in graph.node_indices())
            adults = [(-value, name) for value, name in ranked if name in self._removable]
            return min(adults)[1]

        return self._simulate(count, highest, measure)

    def _simulate(
        self,
        count: int,
        choose: Callable[[rx.PyGraph[str, None]], str],
        measure: Measure | None,
    ) -> Simulation:
        graph = self._graph.copy()
        before = shape_of(graph, len(self._names))
        removed: list[str] = []
        steps: list[Shape] = []
        for _ in range(count):
            name = choose(graph)
            graph.remove_node(self._index[name])
            removed.append(name)
            steps.append(shape_of(graph, len(self._names)))
        return Simulation(
            removed=tuple(removed),
            measure=measure,
            before=before,
            after=steps[-1] if steps else before,
            steps=tuple(steps),
        )


def shape_of(graph: rx.PyGraph[str, None], nodes_at_start: int) -> Shape:
    """Return a graph in figures; shares are of the nodes there were at the start."""
    sizes = [len(component) for component in rx.connected_components(graph)]
    nodes, ties, largest = graph.num_nodes(), graph.num_edges(), max(sizes, default=0)
    return Shape(
        nodes=nodes,
        ties=ties,
        components=len(sizes),
        largest=largest,
        largest_share=largest / nodes_at_start if nodes_at_start else 0.0,
        reach=_share(sum(size * (size - 1) for size in sizes), nodes_at_start),
        density=_share(2 * ties, nodes),
    )


def _share(ordered_pairs: int, nodes: int) -> float:
    possible = nodes * (nodes - 1)
    return ordered_pairs / possible if possible else 0.0


def _betweenness(graph: rx.PyGraph[str, None]) -> Mapping[int, float]:
    found = rx.betweenness_centrality(graph)
    return {index: round(found[index], 12) for index in graph.node_indices()}


def _degree(graph: rx.PyGraph[str, None]) -> Mapping[int, float]:
    return {index: float(graph.degree(index)) for index in graph.node_indices()}


_MEASURES: Final = {Measure.BETWEENNESS: _betweenness, Measure.DEGREE: _degree}
