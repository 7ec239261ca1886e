"""The linker's memory on SQLite: its rows and how far in the log they reach, changed together.

A cache of the log, never more than that: whatever cannot be trusted (missing,
damaged, of another format, open to others, too old) is made anew from the log,
and `rebuilt_because` says why. One process holds it at a time.

It holds tokens, so the file is its owner's alone, deleted content is overwritten
(`secure_delete`), and no commit leaves a page behind in the write-ahead log: what
crypto-shredding took away is gone from every byte of the file.

A transaction spans many steps, since a commit writes most of a large index
again: the next one waits until the last one cost a twentieth of the work since,
or a minute has passed. What is lost with a crash is folded again from the log.

Measured (two cores, 20 keys a record, a million records): SQLite 100 us a
record for look-ups and inserts in 1.1 GB, LMDB 70 us in 3.0 GB; only SQLite
overwrites what it deletes.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import sqlite3
import stat
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from streams.errors import RivelinError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path
    from types import ModuleType

FORMAT: Final = 1
NONE_YET: Final = "there is none yet"
#: A tombstone on `enclave.report-keys` outlives its compaction by seven days (streams/topics.py).
#: A store that slept longer could miss one and would keep what is to be forgotten.
AGE_MAX: Final = timedelta(days=6)
CACHE_MB: Final = 2_000
COMMIT_SECONDS: Final = 2.0
_COMMIT_SECONDS_MAX: Final = 60.0
_COMMIT_SECONDS_IDLE: Final = 3600.0
_COMMIT_SHARE: Final = 20
_FOR_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_STATEMENTS_KEPT: Final = 512

_PRAGMAS: Final = (
    "PRAGMA page_size=4096",
    "PRAGMA locking_mode=EXCLUSIVE",
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",
    "PRAGMA secure_delete=ON",
    "PRAGMA wal_autocheckpoint=0",  # a commit empties it, see `_commit`
    "PRAGMA temp_store=MEMORY",
    f"PRAGMA cache_size=-{CACHE_MB * 1024}",
)
_TABLES: Final = """
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE report (
    number INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, latest INTEGER NOT NULL,
    is_withdrawn INTEGER NOT NULL, own_origin BLOB, week INTEGER);
CREATE TABLE revision (
    report INTEGER, revision INTEGER, digest BLOB NOT NULL, origin BLOB NOT NULL,
    PRIMARY KEY (report, revision)
) WITHOUT ROWID;
CREATE TABLE tie (
    report INTEGER, subject INTEGER, object INTEGER, kind TEXT,
    PRIMARY KEY (report, subject, object, kind)) WITHOUT ROWID;
CREATE TABLE origin (
    token BLOB PRIMARY KEY, id BLOB NOT NULL, generation INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE entity (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE, kind TEXT NOT NULL,
    mentions INTEGER NOT NULL);
CREATE TABLE mention (
    number INTEGER PRIMARY KEY, report INTEGER NOT NULL, node INTEGER NOT NULL,
    entity INTEGER NOT NULL, spelling INTEGER NOT NULL, label BLOB NOT NULL, sex TEXT NOT NULL,
    child TEXT NOT NULL, week INTEGER, UNIQUE (report, node));
CREATE INDEX mention_entity ON mention (entity);
CREATE TABLE spelling (
    number INTEGER PRIMARY KEY, entity INTEGER NOT NULL, packed BLOB NOT NULL,
    mentions INTEGER NOT NULL, generation INTEGER NOT NULL);
CREATE INDEX spelling_entity ON spelling (entity);
CREATE TABLE block (key BLOB, entity INTEGER, PRIMARY KEY (key, entity)) WITHOUT ROWID;
CREATE TABLE seen (
    entity INTEGER, week INTEGER, mentions INTEGER NOT NULL, PRIMARY KEY (entity, week)
) WITHOUT ROWID;
CREATE TABLE parting (
    left_id BLOB, right_id BLOB, reason TEXT NOT NULL, PRIMARY KEY (left_id, right_id)
) WITHOUT ROWID;
CREATE TABLE question (
    left_id BLOB, right_id BLOB, doubt TEXT, PRIMARY KEY (left_id, right_id)) WITHOUT ROWID;
CREATE TABLE merge (
    absorbed BLOB PRIMARY KEY, kept BLOB NOT NULL, place INTEGER NOT NULL, number INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX merge_kept ON merge (kept, place);
CREATE TABLE moved (
    absorbed BLOB, report INTEGER, node INTEGER, PRIMARY KEY (absorbed, report, node)
) WITHOUT ROWID;
CREATE TABLE sealing (name BLOB PRIMARY KEY, parts TEXT NOT NULL) WITHOUT ROWID;
"""


class StoreLockedError(RivelinError):
    """Another process has the linker's store open. Stop it: there is one linker at a time."""


class StoreFailedError(RivelinError):
    """The linker's store cannot be written or is damaged. It is made anew at the next start."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """The last decision that is in the rows: where it lies in the log, and its digest.

    A log that holds something else there is another log, or was written by another linker.
    """

    offset: int
    digest: bytes = field(repr=False)


class LinkStore:
    """One SQLite file, or memory. `fingerprint` names everything else that rows depend on."""

    def __init__(
        self, path: Path | None, fingerprint: str = "", spacing: float = COMMIT_SECONDS
    ) -> None:
        self.rebuilt_because: str | None = None
        self.positions: dict[str, int] = {}
        self.anchor: Anchor | None = None
        self._path = path
        self._fingerprint = fingerprint
        self._spacing = spacing
        self._must_scrub = False
        self._committed_at = time.monotonic()
        self._worked_at = time.process_time()
        self._commit_seconds = 0.0
        self._changes_committed = 0
        self._connection = self._connect()

    @classmethod
    def in_memory(cls) -> LinkStore:
        """Make a store that is gone when it is closed."""
        store = cls(None)
        store._make()
        return store

    @classmethod
    def open(
        cls, path: Path, fingerprint: str, now: datetime, spacing: float = COMMIT_SECONDS
    ) -> LinkStore:
        """Open the store, or make an empty one where there is none that can be trusted.

        `spacing` is the least number of seconds between two commits.
        Raises: StoreLockedError, StoreFailedError.
        """
        reason = _unfit(path)
        if reason is not None:
            _remove(path)
        store = cls(path, fingerprint, spacing)
        try:
            store._open(reason, now)
        except BaseException:
            store.close()
            raise
        return store

    # --- rows -------------------------------------------------------------------

    def execute(self, statement: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement within the transaction that is open."""
        return self._connection.execute(statement, values)

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for many rows."""
        self._connection.executemany(statement, rows)

    def one(self, statement: str, *values: object) -> tuple[Any, ...] | None:
        """Return the first row, None if there is none."""
        found: tuple[Any, ...] | None = self._connection.execute(statement, values).fetchone()
        return found

    # --- keeping ----------------------------------------------------------------

    def keep(self, *, at_once: bool = False) -> bool:
        """Commit rows, positions and anchor if it is time to; tell whether it was.

        Call it only when everything that is in the rows is committed in the log.
        Raises: StoreFailedError, for example on a full disk.
        """
        if not (at_once or self._must_scrub or self._is_due()):
            return False
        self._commit()
        return True

    def _is_due(self) -> bool:
        waited = time.monotonic() - self._committed_at
        if self._connection.total_changes == self._changes_committed:
            return waited >= _COMMIT_SECONDS_IDLE  # only to tell that it is not old
        worked = time.process_time() - self._worked_at
        is_paid = worked >= _COMMIT_SHARE * self._commit_seconds
        return waited >= self._spacing and (is_paid or waited >= _COMMIT_SECONDS_MAX)

    def scrub_soon(self) -> None:
        """Have the next `keep` commit, since something must be gone from the file."""
        self._must_scrub = True

    def reset(self, reason: str) -> None:
        """Throw everything away and begin with an empty store."""
        self._connection.close()
        if self._path is not None:
            _remove(self._path)
        self._connection = self._connect()
        self._changes_committed = 0
        self._make()
        self.rebuilt_because = reason

    def close(self) -> None:
        """Let go of the file; what was not kept is as if it had never been."""
        self._connection.close()

    def _commit(self) -> None:
        began = time.process_time()
        try:
            self._write_facts(datetime.now(UTC))
            self._connection.execute("COMMIT")
            if self._path is not None:
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise StoreFailedError(
                f"the linker's store could not be written: {_told(error)}"
            ) from None
        self._must_scrub = False
        self._changes_committed = self._connection.total_changes
        self._committed_at = time.monotonic()
        self._worked_at = time.process_time()
        self._commit_seconds = self._worked_at - began

    # --- opening ----------------------------------------------------------------

    def _connect(self) -> sqlite3.Connection:
        if self._path is not None:
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        return sqlite3.connect(
            ":memory:" if self._path is None else self._path,
            timeout=0.0,
            isolation_level=None,
            check_same_thread=False,  # one thread at a time, not always the one that made it
            cached_statements=_STATEMENTS_KEPT,
        )

    def _open(self, reason: str | None, now: datetime) -> None:
        try:
            self._prepare()
            reason = reason or self._untrusted(now)
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise StoreLockedError(
                    "the linker's store is in use by another process; stop that one first"
                ) from None
            raise StoreFailedError(f"the linker's store cannot be used: {_told(error)}") from None
        except sqlite3.DatabaseError:
            reason = "it is damaged"
        if reason is None:
            self._read_facts()
        else:
            self.reset(reason)

    def _make(self) -> None:
        self._prepare()
        self._connection.execute("COMMIT")
        self._connection.executescript(_TABLES)
        self._connection.execute("BEGIN IMMEDIATE")
        self.positions, self.anchor = {}, None

    def _prepare(self) -> None:
        for pragma in _PRAGMAS:
            self._connection.execute(pragma)
        self._connection.execute("BEGIN IMMEDIATE")

    def _untrusted(self, now: datetime) -> str | None:
        """Return why the rows cannot be used, None if they can."""
        if self.one("PRAGMA quick_check(1)") != ("ok",):
            return "it is damaged"
        if not self.one("SELECT 1 FROM sqlite_master WHERE name = 'fact'"):
            return "it was never finished"
        facts = self._facts()
        if not facts:
            return "it was never finished"
        if (facts["format"], facts["fingerprint"]) != (str(FORMAT), self._fingerprint):
            return "it is of another version"
        if now - datetime.fromisoformat(facts["kept_at"]) > AGE_MAX:
            return "it is older than deleted keys are told of"
        return None

    def _facts(self) -> dict[str, str]:
        return dict(self._connection.execute("SELECT name, value FROM fact"))

    def _read_facts(self) -> None:
        facts = self._facts()
        self.positions = json.loads(facts["positions"])
        offset, digest = json.loads(facts["anchor"])
        self.anchor = None if offset is None else Anchor(offset, bytes.fromhex(digest))

    def _write_facts(self, now: datetime) -> None:
        anchor = self.anchor
        place = [None, ""] if anchor is None else [anchor.offset, anchor.digest.hex()]
        facts = {
            "format": str(FORMAT),
            "fingerprint": self._fingerprint,
            "kept_at": now.isoformat(),
            "positions": json.dumps(self.positions),
            "anchor": json.dumps(place),
        }
        self.executemany("INSERT OR REPLACE INTO fact VALUES (?, ?)", facts.items())


def store_path(folder: Path) -> Path:
    """Return where the linker's store lies."""
    return folder / "linker.sqlite"


def fingerprint_of(*modules: ModuleType) -> str:
    """Return a digest of the text of modules whose results lie in the rows."""
    digest = hashlib.sha256()
    for module in modules:
        digest.update(inspect.getsource(module).encode())
    return digest.hexdigest()


def _unfit(path: Path) -> str | None:
    """Return why a file must not even be opened, None if it may be."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return NONE_YET
    if not stat.S_ISREG(mode) or mode & _FOR_OTHERS:
        return "it is open to other users of this machine"
    return None


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _told(error: sqlite3.Error) -> str:
    """Name the library's error; its words may quote a statement."""
    return getattr(error, "sqlite_errorname", None) or type(error).__name__
