"""Numbers that carry other facts: what a driver number and a CHI number tell of their bearer.

The gate's own decoding; it shares no code with `streams.identifiers`. Without
the century of a birth both are given that a living person can have. Source:
domain.md section 2.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_CENTURIES: Final = (1900, 2000)
#: Added to the month of a woman's birth.
_FEMALE_MONTHS: Final = 50
_NAME_CHARACTERS_MIN: Final = 3
#: Surname (padded with nines), decade, month, day, year of the decade, initials and check.
_DRIVER: Final = re.compile(r"([A-Z9]{5})(\d)(\d\d)(\d\d)(\d)[A-Z9]{2}[A-Z0-9]{3}")
_CHI: Final = re.compile(r"(\d\d)(\d\d)(\d\d)\d{4}")


def driver_number(number: str) -> tuple[str, tuple[date, ...]]:
    """Return the start of the family name and the possible birth dates; nothing if unreadable."""
    found = _DRIVER.fullmatch(re.sub(r"[^A-Z0-9]", "", number.upper()))
    if found is None:
        return "", ()
    surname, decade, month, day, year = found.groups()
    month_number = int(month) % _FEMALE_MONTHS
    years = [century + 10 * int(decade) + int(year) for century in _CENTURIES]
    births = tuple(_dates(years, month_number, int(day)))
    name = surname.rstrip("9")
    return name if len(name) >= _NAME_CHARACTERS_MIN else "", births


def chi_number(number: str) -> tuple[date, ...]:
    """Return the possible birth dates of a number of ten digits, none if it begins with no date."""
    found = _CHI.fullmatch(re.sub(r"\D", "", number))
    if found is None:
        return ()
    day, month, year = map(int, found.groups())
    return tuple(_dates([century + year for century in _CENTURIES], month, day))


def _dates(years: list[int], month: int, day: int) -> Iterator[date]:
    for year in years:
        try:
            yield date(year, month, day)
        except ValueError:
            continue
