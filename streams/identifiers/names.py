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
_BETWEEN_WORDS: Final = re.compile(r"[\s\-\u2010-\u2015/,]+")
#: Before a name and no part of it; after a name they tell father from son, and stay.
_TITLES: Final = frozenset(
    {"mr", "mrs", "miss", "ms", "mx", "mstr", "master", "dr", "prof", "rev", "sir", "dame"}
)
#: Between names: sons, daughters, articles and "of". Left out when a name is taken apart.
_PARTICLES: Final = frozenset(
    {
        *("bin", "ibn", "ben", "bint", "binti"),
        *("al", "el", "ul", "ad", "an", "ar", "as", "ash", "at", "az"),
        *("de", "del", "della", "dela", "di", "da", "do", "dos", "das", "du"),
        *("la", "le", "los", "las", "van", "von", "der", "den", "ter", "ten", "zu", "zur"),
        *("o", "mac", "mc", "fitz", "ap", "ab"),
    }
)
_MONTHS: Final = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
#: A run of digits or letters is tried once and never given back: a text costs its length.
_A_DATE: Final = re.compile(
    r"(?<!\d)\d++\s*+[/.\-]\s*+\d++\s*+[/.\-]\s*+\d"
    rf"|(?<!\d)\d++(?:st|nd|rd|th)?\s++(?:{_MONTHS})|(?:{_MONTHS})[a-z]*+\s++\d",
    re.IGNORECASE,
)
_ORGANISATION_NUMBER: Final = re.compile(r"(?=.*\d)[A-Z0-9]{3,12}", re.ASCII)
_COMPANY_DIGITS: Final = 8
_MAC_LETTERS_MIN: Final = 5


def name(text: str) -> str | None:
    """Folded, letters only: `O'Neill-Ŝmith` is `oneillsmith`.

    Source: privacy.md section 2, step 1 of recipe (f).
    """
    letters = text.lower() if _is_plain(text) else _letters(text)
    if not letters:
        raise FormatBrokenError("a name has letters")
    return None if letters in _NO_NAMES else letters


def _letters(text: str) -> str:
    if _A_DATE.search(text):
        raise FormatBrokenError("a name is no date")
    return letters_of(_untitled(text))


def _is_plain(text: str) -> bool:
    """One word of plain letters, as most names are."""
    return text.isascii() and text.isalpha()


def name_parts(text: str) -> tuple[str, ...]:
    """The halves of a double name and the words of a long one, each folded, in order."""
    if _is_plain(text):
        return (text.lower(),)
    words = _BETWEEN_WORDS.split(_untitled(text))
    return tuple(part for word in words if (part := letters_of(word)))


def name_cores(text: str) -> tuple[str, ...]:
    """The parts that are names: 'Ahmad bin al-Hasan' has two, and 'MacDonald' is 'mcdonald'.

    For meeting names of which one report leaves out an article, a "son of" or a
    prefix, or writes them in another order: what is left of both has parts in
    common. A name that is nothing but particles keeps them. Glued ones stay
    (Vandenberg): where they end cannot be known.
    Source: domain.md section 2 (names); DVLA codes Mac as Mc.
    """
    parts = name_parts(text)
    cores = tuple(part for part in parts if part not in _PARTICLES) or parts
    return tuple(f"mc{core[3:]}" if _is_mac(core) else core for core in cores)


def _is_mac(name: str) -> bool:
    """Mackay and MacDonald; not Mac, Mace or Macy."""
    return name.startswith("mac") and len(name) > _MAC_LETTERS_MIN


def _untitled(text: str) -> str:
    """Without the titles before a name; a word that stands alone is the name."""
    words = list(filter(str.strip, text.split(" ")))
    titles = next((at for at, word in enumerate(words) if not _is_title(word)), len(words) - 1)
    while titles > 0 and not letters_of(" ".join(words[titles:])):
        titles -= 1
    return " ".join(words[titles:]) if titles > 0 else text


def _is_title(word: str) -> bool:
    return word.lstrip().strip(".").casefold() in _TITLES


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
