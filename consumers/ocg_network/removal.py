"""Removal simulation: what a network would look like on paper without some of its adults.

It counts what is on record before and after. It predicts nothing and picks nobody: see `LIMITS`.
Children and victims are never removed or ranked; they stay in the graph, so that it shows who
would be left beside whom.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from consumers.network.measures import By, Graph, highest
from streams.errors import DeniedError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from collections.abc import Set as AbstractSet

LIMITS: Final = (
    "Networks rewire: others take the places that fall empty.",
    "The graph is what was reported, not what is: who is watched more stands out more.",
    "Before and after are counts on paper, no cause and effect.",
    "Never a list of targets: officers decide on other grounds than a place in a graph.",
    "Children and victims are neither removed nor ranked.",
)


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
    measure: By | None
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
        names = sorted(nodes)
        known, pairs = set(names), list(ties)
        if any(one == other or not {one, other} <= known for one, other in pairs):
            raise InvalidInputError("a tie joins two different nodes of the network")
        self._graph = Graph(names, pairs)
        self._removable = removable & known

    def without(self, people: Sequence[str]) -> Simulation:
        """Take these adults out, one after the other.

        Raises: NotRemovableError, InvalidInputError for somebody who is not in the network.
        """
        for one in people:
            if one not in self._graph.names:
                raise InvalidInputError("somebody to be taken out is not in this network")
            if one not in self._removable:
                raise NotRemovableError("a child or a victim is never taken out, nor a thing")
        if len(set(people)) < len(people):
            raise InvalidInputError("nobody is taken out twice")
        order = iter(people)
        return self._simulate(len(people), lambda _left: next(order), None)

    def without_top(self, count: int, measure: By) -> Simulation:
        """Take out the highest adult `count` times, measured anew each time.

        Of equal ones the last id goes first, as in `consumers.network.measures`.
        Raises: InvalidInputError if there are fewer adults.
        """
        if not 1 <= count <= len(self._removable):
            raise InvalidInputError(f"--top: from 1 to {len(self._removable)}, the adults there")

        def top(left: Graph) -> str:
            scores = left.degree() if measure is By.DEGREE else left.betweenness()
            adults = {name: score for name, score in scores.items() if name in self._removable}
            return highest(adults, self._graph.names)

        return self._simulate(count, top, measure)

    def _simulate(
        self, count: int, choose: Callable[[Graph], str], measure: By | None
    ) -> Simulation:
        whole = len(self._graph.names)
        left = Graph(self._graph.names, ())
        left.graph = self._graph.graph.copy()
        removed: list[str] = []
        shapes = [shape_of(left, whole)]
        for _ in range(count):
            removed.append(choose(left))
            left.graph.remove_node(self._graph.names.index(removed[-1]))
            shapes.append(shape_of(left, whole))
        return Simulation(
            removed=tuple(removed),
            measure=measure,
            before=shapes[0],
            after=shapes[-1],
            steps=tuple(shapes[1:]),
        )


def shape_of(graph: Graph, nodes_at_start: int) -> Shape:
    """Return a graph in figures; shares are of the nodes there were at the start."""
    sizes = graph.components()
    largest = max(sizes, default=0)
    pairs = nodes_at_start * (nodes_at_start - 1)
    joined = sum(size * (size - 1) for size in sizes)
    return Shape(
        nodes=graph.graph.num_nodes(),
        ties=graph.graph.num_edges(),
        components=len(sizes),
        largest=largest,
        largest_share=largest / nodes_at_start if nodes_at_start else 0.0,
        reach=joined / pairs if pairs else 0.0,
        density=graph.density(),
    )
