"""The reconciler beside real roles on a real broker: a gate that stands still is told of."""

from __future__ import annotations

import asyncio
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
from deploy.broker import LocalBroker
from deploy.keys import ensure_keys
from deploy.progress import read_progress
from deploy.settings import Settings
from deploy.topics import ensure_topics
from streams.codec import decode, encode
from streams.kafka import KafkaLog
from streams.loop import read_to_end
from streams.operations import place_of
from streams.ports import Outgoing
from streams.restricted import OutcomeFound, OutcomeMissing, RedriveRequested
from streams.sealing import seal
from streams.shared import BatchReleased, FeedbackGiven, OperationRecorded
from streams.topics import (
    ALARMS,
    OPERATIONS,
    REDRIVES,
    REGISTRY,
    SHARED_TOPICS,
    feedback_of,
    partner_topics,
    submissions_of,
)
from streams.values import Operation
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
