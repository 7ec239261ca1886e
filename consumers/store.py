"""A projection's rows and positions on SQLite, changed together or not at all."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, create_engine, delete, event, insert, inspect, select, type_coerce
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.dialects.sqlite import insert as insert_or
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import StaticPool
from sqlalchemy.types import NullType

from consumers.past import (
    MOMENTS,
    NO_PAST,
    instant_of,
    keep,
    lay_flag,
    lay_over,
    moment_before,
    past_of,
    positions_until,
)
from consumers.projection import OUTBOX, POSITIONS, UNREADABLE, HasPast
from streams.errors import InvalidInputError, RivelinError
from streams.store import BUSY_SECONDS, set_aside_if_damaged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path
    from sqlite3 import Connection as SqliteConnection

    from sqlalchemy import Column, Connection, Delete, Engine, Insert, Table

    from consumers.projection import Notice, Projection, Rewrite, Row, Step
    from streams.ports import Positions

_BOOKKEEPING: Final = (POSITIONS, OUTBOX, MOMENTS)
_BUSY_SECONDS: Final = 10
#: A commit survives a crash of the process; one of the machine may undo the last ones, rows and
#: positions together, and they are read again. A page is written back once for many changes.
_WRITER_PRAGMAS: Final = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",
    "PRAGMA wal_autocheckpoint=4000",
    "PRAGMA cache_size=-8192",
)
_READ_ROWS: Final = 1_000
_SQLITE: Final = sqlite_dialect()
_ADDRESS: Final = "sqlite+pysqlite://"


class NoStoreError(RivelinError):
    """The projection has no store here yet. Start its process (`rivelin up`) and look again."""


class OvertakenError(RivelinError):
    """Another process writes to this store: one that was stopped, say, and was replaced.

    Nothing was written. The process ends, and starts anew from the rows as they are.
    """


class NoPastError(RivelinError):
    """A table that is looked at is not kept through time: replay the log up to that moment."""


class Snapshot:
    """The rows of a store as of one moment, whatever is written meanwhile."""

    def __init__(self, connection: Connection, tables: Sequence[Table]) -> None:
        self.connection = connection
        self.tables = tables

    def positions(self) -> Positions:
        """Return for each topic the offset of the next record that is not in the rows."""
        rows = self.connection.execute(select(POSITIONS))
        return {row.topic: row.position for row in rows}

    def rows(self, table: Table) -> Iterator[Row]:
        """Yield the rows of a table in the order of its key."""
        ordered = select(table).order_by(*table.primary_key.columns)
        streamed = self.connection.execution_options(yield_per=_READ_ROWS).execute(ordered)
        for row in streamed.mappings():
            yield dict(row)

    def bare_rows(self, table: Table) -> Iterator[Row]:
        """Yield the same rows as the file holds them: no type may smooth an edit over."""
        columns = [type_coerce(column, NullType()).label(column.name) for column in table.columns]
        ordered = select(*columns).order_by(*table.primary_key.columns)
        streamed = self.connection.execution_options(yield_per=_READ_ROWS).execute(ordered)
        for row in streamed.mappings():
            yield dict(row)

    def table_hashes(self) -> Mapping[str, str]:
        """Return the content hash of each table that is a function of the log."""
        return {table.name: _table_hash(self.bare_rows(table)) for table in self.tables}

    def state_hash(self) -> str:
        """Return one hash of all that content; positions and the outbox are not in it."""
        return state_hash_of(self.table_hashes())

    def sizes(self) -> Mapping[str, int]:
        """Return how many rows each table holds."""
        return {table.name: sum(1 for _ in self.rows(table)) for table in self.tables}


class ProjectionStore:
    """One SQLite file (or memory) for one projection. One writer, any number of readers."""

    def __init__(self, engine: Engine, projection: Projection) -> None:
        self._engine = engine
        self.projection = projection
        self.past = projection.past if isinstance(projection, HasPast) else {}
        self.tables = (*projection.tables, UNREADABLE)
        self.set_aside: Path | None = None
        _begin_for_reads_too(engine)

    @classmethod
    def open(cls, path: Path, projection: Projection) -> ProjectionStore:
        """Open the store for writing, and make it if there is none.

        One that is damaged is kept under another name (`set_aside`), and an empty one made in its
        place: the log fills it again, and what was published is not published twice.
        """
        damaged = set_aside_if_damaged(path)
        engine = create_engine(f"{_ADDRESS}/{path}", connect_args={"timeout": BUSY_SECONDS})
        _on_connect(engine, *_WRITER_PRAGMAS)
        store = cls(engine, projection)
        store.set_aside = damaged
        store.make()
        return store

    @classmethod
    def look(cls, path: Path, projection: Projection) -> ProjectionStore:
        """Open an existing store for reading only.

        Raises: NoStoreError.
        """
        engine = create_engine(f"{_ADDRESS}/{path}", connect_args={"timeout": _BUSY_SECONDS})
        _on_connect(engine, "PRAGMA query_only=ON")
        if not path.exists() or not inspect(engine).has_table(POSITIONS.name):
            engine.dispose()
            raise NoStoreError(
                f"{projection.name} has no store of version {projection.version} yet:"
                " start it with `rivelin up`"
            )
        return cls(engine, projection)

    @classmethod
    def in_memory(cls, projection: Projection, *, with_past: bool = True) -> ProjectionStore:
        """Make a store that is gone when it is closed, and that need not keep its past."""
        engine = create_engine(f"{_ADDRESS}/:memory:", poolclass=StaticPool)
        store = cls(engine, projection)
        if not with_past:
            store.past = {}
        store.make()
        return store

    def make(self) -> None:
        """Create what tables are missing."""
        with self._engine.begin() as connection:
            pasts = (past_of(table) for tables in self.past.values() for table in tables)
            for table in (*self.tables, *_BOOKKEEPING, *pasts):
                table.create(connection, checkfirst=True)

    def commit(
        self,
        steps: Sequence[Step],
        notices: Iterable[Notice],
        positions: Positions,
        since: Positions | None = None,
    ) -> None:
        """Write changed rows and what they were, events to publish and positions: all or nothing.

        `since` are the positions that the rows were folded on from.
        Raises: OvertakenError if the store is elsewhere by now: the rows are another writer's.
        """
        with self._engine.begin() as connection:
            _require_still(connection, since or {})
            _write(connection, (rewrite for step in steps for rewrite in step.rewrites))
            keep(connection, steps, self.past)
            _send_later(connection, notices)
            _move(connection, positions)

    def pending(self, limit: int, topic: str | None = None) -> Sequence[tuple[str, bytes]]:
        """Return the oldest events of the outbox, in order: id and bytes; of one topic, or all."""
        oldest = select(OUTBOX.c.notice_id, OUTBOX.c.value).order_by(OUTBOX.c.sequence)
        if topic is not None:
            oldest = oldest.where(OUTBOX.c.topic == topic)
        with self._engine.connect() as connection:
            return [(row.notice_id, row.value) for row in connection.execute(oldest.limit(limit))]

    def sent(self, notice_ids: Iterable[str]) -> None:
        """Take events out of the outbox."""
        ids = [{"id": notice_id} for notice_id in notice_ids]
        if ids:
            with self._engine.begin() as connection:
                connection.execute(delete(OUTBOX).where(OUTBOX.c.notice_id == bindparam("id")), ids)

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Look at the store as of now; positions and rows belong together."""
        with self._engine.connect() as connection:
            yield Snapshot(connection, self.tables)

    @contextmanager
    def as_of(self, positions: Positions) -> Iterator[Snapshot]:
        """Look at the store as it was at positions that it has passed, whatever was written since.

        Raises: NoPastError at the reading of a table that is not kept through time.
        """
        with self._engine.connect() as connection, _no_past(), _writable(connection):
            lay_over(connection, self.tables, self.past, positions)
            snapshot = Snapshot(connection, self.tables)
            if isinstance(self.projection, HasPast):
                for flag in self.projection.flags(snapshot.rows, connection):
                    lay_flag(connection, flag.table, flag.column, flag.keys)
            yield snapshot

    def keeps_past(self) -> bool:
        """Tell whether the store knows its past from the first record on."""
        if not self.past or not inspect(self._engine).has_table(MOMENTS.name):
            return False
        with self._engine.connect() as connection:
            known = connection.execute(select(MOMENTS.c.topic).distinct()).scalars().all()
            read = connection.execute(select(POSITIONS.c.topic)).scalars().all()
        return bool(known) or not read

    def positions_until(self, at: datetime) -> Positions:
        """Return for each topic the offset before which lies what had come by an instant."""
        with self._engine.connect() as connection:
            return positions_until(connection, at, self.projection.topics)

    def positions_at(self, topic: str, offset: int) -> Positions:
        """Return this position, and of the other topics what had come by that moment.

        Raises: InvalidInputError if the topic holds no record below the offset.
        """
        with self._engine.connect() as connection:
            moment = moment_before(connection, topic, offset)
            if moment is None:
                raise InvalidInputError(f"{topic} holds no record below offset {offset}")
            until = positions_until(connection, instant_of(moment), self.projection.topics)
            return {**until, topic: offset}

    def positions(self) -> Positions:
        """Return the positions as of now."""
        with self.snapshot() as snapshot:
            return snapshot.positions()

    def state_hash(self) -> str:
        """Return the content hash as of now."""
        with self.snapshot() as snapshot:
            return snapshot.state_hash()

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def store_path(folder: Path, projection: Projection) -> Path:
    """Return where a projection's store lies; another version is another file."""
    return folder / f"{projection.name}-v{projection.version}.sqlite"


def state_hash_of(table_hashes: Mapping[str, str]) -> str:
    """Return one hash of many, by table name."""
    digest = hashlib.sha256()
    for name in sorted(table_hashes):
        digest.update(f"{name} {table_hashes[name]}\n".encode())
    return digest.hexdigest()


def _table_hash(rows: Iterable[Row]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        line = json.dumps(list(row.values()), ensure_ascii=False, separators=(",", ":"))
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()


# --- writing -------------------------------------------------------------------


def _write(connection: Connection, rewrites: Iterable[Rewrite]) -> None:
    """Replace rows, table by table: what stood under each key goes, what stands there comes."""
    by_name = attrgetter("table.name")
    for _, group in groupby(sorted(rewrites, key=by_name), key=by_name):
        changed = _latest(group)
        table = changed[0].table
        _deletion(table, tuple(changed[0].key)).run(connection, [one.key for one in changed])
        rows = [row for rewrite in changed for row in rewrite.rows]
        _insertion(table).run(connection, rows)


def _latest(rewrites: Iterable[Rewrite]) -> Sequence[Rewrite]:
    """Of several rewrites of one key only the last counts."""
    return tuple({tuple(rewrite.key.values()): rewrite for rewrite in rewrites}.values())


@dataclass(frozen=True, slots=True)
class _Statement:
    """One statement, put into SQLite's words once: a projection writes millions of rows by few.

    SQLAlchemy's own way builds the parameters of every row anew, a third of the time of a replay.
    """

    text: str
    columns: tuple[tuple[str, Callable[[Any], Any] | None], ...]

    def run(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Do it for each row, taking from it the columns by name."""
        if rows:
            connection.exec_driver_sql(self.text, [self._bound(row) for row in rows])

    def _bound(self, row: Row) -> tuple[Any, ...]:
        return tuple(row[name] if bind is None else bind(row[name]) for name, bind in self.columns)


@cache
def _insertion(table: Table) -> _Statement:
    return _statement(insert(table), tuple(table.columns))


@cache
def _deletion(table: Table, names: tuple[str, ...]) -> _Statement:
    matches = [table.c[name] == bindparam(f"key_{name}") for name in names]
    return _statement(delete(table).where(*matches), tuple(table.c[name] for name in names))


def _statement(words: Insert | Delete, columns: Sequence[Column[Any]]) -> _Statement:
    binds = ((column.name, column.type.bind_processor(_SQLITE)) for column in columns)
    return _Statement(str(words.compile(dialect=_SQLITE)), tuple(binds))


def _send_later(connection: Connection, notices: Iterable[Notice]) -> None:
    rows = [
        {"topic": notice.topic, "notice_id": notice.notice_id, "value": notice.value}
        for notice in notices
    ]
    if rows:
        # Of two processes on one store, of which one is about to be fenced, either may be first.
        connection.execute(insert_or(OUTBOX).on_conflict_do_nothing(["notice_id"]), rows)


def _require_still(connection: Connection, positions: Positions) -> None:
    found = {row.topic: row.position for row in connection.execute(select(POSITIONS))}
    if any(found.get(topic, 0) != position for topic, position in positions.items()):
        raise OvertakenError("another process has taken this store further; one may write to it")


def _move(connection: Connection, positions: Positions) -> None:
    rows = [{"topic": topic, "position": position} for topic, position in positions.items()]
    if rows:
        connection.execute(insert(POSITIONS).prefix_with("OR REPLACE"), rows)


# --- looking at the past ----------------------------------------------------------


@contextmanager
def _no_past() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        if NO_PAST not in str(error.orig):
            raise
        raise NoPastError("this is not kept through time; replay the log") from None


@contextmanager
def _writable(connection: Connection) -> Iterator[None]:
    """Let a connection that only reads have views of its own, which go with the transaction."""
    reads_only = connection.exec_driver_sql("PRAGMA query_only").scalar()
    connection.exec_driver_sql("PRAGMA query_only=OFF")
    try:
        yield
    finally:
        connection.rollback()
        connection.exec_driver_sql(f"PRAGMA query_only={reads_only}")


# --- connections ------------------------------------------------------------------


def _on_connect(engine: Engine, *statements: str) -> None:
    @event.listens_for(engine, "connect")
    def prepare(connection: SqliteConnection, _: Any) -> None:  # noqa: ANN401 - the library's own record
        for statement in statements:
            connection.execute(statement)


def _begin_for_reads_too(engine: Engine) -> None:
    """The driver begins a transaction at the first write only; a snapshot needs one for reads."""

    @event.listens_for(engine, "connect")
    def hands_off(connection: SqliteConnection, _: Any) -> None:  # noqa: ANN401 - see above
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")
