"""A comparison drawn in text: one bar for each field, the sum against the threshold, the veto."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anonymiser.desk.cases import Case

CENTIBITS: Final = 100
_WIDTH: Final = 24
"""Cells from the lowest sum to the highest."""
_FOR, _AGAINST = "█", "░"


def waterfall(case: Case, threshold_centibits: int | None = None) -> list[str]:
    """Return the lines; a field is named and never a value of it.

    Bars hang where the sum has come to, as a waterfall does: what speaks for
    one person goes to the right, what speaks against it goes back.
    """
    if not case.bars:
        return ["No comparison was recorded with this link."]
    lines = [*_bars(case), *_sum(case, threshold_centibits)]
    if case.contradicted:
        lines.append(
            f"Veto: {', '.join(case.contradicted)} contradicts, so no sum makes it a merge."
        )
    return lines


def _bars(case: Case) -> Iterator[str]:
    fields = max(len(bar.field) for bar in case.bars)
    levels = max(len(bar.level) for bar in case.bars)
    sums = list(accumulate((bar.centibits for bar in case.bars), initial=0))
    low, step = min(sums), max(CENTIBITS, max(sums) - min(sums)) / _WIDTH
    for bar, (start, end) in zip(case.bars, pairwise(sums), strict=True):
        drawn = _drawn(round((start - low) / step), round((end - low) / step))
        veto = "  veto" if bar.field in case.contradicted else ""
        named = f"{bar.field:{fields}}  {bar.level:{levels}}"
        yield f"{named}  {_bits(bar.centibits):>7}  {drawn:{_WIDTH}}{veto}".rstrip()


def _drawn(start: int, end: int) -> str:
    """Draw from where the sum stood to where it comes to, in cells."""
    left, right = sorted((start, end))
    return " " * left + (_FOR if end > start else _AGAINST) * (right - left)


def _sum(case: Case, threshold: int | None) -> Iterator[str]:
    total = sum(bar.centibits for bar in case.bars)
    told = f"Sum {_bits(total).strip()} bits"
    if case.score_centibits is not None and case.score_centibits != total:
        told += f", counted as {_bits(case.score_centibits).strip()}"
    if threshold is not None:
        side = "reaches" if (case.score_centibits or total) >= threshold else "stays below"
        told += f"; it {side} the threshold of {_bits(threshold).strip()}"
    version = case.weights_version
    yield told + (f" (weights version {version})." if version is not None else ".")


def _bits(centibits: int) -> str:
    return f"{centibits / CENTIBITS:+.1f}"
