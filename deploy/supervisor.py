"""One supervisor owns the broker and every role, each as a process of its own.

What dies is started again; what lives and does nothing is ended first (`deploy.pulse`); nothing
outlives the supervisor, however it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import IO, TYPE_CHECKING, Any

from deploy.log_lines import tell, tell_alarm
from deploy.notify import ALIVE, notify
from deploy.processes import Child, ProcessIdentity, ProcessSpec, own_identity
from deploy.progress import read_beat
from deploy.pulse import Pulse, PulseLimits
from streams.errors import RivelinError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from deploy.pulse import Beat, Overdue
    from deploy.settings import Settings

RESTART_REQUESTED = 75
"""The exit code by which a process asks to be started again at once."""
ORDERLY = (0, RESTART_REQUESTED)
"""How a process ends that was told to, or has taken in something new; any other end is a death."""

BACKOFF_SECONDS_MIN = 0.5
BACKOFF_SECONDS_MAX = 30.0
HEALTHY_SECONDS = 60.0
# Together below the 10 s within which everything is down.
ROLE_STOP_SECONDS_MAX = 5.0
BROKER_STOP_SECONDS_MAX = 3.0
KILL_SECONDS_MAX = 0.5
REPLACED_PROBE_SECONDS = 0.05
NOT_STARTED = 127
WATCH_SECONDS = 1.0


class AlreadyRunningError(RivelinError):
    """A supervisor already runs for this home. Use it, or stop it with `rivelin down`."""


class State(StrEnum):
    """What a supervised process is doing."""

    WAITING = "waiting"
    RUNNING = "running"
    STOPPED = "stopped"


class Phase(StrEnum):
    """How far the supervisor is."""

    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"


@dataclass
class BackOff:
    """How long to wait before a process is started again."""

    _next_seconds: float = BACKOFF_SECONDS_MIN

    def delay_seconds(self, exit_code: int, lived_seconds: float) -> float:
        """Twice the last delay, from 0.5 s to 30 s; a healthy minute is forgiven."""
        if exit_code == RESTART_REQUESTED:
            return 0.0
        if lived_seconds >= HEALTHY_SECONDS:
            self._next_seconds = BACKOFF_SECONDS_MIN
        delay = self._next_seconds
        self._next_seconds = min(2 * delay, BACKOFF_SECONDS_MAX)
        return delay


@dataclass
class Keeper:
    """Keeps one process running until told to stop."""

    spec: ProcessSpec
    log: Path
    changed: Callable[[], object]
    stops_last: bool = False
    watched: PulseLimits | None = None
    state: State = State.WAITING
    starts: int = 0
    deaths: int = 0
    last_exit: int | None = None
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    child: Child | None = None
    _task: asyncio.Task[None] | None = None
    _backoff: BackOff = field(default_factory=BackOff)
    _pulse: Pulse | None = None

    def start(self) -> None:
        """Start the process and keep it from then on.

        Raises: OSError if it cannot even be started; later starts are tried again.
        """
        self._spawn()
        self._task = asyncio.create_task(self._keep(), name=f"keep {self.spec.name}")

    async def stop(self, seconds_max: float) -> None:
        """Ask the process to end, insist after that time; it is not started again."""
        self._become(State.STOPPED)
        if self._task is None:
            return
        if self.child is None:  # between two lives
            self._task.cancel()
        else:
            await self._end(self.child, self._task, seconds_max)
        await asyncio.wait({self._task}, timeout=KILL_SECONDS_MAX)

    def look(self, beat: Beat | None, now: float) -> Overdue | None:
        """Return why the process must be ended although it lives; None if it need not be."""
        child = self.child
        if self.watched is None or child is None or self.state is not State.RUNNING:
            return None
        if self._pulse is None or self._pulse.pid != child.pid:
            self._pulse = Pulse(child.pid, now, self.watched)
        return self._pulse.look(beat, now)

    def kill(self) -> None:
        """End the process at once, as one that hears nothing; it is started again."""
        if self.child is not None:
            self.child.signal(signal.SIGKILL)

    @staticmethod
    async def _end(child: Child, kept: asyncio.Task[None], seconds_max: float) -> None:
        child.signal(signal.SIGTERM)
        await asyncio.wait({kept}, timeout=seconds_max)
        child.signal(signal.SIGKILL)  # nothing happens if it has ended

    async def _keep(self) -> None:
        while True:
            delay_seconds = await self._one_life()
            if self.state is State.STOPPED:
                return
            self._become(State.WAITING)
            await asyncio.sleep(delay_seconds)
            self._try_to_spawn()

    async def _one_life(self) -> float:
        """See the process to its end; tell how long the next life should wait."""
        began = time.monotonic()
        code = await self.child.wait() if self.child else NOT_STARTED
        self.child, self.last_exit = None, code
        self.deaths += code not in ORDERLY
        delay = self._backoff.delay_seconds(code, time.monotonic() - began)
        if self.state is not State.STOPPED:
            tell("process ended", process=self.spec.name, exit=code, again_in_seconds=delay)
        return delay

    def _spawn(self) -> None:
        self.child = Child.spawn(self.spec, self.log)
        self.starts += 1
        self._become(State.RUNNING)

    def _try_to_spawn(self) -> None:
        """A start may fail for a while (no memory, a full disk): it counts as a short life."""
        with contextlib.suppress(OSError):
            self._spawn()

    def _become(self, state: State) -> None:
        self.state, self.since = state, datetime.now(UTC)
        self.changed()

    def as_dict(self) -> dict[str, Any]:
        """What the state file says of it."""
        identity = self.child and self.child.identity
        return {
            "name": self.spec.name,
            "state": self.state,
            **(identity.as_dict() if identity else {"pid": None, "started_ticks": None}),
            "restarts": max(0, self.starts - 1),
            "deaths": self.deaths,
            "last_exit": self.last_exit,
            "since": _instant(self.since),
            "log": str(self.log),
        }


class Supervisor:
    """Keeps the processes of one home, and the file that tells others about them."""

    def __init__(self, settings: Settings) -> None:
        """Take the home.

        Raises: AlreadyRunningError.
        """
        settings.make_folders()
        self.settings = settings
        self.bootstrap: str | None = None
        self._phase = Phase.STARTING
        self._lock = _take_lock(settings.run_dir / "supervisor.lock")
        self._started_at = datetime.now(UTC)
        self._identity = own_identity()
        self._keepers: list[Keeper] = []
        self._watching: asyncio.Task[None] | None = None
        self._tell()

    def keep(self, spec: ProcessSpec, *, stops_last: bool = False, watched: bool = False) -> Keeper:
        """Start a process and keep it; `stops_last` for what the others need to end in order.

        A `watched` one writes a progress file under its name, and is ended when that stands still.
        """
        log = self.settings.logs_dir / f"{spec.name}.log"
        keeper = Keeper(spec, log, self._tell, stops_last, self._limits() if watched else None)
        self._keepers.append(keeper)
        keeper.start()
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch(), name="watch")
        return keeper

    def _limits(self) -> PulseLimits:
        watch = self.settings.watch
        return PulseLimits(watch.silent_seconds_max, watch.start_seconds_max)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            notify(ALIVE)
            for keeper in self._keepers:
                beat = read_beat(self.settings, keeper.spec.name)
                why = keeper.look(beat, time.monotonic())
                if why is not None and self._tell():  # what nobody can write is no sign of death
                    tell_alarm(why, process=keeper.spec.name, beat=beat and beat.state)
                    keeper.kill()

    def restart(self, names: Sequence[str]) -> None:
        """Ask these processes to end in order; they are started again as if they had died."""
        for keeper in self._keepers:
            if keeper.spec.name in names and keeper.child is not None:
                keeper.child.signal(signal.SIGTERM)

    async def replace(self, name: str) -> Child:
        """End a process in order and return the one that was started in its place."""
        keeper = next(one for one in self._keepers if one.spec.name == name)
        before = keeper.starts
        self.restart((name,))
        while keeper.starts == before or keeper.child is None:  # noqa: ASYNC110 - seconds, and once in two months
            await asyncio.sleep(REPLACED_PROBE_SECONDS)
        return keeper.child

    def ready(self) -> None:
        """Tell others that everything has been started."""
        self._phase = Phase.READY
        self._tell()

    async def stop(self) -> None:
        """Stop what runs, together; then what the others needed for an orderly end."""
        self._phase = Phase.STOPPING
        self._tell()
        if self._watching is not None:
            self._watching.cancel()
        first = [keeper for keeper in self._keepers if not keeper.stops_last]
        await _stop_together(first, ROLE_STOP_SECONDS_MAX)
        last = [keeper for keeper in self._keepers if keeper.stops_last]
        await _stop_together(last, BROKER_STOP_SECONDS_MAX)

    def close(self) -> None:
        """Leave no trace of having run."""
        self.settings.supervisor_file.unlink(missing_ok=True)
        self.settings.broker_file.unlink(missing_ok=True)
        self._lock.close()

    def as_dict(self) -> dict[str, Any]:
        """What the state file says."""
        return {
            **self._identity.as_dict(),
            "phase": self._phase,
            "started_at": _instant(self._started_at),
            "bootstrap": self.bootstrap,
            "processes": [keeper.as_dict() for keeper in self._keepers],
        }

    def _tell(self) -> bool:
        """Replace the state file; tell whether that could be done.

        It only informs: a full disk must not end the supervisor.
        """
        file = self.settings.supervisor_file
        draft = file.with_suffix(".draft")
        try:
            draft.write_text(json.dumps(self.as_dict(), indent=2))
            draft.replace(file)
        except OSError:
            return False
        return True


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


async def _stop_together(keepers: Sequence[Keeper], seconds_max: float) -> None:
    await asyncio.gather(*(keeper.stop(seconds_max) for keeper in keepers))


def _take_lock(path: Path) -> IO[str]:
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip()
        file.close()
        raise AlreadyRunningError(
            f"a supervisor (process {holder}) already runs for {path.parent.parent}: "
            "stop it with `rivelin down`"
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


# ---------------------------------------------------------------- from another process


@dataclass(frozen=True)
class Report:
    """What a running supervisor says of itself."""

    identity: ProcessIdentity
    facts: dict[str, Any]

    @property
    def phase(self) -> Phase:
        """How far it is."""
        return Phase(self.facts["phase"])


def read_report(settings: Settings) -> Report | None:
    """Read the state of the supervisor that runs for this home; None if none does."""
    try:
        facts = json.loads(settings.supervisor_file.read_text())
        identity = ProcessIdentity.from_dict(facts)
        if not isinstance(facts["processes"], list):
            return None
    except (FileNotFoundError, KeyError, TypeError, ValueError):
        return None
    return Report(identity, facts) if identity.is_alive else None
