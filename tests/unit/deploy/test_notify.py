"""What systemd is told: ready once, alive as long as the role's own file moves, and no longer."""

from __future__ import annotations

import json
import os
import socket

import pytest

from deploy.notify import PulseRelay, notify
from deploy.settings import Settings


@pytest.fixture
def settings(tmp_path):
    settings = Settings(home=tmp_path / "home")
    settings.make_folders()
    return settings


@pytest.fixture
def manager(tmp_path, monkeypatch):
    """The socket of a service manager; call it for what it was told since the last time."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)  # noqa: FBT003 - as in socket
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))

        def told():
            lines = []
            while True:
                try:
                    lines += listening.recv(4096).decode().splitlines()
                except BlockingIOError:
                    return lines

        yield told


def beat(settings, state, number, pid=None):
    facts = {"pid": pid or os.getpid(), "state": state, "counts": {"n": number}}
    file = settings.run_dir / "linker.json"
    file.write_text(json.dumps(facts))
    os.utime(file, ns=(number, number))


def test_without_a_manager_nothing_is_told_and_nothing_fails(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere/at/all")
    assert not notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", "")
    assert not notify("READY=1")


def test_a_name_without_a_file_is_understood_too(monkeypatch):
    name = f"rivelin-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name}")
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")

        assert notify("READY=1", "STATUS=running")

        assert listening.recv(4096) == b"READY=1\nSTATUS=running"


def test_a_role_is_alive_while_its_own_file_moves_and_ready_once_it_works(settings, manager):
    relay = PulseRelay("linker", settings, start_seconds_max=300)

    relay.look()
    assert manager() == []  # it has told nothing yet
    beat(settings, "running", 1, pid=1)
    relay.look()
    assert manager() == []  # nor was this its own word

    beat(settings, "rebuilding", 2)
    relay.look()
    assert manager() == ["WATCHDOG=1", "EXTEND_TIMEOUT_USEC=300000000", "STATUS=rebuilding"]

    beat(settings, "catching up", 3)
    relay.look()
    assert manager() == ["READY=1", "WATCHDOG=1", "STATUS=catching up"]

    beat(settings, "running", 4)
    relay.look()
    assert manager() == ["WATCHDOG=1", "STATUS=running"]

    relay.look()
    assert manager() == []  # the file stands still: the loop hangs


def test_a_manager_that_does_not_read_holds_nobody_up(manager):
    told = [notify("WATCHDOG=1") for _ in range(10_000)]
    assert not all(told)
