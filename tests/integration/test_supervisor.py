"""The supervisor restarts what dies, stops in order, and leaves nothing behind, however it ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.broker import LocalBroker
from deploy.processes import ProcessIdentity, ProcessSpec, identity_of
from deploy.roles import ROLES
from deploy.settings import Settings
from deploy.supervisor import AlreadyRunningError, Phase, State, Supervisor, read_report
from tests.elsewhere import elsewhere, environment

SLEEPER = "import time; time.sleep(60)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('deaf', flush=True); time.sleep(60)"
)


def python(name, code) -> ProcessSpec:
    return ProcessSpec(name, (sys.executable, "-c", code))


async def eventually(check, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not (result := check()) and time.monotonic() < deadline:  # noqa: ASYNC110 - a process gives no event
        await asyncio.sleep(0.02)
    assert result, "it never happened"
    return result


@contextlib.asynccontextmanager
async def supervising(settings):
    supervisor = Supervisor(settings)
    try:
        yield supervisor
    finally:
        await supervisor.stop()
        supervisor.close()


async def test_what_dies_is_started_again(settings):
    async with supervising(settings) as supervisor:
        keeper = supervisor.keep(python("role", SLEEPER))
        first = keeper.child.identity

        first.signal(signal.SIGKILL)

        await eventually(lambda: keeper.starts == 2 and keeper.state is State.RUNNING)
        assert keeper.child.identity != first
        assert keeper.last_exit == -signal.SIGKILL


async def test_what_keeps_dying_waits_longer_each_time(settings):
    async with supervising(settings) as supervisor:
        began = time.monotonic()
        keeper = supervisor.keep(python("role", "raise SystemExit(3)"))

        await eventually(lambda: keeper.starts == 3)

        assert time.monotonic() - began >= 0.5 + 1.0
        assert keeper.last_exit == 3


async def test_a_process_that_asks_for_it_is_started_again_at_once(settings):
    async with supervising(settings) as supervisor:
        began = time.monotonic()
        keeper = supervisor.keep(python("role", "raise SystemExit(75)"))

        await eventually(lambda: keeper.starts >= 4)

        assert time.monotonic() - began < 0.5 + 1.0 + 2.0


async def test_stopping_interrupts_the_wait_for_a_restart(settings):
    async with supervising(settings) as supervisor:
        keeper = supervisor.keep(python("role", "raise SystemExit(3)"))
        await eventually(lambda: keeper.starts == 3)  # the next start is 2 s away

        began = time.monotonic()
        await supervisor.stop()

        assert time.monotonic() - began < 1
        assert keeper.starts == 3


async def test_a_deaf_process_is_ended_within_ten_seconds(settings):
    async with supervising(settings) as supervisor:
        deaf = [supervisor.keep(python(f"deaf-{n}", STUBBORN)) for n in range(2)]
        last = supervisor.keep(python("deaf-last", STUBBORN), stops_last=True)
        identities = [keeper.child.identity for keeper in [*deaf, last]]
        await eventually(lambda: all("deaf" in keeper.log.read_text() for keeper in [*deaf, last]))

        began = time.monotonic()
        await supervisor.stop()

        assert time.monotonic() - began < 10
        assert not any(identity.is_alive for identity in identities)


async def test_what_others_need_stops_last(settings, tmp_path):
    order = tmp_path / "order"
    code = (
        "import signal, sys, time\n"
        "def leave(*_):\n"
        "    time.sleep({linger}); open({order!r}, 'a').write({name!r} + ' '); sys.exit()\n"
        "signal.signal(signal.SIGTERM, leave); print('up', flush=True); time.sleep(60)"
    )
    async with supervising(settings) as supervisor:
        for name, linger, last in (("broker", 0, True), ("role", 0.5, False)):
            script = code.format(linger=linger, order=str(order), name=name)
            keeper = supervisor.keep(python(name, script), stops_last=last)
            await eventually(lambda keeper=keeper: "up" in keeper.log.read_text())
    assert order.read_text().split() == ["role", "broker"]


async def test_what_a_process_started_itself_ends_with_it(settings):
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEPER!r}])"
    async with supervising(settings) as supervisor:
        keeper = supervisor.keep(python("role", parent))
        pid = keeper.child.pid
        grandchild = await eventually(lambda: _child_of(pid))

        keeper.child.identity.signal(signal.SIGKILL)

        await eventually(lambda: not grandchild.is_alive)


def _child_of(pid):
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return identity_of(int(children[0])) if children else None


async def test_output_goes_to_a_log_that_is_never_overwritten(settings):
    for word in ("first", "second"):
        async with supervising(settings) as supervisor:
            keeper = supervisor.keep(python("role", f"print({word!r}, flush=True); {SLEEPER}"))
            await eventually(lambda keeper=keeper, word=word: word in keeper.log.read_text())
    assert (settings.logs_dir / "role.log").read_text().split() == ["first", "second"]


async def test_the_state_file_tells_others_what_runs(settings):
    async with supervising(settings) as supervisor:
        keeper = supervisor.keep(python("role", SLEEPER))
        supervisor.ready()

        report = read_report(settings)

        assert report.phase is Phase.READY
        assert report.identity.pid == os.getpid()
        (process,) = report.facts["processes"]
        assert ProcessIdentity.from_dict(process) == keeper.child.identity
        assert process["state"] == "running"
    assert read_report(settings) is None


async def test_a_home_has_one_supervisor(settings):
    async with supervising(settings):
        with pytest.raises(AlreadyRunningError, match=str(os.getpid())):
            Supervisor(settings)


# ------------------------------------------------------------ the command, on a real broker


@pytest.fixture
def rivelin(settings):
    """Call the command for a home of its own; whatever a failing test leaves is ended by pid."""

    def call(*arguments, **env):
        return subprocess.run(
            [sys.executable, "-m", "deploy", *arguments],
            env={**os.environ, "RIVELIN_HOME": str(settings.home), **env},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    yield call
    if report := read_report(settings):
        report.identity.signal(signal.SIGKILL)


def running(settings):
    """Everything that runs for a home, found by its environment: nothing can hide from it."""
    mark = f"RIVELIN_HOME={settings.home}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append(identity_of(int(folder.name)))
    return [identity for identity in found if identity]


async def nothing_runs(settings):
    await eventually(lambda: not running(settings))


def broker_and_supervisor(settings):
    report = read_report(settings)
    return report.identity, ProcessIdentity.from_dict(report.facts["processes"][0])


async def test_up_status_down(rivelin, settings):
    up = rivelin("up", "--detach")
    assert up.returncode == 0, up.stderr
    assert "plain text" not in up.stderr.lower()
    assert "broker" in up.stdout

    status = json.loads(rivelin("status", "--json").stdout)
    assert status["running"]
    assert status["phase"] == "ready"
    assert status["bootstrap"] == settings.bootstrap
    (broker,) = [entry for entry in status["processes"] if entry["name"] == "broker"]
    assert broker["memory_mb"] < 250
    assert {entry["name"] for entry in status["processes"]} == {"broker", *ROLES}

    assert len(running(settings)) >= 2
    began = time.monotonic()
    assert rivelin("down").returncode == 0
    assert time.monotonic() - began < 10
    await nothing_runs(settings)
    assert json.loads(rivelin("status", "--json").stdout)["running"] is False


async def test_plain_text_is_said_at_every_start_and_only_where_it_was_asked_for(rivelin, settings):
    for _ in range(2):
        up = rivelin("up", "--detach", "--plain-text")
        assert up.returncode == 0, up.stderr
        assert "Plain text, without permissions" in up.stderr
        assert settings.access("linker").credentials is None
        assert rivelin("down").returncode == 0

    assert "plain text" not in rivelin("up", "--detach").stderr.lower()
    assert settings.access("linker").credentials is not None


async def test_a_second_up_is_refused_and_harms_nothing(rivelin, settings):
    rivelin("up", "--detach")
    before = broker_and_supervisor(settings)

    again = rivelin("up", "--detach")

    assert again.returncode == 1
    assert "already runs" in again.stderr
    assert broker_and_supervisor(settings) == before
    assert all(identity.is_alive for identity in before)
    rivelin("down")


async def test_killing_the_supervisor_leaves_nothing(rivelin, settings):
    rivelin("up", "--detach")
    supervisor, _ = broker_and_supervisor(settings)

    supervisor.signal(signal.SIGKILL)

    await nothing_runs(settings)
    assert read_report(settings) is None
    assert rivelin("up", "--detach").returncode == 0  # and nothing is in the way
    rivelin("down")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_ctrl_c_and_its_like_leave_nothing(rivelin, settings, number):
    process = subprocess.Popen(  # noqa: ASYNC220 - the test waits for it anyway
        [sys.executable, "-m", "deploy", "up"],
        env={**os.environ, "RIVELIN_HOME": str(settings.home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    await eventually(lambda: (report := read_report(settings)) and report.phase is Phase.READY)

    process.send_signal(number)

    assert process.wait(timeout=15) == 0
    await nothing_runs(settings)


@pytest.mark.parametrize("seconds", [0.0, 0.15, 0.3])
async def test_ctrl_c_in_the_midst_of_a_start_ends_at_once(rivelin, settings, seconds):
    process = subprocess.Popen(  # noqa: ASYNC220 - the test waits for it anyway
        [sys.executable, "-m", "deploy", "up"],
        env={**os.environ, "RIVELIN_HOME": str(settings.home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    await eventually(settings.broker_file.exists)  # now come topics, keys, roles
    await asyncio.sleep(seconds)

    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)

    assert time.monotonic() - began < 6
    assert b"Unable" not in said  # nobody goes on asking a broker that was stopped
    await nothing_runs(settings)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_detached_start_that_is_stopped_in_its_midst_leaves_nothing(
    rivelin, settings, number
):
    process = subprocess.Popen(  # noqa: ASYNC220 - the test waits for it anyway
        [sys.executable, "-m", "deploy", "up", "--detach"],
        env={**os.environ, "RIVELIN_HOME": str(settings.home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    await eventually(lambda: read_report(settings))

    process.send_signal(number)

    assert process.wait(timeout=15) == 128 + number
    assert read_report(settings) is None
    await nothing_runs(settings)


async def test_a_failed_start_leaves_nothing_and_says_why(rivelin, settings):
    LocalBroker(settings).close()
    (settings.kafka_dir / "data" / "meta.properties").write_text("version=1\nnode.id=7\n")

    up = rivelin("up", "--detach")

    assert up.returncode == 1
    assert "the broker ended at its start" in up.stderr
    assert read_report(settings) is None
    await nothing_runs(settings)


async def test_a_cluster_that_does_not_answer_is_told_by_exit_code(rivelin):
    nowhere = {"RIVELIN_BOOTSTRAP_SERVERS": "127.0.0.1:1", "RIVELIN_PLAIN_TEXT": "1"}
    up = rivelin("up", **nowhere)

    assert up.returncode == 5
    assert "no broker answers at 127.0.0.1:1" in up.stderr
    refused = rivelin("up", "--plain-text", **nowhere)
    assert refused.returncode == 3
    assert "RIVELIN_PLAIN_TEXT=1" in refused.stderr


async def test_a_cluster_without_a_certificate_for_it_is_told_by_exit_code(rivelin):
    up = rivelin("up", RIVELIN_BOOTSTRAP_SERVERS="127.0.0.1:1")

    assert up.returncode == 4
    assert "no certificate of supervisor" in up.stderr
    assert "rivelin pki issue supervisor" in up.stderr


async def test_an_external_cluster_is_used_and_no_broker_started(rivelin, settings, tmp_path):
    cluster = LocalBroker(Settings(home=tmp_path / "cluster"))
    await cluster.start_async()
    try:
        up = rivelin("up", "--detach", **environment(elsewhere(cluster, settings.home)))
        assert up.returncode == 0, up.stderr
        assert "plain text on loopback" not in up.stderr

        report = read_report(settings)
        assert report.facts["bootstrap"] == cluster.bootstrap
        assert "broker" not in [entry["name"] for entry in report.facts["processes"]]
        rivelin("down")
    finally:
        cluster.close()


async def test_down_without_anything_is_no_error(rivelin):
    down = rivelin("down")

    assert down.returncode == 0
    assert "Nothing runs" in down.stderr


async def test_only_an_end_that_nobody_asked_for_is_a_death(settings):
    async with supervising(settings) as supervisor:
        asked = supervisor.keep(python("asked", "raise SystemExit(75)"))
        died = supervisor.keep(python("died", "raise SystemExit(70)"))

        await eventually(lambda: asked.starts > 1 and died.starts > 1)

        assert asked.deaths == 0
        assert died.deaths > 0
