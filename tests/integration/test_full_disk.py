"""The disk is full: the system stops taking reports, loses none, and goes on when there is space.

On a small file system of its own, where we may mount one.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import uuid
from collections import Counter
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from consumers.network.tables import REPORTS
from consumers.ocg_network import OcgNetwork
from consumers.store import ProjectionStore, store_path
from deploy import registry
from deploy.demo.system import System
from deploy.roles import EXIT_FATAL
from deploy.settings import Settings
from producers.sdk import NotAcknowledgedError
from streams.codec import decode
from streams.kafka import KafkaLog
from streams.loop import read_to_end
from streams.shared import ON_FEEDBACK, FeedbackGiven
from streams.topics import feedback_of
from streams.values import Outcome
from tests.elsewhere import partner_at
from tests.invented_enclave import onboarded
from tests.invented_reports import report

PARTNER = "unlucky-homes"
AT = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
#: What is left for logs, stores and segments together when the disk is called full.
LEFT_BYTES = 500_000
FULL_SECONDS_MAX = 60
STORE_KEEPERS = ("linker", "desk", "ocg-network", "safeguarding")
AGAIN_SECONDS_MAX = 90


@contextmanager
def small_disk(folder, size):
    """Mount a file system of that size on a folder."""
    folder.mkdir(parents=True)
    mounted = subprocess.run(
        ("mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "rivelin-test", folder),
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"no file system may be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(("umount", "--lazy", folder), check=True)


def enlarge(folder) -> None:
    subprocess.run(("mount", "-o", "remount,size=64m", folder), check=True)


@asynccontextmanager
async def running(home):
    system = System(Settings(home=home))
    try:
        await system.start()
        await registry.onboard(system.settings, [onboarded(PARTNER)])
        assert await registry.wait_until_served(system.settings, (PARTNER,)) == ()
        yield system
    finally:
        await asyncio.to_thread(system.stop)


@pytest.fixture
def disk(tmp_path):
    """A disk on which everything lies."""
    with small_disk(tmp_path / "disk", "100m") as folder:
        yield folder


@pytest.fixture
async def system(disk):
    async with running(disk / "home") as system:
        yield system


@pytest.fixture
def stores(tmp_path):
    """A disk on which the stores alone lie: projections, the linker's, the desk's."""
    with small_disk(tmp_path / "home" / "stores", "3m") as folder:
        yield folder


@pytest.fixture
async def cramped(stores):
    async with running(stores.parent) as system:
        yield system


def told():
    return report(partner=PARTNER, report_id=uuid.uuid4(), event_at=AT, reported_at=AT)


def fill(disk):
    """Leave but a little; return what takes the space."""
    facts = os.statvfs(disk)
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(facts.f_bavail * facts.f_frsize - LEFT_BYTES))
    return ballast


async def submit_until_refused(partner):
    """Return what was acknowledged, and what was not."""
    taken = []
    async with asyncio.timeout(FULL_SECONDS_MAX):
        while True:
            one = told()
            try:
                taken.append(await partner.submit(one))
            except NotAcknowledgedError:
                return taken, one


def status(system):
    done = subprocess.run(
        (sys.executable, "-m", "deploy", "status", "--json"),
        env={**os.environ, "RIVELIN_HOME": str(system.settings.home)},
        capture_output=True,
        text=True,
        check=True,
    )
    return {one["name"]: one for one in json.loads(done.stdout)["processes"]}


async def broker_ended(system):
    """It may be seen in one of its short lives, for it is tried again and again."""
    async with asyncio.timeout(FULL_SECONDS_MAX):
        while status(system)["broker"]["state"] == "running":  # noqa: ASYNC110 - a file gives no event
            await asyncio.sleep(0.2)


def replay(system):
    return subprocess.run(
        (sys.executable, "-m", "deploy", "replay", "--json"),
        env={**os.environ, "RIVELIN_HOME": str(system.settings.home)},
        capture_output=True,
        text=True,
        check=False,
    )


async def feedback(system):
    log = KafkaLog(system.settings.access("supervisor"), client_id="test-full-disk")
    try:
        told = [
            decode(record.value, *ON_FEEDBACK)
            async for records in read_to_end(log, (feedback_of(PARTNER),))
            for record in records
        ]
        return [one for one in told if isinstance(one, FeedbackGiven)]
    finally:
        await log.stop()


def reports_in_the_store(system):
    projection = OcgNetwork()
    store = ProjectionStore.look(store_path(system.settings.stores_dir, projection), projection)
    try:
        with store.snapshot() as snapshot:
            return sum(1 for _ in snapshot.rows(REPORTS))
    finally:
        store.close()


async def test_a_full_disk_costs_time_and_no_report(disk, system):
    patience = timedelta(seconds=3)
    async with partner_at(
        system.settings, PARTNER, system.fingerprint, patience=patience
    ) as partner:
        first = [await partner.submit(told()) for _ in range(10)]
        ballast = fill(disk)
        taken, refused = await submit_until_refused(partner)
        await broker_ended(system)

        ballast.unlink()

        acknowledged = [*first, *taken]
        receipts = [await one.receipt(AGAIN_SECONDS_MAX) for one in acknowledged]
        last = await partner.submit(refused)
        assert (await last.receipt(AGAIN_SECONDS_MAX)).outcome in {
            Outcome.SHARED,
            Outcome.DUPLICATE,  # it had been written, and only the acknowledgement was lost
        }
    assert {one.outcome for one in receipts} == {Outcome.SHARED}
    shared = Counter(one.report_id for one in await feedback(system) if one.outcome == "SHARED")
    assert shared == Counter(one.report_id for one in [*acknowledged, refused])
    await caught_up(system, len(shared))


async def test_a_store_without_space_says_so_and_everything_catches_up_later(stores, cramped):
    async with cramped.partner(PARTNER) as partner:
        sent = []
        async with asyncio.timeout(FULL_SECONDS_MAX):
            while not sent or not short_of_space(cramped):
                sent += [one async for one in partner.submit_many([told() for _ in range(50)])]
        for role in short_of_space(cramped):
            said = (cramped.settings.logs_dir / f"{role}.log").read_text()
            assert "SQLITE_FULL" in said
            assert status(cramped)[role]["last_exit"] == EXIT_FATAL

        enlarge(stores)

        receipts = [await one.receipt(AGAIN_SECONDS_MAX) for one in sent]
    assert {one.outcome for one in receipts} == {Outcome.SHARED}
    await caught_up(cramped, len(sent))


def short_of_space(system):
    """The roles that ended because they could not write what they must remember."""
    roles = status(system)
    return [one for one in STORE_KEEPERS if roles[one]["restarts"] or roles[one]["last_exit"]]


async def caught_up(system, reports):
    """Wait until the police's store holds so many reports; it is then what a replay gives."""
    async with asyncio.timeout(AGAIN_SECONDS_MAX):
        while reports_in_the_store(system) != reports:  # noqa: ASYNC110 - a store gives no event
            await asyncio.sleep(0.2)
    replayed = await asyncio.to_thread(replay, system)
    assert replayed.returncode == 0, replayed.stderr
    assert [one["equal"] for one in json.loads(replayed.stdout)] == [True, True]
