"""Comparing the network that came out with the one that went in."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID  # noqa: TC003 - part of a public alias

from deploy.evaluate.ties import Pair, pair

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """How well the ties would be found once a human had answered every open question rightly.

    Two entities with an open question between them are taken for one if both
    hold most mentions of one node; a question about two nodes unites nobody.
    """

    precision: float
    recall: float


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
    auto_review: Reviewed


def score_network(
    expected: Mapping[Pair, int],
    found: Mapping[tuple[UUID, UUID], int],
    mentions: Iterable[tuple[str, UUID]],
    questions: Iterable[tuple[UUID, UUID]] = (),
) -> NetworkScore:
    """Score `found` (weight per pair of entities) against `expected` (weight per pair of nodes).

    `mentions` tells for every mention the node it was made from and the entity
    it was resolved to, `questions` the pairs of entities that a human is asked about.
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
        auto_review=_reviewed(expected, found, held, questions),
    )


def _reviewed(
    expected: Mapping[Pair, int],
    found: Mapping[tuple[UUID, UUID], int],
    held: Mapping[UUID, Counter[str]],
    questions: Iterable[tuple[UUID, UUID]],
) -> Reviewed:
    now = _united(held, questions)
    together: defaultdict[UUID, Counter[str]] = defaultdict(Counter)
    for entity, nodes in held.items():
        together[now(entity)].update(nodes)
    name_of = _principals(together)
    ties = {frozenset((now(left), now(right))) for left, right in found}
    ends = [tuple(tie) for tie in ties if len(tie) > 1]
    hits = sum(1 for left, right in ends if _named(name_of, left, right) in expected)
    return Reviewed(precision=_share(hits, len(ends)), recall=_share(hits, len(expected)))


def _united(
    held: Mapping[UUID, Counter[str]], questions: Iterable[tuple[UUID, UUID]]
) -> Callable[[UUID], UUID]:
    """Answer the questions rightly; tell for each entity which one it then is."""
    kept: dict[UUID, UUID] = {}

    def now(entity: UUID) -> UUID:
        while entity in kept:
            entity = kept[entity]
        return entity

    for left, right in questions:
        is_one = left in held and right in held and _mostly(held[left]) == _mostly(held[right])
        if is_one and now(left) != now(right):
            kept[now(right)] = now(left)
    return now


def _mostly(nodes: Counter[str]) -> str:
    return min(nodes, key=lambda name: (-nodes[name], name))


def _held(mentions: Iterable[tuple[str, UUID]]) -> Mapping[UUID, Counter[str]]:
    held: defaultdict[UUID, Counter[str]] = defaultdict(Counter)
    for node, entity in mentions:
        held[entity][node] += 1
    return held


def principals(mentions: Iterable[tuple[str, UUID]]) -> Mapping[UUID, str]:
    """Return the name of each entity that holds most mentions of a node."""
    return _principals(_held(mentions))


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
