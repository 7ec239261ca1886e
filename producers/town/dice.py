"""Seeded chance: the same seed and label give the same town on every machine."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

T = TypeVar("T")


class Dice:
    """One independent stream of chance. Not for secrets: nothing here is unpredictable."""

    def __init__(self, seed: int, label: str) -> None:
        self._random = random.Random(f"{seed}/{label}")  # noqa: S311 - a town, not a key

    def chance(self, probability: float) -> bool:
        """Come true with this probability (0 to 1)."""
        return self._random.random() < probability

    def between(self, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`, both included."""
        return self._random.randint(low, high)

    def pick(self, choices: Sequence[T]) -> T:
        """Return one of the choices, each as likely as the other."""
        return choices[self._random.randrange(len(choices))]

    def weighted(self, choices: Mapping[T, float]) -> T:
        """Return one of the choices by its weight."""
        return self._random.choices(list(choices), list(choices.values()))[0]

    def some(self, choices: Sequence[T], count: int) -> list[T]:
        """Return up to `count` different choices."""
        return self._random.sample(list(choices), min(count, len(choices)))

    def shuffled(self, choices: Sequence[T]) -> list[T]:
        """Return all the choices in a new order."""
        return self.some(choices, len(choices))
