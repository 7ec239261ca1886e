"""The gate's clock is two hours off, either way: no report goes early, none waits for hours."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy import registry
from deploy.demo.system import System
from deploy.progress import read_progress
from deploy.settings import Settings
from deploy.supervisor import read_report
from producers.sdk import Partner
from streams.kafka import KafkaLog
from streams.loop import read_to_end
from streams.topics import OUTGOING, POLICE
from tests.faults.running_system import AT, PARTNER, eventually, good
from tests.invented_enclave import onboarded

#: Where `sitecustomize.py` lies, which shifts the clock of one role.
SHIFTED = Path(__file__).parent
DELAY_SECONDS = 6.0
#: What a busy machine takes beside the wait itself.
SLACK_SECONDS = 30.0


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    """A running system whose gate starts two hours ahead."""
    folder = tmp_path_factory.mktemp("shifted")
    (folder / "clock").write_text("gate +2h")
    env = {
        "PYTHONPATH": str(SHIFTED),
        "SHIFTED_CLOCK": str(folder / "clock"),
        "RIVELIN_RELEASE__DELAY_SECONDS_MAX": str(DELAY_SECONDS),
    }
    system = System(Settings(home=folder / "home"))
    os.environ.update(env)
    try:
        asyncio.run(_begin(system))
        yield system
    finally:
        for name in env:
            os.environ.pop(name)
        system.stop()


async def _begin(system):
    await system.start()
    await registry.onboard(system.settings, [onboarded(PARTNER)])
    assert await registry.wait_until_served(system.settings, (PARTNER,)) == ()


async def waited(system):
    """Submit one report, fewer than make a batch; return how long the gate had it, in log time."""
    known = len(await records_of(system, POLICE))
    access = system.settings.access(f"partner:{PARTNER}")
    async with Partner(
        PARTNER, access.bootstrap, system.fingerprint, credentials=access.credentials
    ) as partner:
        await partner.submit(good())
    async with asyncio.timeout(DELAY_SECONDS + SLACK_SECONDS):
        while len(await records_of(system, POLICE)) == known:  # noqa: ASYNC110 - a log gives no event
            await asyncio.sleep(0.1)
    came, left = [(await records_of(system, one))[-1].appended_at for one in (OUTGOING, POLICE)]
    return (left - came).total_seconds()


async def records_of(system, topic):
    log = KafkaLog(system.settings.access("supervisor"), client_id="test-shifted-clock")
    try:
        return [one async for records in read_to_end(log, (topic,)) for one in records]
    finally:
        await log.stop()


def gate(system):
    (found,) = [
        one for one in read_report(system.settings).facts["processes"] if one["name"] == "gate"
    ]
    return found


def is_at_work(system):
    told = read_progress(system.settings, "gate") or {}
    return told.get("pid") == gate(system)["pid"] and told.get("state") == "running"


def shift_of_its_log(system):
    """By how much the gate's own time differs from ours: the proof that it is off."""
    lines = (system.settings.logs_dir / "gate.log").read_text().splitlines()
    at = datetime.fromisoformat(json.loads(lines[-1])["at"])
    return at - datetime.now(UTC)


async def test_a_gate_two_hours_ahead_lets_nothing_go_early(system):
    assert shift_of_its_log(system) > timedelta(hours=1, minutes=55)

    assert await waited(system) >= DELAY_SECONDS
    assert len(await records_of(system, POLICE)) == 1


def start_gate_anew(system, shift):
    before = gate(system)
    Path(os.environ["SHIFTED_CLOCK"]).write_text(f"gate {shift}")
    os.kill(before["pid"], signal.SIGKILL)
    eventually(lambda: gate(system)["restarts"] > before["restarts"] and is_at_work(system))


async def test_a_gate_two_hours_behind_keeps_nothing_for_hours(system):
    start_gate_anew(system, "-2h")
    assert shift_of_its_log(system) < timedelta(hours=-1, minutes=-55)

    assert await waited(system) >= DELAY_SECONDS

    told = await records_of(system, POLICE)
    assert len(told) == 2
    assert [one.appended_at for one in told] == sorted(one.appended_at for one in told)
    assert all(abs(one.appended_at - AT - timedelta(hours=1)) < timedelta(hours=1) for one in told)
