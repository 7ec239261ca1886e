"""What an agreement is worth: the weights of Fellegi and Sunter, as a value with a version.

A level of a field has the weight log2(m/u): how much likelier it is between two
descriptions of one person (m) than between those of two (u). Weights are
counted in centibits, hundredths of a bit, so that sums are whole numbers and
equal everywhere. A field that one side lacks weighs nothing.

The threshold grows with the population: among twice as many people a stranger
who agrees as well is twice as likely, so one bit more is asked for.

Source: privacy.md section 2, recipe (f), steps 3 and 4; Fellegi and Sunter,
A Theory for Record Linkage, 1969.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import log2
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from streams.shared import LinkWeightsPublished

CENTIBITS: Final = 100
_SMALLEST: Final = 0.5
"""Added to every count, so that a level that was never seen has a finite weight."""
WEIGHT_MAX: Final = 16 * CENTIBITS
"""No single agreement outweighs the fewest people a linker serves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelWeight:
    """What a level of a field is worth."""

    field: str
    level: str
    centibits: int


@dataclass(frozen=True, kw_only=True)
class LinkWeights:
    """A version of the weights and of the thresholds that belong to them, in centibits.

    `threshold` accepts and `review_threshold` asks, both among `population`
    people; `nameless` is added where one side has no given name. Of several
    candidates the best is taken if it leads by `margin`.
    """

    version: int
    levels: tuple[LevelWeight, ...]
    threshold: int
    review_threshold: int
    population: int
    population_min: int = 500

    @cached_property
    def table(self) -> Mapping[tuple[str, str], int]:
        """Field and level to weight."""
        return {(one.field, one.level): one.centibits for one in self.levels}

    def growth(self, persons: int) -> int:
        """Return what is added to both thresholds among so many people; never falls with them."""
        return round(CENTIBITS * log2(max(persons, self.population_min) / self.population))


def published(event: LinkWeightsPublished) -> LinkWeights:
    """Return weights of the register as linking uses them."""
    return LinkWeights(
        version=event.version,
        levels=tuple(
            LevelWeight(field=one.field, level=one.level, centibits=one.centibits)
            for one in event.weights
        ),
        threshold=event.threshold_centibits,
        review_threshold=event.review_threshold_centibits,
        population=event.population,
    )


def fitted(
    same: Mapping[tuple[str, str], float], different: Mapping[tuple[str, str], float]
) -> tuple[LevelWeight, ...]:
    """Fit weights to counts of (field, level) among pairs of one person and of two.

    Counts may be weighted. A level that occurs in neither has no weight.
    """
    fields = dict.fromkeys(field for field, _ in (*same, *different))
    return tuple(one for field in fields for one in _fit_field(field, same, different))


def _fit_field(
    field: str, same: Mapping[tuple[str, str], float], different: Mapping[tuple[str, str], float]
) -> Iterable[LevelWeight]:
    levels = dict.fromkeys(level for name, level in (*same, *different) if name == field)
    of_same = sum(count for (name, _), count in same.items() if name == field)
    of_different = sum(count for (name, _), count in different.items() if name == field)
    for level in levels:
        m = (same.get((field, level), 0) + _SMALLEST) / (of_same + _SMALLEST * len(levels))
        u = (different.get((field, level), 0) + _SMALLEST) / (
            of_different + _SMALLEST * len(levels)
        )
        worth = round(CENTIBITS * log2(m / u))
        yield LevelWeight(
            field=field, level=level, centibits=max(-WEIGHT_MAX, min(WEIGHT_MAX, worth))
        )
