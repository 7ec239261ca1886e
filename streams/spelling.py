"""Walks the bytes of an Avro record by its schema, builds nothing, and names what is wrong.

The Avro library reads more than encoding writes: lists in several blocks,
negative counts, indexes from the end, over-long integers. It also makes the
items of a list before anybody can count them. A walk finds all that out from
the bytes alone, in a time that grows with their number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from streams.errors import (
    BadValueError,
    NotCanonicalError,
    TooLargeError,
    TrailingBytesError,
    TruncatedError,
)

COLLECTION_ITEMS_MAX: Final = 1_000
_MORE: Final = 0x80
_GROUP_BITS: Final = 7
_LONG_BITS: Final = 64

Walk: TypeAlias = Callable[[bytes, int], int]
"""Takes the bytes and where a value starts; gives where the next one starts."""


def walk_of(definition: dict[str, Any]) -> Walk:
    """Return the walk over records of one schema; it must end at the last byte.

    The walk raises the DecodeError that is named for the rule broken first.
    """
    walk = _walk(definition, {})

    def whole(data: bytes, start: int) -> int:
        try:
            end = walk(data, start)
        except IndexError:
            end = len(data) + 1
        if end > len(data):
            raise TruncatedError("the record ends too early")
        if end < len(data):
            raise TrailingBytesError("the record is followed by more bytes")
        return end

    return whole


def _walk(schema: Any, known: dict[str, Walk]) -> Walk:  # noqa: ANN401 - JSON of any shape
    if isinstance(schema, list):
        return _optional(_walk(schema[1], known))
    if isinstance(schema, str):
        return known[schema] if schema in known else _SCALARS[schema]
    kind = schema["type"]
    if kind not in _COMPLEX:
        return _SCALARS[kind]
    walk = _COMPLEX[kind](schema, known)
    if "name" in schema:
        known[schema["name"]] = walk
    return walk


def _record(schema: dict[str, Any], known: dict[str, Walk]) -> Walk:
    walks = tuple(_walk(field["type"], known) for field in schema["fields"])

    def walk(data: bytes, at: int) -> int:
        for walk_field in walks:
            at = walk_field(data, at)
        return at

    return walk


def _array(schema: dict[str, Any], known: dict[str, Walk]) -> Walk:
    walk_item = _walk(schema["items"], known)

    def walk(data: bytes, at: int) -> int:
        count, at = _long(data, at)
        if count == 0:
            return at
        if count < 0:
            raise NotCanonicalError("a list with a negative count")
        if count > COLLECTION_ITEMS_MAX:
            raise TooLargeError(f"a list of more than {COLLECTION_ITEMS_MAX} items")
        for _ in range(count):
            at = walk_item(data, at)
        if data[at] != 0:
            raise NotCanonicalError("a list in several blocks")
        return at + 1

    return walk


def _enum(schema: dict[str, Any], _: dict[str, Walk]) -> Walk:
    indexes = range(len(schema["symbols"]))

    def walk(data: bytes, at: int) -> int:
        index, at = _long(data, at)
        if index not in indexes:
            raise BadValueError("a code outside its list")
        return at

    return walk


def _fixed(schema: dict[str, Any], _: dict[str, Walk]) -> Walk:
    size = schema["size"]
    return lambda _, at: at + size


def _optional(walk_value: Walk) -> Walk:
    def walk(data: bytes, at: int) -> int:
        branch, at = _long(data, at)
        if branch == 0:
            return at
        if branch != 1:
            raise BadValueError("a union branch that is not there")
        return walk_value(data, at)

    return walk


def _bytes(data: bytes, at: int) -> int:
    length, at = _long(data, at)
    if length < 0:
        raise BadValueError("a negative length")
    return at + length


def _number(data: bytes, at: int) -> int:
    return _long(data, at)[1]


def _boolean(data: bytes, at: int) -> int:
    if data[at] > 1:
        raise NotCanonicalError("a truth value that is neither nought nor one")
    return at + 1


def _long(data: bytes, at: int) -> tuple[int, int]:
    """Read a zigzag integer in groups of seven bits, the lowest first."""
    byte = data[at]
    rest = byte & ~_MORE
    bits = _GROUP_BITS
    while byte & _MORE:
        at += 1
        byte = data[at]
        rest |= (byte & ~_MORE) << bits
        bits += _GROUP_BITS
        if rest >> _LONG_BITS or bits > _LONG_BITS + _GROUP_BITS:
            raise NotCanonicalError("an integer of more than 64 bits")
    if byte == 0 and bits > _GROUP_BITS:
        raise NotCanonicalError("an integer with empty groups at its end")
    return (rest >> 1) ^ -(rest & 1), at + 1


_COMPLEX: Final[dict[str, Callable[[dict[str, Any], dict[str, Walk]], Walk]]] = {
    "record": _record,
    "array": _array,
    "enum": _enum,
    "fixed": _fixed,
}
_SCALARS: Final[dict[str, Walk]] = {
    "string": _bytes,
    "bytes": _bytes,
    "long": _number,
    "int": _number,
    "boolean": _boolean,
}
