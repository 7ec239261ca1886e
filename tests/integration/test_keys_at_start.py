"""A start without one of the keys is refused by name, and everything stays as it was."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.keys import fingerprint
from deploy.processes import identity_of
from deploy.settings import Settings
from deploy.supervisor import read_report

START_SECONDS_MAX = 180


def rivelin(settings, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "deploy", *arguments],
        env={**os.environ, "RIVELIN_HOME": str(settings.home)},
        capture_output=True,
        text=True,
        timeout=START_SECONDS_MAX,
        check=False,
    )


@pytest.fixture(scope="module")
def used(tmp_path_factory):
    """An installation that has run before, and is down."""
    settings = Settings(home=tmp_path_factory.mktemp("keys") / "home")
    for arguments in (("up", "--detach"), ("down",)):
        done = rivelin(settings, *arguments)
        assert done.returncode == 0, done.stderr
    return settings


@pytest.fixture
def keys(used):
    """The folder of its keys, put back as it was when the test is over."""
    kept = used.home / "kept"
    shutil.copytree(used.keys_dir, kept)
    yield used.keys_dir
    shutil.rmtree(used.keys_dir)
    kept.rename(used.keys_dir)


def files(folder):
    """What lies below a folder: names, sizes, times of change, and modes."""
    found = {}
    for path in sorted(folder.rglob("*")):
        facts = path.lstat()
        found[path.relative_to(folder)] = (facts.st_size, facts.st_mtime_ns, facts.st_mode)
    return found


def running(settings):
    mark = f"RIVELIN_HOME={settings.home}".encode()
    return [number for number in map(int, _numbers()) if mark in _environment(number)]


def _numbers():
    return [folder.name for folder in Path("/proc").iterdir() if folder.name.isdecimal()]


def _environment(number):
    try:
        return (Path("/proc") / str(number) / "environ").read_bytes().split(b"\0")
    except OSError:
        return []


def nothing_runs(settings):
    deadline = time.monotonic() + 10
    while any(map(identity_of, running(settings))) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(map(identity_of, running(settings)))


def cut_short(file):
    file.write_bytes(file.read_bytes()[:-1])


def swapped(file):
    file.write_bytes((file.parent / "audience-police.key").read_bytes())


def linked(file):
    elsewhere = file.rename(file.parent.parent / "elsewhere.key")
    file.symlink_to(elsewhere)


BREAKS = {
    "missing": (Path.unlink, "is missing"),
    "readable by the group": (lambda file: file.chmod(0o640), "open to other users"),
    "readable by others": (lambda file: file.chmod(0o604), "open to other users"),
    "cut short": (cut_short, "cut short or damaged"),
    "another key under its name": (swapped, "cut short or damaged, or is another key"),
    "a link to somewhere": (linked, "cannot be used"),
}


@pytest.mark.parametrize("how", BREAKS)
@pytest.mark.parametrize("key", ["token-1", "sealing-1"])
def test_a_key_that_cannot_be_used_is_named_and_nothing_is_started(used, keys, key, how):
    break_it, told = BREAKS[how]
    break_it(keys / f"{key}.key")
    log, others = files(used.kafka_dir), files(keys)

    up = rivelin(used, "up", "--detach")

    assert up.returncode == 1
    assert f"the key {key} " in up.stderr
    assert told in up.stderr
    assert "Traceback" not in up.stderr
    assert nothing_runs(used)
    assert read_report(used) is None
    assert files(used.kafka_dir) == log
    assert files(keys) == others


def test_without_any_key_no_new_ones_are_made_for_a_log_that_partners_seal_to(used, keys):
    for file in keys.iterdir():
        file.unlink()

    up = rivelin(used, "up")

    assert up.returncode == 1
    assert "the key sealing-1 is missing; restore it" in up.stderr
    assert nothing_runs(used)
    assert list(keys.iterdir()) == []


def test_a_set_of_new_keys_does_not_stand_in_for_the_lost_one(used, keys):
    for file in keys.iterdir():
        file.unlink()
    another = Settings(home=used.home.parent / "another")
    assert rivelin(another, "up", "--detach").returncode == 0
    rivelin(another, "down")
    for file in another.keys_dir.iterdir():
        shutil.copy2(file, keys)

    up = rivelin(used, "up")

    assert up.returncode == 1
    assert "the key sealing-1 is cut short or damaged, or is another key" in up.stderr
    assert nothing_runs(used)


def test_with_its_keys_again_it_starts_as_ever(used):
    pinned, kept = fingerprint(used), files(used.keys_dir)
    up = rivelin(used, "up", "--detach")
    try:
        assert up.returncode == 0, up.stderr
        assert (fingerprint(used), files(used.keys_dir)) == (pinned, kept)
    finally:
        rivelin(used, "down")
    assert nothing_runs(used)
