"""The demo on a real broker: as its truth wants it, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

COMMAND = (sys.executable, "-m", "deploy", "demo")
SECONDS_MAX = 240


def environment(folder):
    """The demo makes its home in the folder for temporary files."""
    return {**os.environ, "TMPDIR": str(folder), "NO_COLOR": "1", "COLUMNS": "100"}


def run(folder, *options):
    return subprocess.run(
        (*COMMAND, *options),
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )


def processes_that_name(folder):
    """Command lines or environments of running processes that name a path below the folder."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdecimal() or int(process.name) == os.getpid():
            continue
        try:
            known = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if f"{folder}/rivelin-demo-".encode() in known:
            found.append(process.name)
    return found


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    return folder, run(folder, "--json")


def test_the_demo_comes_out_as_the_truth_of_its_town_wants_it(played):
    _, done = played
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["as_expected"]
    outcomes = ("shared", "held", "refused", "quarantined", "duplicates")
    assert facts["submitted"] == sum(facts[name] for name in outcomes) > 100
    assert all(facts[name] > 0 for name in ("shared", "held", "refused", "duplicates"))
    assert facts["networks"]["found"] == facts["networks"]["expected"] == 2
    children = facts["exposed_children"]
    assert children["found"] == children["expected"] > 10
    assert children["missing"] == children["unexpected"] == 0
    assert facts["false_kin"] == facts["leaks"] == 0
    assert facts["searched_bytes"] > 1_000_000
    assert facts["replay"]["equal"]
    assert facts["replay"]["live_hash"] == facts["replay"]["replayed_hash"]


def test_the_demo_leaves_no_file_and_no_process(played):
    folder, _ = played
    assert list(folder.iterdir()) == []
    assert processes_that_name(folder) == []


def test_the_demo_tells_the_story_without_a_name_in_it(tmp_path):
    from producers.town.town import build_town  # noqa: PLC0415 - only here

    done = run(tmp_path, "--fast", "--seed", "5")
    assert done.returncode == 0, done.stdout + done.stderr
    for chapter in ("What police see", "Networks appear", "is alerted", "Proof", "The figures"):
        assert chapter in done.stdout
    assert "pcsc 2022 section 16" in done.stdout
    assert "the same state" in done.stdout
    for person in build_town(5, 60, 1).people:
        assert f"{person.given_name} {person.family_name}" not in done.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_demo_that_is_stopped_in_the_midst_leaves_nothing(tmp_path, number):
    child = subprocess.Popen(
        COMMAND, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        deadline = time.monotonic() + 60
        while len(processes_that_name(tmp_path)) < 8 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert len(processes_that_name(tmp_path)) >= 8  # the broker, roles, and some partners
        child.send_signal(number)
        assert child.wait(30) == 128 + number
    finally:
        child.kill()
        child.wait()
    deadline = time.monotonic() + 10
    while processes_that_name(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert processes_that_name(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
