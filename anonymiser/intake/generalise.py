"""Ages become bands, places districts, instants weeks; dates are those of Europe/London.

Source: ARCHITECTURE.md, "The way of a report"; domain.md section 8.30 (ages).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streams.identifiers import canonical, district
from streams.instants import london_day
from streams.values import AgeBand, ChildAtEvent

if TYPE_CHECKING:
    from datetime import date, datetime

ADULT_YEARS: Final = 18
#: The first year above each band.
_BAND_ENDS: Final = (
    (5, AgeBand.AGE_0_4),
    (11, AgeBand.AGE_5_10),
    (16, AgeBand.AGE_11_15),
    (ADULT_YEARS, AgeBand.AGE_16_17),
)


@dataclass(frozen=True, slots=True)
class GeneralAge:
    """What leaves of an age."""

    band: AgeBand
    child: ChildAtEvent


UNKNOWN_AGE: Final = GeneralAge(AgeBand.UNKNOWN, ChildAtEvent.UNKNOWN)


def age_on(born_on: date, day: date) -> int:
    """Return the age in whole years; who was born on 29 February has a birthday on 1 March.

    0 for who is born after that day: they are a child whatever else.
    """
    had_birthday = (day.month, day.day) >= (born_on.month, born_on.day)
    return max(0, day.year - born_on.year - (not had_birthday))


def general_age(born_on: date | None, stated_age: int | None, day: date) -> GeneralAge:
    """Generalise the age on the day of the event.

    The birth date counts before the stated age. Where the two do not agree on
    whether this is a child, nothing is claimed. A placeholder is no birth date.
    """
    is_known = born_on is not None and canonical("born_on", born_on) is not None
    reckoned = age_on(born_on, day) if born_on and is_known else None
    ages = [age for age in (reckoned, stated_age) if age is not None]
    children = {age < ADULT_YEARS for age in ages}
    if len(children) != 1:
        return UNKNOWN_AGE
    return GeneralAge(band_of(ages[0]), ChildAtEvent.YES if children.pop() else ChildAtEvent.NO)


def band_of(years: int) -> AgeBand:
    """Return the band of an age in whole years."""
    return next((band for end, band in _BAND_ENDS if years < end), AgeBand.ADULT)


def iso_week(at: datetime) -> str:
    """Return the ISO week of an instant's day in Europe/London, as "2026-W47"."""
    year, week, _ = london_day(at).isocalendar()
    return f"{year}-W{week:02}"


def district_of(postcode: str | None) -> str | None:
    """Return the district of a postcode, full or in part; None for a placeholder and for none.

    Raises: UnreadableIdentifierError.
    """
    return district(postcode) if postcode is not None else None
