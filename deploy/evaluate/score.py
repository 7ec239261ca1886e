"""Comparing the network that came out with the one that went in."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID  # noqa: TC003 - part of a public alias

from deploy.evaluate.ties import Pair, pair

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkScore:
    """How well the projection found the ties. Shares lie between 0 and 1.

    A tie is found when the entities that hold most mentions of its two nodes
    are tied; what is tied to any other entity counts against precision.
    `weight_errors` counts found ties whose number of origins is wrong,
    `false_merges` entities that hold mentions of more than one node.
    """

    nodes: int
    ties: int
    expected_nodes: int
    expected_ties: int
    precision: float
    recall: float
    weight_errors: int
    false_merges: int


def score_network(
    expected: Mapping[Pair, int],
    found: Mapping[tuple[UUID, UUID], int],
    mentions: Iterable[tuple[str, UUID]],
) -> NetworkScore:
    """Score `found` (weight per pair of entities) against `expected` (weight per pair of nodes).

    `mentions` tells for every mention the node it was made from and the entity
    it was resolved to.
    """
    held = _held(mentions)
    name_of = _principals(held)
    hits = {
        ends: weight
        for (left, right), weight in found.items()
        if (ends := _named(name_of, left, right)) in expected
    }
    wrong = sum(1 for ends, weight in hits.items() if weight != expected[ends])
    tied = {entity for ends in found for entity in ends}
    return NetworkScore(
        nodes=len(tied),
        ties=len(found),
        expected_nodes=len({node for ends in expected for node in ends}),
        expected_ties=len(expected),
        precision=_share(len(hits), len(found)),
        recall=_share(len(hits), len(expected)),
        weight_errors=wrong,
        false_merges=sum(1 for nodes in held.values() if len(nodes) > 1),
    )


def _held(mentions: Iterable[tuple[str, UUID]]) -> Mapping[UUID, Counter[str]]:
    held: defaultdict[UUID, Counter[str]] = defaultdict(Counter)
    for node, entity in mentions:
        held[entity][node] += 1
    return held


def _principals(held: Mapping[UUID, Counter[str]]) -> Mapping[UUID, str]:
    """Give each node to the one entity that holds most of its mentions (ties: smallest id)."""
    best: dict[str, tuple[int, UUID]] = {}
    for entity in sorted(held):
        for node, count in held[entity].items():
            if node not in best or count > best[node][0]:
                best[node] = (count, entity)
    names: dict[UUID, str] = {}
    for node, (count, entity) in best.items():
        if entity not in names or count > held[entity][names[entity]]:
            names[entity] = node
    return names


def _named(name_of: Mapping[UUID, str], left: UUID, right: UUID) -> Pair:
    return pair(name_of.get(left, ""), name_of.get(right, ""))


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 1.0
