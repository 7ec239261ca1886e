"""Measures of a network, each with its definition: core, brokers, degree, what a loss does.

A network is simple here: unweighted, undirected, no loops; a pair told twice, or in both
directions, is one edge. Computed when somebody looks, never stored. A measure describes the links
that were reported, not a person's importance, and says nothing of who was not reported.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import rustworkx as rx

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    Edge: TypeAlias = tuple[str, str]

#: Version 1 of the definitions below; shown with every figure.
MEASURES_VERSION: Final = 1
#: In a tree every core number is 1: nobody stands out, so there is no core.
CORE_MINIMUM: Final = 2
#: How many of the first in an order are shown.
TOP: Final = 10
#: Two scores this close, as a share of the larger, are one score. The sums of a network of n nodes
#: have at most n squared terms, each off by 2^-53 at most: of 2,000 nodes under 1e-9. Different
#: scores so close would need shortest paths counted in the hundred millions.
EQUAL_WITHIN: Final = 1e-9
#: Fewer nodes than this are not worth a second thread. With several the order of the additions,
#: and so the last digit, is not always the same: scores are rounded, or compared within a bound.
_THREADS_FROM: Final = 50
_DIGITS: Final = 9
_KEPT: Final = 64


class By(StrEnum):
    """By which measure a removal chooses whom to take next."""

    BETWEENNESS = "betweenness"
    DEGREE = "degree"


@dataclass(frozen=True, slots=True)
class Score:
    """A node and its value."""

    node: str
    value: float


@dataclass(frozen=True, slots=True)
class Measures:
    """What can be said of a network as a whole; orders name only those who may be ranked.

    `components` are sizes, the largest first. `core` is empty where nobody stands out. `cuts` are
    those whose loss would leave more components.
    """

    version: int
    nodes: int
    edges: int
    density: float
    components: tuple[int, ...]
    core_number: int
    core: tuple[str, ...]
    cuts: tuple[str, ...]
    degree: tuple[Score, ...]
    betweenness: tuple[Score, ...]

    def as_facts(self) -> dict[str, Any]:
        """Return plain values by name, as JSON has them."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }


class Graph:
    """A simple graph over named nodes, in the order in which they were given."""

    def __init__(self, nodes: Iterable[str], edges: Iterable[Edge]) -> None:
        self.names = tuple(dict.fromkeys(nodes))
        place = {name: number for number, name in enumerate(self.names)}
        pairs = {(place[one], place[other]) for one, other in edges if one != other}
        self.graph: rx.PyGraph[str, None] = rx.PyGraph(multigraph=False)
        self.graph.add_nodes_from(self.names)
        self.graph.add_edges_from([(one, other, None) for one, other in sorted(pairs)])

    @classmethod
    def of(cls, edges: Iterable[Edge]) -> Graph:
        """Return the graph of these edges; nodes stand in the order of their first mention."""
        known = list(edges)
        return cls((node for edge in known for node in edge), known)

    def degree(self) -> Mapping[str, float]:
        """Return for each node how many others an edge joins it to; not normalised.

        Source: Freeman, "Centrality in social networks" (1978).
        """
        return {self.names[i]: self.graph.degree(i) for i in self.graph.node_indices()}

    def betweenness(self) -> Mapping[str, float]:
        """Return for each node the share of shortest paths between two others that pass it.

        Summed over all pairs of others, each pair's shortest paths counting one together, and
        divided by (n-1)(n-2)/2 for n nodes, so that it lies between 0 and 1. Ends do not count.
        Source: Freeman (1977); computed as in Brandes, "A faster algorithm for betweenness
        centrality" (2001).
        """
        found = rx.betweenness_centrality(
            self.graph, normalized=True, endpoints=False, parallel_threshold=_THREADS_FROM
        )
        return {self.names[index]: value for index, value in found.items()}

    def density(self) -> float:
        """Return edges as a share of the n(n-1)/2 that could be; 0 for fewer than two nodes."""
        count = self.graph.num_nodes()
        return 0.0 if count < 2 else 2 * self.graph.num_edges() / (count * (count - 1))  # noqa: PLR2004 - a pair

    def components(self) -> tuple[int, ...]:
        """Return the sizes of what hangs together, the largest first."""
        return tuple(sorted(map(len, rx.connected_components(self.graph)), reverse=True))

    def core(self) -> tuple[int, AbstractSet[str]]:
        """Return the innermost k-core and its k: everyone in it has k edges within it.

        In a tree k is 1 and nobody stands out: then the core is empty. Source: Seidman, "Network
        structure and minimum degree" (1983).
        """
        numbers: dict[int, int] = rx.core_number(self.graph)  # type: ignore[assignment]  # stub errs
        innermost = max(numbers.values(), default=0)
        if innermost < CORE_MINIMUM:
            return innermost, frozenset()
        return innermost, {self.names[i] for i, number in numbers.items() if number == innermost}

    def cuts(self) -> AbstractSet[str]:
        """Return the articulation points: without one of them there are more components.

        Source: Hopcroft and Tarjan, "Efficient algorithms for graph manipulation" (1973).
        """
        return {self.names[index] for index in rx.articulation_points(self.graph)}


def measure(graph: Graph, ranked: Collection[str] | None = None, top: int = TOP) -> Measures:
    """Measure a network. Everyone in it is a link; only `ranked` appear in an order (None: all).

    Children and people known as victims only are never ranked: leave them out of `ranked`.
    """
    shown = graph.names if ranked is None else [one for one in graph.names if one in ranked]
    number, core = graph.core()
    cuts = graph.cuts()
    return Measures(
        version=MEASURES_VERSION,
        nodes=graph.graph.num_nodes(),
        edges=graph.graph.num_edges(),
        density=round(graph.density(), _DIGITS),
        components=graph.components(),
        core_number=number,
        core=tuple(one for one in shown if one in core),
        cuts=tuple(one for one in shown if one in cuts),
        degree=tuple(_first(graph.degree(), shown, top)),
        betweenness=tuple(_first(graph.betweenness(), shown, top)),
    )


def _first(scores: Mapping[str, float], shown: Sequence[str], top: int) -> Iterator[Score]:
    """Yield the highest; equals in the order in which they are given."""
    rounded = [Score(node, round(scores[node], _DIGITS)) for node in shown]
    yield from sorted(rounded, key=lambda score: -score.value)[:top]


# --- what a loss does --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Removal:
    """Who went, and the largest component after that as a share of the first largest."""

    node: str
    largest: float


def attack(graph: Graph, by: By) -> Iterator[Removal]:
    """Remove the highest by a measure, computed anew each time, until nobody is left.

    Of equal scores (`EQUAL_WITHIN`) the node goes that was named last. Sequential attack as in
    Cavallaro et al., PLoS ONE 15(8) e0236476 (2020), whose tables this reproduces. On a picture
    with unreported people and ties it says what a loss does to the picture, not to the group.
    """
    left = Graph(graph.names, ())
    left.graph = graph.graph.copy()
    whole = max(graph.components(), default=0)
    while left.graph.num_nodes():
        scores = left.degree() if by is By.DEGREE else left.betweenness()
        node = highest(scores, graph.names)
        left.graph.remove_node(graph.names.index(node))
        yield Removal(node, max(left.components(), default=0) / whole)


def highest(scores: Mapping[str, float], order: Sequence[str]) -> str:
    """Return who scores highest; of equals, who comes last in the order."""
    best = max(scores.values())
    floor = best - EQUAL_WITHIN * abs(best)
    return next(node for node in reversed(order) if scores.get(node, -1.0) >= floor)


def projected(memberships: Iterable[Edge]) -> list[Edge]:
    """Return the one-mode projection of (person, organisation): who shares at least one.

    Source: Breiger, "The duality of persons and groups" (1974).
    """
    together: dict[str, dict[str, None]] = {}
    for person, organisation in memberships:
        together.setdefault(organisation, {})[person] = None
    edges: dict[Edge, None] = {}
    for members in together.values():
        people = list(members)
        for number, one in enumerate(people):
            edges |= dict.fromkeys((one, other) for other in people[number + 1 :])
    return list(edges)


# --- measuring once ------------------------------------------------------------------------


class MeasureBook:
    """Measures by network and version of it, the last few of them: a change is another version.

    The version is a hash of edges and of who may be ranked, so it holds for a network as of any
    moment, in any store.
    """

    def __init__(self, kept: int = _KEPT) -> None:
        self._kept = kept
        self._known: OrderedDict[tuple[str, str], Measures] = OrderedDict()
        self.computed = 0

    def forget(self) -> None:
        """Remember nothing, as in the beginning."""
        self._known.clear()

    def measures(
        self, network: str, edges: Sequence[Edge], nodes: Sequence[str], ranked: Collection[str]
    ) -> Measures:
        """Return the measures of a network, computed only if it is not as it was."""
        key = (network, _version(edges, nodes, ranked))
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key]
        self.computed += 1
        self._known[key] = measure(Graph(nodes, edges), ranked)
        if len(self._known) > self._kept:
            self._known.popitem(last=False)
        return self._known[key]


def _version(edges: Iterable[Edge], nodes: Iterable[str], ranked: Collection[str]) -> str:
    digest = hashlib.sha256()
    for one, other in sorted(edges):
        digest.update(f"{one} {other}\n".encode())
    for node in nodes:
        digest.update(f"{node} {node in ranked}\n".encode())
    return digest.hexdigest()
