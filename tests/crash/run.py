"""One run: start, load, faults, drain, read everything, check."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiokafka.admin import AIOKafkaAdminClient

from anonymiser import keyring
from deploy.processes import Child, ProcessSpec, last_lines
from deploy.roles import ROLES
from streams.topics import ALERTS, OUTGOING, POLICE, SAFEGUARDING, TOKENISED, submissions_of
from tests.crash import checker, findings, ledger, nemesis
from tests.crash.failpoints import FAILPOINTS
from tests.crash.generator import GO_ON, LEDGER, PLAN
from tests.crash.nemesis import Deed, Nemesis
from tests.crash.reading import forms_of, leaks_in, read_all
from tests.crash.story import CANARY, PARTNERS, Story
from tests.crash.system import BROKER, HOME, ROOT, CrashSystemError, System

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from streams.kafka.access import Access
    from tests.crash.findings import Violation

    Say = Callable[[str], None]

NEMESIS_LOG = "nemesis.jsonl"
#: Counted by themselves.
_NO_KILLS = frozenset({Deed.FAILPOINT, Deed.FULL_DISK, Deed.PARTNERS})
#: What a run may take beyond its load until nothing waits any more, and for each waiting report.
REST_SECONDS = 90.0
_REST_SECONDS_EACH = 0.02
#: The load goes on so far past its plan while faults are still to come.
_STEPS_BEYOND = 10_000
_GROUPS = {
    "rivelin-intake": tuple(map(submissions_of, PARTNERS)),
    "rivelin-linker": (TOKENISED,),
    "rivelin-gate": (OUTGOING,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much of everything. `each` failpoint, or of these `only`, must fire so often.

    `bug` is planted in every role.
    """

    seed: int
    kills: int
    reports: int
    per_second: float
    each: int = 5
    full_disk: bool = False
    bug: str = ""
    only: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a run came to; `violations` name ids of records, `explained` are those of ADR 0011."""

    plan: Plan
    began_at: str = ""
    seconds: float = 0.0
    sent: int
    acknowledged: int
    unknown: int
    shared_police: int
    shared_safeguarding: int
    alerts: int
    kills: int
    deeds: dict[str, int]
    failpoints: dict[str, int]
    restarts: dict[str, int]
    rest_seconds: float = 0.0
    violations: list[str] = field(default_factory=list)
    explained: int = 0
    kept: str | None = None

    @property
    def shortfalls(self) -> list[str]:
        """Return what was planned and did not happen: a run that proves less than it says fails."""
        short = [
            f"failpoint {name} fired {count} of {self.plan.each} times"
            for name, count in self.failpoints.items()
            if count < self.plan.each and (not self.plan.only or name in self.plan.only)
        ]
        if self.kills < self.plan.kills:
            short.append(f"{self.kills} of {self.plan.kills} kills")
        if self.sent < self.plan.reports:
            short.append(f"{self.sent} of {self.plan.reports} reports")
        return short

    @property
    def is_green(self) -> bool:
        """Whether nothing was violated, and everything that was to happen happened."""
        return not self.violations and not self.shortfalls

    def facts(self) -> dict[str, Any]:
        """Return plain values."""
        return {**asdict(self), "shortfalls": self.shortfalls, "green": self.is_green}


async def run(plan: Plan, say: Say, *, keep: bool = False) -> Result:
    """Do one run in a folder of its own; the folder stays if something is wrong, or to `keep` it.

    Raises: whatever kept it from being done; the folder stays then, and is named.
    """
    with _folder(plan, say) as place:
        system = System(place.path, plan.bug)
        try:
            result = await _run(plan, place, system, say)
        finally:
            system.stop()
        place.keep = keep or not (result.is_green or plan.bug)
    if not place.keep:
        return result
    result = replace(result, kept=str(place.path))
    (place.path / "result.json").write_text(json.dumps(result.facts(), indent=2))
    return result


@dataclass(slots=True)
class _Place:
    """Where a run lies. `can_be_full`: its home is on a disk of its own, the ledger never is."""

    path: Path
    can_be_full: bool
    keep: bool = True

    @property
    def home(self) -> Path:
        """Where the installation lies."""
        return self.path / HOME


@contextmanager
def _folder(plan: Plan, say: Say) -> Iterator[_Place]:
    path = Path(tempfile.mkdtemp(prefix=f"rivelin-crash-{plan.seed}-"))
    (path / HOME).mkdir(mode=0o700)
    place = _Place(path, plan.full_disk and nemesis.mount(path / HOME))
    if plan.full_disk and not place.can_be_full:
        say("no file system may be mounted here: the disk is not made full")
    try:
        yield place
    except (KeyboardInterrupt, SystemExit, asyncio.CancelledError):
        place.keep = False  # somebody ended it: there is nothing to look into
        raise
    finally:
        _leave(place)
        if place.keep:
            say(f"seed {plan.seed}: what is left of it lies in {path}")


def _leave(place: _Place) -> None:
    """Keep everything, also what lay on a disk of its own, or nothing."""
    if place.can_be_full:
        if place.keep:
            shutil.copytree(place.home, place.path / "kept")
        nemesis.unmount(place.home)
        if place.keep:
            place.home.rmdir()
            (place.path / "kept").rename(place.home)
    if not place.keep:
        shutil.rmtree(place.path, ignore_errors=True)


async def _run(plan: Plan, place: _Place, system: System, say: Say) -> Result:
    folder = place.path
    began, began_at = time.monotonic(), datetime.now(UTC)
    await system.start()
    say(f"seed {plan.seed}: the system runs after {time.monotonic() - began:.0f} s")
    base = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)
    story = Story(plan.seed, plan.reports + _STEPS_BEYOND, base)
    faults = nemesis.plan_of(
        plan.seed, plan.kills, plan.each, full_disk=place.can_be_full, only=plan.only
    )
    load = Load(plan, folder, system, base)
    hand = Nemesis(system, faults, plan.seed, folder / NEMESIS_LOG, load.kill_and_start_again)
    load.start()
    try:
        lost = await _storm(plan, folder, load, hand, say)
        await load.answered()
    finally:
        load.kill()
    entries = ledger.read(folder / LEDGER)
    unrest, rest_seconds = await system.rest(REST_SECONDS + len(entries) * _REST_SECONDS_EACH)
    say(f"seed {plan.seed}: at rest after {rest_seconds:.0f} s; reading every topic")
    found = findings.Run(
        story=story,
        entries=entries,
        topics=await read_all(system.access()),
        audience_keys=keyring.load(system.settings.keys_dir).audience,
        broker_kills=tuple(hand.broker_kills),
        replayed=await asyncio.to_thread(system.replayed),
        positions=await _positions(system.access()),
        waiting=(*lost, *unrest),
        leaking=tuple(_leaking_files(system)),
    )
    result = _result(plan, found, checker.check(found), hand, system)
    return replace(
        result,
        began_at=began_at.isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - began, 1),
        rest_seconds=round(rest_seconds, 1),
    )


class Load:
    """The partners' process."""

    def __init__(self, plan: Plan, folder: Path, system: System, base: datetime) -> None:
        """Write its plan down; start nothing yet."""
        self._folder = folder
        argv = (sys.executable, "-m", "tests.crash.generator", str(folder))
        self._spec = ProcessSpec("load", argv, env=system.env, cwd=ROOT)
        self._child: Child | None = None
        facts = {
            "seed": plan.seed,
            "steps": plan.reports,
            "steps_max": plan.reports + _STEPS_BEYOND,
            "base": base.isoformat(),
            "per_second": plan.per_second,
        }
        (folder / PLAN).write_text(json.dumps(facts))
        (folder / GO_ON).touch()

    def start(self) -> None:
        """Start it."""
        self._child = Child.spawn(self._spec, self._folder / "load.log")

    @property
    def is_running(self) -> bool:
        """Whether there are steps still to take or to be answered."""
        return self._child is not None and self._child.is_running

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.is_running and self._child is not None:
            self._child.kill_sync()

    def kill_and_start_again(self) -> None:
        """Let every partner's system crash; it goes on after the last step of its ledger."""
        if self.is_running:
            self.kill()
            self.start()

    async def answered(self) -> None:
        """Wait until every step has an answer.

        Raises: CrashSystemError with what it said last.
        """
        while self.is_running:  # noqa: ASYNC110 - a process gives no event
            await asyncio.sleep(0.2)
        if self._child is None or self._child.wait_sync(1) != os.EX_OK:
            said = last_lines(self._folder / "load.log")
            raise CrashSystemError(f"the load failed:\n{said}")


async def _storm(plan: Plan, folder: Path, load: Load, hand: Nemesis, say: Say) -> tuple[str, ...]:
    """Let the nemesis work while reports come in; tell now and then how far it is.

    Returns what did not come back to life: the run goes on without that nemesis, and fails.
    """
    working = asyncio.create_task(hand.run(plan.reports / plan.per_second))
    told = time.monotonic()
    while not working.done():
        await asyncio.wait({working}, timeout=1.0)
        if not load.is_running:  # its steps are used up; what did not happen is told as such
            working.cancel()
            await asyncio.wait({working})
            return ()
        if time.monotonic() - told > 10:
            told = time.monotonic()
            deeds = ", ".join(f"{name} {count}" for name, count in sorted(hand.done.items()))
            sent = ledger.length(folder / LEDGER) // 2
            say(f"seed {plan.seed}: {sent} sent, {deeds or 'no fault yet'}, {hand.left} to come")
    (folder / GO_ON).unlink()
    try:
        working.result()
    except CrashSystemError as error:
        return (str(error),)
    return ()


async def _positions(access: Access) -> dict[str, dict[str, int]]:
    admin = AIOKafkaAdminClient(**access.options())
    await admin.start()
    try:
        return {
            group: {
                place.topic: told.offset
                for place, told in (await admin.list_consumer_group_offsets(group)).items()
                if place.topic in topics
            }
            for group, topics in _GROUPS.items()
        }
    finally:
        await admin.close()


def _leaking_files(system: System) -> Iterator[str]:
    """Search what others than the enclave may read: every log, status file and projection."""
    forms = forms_of(CANARY)
    outside = [
        *system.settings.logs_dir.iterdir(),
        *system.settings.run_dir.iterdir(),
        *(
            one
            for one in system.settings.stores_dir.iterdir()
            if one.name.startswith(("ocg-network", "safeguarding"))
        ),
    ]
    for path in outside:
        if path.is_file() and next(leaks_in(path.read_bytes(), forms), None):
            yield path.name


def _result(
    plan: Plan, found: findings.Run, violations: list[Violation], hand: Nemesis, system: System
) -> Result:
    topics = found.topics
    told = {name: sum(one.event is not None for one in topics[name]) for name in topics}
    ops = [one.op for one in found.entries.values()]
    counts = system.control.counts()
    return Result(
        plan=plan,
        sent=len(ops),
        acknowledged=ops.count(ledger.OK),
        unknown=ops.count(ledger.INFO) + ops.count(ledger.INVOKE),
        shared_police=told[POLICE],
        shared_safeguarding=told[SAFEGUARDING],
        alerts=told[ALERTS],
        kills=sum(hand.done[deed] for deed in Deed if deed not in _NO_KILLS),
        deeds=dict(hand.done),
        failpoints={point.name: counts[point.name] for point in FAILPOINTS},
        restarts={name: system.process(name).restarts for name in (BROKER, *ROLES)},
        violations=[str(one) for one in violations],
        explained=sum(map(findings.is_explained, violations)),
    )
