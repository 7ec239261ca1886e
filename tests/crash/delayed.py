"""Requests that come late: a proxy keeps one back for 1 to 30 s, long past the sender's patience.

    python -m tests.crash.delayed --cases 200 [--json]

Each case copies a topic by the loop of linker and gate, under a transactional id of its own; of
its first transactions one Produce, EndTxn, AddOffsets or TxnOffsetCommit is held. Its sender gives
up, or is cut off and asks again on another connection; a successor takes over, and then the old
request arrives. Twenty cases share a node at a time; one that was never held counts for nothing.
`--control` lets writers go on after a connection broke within a transaction: that must be seen.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from streams.errors import RivelinError
from streams.kafka import KafkaLog
from streams.kafka.sink import KafkaSink
from streams.loop import StageRunner
from streams.ports import Outgoing
from tests.crash.cluster import Cluster
from tests.crash.copying import Copying, read_verdict, source_value
from tests.crash.proxy import Api
from tests.crash.shown import hush

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.crash.copying import Verdict
    from tests.crash.proxy import Frame

#: Most cases hold what decides or fills a transaction, some what carries its positions.
HELD = (Api.END_TXN, Api.END_TXN, Api.PRODUCE, Api.PRODUCE, Api.TXN_OFFSET_COMMIT, Api.ADD_OFFSETS)
RECORDS = 200
BATCH = 10
#: 15 s is a request's time, 10 s a transaction's.
SECONDS = (1.0, 30.0)
_CASES_AT_ONCE = 20
_CASE_SECONDS_MAX = 120.0


@dataclass(frozen=True, slots=True)
class Case:
    """Which request is held, counted from the first of its kind, and for how long.

    If it is cut, its sender is told at once that the connection broke.
    """

    run: str
    api: Api
    number: int
    seconds: float
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a case; `starts` counts how often its loop began."""

    case: Case
    held: int
    starts: int
    verdict: Verdict

    @property
    def is_sound(self) -> bool:
        """Held, and nothing lost, doubled or out of order."""
        return self.held > 0 and self.verdict.is_sound


class Holding:
    """Decides for each request that passes whether it is the one to keep back."""

    def __init__(self) -> None:
        self._cases: dict[str, Case] = {}
        self._seen: dict[str, int] = {}
        self.held: dict[str, int] = {}

    def add(self, case: Case) -> None:
        """Look out for the request of a case."""
        self._cases[f"rivelin-copying-{case.run}"] = case

    def __call__(self, frame: Frame) -> float:
        """Return for how long to hold."""
        case = self._cases.get(frame.client_id)
        if case is None or frame.api != case.api:
            return 0.0
        number = self._seen[case.run] = self._seen.get(case.run, 0) + 1
        if number != case.number:
            return 0.0
        self.held[case.run] = self.held.get(case.run, 0) + 1
        return case.seconds

    def cuts(self, frame: Frame) -> bool:
        """Whether the sender of a request that is held is cut off."""
        return self._cases[frame.client_id].is_cut


def cases_of(
    seed: int, count: int, seconds: tuple[float, float], cut_share: float = 0.5
) -> list[Case]:
    """Return the cases of a seed."""
    chance = random.Random(f"delayed {seed}")
    return [
        Case(
            run=f"late-{seed}-{number}",
            api=HELD[number % len(HELD)],
            number=chance.randint(1, 4),
            seconds=round(chance.uniform(*seconds), 2),
            is_cut=chance.random() < cut_share,
        )
        for number in range(count)
    ]


async def run(cases: Sequence[Case]) -> list[Result]:
    """Run cases on one node, some at a time."""
    holding, results = Holding(), []
    with tempfile.TemporaryDirectory(prefix="rivelin-delayed-") as folder:
        cluster = await Cluster(Path(folder), is_proxied=True, hold=holding).start()
        cluster.proxies[0].cuts = holding.cuts
        try:
            for start in range(0, len(cases), _CASES_AT_ONCE):
                wave = cases[start : start + _CASES_AT_ONCE]
                results += await asyncio.gather(*[_case(cluster, holding, one) for one in wave])
            return results
        finally:
            await cluster.stop()


async def _case(cluster: Cluster, holding: Holding, case: Case) -> Result:
    log = KafkaLog(cluster.access, client_id=f"judge-{case.run}")
    try:
        await cluster.make_topics(f"{case.run}.in", f"{case.run}.out")
        source = [Outgoing(f"{case.run}.in", source_value(number)) for number in range(RECORDS)]
        await log.append(source)
        holding.add(case)
        starts = await _copy_all(cluster, case)
        await asyncio.sleep(min(case.seconds, 3))  # what comes last must change nothing either
        held = holding.held.get(case.run, 0)
        return Result(case, held, starts, await read_verdict(log, case.run))
    finally:
        await log.stop()


async def _copy_all(cluster: Cluster, case: Case) -> int:
    """Start the loop anew after every error, as its supervisor would; return how often it began.

    At a pace at which transactions still come and go when the late request arrives.
    """
    run, pause = case.run, (case.seconds + 1) / (RECORDS / BATCH)
    deadline, starts = time.monotonic() + _CASE_SECONDS_MAX, 0
    while time.monotonic() < deadline:
        starts += 1
        log = KafkaLog(cluster.access, client_id=run)
        runner = StageRunner(Copying(run), log)
        with contextlib.suppress(RivelinError):
            await runner.start()
            while runner.positions()[f"{run}.in"] < RECORDS:
                await runner.turn(limit=BATCH)
                await asyncio.sleep(pause)
            await _leave(runner, log)
            return starts
        await _leave(runner, log)
        await asyncio.sleep(0.3)
    return starts


async def _leave(runner: StageRunner, log: KafkaLog) -> None:
    await runner.stop()
    await log.stop()


def main(arguments: Sequence[str]) -> int:
    """Return 0 if every case was held and sound; of a control, if one was not."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.delayed")
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, nargs=2, default=SECONDS)
    parser.add_argument("--cut", type=float, default=0.5, help="share of senders that are cut off")
    parser.add_argument(
        "--control", action="store_true", help="let writers go on after a connection broke"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    hush()
    cases = cases_of(options.seed, options.cases, tuple(options.seconds), options.cut)
    if options.control:
        KafkaSink._require_unbroken = lambda _: None
        cases = [replace(case, api=Api.END_TXN, is_cut=True) for case in cases]
    began = time.monotonic()
    results = asyncio.run(run(cases))
    unsound = [one for one in results if not one.is_sound]
    is_as_expected = bool(unsound) if options.control else not unsound
    told = {
        "cases": len(results),
        "held": sum(one.held > 0 for one in results),
        "taken over": sum(one.starts > 1 for one in results),
        "lost": sum(one.verdict.lost for one in results),
        "doubled": sum(one.verdict.doubled for one in results),
        "disordered": sum(one.verdict.disordered for one in results),
        "seconds": round(time.monotonic() - began),
        "unsound": [asdict(one) for one in unsound],
    }
    lines = (f"{name}: {value}\n" for name, value in told.items())
    sys.stdout.write(json.dumps(told, indent=2) + "\n" if options.json else "".join(lines))
    return 0 if is_as_expected else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
