"""The rows of the desk's memory on SQLite: folded from the topics, with the positions.

Rows and positions change in one transaction. A cache of the log that may be
deleted: it is folded again. An event costs the same on day one and in year
ten; nothing is held in memory.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Self, assert_never

from anonymiser.desk.changes import TOPICS, Drop, Mark, Part, Put, Unite, changes_of
from streams.errors import RivelinError
from streams.store import BUSY_SECONDS, set_aside_if_damaged

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from anonymiser.desk.changes import Change
    from streams.ports import Positions, Record
    from streams.restricted import EnclaveMention

VERSION: Final = 1
"""The meaning of the rows: with a new one the store is folded anew in a new file."""
_BUSY_SECONDS: Final = 10.0
_CACHE_KB: Final = 16_384
_TABLES: Final[Mapping[str, str]] = {
    "positions": "topic TEXT PRIMARY KEY, position INTEGER NOT NULL",
    "reports": "partner TEXT, report_id TEXT, revision INTEGER NOT NULL,"
    " is_withdrawn INTEGER NOT NULL, PRIMARY KEY (partner, report_id)",
    "mentions": "partner TEXT, report_id TEXT, node INTEGER, entity_id TEXT NOT NULL,"
    " kind TEXT NOT NULL, is_child INTEGER NOT NULL, offset INTEGER NOT NULL,"
    " PRIMARY KEY (partner, report_id, node)",
    "redirects": "absorbed TEXT PRIMARY KEY, kept TEXT NOT NULL",
    "links": "link_id TEXT PRIMARY KEY, kind TEXT NOT NULL, left_id TEXT NOT NULL,"
    " right_id TEXT NOT NULL, left_root TEXT NOT NULL, right_root TEXT NOT NULL,"
    " agreed TEXT NOT NULL, contradicted TEXT NOT NULL, score INTEGER, weights_version INTEGER,"
    " bars TEXT NOT NULL, noticed_at TEXT NOT NULL, doubt TEXT, closed TEXT,"
    " taken_over TEXT, planted TEXT",
    "reviews": "topic TEXT, offset INTEGER, link_id TEXT NOT NULL, verdict TEXT NOT NULL,"
    " decided_by TEXT NOT NULL, decided_at TEXT NOT NULL, appended_at TEXT NOT NULL,"
    " over_budget TEXT,"
    " PRIMARY KEY (topic, offset)",
    "asked": "topic TEXT, offset INTEGER, link_id TEXT NOT NULL, side_id TEXT NOT NULL,"
    " question TEXT NOT NULL, asked_by TEXT NOT NULL, asked_at TEXT NOT NULL,"
    " PRIMARY KEY (topic, offset)",
    "holders": "question_id TEXT PRIMARY KEY, topic TEXT NOT NULL, offset INTEGER NOT NULL,"
    " partner TEXT NOT NULL, report_id TEXT NOT NULL, node INTEGER NOT NULL,"
    " decoy INTEGER NOT NULL",
    "answers": "offset INTEGER PRIMARY KEY, question_id TEXT NOT NULL, partner TEXT NOT NULL,"
    " answer TEXT NOT NULL, answered_at TEXT NOT NULL",
    "escalations": "link_id TEXT PRIMARY KEY, at TEXT NOT NULL",
    "holds": "partner TEXT, report_id TEXT, revision INTEGER NOT NULL, reasons TEXT NOT NULL,"
    " held_at TEXT NOT NULL, PRIMARY KEY (partner, report_id)",
    "quarantined": "offset INTEGER PRIMARY KEY, partner TEXT NOT NULL, report_id TEXT,"
    " revision INTEGER, stage TEXT NOT NULL, reasons TEXT NOT NULL,"
    " immediate_risk INTEGER NOT NULL, bytes INTEGER NOT NULL, quarantined_at TEXT NOT NULL",
    "hold_decisions": "topic TEXT, offset INTEGER, partner TEXT NOT NULL, report_id TEXT,"
    " revision INTEGER, quarantined_offset INTEGER, verdict TEXT NOT NULL, reason TEXT,"
    " decided_by TEXT NOT NULL, decided_for TEXT NOT NULL, decided_at TEXT NOT NULL,"
    " PRIMARY KEY (topic, offset)",
}
_INDEXES: Final = (
    "mentions_by_entity ON mentions (entity_id)",
    "mentions_by_partner ON mentions (partner, offset)",
    "links_by_left ON links (left_root)",
    "links_by_right ON links (right_root)",
    "redirects_by_kept ON redirects (kept)",
    "reviews_by_link ON reviews (link_id)",
    "reviews_by_name ON reviews (decided_by, decided_at)",
    "asked_by_link ON asked (link_id)",
    "holders_by_event ON holders (topic, offset)",
    "holders_by_record ON holders (partner, report_id, node)",
    "answers_by_question ON answers (question_id)",
    "decisions_by_report ON hold_decisions (partner, report_id)",
    "decisions_by_offset ON hold_decisions (quarantined_offset)",
)


class NoDeskStoreError(RivelinError):
    """The desk has no store here yet. Start its process (`rivelin up`) and look again."""


class DamagedDeskStoreError(RivelinError):
    """The desk's store cannot be read. It holds nothing that is not on the log."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} is damaged: at its next start the desk sets it aside, and the log fills a"
            " new one (`rivelin down`, `rivelin up`)"
        )


class DeskRows:
    """One file. One writer, any number of readers."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.set_aside: Path | None = None
        connection.row_factory = sqlite3.Row

    @classmethod
    def open(cls, path: Path | None) -> Self:
        """Open for writing and make what is missing; without a path in memory.

        A file that is damaged is kept under another name (`set_aside`); the log fills a new one.
        """
        damaged = None if path is None else set_aside_if_damaged(path)
        connection = sqlite3.connect(
            path or ":memory:", timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(f"PRAGMA cache_size=-{_CACHE_KB}")
        for name, columns in _TABLES.items():
            connection.execute(f"CREATE TABLE IF NOT EXISTS {name} ({columns})")
        for index in _INDEXES:
            connection.execute(f"CREATE INDEX IF NOT EXISTS {index}")
        store = cls(connection)
        store.set_aside = damaged
        return store

    @classmethod
    def look(cls, path: Path) -> Self:
        """Open an existing store for reading only.

        Raises: NoDeskStoreError, DamagedDeskStoreError.
        """
        try:
            connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro",
                uri=True,
                timeout=_BUSY_SECONDS,
                isolation_level=None,
            )
            connection.execute("SELECT 1 FROM positions").fetchone()
        except sqlite3.OperationalError:
            raise NoDeskStoreError(
                f"the desk has no store of version {VERSION} yet: start it with `rivelin up`"
            ) from None
        except sqlite3.DatabaseError:
            raise DamagedDeskStoreError(path) from None
        return cls(connection)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    # --- writing ------------------------------------------------------------------

    def positions(self) -> Positions:
        """Return for each topic of the desk the offset of the next record not in the rows."""
        known = {row["topic"]: row["position"] for row in self._all("SELECT * FROM positions")}
        return {topic: known.get(topic, 0) for topic in TOPICS}

    def take(self, records: Sequence[Record], positions: Positions) -> None:
        """Fold records in, and move the positions, in one transaction.

        A record below the position of its topic was taken before and changes nothing, and no
        position moves back: a desk that was stopped and replaced comes too late with both.
        """
        with self._transaction():
            known = self.positions()
            for record in records:
                if record.offset >= known[record.topic]:
                    for change in changes_of(record):
                        self._apply(change)
            for topic, position in positions.items():
                if position > known[topic]:
                    self._run("INSERT OR REPLACE INTO positions VALUES (?, ?)", (topic, position))

    def dump(self) -> Mapping[str, list[tuple[Any, ...]]]:
        """Return every row but the positions, in order: what two stores are compared by."""
        return {
            name: sorted((tuple(row) for row in self._all(f"SELECT * FROM {name}")), key=repr)  # noqa: S608 - names of our own
            for name in _TABLES
            if name != "positions"
        }

    def _apply(self, change: Change) -> None:
        match change:
            case Put(table, row):
                names = ", ".join(row)
                marks = ", ".join("?" * len(row))
                self._run(
                    f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})",  # noqa: S608 - names of our own
                    tuple(row.values()),
                )
                if table == "links":
                    self._settle_roots(row)
            case Drop(table, key):
                where = " AND ".join(f"{name} = ?" for name in key)
                self._run(f"DELETE FROM {table} WHERE {where}", tuple(key.values()))  # noqa: S608 - names of our own
            case Unite(absorbed, kept):
                self._unite(absorbed, kept)
            case Part(entity, new, mentions):
                self._part(entity, new, mentions)
            case Mark(link_id, column, value):
                mark = f"UPDATE links SET {column} = ? WHERE link_id = ?"  # noqa: S608 - names of our own
                self._run(mark, (value, link_id))
            case _:
                assert_never(change)

    def _unite(self, absorbed: str, kept: str) -> None:
        self._run("INSERT OR REPLACE INTO redirects VALUES (?, ?)", (absorbed, kept))
        self._run("UPDATE mentions SET entity_id = ? WHERE entity_id = ?", (kept, absorbed))
        for side in ("left", "right"):
            change = f"UPDATE links SET {side}_root = ? WHERE {side}_root = ?"  # noqa: S608 - two words of our own
            self._run(change, (kept, absorbed))

    def _part(self, entity: str, new: str, mentions: Sequence[EnclaveMention]) -> None:
        self._run("DELETE FROM redirects WHERE absorbed = ?", (new,))
        for one in mentions:
            self._run(
                "UPDATE mentions SET entity_id = ? WHERE partner = ? AND report_id = ?"
                " AND node = ?",
                (new, one.partner, str(one.report_id), one.node),
            )
        about = "SELECT * FROM links WHERE left_root = ? OR right_root = ?"
        for row in self._all(about, (entity, entity)):
            self._settle_roots(dict(row))

    def _settle_roots(self, row: Mapping[str, Any]) -> None:
        roots = (self._root(row["left_id"]), self._root(row["right_id"]), row["link_id"])
        self._run("UPDATE links SET left_root = ?, right_root = ? WHERE link_id = ?", roots)

    def _root(self, entity: str) -> str:
        find = "SELECT kept FROM redirects WHERE absorbed = ?"
        while (row := self._one(find, (entity,))) is not None:
            entity = row["kept"]
        return entity

    # --- the connection ----------------------------------------------------------------

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._run("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._run("ROLLBACK")
            raise
        self._run("COMMIT")

    def _run(self, statement: str, values: Any = ()) -> None:  # noqa: ANN401 - as in sqlite3
        self._connection.execute(statement, values)

    def _all(self, statement: str, values: Any = ()) -> list[sqlite3.Row]:  # noqa: ANN401 - as in sqlite3
        return self._connection.execute(statement, values).fetchall()

    def _one(self, statement: str, values: Any = ()) -> sqlite3.Row | None:  # noqa: ANN401 - as in sqlite3
        row: sqlite3.Row | None = self._connection.execute(statement, values).fetchone()
        return row

    def _number(self, statement: str, values: Any = ()) -> int:  # noqa: ANN401 - as in sqlite3
        row = self._one(statement, values)
        return 0 if row is None else int(row[0])


def store_path(folder: Path) -> Path:
    """Return where the desk's store lies; another version is another file."""
    return folder / f"desk-v{VERSION}.sqlite"
