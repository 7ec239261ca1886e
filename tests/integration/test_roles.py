"""Roles as processes: they start, tell, end when told, and die loudly when something is wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from anonymiser import keyring
from deploy.progress import read_progress
from deploy.roles import EXIT_FATAL, ROLES
from deploy.settings import Settings
from deploy.topics import ensure_topics
from streams.topics import SHARED_TOPICS
from tests.elsewhere import elsewhere, environment

ROOT = Path(__file__).parents[2]
NOBODY_LISTENS = "127.0.0.1:9"
LOOPING = [role for role in ROLES if role != "anonymiser"]


@contextmanager
def running(role, settings, log):
    env = {
        **os.environ,
        **environment(settings),
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy", "role", role],
            cwd=ROOT, env=env, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
async def home(broker, tmp_path):
    """An installation on the broker, with topics and keys."""
    settings = elsewhere(broker, tmp_path / "home")
    settings.make_folders()
    keyring.create_missing(settings.keys_dir)
    await ensure_topics(settings, SHARED_TOPICS)
    return settings


def eventually(condition, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def events_in(log):
    return [json.loads(line) for line in log.read_text().splitlines()]


@pytest.mark.parametrize("role", LOOPING)
async def test_a_role_starts_tells_how_far_it_is_and_ends_when_told(role, home, tmp_path):
    log = tmp_path / "role.log"
    with running(role, home, log) as process:
        eventually(lambda: (read_progress(home, role) or {}).get("state") == "running")

        process.send_signal(signal.SIGTERM)

        assert process.wait(3) == 0
    assert [line["event"] for line in events_in(log)] == [
        "starting", "started", "caught up", "ended",
    ]  # fmt: skip
    assert read_progress(home, role)["lag"] == 0


@pytest.mark.parametrize("role", ["linker", "gate"])
async def test_without_its_keys_a_role_says_which_is_missing(role, home, tmp_path):
    (home.keys_dir / "storage-1.key").unlink()
    log = tmp_path / "role.log"

    with running(role, home, log) as process:
        assert process.wait(20) == EXIT_FATAL

    last = events_in(log)[-1]
    assert last["error"] == "MissingKeyError"
    assert "storage-1" in last["reason"]


async def test_a_role_that_waits_for_a_broker_ends_when_told(tmp_path):
    nowhere = {"bootstrap_servers": NOBODY_LISTENS, "plain_text": True}
    settings = Settings(home=tmp_path / "home", **nowhere)
    settings.make_folders()
    log = tmp_path / "role.log"

    with running("ocg-network", settings, log) as process:
        eventually(lambda: "Unable connect" in log.read_text())
        process.send_signal(signal.SIGTERM)

        assert process.wait(3) == 0


async def test_there_is_no_role_of_another_name(tmp_path):
    settings = Settings(home=tmp_path / "home", bootstrap_servers=NOBODY_LISTENS)
    log = tmp_path / "role.log"

    with running("spy", settings, log) as process:
        assert process.wait(20) == 3

    assert "no such role" in log.read_text()
