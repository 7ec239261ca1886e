"""What all SQLite stores of ours have in common when something is wrong with the file.

A store is a cache of the log. One that is damaged is set aside as evidence and folded anew; one
that somebody else has locked is waited for, aloud, since nothing is lost by waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeVar

from streams.alarms import Alarm

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOG: Final = logging.getLogger("rivelin.store")
#: How long one attempt may hold up the process that makes it.
BUSY_SECONDS: Final = 1.0
_PAUSE_SECONDS: Final = 0.5
_MARK: Final = ".damaged-"
_BESIDE: Final = ("-wal", "-shm")
_DAMAGED: Final = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
_LOCKED: Final = ("SQLITE_BUSY", "SQLITE_LOCKED")

Result = TypeVar("Result")


def set_aside_if_damaged(path: Path) -> Path | None:
    """Rename a store that cannot be trusted; return its new name, None if nothing is wrong.

    It keeps its content: a careless hand, a full disk and an attacker look the same at first.
    """
    if not path.exists() or _is_sound(path):
        return None
    kept = path.with_name(f"{path.name}{_MARK}{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}")
    path.replace(kept)
    for suffix in _BESIDE:
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).replace(kept.with_name(kept.name + suffix))
    return kept


def damaged_stores(folder: Path) -> tuple[Path, ...]:
    """Return the stores in a folder that were set aside."""
    return tuple(one for one in sorted(folder.glob(f"*{_MARK}*")) if not one.name.endswith(_BESIDE))


def _is_sound(path: Path) -> bool:
    """Read the whole file; one that is locked cannot be judged now, and is taken as it is."""
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
    except sqlite3.DatabaseError as error:
        return not _is_named(error, _DAMAGED)


def is_locked(error: BaseException) -> bool:
    """Tell whether another process has the store locked, also as SQLAlchemy hands it on."""
    return _is_named(error, _LOCKED)


def _is_named(error: BaseException, names: tuple[str, ...]) -> bool:
    name = getattr(getattr(error, "orig", error), "sqlite_errorname", None)
    return name is not None and name.startswith(names)


class Unlocked:
    """Does something with a store as soon as nobody else has it locked, and says that it waits."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._is_waiting = False

    async def do(self, work: Callable[[], Result]) -> Result:
        """Return what `work` returns; it is tried again as a whole, so it must be all or nothing.

        Raises: whatever it raises that is no lock.
        """
        while True:
            try:
                result = work()
            except Exception as error:
                if not is_locked(error):
                    raise
                self._wait(is_waiting=True)
            else:
                self._wait(is_waiting=False)
                return result
            await asyncio.sleep(_PAUSE_SECONDS)

    def alarms(self) -> tuple[str, ...]:
        """Return the alarm while it waits."""
        return (Alarm.STORE_LOCKED.at(self._name),) if self._is_waiting else ()

    def _wait(self, *, is_waiting: bool) -> None:
        if is_waiting != self._is_waiting:
            self._is_waiting = is_waiting
            what = "another process has it locked" if is_waiting else "it is free again"
            LOG.warning("the store %s: %s", self._name, what)
