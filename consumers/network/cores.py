"""Core and periphery: core numbers by peeling the least connected first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

CORE_MINIMUM: Final = 2
"""In a tree every core number is 1: nobody stands out, so there is no core."""


def core_numbers(links: Mapping[str, AbstractSet[str]]) -> Mapping[str, int]:
    """Return for each node the largest k of a k-core that holds it; links are symmetric.

    A k-core is a largest part in which everyone has k links within the part.
    Peels nodes in order of what is left of their degree, in time linear in the
    links. Source: Batagelj and Zaversnik, "An O(m) algorithm for cores
    decomposition of networks" (2003).
    """
    left = {node: len(near) for node, near in links.items()}
    queues = _by_degree(left)
    numbers: dict[str, int] = {}
    level = 0
    while len(numbers) < len(links):
        if not queues[level]:
            level += 1
            continue
        node = queues[level].pop()
        numbers[node] = level
        for other in links[node]:
            if other not in numbers and left[other] > level:
                queues[left[other]].discard(other)
                left[other] -= 1
                queues[left[other]].add(other)
    return numbers


def core_of(links: Mapping[str, AbstractSet[str]]) -> AbstractSet[str]:
    """Return the innermost core, empty where nobody stands out."""
    numbers = core_numbers(links)
    innermost = max(numbers.values(), default=0)
    if innermost < CORE_MINIMUM:
        return frozenset()
    return {node for node, number in numbers.items() if number == innermost}


def _by_degree(degrees: Mapping[str, int]) -> list[set[str]]:
    queues: list[set[str]] = [set() for _ in range(max(degrees.values(), default=0) + 1)]
    for node, degree in degrees.items():
        queues[degree].add(node)
    return queues
