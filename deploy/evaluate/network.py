"""`rivelin evaluate network`: a file of ties through the real stages in memory."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from anonymiser.keyring import new_keys
from consumers.network.tables import ENTITIES, NETWORKS, PAIRS
from deploy.evaluate.judge import NOTHING_ELSE, Outcome, Wanted, judge
from deploy.evaluate.mentions import tell
from deploy.pipeline import Pipeline
from streams.memory import LogicalClock, MemoryLog
from streams.values import Audience, NodeKind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
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


async def evaluate_in_memory(  # noqa: PLR0913 - each is an option of the evaluation
    file: TieFile,
    *,
    seed: int = 1,
    clean: bool = False,
    wanted: Wanted = NOTHING_ELSE,
    progress: Progress | None = None,
    stages: MakeStages | None = None,
) -> NetworkEvaluation:
    """Tell the ties as partners would, send them through every stage, and judge.

    `wanted` names what else to tell of the network that came out. `progress` is told how many
    reports of how many are through. `stages` takes the place of the product's own in controls,
    which live under tests/.
    """
    began = time.perf_counter()
    told = tell(file, seed, clean=clean)
    async with played(told, progress or _silent, stages) as outcome:
        return await judge(file, told, outcome, time.perf_counter() - began, wanted)


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
        phases = await _play(pipeline, told, progress)
        with pipeline.networks.snapshot() as police, pipeline.alerts.snapshot() as hub:
            views = {Audience.POLICE: police, Audience.SAFEGUARDING: hub}
            yield Outcome(log, keys, views, phases=phases)


def latest(told: Told) -> datetime:
    """Return an instant after all that is reported."""
    return max(report.reported_at for report in told.reports) + timedelta(days=1)


def entries(told: Told, now: datetime) -> list[PartnerOnboarded]:
    """Return the registry entries of the partners that tell."""
    ends = now + timedelta(days=365)
    return [body.entry(now, ends, by=_ADMINISTRATOR) for body in told.bodies]


async def _play(
    pipeline: Pipeline, told: Told, progress: Progress
) -> tuple[Mapping[str, Any], ...]:
    """Tell everything phase by phase; return the state after each."""
    done, phases = 0, []
    for phase, reports in told.phases:
        for start in range(0, len(reports), CHUNK):
            some = reports[start : start + CHUNK]
            await pipeline.send(some)
            await pipeline.settle()
            done += len(some)
            progress(done, len(told.reports))
        if phase is not None:
            phases.append(await _state(pipeline, phase, len(reports)))
    return tuple(phases)


async def _state(pipeline: Pipeline, phase: int, reports: int) -> dict[str, Any]:
    """Tell what police see after a phase, and whether a replay from zero sees the same."""
    with pipeline.networks.snapshot() as police:
        people = [row for row in police.rows(ENTITIES) if row["kind"] == NodeKind.PERSON]
        networks = [row["people"] for row in police.rows(NETWORKS)]
        pairs = sum(1 for _ in police.rows(PAIRS))
    return {
        "phase": phase,
        "reports": reports,
        "people": len(people),
        "pairs": pairs,
        "candidate_networks": len(networks),
        "largest": max(networks, default=0),
        "incremental_equals_rebuilt": await pipeline.equals_rebuilt(),
    }


def _silent(_done: int, _all: int) -> None:
    """Nobody watches."""
