"""What happens to the system: a seeded plan of faults, and the hand that carries it out.

Every process has its own list, taken one after the other, each time it works again; the lists run
beside each other, so that two roles and the broker may be away at once, and no more: behind a
stage that is always away nothing would ever come through. Everything is noted before it is done.

The mix of reliability.md section 2: of the kills 40 % hit the anonymiser, 25 % linker, gate and
consumers, 15 % the broker; 10 % stop a process for longer than its session; of the last 10 %
(there a partition, which the proxies of `tests.crash.proxy` make) half stop the broker and half
kill a role and let it live in another hour.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections import Counter, defaultdict
from contextlib import nullcontext
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import TYPE_CHECKING

from tests.crash.failpoints import BY_NAME, FAILPOINTS, KEYS, Failpoint
from tests.crash.ledger import note
from tests.crash.system import BACK_SECONDS_MAX, BROKER, CrashSystemError, System

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from pathlib import Path

CONSUMERS = ("linker", "gate", "safeguarding", "ocg-network", "desk", "reconciler")
#: Above the 6 s session of the anonymiser and the 10 s of an open transaction.
STOPPED_SECONDS = (7.0, 13.0)
BROKER_STOPPED_SECONDS = (2.0, 6.0)
#: The partners' own systems: all of them at once, once for so many kills of ours.
LOAD, KILLS_A_LOAD = "load", 10
SKEWS = ("+2h", "-2h")
_FIRE_SECONDS_MAX = 40.0
#: A role that is brought to a place is there at once, or a few seconds after its next start.
_BROUGHT_SECONDS_MAX = 20.0
_LOOK_SECONDS = 0.05
#: So many roles may be away at once, the broker not counted.
AWAY_MAX = 2
_TRIES = 4
_WITHOUT_SLOT = frozenset({BROKER, LOAD, KEYS})
#: What a full disk still has.
_LEFT_BYTES = 300_000


class Deed(StrEnum):
    """What is done to a process."""

    KILL = "kill"
    STOP = "stop"
    SKEW = "skew"
    FAILPOINT = "failpoint"
    FULL_DISK = "full disk"
    PARTNERS = "partners killed"


@dataclass(frozen=True, slots=True)
class Fault:
    """One deed; `detail` is the failpoint's name or the hour's shift."""

    deed: Deed
    process: str
    detail: str = ""
    tries: int = 0


def plan_of(
    seed: int, kills: int, each: int, *, full_disk: bool, only: Collection[str] = ()
) -> list[Fault]:
    """Return every fault of a run; `each` failpoint, or of these `only`, fires so often."""
    chance = Random(f"nemesis {seed}")
    points = [one for one in FAILPOINTS if not only or one.name in only]
    faults = [*_kills(chance, kills), *_failpoints(chance, each, points)]
    if full_disk:
        faults.append(Fault(Deed.FULL_DISK, BROKER))
    faults += [Fault(Deed.PARTNERS, LOAD)] * (kills // KILLS_A_LOAD)
    chance.shuffle(faults)
    return faults


def _kills(chance: Random, kills: int) -> Iterable[Fault]:
    shares = {"anonymiser": 0.40, "consumer": 0.25, BROKER: 0.15, "stop": 0.10, "else": 0.10}
    counts = {name: int(kills * share) for name, share in shares.items()}
    counts["anonymiser"] += kills - sum(counts.values())
    anyone = ("anonymiser", *CONSUMERS)
    yield from (Fault(Deed.KILL, "anonymiser") for _ in range(counts["anonymiser"]))
    order = chance.sample(CONSUMERS, len(CONSUMERS))
    yield from (Fault(Deed.KILL, order[n % len(order)]) for n in range(counts["consumer"]))
    yield from (Fault(Deed.KILL, BROKER) for _ in range(counts[BROKER]))
    yield from (Fault(Deed.STOP, chance.choice(anyone)) for _ in range(counts["stop"]))
    for number in range(counts["else"]):
        if number % 2:
            yield Fault(Deed.STOP, BROKER)
        else:
            yield Fault(Deed.SKEW, chance.choice(anyone), chance.choice(SKEWS))


def _failpoints(chance: Random, each: int, points: Iterable[Failpoint]) -> Iterable[Fault]:
    for point in points:
        roles = chance.sample(point.roles, len(point.roles))
        if each > len(roles):  # it has most of the kills already, and its list is the longest
            roles.sort(key=lambda role: role == "anonymiser")
        for number in range(each):
            yield Fault(Deed.FAILPOINT, roles[number % len(roles)], point.name)


class Nemesis:
    """Carries a plan out on a system, and notes it in `log`, one JSON line a deed."""

    def __init__(
        self, system: System, faults: list[Fault], seed: int, log: Path, load: Callable[[], None]
    ) -> None:
        """`load` kills the partners' processes and starts them again."""
        self._system = system
        self._load = load
        self._chance = Random(f"hand {seed}")
        self._log = log
        self._queues: dict[str, list[Fault]] = defaultdict(list)
        for fault in faults:
            self._queues[fault.process].append(fault)
        self._planned = Counter(one.deed for one in faults if one.deed is not Deed.FAILPOINT)
        self.done: Counter[str] = Counter()
        self._busy = 0
        self._slots = asyncio.Semaphore(AWAY_MAX)
        self.missed: list[Fault] = []
        self.broker_kills: list[float] = []

    @property
    def left(self) -> int:
        """How many faults are still to come."""
        return sum(map(len, self._queues.values())) + self._busy

    async def run(self, seconds: float) -> None:
        """Do everything; the broker's share is spread over `seconds`, roles take theirs at once."""
        serving = [asyncio.create_task(self._serve(name, seconds)) for name in self._queues]
        try:
            await asyncio.gather(*serving)
        finally:
            for one in serving:
                one.cancel()
            await asyncio.gather(*serving, return_exceptions=True)

    async def _serve(self, name: str, seconds: float) -> None:
        queue = self._queues[name]
        pause = seconds / (len(queue) + 1) if name in {BROKER, LOAD} else None
        while queue:
            await asyncio.sleep(self._pause(pause))
            async with nullcontext() if name in _WITHOUT_SLOT else self._slots:
                await self._until_working(name)
                await self._next(queue)
                await self._until_working(name)

    async def _until_working(self, name: str) -> None:
        if name not in {LOAD, KEYS}:
            await self._system.until_working(name)

    async def _next(self, queue: list[Fault]) -> None:
        fault = queue.pop(0)
        self._busy += 1
        happened = await self._do(fault)
        self._busy -= 1
        if not happened:
            again = Fault(fault.deed, fault.process, fault.detail, fault.tries + 1)
            (queue if again.tries < _TRIES else self.missed).append(again)

    def _pause(self, spread: float | None) -> float:
        if spread is not None:
            return spread * self._chance.uniform(0.6, 1.1)
        return self._chance.uniform(0.3, 1.5)

    async def _do(self, fault: Fault) -> bool:
        note(
            self._log,
            deed=fault.deed,
            process=fault.process,
            detail=fault.detail,
            tries=fault.tries,
        )
        deeds: dict[Deed, Callable[[Fault], object]] = {
            Deed.KILL: self._kill,
            Deed.STOP: self._stop,
            Deed.SKEW: self._skew,
            Deed.FAILPOINT: self._fire,
            Deed.FULL_DISK: self._fill,
            Deed.PARTNERS: self._kill_partners,
        }
        happened = bool(await deeds[fault.deed](fault))  # type: ignore[misc]
        if happened:
            self.done[fault.deed] += 1
        return happened

    async def _kill(self, fault: Fault) -> bool:
        return self._signal(fault.process, signal.SIGKILL)

    async def _kill_partners(self, _: Fault) -> bool:
        self._load()
        return True

    async def _stop(self, fault: Fault) -> bool:
        bounds = BROKER_STOPPED_SECONDS if fault.process == BROKER else STOPPED_SECONDS
        identity = self._system.process(fault.process).identity
        if identity is None or not identity.signal(signal.SIGSTOP):
            return False
        try:
            await asyncio.sleep(self._chance.uniform(*bounds))
        finally:
            identity.signal(signal.SIGCONT)
        return True

    async def _skew(self, fault: Fault) -> bool:
        (self._system.control.skew / fault.process).write_text(fault.detail)
        return self._signal(fault.process, signal.SIGKILL)

    async def _fire(self, fault: Fault) -> bool:
        """Arm a place, bring the role there if it needs to be brought, and see that it dies."""
        control, point = self._system.control, BY_NAME[fault.detail]
        control.arm(point.name, fault.process)
        if point.by_command:
            return await self._call(point)
        if point.by_restart:
            self._signal(fault.process, signal.SIGKILL)
        elif point.by_end:
            self._signal(fault.process, signal.SIGTERM)
        seconds = _BROUGHT_SECONDS_MAX if point.by_restart or point.by_end else _FIRE_SECONDS_MAX
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not control.is_armed(point.name, fault.process):
                return True
            await asyncio.sleep(_LOOK_SECONDS)
        return not control.disarm(point.name, fault.process)

    async def _call(self, point: Failpoint) -> bool:
        """Call a command, which dies on its way; called again it must do what it is for."""
        died = await asyncio.to_thread(
            self._system.rivelin, *point.by_command, module="tests.crash.launcher"
        )
        deadline = time.monotonic() + BACK_SECONDS_MAX  # the disk may be full, the broker away
        while (
            again := await asyncio.to_thread(self._system.rivelin, *point.by_command)
        ).returncode:
            if time.monotonic() > deadline:
                what = " ".join(point.by_command)
                raise CrashSystemError(f"{what} fails after {point.name}: {again.stderr.strip()}")
            await asyncio.sleep(1.0)
        return died.returncode == -signal.SIGKILL

    async def _fill(self, _: Fault) -> bool:
        """Leave the disk no room for some seconds; it must be a file system of its own."""
        home = self._system.settings.home
        remount(home, used_bytes(home) + _LEFT_BYTES)
        try:
            await asyncio.sleep(self._chance.uniform(6, 10))
        finally:
            remount(home, DISK_BYTES)
        return True

    def _signal(self, name: str, number: signal.Signals) -> bool:
        identity = self._system.process(name).identity
        if identity is None or not identity.signal(number):
            return False
        if name == BROKER and number is signal.SIGKILL:
            self.broker_kills.append(time.time())
        return True


# --- a disk that can be made full ---------------------------------------------------------------

DISK_BYTES = 6 << 30


def mount(folder: Path) -> bool:
    """Put a file system of its own on a folder; False where that is not allowed."""
    done = subprocess.run(
        ("mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=700", "rivelin-crash", str(folder)),
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def used_bytes(folder: Path) -> int:
    """Return what lies on it."""
    facts = os.statvfs(folder)
    return (facts.f_blocks - facts.f_bfree) * facts.f_frsize


def remount(folder: Path, size: int) -> None:
    """Make it larger or smaller."""
    subprocess.run(("mount", "-o", f"remount,size={size}", str(folder)), check=True)


def unmount(folder: Path) -> None:
    """Take it away, whoever still looks at it."""
    subprocess.run(("umount", "--lazy", str(folder)), check=False)
