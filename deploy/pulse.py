"""Whether a role lives, judged by its progress file: pure, on the supervisor's own monotonic clock.

A role ends itself when its records wait and nothing moves. This is for the one that cannot: its
event loop hangs, it was stopped by a signal, an import blocks, a library waits for ever without a
line in the log. Nothing here reads the time of day, which may be hours off or jump.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

#: What a role is doing before it has work; a rebuild may take long as long as it moves.
STARTING: Final = "starting"
REBUILDING: Final = "rebuilding"
JOINING: Final = "joining"
#: The anonymiser before there is a partner; it may last for weeks.
WAITING: Final = "waiting for a partner"
IN_START: Final = frozenset({STARTING, REBUILDING, JOINING})


class Overdue(StrEnum):
    """Why a role is ended by the supervisor; the word stands in its log line."""

    SILENT = "role_silent"
    NOT_STARTED = "role_never_told"
    START_STANDS_STILL = "role_start_stands_still"


@dataclass(frozen=True, slots=True)
class PulseLimits:
    """How long a role may be silent, and how long its start may go without a sign of work."""

    silent_seconds_max: float
    start_seconds_max: float


@dataclass(frozen=True, slots=True)
class Beat:
    """One look at a progress file. `mark` changes with every beat, `work` when work was done."""

    pid: int | None
    mark: tuple[int, int]
    state: str
    work: str

    @classmethod
    def of(cls, facts: dict[str, Any], mark: tuple[int, int]) -> Beat:
        """Make it of what the file holds and of what marks this very version of it."""
        work = f"{facts.get('positions')} {facts.get('counts')}"
        return cls(facts.get("pid"), mark, str(facts.get("state")), work)


class Pulse:
    """Follows one life of one role."""

    def __init__(self, pid: int, began: float, limits: PulseLimits) -> None:
        self.pid = pid
        self._limits = limits
        self._began = began
        self._last: Beat | None = None
        self._beat_at = self._work_at = began

    def look(self, beat: Beat | None, now: float) -> Overdue | None:
        """Take in what the file says now; return why the role must end, None while it lives.

        A beat of another process (the life before) is none.
        """
        if beat is not None and beat.pid == self.pid:
            self._take(beat, now)
        if self._last is None:
            is_late = now - self._began > self._limits.start_seconds_max
            return Overdue.NOT_STARTED if is_late else None
        return self._judge(self._last, now)

    def _take(self, beat: Beat, now: float) -> None:
        last = self._last
        if last is None or beat.mark != last.mark:
            self._beat_at = now
        if last is None or (beat.state, beat.work) != (last.state, last.work):
            self._work_at = now
        self._last = beat

    def _judge(self, last: Beat, now: float) -> Overdue | None:
        in_start = last.state in IN_START
        limits = self._limits
        # Opening a large store blocks the loop, and with it the beat.
        silent_max = limits.start_seconds_max if in_start else limits.silent_seconds_max
        if now - self._beat_at > silent_max:
            return Overdue.SILENT
        if in_start and now - self._work_at > limits.start_seconds_max:
            return Overdue.START_STANDS_STILL
        return None
