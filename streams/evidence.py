"""A record in our own evidence that no schema here describes: whoever reads it stops.

Evidence is written by our own processes alone, so an unknown schema id means that this
installation is older than the one that wrote, or that a released schema file is gone. Skipping
such a record would fold a past that never was; what a partner sends is another matter, and is
quarantined.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from schemas import CATALOGUE
from streams.errors import MissingSchemaError, UnknownSchemaError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from streams.ports import Record

_MAGIC: Final = 0
_FRAME_BYTES: Final = 5


def require_schema(record: Record) -> None:
    """Make sure that the schema of a record is in the catalogue; bytes without a frame name none.

    Raises: MissingSchemaError naming topic, offset and id.
    """
    value = record.value or b""
    if len(value) < _FRAME_BYTES or value[0] != _MAGIC:
        return
    schema_id = int.from_bytes(value[1:_FRAME_BYTES], "big")
    if CATALOGUE.find(schema_id) is None:
        raise MissingSchemaError(
            f"{record.topic} at {record.offset}: schema {schema_id} is not in this installation;"
            " it was written by a newer one, or a released schema file is gone"
        )


@contextmanager
def evidence(records: Sequence[Record]) -> Iterator[None]:
    """Fold records of our own: one that cannot be read is named by topic and offset.

    Raises: MissingSchemaError; other errors pass as they are.
    """
    try:
        yield
    except UnknownSchemaError:
        for record in records:
            require_schema(record)
        raise


def event_named(schema_id: int | None) -> str:
    """Return the name of the event that a schema is of, "" for a schema that nobody knows."""
    schema = None if schema_id is None else CATALOGUE.find(schema_id)
    return "" if schema is None else schema.name.rpartition(".")[2]
