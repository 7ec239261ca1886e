"""CPU time and memory of the processes of one home, from /proc."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy.supervisor import read_report

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deploy.settings import Settings

#: The load generator and observer, which in life are other machines.
LOAD: Final = "(load)"
_TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
_USER_TICKS: Final = 11  # fields of /proc/PID/stat after the command's name, from 0
_SYSTEM_TICKS: Final = 12


@dataclass(frozen=True, slots=True)
class Sample:
    """One look: CPU seconds since each process began, resident megabytes, `at` monotonic."""

    at: float
    cpu_seconds: Mapping[str, float]
    memory_mb: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Spent:
    """What happened between two looks."""

    seconds: float
    cpu_seconds: Mapping[str, float]

    def cores(self) -> dict[str, float]:
        """Return how much of one core each process took."""
        return {name: round(cpu / self.seconds, 3) for name, cpu in self.cpu_seconds.items()}

    def ms_each(self, count: int) -> dict[str, float]:
        """Return the CPU milliseconds of each process for one of `count` reports."""
        return {name: round(1000 * cpu / count, 3) for name, cpu in self.cpu_seconds.items()}


def look(settings: Settings) -> Sample:
    """Look at every process of the home and at this one."""
    pids = {LOAD: os.getpid(), **_pids(settings)}
    return Sample(
        time.monotonic(),
        {name: cpu_seconds(pid) for name, pid in pids.items()},
        {name: _memory_mb(pid) for name, pid in pids.items()},
    )


def between(first: Sample, last: Sample) -> Spent:
    """Return what was spent. A process that began anew meanwhile counts from its beginning."""
    spent = {
        name: cpu - first.cpu_seconds.get(name, 0.0)
        if cpu >= first.cpu_seconds.get(name, 0.0)
        else cpu
        for name, cpu in last.cpu_seconds.items()
    }
    return Spent(last.at - first.at, spent)


def _pids(settings: Settings) -> dict[str, int]:
    report = read_report(settings)
    processes = [] if report is None else report.facts["processes"]
    return {one["name"]: one["pid"] for one in processes if one["pid"] is not None}


def cpu_seconds(pid: int) -> float:
    """Return what a process has used since it began."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[_USER_TICKS]) + int(fields[_SYSTEM_TICKS])) / _TICKS_PER_SECOND


def memory_mb() -> float:
    """Return the resident megabytes of this process."""
    return _memory_mb(os.getpid())


def peak_memory_mb() -> float:
    """Return the most that this process ever had resident."""
    return _memory_mb(os.getpid(), "VmHWM:")


def _memory_mb(pid: int, what: str = "VmRSS:") -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    kilobytes = (int(line.split()[1]) for line in lines if line.startswith(what))
    return round(next(kilobytes, 0) / 1024, 1)
