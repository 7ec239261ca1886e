"""Keys under which a description finds others, so that nobody is compared with everybody.

A person has a key for each strong token and about twenty more, each made of two
or three tokens that few people share: none is a name, a date or a place alone.
A strong key has nine bytes, any other eight.

Measured on invented British people: 99.9 % of the pairs that a comparison would
accept share a key, and 95 % of those it would ask about; the rest agree in a
name alone, spelt two ways. Among a million people a record shares its keys with
some fifty others, two thirds of them by the sound of a common full name, which
finds nobody once it is shared by too many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anonymiser.linker.packing import NUMBER_OF, TOKEN_BITS, bit, chunks_of
from anonymiser.tokens import STRONG_FIELDS
from streams.values import NodeKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BLOCK_BYTES: Final = 8
STRONG_BLOCK_BYTES: Final = 9
ALIASES_MAX: Final = 4
"""So many other names of one mention are looked up; the rest still count in a comparison."""

_SOUNDS: Final = ("given_name.sound", "family_name.sound")
_BOTH_SOUNDS: Final = "+".join(_SOUNDS)
#: Each row makes one key of one token of every field it names. Of fields in brackets either may
#: stand, in any order: a name is found in spite of standing in the wrong field.
_ROWS: Final[tuple[tuple[str | tuple[str, ...], ...], ...]] = (
    ("born_on.exact", _SOUNDS),
    ("born_on.exact", "given_name.initial"),
    ("born_on.exact", "family_name.initial"),
    ("born_on.exact", "given_name.alias"),
    ("born_on.exact", "postcode.outcode"),
    ("born_on.swap", _SOUNDS),
    ("born_on.ym", "family_name.sound"),
    ("born_on.md", "family_name.sound"),
    ("born_on.yd", "family_name.sound"),
    ("born_on.ym", "given_name.sound", "family_name.initial"),
    ("born_on.md", "given_name.sound", "family_name.initial"),
    ("born_on.yd", "given_name.sound", "family_name.initial"),
    (_BOTH_SOUNDS,),
    (_BOTH_SOUNDS, "postcode.outcode"),
    ("postcode.exact", _SOUNDS),
    ("postcode.exact", "given_name.initial"),
    ("address.line", _SOUNDS),
    ("place",),
    ("uprn",),
    ("phone",),
    ("email",),
    ("handle",),
    ("account",),
    ("imei",),
    ("vehicle_mark", "given_name.initial"),
)

_MASK: Final = (1 << TOKEN_BITS) - 1
_WORD: Final = (1 << 64) - 1
_SPREAD: Final = 0x9E3779B97F4A7C15  # odd; spreads neighbouring numbers over all 64 bits
_KINDS: Final = {kind: number for number, kind in enumerate(NodeKind)}
#: Fields of things that link although they are not strong.
_LINKING_THINGS: Final[Mapping[NodeKind, frozenset[str]]] = {
    **STRONG_FIELDS,
    NodeKind.ORGANISATION: STRONG_FIELDS[NodeKind.ORGANISATION] | {"organisation_name.exact"},
}
_SINGLE: Final[Mapping[NodeKind, int]] = {
    kind: sum(bit(name) for name in names) for kind, names in _LINKING_THINGS.items()
}


def blocks_of(kind: NodeKind, packed: bytes) -> tuple[bytes, ...]:
    """Return the keys of a description, each once; strong tokens first.

    About twenty for a person that says everything, of `BLOCK_BYTES` or
    `STRONG_BLOCK_BYTES` each: eight bytes may be kept as a number.
    """
    if not packed:
        return ()
    fields, *chunks = chunks_of(packed)
    number = bytes((_KINDS[kind],))
    singles = _SINGLE[kind]
    strong = [
        number + chunk.to_bytes(BLOCK_BYTES)
        for chunk in chunks
        if singles >> (chunk >> TOKEN_BITS) & 1
    ]
    pairs = _pairs(fields, chunks) if kind is NodeKind.PERSON else ()
    return tuple(dict.fromkeys((*strong, *pairs)))


def is_strong_block(block: bytes) -> bool:
    """Tell whether a block is one token that links by itself; such a one is never too large."""
    return len(block) == STRONG_BLOCK_BYTES


def _pairs(fields: int, chunks: list[int]) -> Iterator[bytes]:
    by_field: dict[int, list[int]] = {}
    for chunk in chunks:
        if _USED >> (chunk >> TOKEN_BITS) & 1:
            by_field.setdefault(chunk >> TOKEN_BITS, []).append(chunk & _MASK)
    for seed, needed, columns in _COMPILED:
        if fields & needed == needed:
            keys = [seed]
            for column in columns:
                keys = [_mixed(key, token) for key in keys for token in _values(column, by_field)]
            for key in keys:
                yield key.to_bytes(BLOCK_BYTES)


def _values(column: _Column, by_field: Mapping[int, list[int]]) -> list[int]:
    """The tokens that a column of a row may take."""
    is_sum, numbers = column
    if len(numbers) == 1:
        return by_field[numbers[0]][:ALIASES_MAX]
    if is_sum:
        left, right = (by_field[number] for number in numbers)
        return [one + other for one in left for other in right][:ALIASES_MAX]
    found = [token for number in numbers for token in by_field.get(number, ())]
    return found[:ALIASES_MAX]


def _mixed(key: int, token: int) -> int:
    key = (key ^ token) * _SPREAD & _WORD
    return key ^ key >> 29


_Column = tuple[bool, tuple[int, ...]]


def _compile(row: tuple[str | tuple[str, ...], ...]) -> tuple[int, tuple[_Column, ...]]:
    """Return the fields that must be there, and of each column whether it is a sum, and of what."""
    columns: list[_Column] = []
    needed = 0
    for names in row:
        is_sum = isinstance(names, str)
        either = tuple(names.split("+")) if isinstance(names, str) else names
        columns.append((is_sum, tuple(NUMBER_OF[name] for name in either)))
        needed |= sum(map(bit, either)) if is_sum else 0
    return needed, tuple(columns)


_COMPILED: Final = tuple((seed, *_compile(row)) for seed, row in enumerate(_ROWS, start=1))
_USED: Final = sum(
    {1 << number for _, _, columns in _COMPILED for _, numbers in columns for number in numbers}
)
