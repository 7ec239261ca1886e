"""The anonymiser as the supervisor runs it, on a real broker: outcomes, kills, new partners."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import uuid
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from anonymiser import keyring
from deploy.acls import Resource, _Administration, ensure_permissions, wanted
from deploy.certificates import SUPERVISOR
from deploy.pki import Pki
from deploy.topics import ensure_topics
from streams.codec import decode, encode
from streams.kafka import KafkaLog
from streams.loop import read_to_end
from streams.ports import Outgoing
from streams.restricted import (
    Identity,
    Quarantined,
    ReceiptDue,
    ReportKeysWrapped,
    ReportTokenised,
    RiskRaised,
    WithdrawalReceived,
    WithdrawalSubmitted,
)
from streams.topics import (
    DUTY,
    QUARANTINE,
    REGISTRY,
    REPORT_KEYS,
    SHARED_TOPICS,
    TOKENISED,
    partner_topics,
    submissions_of,
)
from streams.values import Outcome, WithdrawalReason
from tests.elsewhere import elsewhere, environment, let_in
from tests.invented_enclave import onboarded, sealed, suspended
from tests.invented_reports import child, report

if TYPE_CHECKING:
    from deploy.settings import Settings

OUTPUT = (TOKENISED, QUARANTINE, DUTY, REPORT_KEYS)
CLASSES = (
    ReportTokenised,
    WithdrawalReceived,
    ReceiptDue,
    Quarantined,
    RiskRaised,
    ReportKeysWrapped,
)
SERVED_SECONDS_MAX = 60
KILLS = 4
ROLE = (sys.executable, "-m", "deploy", "role", "anonymiser")
#: A worker that was killed is back and at work well within this.
DOUBLES_SECONDS_MAX = 60
CONTROL = (sys.executable, "-m", "tests.integration.uncoupled_intake")


class Worker:
    """The role as a process; started again at once when it ends, as the supervisor does."""

    def __init__(self, settings, log_file, command=ROLE) -> None:
        self.exits: list[int] = []
        self._command = command
        self._env = {
            **os.environ,
            **environment(settings),
        }
        self._log_file = log_file
        self._process = self._spawn()
        self._keeping = asyncio.create_task(self._keep())

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)

    async def stop(self) -> int:
        self._keeping.cancel()
        self._process.terminate()
        try:
            return await asyncio.to_thread(self._process.wait, 10)
        finally:
            self._process.kill()

    def _spawn(self):
        with self._log_file.open("ab") as file:
            return subprocess.Popen(self._command, env=self._env, stdout=file, stderr=file)

    async def _keep(self) -> None:
        while True:
            if (code := self._process.poll()) is not None:
                self.exits.append(code)
                self._process = self._spawn()
            await asyncio.sleep(0.05)


@pytest.fixture
def settings(broker, tmp_path) -> Settings:
    """An enclave of its own on the broker that all tests share."""
    settings = elsewhere(broker, tmp_path / "home")
    settings.make_folders()
    return settings


@pytest.fixture
def keys(settings):
    asyncio.run(ensure_topics(settings, SHARED_TOPICS))
    keyring.create_missing(settings.keys_dir)
    return keyring.load(settings.keys_dir)


@pytest.fixture
async def log(settings):
    log = KafkaLog(settings.access("supervisor"), client_id="test-anonymiser")
    yield log
    await log.stop()


@asynccontextmanager
async def working(settings, tmp_path, command=ROLE):
    log_file = tmp_path / "anonymiser.log"
    worker = Worker(settings, log_file, command)
    try:
        yield worker
    except Exception as error:
        error.add_note(log_file.read_text()[-4000:])
        raise
    finally:
        code = await worker.stop()
    assert code == 0, log_file.read_text()[-4000:]


async def onboard(settings, log, *events) -> None:
    specs = [spec for event in events for spec in partner_topics(event.partner)]
    await ensure_topics(settings, specs)
    await let_in(settings)
    await log.append([Outgoing(REGISTRY, encode(event)) for event in events])


def invented_partner() -> str:
    return f"partner-{uuid.uuid4().hex[:8]}"


async def outcomes(log, *partners):
    """What intake wrote about these partners, read as any consumer reads: committed only."""
    found = []
    async for records in read_to_end(log, OUTPUT):
        for record in records:
            event = decode(record.value, *CLASSES)
            if event.partner in partners:
                found.append((record.topic, event))
    return found


def answered(found) -> int:
    """How many submissions have an answer."""
    return sum(
        isinstance(event, ReportTokenised | WithdrawalReceived | ReceiptDue) for _, event in found
    )


async def until_answered(log, count, *partners, seconds=SERVED_SECONDS_MAX):
    async with asyncio.timeout(seconds):
        while answered(found := await outcomes(log, *partners)) < count:  # noqa: ASYNC110 - a log gives no event
            await asyncio.sleep(0.2)
    return found


def status_of(settings):
    return json.loads((settings.run_dir / "anonymiser.json").read_text())


async def test_every_kind_of_submission_has_its_outcome_and_a_new_partner_is_served(
    settings, keys, log, tmp_path
):
    partner, other = invented_partner(), invented_partner()
    ids = [uuid.uuid4() for _ in range(7)]

    def told(number, **changes):
        return sealed(report(partner=partner, report_id=ids[number], **changes), keys)

    wrong = replace(child(), identity=Identity(nhs_number="9434765918"))
    submissions = [
        told(0),
        told(1, immediate_risk=True),
        told(2, nodes=(wrong,), relations=()),
        told(3, nodes=tuple(replace(wrong, label=str(n)) for n in range(51)), relations=()),
        b"\x00\x00\x00\x00\x07cut short",
        sealed(report(partner=other, report_id=ids[5]), keys),
        encode(
            WithdrawalSubmitted(report_id=ids[0], partner=partner, reason=WithdrawalReason.ERROR)
        ),
        told(0),
    ]
    async with working(settings, tmp_path):
        await onboard(settings, log, onboarded(partner))
        await log.append([Outgoing(submissions_of(partner), one) for one in submissions])
        found = await until_answered(log, len(submissions), partner)
        # a partner that comes while the worker runs is served, and one that is added twice stays so
        await onboard(settings, log, onboarded(other), onboarded(partner))
        await log.append([Outgoing(submissions_of(other), submissions[5])])
        (late,) = [
            event for topic, event in await until_answered(log, 1, other) if topic == TOKENISED
        ]
        await log.append([Outgoing(REGISTRY, encode(suspended(partner)))])
        await asyncio.sleep(1)
        await log.append([Outgoing(submissions_of(partner), told(6, immediate_risk=True))])
        after = await until_answered(log, len(submissions) + 1, partner)
        status = status_of(settings)

    tokenised = [event for topic, event in found if topic == TOKENISED]
    assert [type(event) for event in tokenised] == [
        ReportTokenised,
        ReportTokenised,
        ReceiptDue,
        ReceiptDue,
        ReceiptDue,
        ReceiptDue,
        WithdrawalReceived,
        ReportTokenised,
    ]
    assert tokenised[0].content_digest == tokenised[7].content_digest
    assert [event.outcome for event in tokenised[2:6]] == [
        Outcome.REFUSED,
        Outcome.REFUSED,
        Outcome.QUARANTINED,
        Outcome.QUARANTINED,
    ]
    assert [event.offset for event in tokenised[2:6]] == [2, 3, 4, 5]
    assert tokenised[2].reasons[0].field == "nodes[0].identity.nhs_number"
    quarantined = [event for topic, event in found if topic == QUARANTINE]
    assert [(one.offset, one.submission) for one in quarantined] == [
        (4, submissions[4]),
        (5, submissions[5]),
    ]
    risks = [event for topic, event in found if topic == DUTY]
    assert [(one.offset, one.readable) for one in risks] == [(1, True), (4, False)]
    wrapped = [event for topic, event in found if topic == REPORT_KEYS]
    assert Counter(one.report_id for one in wrapped) == {ids[0]: 2, ids[1]: 1}
    assert (late.partner, late.report_id) == (other, ids[5])
    refused = after[-1][1] if after[-1][0] == TOKENISED else None
    last = [event for topic, event in after if topic == TOKENISED][-1]
    assert refused is None or refused == last
    assert (last.outcome, last.reasons[0].code) == (Outcome.REFUSED, "partner_suspended")
    assert [event.offset for topic, event in after if topic == DUTY] == [1, 4, 8]
    assert status["topics"][submissions_of(partner)]["position"] >= len(submissions)
    assert status["state"] in {"running", "catching up"}


class Load:
    """Reports from several partners, one in ten cut short, while the worker is killed."""

    def __init__(self, log, keys, partners) -> None:
        self.sent: Counter[str] = Counter()
        self._log = log
        self._keys = keys
        self._partners = partners
        self._dice = random.Random(7)

    async def submit(self, partner) -> None:
        whole = sealed(report(partner=partner, report_id=uuid.uuid4()), self._keys)
        value = whole if self._dice.random() < 0.9 else whole[:-5]
        await self._log.append([Outgoing(submissions_of(partner), value)])
        self.sent[partner] += 1

    async def around_a_kill(self, worker) -> None:
        task = asyncio.create_task(self.submit_for(1.5))
        await asyncio.sleep(self._dice.uniform(0.3, 1.2))
        worker.kill()
        await task

    async def submit_for(self, seconds) -> None:
        ends = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < ends:
            await self.submit(self._dice.choice(self._partners))
            await asyncio.sleep(0.004)


@pytest.fixture
async def load(settings, keys, log):
    partners = [invented_partner() for _ in range(3)]
    await onboard(settings, log, *map(onboarded, partners))
    return Load(log, keys, partners)


async def all_answered(log, load):
    """Wait until every submission has an answer, then a moment for what should not come."""
    await until_answered(log, load.sent.total(), *load.sent)
    await asyncio.sleep(0.5)
    return await outcomes(log, *load.sent)


def counted(found, partner):
    """How often each submission of a partner is in each kind of output."""
    mine = [(topic, event) for topic, event in found if event.partner == partner]
    return (
        Counter(event.offset for _, event in mine if isinstance(event, ReceiptDue)),
        Counter(event.offset for topic, event in mine if topic == QUARANTINE),
        Counter(event.report_id for _, event in mine if isinstance(event, ReportTokenised)),
        Counter(event.report_id for _, event in mine if isinstance(event, ReportKeysWrapped)),
    )


async def test_killed_in_mid_run_every_submission_still_has_one_outcome(
    settings, log, load, tmp_path
):
    async with working(settings, tmp_path) as worker:
        for _ in range(KILLS):
            await load.submit_for(0.3)
            await all_answered(log, load)  # it serves again: the next kill meets it at work
            await load.around_a_kill(worker)
        found = await all_answered(log, load)

    assert worker.exits == [-signal.SIGKILL] * KILLS
    for partner, sent in load.sent.items():
        receipts, quarantined, reports, wrapped = counted(found, partner)
        assert receipts == quarantined
        assert reports == wrapped
        assert set(receipts.values()) | set(reports.values()) == {1}
        assert receipts.total() + reports.total() == sent
    assert load.sent.total() > 200


async def test_the_kill_test_finds_doubles_where_output_and_offset_are_apart(
    settings, log, load, tmp_path
):
    async with working(settings, tmp_path, CONTROL) as worker:
        await load.submit_for(1.0)
        found = await all_answered(log, load)
        async with asyncio.timeout(DOUBLES_SECONDS_MAX):
            while not has_doubles(found, load):  # the last batch may be the one done twice
                await asyncio.sleep(0.2)
                found = await outcomes(log, *load.sent)

    assert worker.exits == [-signal.SIGKILL]


def has_doubles(found, load):
    return any(
        count > 1
        for partner in load.sent
        for outputs in counted(found, partner)
        for count in outputs.values()
    )


async def test_each_death_and_start_finds_a_worker_that_says_where_it_is(
    settings, keys, log, tmp_path
):
    partner = invented_partner()
    await onboard(settings, log, onboarded(partner))
    async with working(settings, tmp_path):
        await log.append([Outgoing(submissions_of(partner), sealed(report(partner=partner), keys))])
        await until_answered(log, 1, partner)
        await asyncio.sleep(2.2)  # it is written every second
        status = status_of(settings)
    one = status["topics"][submissions_of(partner)]
    assert (one["position"], one["end"], one["lag"]) == (1, 1, 0)
    assert datetime.fromisoformat(one["committed_at"]) > datetime.now(UTC) - timedelta(minutes=1)
    assert status["alarms"] == []


async def test_a_partner_whose_topic_is_missing_is_an_alarm_and_stops_nobody(
    settings, keys, log, tmp_path
):
    partner, absent = invented_partner(), invented_partner()
    await onboard(settings, log, onboarded(partner))
    await log.append([Outgoing(REGISTRY, encode(onboarded(absent)))])
    async with working(settings, tmp_path) as worker:
        await log.append([Outgoing(submissions_of(partner), sealed(report(partner=partner), keys))])
        await until_answered(log, 1, partner)
        await asyncio.sleep(1.2)
        alarms = status_of(settings)["alarms"]
        assert worker.exits == []
        await ensure_topics(settings, partner_topics(absent))
        await let_in(settings)
        await log.append([Outgoing(submissions_of(absent), sealed(report(partner=absent), keys))])
        await until_answered(log, 1, absent)
    assert [alarm for alarm in alarms if submissions_of(absent) in alarm]


async def test_a_worker_without_its_keys_says_so_and_ends(settings, keys, tmp_path):
    (settings.keys_dir / "token-1.key").chmod(0o644)
    env = {
        **os.environ,
        **environment(settings),
    }
    ended = await asyncio.to_thread(
        subprocess.run, ROLE, env=env, capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == 70
    assert "token-1" in ended.stderr


#: The role with bounds of seconds, so that a test need not wait for a minute.
IMPATIENT = (
    sys.executable,
    "-c",
    (
        "import sys; from anonymiser.intake.worker import shell;"
        " shell.JOIN_SECONDS_MAX, shell._WATCH_SECONDS = 8.0, 1.0;"
        " sys.argv = ['rivelin', 'role', 'anonymiser']; from deploy.cli import main; main()"
    ),
)


async def test_a_worker_that_may_not_join_its_group_says_so_and_ends(
    broker, settings, keys, log, tmp_path
):
    """Faust waits for ever then, without a line of its log."""
    await onboard(settings, log, onboarded(invented_partner()))
    may_join = [
        one
        for one in wanted(Pki(broker.settings.pki_dir).issued(), (), datetime.now(UTC))
        if one.grant.resource is Resource.GROUP and one.principal.startswith("User:anonymiser.")
    ]
    assert may_join
    with _Administration(broker.access(SUPERVISOR)) as administration:
        administration.remove(may_join)
        administration.settle(frozenset(), frozenset(may_join))
    try:
        ended = await asyncio.to_thread(
            subprocess.run,
            IMPATIENT,
            env={**os.environ, **environment(settings)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        await ensure_permissions(broker.settings, SUPERVISOR, datetime.now(UTC))
    assert ended.returncode == 70
    assert "the group was never joined; may this process read it?" in ended.stderr
