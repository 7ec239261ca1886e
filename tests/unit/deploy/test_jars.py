"""Only the jars of the lock run, and only with the bytes of the lock."""

from __future__ import annotations

import hashlib
import re

import pytest

from deploy.jars import Jar, JarMismatchError, JarStore, cache_dir, read_lock

GOOD = b"a jar"


def jar(name="kafka", content=GOOD):
    return Jar("org.example", name, "1.0", hashlib.sha256(content).hexdigest())


class Registry:
    """Serves fixed bytes and counts how often it was asked."""

    def __init__(self, content=GOOD):
        self.content = content
        self.asked = 0

    def __call__(self, wanted, scratch):
        self.asked += 1
        path = scratch / wanted.file_name
        path.write_bytes(self.content)
        return path


def test_a_missing_jar_is_fetched_once(tmp_path):
    registry = Registry()
    store = JarStore(tmp_path, registry)
    assert not store.has_all([jar()])

    first, second = store.paths([jar()]), store.paths([jar()])

    assert first == second == (tmp_path / "kafka-1.0.jar",)
    assert registry.asked == 1
    assert store.has_all([jar()])


def test_other_bytes_than_the_locks_are_refused_and_not_kept(tmp_path):
    store = JarStore(tmp_path, Registry(b"something else"))

    with pytest.raises(JarMismatchError, match="the lock says"):
        store.paths([jar()])

    assert not list(tmp_path.glob("*.jar"))


def test_a_jar_that_was_changed_in_the_cache_is_refused(tmp_path):
    store = JarStore(tmp_path, Registry())
    (path,) = store.paths([jar()])

    path.write_bytes(b"b jar")

    with pytest.raises(JarMismatchError):
        store.paths([jar()])


def test_a_new_lock_distrusts_the_old_verification(tmp_path):
    store = JarStore(tmp_path, Registry())
    store.paths([jar()])

    with pytest.raises(JarMismatchError):
        store.paths([jar(content=b"a newer jar")])


def test_nothing_half_fetched_is_left(tmp_path):
    store = JarStore(tmp_path, Registry())

    store.paths([jar("one"), jar("two")])

    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["one-1.0.jar", "two-1.0.jar", "verified.json"]


def test_the_committed_lock_pins_every_jar_and_names_no_address():
    jars = read_lock()

    assert len({found.file_name for found in jars}) == len(jars) > 40
    assert all(re.fullmatch("[0-9a-f]{64}", found.sha256) for found in jars)
    kafka = {found.version for found in jars if found.group == "org.apache.kafka"}
    assert kafka == {"4.3.1"}


def test_the_cache_follows_the_users_choice(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    assert cache_dir() == tmp_path / "rivelin"
