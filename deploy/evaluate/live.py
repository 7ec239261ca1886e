"""`rivelin evaluate network --log kafka`: the same file through a broker and every real role."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from anonymiser.keyring import load
from consumers.ocg_network import OcgNetwork
from consumers.safeguarding import Safeguarding
from consumers.store import ProjectionStore, store_path
from deploy.catch_up import wait_until_caught_up
from deploy.demo.system import System
from deploy.demo.witnesses import files_in
from deploy.evaluate.judge import NOTHING_ELSE, Outcome, Wanted, judge
from deploy.evaluate.mentions import tell
from deploy.evaluate.network import entries
from deploy.registry import onboard
from deploy.settings import Settings
from producers.sdk import Rejected
from streams.errors import InvalidInputError, RivelinError
from streams.kafka import KafkaLog
from streams.values import Audience

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from consumers.projection import Projection
    from consumers.store import Snapshot
    from deploy.evaluate.judge import NetworkEvaluation
    from deploy.evaluate.mentions import Told
    from deploy.evaluate.network import Progress
    from deploy.evaluate.ties import TieFile
    from streams.restricted import Report

RECEIPT_SECONDS_MAX: Final = 300.0


class NotSubmittedError(RivelinError):
    """A partner's own check stopped a report that the evaluation made: a bug in one of them."""


async def evaluate_on_kafka(
    file: TieFile, *, seed: int, clean: bool, progress: Progress, wanted: Wanted = NOTHING_ELSE
) -> NetworkEvaluation:
    """Start a broker and every role in a folder of their own, tell the ties by the SDK, judge.

    Raises: InvalidInputError for a file with phases; RivelinError for whatever does not start or
    answer; nothing is left running.
    """
    if file.phases:
        raise InvalidInputError("a file with phases is told in memory: leave --log kafka out")
    with TemporaryDirectory(prefix="rivelin-") as folder:
        system = System(Settings(home=Path(folder) / "home"))
        try:
            await system.start()
            return await _evaluate(file, tell(file, seed, clean=clean), system, progress, wanted)
        finally:
            system.stop()


async def _evaluate(
    file: TieFile, told: Told, system: System, progress: Progress, wanted: Wanted
) -> NetworkEvaluation:
    began = time.perf_counter()
    await onboard(system.settings, entries(told, _now()))
    await _submit_all(told, system, progress)
    async with _outcome(system) as outcome:
        return await judge(file, told, outcome, time.perf_counter() - began, wanted)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


async def _submit_all(told: Told, system: System, progress: Progress) -> None:
    done, reports = 0, told.reports

    def answered() -> None:
        nonlocal done
        done += 1
        progress(done, len(reports))

    async with asyncio.TaskGroup() as group:
        for body in told.bodies:
            own = [report for report in reports if report.partner == body.partner]
            group.create_task(_submit(body.partner, own, system, answered))


async def _submit(
    partner_id: str, reports: Sequence[Report], system: System, answered: Callable[[], None]
) -> None:
    async with system.partner(partner_id) as partner:
        sent = [one async for one in partner.submit_many(reports)]
        for submission in sent:
            if isinstance(submission, Rejected):
                raise NotSubmittedError("the partner's check stopped a report")
            await submission.receipt(RECEIPT_SECONDS_MAX)
            answered()


@asynccontextmanager
async def _outcome(system: System) -> AsyncIterator[Outcome]:
    settings = system.settings
    async with AsyncExitStack() as stack:
        log = KafkaLog(settings.access("supervisor"), client_id="rivelin-evaluation")
        stack.push_async_callback(log.stop)
        await wait_until_caught_up(settings, log)
        files = (*files_in(settings.logs_dir), *files_in(settings.stores_dir))
        views = {
            Audience.POLICE: stack.enter_context(_look(settings, OcgNetwork())),
            Audience.SAFEGUARDING: stack.enter_context(_look(settings, Safeguarding())),
        }
        yield Outcome(log, load(settings.keys_dir), views, files)


@contextmanager
def _look(settings: Settings, projection: Projection) -> Iterator[Snapshot]:
    store = ProjectionStore.look(store_path(settings.stores_dir, projection), projection)
    with closing(store), store.snapshot() as view:
        yield view
