"""Every stage of Rivelin in one process over one log, pumped until nothing is left to do.

For tests, simulation and the evaluation. The stages are the real ones; only the anonymiser's
Faust shell is left out, which runs the same transform. In production each is a process of its own.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Self
from uuid import uuid4

from anonymiser.gate.batch import AT_ONCE, ReleasePolicy
from anonymiser.gate.stage import Gate
from anonymiser.intake.stage import IntakeStage
from anonymiser.linker.stage import Linker
from consumers.audit.replay import Bound, replay
from consumers.ocg_network import OcgNetwork
from consumers.safeguarding import Safeguarding
from consumers.store import ProjectionStore
from consumers.worker import ProjectionRunner
from streams.codec import encode
from streams.loop import NO_WAIT, StageRunner
from streams.ports import Outgoing
from streams.restricted import Report
from streams.sealing import seal
from streams.topics import REGISTRY, submissions_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime
    from types import TracebackType

    from anonymiser.keyring import Keys
    from consumers.projection import Projection
    from streams.loop import Stage
    from streams.ports import Log
    from streams.restricted import WithdrawalSubmitted
    from streams.shared import PartnerOnboarded

BATCH: Final = 500
#: A log on a network needs a moment before what was committed can be read.
_PAUSE_SECONDS: Final = 0.02


def stages_of(
    keys: Keys, partners: Sequence[str], policy: ReleasePolicy = AT_ONCE
) -> tuple[Stage, ...]:
    """Return the three stages of the enclave, in the order of the flow.

    With `AT_ONCE` nothing waits for a release batch: what is judged here is linkage and
    networks, not how a batch hides its sources.
    """
    return IntakeStage(keys, partners), Linker(keys, uuid4), Gate(keys, policy=policy)


class Pipeline:
    """The way of a report from a partner's topic to networks and alerts.

        async with Pipeline(log, keys, entries) as pipeline:
            await pipeline.send(reports)
            await pipeline.settle()
            rows = pipeline.networks.snapshot()

    Under a `policy` that lets reports wait, `release` lets go what is due at an instant.
    `stages` takes the place of `stages_of(keys, partners)` in controls, which live under tests/.
    """

    def __init__(  # noqa: PLR0913 - each is one part of a small world
        self,
        log: Log,
        keys: Keys,
        entries: Sequence[PartnerOnboarded],
        stages: Sequence[Stage] | None = None,
        policy: ReleasePolicy = AT_ONCE,
        *,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        """Connect nothing yet. `entries` are the partners to onboard.

        `clock` tells when deadlines have passed; without one none does.
        """
        self._log = log
        self._clock = clock
        self._entries = entries
        self._sealing = max(keys.sealing.values(), key=lambda key: key.epoch).public()
        self.police = OcgNetwork()
        self.safeguarding = Safeguarding()
        self.networks = ProjectionStore.in_memory(self.police)
        self.alerts = ProjectionStore.in_memory(self.safeguarding)
        chosen = stages or stages_of(keys, [entry.partner for entry in entries], policy)
        self._runners = [StageRunner(stage, log) for stage in chosen]
        self._projections = [
            self._projection(self.police, self.networks),
            self._projection(self.safeguarding, self.alerts),
        ]

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Onboard the partners, then start every stage."""
        await self._log.append([Outgoing(REGISTRY, encode(entry)) for entry in self._entries])
        for runner in self._all():
            await runner.start()

    async def stop(self) -> None:
        """Stop every stage; the log stays open."""
        for runner in self._all():
            await runner.stop()

    async def send(self, events: Iterable[Report | WithdrawalSubmitted]) -> None:
        """Seal reports as partners do and put all on the partners' topics, in this order."""
        await self._log.append([self._sealed(event) for event in events])

    async def settle(self, batch: int = BATCH) -> None:
        """Let every stage take turns, up to `batch` records each, until each has read all."""
        while True:
            taken = [await runner.turn(NO_WAIT, batch) for runner in self._all()]
            if any(taken):
                continue
            if await self._is_caught_up():
                return
            await asyncio.sleep(_PAUSE_SECONDS)

    async def equals_rebuilt(self) -> bool:
        """Tell whether both projections hold what a replay of the log from zero gives."""
        for live in (self.networks, self.alerts):
            bound = Bound(positions=live.positions())
            rebuilt = await replay(type(live.projection)(), self._log, bound)
            if rebuilt.state_hash() != live.state_hash():
                return False
        return True

    async def release(self, at: datetime) -> None:
        """Let go what has waited for the longest time at `at`, and let the projections see it."""
        for runner in self._runners:
            await runner.tick(at)
        await self.settle()

    def _all(self) -> Sequence[StageRunner | ProjectionRunner]:
        return (*self._runners, *self._projections)

    def _projection(self, projection: Projection, store: ProjectionStore) -> ProjectionRunner:
        return ProjectionRunner(projection, store, self._log, self._clock)

    def _sealed(self, event: Report | WithdrawalSubmitted) -> Outgoing:
        topic = submissions_of(event.partner)
        if isinstance(event, Report):
            return Outgoing(topic, encode(seal(event, self._sealing)))
        return Outgoing(topic, encode(event))

    async def _is_caught_up(self) -> bool:
        for runner in self._all():
            positions = runner.positions()
            ends = await self._log.ends(tuple(positions))
            if any(positions[topic] < end for topic, end in ends.items()):
                return False
        return True
