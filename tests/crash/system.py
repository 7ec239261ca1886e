"""A whole installation for a crash run: `rivelin up` in a home of its own, through the launcher."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from deploy import registry
from deploy.population import example_population
from deploy.processes import Child, ProcessIdentity, ProcessSpec, last_lines
from deploy.progress import progress_file, read_progress
from deploy.roles import ROLES
from deploy.settings import ReleaseSettings, Settings
from deploy.supervisor import Phase, read_report
from streams.topics import submissions_of
from tests.crash.bugs import BUG
from tests.crash.failpoints import Control
from tests.crash.launcher import CONTROL
from tests.crash.story import PARTNERS, entries

if TYPE_CHECKING:
    from streams.kafka.access import Access

ROOT = Path(__file__).resolve().parents[2]
BROKER = "broker"
HOME = "home"
INTAKE_GROUP = "rivelin-intake"
_READY_SECONDS_MAX = 180.0
_STOP_SECONDS_MAX = 20.0
_PROBE_SECONDS = 0.05
#: A role that has not come back by then, on however busy a machine, will not.
BACK_SECONDS_MAX = 120.0
_TOLD_SECONDS_MAX = 6.0
_AT_WORK = ("running", "catching up")


class CrashSystemError(Exception):
    """The system did not start, or a role did not come back."""


@dataclass(frozen=True, slots=True)
class Process:
    """A supervised process as its supervisor sees it."""

    name: str
    state: str
    identity: ProcessIdentity | None
    restarts: int


class System:
    """Broker and roles of one home."""

    def __init__(self, folder: Path, bug: str = "") -> None:
        """Start nothing yet. `folder` gets the home and the control folder."""
        self._bug = bug
        release = ReleaseSettings(delay_seconds_max=1.0)
        self.settings = Settings(home=folder / HOME, bootstrap_servers=None, release=release)
        self.control = Control(folder / "control")
        self._child: Child | None = None

    async def start(self) -> None:
        """Start everything, onboard the partners, wait until they are served."""
        self.control.make()
        self.settings.make_folders()
        argv = (sys.executable, "-m", "tests.crash.launcher", "up")
        spec = ProcessSpec("supervisor", argv, env=self.env, cwd=ROOT)
        self._child = Child.spawn(spec, self.log("supervisor"))
        await self._until_ready(self._child)
        at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
        await registry.onboard(self.settings, entries(at))
        await registry.set_population(self.settings, example_population("crash rig", at))
        missing = await registry.wait_until_served(self.settings, PARTNERS)
        if missing:
            raise CrashSystemError(f"not served in time: {', '.join(missing)}")

    @property
    def env(self) -> dict[str, str]:
        """What a process of this home is told."""
        return {
            "RIVELIN_HOME": str(self.settings.home),
            "RIVELIN_RELEASE__DELAY_SECONDS_MAX": "1",
            CONTROL: str(self.control.folder),
            BUG: self._bug,
        }

    def log(self, name: str) -> Path:
        """Return where a process writes."""
        return self.settings.logs_dir / f"{name}.log"

    def access(self) -> Access:
        """Return how the checker enters."""
        return self.settings.access("supervisor")

    def process(self, name: str) -> Process:
        """Return what the supervisor says of one process now."""
        report = read_report(self.settings)
        facts = report.facts["processes"] if report else ()
        for one in facts:
            if one["name"] == name:
                known = one["pid"] is not None
                identity = ProcessIdentity.from_dict(one) if known else None
                return Process(name, one["state"], identity, one["restarts"])
        raise CrashSystemError(f"the supervisor does not know {name}")

    def is_working(self, name: str) -> bool:
        """Tell whether a process runs and has come so far as to tell how far it is."""
        process = self.process(name)
        if process.identity is None or not process.identity.is_alive:
            return False
        if name == BROKER:
            return True
        progress = read_progress(self.settings, name)
        if progress is None or progress["pid"] != process.identity.pid:
            return False
        return progress["state"] in _AT_WORK

    async def until_working(self, name: str, seconds: float = BACK_SECONDS_MAX) -> ProcessIdentity:
        """Wait until a process works; return who it is."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.is_working(name) and (found := self.process(name).identity):
                return found
            await asyncio.sleep(_PROBE_SECONDS)
        raise CrashSystemError(f"{name} did not come back within {seconds:.0f} s")

    def unrest(self) -> tuple[str, ...]:
        """Name what is not at rest: who lags, who is away, what waits for a batch."""
        found = []
        for role in ROLES:
            progress = read_progress(self.settings, role)
            if not self.is_working(role) or progress is None:
                found.append(f"{role} is away")
            elif (age := self._told_ago(role)) > _TOLD_SECONDS_MAX:
                found.append(f"{role} has not told for {age:.0f} s")
            elif progress["lag"] != 0:
                found.append(f"{role} lags by {progress['lag']}")
            elif progress.get("counts", {}).get("reports_waiting"):
                found.append(f"{role} holds a batch")
        return tuple(found)

    async def rest(self, seconds: float) -> tuple[tuple[str, ...], float]:
        """Wait until nothing waits any more; return what still does, and how long it took."""
        began, calm = time.monotonic(), 0
        unrest: tuple[str, ...] = ("nothing was looked at",)
        while time.monotonic() - began < seconds:
            unrest = self.unrest() or await self._not_taken_in()
            calm = 0 if unrest else calm + 1
            if calm >= 3:
                return (), time.monotonic() - began
            await asyncio.sleep(1.0)
        return unrest, time.monotonic() - began

    async def _not_taken_in(self) -> tuple[str, ...]:
        """Ask the broker itself: what a stage says of itself is what is being tested."""
        topics = [TopicPartition(submissions_of(partner), 0) for partner in PARTNERS]
        admin = AIOKafkaAdminClient(**self.access().options())
        reader = AIOKafkaConsumer(**self.access().options())
        try:
            await admin.start()
            await reader.start()
            committed = await admin.list_consumer_group_offsets(INTAKE_GROUP)
            ends = await reader.end_offsets(topics)
        except KafkaError as error:
            return (f"the broker does not answer: {type(error).__name__}",)
        finally:
            await admin.close()
            await reader.stop()
        taken = {one: committed[one].offset if one in committed else 0 for one in topics}
        return tuple(
            f"{one.topic}: {ends[one] - taken[one]} not taken in"
            for one in topics
            if taken[one] < ends[one]
        )

    def rivelin(self, *arguments: str, module: str = "deploy") -> subprocess.CompletedProcess[str]:
        """Call the command for this home; through the launcher it can die at a failpoint."""
        return subprocess.run(
            (sys.executable, "-m", module, *arguments),
            env={**os.environ, **self.env},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

    def replayed(self) -> dict[str, bool]:
        """Return for each projection whether its live store is what its replay gives."""
        done = self.rivelin("replay", "--json")
        try:
            return {one["name"]: one["equal"] for one in json.loads(done.stdout)}
        except (ValueError, KeyError):
            return {f"rivelin replay: exit {done.returncode}": False}

    def stop(self) -> None:
        """Stop everything; harmless when nothing runs."""
        child, self._child = self._child, None
        if child is None:
            return
        if child.is_running:
            child.signal(signal.SIGTERM)
        if child.wait_sync(_STOP_SECONDS_MAX) is None:
            child.kill_sync()

    async def _until_ready(self, child: Child) -> None:
        deadline = time.monotonic() + _READY_SECONDS_MAX
        while (report := read_report(self.settings)) is None or report.phase is not Phase.READY:
            if not child.is_running or time.monotonic() > deadline:
                said = last_lines(self.log("supervisor"))
                raise CrashSystemError(f"the start failed:\n{said}")
            await asyncio.sleep(_PROBE_SECONDS)

    def _told_ago(self, role: str) -> float:
        """By the clock of the disk: that of the role may be another on purpose."""
        return time.time() - progress_file(self.settings, role).stat().st_mtime
