"""Unicode spellings of one text become one, and words that stand for "unknown" are known."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

#: A longer value is none: it is not read at all.
IDENTIFIER_CHARS_MAX: Final = 500

#: Letters that no decomposition turns into a plain one; transliterated as passports do.
_PLAIN_LETTERS: Final = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ħ": "h"}
    | {"\u0131": "i"}  # the dotless i of Turkish
    | {
        "\u0649": "\u064a",
        "\u06cc": "\u064a",
        "\u06a9": "\u0643",
    }  # yeh and kaf, in three alphabets
)
#: Compared after folding to letters and digits only.
_UNKNOWN_WORDS: Final = frozenset(
    {
        *("unknown", "unk", "ukn", "unkown", "notknown", "notknow", "dontknow"),
        *("none", "nil", "null", "missing", "undefined"),
        *("notapplicable", "notgiven", "notprovided", "notrecorded", "notstated", "notavailable"),
        *("notdisclosed", "notheld", "notonfile", "unavailable", "unobtainable", "unconfirmed"),
        *("refused", "declined", "withheld", "tbc", "tba", "toconfirm", "tobeconfirmed"),
        *("anon", "anonymous", "noname", "unnamed", "nfa", "nofixedabode", "nofixedaddress"),
    }
)
_UNKNOWN_CHARS_MAX: Final = max(map(len, _UNKNOWN_WORDS))
_SEPARATORS: Final = re.compile(r"[\s\-\u2010-\u2015./_]")
_SLASHED_UNKNOWN: Final = re.compile(r"\W*n\s*[/\\.]\s*[akro]\.?\W*", re.IGNORECASE)


def unify(text: str) -> str:
    """NFKC without outer blanks: full-width digits, ligatures and odd blanks become plain."""
    return text.strip() if text.isascii() else unicodedata.normalize("NFKC", text).strip()


def fold(text: str) -> str:
    """NFKC, casefold, no accents: 'Łódź' and 'LODZ' are spelt alike."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", text).casefold()
    bare = (letter for letter in unicodedata.normalize("NFKD", folded) if not _is_accent(letter))
    return "".join(bare).translate(_PLAIN_LETTERS)


def letters_of(text: str) -> str:
    """Folded, letters of any script only: no apostrophe, whichever of the many signs was typed."""
    folded = fold(text)
    if folded.isascii():
        return folded if folded.isalpha() else "".join(filter(str.isalpha, folded))
    return "".join(letter for letter in folded if letter.isalpha() and not _is_modifier(letter))


def alnum_of(text: str) -> str:
    """Folded, letters and digits only."""
    if text.isascii() and text.isalnum():
        return text.lower()
    return "".join(filter(str.isalnum, fold(text)))


def compact(text: str) -> str:
    """NFKC, upper case, without blanks, hyphens, dots and slashes: how numbers are compared."""
    plain = unify(text)
    return (plain if plain.isalnum() else _SEPARATORS.sub("", plain)).upper()


def stands_for_unknown(text: str) -> bool:
    """Tell whether a text says that the value is not known: 'N/A', 'UNKNOWN', '???', 'xxx'."""
    bare = alnum_of(text)
    if len(bare) > _UNKNOWN_CHARS_MAX:
        return not bare.strip("x")
    return (
        not bare
        or bare in _UNKNOWN_WORDS
        or (len(bare) > 1 and not bare.strip("x"))
        or _SLASHED_UNKNOWN.fullmatch(text) is not None
    )


def is_repeated(digits: str) -> bool:
    """Tell whether one character fills the whole number, as in 0000000000 or 9999999999."""
    return len(set(digits)) == 1


def _is_modifier(letter: str) -> bool:
    """The letter apostrophes, half rings and lengthening strokes that Unicode counts as letters."""
    return unicodedata.category(letter) == "Lm"


def _is_accent(letter: str) -> bool:
    return unicodedata.category(letter) == "Mn"
