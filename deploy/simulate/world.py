"""One simulated world: a broker, a wire to it, processes, and what befalls them."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import warnings
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from aiokafka.errors import KafkaConnectionError, KafkaError, RequestTimedOutError

from consumers.store import OvertakenError
from deploy.simulate.broker import Broker
from deploy.simulate.loop import Killed, Process, SpinningError, State, VirtualLoop, current_process
from deploy.simulate.nemesis import Fate, Fault, Nemesis
from streams.errors import (
    BrokerUnreachableError,
    LogError,
    LogTruncatedError,
    LostPositionsError,
    RetentionGapError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping

    from deploy.simulate.broker import Entry
    from deploy.simulate.link import Product

#: No run lasts longer, in virtual seconds; one that does has not settled.
SECONDS_MAX: Final = 240.0
#: After so long no more faults begin.
FAULT_SECONDS_MAX: Final = 40.0
_LOOK_SECONDS: Final = 0.5
#: After so long the keeper of the node looks for what it left open (ADR 0011).
_KEEPER_SECONDS: Final = 2.0
_REFUSED_SECONDS: Final = 0.001
#: After so long a stopped process is given up, and another one takes its place.
SESSION_SECONDS: Final = 6.0
AnswerT = TypeVar("AnswerT")


class Runner(Protocol):
    """What a role does, as `deploy.roles` drives it."""

    async def start(self) -> None:
        """Take up the work where it was left."""

    async def run_forever(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set."""

    async def stop(self) -> None:
        """Close what is open."""


class Role:
    """One place where one process at a time shall run, whichever machine it is on."""

    def __init__(
        self, name: str, build: Callable[[int], Runner], *, is_replaced: bool = True
    ) -> None:
        self.name = name
        self.is_replaced = is_replaced
        self._build = build
        self.machine = 0
        self.process: Process | None = None
        self.stop: asyncio.Event | None = None
        self.runner: Runner | None = None
        self.runs = 0
        self.fenced: dict[str, float] = {}
        self.began: dict[str, float] = {}

    def is_stale(self, process: str, at: float) -> bool:
        """Whether another one had fenced a process, and begun to work, before a moment.

        One that was stopped while it started may well fence its replacement when it goes on.
        """
        since = self.fenced.get(process, 0.0)
        return any(self.fenced[one] > since and began < at for one, began in self.began.items())

    async def live(self, process: Process, world: World) -> None:
        """Start, work and stop, as a process of the product does."""
        stop = self.stop = asyncio.Event()
        runner = self.runner = self._build(self.machine)
        await runner.start()
        self.fenced.setdefault(process.name, world.loop.time())
        self.began[process.name] = world.loop.time()
        world.note(f"{process.name} works")
        await runner.run_forever(stop)
        await runner.stop()


class Scene(Protocol):
    """What runs in a world, and what must hold there."""

    name: str
    topics: tuple[str, ...]

    def enter(self, world: World) -> None:
        """Build the roles and start what brings work."""

    def is_done(self) -> bool:
        """Tell whether all work has come out."""

    def left_behind(self, positions: Mapping[str, int]) -> Iterable[str]:
        """Yield what lies below positions that have just moved, and has not come out."""

    def check(self) -> Iterable[str]:
        """Yield what does not hold, in words that name no more than topics and offsets."""


class Wire:
    """Between clients and broker; every request passes here once for each time it is sent."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._outside = contextvars.copy_context()
        self._held: list[_Held] = []

    async def send(
        self,
        process: Process | None,
        what: str,
        apply: Callable[[], AnswerT],
        patience: float,
    ) -> AnswerT:
        """Send a request and wait for the answer.

        Raises: KafkaConnectionError, RequestTimedOutError, and what the broker answers.
        """
        world = self._world
        fate = world.nemesis.fate_of(process, what)
        world.note(f"{process.name if process else 'world'} asks {what}: {fate.value}")
        self._let_through(process)
        if fate is Fate.KILLED_BEFORE:
            world.kill(process)
            await world.loop.create_future()
        if fate is Fate.BROKER_BEFORE:
            world.kill_broker()
        if fate is Fate.SLOW:
            world.nemesis.slow_down(world.loop.time())
            if "fetch" in what.split():  # a reader hands out nothing in time, and tries again
                raise RequestTimedOutError
        if not world.broker.is_up:
            await asyncio.sleep(_REFUSED_SECONDS)
            raise KafkaConnectionError
        answer: asyncio.Future[AnswerT] = world.loop.create_future()
        request = _Request(process, what, apply, fate, answer, world.broker_starts)
        if fate is Fate.HELD:
            self._hold(request, patience)
        else:
            self._send(request, patience)
        return await answer

    def _send(self, request: _Request[Any], patience: float) -> None:
        delay = self._world.nemesis.latency(self._world.loop.time())
        if delay > patience:
            self._later(patience, lambda: request.fail(RequestTimedOutError()))
        self._later(delay, lambda: self._arrive(request))

    def _arrive(self, request: _Request[Any]) -> None:
        world = self._world
        is_gone = not world.broker.is_up or request.starts != world.broker_starts
        if is_gone or request.fate is Fate.LOST:
            request.fail(KafkaConnectionError())
        else:
            self._do(request)

    # --- what is held up ---------------------------------------------------------------------

    def _hold(self, request: _Request[Any], patience: float) -> None:
        """Keep a request back until its sender has given it up, and done something else."""
        count, seconds = self._world.nemesis.held_until()
        held = _Held(request, count)
        self._held.append(held)
        self._later(self._world.nemesis.given_up_after(patience), held.give_up)
        self._later(seconds, lambda: self._release(held))

    def _let_through(self, process: Process | None) -> None:
        for held in list(self._held):
            if held.is_counted_down_by(process):
                self._release(held)

    def _release(self, held: _Held) -> None:
        if held not in self._held:
            return
        self._held.remove(held)
        held.give_up()
        if self._world.broker.is_up:
            self._world.note(f"what was held up comes through: {held.request.what}")
            self._do(held.request)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is held up."""
        return not self._held

    # --- what is done ------------------------------------------------------------------------

    def _do(self, request: _Request[Any]) -> None:
        world, fate = self._world, request.fate
        try:
            done = request.apply()
        except KafkaError as error:
            world.note(f"broker answers {request.what}: {type(error).__name__}")
            request.fail(error)
            return
        if fate is Fate.KILLED_AFTER:
            world.kill(request.process)
        elif fate is Fate.BROKER_AFTER:
            world.kill_broker()
            request.fail(KafkaConnectionError())
        elif fate is Fate.UNANSWERED:
            request.fail(KafkaConnectionError())
        elif not request.answer.done():
            request.answer.set_result(done)

    def _later(self, delay: float, call: Callable[[], None]) -> None:
        self._world.loop.call_later(delay, call, context=self._outside)


@dataclass(slots=True, eq=False)
class _Request(Generic[AnswerT]):
    """One request on the wire."""

    process: Process | None
    what: str
    apply: Callable[[], AnswerT]
    fate: Fate
    answer: asyncio.Future[AnswerT]
    starts: int  # of the broker by then

    def fail(self, error: Exception) -> None:
        """Let the sender know, who may be dead, that something was wrong."""
        if not self.answer.done():
            self.answer.set_exception(error)
            self.answer.exception()


class _Held:
    """A request that its sender waits for, gives up, and asks again; and that is not lost."""

    def __init__(self, request: _Request[Any], count: int) -> None:
        self.request = request
        self._count = count
        self._is_given_up = False

    def give_up(self) -> None:
        """Let the sender know that no answer will come."""
        self._is_given_up = True
        self.request.fail(RequestTimedOutError())

    def is_counted_down_by(self, process: Process | None) -> bool:
        """Count a request of the same role; tell whether it is time to come through."""
        sender = self.request.process
        if not self._is_given_up or process is None or sender is None:
            return False
        if process.name.rpartition(".")[0] == sender.name.rpartition(".")[0]:
            self._count -= 1
        return self._count <= 0


class World:
    """One run of one scene. Everything in it follows from the seed."""

    def __init__(self, seed: int, scene: Scene, product: Product, *, traced: bool = False) -> None:
        self.seed = seed
        self.scene = scene
        self.product = product
        self.loop = VirtualLoop(self)  # type: ignore[abstract] # sockets and signals there are none
        self.dice = Random(f"{seed} work")  # noqa: S311 - a simulation, not a secret
        self.nemesis = Nemesis(Random(f"{seed} faults"))  # noqa: S311 - the same
        self.kills = 0
        self.broker_starts = 0
        self.topics = frozenset(scene.topics)
        self.seen: list[tuple[str, str, int, Entry]] = []
        self.roles: dict[str, Role] = {}
        self.violations: list[str] = []
        self.trace: list[str] | None = [] if traced else None
        self._outside = contextvars.copy_context()
        self._processes: list[Process] = []
        self._role_of: dict[Process, Role] = {}
        self._growth: dict[str, list[asyncio.Future[None]]] = {}
        self._world_tasks: list[asyncio.Task[Any]] = []
        self.is_over = False
        self.broker = Broker(
            scene.topics,
            now=self.loop.time,
            later=lambda delay, call: self.loop.call_later(delay, call, context=self._outside),
            delay=self.nemesis.marker_delay,
            overdue=self.nemesis.overdue_seconds,
            loses_markers=self.nemesis.loses_markers,
        )
        self.broker.tell(self._has_grown, self.note, self._have_moved)
        self.wire = Wire(self)

    # --- one run -----------------------------------------------------------------------------

    def run(self) -> None:
        """Run until all has settled, and check."""
        gc.disable()  # what is collected when must not depend on what ran before
        try:
            self._run()
        finally:
            gc.enable()

    def _run(self) -> None:
        has_settled = False
        try:
            has_settled = self.loop.run_to(self._begin(), SECONDS_MAX)
        except SpinningError as error:
            self.violations.append(str(error))
        self.note("settled" if has_settled else "does not settle")
        if not has_settled:
            self.violations.append("has not settled: work is left that nobody does")
        self.violations += self.loop.faults
        self.violations += self._never_committed_and_seen()
        self.violations += self._stale_writes()
        self.violations += self.scene.check()
        self._end()

    def _begin(self) -> Callable[[], bool]:
        has_begun = False

        def until() -> bool:
            nonlocal has_begun
            if not has_begun:
                has_begun = True
                self.scene.enter(self)
                self.aside(self._watch())
                self.aside(self._harass())
            return self.is_over

        return until

    def aside(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that belongs to no process."""
        self._world_tasks.append(self.loop.create_task(work, context=self._outside))

    async def _watch(self) -> None:
        """End the run when work and faults have come to their ends, and held requests through."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if self.loop.time() > FAULT_SECONDS_MAX:
                self.nemesis.heal()
            if self._is_calm():
                self.nemesis.heal()
                await asyncio.sleep(_LOOK_SECONDS)
                self.is_over = self._is_calm()

    def _is_calm(self) -> bool:
        """Whether each role has a process at work, nothing is on its way, and all came out."""
        at_work = all(
            role.process is not None
            and role.process.state is State.RUNNING
            and role.process.name in role.began
            for role in self.roles.values()
        )
        return at_work and self.broker.is_up and self.wire.is_empty and self.scene.is_done()

    async def _harass(self) -> None:
        """Let happen what happens to processes at some time, not at some step."""
        while (coming := self.nemesis.next_timed()) is not None:
            delay, fault = coming
            await asyncio.sleep(delay)
            alive = [one for one in self._processes if one.state is State.RUNNING]
            if alive and self.nemesis.take_one(fault):
                self._befall(self.nemesis.one_of(alive), fault)

    def _befall(self, process: Process, fault: Fault) -> None:
        self.note(f"{fault.value} {process.name}")
        match fault:
            case Fault.KILL:
                self.kill(process)
            case Fault.TERM:
                self._terminate(process)
            case Fault.STALE:
                self._stop_for_long(process)
            case Fault.DOUBLE:
                self._replace(process)
            case _:
                self.scene_event(fault, process)

    def after(self, seconds: float, call: Callable[[], object]) -> None:
        """Call later, outside of every process."""
        self.loop.call_later(seconds, call, context=self._outside)

    def scene_event(self, fault: Fault, process: Process) -> None:
        """Hand what only the scene understands on to it."""
        react = getattr(self.scene, "befall", None)
        if react is not None:
            react(fault, process)

    def _end(self) -> None:
        with warnings.catch_warnings(), self.loop.running():
            warnings.simplefilter(
                "ignore", RuntimeWarning
            )  # what is killed awaits nothing any more
            for process in self._processes:
                process.dispose()
            for task in self._world_tasks:
                if not task.done():
                    task.get_coro().close()

    def note(self, line: str) -> None:
        """Write a line of the trace."""
        if self.trace is not None:
            self.trace.append(f"{self.loop.time():10.4f} {line}")

    # --- processes ---------------------------------------------------------------------------

    def add_role(self, role: Role) -> None:
        """Start a role."""
        self.roles[role.name] = role
        self._start(role)

    def has_fenced(self, process: Process | None) -> None:
        """Take note that a process has taken its transactional id over."""
        role = None if process is None else self._role_of.get(process)
        if process is not None and role is not None:
            role.fenced[process.name] = self.loop.time()

    def _start(self, role: Role) -> None:
        if self.is_over:
            return
        role.runs += 1
        process = role.process = self.new_process(f"{role.name}.{role.runs}")
        self._role_of[process] = role
        self.note(f"{process.name} starts on machine {role.machine}")
        process.run(self._live(role, process), process.name)

    def new_process(self, name: str) -> Process:
        """Make a process."""
        process = Process(self.loop, name)
        self._processes.append(process)
        return process

    async def _live(self, role: Role, process: Process) -> None:
        try:
            await role.live(process, self)
            self.process_ended(process, "ended in order", None)
        except Killed:
            raise
        except Exception as error:  # noqa: BLE001 - as `deploy.roles` does: whatever it is, start anew
            self.process_ended(process, "failed", error)

    def process_ended(self, process: Process, why: str, error: BaseException | None) -> None:
        """Take note that a process ended by itself; its role is started anew."""
        if not process.is_alive:
            return
        self.note(f"{process.name} {why}" + (f": {error!r}" if error else ""))
        if error is not None and not _is_expected(error) and not self._is_outrun(process, error):
            self.violations.append(f"{process.name} fails by a fault of its own: {error!r}")
        process.kill()
        self._succeed(process)

    def _is_outrun(self, process: Process, error: BaseException) -> bool:
        """Whether a process that starts reads what one wrote that has fenced it since."""
        role = self._role_of.get(process)
        since = role.fenced.get(process.name, 0.0) if role is not None else 0.0
        return (
            isinstance(error, LostPositionsError)
            and role is not None
            and any(fenced > since for fenced in role.fenced.values())
        )

    def kill(self, process: Process | None) -> None:
        """SIGKILL."""
        if process is None or not process.is_alive:
            return
        self.kills += 1
        self.after(SESSION_SECONDS, lambda: self.scene_event(Fault.KILL, process))
        self.note(f"{process.name} is killed")
        process.kill()
        self._succeed(process)

    def step(self) -> None:
        """Be a moment within a process's own code at which it may be killed.

        Raises: Killed.
        """
        process = current_process()
        if self.nemesis.kills_now(process):
            self.kill(process)
            raise Killed

    def _succeed(self, process: Process) -> None:
        """Start a successor, unless there is one already."""
        role = self._role_of.get(process)
        if role is not None and role.process is process:
            delay = self.nemesis.restart_seconds()
            self.loop.call_later(delay, self._start, role, context=self._outside)

    def _terminate(self, process: Process) -> None:
        role = self._role_of.get(process)
        if role is not None and role.process is process and role.stop is not None:
            role.stop.set()

    def _stop_for_long(self, process: Process) -> None:
        """SIGSTOP; after the session a replacement on another machine; at last SIGCONT."""
        process.stop()
        self.after(SESSION_SECONDS, lambda: self.scene_event(Fault.STALE, process))
        seconds = self.nemesis.stopped_seconds(SESSION_SECONDS)

        def wake() -> None:
            self.note(f"{process.name} goes on")
            process.go_on()

        self.after(SESSION_SECONDS, lambda: self._replace(process, State.STOPPED))
        self.after(seconds, wake)

    def _replace(self, process: Process, state: State = State.RUNNING) -> None:
        """Start another process beside one that is still there, on the other machine."""
        role = self._role_of.get(process)
        if process.state is not state or role is None or role.process is not process:
            return
        if role.is_replaced:
            role.machine = 1 - role.machine
            self._start(role)

    # --- the broker --------------------------------------------------------------------------

    def kill_broker(self) -> None:
        """SIGKILL of the node; it comes back by itself."""
        if not self.broker.is_up:
            return
        self.kills += 1
        self.broker_starts += 1
        self.note("broker is killed")
        self.broker.kill()
        delay, loading = self.nemesis.down_seconds(), self.nemesis.loading_seconds()

        def start() -> None:
            self.note("broker starts")
            self.broker.start(loading)
            self.loop.call_later(loading + _KEEPER_SECONDS, mend, context=self._outside)

        def mend() -> None:
            if self.broker.is_up:
                self.broker.end_abandoned()

        self.loop.call_later(delay, start, context=self._outside)

    def growth(self, topics: Iterable[str]) -> asyncio.Future[None]:
        """Return a future that is done when one of the topics has more to read."""
        future = self.loop.create_future()
        for topic in topics:
            self._growth.setdefault(topic, []).append(future)
        return future

    async def wait(self, grown: asyncio.Future[None], seconds: float) -> None:
        """Wait for growth, or so long."""
        timer = self.loop.call_later(seconds, _wake, grown)
        await grown
        timer.cancel()

    def _has_grown(self, topic: str) -> None:
        for future in self._growth.pop(topic, ()):
            _wake(future)

    def _have_moved(self, positions: Mapping[str, int]) -> None:
        self.violations += self.scene.left_behind(positions)

    # --- what holds in every scene -----------------------------------------------------------

    def _never_committed_and_seen(self) -> Iterable[str]:
        for reader, topic, offset, entry in self.seen:
            if entry.span is not None and entry.span.committed is False:
                yield f"{reader} saw {topic}:{offset}, which was aborted"

    def _stale_writes(self) -> Iterable[str]:
        """Yield what a process wrote after another one of its role had fenced it, and worked.

        Lanes of intake have an id each, and are fenced one by one: there the output tells.
        """
        for topic, partition in self.broker.partitions.items():
            for offset, entry in partition.committed():
                role = self.roles.get(entry.author.rpartition(".")[0])
                if role is not None and role.is_replaced and role.is_stale(entry.author, entry.at):
                    yield f"{entry.author} wrote {topic}:{offset} though it was replaced"


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _is_expected(error: BaseException) -> bool:
    """Whether a fault of the world explains it: then the process starts anew, and goes on."""
    if type(error).__name__ == OvertakenError.__name__:
        return True  # of a linked module: another class of the same name
    return isinstance(error, (LogError, BrokerUnreachableError, TimeoutError)) and not isinstance(
        error, (RetentionGapError, LogTruncatedError, LostPositionsError)
    )
