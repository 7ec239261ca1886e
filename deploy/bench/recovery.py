"""How long a killed process keeps reports waiting: SIGKILL under an even rate, again and again.

The figure of one kill is the longest way of the reports that were sent from 0.3 s before it to
1 s after it: to police, or to the alert where only the hub's projection was killed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import TYPE_CHECKING, Any, Final

from deploy.bench.load import until
from deploy.broker import BROKER
from deploy.supervisor import read_report
from streams.errors import RivelinError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deploy.bench.load import Load
    from deploy.bench.watch import Watch
    from deploy.settings import Settings

    Say = Callable[[str], None]

VICTIMS: Final = ("anonymiser", "linker", "gate", "safeguarding", BROKER)
RATE: Final = 50.0
_BEFORE_SECONDS: Final = 0.3
_AFTER_SECONDS: Final = 1.0
_ALONE_SECONDS: Final = 3.0
_QUIET_SECONDS: Final = 3.0
_DRAIN_SECONDS_MAX: Final = 120.0


class NotRunningError(RivelinError):
    """The process that was to be killed does not run."""


async def recoveries(
    settings: Settings, load: Load, watch: Watch, rounds: int, say: Say
) -> list[dict[str, Any]]:
    """Kill each process so many times; return its figures, in seconds."""
    found = []
    for victim in VICTIMS:
        say(f"killing {victim}, {rounds} times")
        seconds = [await _one(settings, load, watch, victim) for _ in range(rounds)]
        found.append({"killed": victim, "rounds": rounds, **_summed(seconds)})
    return found


async def _one(settings: Settings, load: Load, watch: Watch, victim: str) -> float:
    """Kill once, three seconds into an even rate; return the longest way of those it hit."""
    watch.forget()
    sending = asyncio.create_task(load.at_rate(RATE, 2 * _ALONE_SECONDS, watch))
    await asyncio.sleep(_ALONE_SECONDS)
    killed_at = time.time()
    _kill(settings, victim)
    await sending
    async with asyncio.timeout(_DRAIN_SECONDS_MAX):
        await until(lambda: watch.released >= load.sent and not watch.due)
    await asyncio.sleep(_QUIET_SECONDS)
    times = watch.alert_times if victim == "safeguarding" else watch.police_times
    return max(
        seconds
        for sent, seconds in times
        if killed_at - _BEFORE_SECONDS <= sent <= killed_at + _AFTER_SECONDS
    )


def _kill(settings: Settings, victim: str) -> None:
    report = read_report(settings)
    processes = [] if report is None else report.facts["processes"]
    pid = next((one["pid"] for one in processes if one["name"] == victim), None)
    if pid is None:
        raise NotRunningError(f"{victim} does not run")
    os.kill(pid, signal.SIGKILL)


def _summed(seconds: Sequence[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    at = min(len(ordered) - 1, int(0.95 * len(ordered)))
    return {
        "p50": round(ordered[len(ordered) // 2], 2),
        "p95": round(ordered[at], 2),
        "max": round(ordered[-1], 2),
    }
