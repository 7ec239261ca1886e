"""A trial: processes that copy, an open-loop load, and what is done to them meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sys
import time
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from deploy.processes import _tether
from streams.errors import RivelinError
from streams.kafka import KafkaLog
from streams.ports import Outgoing
from tests.crash.copying import numbers_in, read_copy, read_verdict, source_value
from tests.crash.system import ROOT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.crash.cluster import Cluster
    from tests.crash.copying import Verdict

_BATCH_SECONDS = 0.05
_RESTART_SECONDS = 0.3
#: Above the session, a rebalance and a transaction's time together.
_STILL_SECONDS_MAX = 40.0
_EXIT_FATAL = 70
_LEADER_SHARE = 0.5
_ZOMBIE_SECONDS_MAX = 30.0


class Worker:
    """One slot: a process that is started anew whenever it ends or is taken for dead."""

    def __init__(self, argv: tuple[str, ...], output: Path) -> None:
        self.process: asyncio.subprocess.Process | None = None
        self.exits: list[int] = []
        self._argv = argv
        self._output = output
        self._taken_for_dead = asyncio.Event()

    async def keep(self) -> None:
        """Run it; forever."""
        while True:
            self._taken_for_dead.clear()
            self.process = await self._spawn()
            ended = asyncio.create_task(self.process.wait())
            given_up = asyncio.create_task(self._taken_for_dead.wait())
            try:
                await asyncio.wait({ended, given_up}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                ended.cancel()
                given_up.cancel()
            if not self._taken_for_dead.is_set():
                self.exits.append(ended.result())
                await asyncio.sleep(_RESTART_SECONDS)

    def replace(self) -> asyncio.subprocess.Process | None:
        """Take the present process for dead: another is started, and this one is left as it is."""
        self._taken_for_dead.set()
        return self.process

    def signal(self, number: signal.Signals) -> bool:
        """Signal the process that runs now."""
        if self.process is None or self.process.returncode is not None:
            return False
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
            return True
        return False

    async def _spawn(self) -> asyncio.subprocess.Process:
        with self._output.open("ab") as output:
            return await asyncio.create_subprocess_exec(
                *self._argv,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=output,
                stderr=output,
                preexec_fn=_tether(os.getpid()),  # however this process ends, none outlives it
            )


@dataclass(frozen=True)
class Plan:
    """What happens in a trial: the load goes on until it has all happened.

    `kills` and `stops` hit workers, by `writer_share` the one that wrote last; `broker_kills`
    a node, of several half of the times the one that leads the output. Each comes when records
    get through again after the one before, and a random `pause` later; `jitter` is what each step
    of a transaction may take longer.
    """

    kills: int = 20
    stops: int = 0
    broker_kills: int = 0
    per_second: float = 150.0
    records_min: int = 500
    seed: int = 1
    writer_share: float = 0.75
    jitter: float = 0.1
    session: float = 6.0
    pause: tuple[float, float] = (0.3, 2.0)


@dataclass(frozen=True)
class Outcome:
    """What a trial showed."""

    verdict: Verdict
    unsent: int  # acknowledged and not in the source: must be none
    kills: int
    stops: int
    broker_kills: int
    #: By deed: how long after it records got through again.
    recoveries: dict[str, list[float]]
    #: Processes that went on after they had been replaced, until they were killed.
    undead: int
    #: How often a process ended by itself, to start anew.
    given_up: int
    seconds: float
    stood_still: int  # how often nothing got through for 40 s
    is_finished: bool  # false if it stood still with records left


class Trial:
    """Workers of one way on topics of their own. Use as a context manager."""

    def __init__(self, cluster: Cluster, way: str, folder: Path, slots: int, plan: Plan) -> None:
        self.run = f"t{uuid.uuid4().hex[:8]}"
        self.plan = plan
        self.log = KafkaLog(cluster.access, client_id=f"load-{self.run}")
        self.done = {"kills": 0, "stops": 0, "broker_kills": 0}
        self.recoveries: dict[str, list[float]] = {"kills": [], "stops": [], "broker_kills": []}
        self.exits_of_zombies: list[int] = []
        self.stood_still = self.undead = 0
        self.acknowledged: set[int] = set()
        self._cluster = cluster
        self._chance = random.Random(plan.seed)
        self._folder = folder / self.run
        self._folder.mkdir(parents=True)
        self.workers = [self._worker(way, str(slot)) for slot in range(slots)]
        self._keeping: list[asyncio.Task[None]] = []

    def _worker(self, way: str, slot: str) -> Worker:
        argv = (
            *(sys.executable, "-m", "tests.crash.variants"),
            *(way, self._cluster.access.bootstrap, self.run, slot, str(self._folder)),
            *("--jitter", str(self.plan.jitter), "--session", str(self.plan.session)),
        )
        return Worker(argv, self._folder / f"worker-{slot}.log")

    async def __aenter__(self) -> Self:
        await self._make_topics()
        self.start_workers()
        return self

    @contextlib.asynccontextmanager
    async def without_workers(self) -> AsyncIterator[Self]:
        """Make the topics alone; workers are started by hand."""
        await self._make_topics()
        try:
            yield self
        finally:
            await self.__aexit__()

    async def _make_topics(self) -> None:
        await self._cluster.make_topics(f"{self.run}.in", f"{self.run}.out")

    def start_workers(self) -> None:
        """Start every slot and keep it running."""
        self._keeping = [asyncio.create_task(worker.keep()) for worker in self.workers]

    async def __aexit__(self, *_: object) -> None:
        for task in self._keeping:
            task.cancel()
        for worker in self.workers:
            worker.signal(signal.SIGCONT)
            if worker.signal(signal.SIGKILL):
                await worker.process.wait()
        await asyncio.gather(*self._keeping, return_exceptions=True)
        await self.log.stop()

    # --- load ------------------------------------------------------------------------------------

    async def load(self, until: asyncio.Event) -> None:
        """Append at the rate, whatever becomes of it; what is not acknowledged is sent again."""
        began, sent = time.monotonic(), 0
        pending: set[asyncio.Task[None]] = set()
        while not until.is_set() or sent < self.plan.records_min:
            due = int((time.monotonic() - began) * self.plan.per_second) + 1
            if due > sent:
                task = asyncio.create_task(self._append(range(sent, due)))
                pending.add(task)
                task.add_done_callback(pending.discard)
                sent = due
            await asyncio.sleep(_BATCH_SECONDS)
        await asyncio.gather(*pending)

    async def _append(self, numbers: range) -> None:
        outgoing = [Outgoing(f"{self.run}.in", source_value(number)) for number in numbers]
        while True:
            with contextlib.suppress(RivelinError):
                await self.log.append(outgoing)
                self.acknowledged.update(numbers)
                return
            await asyncio.sleep(0.2)

    # --- faults ----------------------------------------------------------------------------------

    async def torment(self) -> None:
        """Do what the plan says, in an order that depends on the seed alone."""
        plan = self.plan
        deeds = ["kills"] * plan.kills + ["stops"] * plan.stops
        deeds += ["broker_kills"] * plan.broker_kills
        self._chance.shuffle(deeds)
        await self.until_it_moves()
        for deed in deeds:
            await asyncio.sleep(self._chance.uniform(*plan.pause))
            began = time.monotonic()
            healing = asyncio.create_task(getattr(self, f"_do_{deed}")())
            await asyncio.sleep(_BATCH_SECONDS)
            if await self.until_it_moves():
                self.recoveries[deed].append(time.monotonic() - began)
            await healing
            self.done[deed] += 1

    async def _do_kills(self) -> None:
        (await self._victim()).signal(signal.SIGKILL)

    async def _do_stops(self) -> None:
        """Stop it for longer than its session; a way without a group is replaced by hand."""
        worker = await self._victim()
        worker.signal(signal.SIGSTOP)
        process = worker.replace() if len(self.workers) == 1 else worker.process
        await asyncio.sleep(self.plan.session + self._chance.uniform(1, 3))
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
        if process is not worker.process:
            await self._see_it_end(process)

    async def _see_it_end(self, process: asyncio.subprocess.Process) -> None:
        """It must find out by itself that it was replaced."""
        try:
            self.exits_of_zombies.append(
                await asyncio.wait_for(process.wait(), _ZOMBIE_SECONDS_MAX)
            )
        except TimeoutError:
            self.undead += 1
            process.kill()
            await process.wait()

    async def _do_broker_kills(self) -> None:
        index = self._chance.randrange(len(self._cluster.nodes))
        if self._chance.random() < _LEADER_SHARE:
            index = await self._cluster.leader_of(f"{self.run}.out")
        self._cluster.kill(index)
        await self._cluster.restart(index)

    async def _victim(self) -> Worker:
        is_writer = self._chance.random() < self.plan.writer_share
        other = self._chance.choice(self.workers)
        return (await self.writer() or other) if is_writer else other

    async def writer(self) -> Worker | None:
        """Return whoever wrote the last record that can be read, if it still runs."""
        holder = await self.latest_holder()
        for worker in self.workers:
            if worker.process and str(worker.process.pid) == holder.partition(".")[0]:
                return worker
        return None

    async def until_it_moves(self) -> bool:
        """Wait until records get through; after a while it goes on all the same."""
        topic = f"{self.run}.out"
        began, first = time.monotonic(), None
        while time.monotonic() < began + _STILL_SECONDS_MAX:
            with contextlib.suppress(RivelinError):
                end = (await self.log.ends([topic]))[topic]
                first = end if first is None else first
                if end > first:
                    return True
            await asyncio.sleep(_BATCH_SECONDS)
        self.stood_still += 1
        return False

    # --- the end ---------------------------------------------------------------------------------

    async def settle(self) -> bool:
        """Wait until the output is as long as the source, or nothing moves any more."""
        wanted = len(await numbers_in(self.log, self.run))
        moved_at, found = time.monotonic(), -1
        while time.monotonic() < moved_at + _STILL_SECONDS_MAX:
            verdict = await read_verdict(self.log, self.run)
            if verdict.records >= wanted and not verdict.lost:
                return True
            if verdict.lost != found:
                moved_at, found = time.monotonic(), verdict.lost
            await asyncio.sleep(1)
        return False

    async def outcome(self) -> Outcome:
        """Load, torment, settle, and judge once everything has come to rest."""
        began = time.monotonic()
        over = asyncio.Event()
        load = asyncio.create_task(self.load(over))
        await self.torment()
        over.set()
        await load
        is_finished = await self.settle()
        await asyncio.sleep(1)  # a copy too many may still be on its way
        missing = self.acknowledged - await numbers_in(self.log, self.run)
        return Outcome(
            verdict=await read_verdict(self.log, self.run),
            unsent=len(missing),
            seconds=time.monotonic() - began,
            recoveries=self.recoveries,
            undead=self.undead,
            given_up=sum(worker.exits.count(_EXIT_FATAL) for worker in self.workers),
            stood_still=self.stood_still,
            is_finished=is_finished,
            **self.done,
        )

    async def copied(self) -> int:
        """Return how long the output is; a transaction adds a marker to it."""
        topic = f"{self.run}.out"
        return (await self.log.ends([topic]))[topic]

    async def latest_holder(self) -> str:
        """Return who wrote the last record of the output."""
        topic = f"{self.run}.out"
        end = (await self.log.ends([topic]))[topic]
        source = self.log.source()
        await source.start({topic: max(0, end - 10)})
        records = await source.poll(100, timedelta(seconds=1)) if end else []
        await source.stop()
        return read_copy(records[-1].value).holder if records else ""
