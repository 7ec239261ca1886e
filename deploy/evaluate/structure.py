"""Measuring the network that came out of the product, under the names that the file gave its nodes.

The measures are the product's own (`consumers.network.measures`). An entity that holds most
mentions of a node goes by the node's name; any other, one that linking left apart, by its own id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from consumers.network.measures import By, Graph, attack, measure, projected
from deploy.evaluate.score import principals

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from uuid import UUID

    from deploy.evaluate.ties import TieFile

    Edge = tuple[str, str]


def found_edges(
    found: Iterable[tuple[UUID, UUID]], mentions: Iterable[tuple[str, UUID]]
) -> list[Edge]:
    """Return the pairs that came out, by the names of the file."""
    names = principals(mentions)
    return [(_name(names, one), _name(names, other)) for one, other in found]


def _name(names: Mapping[UUID, str], entity: UUID) -> str:
    return names.get(entity, f"entity {entity}")


def graph_of(file: TieFile, edges: Sequence[Edge]) -> Graph:
    """Return the graph of what came out, its nodes in the order of the file.

    What has no name in the file comes before all that has, so that of equals it goes last.
    """
    return Graph(_ordered(file, edges), edges)


def people_of(file: TieFile, edges: Sequence[Edge]) -> Graph:
    """Return the graph of people of a membership list: an edge is a membership shared."""
    organisations = {tie.target for tie in file.ties}
    nodes = [node for node in _ordered(file, edges) if node not in organisations]
    return Graph(nodes, projected(sorted(_memberships(edges, organisations))))


def _memberships(edges: Iterable[Edge], organisations: set[str]) -> Iterator[Edge]:
    for one, other in edges:
        if (one in organisations) != (other in organisations):
            yield (other, one) if one in organisations else (one, other)


def _ordered(file: TieFile, edges: Sequence[Edge]) -> list[str]:
    present = {node for edge in edges for node in edge}
    named = [node for node in file.nodes if node in present]
    return [*sorted(present.difference(named)), *named]


def told_measures(file: TieFile, edges: Sequence[Edge]) -> dict[str, Any]:
    """Return the measures as the evaluation tells them; of a membership list also of its people."""
    told = measure(graph_of(file, edges)).as_facts()
    if file.is_bipartite:
        told["projection"] = measure(people_of(file, edges)).as_facts()
    return told


def told_attack(file: TieFile, edges: Sequence[Edge], by: By) -> dict[str, Any]:
    """Return the largest component before and after each removal, and who was removed.

    On a membership list people are removed from the graph of people.
    """
    graph = people_of(file, edges) if file.is_bipartite else graph_of(file, edges)
    removals = list(attack(graph, by))
    return {
        "attack": [1.0, *(round(one.largest, 6) for one in removals)],
        "removed": [one.node for one in removals],
    }
