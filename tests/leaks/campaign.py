"""A run of the real system in which everything that identifies is a canary.

Broker, every role and the real SDK; the stories of the synthetic town, which hold repeats,
corrections, withdrawals, holds, immediate risks, merges and alerts, told with canaries; and what
the town lacks: a report with every field of every kind, twins whom the desk unites and parts, a
submission that does not open, one with a wrong check digit, and keys and headers with names.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaProducer
from typer.testing import CliRunner

from anonymiser import keyring
from deploy.cli import build_app
from deploy.demo.play import DECIDED_BY, entries_of
from deploy.population import example_population
from deploy.registry import onboard, set_population, wait_until_served
from deploy.views import now
from producers.sdk import InvalidReportError
from producers.town.reports import Step
from producers.town.town import build_town
from streams.codec import decode, encode
from streams.parts import Handling
from streams.restricted import Identity, Node, PersonFacts, Report, ReportSubmitted
from streams.sealing import seal
from streams.topics import submissions_of
from streams.values import (
    Audience,
    ConditionCode,
    HandlingCode,
    NodeKind,
    Outcome,
    Role,
    Sex,
)
from tests.elsewhere import partner_at
from tests.leaks.canaries import Maker, Planter, every_kind
from tests.leaks.sinks import Shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from deploy.settings import Settings
    from producers.sdk import Partner
    from producers.town.town import Town

RECEIPT_SECONDS = 90
FLIPPED = 40
#: What a careless client of a partner writes beside its records; on its own topic alone.
HEADERS_MAX = 3


@dataclass
class Played:
    """What was sent, and what came back; `unread` are reports that nobody could open."""

    reports: list[Report] = field(default_factory=list)
    unread: list[Report] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    refused_at_the_door: int = 0


@dataclass(frozen=True)
class Where:
    """The installation, and the fingerprint that its partners pin."""

    settings: Settings
    fingerprint: str

    def sdk(self, partner: str) -> Partner:
        """Return a partner's connection, to be entered."""
        patience = timedelta(seconds=60)
        return partner_at(self.settings, partner, self.fingerprint, patience=patience)


async def play(settings: Settings, seeds: Sequence[int], fingerprint: str) -> Played:
    """Play a town for each seed, the same bodies in each; then what no town does."""
    played, planter = Played(), Planter(Maker(seeds[0]))
    where = Where(settings, fingerprint)
    towns = [build_town(seed, 60, 1) for seed in seeds]
    await _admit(settings, towns[0])
    bodies = {body.partner for body in towns[0].bodies}
    async with asyncio.TaskGroup() as group:
        for partner in sorted(bodies):
            steps = [step for town in towns for step in town.of(partner)]
            group.create_task(_partner(where, partner, steps, planter, played))
    await _specials(where, planter, played, towns[0])
    return played


async def _admit(settings: Settings, town: Town) -> None:
    """One body too may have its words pass on, so that redaction is in the way of canaries."""
    entries = [replace(entry, narrative_permitted=True) for entry in entries_of(town, now())]
    await onboard(settings, entries)
    await set_population(settings, example_population(DECIDED_BY, now()))
    assert await wait_until_served(settings, [one.partner for one in entries]) == ()


async def _partner(
    where: Where, partner: str, steps: Iterable[Any], planter: Planter, played: Played
) -> None:
    async with where.sdk(partner) as sdk:
        sent = []
        for step in steps:
            if step.step is Step.WITHDRAWAL:
                sent.append(await sdk.withdraw(step.report.report_id, step.reason))
                continue
            report = planter.planted(step.report)
            try:
                sent.append(await sdk.submit(report))
            except InvalidReportError:
                played.refused_at_the_door += 1
                played.unread.append(report)
            else:
                played.reports.append(report)
        for submission in sent:
            played.outcomes[(await submission.receipt(RECEIPT_SECONDS)).outcome] += 1


# --- what no town does -------------------------------------------------------------------------


async def _specials(where: Where, planter: Planter, played: Played, town: Town) -> None:
    sample = next(
        step.report
        for step in town.submissions
        if step.step is Step.REPORT and step.report.partner == "sheaf-council"
    )
    base = replace(
        sample,
        event_at=datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2),
        reported_at=datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1),
        handling=Handling(),
    )
    full = planter.filled(every_kind(replace(base, report_id=uuid.uuid4())))
    waits = Handling(
        code=HandlingCode.C,
        recipients=(Audience.POLICE, Audience.SAFEGUARDING),
        conditions=(ConditionCode.S2,),
    )
    held = planter.filled(every_kind(replace(base, report_id=uuid.uuid4(), handling=waits)))
    risk = replace(base, report_id=uuid.uuid4(), immediate_risk=True)
    urgent = planter.filled(every_kind(risk))
    async with where.sdk(base.partner) as sdk:
        for report in (full, held, urgent, *_twins(planter, base)):
            played.reports.append(report)
            submission = await sdk.submit(report)
            played.outcomes[(await submission.receipt(RECEIPT_SECONDS)).outcome] += 1
        corrected = planter.filled(every_kind(replace(base, report_id=full.report_id)))
        played.reports.append(replace(corrected, revision=2, supersedes=1))
        submission = await sdk.correct(corrected)
        played.outcomes[(await submission.receipt(RECEIPT_SECONDS)).outcome] += 1
    await _past_the_sdk(where.settings, planter, played, base)


def _twins(planter: Planter, base: Report) -> tuple[Report, Report]:
    """Two children of one birth date, address and family name: the desk has to say."""
    address, postcode = planter.maker.text("address"), planter.maker.text("postcode")
    family = planter.maker.word()
    born_on = planter.maker.day(datetime(2012, 1, 1, tzinfo=UTC).date())

    def one() -> Report:
        child = Node(
            label=planter.maker.word(),
            kind=NodeKind.PERSON,
            identity=Identity(
                given_name=planter.maker.word(),
                family_name=family,
                born_on=born_on,
                address=address,
                postcode=postcode,
            ),
            person=PersonFacts(sex=Sex.MALE, age=14, role=Role.VICTIM),
        )
        return replace(base, report_id=uuid.uuid4(), nodes=(child,), relations=(), narrative=None)

    return one(), one()


async def _past_the_sdk(settings: Settings, planter: Planter, played: Played, base: Report) -> None:
    """What a client without the SDK's check can write: each has an outcome and leaks nothing."""
    key = keyring.load(settings.keys_dir).sealing[1].public()
    wrong = planter.filled(every_kind(replace(base, report_id=uuid.uuid4())))
    child = wrong.nodes[0]
    number = child.identity.nhs_number
    bad = replace(child.identity, nhs_number=number[:-1] + str((int(number[-1]) + 1) % 10))
    wrong = replace(wrong, nodes=(replace(child, identity=bad), *wrong.nodes[1:]))
    shut = planter.filled(every_kind(replace(base, report_id=uuid.uuid4())))
    beside = planter.filled(every_kind(replace(base, report_id=uuid.uuid4())))
    played.reports += (wrong, beside)
    played.unread.append(shut)
    played.beside = [planter.maker.word() for _ in range(HEADERS_MAX + 1)]
    name, *headers = played.beside
    records = (
        (encode(seal(wrong, key)), None, []),
        (_flipped(encode(seal(shut, key))), None, []),
        (encode(seal(beside, key)), name.encode(), [(one, one.encode()) for one in headers]),
    )
    access = settings.access(f"partner:{base.partner}")
    producer = AIOKafkaProducer(**access.options())
    await producer.start()
    try:
        for value, record_key, beside_it in records:
            topic = submissions_of(base.partner)
            await producer.send_and_wait(topic, value, key=record_key, headers=beside_it)
    finally:
        await producer.stop()


def _flipped(value: bytes) -> bytes:
    """One bit of the last part's ciphertext is another."""
    submission = decode(value, ReportSubmitted)
    *parts, last = submission.parts
    changed = bytes([last.ciphertext[0] ^ 1]) + last.ciphertext[1:]
    return encode(replace(submission, parts=(*parts, replace(last, ciphertext=changed))))


# --- what people do and see --------------------------------------------------------------------


class Screens:
    """Every command that shows something, typed as police, hub, desk and auditor would."""

    def __init__(self, settings: Settings, *, thorough: bool) -> None:
        self._thorough = thorough
        self._runner = CliRunner()
        self._app = build_app()
        self._environment = {
            "RIVELIN_HOME": str(settings.home),
            "RIVELIN_NAME": "Ida Reviewer",
        }
        self.shown: list[Shown] = []

    def see(self, *arguments: str, purpose: str | None = None) -> Any:
        """Run a command with --json, and without where thorough; return the document."""
        own = (*arguments, *(("--purpose", purpose) if purpose else ()))
        if self._thorough:
            self._run(*own)
        text = self._run(*own, "--json")
        return json.loads(text) if text.strip() else None

    def do(self, *arguments: str) -> None:
        """Run a command that decides something."""
        self._run(*arguments)

    def _run(self, *arguments: str) -> str:
        done = self._runner.invoke(self._app, list(arguments), env=self._environment)
        told = repr(done.exception) if done.exception else ""
        self.shown.append(Shown(" ".join(arguments), f"{done.stdout}\n{done.stderr}\n{told}"))
        assert done.exit_code == 0, (arguments, done.stdout, done.stderr, told)
        return done.stdout


def decide_and_look(settings: Settings, *, thorough: bool) -> Screens:
    """Unite and part the twins at the desk, then look at every view there is."""
    screens = Screens(settings, thorough=thorough)
    police, hub = "DISRUPT_ORGANISED_CRIME", "SAFEGUARD_CHILDREN"
    by = ("--as", "Ida Reviewer")
    for role in ("ANALYST", "HUB_PRACTITIONER"):
        screens.do("staff", "assign", "Ida Reviewer", "--role", role)
    links = screens.see("links", "list", *by)
    for link in links[:1]:
        screens.do("links", "decide", link["link_id"], "same", *by)
        screens.do("links", "decide", link["link_id"], "different", "--as", "Ola Reviewer")
        screens.see("links", "show", link["link_id"], *by)
    screens.see("links", "measure", *by)
    for what in ("holds", "quarantine"):
        for one in screens.see(what, "list", *by)[:1]:
            screens.see(what, "show", _id_in(one), *by)
    for what, why in (("network", police), ("person", police), ("alert", hub)):
        for one in screens.see(what, "list", purpose=why)[: 9 if thorough else 1]:
            screens.see(what, "show", _id_in(one), purpose=why)
    for command in (("status",), ("duty",), ("replay",), ("keys", "list"), ("partner", "list"),
                    ("population", "show"), ("weights", "list")):  # fmt: skip
        screens.see(*command)
    return screens


def _id_in(row: dict[str, Any]) -> str:
    """Return what the row is shown by: its first id, or the number of its place."""
    named = (value for key, value in row.items() if key.endswith("_id") and value)
    return str(row["number"] if "number" in row else next(named))
