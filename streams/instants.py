"""Instants and the days they fall on: UTC to the millisecond on the log, days of Europe/London.

Pure: whoever has a clock hands the instant in.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from datetime import date, datetime

LONDON: Final = ZoneInfo("Europe/London")
_MILLISECOND: Final = 1_000  # microseconds


def to_millisecond(at: datetime) -> datetime:
    """Return an instant in UTC, cut to the millisecond: the log keeps no finer part.

    Live state and replayed state would differ by what is cut, so it is cut where
    an instant is made. Raises: OverflowError at the ends of the calendar.
    """
    whole = at.astimezone(UTC)
    return whole.replace(microsecond=whole.microsecond // _MILLISECOND * _MILLISECOND)


def is_whole(at: datetime) -> bool:
    """Tell whether the log can carry an instant: it knows its zone and nothing is to be cut."""
    return at.utcoffset() is not None and at.microsecond % _MILLISECOND == 0


def london_day(at: datetime) -> date:
    """Return the calendar day of an instant in Europe/London; of UTC at the calendar's two ends."""
    try:
        return at.astimezone(LONDON).date()
    except OverflowError:
        return at.date()
