"""How far a role is, in a file that `rivelin status`, `rivelin health` and a human can read.

The file is also the role's pulse: the supervisor ends a role whose file stands still
(`deploy.pulse`). It carries durations and the machine's monotonic clock beside the time of day,
so that nothing that judges it needs the time of day.
"""

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
from deploy.pulse import REBUILDING, STARTING, Beat
from streams.alarms import Alarm
from streams.errors import LogError, MissingTopicError, RivelinError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from deploy.settings import Settings
    from streams.ports import Log, Positions

BEAT_SECONDS: Final = 2.0
#: Longer than the log looks for a topic that is not there, so that it can say so.
_ENDS_SECONDS_MAX: Final = 5.0
#: Longer than any broker restart: a role that has work and does none of it is stuck.
STALL_SECONDS_MAX: Final = 90.0


class StalledError(LogError):
    """Records wait and the position does not move. The process starts anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One look at a role. `lag` counts offsets, None while the broker does not answer.

    `moved_at` is when a position last moved, None if it has not since the start;
    `still_seconds` for how long records have waited without one moving. `counts` is what the
    role counts beside, `alarms` what somebody must mend, each a code and a place.
    `beat_at_seconds` is CLOCK_MONOTONIC, the same for every process since the machine started.
    """

    role: str
    pid: int
    state: str
    positions: Mapping[str, int] = field(default_factory=dict)
    lag: int | None = None
    moved_at: str | None = None
    still_seconds: float = 0.0
    counts: Mapping[str, int] = field(default_factory=dict)
    alarms: Sequence[str] = ()
    written_at: str
    beat_at_seconds: float


def progress_file(settings: Settings, role: str) -> Path:
    """Return where a role tells how far it is."""
    return settings.run_dir / f"{role}.json"


def read_progress(settings: Settings, role: str) -> dict[str, Any] | None:
    """Return what the role last wrote, None if there is nothing readable."""
    try:
        facts = json.loads(progress_file(settings, role).read_text())
    except (OSError, ValueError):
        return None
    return facts if isinstance(facts, dict) and _is_sound(facts) else None


#: What `rivelin status` and `health` reckon with; a damaged file must not be the end of them.
_KINDS: Final = {
    "pid": int,
    "state": str,
    "lag": int | None,
    "still_seconds": int | float,
    "beat_at_seconds": int | float,
    "counts": dict,
    "alarms": list,
}


def _is_sound(facts: Mapping[str, Any]) -> bool:
    return all(isinstance(facts[name], kind) for name, kind in _KINDS.items() if name in facts)


def read_beat(settings: Settings, role: str) -> Beat | None:
    """Return what the file says now as a sign of life, None if there is nothing readable."""
    try:
        found = progress_file(settings, role).stat()
    except OSError:
        return None
    facts = read_progress(settings, role)
    return None if facts is None else Beat.of(facts, (found.st_ino, found.st_mtime_ns))


def write_progress(settings: Settings, progress: Progress) -> None:
    """Replace the file atomically. A full disk must not end a role that still works.

    Nor may it look dead: where nothing can be written the old file is at least marked as looked
    after, which takes no space.
    """
    file = progress_file(settings, progress.role)
    draft = file.with_suffix(f".{os.getpid()}.draft")
    try:
        draft.write_text(json.dumps(asdict(progress)))
        draft.replace(file)
    except OSError:
        with contextlib.suppress(OSError):
            os.utime(file)


class Heartbeat:
    """Watches one role's positions and writes them down every two seconds.

    `alarms` tells what holds the role up although it works as it should, such as a store that
    somebody else has locked: it is told, and is no standstill of the role's own.
    """

    def __init__(  # noqa: PLR0913 - the role, and what it tells of itself
        self,
        role: str,
        settings: Settings,
        log: Log,
        positions: Callable[[], Positions],
        *,
        counts: Callable[[], Mapping[str, int]] = dict,
        alarms: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._role = role
        self._settings = settings
        self._log = log
        self._positions = positions
        self._counts = counts
        self._alarms = alarms
        self._held_up: tuple[str, ...] = ()
        self._last: Positions = {}
        self._moved_at: str | None = None
        self._moved = time.monotonic()
        self._caught_up = False

    async def start_until(self, started: asyncio.Event) -> None:
        """Tell that the start goes on, and what it has counted, until `started` is set."""
        while not started.is_set():
            write_progress(self._settings, self._starting())
            await _set_or_beat(started)
        self._moved = time.monotonic()

    def _starting(self) -> Progress:
        counts = dict(self._counts())
        return Progress(
            role=self._role,
            pid=os.getpid(),
            state=REBUILDING if any(counts.values()) else STARTING,
            counts=counts,
            alarms=tuple(self._alarms()),
            written_at=_now(),
            beat_at_seconds=time.monotonic(),
        )

    async def beat_until(self, stop: asyncio.Event) -> None:
        """Beat until `stop` is set.

        Raises: StalledError, MissingTopicError.
        """
        while not stop.is_set():
            await self._beat()
            await _set_or_beat(stop)

    async def _beat(self) -> None:
        ends = await self._ends()
        self._held_up = await self._open_transactions()
        positions = dict(self._positions())
        lag = None if ends is None else lag_of(positions, ends)
        self._note(positions, lag)
        self._write(positions, lag)

    async def _ends(self) -> Positions | None:
        """Return where the topics end; None while nobody answers, which may pass.

        A topic that was deleted does not come back by waiting: its readers would wait for ever
        without a word. Raises: MissingTopicError.
        """
        try:
            async with asyncio.timeout(_ENDS_SECONDS_MAX):
                return await self._log.ends(tuple(self._positions()))
        except MissingTopicError:
            raise
        except (RivelinError, TimeoutError):
            return None  # the role itself finds out whether that is fatal

    async def _open_transactions(self) -> tuple[str, ...]:
        """Return the alarm for each topic in which a transaction is open for longer than any may.

        Its readers get nothing more of it, and what waits behind it is no lag that they can see.
        """
        stuck = getattr(self._log, "stuck", None)  # of the log on Kafka; another has none
        if stuck is None:
            return ()
        try:
            async with asyncio.timeout(_ENDS_SECONDS_MAX):
                held = await stuck(tuple(self._positions()))
        except (RivelinError, TimeoutError):
            return self._held_up
        return tuple(Alarm.TRANSACTION_OPEN.at(topic) for topic in sorted(held))

    def _told_alarms(self) -> tuple[str, ...]:
        return (*self._alarms(), *self._held_up)

    def _note(self, positions: Positions, lag: int | None) -> None:
        now = time.monotonic()
        if positions != self._last:
            if self._last:
                self._moved_at = _now()
            self._last, self._moved = positions, now
        if not lag or self._alarms():
            self._moved = now
        if lag == 0 and not self._caught_up:
            self._caught_up = True
            tell("caught up", positions=positions)
        if now - self._moved > STALL_SECONDS_MAX:
            raise StalledError(f"{lag} records wait and the position does not move")

    def _write(self, positions: Positions, lag: int | None) -> None:
        now = time.monotonic()
        progress = Progress(
            role=self._role,
            pid=os.getpid(),
            state="running" if self._caught_up else "catching up",
            positions=positions,
            lag=lag,
            moved_at=self._moved_at,
            still_seconds=round(now - self._moved, 1),
            counts=dict(self._counts()),
            alarms=self._told_alarms(),
            written_at=_now(),
            beat_at_seconds=now,
        )
        write_progress(self._settings, progress)


async def _set_or_beat(event: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), BEAT_SECONDS)


def lag_of(positions: Positions, ends: Positions) -> int:
    """Return how many offsets lie before the ends; transaction markers count until read past."""
    return sum(max(0, end - positions.get(topic, 0)) for topic, end in ends.items())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
