"""Spells an event as the bytes of its Avro record, straight from its fields.

Compiled once for a class from its type hints and its schema. The Avro library
wants every event and every part of one as a dict, and asks of each value again
what it is: with ninety tokens in a report that was two thirds of intake's
time. What is spelt here is held against Apache's and fastavro's own spelling,
for every event, by `tests/contracts` and `tests/properties`; reading stays
with the library.

Schemas use few types (`tests/contracts` holds them to it): records, lists,
codes, optional values, UUIDs, text, bytes, whole numbers, truth values, days
and instants. Source: Avro 1.12 specification, binary encoding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from operator import attrgetter, index
from typing import Any, Final, TypeAlias
from uuid import UUID

from streams.hints import Hint, fields_of, inner_of, is_record, item_of
from streams.instants import is_whole
from streams.spelling import COLLECTION_ITEMS_MAX

Write: TypeAlias = Callable[[Any], bytes]
"""Takes a value, gives its bytes; raises one of `REFUSED` for one that the schema cannot carry."""

REFUSED: Final = (ValueError, TypeError, OverflowError, AttributeError, LookupError)
"""What a value of a wrong type or outside its domain provokes; the messages may quote it."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_LONGS: Final = range(-(2**63), 2**63)
_UUID_BYTES: Final = 16
_GROUP: Final = 0x7F
_MORE: Final = 0x80


def writer_of(definition: dict[str, Any], event: type[Any]) -> Write:
    """Return what spells events of a class by one schema: the record's bytes without a frame."""
    return _write(definition, event, {})


def sparse_writer_of(cls: type[Any]) -> Write:
    """Return what spells values of a class without the fields that are empty, each by its name.

    For telling two values apart for ever: a field that a later version adds changes
    nothing for as long as it is empty (None, False, no items). Nought and an empty
    text are values. Not Avro.
    """
    names = fields_of(cls)
    keys = tuple(_text(name) for name in names)
    writes = tuple(_sparse(hint) for hint in names.values())
    take = _all_of(names)

    def write(value: object) -> bytes:
        told = zip(keys, writes, take(value), strict=True)
        return b"".join(
            [
                key + one(part)
                for key, one, part in told
                if part is not None and (part or type(part) in _TOLD_IF_EMPTY)
            ]
        )

    return lambda value: _bytes(write(value))


def _all_of(names: Iterable[str]) -> Callable[[Any], tuple[Any, ...]]:
    """Take several attributes at once; of a class with one field that one."""
    known = tuple(names)
    take = attrgetter(*known)
    return take if len(known) > 1 else lambda value: (take(value),)


def _sparse(hint: Hint) -> Write:
    if inner := inner_of(hint):
        return _sparse(inner)
    if item := item_of(hint):
        return _list(_sparse(item))
    if is_record(hint):
        return sparse_writer_of(hint)
    return _codes(hint, None) if issubclass(hint, StrEnum) else _SCALARS[hint]


def _write(schema: Any, hint: Hint, known: dict[str, Any]) -> Write:  # noqa: ANN401 - JSON of any shape
    if inner := inner_of(hint):
        return _optional(_write(schema[1], inner, known))
    if isinstance(schema, str) and schema in known:
        schema = known[schema]
    if isinstance(schema, dict) and "name" in schema:
        known[schema["name"]] = schema
    if item := item_of(hint):
        return _list(_write(schema["items"], item, known))
    if is_record(hint):
        return _record(schema, hint, known)
    return _codes(hint, schema) if issubclass(hint, StrEnum) else _SCALARS[hint]


def _record(schema: dict[str, Any], cls: type[Any], known: dict[str, Any]) -> Write:
    hints = fields_of(cls)
    fields = {field["name"]: field["type"] for field in schema["fields"]}
    writes = [_write(type_, hints[name], known) for name, type_ in fields.items()]
    take = attrgetter(*fields)
    if len(writes) == 1:
        return lambda event: writes[0](take(event))
    if len(writes) == 2:  # noqa: PLR2004 - a pair
        return _pair(take, *writes)
    return lambda event: b"".join(
        [write(value) for write, value in zip(writes, take(event), strict=True)]
    )


def _pair(take: Callable[[Any], tuple[Any, Any]], first: Write, second: Write) -> Write:
    """Tokens are pairs, and nothing is written as often."""

    def write(event: object) -> bytes:
        one, other = take(event)
        return first(one) + second(other)

    return write


def _list(write_item: Write) -> Write:
    def write(items: Any) -> bytes:  # noqa: ANN401 - a tuple, if all is well
        if len(items) > COLLECTION_ITEMS_MAX:
            raise ValueError("a collection of too many items")
        if not items:
            return b"\0"
        return b"".join([_long(len(items)), *[write_item(item) for item in items], b"\0"])

    return write


def _optional(write_value: Write) -> Write:
    return lambda value: b"\0" if value is None else b"\2" + write_value(value)


def _codes(codes: type[StrEnum], schema: Any) -> Write:  # noqa: ANN401 - JSON of any shape
    """A code is its place in the schema's list; where the schema has plain text, its name."""
    if not isinstance(schema, dict):
        return {code: _text(code.value) for code in codes}.__getitem__
    return {code: _long(schema["symbols"].index(code.value)) for code in codes}.__getitem__


def _long(value: int) -> bytes:
    """Zigzag, in groups of seven bits, the lowest first."""
    if value not in _LONGS:
        raise OverflowError("a number above 64 bits")
    rest = (value << 1) ^ (value >> 63)
    if rest <= _GROUP:
        return _ONE_BYTE[rest]
    spelt = bytearray()
    while rest > _GROUP:
        spelt.append(rest & _GROUP | _MORE)
        rest >>= 7
    spelt.append(rest)
    return bytes(spelt)


def _whole_number(value: Any) -> bytes:  # noqa: ANN401 - an int, if all is well
    return _long(index(value))  # a fraction is refused, not cut off


def _text(text: str) -> bytes:
    data = text.encode()
    size = len(data)
    return (_LENGTH[size] if size < _SHORT else _long(size)) + data


def _bytes(data: bytes) -> bytes:
    size = len(data)
    return (_LENGTH[size] if size < _SHORT else _long(size)) + data


def _uuid(value: UUID) -> bytes:
    data = value.bytes
    if len(data) != _UUID_BYTES:
        raise ValueError("no UUID")
    return data


def _instant(at: datetime) -> bytes:
    if not is_whole(at):
        raise ValueError("an instant without a time zone or finer than a millisecond")
    return _long((at - _EPOCH) // _MILLISECOND)


def _day(day: date) -> bytes:
    return _long(day.toordinal() - _EPOCH_DAY)


_TOLD_IF_EMPTY: Final = (int, str)
_ONE_BYTE: Final = tuple(bytes([value]) for value in range(_GROUP + 1))
_LENGTH: Final = _ONE_BYTE[::2]
_SHORT: Final = len(_LENGTH)
_SCALARS: Final[Mapping[Hint, Write]] = {
    str: _text,
    bytes: _bytes,
    int: _whole_number,
    bool: {False: b"\0", True: b"\1"}.__getitem__,  # no other truth value
    UUID: _uuid,
    datetime: _instant,
    date: _day,
}
