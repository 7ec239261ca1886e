"""The supervisor ends what lives and does nothing, and leaves alone what lives and works."""

from __future__ import annotations

import json
import signal
import sys

import pytest

from deploy import supervisor as supervising_module
from deploy.processes import ProcessSpec
from deploy.settings import Settings, WatchSettings
from tests.integration.test_supervisor import eventually, supervising

SILENT_SECONDS, START_SECONDS = 1.5, 3.0
#: Writes its progress file as a role does; what it does then is the argument.
ROLE = """
import json, os, sys, time
file, state, beats, work = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == "works"
n = 0
while True:
    if n < beats:
        n += 1
        facts = {"pid": os.getpid(), "state": state, "counts": {"folded": n if work else 0}}
        open(file + ".draft", "w").write(json.dumps(facts))
        os.replace(file + ".draft", file)
    time.sleep(0.2)
"""
FOR_EVER = 1_000_000


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setattr(supervising_module, "WATCH_SECONDS", 0.2)
    limits = WatchSettings(silent_seconds_max=SILENT_SECONDS, start_seconds_max=START_SECONDS)
    return Settings(home=tmp_path / "home", watch=limits)


@pytest.fixture
def alarms(monkeypatch):
    """What the supervisor told, by process."""
    told = []
    monkeypatch.setattr(
        supervising_module, "tell_alarm", lambda code, **one: told.append((one["process"], code))
    )
    return told


def role(settings, state="running", beats=FOR_EVER, work="works"):
    file = settings.run_dir / "role.json"
    argv = (sys.executable, "-c", ROLE, str(file), state, str(beats), work)
    return ProcessSpec("role", argv)


def told_by(settings):
    try:
        return json.loads((settings.run_dir / "role.json").read_text())["pid"]
    except (FileNotFoundError, ValueError):
        return None


async def test_a_role_that_was_stopped_comes_back_by_itself(settings, alarms):
    async with supervising(settings) as supervisor:
        keeper = supervisor.keep(role(settings), watched=True)
        first = keeper.child.pid
        await eventually(lambda: told_by(settings) == first)

        keeper.child.signal(signal.SIGSTOP)

        await eventually(lambda: keeper.starts == 2 and told_by(settings) == keeper.child.pid)
        assert keeper.last_exit == -signal.SIGKILL
        assert alarms == [("role", "role_silent")]


@pytest.mark.parametrize(
    ("code", "how"),
    [
        ("role_never_told", {"beats": 0}),
        ("role_silent", {"beats": 3}),
        ("role_start_stands_still", {"state": "starting", "work": "waits"}),
    ],
)
async def test_a_role_that_does_nothing_is_ended(settings, alarms, code, how):
    async with supervising(settings) as supervisor:
        keeper = supervisor.keep(role(settings, **how), watched=True)

        await eventually(lambda: keeper.starts == 2)

    assert alarms[0] == ("role", code)


async def test_a_role_that_works_or_rebuilds_for_long_is_left_alone(settings, alarms):
    async with supervising(settings) as supervisor:
        keeper = supervisor.keep(role(settings, "rebuilding"), watched=True)
        began = supervising_module.time.monotonic()
        await eventually(lambda: supervising_module.time.monotonic() - began > START_SECONDS + 1)

        assert (keeper.starts, alarms) == (1, [])


async def test_where_nothing_can_be_written_silence_is_no_sign_of_death(
    settings, alarms, monkeypatch
):
    async with supervising(settings) as supervisor:
        keeper = supervisor.keep(role(settings, beats=3), watched=True)
        await eventually(lambda: told_by(settings) == keeper.child.pid)
        with monkeypatch.context() as full:
            full.setattr(supervisor, "_tell", lambda: False)
            began = supervising_module.time.monotonic()
            await eventually(lambda: supervising_module.time.monotonic() - began > 3)
            assert (keeper.starts, alarms) == (1, [])

        await eventually(lambda: keeper.starts == 2)
