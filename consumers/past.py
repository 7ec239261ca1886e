"""The past of a store: every version that a row ever had, by the offset that made it.

A table that is a function of one topic alone has, beside it, a table of its versions. One that
held from an offset (`held_since`) until another (`held_until`, itself excluded) is what the rows
were at every position between, in whatever order the topics were read. So a look at a moment lays
views over the tables and reads nothing from the log.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlalchemy import Column, Index, Integer, MetaData, String, Table
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect

from consumers.projection import POSITIONS, UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import Connection

    from consumers.projection import Rewrite, Row, Step
    from streams.ports import Positions

    Versions: TypeAlias = Mapping[tuple[Any, ...], list[tuple[int, Rewrite]]]

#: `held_until` of the version that holds now: later than any offset.
OPEN: Final = 2**62
SUFFIX: Final = "_past"
#: Reading a table that has no past, at a moment, reads this one, which nobody makes.
NO_PAST: Final = "has_no_past"
#: Marks of a table (`Table.info`): what an event left in it is looked up by the event's offset;
#: what changed in it between two offsets is looked up. Either costs an index of its past.
DATED: Final = "dated"
COMPARED: Final = "compared"
_METADATA: Final = MetaData()
_SQLITE: Final = sqlite_dialect()

MOMENTS: Final = Table(
    "moments",
    _METADATA,
    Column("topic", String, primary_key=True),
    Column("offset", Integer, primary_key=True),
    Column("appended_at", Integer, nullable=False),  # milliseconds of log time
    Column("schema_id", Integer, nullable=True),
    sqlite_with_rowid=False,
)
"""Bookkeeping: when each record that was read came to the log, and which event it is."""


@cache
def past_of(table: Table) -> Table:
    """Return the table of the versions of a table's rows."""
    name = f"{table.name}{SUFFIX}"
    columns = [
        Column(one.name, one.type, primary_key=one.primary_key, nullable=one.nullable)
        for one in table.columns
    ]
    since = Column("held_since", Integer, primary_key=True)
    until = Column("held_until", Integer, nullable=False)
    past = Table(name, MetaData(), *columns, since, until, sqlite_with_rowid=False)
    for index in table.indexes:
        Index(f"{index.name}{SUFFIX}", *(past.c[column.name] for column in index.columns))
    if table.info.get(DATED) or table.info.get(COMPARED):
        Index(f"{name}_since", past.c.held_since)
    if table.info.get(COMPARED):
        Index(f"{name}_until", past.c.held_until, sqlite_where=past.c.held_until < OPEN)
    return past


# --- writing -------------------------------------------------------------------------


def keep(
    connection: Connection, steps: Sequence[Step], topics: Mapping[str, Sequence[Table]]
) -> None:
    """Write down the versions that these steps made; `topics` names the tables of each topic."""
    if steps:
        connection.exec_driver_sql(
            "INSERT OR REPLACE INTO moments VALUES (?, ?, ?, ?)", [_moment(one) for one in steps]
        )
    for table, versions in _versions(steps, topics).items():
        _keep(connection, table, versions)


def _moment(step: Step) -> tuple[str, int, int, int | None]:
    return step.topic, step.offset, to_milliseconds(step.appended_at), step.schema_id


def to_milliseconds(at: datetime) -> int:
    """Return an instant as milliseconds, without the rounding of a float."""
    return int(at.timestamp()) * 1_000 + at.microsecond // 1_000


def iso_of(milliseconds: int | None) -> str | None:
    """Undo `to_milliseconds`, as ISO text in UTC."""
    return None if milliseconds is None else instant_of(milliseconds).isoformat()


def instant_of(milliseconds: int) -> datetime:
    """Undo `to_milliseconds`."""
    seconds, rest = divmod(milliseconds, 1_000)
    return datetime.fromtimestamp(seconds, UTC) + timedelta(milliseconds=rest)


def _keep(connection: Connection, table: Table, versions: Versions) -> None:
    names = tuple(next(iter(versions.values()))[0][1].key)
    closing, adding = _closing(table, names), _adding(table)
    ended = [(made[0][0], *closing.bound(made[0][1].key)) for made in versions.values()]
    connection.exec_driver_sql(closing.text, ended)
    rows = [
        (*adding.bound(row), since, until)
        for made in versions.values()
        for since, until, rewrite in _spans(made)
        for row in rewrite.rows
    ]
    if rows:
        connection.exec_driver_sql(adding.text, rows)


def _versions(
    steps: Sequence[Step], topics: Mapping[str, Sequence[Table]]
) -> Mapping[Table, Versions]:
    """Return by table what each key became, step by step; what a step says twice, it says last."""
    topic_of = {table: topic for topic, tables in topics.items() for table in tables}
    found: dict[Table, dict[tuple[Any, ...], dict[int, Rewrite]]] = {}
    for step in steps:
        for rewrite in step.rewrites:
            if topic_of.get(rewrite.table) == step.topic:
                key = tuple(rewrite.key.values())
                found.setdefault(rewrite.table, {}).setdefault(key, {})[step.offset] = rewrite
    return {
        table: {key: _changes(made) for key, made in by_key.items()}
        for table, by_key in found.items()
    }


def _changes(made: Mapping[int, Rewrite]) -> list[tuple[int, Rewrite]]:
    """Leave out what says the same as the one before it."""
    return [next(group) for _, group in groupby(made.items(), lambda one: one[1].rows)]


def _spans(made: Sequence[tuple[int, Rewrite]]) -> Iterator[tuple[int, int, Rewrite]]:
    ends = [since for since, _ in made[1:]] + [OPEN]
    for (since, rewrite), until in zip(made, ends, strict=True):
        yield since, until, rewrite


@dataclass(frozen=True, slots=True)
class _Statement:
    text: str
    columns: tuple[tuple[str, Callable[[Any], Any] | None], ...]

    @classmethod
    def of(cls, text: str, columns: Iterable[Column[Any]]) -> _Statement:
        binds = ((column.name, column.type.bind_processor(_SQLITE)) for column in columns)
        return cls(text, tuple(binds))

    def bound(self, row: Row) -> tuple[Any, ...]:
        """Return the values of a row in the order of the statement, as SQLite takes them."""
        return tuple(row[name] if bind is None else bind(row[name]) for name, bind in self.columns)


@cache
def _closing(table: Table, names: tuple[str, ...]) -> _Statement:
    """End what holds under a key. A whole key finds its latest version without a search."""
    past = past_of(table)
    where = " AND ".join(f'"{name}" = ?{number + 2}' for number, name in enumerate(names))
    latest = ""
    if set(names) == {column.name for column in table.primary_key.columns}:
        latest = f" AND held_since = (SELECT max(held_since) FROM {past.name} WHERE {where})"  # noqa: S608 - names of our own tables
    text = f"UPDATE {past.name} SET held_until = ?1 WHERE {where} AND held_until = {OPEN}{latest}"  # noqa: S608 - the same
    return _Statement.of(text, [table.c[name] for name in names])


@cache
def _adding(table: Table) -> _Statement:
    past = past_of(table)
    marks = ", ".join("?" * len(past.columns))
    return _Statement.of(f"INSERT INTO {past.name} VALUES ({marks})", table.columns)  # noqa: S608 - the same


# --- which position a moment is ----------------------------------------------------------


def positions_until(connection: Connection, at: datetime, topics: Iterable[str]) -> Positions:
    """Return for each topic the offset before which lies what had come by an instant."""
    wanted = to_milliseconds(at)
    return {topic: _position_until(connection, topic, wanted) for topic in topics}


def moment_before(connection: Connection, topic: str, offset: int) -> int | None:
    """Return when the last record below an offset came, in milliseconds; None without one."""
    below = "SELECT appended_at FROM moments WHERE topic = ? AND offset < ? ORDER BY offset DESC"
    found = connection.exec_driver_sql(f"{below} LIMIT 1", (topic, offset)).scalar()
    return None if found is None else int(found)


def _position_until(connection: Connection, topic: str, wanted: int) -> int:
    """Search by halves: log time rises with the offset."""
    low, high = 0, _last(connection, topic) + 1
    while low < high:
        middle = (low + high) // 2
        offset, at = _next(connection, topic, middle)
        if at <= wanted:
            low = offset + 1
        else:
            high = middle
    return low


def _last(connection: Connection, topic: str) -> int:
    found = connection.exec_driver_sql(
        "SELECT max(offset) FROM moments WHERE topic = ?", (topic,)
    ).scalar()
    return -1 if found is None else int(found)


def _next(connection: Connection, topic: str, offset: int) -> tuple[int, int]:
    text = "SELECT offset, appended_at FROM moments WHERE topic = ? AND offset >= ? ORDER BY offset"
    row = connection.exec_driver_sql(f"{text} LIMIT 1", (topic, offset)).one()
    return int(row[0]), int(row[1])


# --- looking -----------------------------------------------------------------------------


def lay_over(
    connection: Connection,
    tables: Sequence[Table],
    topics: Mapping[str, Sequence[Table]],
    positions: Positions,
) -> None:
    """Let the names of the tables mean, on this connection, what they held at these positions.

    A table without a past is an error to read. Ends with the transaction.
    """
    known = {table: topic for topic, kept in topics.items() for table in kept}
    for table in tables:
        if table in known:
            _lay(connection, table, _version(table, positions.get(known[table], 0)))
        elif table is not UNREADABLE:
            _lay(connection, table, f"SELECT * FROM main.{NO_PAST}")  # noqa: S608 - our own names
    _lay(connection, UNREADABLE, _unreadable(positions))
    _lay(connection, POSITIONS, _positions(positions))


def lay_flag(connection: Connection, table: Table, column: str, ids: Iterable[str]) -> None:
    """Let a flag of a table's rows be true for these keys, and for no other."""
    name = f"{table.name}_{column}"
    connection.exec_driver_sql(f"CREATE TEMP TABLE {name} (id TEXT PRIMARY KEY) WITHOUT ROWID")
    if rows := [(one,) for one in ids]:
        connection.exec_driver_sql(f"INSERT INTO {name} VALUES (?)", rows)  # noqa: S608 - our own names
    key = table.primary_key.columns[0].name
    values = {column: f"{key} IN (SELECT id FROM temp.{name})"}  # noqa: S608 - the same
    text = connection.exec_driver_sql(
        "SELECT sql FROM sqlite_temp_master WHERE type = 'view' AND name = ?", (table.name,)
    ).scalar_one()
    _, _, where = str(text).partition(" WHERE ")
    connection.exec_driver_sql(f"DROP VIEW temp.{table.name}")
    _lay(connection, table, f"{_selection(table, values)} WHERE {where}")


def _lay(connection: Connection, table: Table, query: str) -> None:
    connection.exec_driver_sql(f"CREATE TEMP VIEW {table.name} AS {query}")


def _version(table: Table, position: int) -> str:
    last = position - 1
    return f"{_selection(table, {})} WHERE held_since <= {last} AND held_until > {last}"


def _selection(table: Table, values: Mapping[str, str]) -> str:
    columns = ", ".join(
        f'{values[one.name]} AS "{one.name}"' if one.name in values else f'"{one.name}"'
        for one in table.columns
    )
    return f"SELECT {columns} FROM main.{past_of(table).name}"  # noqa: S608 - names of our own


def _unreadable(positions: Positions) -> str:
    below = " OR ".join(
        f"(topic = '{topic}' AND offset < {position})" for topic, position in positions.items()
    )
    return f"SELECT * FROM main.{UNREADABLE.name} WHERE {below or '0'}"  # noqa: S608 - the same


def _positions(positions: Positions) -> str:
    rows = [f"SELECT '{topic}' AS topic, {at} AS position" for topic, at in positions.items()]
    return " UNION ALL ".join(rows) or f"SELECT * FROM main.{POSITIONS.name} WHERE 0"  # noqa: S608 - the same
