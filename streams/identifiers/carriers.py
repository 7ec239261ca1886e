"""Numbers that spell out other facts of their bearer: a driver number, a CHI number.

Whoever reads such a number reads a family name, a birth date and a sex with
it. So what it spells must agree with what the report says beside it, or the
partner is told which of the two to mend; and the number is treated like the
facts it carries, which the gate searches for. The gate decodes them by itself
and shares no code with this module.

Source: domain.md section 2 and section 8, rule 9; Public Health Scotland,
phsmethods `sex_from_chi` (the ninth digit); DVLA's rule that a surname in Mac
is coded as one in Mc, whatever follows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Final

from streams.identifiers import names
from streams.identifiers.numbers import is_day
from streams.identifiers.spelling import IDENTIFIER_CHARS_MAX, stands_for_unknown
from streams.values import Sex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streams.restricted import Identity

_NAME_LETTERS: Final = 5
_PADDING: Final = "9"
_DRIVER_CHARS: Final = 16
_FEMALE_MONTHS: Final = 50
_SEX_DIGIT: Final = 8


@dataclass(frozen=True, slots=True)
class Carried:
    """What a number spells out. `born` is day, month and the year's last two digits."""

    born: tuple[int, int, int] = field(repr=False)
    sex: Sex = field(repr=False)
    family_name: str | None = field(default=None, repr=False)
    """Up to five letters of the surname; None where the number holds no name."""

    def birth_dates(self) -> tuple[date, ...]:
        """Return the days it can mean: the number does not tell the century."""
        day, month, short_year = self.born
        years = (century + short_year for century in (1900, 2000))
        return tuple(date(year, month, day) for year in years if is_day(year, month, day))


def carried_by(field: str, form: str) -> Carried | None:
    """Return what a canonical form carries besides itself; None for one that carries nothing.

    `field` is the field it links under.
    """
    if field == "driver_number" and len(form) == _DRIVER_CHARS:
        return _driver(form)
    return _chi(form) if field == "chi_number" else None


def disagreements(identity: Identity, carried: Carried, sex: Sex) -> Iterator[str]:
    """Yield what the report says otherwise: `family_name`, `birth_date`, `sex`.

    Any name the report gives may be the one on the licence: a maiden name, a former
    one, or one of a pair written the wrong way round. What the report leaves out,
    and a placeholder, contradicts nothing.
    """
    if carried.family_name and _is_other_name(identity, carried.family_name):
        yield "family_name"
    if _is_other_day(identity.born_on, carried.born):
        yield "birth_date"
    if sex in (Sex.FEMALE, Sex.MALE) and sex is not carried.sex:
        yield "sex"


def _driver(number: str) -> Carried:
    month = int(number[6:8])
    return Carried(
        born=(int(number[8:10]), month % _FEMALE_MONTHS, int(number[5] + number[10])),
        sex=Sex.FEMALE if month > _FEMALE_MONTHS else Sex.MALE,
        family_name=number[:_NAME_LETTERS].rstrip(_PADDING),
    )


def _chi(number: str) -> Carried:
    return Carried(
        born=(int(number[:2]), int(number[2:4]), int(number[4:6])),
        sex=Sex.MALE if int(number[_SEX_DIGIT]) % 2 else Sex.FEMALE,
    )


def _is_other_name(identity: Identity, coded: str) -> bool:
    """A name in another script stands on the licence as somebody romanised it: not compared.

    Nor is one too long to be read: that is a fault by itself.
    """
    told = identity.family_name
    if told is None or len(told) > IDENTIFIER_CHARS_MAX or stands_for_unknown(told):
        return False
    if not _letters(told).isascii():
        return False
    spelt = (told, identity.given_name, identity.middle_names, *identity.known_as)
    read = (text for text in spelt if text and len(text) <= IDENTIFIER_CHARS_MAX)
    known = (one for text in read for one in (_letters(text), *names.name_parts(text)))
    return not any(_codes(one, coded) for one in known)


def _is_other_day(told: date | None, carried: tuple[int, int, int]) -> bool:
    if told is None or names.born_on(told) is None:
        return False
    return (told.day, told.month, told.year % 100) != carried


def _codes(letters: str, coded: str) -> bool:
    """Tell whether a surname is written so on a licence."""
    written = letters.upper()
    forms = (written, f"MC{written[3:]}") if written.startswith("MAC") else (written,)
    return any(one[:_NAME_LETTERS] == coded for one in forms)


def _letters(text: str) -> str:
    return "".join(names.name_parts(text))
