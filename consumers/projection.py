"""What a projection is: a pure fold of some topics that says which rows it changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, runtime_checkable

from sqlalchemy import Column, Integer, LargeBinary, MetaData, String, Table

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection

    from streams.errors import DecodeError
    from streams.ports import Record

Row: TypeAlias = Mapping[str, Any]
Read: TypeAlias = Callable[[Table], Iterable[Row]]
"""Gives the rows of a table, in the order of its key."""


@dataclass(frozen=True, slots=True)
class Rewrite:
    """From now on a table holds exactly `rows` under `key` (a key column, or several)."""

    table: Table
    key: Row
    rows: Sequence[Row] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """What one record changed. `schema_id` tells which event it is, None for one without."""

    topic: str
    offset: int
    appended_at: datetime
    schema_id: int | None
    rewrites: Sequence[Rewrite] = ()


def step_of(record: Record, rewrites: Sequence[Rewrite]) -> Step:
    """Return the step that a record was."""
    value = record.value or b""
    framed = len(value) >= _FRAME_BYTES and value[0] == 0
    schema_id = int.from_bytes(value[1:_FRAME_BYTES], "big") if framed else None
    return Step(record.topic, record.offset, record.appended_at, schema_id, rewrites)


@dataclass(frozen=True, slots=True)
class Flag:
    """A column of a table that is true for `keys` and false for every other row."""

    table: Table
    column: str
    keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class Notice:
    """An event to publish. `notice_id` is the same in every rebuild, so none goes out twice."""

    topic: str
    notice_id: str
    value: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Publication:
    """One topic that a projection publishes on, and which notice a record of it is.

    None is for what somebody else wrote there: a person's decision, say.
    """

    topic: str
    notice_id_of: Callable[[bytes], str | None]


class Projection(Protocol):
    """A pure fold of some topics; what it keeps is a function of the log alone.

    `version` names the meaning of its rows: with a new one the store is
    rebuilt from the log in a new file.
    """

    @property
    def name(self) -> str:
        """The word in its store and its role."""

    @property
    def version(self) -> int:
        """The meaning of its rows."""

    topics: tuple[str, ...]
    tables: tuple[Table, ...]
    publications: tuple[Publication, ...]

    def apply(self, record: Record) -> None:
        """Fold one record in; one that cannot be read becomes a row of `unreadable`.

        Raises: MissingSchemaError for one whose schema nobody here knows: it is our own, so
        this installation is too old to fold it.
        """

    def take_rewrites(self) -> Sequence[Rewrite]:
        """Return what the rows have become since the last call."""

    def take_notices(self) -> Sequence[Notice]:
        """Return the events to publish since the last call, in order."""

    def restore(self, read: Read) -> None:
        """Take the state from the rows; called once, before the first record."""


@runtime_checkable
class HasPast(Protocol):
    """A projection whose tables can be seen as of a moment without folding the log again.

    `past` names for each topic the tables that are a function of it alone. A look at a moment that
    needs any other table is answered by a replay, which is exact as well, and slow.
    """

    past: Mapping[str, tuple[Table, ...]]

    def flags(self, read: Read, connection: Connection) -> Iterable[Flag]:
        """Return the columns of those tables that depend on more: computed from the others.

        `read` and `connection` show the tables of `past` as they were at the moment.
        """


_METADATA: Final = MetaData()
#: A zero byte and the schema id.
_FRAME_BYTES: Final = 5

UNREADABLE: Final = Table(
    "unreadable",
    _METADATA,
    Column("topic", String, primary_key=True),
    Column("offset", Integer, primary_key=True),
    Column("reason", String, nullable=False),
    sqlite_with_rowid=False,
)
"""Records that were none of the events of their topic; they are part of the state."""

POSITIONS: Final = Table(
    "positions",
    _METADATA,
    Column("topic", String, primary_key=True),
    Column("position", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""Bookkeeping: the next offset to read of each topic."""

OUTBOX: Final = Table(
    "outbox",
    _METADATA,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("topic", String, nullable=False),
    Column("notice_id", String, nullable=False, unique=True),
    Column("value", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)
"""Bookkeeping: events that still have to be published."""


def unreadable(record: Record, error: DecodeError) -> Rewrite:
    """Return the row of a record that is none of the events of its topic."""
    key = {"topic": record.topic, "offset": record.offset}
    return Rewrite(UNREADABLE, key, ({**key, "reason": error.code},))
