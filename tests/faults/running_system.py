"""What goes wrong under a running system: a role that hears nothing, a store that is held or
broken, a hurried end. Each has an outcome, is told in one line, and costs no report.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from anonymiser.intake.worker import EXIT_RESTART
from consumers.network.tables import REPORTS
from consumers.ocg_network import OcgNetwork
from consumers.store import ProjectionStore, store_path
from deploy import registry
from deploy.demo.system import System
from deploy.processes import ProcessIdentity
from deploy.progress import read_progress
from deploy.settings import Settings
from deploy.supervisor import read_report
from deploy.topics import ensure_topics
from producers.sdk import Partner
from streams.store import damaged_stores
from streams.topics import partner_topics, submissions_of
from streams.values import Outcome
from tests.invented_enclave import onboarded
from tests.invented_reports import report, unnamed

PARTNER = "steady-homes"
AT = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
SILENT_SECONDS = 5
#: The bound, the delay before a restart, the start itself; a busy machine takes its time.
BACK_SECONDS_MAX = 45
RECEIPT_SECONDS_MAX = 60
#: How many reports each test submitted; police have all of them in the end.
SENT: list[int] = []


@pytest.fixture(scope="module")
def manager(tmp_path_factory):
    """A service manager that listens: the address of its socket, and what it was told."""
    address, told = str(tmp_path_factory.mktemp("manager") / "notify"), []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(address)

        def listen():
            with suppress(OSError):
                while said := listening.recv(4096):
                    told.extend(said.decode().splitlines())

        threading.Thread(target=listen, daemon=True).start()
        yield address, told


@pytest.fixture(scope="module")
def system(tmp_path_factory, manager):
    """A running system whose supervisor loses patience soon."""
    running = System(Settings(home=tmp_path_factory.mktemp("faults") / "home"))
    env = {
        "RIVELIN_WATCH__SILENT_SECONDS_MAX": str(SILENT_SECONDS),
        "NOTIFY_SOCKET": manager[0],
    }
    os.environ.update(env)
    try:
        asyncio.run(_begin(running))
        yield running
    finally:
        for name in env:
            os.environ.pop(name)
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
    """Submit some reports; return what became of them."""
    SENT.append(count)
    return asyncio.run(_submit(system, count))


# --- a service manager that listens --------------------------------------------------------------


def test_a_service_manager_is_told_that_all_is_started_and_then_that_it_lives(system, manager):
    _, told = manager
    eventually(lambda: "READY=1" in told and told[-1] == "WATCHDOG=1")
    assert set(told) == {"READY=1", "WATCHDOG=1"}  # roles tell it nothing: it knows us alone
    assert told.count("READY=1") == 1


# --- a role that hears nothing --------------------------------------------------------------------


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


# --- a store that somebody holds, or has broken ---------------------------------------------------


def police_store(system):
    return store_path(system.settings.stores_dir, OcgNetwork())


def reports_of_police(system):
    store = ProjectionStore.look(police_store(system), OcgNetwork())
    try:
        with store.snapshot() as snapshot:
            return sum(1 for _ in snapshot.rows(REPORTS))
    finally:
        store.close()


def police_have_all(system):
    return reports_of_police(system) == sum(SENT)


def health(system, *arguments):
    done = subprocess.run(
        (sys.executable, "-m", "deploy", "health", "--json", *arguments),
        env={**os.environ, "RIVELIN_HOME": str(system.settings.home)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)


def test_a_store_that_a_human_has_locked_is_waited_for_and_told(system):
    before = process(system, "ocg-network")
    with closing(sqlite3.connect(police_store(system))) as human:
        human.execute("BEGIN IMMEDIATE")

        assert set(submitted(system)) == {Outcome.SHARED}  # nobody else is held up
        alarm = "store_locked ocg_network"
        eventually(lambda: alarm in read_progress(system.settings, "ocg-network")["alarms"])
        code, told = health(system, "--role", "ocg-network")
        assert (code, [one["words"] for one in told["verdicts"]]) == (1, [alarm])
        time.sleep(SILENT_SECONDS + 2)  # it waits, and is not taken for dead
        human.execute("ROLLBACK")

    eventually(lambda: police_have_all(system))
    after = process(system, "ocg-network")
    assert (after["pid"], after["restarts"]) == (before["pid"], before["restarts"])
    said = [one["event"] for one in lines_of(system, "ocg-network")]
    assert "the store ocg_network: another process has it locked" in said


def test_a_store_that_was_broken_is_set_aside_and_filled_again_by_itself(system):
    before = process(system, "ocg-network")
    eventually(lambda: police_have_all(system))
    os.kill(before["pid"], signal.SIGSTOP)
    police_store(system).write_bytes(b"what a careless hand left, " * 1_000)
    police_store(system).with_name(f"{police_store(system).name}-wal").unlink()
    os.kill(before["pid"], signal.SIGKILL)

    eventually(lambda: process(system, "ocg-network")["restarts"] > before["restarts"])
    eventually(lambda: is_at_work(system, "ocg-network"))

    assert police_have_all(system)
    (kept,) = damaged_stores(system.settings.stores_dir)
    (told,) = [one for one in lines_of(system, "ocg-network") if one["event"] == "store_set_aside"]
    assert told["kept_as"] == kept.name
    code, told = health(system)
    assert (code, [one["reason"] for one in told["verdicts"]]) == (1, ["store_set_aside"])
    kept.unlink()


# --- a partner's topic that goes ------------------------------------------------------------------


async def _delete(system, topic):
    admin = AIOKafkaAdminClient(**system.settings.access("supervisor").options())
    await admin.start()
    try:
        await admin.delete_topics([topic])
    finally:
        await admin.close()


def test_a_partners_topic_that_was_deleted_is_told_and_taken_up_again_when_it_is_back(system):
    mine = submissions_of(PARTNER)
    asyncio.run(_delete(system, mine))

    alarm = f"topic_missing {mine}"
    eventually(lambda: alarm in (read_progress(system.settings, "anonymiser") or {})["alarms"])
    code, told = health(system, "--role", "anonymiser")
    assert (code, [one["words"] for one in told["verdicts"]]) == (1, [alarm])
    asyncio.run(ensure_topics(system.settings, partner_topics(PARTNER)))

    assert set(submitted(system)) == {Outcome.SHARED}
    assert process(system, "anonymiser")["last_exit"] == EXIT_RESTART
    eventually(lambda: police_have_all(system))


# --- told to end, by somebody in a hurry ----------------------------------------------------------


def test_a_role_that_is_told_twice_to_end_ends_in_order(system):
    before = process(system, "linker")
    for _ in range(2):
        os.kill(before["pid"], signal.SIGTERM)

    eventually(lambda: process(system, "linker")["restarts"] > before["restarts"])
    eventually(lambda: is_at_work(system, "linker"))

    assert process(system, "linker")["last_exit"] == 0
    assert lines_of(system, "linker")[-1]["level"] == "info"
    assert set(submitted(system)) == {Outcome.SHARED}


def test_a_supervisor_that_is_told_again_and_again_to_end_leaves_nothing(system):
    """The last of this file: it ends what the others use."""
    report = read_report(system.settings)
    roles = [ProcessIdentity.from_dict(one) for one in report.facts["processes"]]

    for _ in range(3):
        report.identity.signal(signal.SIGTERM)
        time.sleep(0.1)

    eventually(lambda: not report.identity.is_alive)
    assert not any(one.is_alive for one in roles)
    assert read_report(system.settings) is None
    assert not system.settings.supervisor_file.exists()
    assert not system.settings.broker_file.exists()
    log = (system.settings.logs_dir / "supervisor.log").read_text()
    assert "Traceback" not in log
