"""The roles: each builds itself, runs as a process of its own, and ends when it is told to."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NoReturn, Protocol

from deploy.health import Reason
from deploy.log_lines import tell, tell_alarm, tell_error, write_json_lines
from deploy.notify import PulseRelay
from deploy.progress import Heartbeat, progress_file
from streams.errors import InvalidInputError
from streams.instants import to_millisecond

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from anonymiser.narrative.redact import Redactor
    from consumers.projection import Projection
    from deploy.settings import Settings
    from streams.kafka import KafkaLog
    from streams.loop import StageRunner
    from streams.ports import Log, Positions

ROLES: Final = (
    "anonymiser",
    "linker",
    "gate",
    "desk",
    "reconciler",
    "ocg-network",
    "safeguarding",
)
#: Those that have keys of the enclave in memory.
KEY_HOLDERS: Final = ("anonymiser", "linker", "gate")

#: sysexits.h EX_SOFTWARE: the supervisor starts the role anew, from what was committed.
EXIT_FATAL: Final = 70
_STOP_SECONDS_MAX: Final = 2.8
#: Between two transactions under load; what follows the gate wakes up as often as it commits.
_LINKER_SPACING: Final = timedelta(milliseconds=100)
_GATE_SPACING: Final = timedelta(milliseconds=150)


def principal_of(role: str) -> str:
    """Return as whom a role, or the projection that it runs, enters the broker."""
    return "police" if role in {"ocg-network", "ocg_network"} else role


class Runner(Protocol):
    """What a role does between its start and its end."""

    async def start(self) -> None:
        """Connect and take up the work where it was left."""

    async def run_forever(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set."""

    def positions(self) -> Positions:
        """Return the next offset of each topic that is read."""

    async def stop(self) -> None:
        """Close what is open."""


def run_role(name: str, settings: Settings) -> None:
    """Build one role and run it until SIGTERM; any error ends the process with code 70.

    Raises: InvalidInputError for an unknown name.
    """
    if name not in ROLES:
        raise InvalidInputError(f"no such role; there are {', '.join(ROLES)}")
    settings.make_folders()
    write_json_lines(name)
    progress_file(settings, name).unlink(missing_ok=True)
    tell("starting", pid=os.getpid())
    PulseRelay(name, settings, settings.watch.start_seconds_max).start()
    if name == "anonymiser":
        _run_anonymiser(settings)
    else:
        asyncio.run(_live(name, settings))
    tell("ended")


async def _live(name: str, settings: Settings) -> None:
    stop = asyncio.Event()
    _end_on_signals(stop)
    try:
        log, runner = _BUILDERS[name](settings)
        await _work(name, settings, log, runner, stop)
    except Exception as error:  # noqa: BLE001 - the state of this process is not to be trusted any more
        die(error)


async def _work(
    name: str, settings: Settings, log: Log, runner: Runner, stop: asyncio.Event
) -> None:
    heartbeat = Heartbeat(
        name,
        settings,
        log,
        runner.positions,
        counts=getattr(runner, "counts", dict),
        alarms=getattr(runner, "alarms", tuple),
    )
    await _start(runner, heartbeat, stop)
    if not stop.is_set():
        tell("started", positions=dict(runner.positions()))
        await _together(runner.run_forever(stop), heartbeat.beat_until(stop))
    await runner.stop()
    await log.stop()


async def _start(runner: Runner, heartbeat: Heartbeat, stop: asyncio.Event) -> None:
    """Start, and tell all the while that the start goes on: it may rebuild a large store."""
    started = asyncio.Event()
    telling = asyncio.ensure_future(heartbeat.start_until(started))
    await _unless_stopped(runner.start(), stop)
    started.set()
    await telling


async def _together(*works: Awaitable[None]) -> None:
    """Return when all have ended; the first that fails is told of at once.

    No task group: it cancels the others and waits for them, and the client library can swallow
    a cancellation. A role whose store was full lived on for a minute that way and did nothing.
    """
    tasks = [asyncio.ensure_future(work) for work in works]
    ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    for task in ended:
        task.result()


async def _unless_stopped(start: Awaitable[None], stop: asyncio.Event) -> None:
    """A start may wait long for a broker; the order to end must not."""
    starting = asyncio.ensure_future(start)
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if starting.done():
        starting.result()
    starting.cancel()


def _end_on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _end, stop)


def _end(stop: asyncio.Event) -> None:
    """End in order; a role that cannot is ended, since its transaction then never happened."""
    stop.set()
    insist = threading.Timer(_STOP_SECONDS_MAX, os._exit, (EXIT_FATAL,))
    insist.daemon = True
    insist.start()


def die(error: BaseException) -> NoReturn:
    """Tell what happened and end at once: nothing may run on after an unknown outcome."""
    for one in _causes(error):
        tell_error("failed", one)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(EXIT_FATAL)


def _causes(error: BaseException) -> tuple[BaseException, ...]:
    if isinstance(error, BaseExceptionGroup):
        return tuple(cause for inner in error.exceptions for cause in _causes(inner))
    return (error,)


# ------------------------------------------------------------------------------- builders


def _run_anonymiser(settings: Settings) -> NoReturn:
    """Faust runs the process; it tells its progress and ends it by itself."""
    try:
        from anonymiser import keyring  # noqa: PLC0415 - see _kafka
        from anonymiser.intake.worker import run  # noqa: PLC0415 - see _kafka

        run(
            access=settings.access("anonymiser"),
            keys=keyring.load(settings.keys_dir),
            status_file=progress_file(settings, "anonymiser"),
            data_dir=settings.home / "faust",
            redactor=_redactor(settings.narrative_model),
        )
    except Exception as error:  # noqa: BLE001 - see _live
        die(error)


def _redactor(model: str | None) -> Redactor:
    """Redaction, with a recogniser of names where the settings name a model of spaCy.

    Raises: InvalidInputError if that model is not installed: it is never left out in silence.
    """
    from anonymiser.narrative.redact import Redactor  # noqa: PLC0415 - see _kafka

    if model is None:
        return Redactor()
    from anonymiser.narrative.spacy_worker import SpacyRecogniser  # noqa: PLC0415 - see _kafka

    return Redactor(SpacyRecogniser.load(model))


def _kafka(name: str, settings: Settings) -> KafkaLog:
    from streams.kafka import KafkaLog  # noqa: PLC0415 - a role loads what it needs, nothing else

    return KafkaLog(settings.access(principal_of(name)), client_id=f"rivelin-{name}")


def build_linker(settings: Settings, *, rolling: bool = False) -> tuple[Log, StageRunner]:
    """Make the linker; `rolling` for the rotation of the token key, which runs it to the end."""
    from anonymiser import keyring  # noqa: PLC0415 - see _kafka
    from anonymiser.linker.stage import Linker, open_store  # noqa: PLC0415 - see _kafka
    from anonymiser.linker.store import NONE_YET  # noqa: PLC0415 - see _kafka
    from streams.loop import Pace, StageRunner  # noqa: PLC0415 - see _kafka

    log = _kafka("linker", settings)
    keys = keyring.load(settings.keys_dir, rolling=rolling)
    store = open_store(settings.stores_dir, datetime.now(UTC))
    if store.rebuilt_because not in (None, NONE_YET):
        tell("the linker's store is made anew from the log", reason=store.rebuilt_because)
    stage = Linker(keys, store=store)
    return log, StageRunner(stage, log, Pace(spacing=_LINKER_SPACING))


def _build_gate(settings: Settings) -> tuple[Log, Runner]:
    from anonymiser import keyring  # noqa: PLC0415 - see _kafka
    from anonymiser.gate.batch import ReleasePolicy  # noqa: PLC0415 - see _kafka
    from anonymiser.gate.stage import Gate  # noqa: PLC0415 - see _kafka
    from streams.loop import Pace, StageRunner  # noqa: PLC0415 - see _kafka

    log = _kafka("gate", settings)
    policy = ReleasePolicy(
        reports_min=settings.release.reports_min,
        partners_min=settings.release.partners_min,
        delay_seconds_max=settings.release_seconds_max,
    )
    stage = Gate(keyring.load(settings.keys_dir), policy=policy)
    return log, StageRunner(stage, log, Pace(spacing=_GATE_SPACING), clock=lambda: _time_of(log))


def _time_of(log: KafkaLog) -> datetime:
    """Return the time by which a batch is late: the broker's, as the times of its records are.

    By a clock of this machine that is ahead every report would go by itself at once, and its
    time would tell who reported it. Nothing waits before a record was read.
    """
    return to_millisecond(log.now() or datetime.now(UTC))


def _deadline_time(log: KafkaLog) -> datetime:
    """Return the time by which a deadline has passed: the later of this machine's and the broker's.

    A clock that is slow or set back puts nothing off; one that is ahead tells early, and a child
    is looked at too soon rather than too late. The broker's alone stands still after a start,
    until a record comes.
    """
    here = _now()
    there = log.now()
    return here if there is None else max(here, to_millisecond(there))


def _now() -> datetime:
    return to_millisecond(datetime.now(UTC))


def _build_desk(settings: Settings) -> tuple[Log, Runner]:
    import random  # noqa: PLC0415 - see _kafka

    from anonymiser.desk.rows_store import store_path  # noqa: PLC0415 - see _kafka
    from anonymiser.desk.store import DeskStore  # noqa: PLC0415 - see _kafka
    from anonymiser.desk.worker import DeskWorker  # noqa: PLC0415 - see _kafka
    from deploy.planting import comparison  # noqa: PLC0415 - see _kafka

    log = _kafka("desk", settings)
    store = DeskStore.open(store_path(settings.stores_dir))
    _tell_set_aside(store.set_aside)
    return log, DeskWorker(store, log, source=random.SystemRandom(), compare=comparison())


def _build_reconciler(settings: Settings) -> tuple[Log, Runner]:
    import time  # noqa: PLC0415 - see _kafka

    from anonymiser.reconcile.store import ReconcilerStore  # noqa: PLC0415 - see _kafka
    from anonymiser.reconcile.worker import Clocks, Reconciler  # noqa: PLC0415 - see _kafka
    from streams.kafka.group_positions import GroupPositions  # noqa: PLC0415 - see _kafka

    log = _kafka("reconciler", settings)
    runner = Reconciler(
        log,
        ReconcilerStore(settings.stores_dir),
        GroupPositions(settings.access("reconciler")),
        Clocks(_now, time.monotonic),
        timedelta(seconds=settings.reconcile.outcome_seconds_max),
    )
    return log, runner


def _build_ocg_network(settings: Settings) -> tuple[Log, Runner]:
    from consumers.ocg_network import OcgNetwork  # noqa: PLC0415 - see _kafka

    return _build_projection("ocg-network", OcgNetwork(), settings)


def _build_safeguarding(settings: Settings) -> tuple[Log, Runner]:
    from consumers.safeguarding import Safeguarding  # noqa: PLC0415 - see _kafka

    return _build_projection("safeguarding", Safeguarding(), settings)


def _build_projection(name: str, projection: Projection, settings: Settings) -> tuple[Log, Runner]:
    from consumers.store import ProjectionStore, store_path  # noqa: PLC0415 - see _kafka
    from consumers.worker import ProjectionRunner  # noqa: PLC0415 - see _kafka

    log = _kafka(name, settings)
    store = ProjectionStore.open(store_path(settings.stores_dir, projection), projection)
    _tell_set_aside(store.set_aside)
    return log, ProjectionRunner(projection, store, log, clock=lambda: _deadline_time(log))


def _tell_set_aside(damaged: Path | None) -> None:
    if damaged is not None:
        tell_alarm(Reason.STORE_SET_ASIDE, kept_as=damaged.name)


_BUILDERS: Final[dict[str, Callable[[Settings], tuple[Log, Runner]]]] = {
    "linker": build_linker,
    "gate": _build_gate,
    "desk": _build_desk,
    "reconciler": _build_reconciler,
    "ocg-network": _build_ocg_network,
    "safeguarding": _build_safeguarding,
}
