"""The reconciler beside real roles on a real broker: a gate that stands still is told of."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from anonymiser import keyring
from anonymiser.keyring import FileKeyRing, KeyKind
from deploy.broker import LocalBroker
from deploy.erasure import stored_keys
from deploy.keys import ensure_keys
from deploy.progress import read_progress
from deploy.rotation import rewrap
from deploy.settings import Settings
from deploy.topics import ensure_topics
from streams.codec import decode, encode
from streams.erasure import read_export
from streams.kafka import KafkaLog
from streams.loop import read_to_end
from streams.operations import place_of
from streams.ports import Outgoing
from streams.restricted import OutcomeFound, OutcomeMissing, RedriveRequested
from streams.sealing import seal
from streams.shared import BatchReleased, FeedbackGiven, OperationRecorded, PoliceReportShared
from streams.topics import (
    ALARMS,
    OPERATIONS,
    POLICE,
    REDRIVES,
    REGISTRY,
    REPORT_KEYS,
    SHARED_TOPICS,
    feedback_of,
    partner_topics,
    submissions_of,
)
from streams.values import Operation
from tests.elsewhere import let_in
from tests.invented_enclave import onboarded
from tests.invented_reports import PARTNER, report

BOUND_SECONDS = 3
PATIENCE_SECONDS = 60
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A broker of its own, one partner, and all roles but gate and reconciler."""
    settings = Settings(home=tmp_path_factory.mktemp("reconciler"))
    settings.make_folders()
    with LocalBroker(settings):
        asyncio.run(prepare(settings))
        with role("anonymiser", settings), role("linker", settings):
            for name in ("anonymiser", "linker"):
                until_running(name, settings)
            yield settings


def until_running(name, settings):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (read_progress(settings, name) or {}).get("state") != "running":
        assert time.monotonic() < deadline, f"{name} does not run"
        time.sleep(0.1)


async def prepare(settings):
    await ensure_topics(settings, (*SHARED_TOPICS, *partner_topics(PARTNER)))
    if settings.access("supervisor").credentials is not None:
        await let_in(settings, PARTNER)
    await ensure_keys(settings)
    log = KafkaLog(settings.access("supervisor"), client_id="test-prepare")
    await log.append([Outgoing(REGISTRY, encode(onboarded()))])
    await log.stop()


@contextmanager
def role(name, settings):
    env = {
        **os.environ,
        "RIVELIN_HOME": str(settings.home),
        "RIVELIN_RECONCILE__OUTCOME_SECONDS_MAX": str(BOUND_SECONDS),
    }
    with (settings.logs_dir / f"{name}.log").open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy", "role", name],
            cwd=ROOT, env=env, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


@pytest.fixture
async def log(home):
    log = KafkaLog(home.access("supervisor"), client_id="test-reconciler")
    yield log
    await log.stop()


async def events(log, topic, *classes):
    return [
        decode(one.value, *classes) async for batch in read_to_end(log, (topic,)) for one in batch
    ]


async def eventually(look):
    """Return what `look` finds, once it finds something."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := await look()):
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.2)
    return found


async def submit(log, home, *reports):
    key = keyring.load(home.keys_dir).sealing[1].public()
    await log.append([Outgoing(submissions_of(PARTNER), encode(seal(one, key))) for one in reports])


def alarms_of(log, offset, cls=OutcomeMissing):
    async def look():
        found = await events(log, ALARMS, OutcomeMissing, OutcomeFound)
        return [one for one in found if isinstance(one, cls) and one.offset == offset]

    return look


async def test_a_gate_that_stands_still_is_told_of_and_its_outcome_when_it_comes(log, home):
    one, other = (replace(report(), report_id=uuid4()) for _ in range(2))
    with role("reconciler", home):
        await submit(log, home, one, other)
        (alarm,) = await eventually(alarms_of(log, 0))
        assert (alarm.stage, alarm.lost, alarm.report_id) == ("gate", False, one.report_id)
        with role("gate", home):
            (found,) = await eventually(alarms_of(log, 0, OutcomeFound))
    assert found.outcome == "SHARED"
    assert await events(log, REDRIVES, RedriveRequested) == []
    told = await events(log, feedback_of(PARTNER), FeedbackGiven)
    assert [(one.offset, one.outcome) for one in told] == [(0, "SHARED"), (1, "SHARED")]
    rows = [
        place_of(row.subject)
        for row in await events(log, OPERATIONS, OperationRecorded, BatchReleased)
        if isinstance(row, OperationRecorded) and row.operation is Operation.COLLECTION
    ]
    assert rows == [(submissions_of(PARTNER), 0), (submissions_of(PARTNER), 1)]


async def test_a_redriven_submission_that_was_shared_is_a_duplicate_and_shared_once(log, home):
    one = replace(report(), report_id=uuid4())
    await submit(log, home, one)

    async def receipts():
        told = await events(log, feedback_of(PARTNER), FeedbackGiven)
        return [one.outcome.value for one in told if one.report_id == report_id]

    report_id = one.report_id
    with role("gate", home):
        await eventually(receipts)
        offset = (await log.ends((submissions_of(PARTNER),)))[submissions_of(PARTNER)] - 1
        request = RedriveRequested(
            partner=PARTNER,
            offset=offset,
            collected=True,
            quarantined_offset=None,
            requested_by="Ida Test",
            requested_at=report().reported_at,
        )
        await log.append([Outgoing(REDRIVES, encode(request))])

        async def both():
            return len(told := await receipts()) > 1 and told

        assert await eventually(both) == ["SHARED", "DUPLICATE"]


def rivelin(home, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "deploy", *arguments],
        cwd=ROOT,
        env={**os.environ, "RIVELIN_HOME": str(home.home), "RIVELIN_PURPOSE": "OPERATE_SERVICE"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def outcomes_of(log, one):
    told = await events(log, feedback_of(PARTNER), FeedbackGiven)
    return [given.outcome.value for given in told if given.report_id == one.report_id]


async def test_a_quarantined_report_ends_once_when_its_cause_is_mended(log, home):
    FileKeyRing(home.keys_dir).add(KeyKind.SEALING)
    lost, kept = home.keys_dir / "sealing-1.key", home.keys_dir.parent / "sealing-1.kept"
    one = replace(report(), report_id=uuid4())

    async def receipts(count):
        return len(told := await outcomes_of(log, one)) >= count and told

    with role("desk", home):
        sealed_to_it = seal(one, keyring.load(home.keys_dir).sealing[1].public())
        lost.rename(kept)
        try:
            with role("gate", home):
                until_running("gate", home)
                await log.append([Outgoing(submissions_of(PARTNER), encode(sealed_to_it))])
                assert await eventually(lambda: receipts(1)) == ["QUARANTINED"]
                kept.rename(lost)
                answer = rivelin(home, "quarantine", "redrive", "0", "--as", "Ida Invented")
                assert answer.returncode == 0, answer.stderr
                assert await eventually(lambda: receipts(2)) == ["QUARANTINED", "SHARED"]
        finally:
            if kept.exists():
                kept.rename(lost)
    shared = await events(log, POLICE, PoliceReportShared)
    assert len(shared) == len({event.report_id for event in shared})


async def test_an_erased_key_is_gone_from_the_disk_and_stored_by_nobody_again(log, home):
    one = replace(report(), report_id=uuid4())
    await submit(log, home, one)

    async def stored():
        kept = (await stored_keys(log)).values()
        ours = [wrapped for wrapped in kept if wrapped.report_id == one.report_id]
        return [key.wrapped for wrapped in ours for key in wrapped.keys]

    secrets = await eventually(stored)
    assert all(bytes_on_disk(home, secret) for secret in secrets)
    answer = rivelin(
        home, "erase", "report", str(one.report_id), "--as", "Ida Invented",
        "--reason", "subject-request", "--yes",
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    assert await stored() == []
    assert not any(bytes_on_disk(home, secret) for secret in secrets)

    offset = (await log.ends((submissions_of(PARTNER),)))[submissions_of(PARTNER)] - 1
    await submit(log, home, one)
    request = RedriveRequested(
        partner=PARTNER,
        offset=offset,
        collected=True,
        quarantined_offset=None,
        requested_by="Ida Invented",
        requested_at=one.reported_at,
    )
    await log.append([Outgoing(REDRIVES, encode(request))])
    with role("gate", home):

        async def refused():
            return (await outcomes_of(log, one)).count("REFUSED") == 2

        await eventually(refused)
    FileKeyRing(home.keys_dir).add(KeyKind.STORAGE)
    await rewrap(log, keyring.load(home.keys_dir))
    assert await stored() == []
    listed = json.loads(rivelin(home, "erase", "list", "--json").stdout)
    assert [(entry["keys_stored"], entry["old_bytes_delivered"]) for entry in listed] == [
        (False, False)
    ]
    assert listed[0]["certified_at"] is None
    ledger = home.home / "erasures.jsonl"
    assert rivelin(home, "erase", "export", str(ledger)).returncode == 0
    (event,) = read_export(ledger.read_text().splitlines())
    assert (event.report_id, event.decided_by) == (one.report_id, "Ida Invented")
    counted = rivelin(home, "reconcile", "--json")
    assert counted.returncode == 0, counted.stdout
    (partner,) = json.loads(counted.stdout)["partners"]
    assert partner["missing"] == []
    assert sum(partner["outcomes"].values()) == partner["submissions"]


def bytes_on_disk(home, secret):
    """Whether any file of the topic of data keys holds these bytes."""
    files = home.kafka_dir.rglob(f"{REPORT_KEYS}-0/*")
    return any(secret in file.read_bytes() for file in files if file.is_file())
