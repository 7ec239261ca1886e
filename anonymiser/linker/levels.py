"""How well do two profiles agree, field by field? The best agreeing level of each, in words.

The work is done once for each pattern of agreement: two profiles give a few
bits (which token fields are equal, which are there on both sides, and what
needs counting), and the levels follow from these alone. Patterns are few and
hold nothing of anybody, so what a pattern means is remembered.

Source: privacy.md section 2, recipe (f), step 3.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from anonymiser.linker.packing import NUMBER_OF, TOKEN_BITS, bit, fields_among

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anonymiser.linker.packing import Profile

PATTERNS_MAX: Final = 1 << 16
DIFFERS: Final = "differs"
"""The level of a field that is there on both sides and agrees in nothing."""


class Pattern(NamedTuple):
    """What is equal between two profiles, without any value. Symmetric.

    `equal` and `both` have a bit for each token field; `counted` holds what
    needs more than one token to tell, see `_Counted`.
    """

    equal: int
    both: int
    counted: int


GIVEN: Final = bit("given_name.exact")
INITIAL: Final = bit("given_name.initial")
"""Present with any given name; `GIVEN` only if it is more than an initial."""
FAMILY: Final = bit("family_name.exact")
BORN: Final = bit("born_on.exact")
_NEW_YEAR: Final = bit("born_on.new_year")
_GIVEN_PART: Final = bit("given_name.part")
_FAMILY_PART: Final = bit("family_name.part")
_WORD: Final = bit("address.word")
_ADDRESS: Final = bit("address.line") | _WORD
_GIVEN_NEAR: Final = bit("given_name.near")
_FAMILY_NEAR: Final = bit("family_name.near")
_KNOWN: Final = bit("given_name.known")
_NICKNAME: Final = bit("given_name.nickname")

# What needs counting, as bits of `Pattern.counted`.
_GIVEN_HALF: Final = 1
_FAMILY_HALF: Final = 2
_SWAPPED: Final = 4
_MOVED: Final = 8
_WORDS_SOME: Final = 16
_WORDS_MOST: Final = 32
_ONE_KNOWN: Final = 64
_SHORT: Final = 128
_ONE_NEW_YEAR: Final = 256

WORDS_MIN: Final = 2
"""So many telling words of an address must be equal, and half of the shorter one's."""


def pattern_of(left: Profile, right: Profile, shared: frozenset[int]) -> Pattern:
    """Return the pattern of two profiles of persons; `shared` are the tokens both have.

    Tokens are counted only where the field does not agree better anyway.
    """
    equal = fields_among(shared)
    both = left.fields & right.fields
    counted = 0
    if equal & _ADDRESS == _WORD:
        counted |= _words(left, right, shared)
    if not equal & FAMILY and equal & _FAMILY_PART:
        counted |= _FAMILY_HALF * _is_half(left, right, shared, _FAMILY_PART_NUMBER)
    if not equal & BORN and (left.fields ^ right.fields) & _NEW_YEAR:
        counted |= _ONE_NEW_YEAR
    if not equal & GIVEN and both & INITIAL:
        counted |= _given(left, right, shared, equal)
    return Pattern(equal, both, counted)


def _given(left: Profile, right: Profile, shared: frozenset[int], equal: int) -> int:
    """What needs counting of given names that are not the same."""
    counted = _ONE_KNOWN if (left.fields ^ right.fields) & _KNOWN else 0
    if equal & _GIVEN_PART and _is_half(left, right, shared, _GIVEN_PART_NUMBER):
        counted |= _GIVEN_HALF
    if _is_short(left, right):
        counted |= _SHORT
    return counted if equal & FAMILY else counted | _crossed(left, right)


def _is_half(left: Profile, right: Profile, shared: frozenset[int], number: int) -> bool:
    """Anna is one half of Anna-Maria; Anna-Maria and Anna-Lena are two sisters."""
    common = _count(shared, number)
    return common in (_told(left, number), _told(right, number))


def _words(left: Profile, right: Profile, shared: frozenset[int]) -> int:
    common = _count(shared, _WORD_NUMBER)
    least = min(_told(left, _WORD_NUMBER), _told(right, _WORD_NUMBER))
    if 2 * common < least:
        return 0
    return _WORDS_MOST if common >= WORDS_MIN else _WORDS_SOME


def _count(chunks: frozenset[int], number: int) -> int:
    return sum(1 for chunk in chunks if chunk >> TOKEN_BITS == number)


def _told(profile: Profile, number: int) -> int:
    return len(profile.by_field.get(number, ()))


def _crossed(left: Profile, right: Profile) -> int:
    """Whether a given name is the other's family name or nearly so; both ways, or one."""
    here = _meets(left, right, _GIVEN_NEAR_NUMBER, _FAMILY_NEAR_NUMBER)
    there = _meets(left, right, _FAMILY_NEAR_NUMBER, _GIVEN_NEAR_NUMBER)
    if here and there:
        return _SWAPPED
    return _MOVED if here or there else 0


def _is_short(left: Profile, right: Profile) -> bool:
    """Whether a given name of either is short for a given name of the other."""
    return bool(
        (left.fields & _NICKNAME and _meets(left, right, _NICKNAME_NUMBER, _EXACT_NUMBER))
        or (right.fields & _NICKNAME and _meets(left, right, _EXACT_NUMBER, _NICKNAME_NUMBER))
    )


def _meets(left: Profile, right: Profile, here: int, there: int) -> bool:
    """Whether a token of a field of the left one is in another field of the right one.

    The left one's tokens alone are sorted out by field: it is compared with many.
    """
    step = (there - here) << TOKEN_BITS
    chunks = right.chunks
    return any(chunk + step in chunks for chunk in left.by_field.get(here, ()))


_GIVEN_PART_NUMBER: Final = NUMBER_OF["given_name.part"]
_FAMILY_PART_NUMBER: Final = NUMBER_OF["family_name.part"]
_WORD_NUMBER: Final = NUMBER_OF["address.word"]
_GIVEN_NEAR_NUMBER: Final = NUMBER_OF["given_name.near"]
_NICKNAME_NUMBER: Final = NUMBER_OF["given_name.nickname"]
_EXACT_NUMBER: Final = NUMBER_OF["given_name.exact"]
_FAMILY_NEAR_NUMBER: Final = NUMBER_OF["family_name.near"]

# --- from pattern to levels ----------------------------------------------------------------------


def _all(*names: str) -> int:
    bits = 0
    for name in names:
        bits |= bit(name)
    return bits


#: Of each field: the level, the token fields that must all be equal, what must be counted.
_Level = tuple[str, int, int]
_BAG: Final = bit("name.bag")


def _name_levels(field: str, half: int) -> tuple[_Level, ...]:
    def of(*levels: str) -> int:
        return _all(*(f"{field}.{level}" for level in levels))

    return (
        ("exact", of("exact"), 0),
        ("swapped", 0, _SWAPPED),
        ("swapped", _BAG, 0),
        ("half", of("part"), half),
        ("letters", of("letters"), 0),
        ("near and sound", of("near", "sound"), 0),
        ("near and first3", of("near", "first3"), 0),
        ("near", of("near"), 0),
        ("sound and first3", of("sound", "first3"), 0),
        ("sound", of("sound"), 0),
        ("first3", of("first3"), 0),
        ("initial", of("initial"), 0),
    )


_GIVEN_LEVELS: Final = _name_levels("given_name", _GIVEN_HALF)
_PERSON: Final[tuple[tuple[str, int, tuple[_Level, ...]], ...]] = (
    (
        "given_name",
        INITIAL,
        (
            _GIVEN_LEVELS[0],
            ("spelling", bit("given_name.spelling"), 0),
            ("nickname", 0, _SHORT),
            ("alias", bit("given_name.alias"), 0),
            *_GIVEN_LEVELS[1:],
            ("moved", 0, _MOVED),
        ),
    ),
    ("family_name", FAMILY, _name_levels("family_name", _FAMILY_HALF)),
    (
        "born_on",
        BORN,
        (
            *(
                (level, bit(f"born_on.{level}"), 0)
                for level in ("exact", "swap", "near", "ym", "yd", "md")
            ),
            ("year", bit("born_on.year"), _ONE_NEW_YEAR),
        ),
    ),
    (
        "postcode",
        bit("postcode.exact"),
        tuple((level, bit(f"postcode.{level}"), 0) for level in ("exact", "near", "outcode")),
    ),
    (
        "address",
        bit("address.line"),
        (
            ("line", bit("address.line"), 0),
            ("most words", _WORD, _WORDS_MOST),
            ("some words", _WORD, _WORDS_SOME),
        ),
    ),
    (
        "middle_names",
        bit("middle_names.exact"),
        tuple((level, bit(f"middle_names.{level}"), 0) for level in ("exact", "initial")),
    ),
    *(
        (name, bit(token_field), (("equal", bit(token_field), 0),))
        for name, token_field in (
            ("known_as", "known_as.exact"),
            *((one, one) for one in ("uprn", "phone", "email", "handle", "vehicle_mark")),
            *((one, one) for one in ("account", "imei", "sex")),
        )
    ),
)
#: Levels at which two known forenames are still one name.
_SAME_NAME: Final = frozenset({"exact", "spelling", "nickname", "alias", "swapped", "half"})
OTHER_NAME: Final = ", other name"
"""Suffix of the level of a given name when both are forenames that people bear."""
NEW_YEAR: Final = ", new year's day"
"""Suffix of the level of a birth date when both are 1 January: of many only the year is known."""
ABBREVIATED: Final = "abbreviated"
"""One side has no more than an initial, and it is the other's."""
UNLISTED: Final = ", unlisted"
"""Suffix when neither is: two slips of the pen, or two names that no list holds."""


@lru_cache(maxsize=PATTERNS_MAX)
def levels_of(pattern: Pattern) -> tuple[tuple[str, str], ...]:
    """Return field and level of each field of a person that is there on both sides, in order."""
    return tuple(_levels(pattern))


def _levels(pattern: Pattern) -> Iterator[tuple[str, str]]:
    for name, presence, levels in _PERSON:
        if not pattern.both & presence:
            continue
        level = _best(levels, pattern)
        if name == "given_name" and not pattern.both & GIVEN:
            level = ABBREVIATED if level == "initial" else level
        elif name == "given_name" and level not in _SAME_NAME:
            level += _suffix(pattern)
        elif name == "born_on" and pattern.both & _NEW_YEAR:
            level += NEW_YEAR
        yield name, level


def _suffix(pattern: Pattern) -> str:
    if pattern.both & _KNOWN:
        return OTHER_NAME
    return "" if pattern.counted & _ONE_KNOWN else UNLISTED


def _best(levels: tuple[_Level, ...], pattern: Pattern) -> str:
    for level, equal, counted in levels:
        if pattern.equal & equal == equal and (not counted or pattern.counted & counted):
            return level
    return DIFFERS


LEVELS: Final = {
    name: tuple(dict.fromkeys(level for level, _, _ in levels)) for name, _, levels in _PERSON
}
"""Field of a person to its levels, best first, without `DIFFERS`."""
