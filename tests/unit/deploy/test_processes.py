"""Process ids are never confused, and logs stay small."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace

from deploy.processes import (
    Child,
    ProcessIdentity,
    ProcessSpec,
    identity_of,
    last_lines,
    own_identity,
    rotate_log,
)


def test_this_process_knows_itself():
    me = own_identity()

    assert me.pid == os.getpid()
    assert me.is_alive
    assert ProcessIdentity.from_dict(me.as_dict()) == me


def test_the_same_number_with_another_start_is_somebody_else():
    stranger = replace(own_identity(), started_ticks=1)

    assert not stranger.is_alive
    assert stranger.signal(signal.SIGKILL) is False  # or this test would end here


def test_nobody_has_a_number_that_is_free():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()

    assert identity_of(process.pid) is None
    assert ProcessIdentity(process.pid, 1).signal(signal.SIGTERM) is False


def test_a_zombie_does_not_run():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    identity = identity_of(process.pid)
    process.stdin.close()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

    assert not identity.is_alive
    process.wait()


def test_a_child_writes_to_its_log_and_gives_its_code(tmp_path):
    code = "import os, sys; print(os.environ['WORD']); print('oh', file=sys.stderr); sys.exit(7)"
    spec = ProcessSpec("role", (sys.executable, "-c", code), env={"WORD": "hello"})

    child = Child.spawn(spec, tmp_path / "role.log")

    assert child.wait_sync(10) == 7
    assert child.wait_sync(10) == 7
    assert set((tmp_path / "role.log").read_text().split()) == {"hello", "oh"}
    assert not child.is_running
    child.signal(signal.SIGTERM)  # nothing happens


def test_a_child_that_does_not_listen_is_ended(tmp_path):
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('deaf', flush=True); time.sleep(60)"
    )
    child = Child.spawn(ProcessSpec("deaf", (sys.executable, "-c", code)), tmp_path / "log")
    while "deaf" not in (tmp_path / "log").read_text():
        assert child.wait_sync(0.02) is None

    assert child.stop_sync(0.2) == -signal.SIGKILL


def test_a_log_that_has_grown_too_large_is_put_aside_once(tmp_path):
    log = tmp_path / "role.log"
    log.write_text("old")
    rotate_log(log, bytes_max=3)
    assert log.read_text() == "old"

    log.write_text("older")
    rotate_log(log, bytes_max=3)

    assert not log.exists()
    assert (tmp_path / "role.log.1").read_text() == "older"


def test_the_end_of_a_log_is_read_without_java_frames(tmp_path):
    log = tmp_path / "log"
    log.write_text("before\nfirst\nReason: no\n\tat org.example.Thing(Thing.java:1)\n")

    assert last_lines(log, since=7) == "first\nReason: no"
    assert last_lines(log, count=1) == "Reason: no"
    assert last_lines(tmp_path / "none") == ""
