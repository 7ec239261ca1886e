"""Side by side: four ways of copying a topic, the same load, the same kills, the same judge.

    python -m tests.crash.side_by_side [--kills 20] [--stops 2] [--broker-kills 2] [--json]

    (a) faust      a plain Faust agent             (c) plain   aiokafka transactions, with care
    (b) faust-eos  Faust's own exactly-once mode   (d) lane    ours around Faust (the anonymiser)
                                                   (d) runner  ours without (linker, gate)

What each is, setting by setting, is in `tests.crash.variants`. One input and one output topic of
one partition, values of 2 kB, one node; two processes where there is a group, one where there is
none. First, undisturbed, a backlog is copied: events a second and CPU an event, of the processes
that copy alone. Then the same faults for each, in the same order, each once records get through
again after the one before.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from streams.ports import Outgoing
from tests.crash.cluster import Cluster
from tests.crash.copying import source_value
from tests.crash.shown import LEGEND, WIDTH, facts, hush
from tests.crash.trial import Plan, Trial

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streams.kafka import KafkaLog
    from tests.crash.trial import Outcome, Worker

WAYS = {"faust": 2, "faust-eos": 2, "plain": 2, "lane": 2, "runner": 1}
_LETTERS = {"faust": "a", "faust-eos": "b", "plain": "c", "lane": "d", "runner": "d"}
_BACKLOG_SECONDS_MAX = 120.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Speed:
    """How a backlog went through: the first tenth, in which processes start, is not measured."""

    events: int
    seconds: float
    cpu_seconds: float

    @property
    def per_second(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    @property
    def cpu_microseconds(self) -> float:
        """CPU an event, of all processes of the way."""
        return self.cpu_seconds / self.events * 1e6


async def speed_of(cluster: Cluster, way: str, folder: Path, events: int) -> Speed | None:
    """Copy a backlog; None if it is not through after two minutes."""
    trial = Trial(cluster, way, folder, WAYS[way], Plan(jitter=0.0))
    async with trial.without_workers():
        await _fill(trial.log, f"{trial.run}.in", events)
        trial.start_workers()
        first = await _until_copied(trial, events // 10)
        cpu = _cpu_seconds(trial.workers)
        last = await _until_copied(trial, events)
        if first is None or last is None:
            return None
        spent = _cpu_seconds(trial.workers) - cpu
        return Speed(last[0] - first[0], last[1] - first[1], spent)


async def _fill(log: KafkaLog, topic: str, events: int) -> None:
    for start in range(0, events, 500):
        numbers = range(start, min(start + 500, events))
        await log.append([Outgoing(topic, source_value(number)) for number in numbers])


async def _until_copied(trial: Trial, count: int) -> tuple[int, float] | None:
    """Return how many are copied and when, once there are so many (or about: markers count)."""
    deadline = time.monotonic() + _BACKLOG_SECONDS_MAX
    while time.monotonic() < deadline:
        copied = await trial.copied()
        if copied >= count:
            return copied, time.monotonic()
        await asyncio.sleep(0.2)
    return None


def _cpu_seconds(workers: Sequence[Worker]) -> float:
    """Return the CPU that the processes have taken so far (proc(5): user and system time)."""
    total = 0
    for worker in workers:
        if worker.process is not None and worker.process.returncode is None:
            stat = Path(f"/proc/{worker.process.pid}/stat").read_text()
            total += sum(map(int, stat.rpartition(")")[2].split()[11:13]))
    return total / _TICKS


async def run(
    ways: Sequence[str], plan: Plan, backlog: int
) -> tuple[dict[str, Outcome], dict[str, Speed | None]]:
    """Measure and torment each way, one after the other on one node."""
    outcomes, speeds = {}, {}
    with tempfile.TemporaryDirectory(prefix="rivelin-beside-") as home:
        cluster = await Cluster(Path(home, "node")).start()
        try:
            for way in ways:
                speeds[way] = await speed_of(cluster, way, Path(home), backlog)
                async with Trial(cluster, way, Path(home), WAYS[way], replace(plan)) as trial:
                    outcomes[way] = await trial.outcome()
        finally:
            await cluster.stop()
    return outcomes, speeds


def main(arguments: Sequence[str]) -> int:
    """Return 0 if ours lost and doubled nothing; what the others did is told, not judged."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.side_by_side")
    parser.add_argument("--kills", type=int, default=20, help="SIGKILLs of a process that copies")
    parser.add_argument("--stops", type=int, default=2, help="SIGSTOPs past the session")
    parser.add_argument("--broker-kills", type=int, default=2)
    parser.add_argument("--backlog", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ways", nargs="*", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    hush()
    plan = Plan(
        kills=options.kills,
        stops=options.stops,
        broker_kills=options.broker_kills,
        seed=options.seed,
        records_min=0,
    )
    outcomes, speeds = asyncio.run(run(options.ways, plan, options.backlog))
    if options.json:
        ways = {way: {**facts(one), "speed": _told(speeds[way])} for way, one in outcomes.items()}
        sys.stdout.write(json.dumps({"seed": options.seed, "ways": ways}, indent=2) + "\n")
    else:
        _show(outcomes, speeds)
    ours = [one for way, one in outcomes.items() if _LETTERS[way] == "d"]
    return 0 if all(one.verdict.is_sound and one.is_finished for one in ours) else 1


def _told(speed: Speed | None) -> dict[str, float] | None:
    if speed is None:
        return None
    rounded = {
        "per_second": round(speed.per_second),
        "cpu_microseconds": round(speed.cpu_microseconds),
    }
    return {**asdict(speed), **rounded}


def _show(outcomes: dict[str, Outcome], speeds: dict[str, Speed | None]) -> None:
    console = Console(highlight=False, width=WIDTH)
    columns = ("records", "lost", "doubled", "behind", "returned", "kills", "back after p50 / p95")
    table = Table("", *columns, "events/s", "CPU µs/event", title="side by side")
    for way, one in outcomes.items():
        verdict, speed, spread = one.verdict, speeds[way], facts(one)["recoveries"]
        kills = spread.get("kills", {"p50": "", "p95": ""})
        table.add_row(
            f"({_LETTERS[way]}) {way}",
            *map(
                str,
                (
                    verdict.records,
                    verdict.lost + one.unsent,
                    verdict.doubled,
                    verdict.disordered,
                    verdict.returned,
                    one.kills,
                ),
            ),
            f"{kills['p50']} / {kills['p95']} s",
            "-" if speed is None else f"{speed.per_second:.0f}",
            "-" if speed is None else f"{speed.cpu_microseconds:.0f}",
        )
    console.print(table)
    console.print(LEGEND)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
