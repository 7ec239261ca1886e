"""Links in time: a phone, a plate and an address say less the longer two sightings lie apart.

Numbers are given to somebody else, plates are moved, people move house. What
equal or different values weigh therefore halves with time; names, birth dates
and numbers for life do not age.
"""

from __future__ import annotations

from math import exp2
from typing import Final

#: Weeks after which the weight is half as much. Policy version 1; judgements with their grounds:
#: a network may give an unused mobile number away after some months, most people keep theirs for
#: years; about one person in ten moves house in a year; plates stay with a vehicle until it is
#: sold or re-registered; an e-mail address or a handle is rarely given up and hardly ever reused.
HALF_LIFE_WEEKS: Final = {
    "phone": 104,
    "imei": 104,
    "vehicle_mark": 156,
    "address": 260,
    "postcode": 260,
    "uprn": 260,
    "email": 520,
    "handle": 520,
    "account": 520,
}
STEP_WEEKS: Final = 13
"""Time is counted in quarters of a year, so that few patterns are told apart."""
_STEPS_MAX: Final = 20 * 4


def steps(weeks: int | None) -> int:
    """Return the quarters between two sightings; 0 if the time is not known. Never negative."""
    return 0 if weeks is None else min(abs(weeks) // STEP_WEEKS, _STEPS_MAX)


def aged(field: str, centibits: int, step: int) -> int:
    """Return what a weight has become after so many quarters, towards 0 from either side."""
    half_life = HALF_LIFE_WEEKS.get(field)
    if half_life is None or not step:
        return centibits
    return round(centibits * exp2(-step * STEP_WEEKS / half_life))
