"""`rivelin demo --story fortify`: nine bodies, nineteen OCGs, one year, and what came of it."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from consumers.ocg_network import OcgNetwork, disruption_look
from consumers.projection import UNREADABLE
from consumers.safeguarding import Safeguarding
from consumers.store import ProjectionStore, Snapshot, store_path
from deploy.catch_up import wait_until_caught_up
from deploy.demo import fortify_result as results
from deploy.demo.agencies import Agencies
from deploy.demo.fortify_office import Calendar, Office, roles
from deploy.demo.fortify_result import Result, Without
from deploy.demo.fortify_year import Year
from deploy.demo.system import System
from deploy.population import example_population
from deploy.registry import onboard, set_population, write
from deploy.views import PATIENCE, now
from producers.town.fortify import fortify_town
from streams.kafka import KafkaLog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

    from deploy.demo.fortify_office import House
    from deploy.demo.fortify_screen import FortifyScreen
    from deploy.pipeline import Pipeline
    from deploy.settings import Settings
    from producers.town.town import Town
    from streams.ports import Log, Positions
    from streams.shared import PartnerOnboarded

DECIDED_BY: Final = "the story's administrator"
ARCHIVE: Final = "OcgArchived"


class PipelineHouse:
    """The story's house in one process, over whatever log the pipeline runs on."""

    def __init__(self, log: Log, pipeline: Pipeline) -> None:
        self._log = log
        self._pipeline = pipeline

    def log(self, principal: str) -> Log:
        """Return the one log: in one process nobody is kept apart by credentials."""
        del principal
        return self._log

    async def catch_up(self) -> None:
        """Let every stage and projection read what there is."""
        await self._pipeline.settle()

    @contextmanager
    def police(self) -> Iterator[Connection]:
        """Look at the police projection."""
        with self._pipeline.networks.snapshot() as view:
            yield view.connection

    @contextmanager
    def hub(self) -> Iterator[Connection]:
        """Look at the hub's projection."""
        with self._pipeline.alerts.snapshot() as view:
            yield view.connection


class BrokerHouse:
    """The story's house on a running system: each principal with credentials of its own."""

    def __init__(self, settings: Settings, stack: AsyncExitStack) -> None:
        self._settings = settings
        self._stack = stack
        self._logs: dict[str, KafkaLog] = {}
        self._stores: dict[str, ProjectionStore] = {}

    def log(self, principal: str) -> Log:
        """Return the log as this principal enters it."""
        if principal not in self._logs:
            access = self._settings.access(principal)
            log = KafkaLog(access, client_id=f"rivelin-story-{principal}", patience=PATIENCE)
            self._stack.push_async_callback(log.stop)
            self._logs[principal] = log
        return self._logs[principal]

    async def catch_up(self) -> None:
        """Wait until the running processes have read everything."""
        await wait_until_caught_up(self._settings, self.log("supervisor"))

    @contextmanager
    def police(self) -> Iterator[Connection]:
        """Look at the police projection."""
        with self._store(OcgNetwork()).snapshot() as view:
            yield view.connection

    @contextmanager
    def hub(self) -> Iterator[Connection]:
        """Look at the hub's projection."""
        with self._store(Safeguarding()).snapshot() as view:
            yield view.connection

    def _store(self, projection: OcgNetwork | Safeguarding) -> ProjectionStore:
        if projection.name not in self._stores:
            path = store_path(self._settings.stores_dir, projection)
            store = ProjectionStore.look(path, projection)
            self._stack.callback(store.close)
            self._stores[projection.name] = store
        return self._stores[projection.name]


def entries_of(town: Town) -> Iterator[PartnerOnboarded]:
    """Return the registry entries of the nine bodies."""
    at = now()
    for body in town.bodies:
        yield body.entry(at, at.replace(year=at.year + 1), DECIDED_BY)


async def play(
    settings: Settings, seed: int, screen: FortifyScreen, without: str = ARCHIVE
) -> Result:
    """Play the story on a broker in `settings.home`; nothing is left running, whatever happens.

    Raises: RivelinError for whatever cannot be started, reached or waited for.
    """
    began = time.monotonic()
    calendar = Calendar(now().date())
    town = fortify_town(seed, calendar.day_zero)
    system = System(settings)
    agencies = Agencies(town, settings.home / "partners", settings.logs_dir)
    try:
        screen.starting(town)
        await system.start()
        await onboard(settings, entries_of(town))
        await set_population(settings, example_population(DECIDED_BY, now()))
        await write(settings, tuple(roles(DECIDED_BY, now())))
        with screen.reporting(len(town.submissions)) as progress:
            agencies.start(system)
            await agencies.wait(progress)
        async with AsyncExitStack() as stack:
            house = BrokerHouse(settings, stack)
            await house.catch_up()
            result = await play_year(house, calendar, began, without, screen.told)
    finally:
        agencies.stop()
        agencies.clear()
        system.stop()
    screen.end(result)
    return result


async def play_year(
    house: House,
    calendar: Calendar,
    began: float,
    without: str = ARCHIVE,
    told: Callable[[str], None] = lambda _: None,
) -> Result:
    """Let everybody decide for a year on the reports of a house, and count what came of it."""
    office = Office(house, calendar)
    course = await Year(office).play(told)
    log = house.log("supervisor")
    with house.police() as connection:
        positions, live = _positions(connection), _state_hash(connection)
        by_state, impact = results.states(connection)
        counted = results.counted(connection, calendar)
        explained = results.explained(connection, calendar)
        balance = disruption_look.strands(connection)
        gaps = results.gap_summary(connection, calendar)
        spikes = results.spike_words(connection)
        reports = results.report_count(connection)
    with house.hub() as connection:
        alerts = results.alert_counts(connection)
    again = await results.recounted(log, calendar, positions=positions)
    archive = await results.recounted(log, calendar, ARCHIVE, positions)
    left_out = archive
    if without != ARCHIVE:
        left_out = await results.recounted(log, calendar, without, positions)
    return Result(
        counted=counted,
        explained=explained,
        disruptions=by_state,
        impact=impact,
        balance=balance,
        gaps=gaps,
        alerts=alerts,
        spikes=spikes,
        course=course,
        partner_bodies=await results.heard_bodies(log),
        reports=reports,
        without_archive=archive.counted,
        without=Without(event=without, counted=left_out.counted),
        decisions=office.decisions,
        replay_equal=again.state_hash == live,
        seconds=time.monotonic() - began,
    )


def _positions(connection: Connection) -> Positions:
    return Snapshot(connection, ()).positions()


def _state_hash(connection: Connection) -> str:
    return Snapshot(connection, (*OcgNetwork.tables, UNREADABLE)).state_hash()
