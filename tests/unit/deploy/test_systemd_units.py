"""The units: systemd takes them as they are, and they shut what the processes do not need."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.cli import build_app
from deploy.supervisor import BROKER_STOP_SECONDS_MAX, ROLE_STOP_SECONDS_MAX

ROOT = Path(__file__).parents[3]
UNITS = ROOT / "deploy" / "systemd"
SERVICES = ("rivelin.service", "rivelin@.service")
HARDENED = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "PrivateTmp": "yes",
    "ProtectHome": "yes",
    "ReadWritePaths": "/var/lib/rivelin",
    "CapabilityBoundingSet": "",
    "UMask": "0077",
}


def unit(name):
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str
    parser.read(UNITS / name)
    return parser


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_takes_them_as_they_are(tmp_path):
    """With the path of the command filled in, since it looks whether that can be run."""
    command = tmp_path / "rivelin"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    names = []
    for file in UNITS.iterdir():
        name = file.name.replace("@.", "@gate.")
        text = file.read_text().replace("/opt/rivelin/.venv/bin/rivelin", str(command))
        (tmp_path / name).write_text(text)
        names.append(str(tmp_path / name))
    assert len(names) == 3

    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *names],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_may_do_what_it_must_and_no_more(name):
    service = unit(name)["Service"]

    assert {key: service[key] for key in HARDENED} == HARDENED
    assert service["MemoryMax"].endswith("G")
    assert service["User"] == "rivelin"
    assert service["Environment"].startswith("RIVELIN_HOME=/var/lib/rivelin")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_watched_and_comes_back_whatever_ended_it(name):
    service = unit(name)["Service"]

    assert (service["Type"], service["NotifyAccess"]) == ("notify", "main")
    assert service["WatchdogSec"] == "60s"
    assert service["Restart"] == "always"
    assert unit(name)["Unit"]["StartLimitIntervalSec"] == "0"


def test_the_command_that_is_started_exists():
    app = build_app()
    known = {one.name or one.callback.__name__ for one in app.registered_commands}

    for name in SERVICES:
        command, verb, *_ = unit(name)["Service"]["ExecStart"].split()
        assert command.endswith("/rivelin")
        assert verb in known


def test_the_supervisor_has_the_time_it_needs_to_stop_in_order():
    seconds = float(unit("rivelin.service")["Service"]["TimeoutStopSec"].removesuffix("s"))

    assert seconds > ROLE_STOP_SECONDS_MAX + BROKER_STOP_SECONDS_MAX


def test_one_machine_runs_everything_or_single_roles_never_both():
    assert unit("rivelin.service")["Unit"]["Conflicts"] == "rivelin.target"
    assert unit("rivelin.target")["Unit"]["Conflicts"] == "rivelin.service"
    assert unit("rivelin@.service")["Unit"]["PartOf"] == "rivelin.target"
