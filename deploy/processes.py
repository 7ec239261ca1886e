"""Child processes that cannot outlive their parent, and process ids that cannot be confused.

Linux only: it leans on pidfds, /proc and the parent-death signal.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_KILLED_SECONDS_MAX = 10
LOG_BYTES_MAX = 20 * 1024 * 1024
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class ProcessIdentity:
    """A process id together with its start: ids are used again, pairs are not."""

    pid: int
    started_ticks: int

    @property
    def is_alive(self) -> bool:
        """Whether this very process still runs (a zombie does not)."""
        return identity_of(self.pid) == self

    def signal(self, number: signal.Signals) -> bool:
        """Signal this very process; False if it has gone."""
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return False
        try:
            # The handle is taken first: what is checked now is what will be signalled.
            if not self.is_alive:
                return False
            signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(handle)
        return True

    def as_dict(self) -> dict[str, int]:
        """Plain values, for a file."""
        return {"pid": self.pid, "started_ticks": self.started_ticks}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ProcessIdentity:
        """Read back what `as_dict` gave."""
        return cls(int(values["pid"]), int(values["started_ticks"]))


def identity_of(pid: int) -> ProcessIdentity | None:
    """Who has this process id now; None if nobody, or only a zombie."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command's name is in brackets and may hold anything, so count from the last bracket.
    state, *fields = status.rpartition(")")[2].split()
    return None if state in {"Z", "X"} else ProcessIdentity(pid, int(fields[18]))


def own_identity() -> ProcessIdentity:
    """Who this process is."""
    me = identity_of(os.getpid())
    if me is None:
        raise RuntimeError("/proc does not show this process")
    return me


@dataclass(frozen=True)
class ProcessSpec:
    """What to run. `env` is added to the parent's; `pass_fds` stay open in the child."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    pass_fds: tuple[int, ...] = ()


def rotate_log(path: Path, bytes_max: int = LOG_BYTES_MAX) -> None:
    """Keep one older log when the present one has grown too large."""
    if path.exists() and path.stat().st_size > bytes_max:
        path.replace(path.with_name(f"{path.name}.1"))


def last_lines(path: Path, *, since: int = 0, count: int = 15, bytes_max: int = 16_384) -> str:
    """Return the end of a log, from byte `since` at the earliest; empty if there is none."""
    try:
        with path.open("rb") as log:
            log.seek(max(since, path.stat().st_size - bytes_max))
            text = log.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    # The frames of a Java trace push the message itself out of sight.
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("at ")]
    return "\n".join(lines[-count:])


class Child:
    """One running child in a session of its own, tied to the thread that spawned it.

    The kernel kills it when that thread ends, however it ends: spawn from the main
    thread. Its process id stays reserved until `wait` or `wait_sync` reaps it, so
    signals cannot reach a stranger.
    """

    def __init__(self, process: subprocess.Popen[bytes], identity: ProcessIdentity) -> None:
        """Use `Child.spawn`."""
        self.identity = identity
        self._process = process
        self._handle = os.pidfd_open(process.pid)
        self._exit_code: int | None = None

    @classmethod
    def spawn(cls, spec: ProcessSpec, log: Path, *, tethered: bool = True) -> Child:
        """Start `spec` with its output appended to `log`; untethered, it may outlive us."""
        rotate_log(log)
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 - argv of our own making, no shell
                spec.argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **spec.env},
                cwd=spec.cwd,
                pass_fds=spec.pass_fds,
                start_new_session=True,  # Ctrl-C reaches the parent alone, which stops in order
                preexec_fn=_tether(os.getpid()) if tethered else None,  # noqa: PLW1509 - only two system calls
            )
        identity = identity_of(process.pid) or ProcessIdentity(process.pid, 0)  # gone already
        return cls(process, identity)

    @property
    def pid(self) -> int:
        """The process id, also the id of its group."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        return self._exit_code is None and self.identity.is_alive

    def signal(self, number: signal.Signals) -> None:
        """Signal the child and what it started; nothing happens once it has been reaped."""
        if self._exit_code is None:
            os.killpg(self.pid, number)

    async def wait(self) -> int:
        """Wait for the end, sweep up what the child itself started, and reap it.

        Gives the exit code, negative for a signal.
        """
        if self._exit_code is None:
            await _readable(self._handle)
        return self._reap()

    def wait_sync(self, seconds: float) -> int | None:
        """Wait without an event loop; None if it still runs after that time."""
        if self._exit_code is None:
            import select  # noqa: PLC0415 - only without a loop

            ended, _, _ = select.select([self._handle], [], [], seconds)
            if not ended:
                return None
        return self._reap()

    def stop_sync(self, seconds: float) -> int:
        """Ask it to stop, insist after that time, and reap it."""
        self.signal(signal.SIGTERM)
        code = self.wait_sync(seconds)
        if code is None:
            code = self.kill_sync()
        return code

    def kill_sync(self) -> int:
        """End it without asking, and reap it."""
        self.signal(signal.SIGKILL)
        self.wait_sync(_KILLED_SECONDS_MAX)
        return self._reap()

    def _reap(self) -> int:
        if self._exit_code is None:
            # Still a zombie, so the group's id is still its own.
            os.killpg(self.pid, signal.SIGKILL)
            self._exit_code = self._process.wait()
            os.close(self._handle)
        return self._exit_code


def _tether(parent: int) -> Callable[[], None]:
    def ask_to_die_with_parent() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return ask_to_die_with_parent


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
