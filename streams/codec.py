"""Events to bytes and back: Avro in the Confluent frame, decoded so strictly that bytes are unique.

A record is a zero byte, the schema id in four bytes (big-endian) and the
Avro body. Written is always the newest version of an event; read is every
version in the catalogue. Bytes come from outside and may be hostile, so
decoding accepts exactly what encoding could have written: one event has one
spelling, and nothing can hide in a second one.

Why no bytes can make decoding crash or hang: a record has a greatest size;
schemas do not recurse, so depth is bounded by the schema; the body is walked
(`streams.spelling`) before anything is built from it, so no list is longer
than `COLLECTION_ITEMS_MAX`; there are no maps, floats or decimals, which
`tests/contracts` holds. What the walk lets pass is encoded again and compared.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, overload
from uuid import UUID

import fastavro

from schemas import CATALOGUE
from streams.errors import (
    BadFrameError,
    BadValueError,
    InvalidInputError,
    NotCanonicalError,
    TooLargeError,
    UnknownSchemaError,
)
from streams.hints import Hint, fields_of, inner_of, is_record, item_of
from streams.spelling import Walk, walk_of
from streams.topics import MAX_MESSAGE_BYTES, MAX_SUBMISSION_BYTES, partner_topics
from streams.writing import REFUSED, Write, writer_of

if TYPE_CHECKING:
    from schemas import Catalogue, Schema

_MAGIC: Final = 0
_FRAME_BYTES: Final = 5

Plain: TypeAlias = Any
"""A value as the Avro library takes and gives it: an event is a dict, a UUID 16 bytes."""
Convert: TypeAlias = Callable[[Any], Any]
Event = TypeVar("Event")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
F = TypeVar("F")


class UnencodableError(InvalidInputError):
    """An event cannot be written: it is too large or holds a value no schema can carry.

    An instant must know its time zone and be whole milliseconds; cut it where
    it is made (`streams.instants.to_millisecond`), or
    live state would differ from replayed state. Text must be valid Unicode.
    The message names the event's class only.
    """


class Codec:
    """Encodes and decodes the events of one catalogue of schemas."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._writers: dict[type[Any], _Writer] = {}
        self._readers: dict[int, _Reader] = {}

    def schema_id(self, cls: type[Any]) -> int:
        """Return the schema id that new records of this event carry."""
        return self._newest(cls).id

    def encode(self, event: object) -> bytes:
        """Write an event as its newest version.

        Raises: UnencodableError.
        """
        cls = type(event)
        writer = self._writers.get(cls)
        if writer is None:
            writer = self._writers[cls] = _Writer.of(self._newest(cls), cls)
        return writer.write(event)

    def decode(self, data: bytes, *expected: type[Event]) -> Event:
        """Read an event that must be one of the expected classes, in any version.

        Raises: DecodeError, by the subclass named for the rule that was broken.
        """
        schema_id = _unframe(data)
        reader = self._readers.get(schema_id) or self._learn(schema_id, expected)
        if reader is None or reader.event not in expected:
            raise UnknownSchemaError(f"no expected event has schema id {schema_id}")
        event: Event = reader.read(data)
        return event

    def _newest(self, cls: type[Any]) -> Schema:
        versions = self._catalogue.versions(full_name(cls))
        if not versions:
            raise UnknownSchemaError(f"{cls.__name__} has no schema")
        return versions[-1]

    def _learn(self, schema_id: int, expected: tuple[type[Any], ...]) -> _Reader | None:
        schema = self._catalogue.find(schema_id)
        for cls in expected:
            if schema is not None and schema.name == full_name(cls):
                reader = _Reader.of(schema, self._newest(cls), cls)
                self._readers[schema_id] = reader
                return reader
        return None


def full_name(cls: type[Any]) -> str:
    """Return the Avro name of a class: `rivelin.shared.Mention` of `streams.shared.Mention`."""
    return f"rivelin.{cls.__module__.removeprefix('streams.')}.{cls.__name__}"


def _unframe(data: bytes) -> int:
    if len(data) < _FRAME_BYTES or data[0] != _MAGIC:
        raise BadFrameError("record without a frame")
    return int.from_bytes(data[1:_FRAME_BYTES], "big")


_SUBMITTED: Final = frozenset(partner_topics("any-partner")[0].events)


def _bytes_max(cls: type[Any]) -> int:
    return MAX_SUBMISSION_BYTES if cls.__name__ in _SUBMITTED else MAX_MESSAGE_BYTES


# --- one class, one version ---------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Writer:
    name: str
    frame: bytes
    bytes_max: int
    spell: Write

    @classmethod
    def of(cls, schema: Schema, event: type[Any]) -> _Writer:
        return cls(
            name=event.__name__,
            frame=_frame(schema),
            bytes_max=_bytes_max(event),
            spell=writer_of(schema.definition, event),
        )

    def write(self, event: object) -> bytes:
        body = self._spelt(event)
        if body is None:
            raise UnencodableError(f"{self.name} holds a value that its schema cannot carry")
        if len(self.frame) + len(body) > self.bytes_max:
            raise UnencodableError(f"{self.name} takes more than {self.bytes_max} bytes")
        return self.frame + body

    def _spelt(self, event: object) -> bytes | None:
        """None for what cannot be spelt; errors below quote values, so they end here."""
        try:
            return self.spell(event)
        except REFUSED:
            return None


@dataclass(frozen=True, slots=True)
class _Reader:
    event: type[Any]
    frame: bytes
    bytes_max: int
    walk: Walk
    written: Any
    current: Any | None
    """The newest version, where it is not the one the record was written with."""
    from_plain: Convert
    spell: Write
    """Spells an event of today's version; of an older one the library spells what it read."""

    @classmethod
    def of(cls, written: Schema, newest: Schema, event: type[Any]) -> _Reader:
        current = None if written is newest else fastavro.parse_schema(newest.definition)
        return cls(
            event=event,
            frame=_frame(written),
            bytes_max=_bytes_max(event),
            walk=walk_of(written.definition),
            written=fastavro.parse_schema(written.definition),
            current=current,
            from_plain=_record_from_plain(event, {} if current is None else _DEFAULTED),
            spell=writer_of(newest.definition, event),
        )

    def read(self, data: bytes) -> Plain:
        if len(data) > self.bytes_max:
            raise TooLargeError(f"{self.event.__name__} of more than {self.bytes_max} bytes")
        self.walk(data, _FRAME_BYTES)
        plain = self._guard(self._parse, data)
        if self.current is not None:
            self._compare(self._guard(self._spell, plain), data)
            return self._guard(self.from_plain, self._guard(self._resolve, data))
        event = self._guard(self.from_plain, plain)
        self._compare(self.frame + self._guard(self.spell, event), data)
        return event

    def _compare(self, spelt: bytes, data: bytes) -> None:
        if spelt != data:
            raise NotCanonicalError(f"{self.event.__name__} is not spelt the one way")

    def _guard(self, step: Convert, argument: Plain) -> Plain:
        """Run a step; the library's own errors quote values, so they end here."""
        try:
            return step(argument)
        except Exception:  # noqa: BLE001 - whatever hostile bytes provoke is a refusal
            failure = BadValueError(f"{self.event.__name__} holds a value outside its domain")
        raise failure

    def _parse(self, data: bytes) -> Plain:
        return fastavro.schemaless_reader(io.BytesIO(data[_FRAME_BYTES:]), self.written, None)

    def _resolve(self, data: bytes) -> Plain:
        return fastavro.schemaless_reader(
            io.BytesIO(data[_FRAME_BYTES:]), self.written, self.current
        )

    def _spell(self, plain: Plain) -> bytes:
        out = io.BytesIO()
        out.write(self.frame)
        fastavro.schemaless_writer(out, self.written, plain)
        return out.getvalue()


def _frame(schema: Schema) -> bytes:
    return bytes([_MAGIC]) + schema.id.to_bytes(_FRAME_BYTES - 1, "big")


# --- what the Avro library gives, as values; None stands for "as it is" ------------------------

#: The library hands out the default of a field of bytes as text (it came from JSON).
_DEFAULTED: Final[Mapping[Hint, Convert]] = {
    bytes: lambda plain: plain if isinstance(plain, bytes) else plain.encode("latin-1")
}


def _record_from_plain(cls: type[Any], scalars: Mapping[Hint, Convert]) -> Convert:
    hints = fields_of(cls)
    converts = _pick({name: _from_plain(hint, scalars) for name, hint in hints.items()})

    def convert(plain: Plain) -> Plain:
        for name, convert_field in converts:
            plain[name] = convert_field(plain[name])
        return cls(**plain)

    return convert


def _from_plain(hint: Hint, scalars: Mapping[Hint, Convert]) -> Convert | None:
    if inner := inner_of(hint):
        return _unless_none(_from_plain(inner, scalars))
    if item := item_of(hint):
        return _tuple_of(_from_plain(item, scalars))
    if hint is UUID:
        return lambda plain: UUID(bytes=plain)
    if is_record(hint):
        return _record_from_plain(hint, scalars)
    return _members(hint) if issubclass(hint, StrEnum) else scalars.get(hint)


def _members(codes: type[StrEnum]) -> Convert:
    """Look codes up; the schema holds some lists as plain strings, which are checked here only."""
    return {code.value: code for code in codes}.__getitem__


def _tuple_of(convert: Convert | None) -> Convert:
    if convert is None:
        return tuple
    return lambda items: tuple([convert(item) for item in items])


def _unless_none(convert: Convert | None) -> Convert | None:
    if convert is None:
        return None
    return lambda value: None if value is None else convert(value)


def _pick(converts: dict[str, Convert | None]) -> tuple[tuple[str, Convert], ...]:
    return tuple((name, convert) for name, convert in converts.items() if convert is not None)


# --- the codec of this system -----------------------------------------------------

_CODEC: Final = Codec(CATALOGUE)
schema_id = _CODEC.schema_id
encode = _CODEC.encode


@overload
def decode(data: bytes, a: type[A], /) -> A: ...
@overload
def decode(data: bytes, a: type[A], b: type[B], /) -> A | B: ...
@overload
def decode(data: bytes, a: type[A], b: type[B], c: type[C], /) -> A | B | C: ...
@overload
def decode(data: bytes, a: type[A], b: type[B], c: type[C], d: type[D], /) -> A | B | C | D: ...
@overload
def decode(
    data: bytes, a: type[A], b: type[B], c: type[C], d: type[D], e: type[E], /
) -> A | B | C | D | E: ...
@overload
def decode(
    data: bytes, a: type[A], b: type[B], c: type[C], d: type[D], e: type[E], f: type[F], /
) -> A | B | C | D | E | F: ...
@overload
def decode(data: bytes, /, *expected: type[Any]) -> Plain: ...
def decode(data: bytes, /, *expected: type[Any]) -> Plain:
    """Read an event that must be one of the expected classes, in any version.

    Raises: DecodeError, by the subclass named for the rule that was broken.
    """
    return _CODEC.decode(data, *expected)
