"""The phases of the benchmark, on a fresh installation with a broker of its own."""

from __future__ import annotations

import asyncio
import os
import platform
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from anonymiser import keyring
from deploy.bench.cases import PARTNERS, entries, partner_name
from deploy.bench.intake import measure_intake
from deploy.bench.linking import MARKS, measure_linking
from deploy.bench.load import Load, until
from deploy.bench.meter import Sample, between, look
from deploy.bench.recovery import RATE, recoveries
from deploy.bench.watch import Watch
from deploy.demo.system import System
from deploy.registry import onboard, wait_until_served
from deploy.settings import Settings
from streams.errors import RivelinError
from streams.kafka import KafkaLog

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    Say = Callable[[str], None]

CURVE_MARKS: Final = (1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000)
INTAKE_REPORTS: Final = 1_000
_BACKLOG_MAX: Final = 1_500
_WARM_REPORTS: Final = 2_000
_SERVED_SECONDS_MAX: Final = 60.0
_DRAIN_SECONDS_MAX: Final = 120.0


class BenchStuckError(RivelinError):
    """What was sent did not come out in time. The logs of the home, which is kept, say why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to measure. Rates are reports a second."""

    latency_rate: float = 100.0
    sustained_rate: float = 300.0
    seconds: float = 60.0
    reports: int = 20_000


def intake_alone() -> dict[str, Any]:
    """Return what intake costs by itself, on this machine as it is now."""
    now = datetime.now(UTC).replace(microsecond=0)
    return {**machine(), **measure_intake(INTAKE_REPORTS, now)}


def linking_alone(people: int, say: Say) -> dict[str, Any]:
    """Return what linking costs by itself among up to so many people."""
    marks = sorted({mark for mark in MARKS if mark < people} | {people})
    return {**machine(), **measure_linking(marks, say)}


async def measure(plan: Plan, say: Say) -> dict[str, Any]:
    """Run every phase and return the figures, as plain values."""
    say(f"intake alone, over {INTAKE_REPORTS} reports")
    intake = measure_intake(INTAKE_REPORTS, datetime.now(UTC).replace(microsecond=0))
    async with _bench(say) as bench:
        facts = {**machine(), "start_seconds": bench.start_seconds, "intake": intake}
        return {**facts, **await bench.run(plan)}


async def recovery(rounds: int, say: Say) -> dict[str, Any]:
    """Return how long a killed process keeps reports waiting, so many kills of each."""
    async with _bench(say) as bench:
        return {**machine(), "rate": RATE, "kills": await bench.recoveries(rounds)}


@asynccontextmanager
async def _bench(say: Say) -> AsyncIterator[Bench]:
    """A fresh installation with twenty partners, and what watches it."""
    with TemporaryDirectory(prefix="rivelin-bench-") as folder:
        system = System(Settings(home=Path(folder) / "home", bootstrap_servers=None))
        began = time.monotonic()
        try:
            await system.start()
            async with _prepared(system, say, time.monotonic() - began) as bench:
                yield bench
        finally:
            system.stop()


@asynccontextmanager
async def _prepared(system: System, say: Say, start_seconds: float) -> AsyncIterator[Bench]:
    settings = system.settings
    log = KafkaLog(settings.access("supervisor"), client_id="rivelin-bench")
    await _onboard(settings)
    watch, stop = Watch(log, keyring.load(settings.keys_dir)), asyncio.Event()
    watching = asyncio.create_task(watch.run(stop))
    async with Load(system) as load:
        yield Bench(settings, load, watch, say, round(start_seconds, 1))
    stop.set()
    await watching
    await log.stop()


async def _onboard(settings: Settings) -> None:
    await onboard(settings, entries(datetime.now(UTC).replace(microsecond=0)))
    names = [partner_name(number) for number in range(PARTNERS)]
    if missing := await wait_until_served(settings, names, _SERVED_SECONDS_MAX):
        raise BenchStuckError(f"{len(missing)} partners are not served")


class Bench:
    """The phases, over a running installation with twenty partners."""

    def __init__(
        self, settings: Settings, load: Load, watch: Watch, say: Say, start_seconds: float
    ) -> None:
        self.start_seconds = start_seconds
        self._settings = settings
        self._load = load
        self._watch = watch
        self._say = say

    async def run(self, plan: Plan) -> dict[str, Any]:
        """Fill the log first, so that the steady rates are measured on one that has grown."""
        growth = await self._growth(plan.reports)
        latency = await self._steady(plan.latency_rate, plan.seconds)
        sustained = await self._steady(plan.sustained_rate, plan.seconds)
        memory = dict(look(self._settings).memory_mb)
        return {"growth": growth, "latency": latency, "sustained": sustained, "memory_mb": memory}

    async def recoveries(self, rounds: int) -> list[dict[str, Any]]:
        """Kill each process so many times, on a log that is warm."""
        await self._load.flood(_WARM_REPORTS, self._watch, _BACKLOG_MAX)
        await self._drained()
        return await recoveries(self._settings, self._load, self._watch, rounds, self._say)

    async def _steady(self, rate: float, seconds: float) -> dict[str, Any]:
        """Offer an even rate for some time; the lag at its end tells whether it is sustained."""
        self._say(f"{rate:.0f} reports a second for {seconds:.0f} s")
        watch, sent, released = self._watch, self._load.sent, self._watch.released
        watch.forget()
        first = look(self._settings)
        await self._load.at_rate(rate, seconds, watch)
        last = look(self._settings)
        waiting = self._load.sent - watch.released
        spent, out = between(first, last), watch.released - released
        await self._drained()
        return {
            "offered_per_second": rate,
            "released_per_second": round(out / spent.seconds, 1),
            "waiting_at_the_end": waiting,
            "reports": self._load.sent - sent,
            "publish_to_police_ms": quantiles(watch.police_seconds),
            "publish_to_alert_ms": quantiles(watch.alert_seconds),
            "immediate_risk_to_police_ms": quantiles(watch.urgent_seconds),
            "cores": spent.cores(),
            "cpu_ms_per_report": spent.ms_each(max(1, out)),
        }

    async def _growth(self, reports: int) -> dict[str, Any]:
        """Send as fast as it comes out until so many are in the log; look in at each mark.

        The first marks carry the warming up of the broker's JVM.
        """
        self._say(f"as fast as it goes, up to {reports} reports in the log")
        first, base = look(self._settings), self._watch.released
        points: list[dict[str, Any]] = []
        marking = asyncio.create_task(self._mark(reports, points))
        await self._load.flood(reports, self._watch, _BACKLOG_MAX)
        await self._drained()
        last, out = look(self._settings), self._watch.released - base
        await marking
        spent = between(first, last)
        return {
            "released_per_second": round(out / spent.seconds, 1),
            "cores": spent.cores(),
            "cpu_ms_per_report": spent.ms_each(max(1, out)),
            "curve": points,
        }

    async def _mark(self, reports: int, points: list[dict[str, Any]]) -> None:
        base, first = self._watch.released, look(self._settings)
        for mark in sorted({one for one in (*CURVE_MARKS, reports) if one <= reports}):
            await until(partial(self._has_released, mark))
            last = look(self._settings)
            points.append(_point(first, last, self._watch.released - base, mark))
            base, first = self._watch.released, last

    def _has_released(self, count: int) -> bool:
        return self._watch.released >= count

    async def _drained(self) -> None:
        """Wait until all that was sent has come out, alerts too.

        Raises: BenchStuckError.
        """
        try:
            async with asyncio.timeout(_DRAIN_SECONDS_MAX):
                await until(lambda: self._watch.released >= self._load.sent and not self._watch.due)
        except TimeoutError:
            missing = self._load.sent - self._watch.released
            told = f"{missing} reports did not come out, {self._watch.due} are still expected"
            raise BenchStuckError(told) from None


def _point(first: Sample, last: Sample, count: int, mark: int) -> dict[str, Any]:
    spent = between(first, last)
    return {
        "reports": mark,
        "released_per_second": round(count / spent.seconds, 1),
        "cpu_ms_per_report": spent.ms_each(max(1, count)),
        "memory_mb": dict(last.memory_mb),
    }


def quantiles(seconds: Sequence[float]) -> dict[str, float | int | None]:
    """Return count, median, 99th percentile and maximum, in milliseconds."""
    ordered = sorted(seconds)
    if not ordered:
        return {"count": 0, "p50": None, "p99": None, "max": None}

    def at(share: float) -> float:
        return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)

    return {"count": len(ordered), "p50": at(0.5), "p99": at(0.99), "max": at(1.0)}


def machine() -> dict[str, Any]:
    """Return what the figures were measured on, and when."""
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)),
        "partners": PARTNERS,
        "load_average": round(os.getloadavg()[0], 1),
    }
