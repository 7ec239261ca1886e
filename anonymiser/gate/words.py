"""What may stand in a narrative that leaves: ordinary words and placeholders, nothing that names.

The gate does not know how the text was redacted and shares no code with that
step. It takes any mark that a redaction failed as one: another script, a
character that does not show, a pattern that numbers or dates make, a word
with a capital letter that is on no list of ordinary words, a word near a
declared name. One finding stops the report (fail closed, privacy.md section
3). What it cannot see is a name in lower case that nobody declared.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

from nicknames import NickNamer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Set as AbstractSet

#: More than that is no summary of an event.
CHARACTERS_MAX: Final = 20_000
PREFIX_CHARACTERS_MIN: Final = 3
NEAR_CHARACTERS_MIN: Final = 5
#: Of a longer name six letters in a row are looked for anyway.
_NEAR_CHARACTERS_MAX: Final = 40

_PLACEHOLDER: Final = re.compile(r"\[[A-Z]{2,14}(?:-[0-9]{1,2})?\]")
_READABLE: Final = re.compile(
    r"[A-Za-z0-9 \n.,;:'\"()!?/&%\u00a3\u20ac\u2018\u2019\u201c\u201d\u2013\u2014\u2026-]*"
)
_WORD: Final = re.compile(r"[A-Za-z]+(?:[-'\u2019&][A-Za-z]+)*")
_TOKEN: Final = re.compile(r"[^\s,;:!?()\"\u201c\u201d\u2026]+")
_ENDS: Final = ".'\u2018\u2019\u2013\u2014-/&"

_MONTH: Final = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_DIGIT_WORD: Final = (
    r"(?:zero|oh|nought|one|two|three|four|five|six|seven|eight|nine|double|treble)"
)
#: What a number, a date, an age or letters spelt out look like once all else is taken out.
_PATTERNS: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?:\d\W{0,3}){6}",
        rf"\b\d{{1,2}}(?:st|nd|rd|th)?\W{{1,3}}(?:of\W)?{_MONTH}\b",
        rf"\b{_MONTH}\b\W{{1,3}}\d",
        r"\baged?\W{1,2}\d",
        r"\b\d{1,2}\W{0,2}(?:years?|yrs?|months?|y/?o)\b",
        rf"(?:\b{_DIGIT_WORD}\b\W{{1,3}}){{5}}",
        r"(?:\b[a-z]\b\W{1,3}){3}",
        r"\bwww\.|https?:|\.(?:com|co|org|net|uk)\b",
    )
)
_NUMBER: Final = re.compile(
    r"[\u00a3\u20ac]?\d{1,2}%?|[\u00a3\u20ac]\d{1,3}(?:,\d{3})*(?:\.\d\d)?k?"
)
_SUFFIXES: Final = ("'s", "\u2019s", "s", "es", "ed", "d", "ing", "ly")


def stop_word(text: str, names: Iterable[str]) -> str | None:
    """Return the code of the first thing that may not leave in a text, None if it is clean.

    `names` are the declared names of the report's people, as written.
    """
    if len(text) > CHARACTERS_MAX:
        return "narrative_too_long"
    bare = _PLACEHOLDER.sub(" ; ", text)
    if _READABLE.fullmatch(bare) is None:
        return "narrative_script"
    if any(pattern.search(bare) for pattern in _PATTERNS) or any(_odd_numbers(bare)):
        return "narrative_pattern"
    if any(_capitals(bare)):
        return "narrative_name"
    return "narrative_near_name" if _near_name(bare, names) else None


def _odd_numbers(bare: str) -> Iterator[bool]:
    for token in _TOKEN.findall(bare):
        core = token.strip(_ENDS)
        if any(mark.isdigit() for mark in core):
            yield _NUMBER.fullmatch(core) is None


def _capitals(bare: str) -> Iterator[bool]:
    for word in _WORD.findall(bare):
        if not word.islower():
            yield not is_ordinary(word.lower())


# --- words that name nobody ------------------------------------------------------------


def is_ordinary(word: str) -> bool:
    """Tell whether a word in lower case is on the gate's own list, inflected or not."""
    words = _ordinary()
    return word in words or any(
        word.endswith(suffix) and word.removesuffix(suffix) in words for suffix in _SUFFIXES
    )


@cache
def _ordinary() -> frozenset[str]:
    lines = resources.files("anonymiser.gate").joinpath("ordinary.txt").read_text("utf-8")
    return frozenset(
        word for line in lines.splitlines() if not line.startswith("#") for word in line.split()
    )


# --- words that are nearly a declared name ------------------------------------------------


def _near_name(bare: str, names: Iterable[str]) -> bool:
    words = {word.lower() for word in _WORD.findall(bare)}
    words |= {part for word in words for part in re.split(r"[-'\u2019&]", word) if part}
    parts = {part.lower() for name in names for part in re.findall(r"[^\W\d_]+", name)}
    return bool(parts) and _is_like(words, parts)


def _is_like(words: AbstractSet[str], names: AbstractSet[str]) -> bool:
    """Tell whether one of the words is a name, its pet name, its start, or one slip away.

    Every word is looked up, none compared with every name: a report that declares
    thousands of names must not hold up all that wait behind it.
    """
    if not words.isdisjoint(names):
        return True
    if any(not words.isdisjoint(_namer().nicknames_of(name)) for name in names):
        return True
    odd = {word for word in words if len(word) >= PREFIX_CHARACTERS_MIN and not is_ordinary(word)}
    return bool(odd) and (_is_start(odd, names) or _is_near(odd, names))


def _is_start(words: AbstractSet[str], names: Iterable[str]) -> bool:
    """Tell whether one of the words begins a name that has two letters more."""
    lengths = sorted({len(word) for word in words})
    return any(
        name[:length] in words for name in names for length in lengths if length < len(name) - 1
    )


def _is_near(words: Iterable[str], names: Iterable[str]) -> bool:
    """Two that are one slip apart are alike once each has lost one letter, or none."""
    shorter: dict[str, list[str]] = {}
    for name in names:
        if NEAR_CHARACTERS_MIN <= len(name) <= _NEAR_CHARACTERS_MAX:
            for left in _without_one(name):
                shorter.setdefault(left, []).append(name)
    return any(
        _is_one_slip_away(word, name)
        for word in words
        if NEAR_CHARACTERS_MIN <= len(word) <= _NEAR_CHARACTERS_MAX + 1
        for left in _without_one(word)
        for name in shorter.get(left, ())
    )


def _without_one(word: str) -> set[str]:
    """Return a word and all that is left of it without one letter."""
    return {word, *(word[:gap] + word[gap + 1 :] for gap in range(len(word)))}


@cache
def _namer() -> NickNamer:
    return NickNamer()


def _is_one_slip_away(one: str, other: str) -> bool:
    """One letter more, less, other, or two changed places (Damerau)."""
    short, long = sorted((one, other), key=len)
    if len(long) - len(short) > 1:
        return False
    start = next((i for i, mark in enumerate(short) if mark != long[i]), len(short))
    if len(short) < len(long):
        return short[start:] == long[start + 1 :]
    rest, other_rest = short[start:], long[start:]
    swapped = rest[1:2] + rest[:1] + rest[2:]
    return rest[1:] == other_rest[1:] or swapped == other_rest
