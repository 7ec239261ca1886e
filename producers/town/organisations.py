"""Places people belong to: schools, and the hostel and children's home where nobody is kin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class School:
    """An invented school; `number` has no counterpart in the register of establishments."""

    number: int
    name: str
    youngest: int
    oldest: int
    trust: str


#: The two trusts are partners of their own (partners.py).
NORTH_TRUST: Final = "don-valley-schools"
SOUTH_TRUST: Final = "porter-brook-schools"

SCHOOLS: Final = (
    School(number=11, name="Hammerpond Primary", youngest=4, oldest=10, trust=NORTH_TRUST),
    School(number=12, name="Otterbank Primary", youngest=4, oldest=10, trust=SOUTH_TRUST),
    School(number=13, name="Larkhammer Academy", youngest=11, oldest=17, trust=NORTH_TRUST),
    School(number=14, name="Millrace High", youngest=11, oldest=17, trust=SOUTH_TRUST),
)


def school_for(age: int, choice: int) -> School | None:
    """Return a school that takes this age in whole years, if any does."""
    fitting = [school for school in SCHOOLS if school.youngest <= age <= school.oldest]
    return fitting[choice % len(fitting)] if fitting else None
