"""What goes wrong under a running system: a role that hears nothing, a store that is held or broken,
a topic that goes. Each has an outcome, is told in one line, and costs no report.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from consumers.network.tables import REPORTS
from consumers.ocg_network import OcgNetwork
from consumers.store import ProjectionStore, store_path
from deploy import registry
from deploy.demo.system import System
from deploy.progress import read_progress
from deploy.settings import Settings
from deploy.supervisor import read_report
from producers.sdk import Partner
from streams.values import Outcome
from tests.invented_enclave import onboarded
from tests.invented_reports import report, unnamed

PARTNER = "steady-homes"
AT = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
SILENT_SECONDS = 5
#: The bound, the delay before a restart, the start itself; a busy machine takes its time.
BACK_SECONDS_MAX = 45
RECEIPT_SECONDS_MAX = 60


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    """A running system whose supervisor loses patience soon."""
    running = System(Settings(home=tmp_path_factory.mktemp("faults") / "home"))
    os.environ["RIVELIN_WATCH__SILENT_SECONDS_MAX"] = str(SILENT_SECONDS)
    try:
        asyncio.run(_begin(running))
        yield running
    finally:
        del os.environ["RIVELIN_WATCH__SILENT_SECONDS_MAX"]
        running.stop()


async def _begin(running):
    await running.start()
    await registry.onboard(running.settings, [onboarded(PARTNER)])
    assert await registry.wait_until_served(running.settings, (PARTNER,)) == ()


def process(system, name):
    (found,) = [
        one for one in read_report(system.settings).facts["processes"] if one["name"] == name
    ]
    return found


def lines_of(system, name):
    """What a process told so far, each line an object."""
    text = (system.settings.logs_dir / f"{name}.log").read_text()
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def eventually(condition, seconds=BACK_SECONDS_MAX):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
    return found


def is_at_work(system, name):
    told = read_progress(system.settings, name) or {}
    return told.get("pid") == process(system, name)["pid"] and told.get("state") == "running"


def good():
    facts = {"partner": PARTNER, "report_id": uuid.uuid4(), "event_at": AT, "reported_at": AT}
    return report(**facts, nodes=(unnamed(),), relations=(), narrative=None)


async def _submit(system, count):
    access = system.settings.access(f"partner:{PARTNER}")
    async with Partner(
        PARTNER, access.bootstrap, system.fingerprint, credentials=access.credentials
    ) as partner:
        sent = [await partner.submit(good()) for _ in range(count)]
        return [(await one.receipt(RECEIPT_SECONDS_MAX)).outcome for one in sent]


def submitted(system, count=3):
    return asyncio.run(_submit(system, count))


# --- a role that hears nothing ---------------------------------------------------------------------


@pytest.mark.parametrize("role", ["gate", "anonymiser"])
def test_a_role_that_was_stopped_comes_back_by_itself(system, role):
    before = process(system, role)
    os.kill(before["pid"], signal.SIGSTOP)

    eventually(lambda: process(system, role)["restarts"] > before["restarts"])
    eventually(lambda: is_at_work(system, role))

    (why,) = [
        one
        for one in lines_of(system, "supervisor")
        if one["level"] == "error" and one.get("process") == role
    ]
    assert (why["event"], why["beat"]) == ("role_silent", "running")
    assert process(system, role)["last_exit"] == -signal.SIGKILL
    assert set(submitted(system)) == {Outcome.SHARED}
