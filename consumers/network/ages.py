"""Ages as they are told: a week and a rank, one text each, in the order in which they count.

The last week that says something of an age decides; of two things said of one week the younger
does. So the greatest text decides. Nothing finer than a band leaves the enclave, and police see
no band at all, only child or not.
"""

from __future__ import annotations

from sys import intern
from typing import TYPE_CHECKING, Final

from streams.values import AgeBand, ChildAtEvent

if TYPE_CHECKING:
    from collections.abc import Mapping

_ADULT: Final = "0"
_CHILD: Final = "1"
_RANKS: Final[Mapping[AgeBand, str]] = {
    AgeBand.ADULT: _ADULT,
    AgeBand.AGE_16_17: "2",
    AgeBand.AGE_11_15: "3",
    AgeBand.AGE_5_10: "4",
    AgeBand.AGE_0_4: "5",
}
_BANDS: Final = {rank: band for band, rank in _RANKS.items()}


def rank(child: ChildAtEvent, band: AgeBand) -> str:
    """Return the rank of what a mention tells of an age, "" for nothing.

    Whether a child decides; a band that says otherwise, or that is none, is left out.
    """
    if child is ChildAtEvent.UNKNOWN:
        return ""
    if child is ChildAtEvent.NO:
        return _ADULT
    return _CHILD if band in {AgeBand.ADULT, AgeBand.UNKNOWN} else _RANKS[band]


def said(week: str, told: str) -> str:
    """Return what is kept of an age: `told` is a rank, not empty."""
    return intern(f"{week} {told}")


def said_of(week: str, band: AgeBand) -> str | None:
    """Return the same of a band that somebody comes into; None for UNKNOWN, which takes back."""
    return said(week, _RANKS[band]) if band in _RANKS else None


def told(text: str) -> tuple[str, AgeBand]:
    """Undo `said_of`."""
    return text[:-2], _BANDS[text[-1]]


def is_child(text: str) -> bool:
    """Tell whether the text that decides says child; an empty one does not."""
    return bool(text) and text[-1] != _ADULT


def band_of(text: str) -> AgeBand:
    """Return the band of the text that decides; unknown where none was told."""
    return _BANDS.get(text[-1:], AgeBand.UNKNOWN)
