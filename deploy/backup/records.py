"""Records of one topic as an Avro object container file: any Avro tool can read a backup."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeAlias

import fastavro

from deploy.backup.errors import DamagedBackupError
from streams import disruptions, hub, ocg, restricted, shared
from streams.codec import decode
from streams.errors import DecodeError
from streams.ports import Record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streams.topics import TopicSpec

Headers: TypeAlias = tuple[tuple[str, bytes | None], ...]

_EVENT_MODULES: Final = (shared, ocg, disruptions, hub, restricted)
SCHEMA: Final = fastavro.parse_schema(
    {
        "type": "record",
        "name": "rivelin.backup.Kept",
        "doc": "A record as a reader of committed records saw it; timestamp in ms since 1970.",
        "fields": [
            {"name": "offset", "type": "long"},
            {"name": "timestamp", "type": "long"},
            {"name": "key", "type": ["null", "bytes"]},
            {"name": "value", "type": ["null", "bytes"]},
            {
                "name": "headers",
                "type": {
                    "type": "array",
                    "items": {
                        "type": "record",
                        "name": "rivelin.backup.Header",
                        "fields": [
                            {"name": "name", "type": "string"},
                            {"name": "value", "type": ["null", "bytes"]},
                        ],
                    },
                },
            },
        ],
    }
)


@dataclass(frozen=True, slots=True)
class Kept:
    """A record with all that makes it that record; `timestamp` in milliseconds since 1970."""

    offset: int
    timestamp: int
    key: bytes | None = field(repr=False)
    value: bytes | None = field(repr=False)
    headers: Headers = field(default=(), repr=False)

    def as_record(self, topic: str) -> Record:
        """Return it as the port of the log hands it out."""
        appended_at = datetime.fromtimestamp(self.timestamp / 1000, UTC)
        return Record(topic, self.offset, appended_at, self.key, self.value)


class RecordFile:
    """Writes one topic's records one after the other."""

    def __init__(self, file: BinaryIO) -> None:
        self._writer: Any = fastavro.write.Writer(file, SCHEMA)
        self.count = 0

    def add(self, kept: Kept) -> None:
        """Append a record."""
        headers = [{"name": name, "value": value} for name, value in kept.headers]
        self._writer.write(
            {
                "offset": kept.offset,
                "timestamp": kept.timestamp,
                "key": kept.key,
                "value": kept.value,
                "headers": headers,
            }
        )
        self.count += 1

    def end(self) -> None:
        """Write what is still in memory; the file stays open."""
        self._writer.flush()


def read_records(path: Path) -> Iterator[Kept]:
    """Yield a file's records. Read it only once its hash is known to be right.

    Raises: DamagedBackupError if it is no such file.
    """
    try:
        with path.open("rb") as file:
            for one in fastavro.reader(file, SCHEMA):
                yield _kept(one)
    except (ValueError, TypeError, KeyError, EOFError) as error:
        raise DamagedBackupError(f"{path.name} is no file of records") from error


def _kept(plain: Any) -> Kept:  # noqa: ANN401 - as the library gives it
    headers = tuple((one["name"], one["value"]) for one in plain["headers"])
    return Kept(plain["offset"], plain["timestamp"], plain["key"], plain["value"], headers)


def classes_of(spec: TopicSpec) -> tuple[type[Any], ...]:
    """Return the classes of the events that a topic may carry."""
    return tuple(_class_of(name) for name in spec.events)


def _class_of(name: str) -> type[Any]:
    found: type[Any] = next(vars(one)[name] for one in _EVENT_MODULES if name in vars(one))
    return found


def is_readable(kept: Kept, classes: tuple[type[Any], ...]) -> bool:
    """Whether it is an event of its topic, or a tombstone; what partners send may be anything."""
    if kept.value is None:
        return True
    try:
        decode(kept.value, *classes)
    except DecodeError:
        return False
    return True
