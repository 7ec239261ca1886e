"""How far a role is, in a file that `rivelin status` and a human can read."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from deploy.log_lines import tell
from streams.errors import LogError, RivelinError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from deploy.settings import Settings
    from streams.ports import Log, Positions

BEAT_SECONDS: Final = 2.0
#: Longer than any broker restart: a role that has work and does none of it is stuck.
STALL_SECONDS_MAX: Final = 90.0


class StalledError(LogError):
    """Records wait and the position does not move. The process starts anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One look at a role. `lag` counts offsets, None while the broker does not answer.

    `moved_at` is when a position last moved, None if it has not since the start. `counts` is
    what the role counts beside.
    """

    role: str
    pid: int
    state: str
    positions: Mapping[str, int] = field(default_factory=dict)
    lag: int | None = None
    moved_at: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    written_at: str


def progress_file(settings: Settings, role: str) -> Path:
    """Return where a role tells how far it is."""
    return settings.run_dir / f"{role}.json"


def read_progress(settings: Settings, role: str) -> dict[str, Any] | None:
    """Return what the role last wrote, None if there is nothing readable."""
    try:
        facts = json.loads(progress_file(settings, role).read_text())
    except (OSError, ValueError):
        return None
    return facts if isinstance(facts, dict) else None


def write_progress(settings: Settings, progress: Progress) -> None:
    """Replace the file atomically. A full disk must not end a role that still works."""
    file = progress_file(settings, progress.role)
    draft = file.with_suffix(f".{os.getpid()}.draft")
    with contextlib.suppress(OSError):
        draft.write_text(json.dumps(asdict(progress)))
        draft.replace(file)


class Heartbeat:
    """Watches one role's positions and writes them down every two seconds."""

    def __init__(
        self,
        role: str,
        settings: Settings,
        log: Log,
        positions: Callable[[], Positions],
        counts: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self._role = role
        self._settings = settings
        self._log = log
        self._positions = positions
        self._counts = counts
        self._last: Positions = {}
        self._moved_at: str | None = None
        self._moved = time.monotonic()
        self._caught_up = False

    async def beat_until(self, stop: asyncio.Event) -> None:
        """Beat until `stop` is set.

        Raises: StalledError.
        """
        while not stop.is_set():
            await self._beat()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), BEAT_SECONDS)

    async def _beat(self) -> None:
        ends = await self._ends()
        positions = dict(self._positions())
        lag = None if ends is None else lag_of(positions, ends)
        self._note(positions, lag)
        self._write(positions, lag)

    async def _ends(self) -> Positions | None:
        try:
            async with asyncio.timeout(BEAT_SECONDS):
                return await self._log.ends(tuple(self._positions()))
        except (RivelinError, TimeoutError):
            return None  # the role itself finds out whether that is fatal

    def _note(self, positions: Positions, lag: int | None) -> None:
        now = time.monotonic()
        if positions != self._last:
            if self._last:
                self._moved_at = _now()
            self._last, self._moved = positions, now
        if not lag:
            self._moved = now
        if lag == 0 and not self._caught_up:
            self._caught_up = True
            tell("caught up", positions=positions)
        if now - self._moved > STALL_SECONDS_MAX:
            raise StalledError(f"{lag} records wait and the position does not move")

    def _write(self, positions: Positions, lag: int | None) -> None:
        progress = Progress(
            role=self._role,
            pid=os.getpid(),
            state="running" if self._caught_up else "catching up",
            positions=positions,
            lag=lag,
            moved_at=self._moved_at,
            counts=dict(self._counts()),
            written_at=_now(),
        )
        write_progress(self._settings, progress)


def lag_of(positions: Positions, ends: Positions) -> int:
    """Return how many offsets lie before the ends; transaction markers count until read past."""
    return sum(max(0, end - positions.get(topic, 0)) for topic, end in ends.items())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
