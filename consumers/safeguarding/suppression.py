"""Small counts withheld, and so many others that no sum or difference gives them away.

A count of one to `SMALLEST_SHOWN` - 1 is told as "<5"; nought is nobody and is shown. Where what
is shown would let a withheld count be worked out, further counts are withheld, the smallest first:
the sums that hold between counts are given, and are solved as a reader would solve them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

SMALLEST_SHOWN: Final = 5
"""Policy number, version 1: k of the laboratory's counts (docs/RULES.md)."""
FEW: Final = f"<{SMALLEST_SHOWN}"
WITHHELD: Final = "withheld"

Shown: TypeAlias = "int | str"


@dataclass(frozen=True, slots=True)
class Sum:
    """One count is the sum of others."""

    whole: str
    parts: tuple[str, ...]

    @property
    def cells(self) -> tuple[str, ...]:
        """Return the names of all of them."""
        return (self.whole, *self.parts)


def suppressed(counts: Mapping[str, int], sums: Sequence[Sum]) -> dict[str, Shown]:
    """Return each count as it may be shown, by name.

    Raises: ValueError if a sum does not hold: then it was none.
    """
    for one in sums:
        if counts[one.whole] != sum(counts[part] for part in one.parts):
            raise ValueError(f"{one.whole} is not the sum of its parts")
    hidden = {name for name, count in counts.items() if 0 < count < SMALLEST_SHOWN}
    while (given_away := _first_given_away(counts, sums, hidden)) is not None:
        further = _to_hide(counts, sums, hidden, given_away)
        if further is None:
            break  # nothing is left to withhold that is not withheld
        hidden.add(further)
    return {name: _shown(count, is_hidden=name in hidden) for name, count in counts.items()}


def _shown(count: int, *, is_hidden: bool) -> Shown:
    if not is_hidden:
        return count
    return FEW if 0 < count < SMALLEST_SHOWN else WITHHELD


def _first_given_away(
    counts: Mapping[str, int], sums: Sequence[Sum], hidden: set[str]
) -> str | None:
    few = sorted(name for name in hidden if counts[name] < SMALLEST_SHOWN)
    known = _solved(sums, hidden) | _cornered(counts, sums, hidden)
    return next((name for name in few if name in known), None)


def _to_hide(
    counts: Mapping[str, int], sums: Sequence[Sum], hidden: set[str], given_away: str
) -> str | None:
    """Return the smallest count shown that stands in a sum with the one given away, or near it."""
    near, reached = {given_away}, set[str]()
    while near != reached:
        reached = set(near)
        cells = {cell for one in sums if reached & set(one.cells) for cell in one.cells}
        shown = [cell for cell in cells - hidden if counts[cell]]
        if shown:
            return min(shown, key=lambda cell: (counts[cell], cell))
        near |= cells
    return None


# --- what a reader can work out -------------------------------------------------------------


def _solved(sums: Sequence[Sum], hidden: set[str]) -> set[str]:
    """Return what the sums determine, taken together, as linear equations of what is hidden."""
    names = sorted(hidden)
    rows = [_equation(one, names) for one in sums if set(one.cells) & hidden]
    found: set[str] = set()
    for row in _reduced(rows, len(names)):
        left = [name for name, factor in zip(names, row, strict=True) if factor]
        found.update(left if len(left) == 1 else ())
    return found


def _equation(one: Sum, names: Sequence[str]) -> list[Fraction]:
    row: defaultdict[str, Fraction] = defaultdict(Fraction)
    row[one.whole] += 1
    for part in one.parts:
        row[part] -= 1
    return [row[name] for name in names]


def _reduced(rows: Iterable[list[Fraction]], width: int) -> Iterator[list[Fraction]]:
    """Yield the rows in reduced echelon form."""
    left = [row for row in rows if any(row)]
    done: list[list[Fraction]] = []
    for column in range(width):
        pivot = next((row for row in left if row[column]), None)
        if pivot is None:
            continue
        left.remove(pivot)
        scaled = [value / pivot[column] for value in pivot]
        left = [row for row in (_without(row, scaled, column) for row in left) if any(row)]
        done = [_without(row, scaled, column) for row in done]
        done.append(scaled)
    yield from done


def _without(row: list[Fraction], pivot: list[Fraction], column: int) -> list[Fraction]:
    factor = row[column]
    return [value - factor * other for value, other in zip(row, pivot, strict=True)]


def _cornered(counts: Mapping[str, int], sums: Sequence[Sum], hidden: set[str]) -> set[str]:
    """Return what must be one value: 8 of two few is 4 and 4, and of few and withheld 6 is 1 and 5.

    A reader knows that few are one to four, and that what is withheld beyond them is more.
    """
    low = {name: _lowest(counts, name, hidden) for name in counts}
    high = {name: _highest(counts, name, hidden) for name in counts}
    while sum(_narrowed(one, low, high) for one in sums):
        pass
    return {name for name in hidden if low[name] == high[name]}


def _lowest(counts: Mapping[str, int], name: str, hidden: set[str]) -> int:
    if name not in hidden:
        return counts[name]
    return 1 if counts[name] < SMALLEST_SHOWN else SMALLEST_SHOWN


def _highest(counts: Mapping[str, int], name: str, hidden: set[str]) -> int:
    if name not in hidden:
        return counts[name]
    return SMALLEST_SHOWN - 1 if counts[name] < SMALLEST_SHOWN else sum(counts.values())


def _narrowed(one: Sum, low: dict[str, int], high: dict[str, int]) -> bool:
    before = [(low[cell], high[cell]) for cell in one.cells]
    low[one.whole] = max(low[one.whole], sum(low[part] for part in one.parts))
    high[one.whole] = min(high[one.whole], sum(high[part] for part in one.parts))
    for part in one.parts:
        others = [other for other in one.parts if other != part]
        low[part] = max(low[part], low[one.whole] - sum(high[other] for other in others))
        high[part] = min(high[part], high[one.whole] - sum(low[other] for other in others))
    return before != [(low[cell], high[cell]) for cell in one.cells]
