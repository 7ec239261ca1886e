"""The ledger of a run: what was asked and what was answered, on the disk before anything follows.

One JSON object a line. `invoke` stands on the disk before a step is sent; `ok` (the broker has
it, at `offset`), `fail` (it was never sent) or `info` (nobody knows) before its answer counts.
A line that a crash cut short ends the file and counts as never written.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

INVOKE, OK, INFO, FAIL = "invoke", "ok", "info", "fail"


class Ledger:
    """Appends lines; several that wait together share one fsync."""

    def __init__(self, path: Path) -> None:
        """Open for appending; what a crash cut short is ended first, so that it hurts no other."""
        mend(path)
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def append(self, op: str, step: int, **facts: Any) -> None:
        """Return once the line is on the disk."""
        line = json.dumps({"op": op, "step": step, "at": round(time.time(), 4), **facts})
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((line.encode() + b"\n", done))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        await done

    async def close(self) -> None:
        """Wait for what is being written."""
        if self._writing is not None:
            await self._writing
        os.close(self._handle)

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            await asyncio.to_thread(self._sync, b"".join(line for line, _ in batch))
            for _, done in batch:
                done.set_result(None)

    def _sync(self, lines: bytes) -> None:
        view = memoryview(lines)
        while view:
            view = view[os.write(self._handle, view) :]
        os.fsync(self._handle)


@dataclass(slots=True)
class Entry:
    """One step as the ledger has it; `op` is its latest word."""

    step: int
    op: str
    invoked_at: float
    answered_at: float | None = None
    offset: int | None = None


def read(path: Path) -> dict[int, Entry]:
    """Return the steps by number.

    Raises: ValueError if a step was answered that was not invoked, or twice.
    """
    entries: dict[int, Entry] = {}
    for line in lines(path):
        number, op = line["step"], line["op"]
        if op == INVOKE:
            if number in entries:
                raise ValueError(f"step {number} was invoked twice")
            entries[number] = Entry(number, INVOKE, line["at"])
            continue
        entry = entries.get(number)
        if entry is None or entry.op != INVOKE:
            raise ValueError(f"step {number} was answered without being asked, or twice")
        entry.op, entry.answered_at, entry.offset = op, line["at"], line.get("offset")
    return entries


def mend(path: Path) -> None:
    """Cut off a line that has no end."""
    if path.exists():
        whole = path.read_bytes()
        os.truncate(path, whole.rfind(b"\n") + 1)


def lines(path: Path) -> list[dict[str, Any]]:
    """Return the whole lines of such a file; nothing if there is none."""
    if not path.exists():
        return []
    whole = path.read_bytes().split(b"\n")[:-1]
    return [json.loads(line) for line in whole]


def length(path: Path) -> int:
    """Return how many lines there are so far."""
    return path.read_bytes().count(b"\n") if path.exists() else 0


def note(path: Path, **facts: Any) -> None:
    """Append one line at once, from code without a loop."""
    mend(path)
    line = json.dumps({"at": round(time.time(), 4), **facts}).encode() + b"\n"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(handle, line)
        os.fsync(handle)
    finally:
        os.close(handle)
