"""Descriptions as bytes: what one mention says, small enough to keep by the million.

A packed description is a row of numbers of eight bytes, big-endian: first one
with a bit for each token field that is there, then the tokens in ascending
order, each its field's number (one byte) and seven bytes of the token: enough
to tell a hundred million values of a field apart.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from struct import pack as pack_numbers
from struct import unpack as unpack_numbers
from typing import TYPE_CHECKING, Final

from anonymiser.tokens import FIELDS_OF
from streams.values import ChildAtEvent, Sex

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from streams.restricted import FieldToken
    from streams.values import NodeKind

WORD_BYTES: Final = 8
TOKEN_BITS: Final = 56
_TOKEN_BYTES: Final = TOKEN_BITS // 8

_HASHED: Final = tuple(sorted(frozenset().union(*FIELDS_OF.values())))
# No tokens: of two values each, they are no secret inside the enclave.
SEX: Final = "sex"
CHILD: Final = "child_at_event"
NUMBER_OF: Final[Mapping[str, int]] = {
    name: number for number, name in enumerate((*_HASHED, SEX, CHILD))
}
_SEXES: Final[Mapping[Sex, int]] = {Sex.FEMALE: 1, Sex.MALE: 2}
_CHILD: Final[Mapping[ChildAtEvent, int]] = {ChildAtEvent.YES: 1, ChildAtEvent.NO: 2}


@dataclass(frozen=True)
class Profile:
    """What one mention, or all mentions of one entity, say, unpacked.

    `chunks` are tokens with their field's number in the highest byte; `fields`
    has a bit for each field that is there.
    """

    kind: NodeKind
    chunks: frozenset[int] = field(repr=False)
    fields: int

    @cached_property
    def by_field(self) -> Mapping[int, list[int]]:
        """The tokens of each field, by the field's number; sorted out once, if asked for."""
        found: dict[int, list[int]] = {}
        for chunk in self.chunks:
            found.setdefault(chunk >> TOKEN_BITS, []).append(chunk)
        return found


def bit(name: str) -> int:
    """Return the bit of a token field."""
    return 1 << NUMBER_OF[name]


def pack(
    tokens: Iterable[FieldToken], sex: Sex, child: ChildAtEvent = ChildAtEvent.UNKNOWN
) -> bytes:
    """Put tokens, sex, and whether it is a child, into one string. Equal ones give equal bytes.

    A field that linking does not know is left out; nothing known gives no bytes.
    """
    chunks = {
        NUMBER_OF[token.field] << TOKEN_BITS | int.from_bytes(token.token[:_TOKEN_BYTES])
        for token in tokens
        if token.field in NUMBER_OF
    }
    if sex in _SEXES:
        chunks.add(NUMBER_OF[SEX] << TOKEN_BITS | _SEXES[sex])
    if child in _CHILD:
        chunks.add(NUMBER_OF[CHILD] << TOKEN_BITS | _CHILD[child])
    if not chunks:
        return b""
    return pack_numbers(f">{len(chunks) + 1}Q", fields_among(chunks), *sorted(chunks))


def chunks_of(packed: bytes) -> tuple[int, ...]:
    """Return the bits of the fields, then the tokens in ascending order; empty for nothing."""
    return unpack_numbers(f">{len(packed) // WORD_BYTES}Q", packed)


def profile(kind: NodeKind, packed: Iterable[bytes]) -> Profile:
    """Unite what several mentions say; one or many, in any order."""
    said = [chunks_of(one) for one in packed if one]
    fields = 0
    for numbers in said:
        fields |= numbers[0]
    return Profile(kind, frozenset().union(*(numbers[1:] for numbers in said)), fields)


def fields_among(chunks: Iterable[int]) -> int:
    """Return the bits of the fields that some chunks are of."""
    fields = 0
    for chunk in chunks:
        fields |= 1 << (chunk >> TOKEN_BITS)
    return fields
