"""The run of the demo: start, onboard, let everybody report, wait, look, replay, search."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeAlias

from anonymiser import keyring
from consumers.audit.replay import Bound, replay
from consumers.ocg_network import OcgNetwork
from consumers.safeguarding import Safeguarding
from consumers.safeguarding.tables import ALERTS_TABLE
from consumers.store import ProjectionStore, store_path
from deploy.catch_up import wait_until_caught_up
from deploy.demo import glimpses
from deploy.demo.agencies import Agencies
from deploy.demo.findings import Resolved, find
from deploy.demo.result import Replay, Result
from deploy.demo.sweep import documents_outside
from deploy.demo.system import System
from deploy.leaks import LeakSearch, identifiers_of
from deploy.population import example_population
from deploy.registry import onboard, set_population
from deploy.views import Asker, now, record
from producers.town.truth import truth_of
from streams.codec import decode
from streams.kafka import KafkaLog
from streams.loop import read_to_end
from streams.shared import AlertRaised, AlertUpdated
from streams.topics import ALERTS, DUTY
from streams.values import Audience, Purpose

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from consumers.projection import Projection
    from deploy.demo.findings import Findings
    from deploy.demo.screen import Screen
    from deploy.leaks import Leak
    from deploy.settings import Settings
    from producers.town.town import Town
    from streams.ports import Log
    from streams.shared import PartnerOnboarded

AGREEMENT_TERM: Final = timedelta(days=365)
DECIDED_BY: Final = "the demo's administrator"
_PROBE_SECONDS: Final = 0.05
PROJECTIONS: Final[Mapping[Audience, Callable[[], Projection]]] = {
    Audience.POLICE: OcgNetwork,
    Audience.SAFEGUARDING: Safeguarding,
}

Stores: TypeAlias = "Mapping[Audience, ProjectionStore]"


@dataclass(frozen=True, slots=True)
class Swept:
    """What the search outside the enclave found, and how much it went through."""

    leaks: Sequence[Leak]
    bytes: int


async def play(settings: Settings, town: Town, screen: Screen) -> Result:
    """Play the whole story in `settings.home`; nothing is left running, whatever happens.

    Raises: RivelinError for whatever cannot be started, reached or waited for.
    """
    began = time.monotonic()
    run = Run(town, System(settings), screen, began)
    try:
        await run.start()
        await run.report()
        return await run.look_and_judge()
    finally:
        run.stop()


class Run:
    """One run of the demo in one home."""

    def __init__(self, town: Town, system: System, screen: Screen, began: float) -> None:
        """Start nothing yet."""
        self._town = town
        self._truth = truth_of(town)
        self._system = system
        self._settings = system.settings
        self._screen = screen
        self._began = began
        self._agencies = Agencies(town, self._settings.home / "partners", self._settings.logs_dir)

    async def start(self) -> None:
        """Start the system and onboard every partner."""
        self._screen.town(self._town)
        self._screen.starting()
        await self._system.start()
        self._screen.started(self._system.bootstrap, time.monotonic() - self._began)
        self._screen.partners(self._town)
        await onboard(self._settings, entries_of(self._town, now()))
        await set_population(self._settings, example_population(DECIDED_BY, now()))

    async def report(self) -> None:
        """Let every partner report from a process of its own, until each has every answer."""
        with self._screen.reporting(len(self._town.submissions)) as progress:
            self._agencies.start(self._system)
            await self._agencies.wait(progress)

    async def look_and_judge(self) -> Result:
        """Look at what came of it, replay the log, search for leaks, compare with the truth."""
        async with AsyncExitStack() as stack:
            log = KafkaLog(self._settings.access("supervisor"), client_id="rivelin-demo")
            stack.push_async_callback(log.stop)
            await wait_until_caught_up(self._settings, log)
            stores = {audience: self._store(kind()) for audience, kind in PROJECTIONS.items()}
            for store in stores.values():
                stack.callback(store.close)
            await self._look(log, stores)
            result = await self._judge(log, stores)
        self._screen.withheld(result.answers)
        self._screen.proof(result)
        self._screen.end(result)
        return result

    def stop(self) -> None:
        """End every process, and remove what only the partners may hold."""
        self._agencies.stop()
        self._agencies.clear()
        self._system.stop()

    # --- looking

    async def _look(self, log: Log, stores: Stores) -> None:
        """Each look goes on the record first, as everybody's does."""
        self._screen.answered(tuple(self._agencies.answers()), await _count(log, DUTY))
        await record(log, Asker(DECIDED_BY, Purpose.DISRUPT_ORGANISED_CRIME), "demo networks")
        sealed = await glimpses.a_sealed_report(log, self._town.bodies[0].partner)
        self._screen.police(sealed, await glimpses.a_police_report(log))
        with stores[Audience.POLICE].snapshot() as view:
            self._screen.networks(glimpses.networks(view))
        await record(log, Asker(DECIDED_BY, Purpose.SAFEGUARD_CHILDREN), "demo alerts")
        with stores[Audience.SAFEGUARDING].snapshot() as view:
            self._screen.alerts(glimpses.alerts(view))

    async def _judge(self, log: Log, stores: Stores) -> Result:
        swept = await self._sweep()
        return Result(
            town=self._town,
            truth=self._truth,
            answers=tuple(self._agencies.answers()),
            findings=await self._find(log, stores),
            leaks=swept.leaks,
            searched_bytes=swept.bytes,
            replay=await _replayed(log, stores),
            misreported_alerts=await _misreported(log, stores[Audience.SAFEGUARDING]),
            seconds=time.monotonic() - self._began,
        )

    async def _find(self, log: Log, stores: Stores) -> Findings:
        keys = keyring.load(self._settings.keys_dir)
        resolved = await Resolved.read(log)
        with ExitStack() as stack:
            views = {one: stack.enter_context(store.snapshot()) for one, store in stores.items()}
            return find(self._town, self._truth, keys, resolved, views)

    async def _sweep(self) -> Swept:
        """Search every byte outside the enclave for everything the partners declared."""
        reported = (step.report for step in self._town.submissions)
        search = LeakSearch(one for report in reported for one in identifiers_of(report))
        leaks: list[Leak] = []
        size = 0
        partners = [body.partner for body in self._town.bodies]
        async for document in documents_outside(self._settings, partners):
            size += len(document.data)
            leaks += search.find(document)
        return Swept(leaks, size)

    def _store(self, projection: Projection) -> ProjectionStore:
        return ProjectionStore.look(store_path(self._settings.stores_dir, projection), projection)


def entries_of(town: Town, today: datetime) -> Iterator[PartnerOnboarded]:
    """Return the registry entries; the agreement of one partner ran out a day ago."""
    for body in town.bodies:
        decided_at = today - AGREEMENT_TERM if body.lapsed else today
        ends = decided_at + AGREEMENT_TERM - timedelta(days=1)
        yield body.entry(decided_at, ends, DECIDED_BY)


async def _count(log: Log, topic: str) -> int:
    return sum([len(records) async for records in read_to_end(log, (topic,))])


async def _misreported(log: Log, store: ProjectionStore) -> int:
    """Count alerts that are not on their topic exactly once."""
    events = (AlertRaised, AlertUpdated)
    raised: Counter[str] = Counter()
    async for records in read_to_end(log, (ALERTS,)):
        told = (decode(record.value or b"", *events) for record in records)
        raised.update(str(one.alert_id) for one in told if isinstance(one, AlertRaised))
    with store.snapshot() as view:
        raised.subtract(row["alert_id"] for row in view.rows(ALERTS_TABLE))
    return sum(map(abs, raised.values()))


async def _replayed(log: Log, stores: Stores) -> Replay:
    """Fold the log anew up to where the live stores are, and hash both."""
    live, again = hashlib.sha256(), hashlib.sha256()
    for audience, store in stores.items():
        fresh = await replay(PROJECTIONS[audience](), log, Bound(positions=store.positions()))
        live.update(store.state_hash().encode())
        again.update(fresh.state_hash().encode())
        fresh.close()
    return Replay(live.hexdigest(), again.hexdigest())
