"""The linker's store: a cache that is never silently wrong."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime, timedelta

import pytest

from anonymiser.linker.store import (
    AGE_MAX,
    NONE_YET,
    Anchor,
    LinkStore,
    StoreFailedError,
    StoreLockedError,
)

NOW = datetime.now(UTC)
ROW = "INSERT INTO origin VALUES (?, ?, 0)"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "linker.sqlite"


def opened(path, fingerprint="one", now=None):
    return LinkStore.open(path, fingerprint, now or datetime.now(UTC), spacing=0.0)


def origins(store):
    return [token for (token,) in store.execute("SELECT token FROM origin ORDER BY token")]


def filled(path, *tokens):
    """A store that was kept with these rows, and let go."""
    store = opened(path)
    for token in tokens:
        store.execute(ROW, (token, b"id"))
    store.positions, store.anchor = {"enclave.report-keys": 7}, Anchor(41, b"digest")
    store.keep(at_once=True)
    store.close()


def test_what_was_kept_is_there_again_with_its_place_in_the_log(path):
    filled(path, b"token")
    store = opened(path)
    assert origins(store) == [b"token"]
    assert store.positions == {"enclave.report-keys": 7}
    assert store.anchor == Anchor(41, b"digest")
    assert store.rebuilt_because is None


def test_what_was_not_kept_never_was(path):
    filled(path, b"kept")
    store = opened(path)
    store.execute(ROW, (b"lost", b"id"))
    store.anchor = Anchor(99, b"later")
    store.close()
    again = opened(path)
    assert origins(again) == [b"kept"]
    assert again.anchor == Anchor(41, b"digest")


def test_a_crash_in_the_middle_of_a_step_leaves_the_last_commit(path):
    filled(path, b"kept")
    child = os.fork()
    if child == 0:
        store = opened(path)
        store.executemany(ROW, [(bytes([n]), b"id") for n in range(200)])
        os._exit(9)
    os.waitpid(child, 0)
    assert origins(opened(path)) == [b"kept"]


def test_the_file_is_its_owners_alone(path):
    filled(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    store = opened(path)
    store.execute(ROW, (b"token", b"id"))
    for one in path.parent.iterdir():
        assert stat.S_IMODE(one.stat().st_mode) == 0o600


def test_none_is_made_anew(path):
    assert opened(path).rebuilt_because == NONE_YET


def test_one_that_others_could_have_written_is_made_anew(path):
    filled(path, b"token")
    path.chmod(0o660)
    store = opened(path)
    assert "open to other users" in store.rebuilt_because
    assert origins(store) == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_one_of_another_version_is_made_anew(path):
    filled(path, b"token")
    store = opened(path, fingerprint="two")
    assert store.rebuilt_because == "it is of another version"
    assert origins(store) == []
    assert store.positions == {}
    assert store.anchor is None


def test_one_that_slept_longer_than_deleted_keys_are_told_of_is_made_anew(path):
    filled(path, b"token")
    early = opened(path, now=NOW + AGE_MAX - timedelta(hours=1))
    assert early.rebuilt_because is None
    early.close()
    late = opened(path, now=NOW + AGE_MAX + timedelta(hours=1))
    assert late.rebuilt_because == "it is older than deleted keys are told of"
    assert origins(late) == []


def ruined_head(data):
    return b"not a database at all" + data[21:]


def cut_short(data):
    return data[: len(data) // 2]


def emptied(_):
    return b""


def scribbled_over(data):
    middle = len(data) // 2
    return data[:middle] + b"\xff" * 8192 + data[middle + 8192 :]


@pytest.mark.parametrize("ruin", [ruined_head, cut_short, emptied, scribbled_over])
def test_a_damaged_one_is_made_anew(path, ruin):
    filled(path, *(n.to_bytes(4) * 40 for n in range(4_000)))
    path.write_bytes(ruin(path.read_bytes()))
    store = opened(path)
    assert store.rebuilt_because in ("it is damaged", "it was never finished")
    assert origins(store) == []
    store.execute(ROW, (b"works", b"id"))
    store.keep(at_once=True)
    store.close()
    assert origins(opened(path)) == [b"works"]


def test_two_linkers_do_not_share_one(path):
    first = opened(path)
    with pytest.raises(StoreLockedError, match="another process"):
        opened(path)
    first.execute(ROW, (b"token", b"id"))
    first.keep(at_once=True)
    first.close()
    assert origins(opened(path)) == [b"token"]


def test_a_place_that_cannot_be_written_is_told_of_by_name(path, monkeypatch):
    store = opened(path)
    store.execute(ROW, (b"token", b"id"))
    store.execute("PRAGMA query_only=ON")
    with pytest.raises(StoreFailedError, match="could not be written"):
        store.keep(at_once=True)


def test_what_is_deleted_is_gone_from_every_byte(path):
    store = opened(path)
    secret = bytes(range(1, 200)) * 5
    store.executemany(
        "INSERT INTO spelling VALUES (?, 1, ?, 1, 0)",
        [(n, secret if n == 50 else os.urandom(900)) for n in range(100)],
    )
    store.keep(at_once=True)
    assert secret[:24] in everything(path)
    store.execute("DELETE FROM spelling WHERE number = 50")
    store.scrub_soon()
    assert store.keep()
    assert secret[:24] not in everything(path)
    store.close()
    assert secret[:24] not in everything(path)


def test_what_is_overwritten_is_gone_too(path):
    store = opened(path)
    secret = b"a token that must not stay anywhere"
    store.execute("INSERT INTO spelling VALUES (1, 1, ?, 1, 0)", (secret * 30,))
    store.keep(at_once=True)
    store.execute("UPDATE spelling SET packed = ? WHERE number = 1", (b"short",))
    store.keep(at_once=True)
    assert secret not in everything(path)


def test_a_commit_leaves_nothing_in_the_write_ahead_log(path):
    store = opened(path)
    store.execute(ROW, (b"token", b"id"))
    store.keep(at_once=True)
    logs = [one for one in path.parent.iterdir() if one != path]
    assert all(one.stat().st_size == 0 for one in logs)


def test_commits_wait_for_each_other(path):
    store = LinkStore.open(path, "one", datetime.now(UTC), spacing=3600)
    store.execute(ROW, (b"token", b"id"))
    assert not store.keep()
    assert store.keep(at_once=True)
    store.scrub_soon()
    assert store.keep()
    assert not store.keep()


def everything(path):
    return b"".join(one.read_bytes() for one in path.parent.iterdir())
