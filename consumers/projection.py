"""What a projection is: a pure fold of some topics that says which rows it changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from sqlalchemy import Column, Integer, LargeBinary, MetaData, String, Table

if TYPE_CHECKING:
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


_METADATA: Final = MetaData()

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
