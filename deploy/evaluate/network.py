"""`rivelin evaluate network`: a file of ties through the real stages in memory."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from anonymiser.keyring import new_keys
from deploy.evaluate.judge import Outcome, judge
from deploy.evaluate.mentions import tell
from deploy.pipeline import Pipeline
from streams.memory import LogicalClock, MemoryLog
from streams.values import Audience

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from datetime import datetime

    from anonymiser.keyring import Keys
    from deploy.evaluate.judge import NetworkEvaluation
    from deploy.evaluate.mentions import Told
    from deploy.evaluate.ties import TieFile
    from streams.loop import Stage
    from streams.shared import PartnerOnboarded

    MakeStages = Callable[[Keys, Sequence[str]], Sequence[Stage]]
    Progress = Callable[[int, int], None]

CHUNK: Final = 200
_ADMINISTRATOR: Final = "evaluation"


async def evaluate_in_memory(
    file: TieFile,
    *,
    seed: int = 1,
    clean: bool = False,
    progress: Progress | None = None,
    stages: MakeStages | None = None,
) -> NetworkEvaluation:
    """Tell the ties as partners would, send them through every stage, and judge.

    `progress` is told how many reports of how many are through. `stages` takes
    the place of the product's own in controls, which live under tests/.
    """
    began = time.perf_counter()
    told = tell(file, seed, clean=clean)
    async with played(told, progress or _silent, stages) as outcome:
        return await judge(file, told, outcome, time.perf_counter() - began)


@asynccontextmanager
async def played(
    told: Told, progress: Progress, stages: MakeStages | None = None
) -> AsyncIterator[Outcome]:
    """Send the reports through every stage and lend what they leave behind."""
    keys = new_keys()
    now = latest(told)
    log = MemoryLog(LogicalClock(now))
    chosen = stages(keys, [body.partner for body in told.bodies]) if stages else None
    async with Pipeline(log, keys, entries(told, now), chosen) as pipeline:
        await _play(pipeline, told, progress)
        with pipeline.networks.snapshot() as police, pipeline.alerts.snapshot() as hub:
            yield Outcome(log, keys, {Audience.POLICE: police, Audience.SAFEGUARDING: hub})


def latest(told: Told) -> datetime:
    """Return an instant after all that is reported."""
    return max(report.reported_at for report in told.reports) + timedelta(days=1)


def entries(told: Told, now: datetime) -> list[PartnerOnboarded]:
    """Return the registry entries of the partners that tell."""
    ends = now + timedelta(days=365)
    return [body.entry(now, ends, by=_ADMINISTRATOR) for body in told.bodies]


async def _play(pipeline: Pipeline, told: Told, progress: Progress) -> None:
    reports = told.reports
    for start in range(0, len(reports), CHUNK):
        await pipeline.send(reports[start : start + CHUNK])
        await pipeline.settle()
        progress(min(start + CHUNK, len(reports)), len(reports))


def _silent(_done: int, _all: int) -> None:
    """Nobody watches."""
