"""Names of people and organisations, and dates of birth."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from streams.identifiers.faults import FormatBrokenError
from streams.identifiers.spelling import compact, fold, letters_of

#: What systems write when they do not know the day (the first is domain.md section 8.4).
_UNKNOWN_DAYS: Final = frozenset(
    {
        date(1900, 1, 1),
        date(1901, 1, 1),
        date(1899, 12, 30),  # day zero of spreadsheets
        date(1899, 12, 31),
        date(1800, 1, 1),
        date(1753, 1, 1),  # the first day a database of the time knows
        date(1, 1, 1),
        date(9999, 12, 31),
    }
)
#: Folded names that say that there is none.
_NO_NAMES: Final = frozenset(
    {"baby", "babyof", "infant", "unborn", "male", "female", "unknownmale", "unknownfemale"}
    | {"nfn", "nln", "fnu", "lnu", "nogivenname", "nosurname", "nolastname", "mrx", "person"}
)
_COMPANY_FORMS: Final = frozenset({"ltd", "limited", "plc", "llp", "lp", "cic", "the"})
_WORD: Final = re.compile(r"[^\W_]+")
_ORGANISATION_NUMBER: Final = re.compile(r"(?=.*\d)[A-Z0-9]{3,12}", re.ASCII)
_COMPANY_DIGITS: Final = 8


def name(text: str) -> str | None:
    """Folded, letters only: `O'Neill-Ŝmith` is `oneillsmith`.

    Source: privacy.md section 2, step 1 of recipe (f).
    """
    letters = letters_of(text)
    if not letters:
        raise FormatBrokenError("a name has letters")
    return None if letters in _NO_NAMES else letters


def name_parts(text: str) -> tuple[str, ...]:
    """The halves of a double name and the words of a long one, each folded, in order."""
    words = re.split(r"[\s\-\u2010-\u2015/,]+", text)
    return tuple(part for word in words if (part := letters_of(word)))


def born_on(day: date) -> str | None:
    """YYYYMMDD. Whether the day can be true is for whoever knows the day of the event."""
    return None if day in _UNKNOWN_DAYS else f"{day:%Y%m%d}".zfill(8)


def organisation_name(text: str) -> str:
    """Folded words without the legal form: 'The Mill Ltd.' is 'mill'."""
    words = _WORD.findall(fold(text).replace("&", " and ").replace("'", ""))
    kept = [word for word in words if word not in _COMPANY_FORMS] or words
    if not kept:
        raise FormatBrokenError("an organisation's name has letters or digits")
    return "".join(kept)


def organisation_number(text: str) -> str:
    """A register's number. Seven digits are a company number that lost its zero."""
    number = compact(text)
    if not _ORGANISATION_NUMBER.fullmatch(number):
        raise FormatBrokenError("an organisation number has 3 to 12 letters and digits")
    lost_zero = number.isdigit() and len(number) == _COMPANY_DIGITS - 1
    return number.zfill(_COMPANY_DIGITS) if lost_zero else number
