"""The run, the search through all it left, and the control that must be found."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from anonymiser import keyring
from deploy.backup.cut import spec_of
from deploy.backup.records import classes_of
from deploy.broker import answers
from deploy.catch_up import wait_until_caught_up
from deploy.leaks import Identifier, LeakSearch
from deploy.processes import ProcessIdentity
from deploy.supervisor import read_report
from streams.codec import decode
from streams.errors import RivelinError
from streams.kafka import KafkaLog
from streams.loop import StageRunner, read_to_end
from streams.restricted import (
    LinkDecided,
    MergeDecided,
    PossibleLink,
    Quarantined,
    RiskRaised,
    SplitDecided,
)
from streams.shared import AlertRaised, FeedbackGiven, ReportWithdrawn
from streams.topics import (
    ALERTS,
    DUTY,
    POLICE,
    QUARANTINE,
    RESOLUTIONS,
    SAFEGUARDING,
    feedback_of,
    submissions_of,
)
from streams.values import Outcome
from tests.leaks.campaign import Played, decide_and_look, play
from tests.leaks.canaries import canaries_of
from tests.leaks.control import PassingGate
from tests.leaks.sinks import documents, records

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Container, Sequence

    from deploy.demo.system import System
    from deploy.leaks import Document
    from deploy.settings import Settings
    from streams.ports import Record

#: How long a node may take to be back after a kill.
CRASH_SECONDS_MAX = 90
#: Where a partner's own word for its report may stand, if at all: never with police or the hub.
WITHOUT_SOURCE_IDS = ("topic police.", "topic safeguarding.", "screen network", "screen person",
                      "screen alert", "file stores/ocg", "file stores/safeguarding")  # fmt: skip


@dataclass(frozen=True)
class Run:
    """What was found: places and fields, never a value."""

    played: Played
    happened: frozenset[str]
    leaks: tuple[str, ...]
    searched_bytes: int
    canaries: int
    control_passed: int
    control_missing: tuple[str, ...]
    seconds: float = 0.0


@dataclass
class Canaries:
    """The search for all canaries of a run; each has a number of its own."""

    played: Played
    _paths: dict[str, str] = field(default_factory=dict)
    _required: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        numbers: dict[str, str] = {}
        told = [(True, one) for one in self.played.reports]
        told += [(False, one) for one in self.played.unread]
        for is_sent, report in told:
            for one in canaries_of(report):
                number = numbers.setdefault(one.value, f"{len(self._paths)}")
                self._paths.setdefault(number, f"{one.path} ({number})")
                if is_sent and not one.carried:
                    self._required.add(number)
                for form in one.forms:
                    numbers.setdefault(form, number)
        wanted = [Identifier(number, value) for value, number in numbers.items()]
        self._search = LeakSearch(wanted)
        self._beside = LeakSearch(Identifier("beside", one) for one in self.played.beside)
        ids = {one.report_id for one in self.played.reports}
        spelt = [form for one in ids for form in (one.bytes, str(one).encode(), one.hex.encode())]
        self._source_ids = re.compile(b"|".join(map(re.escape, spelt)))

    @property
    def count(self) -> int:
        """Return how many different canaries there are to find."""
        return len(self._required)

    def path_of(self, number: str) -> str:
        """Return field and number of a canary."""
        return self._paths.get(number, number)

    def missing(self, found: Container[str]) -> tuple[str, ...]:
        """Return the canaries of what was sent and opens that were not found."""
        return tuple(self.path_of(one) for one in sorted(self._required) if one not in found)

    async def search(self, found_in: AsyncIterator[Document]) -> tuple[dict[str, set[str]], int]:
        """Return by canary the documents that hold it, and how many bytes were searched."""
        found: dict[str, set[str]] = {}
        size = 0
        async for document in found_in:
            size += len(document.data)
            hits = {leak.path for leak in self._search.find(document)}
            if not _is_the_partners_own(document.name):
                hits |= {leak.path for leak in self._beside.find(document)}
            if document.name.startswith(WITHOUT_SOURCE_IDS) and self._source_ids.search(
                document.data
            ):
                hits.add("report_id")
            for hit in hits:
                found.setdefault(hit, set()).add(document.name)
        return found, size


def _is_the_partners_own(name: str) -> bool:
    """What a partner writes beside its records lies on its own topic, and there alone."""
    return ".submissions" in name and name.startswith(
        ("topic partner.", "file kafka/data/partner.")
    )


def run(system: System, seeds: Sequence[int], *, thorough: bool = False) -> Run:
    """Play, look, search; then let the control pass everything on, and search again.

    `thorough` looks at every screen twice, as people and as programs see it, and searches
    everything again after the control; otherwise the control's topic alone.
    """
    began = time.monotonic()
    settings = system.settings
    played = asyncio.run(play(settings, seeds, system.fingerprint))
    asyncio.run(_caught_up(settings))
    screens = decide_and_look(settings, thorough=thorough)
    if thorough:
        _crash(settings)
    asyncio.run(_caught_up(settings))
    canaries = Canaries(played)
    found, size = asyncio.run(canaries.search(documents(settings, screens.shown)))
    happened = asyncio.run(_happened(settings, played))
    passed = asyncio.run(_let_all_pass(settings, played))
    again = documents(settings) if thorough else records(settings, (POLICE,))
    controlled, _ = asyncio.run(canaries.search(again))
    return Run(
        played=played,
        happened=happened,
        leaks=tuple(f"{canaries.path_of(one)}: {min(found[one])}" for one in sorted(found)),
        searched_bytes=size,
        canaries=canaries.count,
        control_passed=passed,
        control_missing=canaries.missing(controlled),
        seconds=time.monotonic() - began,
    )


def _crash(settings: Settings) -> None:
    """Let roles and broker die in the midst of it: what they say then is searched as well."""
    report = read_report(settings)
    assert report is not None
    for number, names in ((signal.SIGABRT, ("linker", "gate", "anonymiser")),
                          (signal.SIGKILL, ("broker",))):  # fmt: skip
        for process in report.facts["processes"]:
            if process["name"] in names:
                ProcessIdentity.from_dict(process).signal(number)
    deadline = time.monotonic() + CRASH_SECONDS_MAX
    while not asyncio.run(_answers(settings)):
        assert time.monotonic() < deadline
        time.sleep(0.5)


async def _answers(settings: Settings) -> bool:
    try:
        return await answers(settings.access("supervisor"))
    except RivelinError:
        return False


async def _caught_up(settings: Settings) -> None:
    log = KafkaLog(settings.access("supervisor"), "rivelin-test-leaks")
    try:
        await wait_until_caught_up(settings, log)
    finally:
        await log.stop()


async def _let_all_pass(settings: Settings, played: Played) -> int:
    partners = sorted({report.partner for report in played.reports})
    gate = PassingGate(keyring.load(settings.keys_dir), [submissions_of(one) for one in partners])
    log = KafkaLog(settings.access("supervisor"), "rivelin-test-control")
    runner = StageRunner(gate, log)
    await runner.start()
    ends = await log.ends(gate.sources)
    while any(runner.positions()[topic] < end for topic, end in ends.items()):
        await runner.turn()
    await runner.stop()
    await log.stop()
    return gate.passed


async def _happened(settings: Settings, played: Played) -> frozenset[str]:
    """Say in words what the log shows to have happened."""
    partners = sorted({report.partner for report in played.reports})
    log = KafkaLog(settings.access("supervisor"), "rivelin-test-leaks")
    words = {
        Quarantined: "quarantined", MergeDecided: "merged", SplitDecided: "split",
        RiskRaised: "risk", AlertRaised: "alert", PossibleLink: "possible link",
        LinkDecided: "decided", ReportWithdrawn: "withdrawn",
    }  # fmt: skip
    topics = (RESOLUTIONS, QUARANTINE, DUTY, ALERTS, POLICE, SAFEGUARDING)
    found: set[str] = set()
    try:
        async for records in read_to_end(log, topics):
            found |= {words.get(type(_event(one)), "") for one in records}
        async for records in read_to_end(log, [feedback_of(one) for one in partners]):
            given = [_event(one) for one in records]
            if any(isinstance(g, FeedbackGiven) and g.outcome is Outcome.REFUSED for g in given):
                found.add("refused")
            if any(isinstance(g, FeedbackGiven) and (g.revision or 0) > 1 for g in given):
                found.add("corrected")
    finally:
        await log.stop()
    return frozenset(found - {""})


def _event(record: Record) -> object:
    spec = spec_of(record.topic)
    return decode(record.value, *classes_of(spec)) if record.value and spec else None
