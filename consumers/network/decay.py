"""How much a tie still says, from its age and its grade: computed on read, explained, never stored.

It fades a tie on the screen. It makes no candidate network and unmakes none, and nobody is ranked
by it: an old tie may be the one that matters. Our own figures, not an official scale.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from streams.errors import InvalidInputError
from streams.values import GradingScheme

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Version of every number below; shown with every strength.
DECAY_VERSION: Final = 1
#: Weeks without a new report after which a tie counts half.
HALF_LIFE_WEEKS: Final = 26
#: By place in the scheme's own list, best first; nothing is converted from scheme to scheme.
#: Known to be true directly, ... down to suspected false, on which alone no tie rests.
_ASSESSMENT: Final = (1.0, 0.8, 0.6, 0.5, 0.1)
#: 3x5x2: reliable, untested, not reliable.
_SOURCE_OF_THREE: Final = (1.0, 0.8, 0.5)
#: 5x5x5: always reliable, mostly, sometimes, unreliable, untested.
_SOURCE_OF_FIVE: Final = (1.0, 0.9, 0.7, 0.5, 0.8)
#: Nobody has assessed it: tentative.
UNGRADED: Final = 0.5
_DIGITS: Final = 3
_WEEK: Final = timedelta(weeks=1)
_MONDAY: Final = 1


@dataclass(frozen=True, slots=True)
class Factor:
    """One reason for a strength: what was looked at, in words, and what it multiplies by."""

    name: str
    because: str
    value: float


@dataclass(frozen=True, slots=True)
class Strength:
    """How much a tie still says, from 0 to 1: the product of its factors."""

    version: int
    value: float
    factors: tuple[Factor, ...]


def strength(tie: Mapping[str, object], on: date) -> Strength:
    """Return the strength of a row of `ties` on a day.

    Raises: InvalidInputError if the row holds no ISO week.
    """
    factors = (_age(str(tie["last_week"]), on), _grade(tie))
    value = 1.0
    for factor in factors:
        value *= factor.value
    return Strength(DECAY_VERSION, round(value, _DIGITS), factors)


def faded(ties: Iterable[Mapping[str, object]], on: date) -> list[dict[str, object]]:
    """Return the ties, each with its strength on a day, explained."""
    return [{**tie, "strength": asdict(strength(tie, on))} for tie in ties]


def weeks_between(week: str, on: date) -> int:
    """Return how many weeks a day lies after an ISO week (2026-W40), never less than none."""
    try:
        year, number = week.split("-W")
        monday = date.fromisocalendar(int(year), int(number), _MONDAY)
    except ValueError:
        raise InvalidInputError("a week is written 2026-W40") from None
    return max(0, (on - monday) // _WEEK)


def _age(week: str, on: date) -> Factor:
    weeks = weeks_between(week, on)
    value = round(0.5 ** (weeks / HALF_LIFE_WEEKS), _DIGITS)
    return Factor("age", f"last seen {weeks} weeks ago; half after {HALF_LIFE_WEEKS}", value)


def _grade(tie: Mapping[str, object]) -> Factor:
    """Judge by the weakest grade of what the tie rests on, which the row holds."""
    scheme, source = str(tie["weakest_scheme"]), tie["weakest_source"]
    assessment = tie["weakest_assessment"]
    if scheme == GradingScheme.UNGRADED:
        return Factor("grade", "ungraded: tentative until somebody grades it", UNGRADED)
    sources = _SOURCE_OF_THREE if scheme == GradingScheme.SCHEME_3X5X2 else _SOURCE_OF_FIVE
    value = _at(sources, source) * _at(_ASSESSMENT, assessment)
    words = f"weakest grade {source or '-'}{assessment or '-'} in its scheme"
    return Factor("grade", words, round(value, _DIGITS))


def _at(values: tuple[float, ...], code: object) -> float:
    """Return the value at the place of a letter or digit; what is not assessed is as ungraded."""
    if code is None:
        return UNGRADED
    text = str(code)
    place = int(text) if text.isdecimal() else ord(text) - ord("A") + 1
    return values[place - 1] if 1 <= place <= len(values) else values[-1]
