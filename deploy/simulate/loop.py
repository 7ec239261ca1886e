"""An event loop in virtual time, whose processes can be killed or stopped between any two steps.

It is an ordinary asyncio loop to the code that runs on it: tasks, futures, locks, time-outs and
`sleep` are asyncio's own. Only time is not: when nothing is ready, the clock jumps to the next
timer. Everything runs in one order that follows from the order of the calls, so a run depends on
nothing but what the program draws from its seed.

Each handle belongs to the process in whose context it was made. The handles of a killed process
never run again (no `finally`, no `except`: SIGKILL lets nobody say farewell); those of a stopped
one (SIGSTOP) wait until it is let go on, timers that ran out meanwhile included.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import heapq
import sys
from collections import deque
from enum import Enum
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator, Iterator

_PROCESS: contextvars.ContextVar[Process | None] = contextvars.ContextVar("process", default=None)


#: No moment of a run has so much to do.
_HANDLES_MAX = 20_000


class SpinningError(Exception):
    """Code waits for something without letting time pass."""


class Killed(BaseException):
    """Raised where a process dies within its own synchronous code; it never gets further."""


class State(Enum):
    """Whether a process runs."""

    RUNNING = "running"
    STOPPED = "stopped"
    DEAD = "dead"


class Process:
    """What SIGKILL and SIGSTOP are aimed at: some tasks, and whatever they scheduled."""

    def __init__(self, loop: VirtualLoop, name: str) -> None:
        self.name = name
        self.state = State.RUNNING
        self._loop = loop
        self._context = contextvars.copy_context()
        self._context.run(_PROCESS.set, self)
        self._waiting: list[_Handle] = []
        self._tasks: list[asyncio.Task[Any]] = []

    @property
    def is_alive(self) -> bool:
        """Whether it will ever do anything again."""
        return self.state is not State.DEAD

    def run(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Start a task of this process."""
        return self._loop.create_task(work, name=name, context=self._context)

    def kill(self) -> None:
        """End it at once."""
        self.state = State.DEAD
        self._waiting.clear()

    def stop(self) -> None:
        """Let nothing of it run until `go_on`."""
        if self.state is State.RUNNING:
            self.state = State.STOPPED

    def go_on(self) -> None:
        """Run what became due meanwhile, in its order, and go on."""
        if self.state is not State.STOPPED:
            return
        self.state = State.RUNNING
        waiting, self._waiting = self._waiting, []
        self._loop.ready(waiting)

    def dispose(self) -> None:
        """Let go of the tasks without running them on: none may be left to the collector."""
        self.kill()
        for task in self._tasks:
            if not task.done():
                with contextlib.suppress(BaseException):
                    task.get_coro().close()
        self._tasks.clear()

    def holds(self, task: asyncio.Task[Any]) -> None:
        """Take note of a task that was started within."""
        self._tasks.append(task)

    def later(self, handle: _Handle) -> None:
        """Keep a handle that became due while the process was stopped."""
        self._waiting.append(handle)


def current_process() -> Process | None:
    """Return the process whose code is running; None for the world around them."""
    return _PROCESS.get()


class _Handle:
    """One call that is due, now or at a time."""

    __slots__ = ("_args", "_callback", "_context", "_when", "is_cancelled", "process")

    def __init__(
        self,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: contextvars.Context | None,
        when: float,
    ) -> None:
        self._callback = callback
        self._args = args
        self._context = contextvars.copy_context() if context is None else context
        self._when = when
        self.is_cancelled = False
        self.process = self._context.get(_PROCESS)

    def cancel(self) -> None:
        self.is_cancelled = True

    def cancelled(self) -> bool:
        return self.is_cancelled

    def when(self) -> float:
        return self._when

    def run(self) -> None:
        self._context.run(self._callback, *self._args)


class VirtualLoop(asyncio.AbstractEventLoop):
    """The loop. `owner` is what code that only knows the running loop finds its world by."""

    def __init__(self, owner: object) -> None:
        self.owner = owner
        self.faults: list[str] = []
        self._now = 0.0
        self._sequence = 0
        self._ready: deque[_Handle] = deque()
        self._timers: list[tuple[float, int, _Handle]] = []
        self._is_over = False

    # --- what asyncio asks of a loop ---------------------------------------------------------

    def time(self) -> float:
        """Return the virtual time in seconds since the start."""
        return self._now

    def get_debug(self) -> bool:
        """Never."""
        return False

    def is_running(self) -> bool:
        """Always, as far as code on it can tell."""
        return True

    def is_closed(self) -> bool:
        """Never, as far as code on it can tell."""
        return False

    def create_future(self) -> asyncio.Future[Any]:
        """Return a future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
        *,
        name: object = None,
        context: contextvars.Context | None = None,
    ) -> asyncio.Task[Any]:
        """Start a task, in the process that starts it unless a context says otherwise."""
        process = (context or contextvars.copy_context()).get(_PROCESS)
        task: asyncio.Task[Any] = asyncio.Task(
            coro,
            loop=self,
            name=str(name or "task"),
            context=context,
        )
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001 - who is killed leaves tasks undone
        if process is not None:
            process.holds(task)
        return task

    def call_soon(  # type: ignore[override] # a handle of our own, which is lighter
        self,
        callback: Callable[..., object],
        *args: Any,  # noqa: ANN401 - whatever the callback takes
        context: contextvars.Context | None = None,
    ) -> _Handle:
        """Call when what is ready now has run."""
        handle = _Handle(callback, args, context, self._now)
        self._ready.append(handle)
        return handle

    def call_later(  # type: ignore[override] # as call_soon
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,  # noqa: ANN401 - as call_soon
        context: contextvars.Context | None = None,
    ) -> _Handle:
        """Call after `delay` seconds."""
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override] # as call_soon
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,  # noqa: ANN401 - as call_soon
        context: contextvars.Context | None = None,
    ) -> _Handle:
        """Call at a time; what is due at the same time in the order of asking."""
        handle = _Handle(callback, args, context, when)
        self._sequence += 1
        heapq.heappush(self._timers, (when, self._sequence, handle))
        return handle

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Take note of an error that nobody awaited: it is a fault of the run."""
        error = context.get("exception")
        if not isinstance(error, Killed):
            self.faults.append(f"{context.get('message')}: {error!r}")

    async def create_connection(self, *_: object, **__: object) -> NoReturn:
        """Refuse: whoever looks with a socket of its own finds no broker here.

        Raises: ConnectionRefusedError.
        """
        raise ConnectionRefusedError

    # --- running -----------------------------------------------------------------------------

    def ready(self, handles: list[_Handle]) -> None:
        """Run handles that were kept back, before anything else that is not ready yet."""
        self._ready.extend(handles)

    def run_to(self, until: Callable[[], bool], limit: float) -> bool:
        """Run until `until` holds, asked at each jump of the clock; False at time `limit`."""
        with self.running():
            while not until():
                self._run_ready()
                if not self._timers or self._timers[0][0] > limit:
                    return False
                self._jump()
        return True

    def _run_ready(self) -> None:
        for _ in range(_HANDLES_MAX):
            if not self._ready:
                return
            self._run_one(self._ready.popleft())
        raise SpinningError(f"at {self._now:.4f} s something spins and lets no time pass")

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Be the loop that asyncio finds; this is how a loop that is not asyncio's says so.

        A generator that a killed process leaves behind is dropped and not run to its end.
        """
        before, hooks = asyncio._get_running_loop(), sys.get_asyncgen_hooks()  # noqa: SLF001 - documented for those who write loops
        tell = sys.unraisablehook
        asyncio._set_running_loop(self)  # noqa: SLF001 - the same
        sys.set_asyncgen_hooks(finalizer=lambda _: None)
        sys.unraisablehook = lambda one: None if one.exc_type is Killed else tell(one)
        try:
            yield
        finally:
            sys.unraisablehook = tell
            sys.set_asyncgen_hooks(*hooks)
            asyncio._set_running_loop(before)  # noqa: SLF001 - as above

    def _jump(self) -> None:
        self._now = max(self._now, self._timers[0][0])
        while self._timers and self._timers[0][0] <= self._now:
            self._ready.append(heapq.heappop(self._timers)[2])

    def _run_one(self, handle: _Handle) -> None:
        if handle.is_cancelled:
            return
        process = handle.process
        if process is None or process.state is State.RUNNING:
            handle.run()
        elif process.state is State.STOPPED:
            process.later(handle)


def world_now() -> Any:  # noqa: ANN401 - the loop does not know its owner's type
    """Return the owner of the running loop."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)  # noqa: S101 - simulated code runs nowhere else
    return loop.owner
