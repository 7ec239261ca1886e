from __future__ import annotations

import os
import stat

import pytest

from anonymiser import keyring
from anonymiser.keyring import (
    DamagedKeyError,
    ExposedKeyError,
    MissingKeyError,
    UnwrittenKeyError,
    create_missing,
    load,
    load_signing_key,
    new_keys,
)
from streams.values import Audience

NAMES = {
    "sealing-1",
    "storage-1",
    "token-1",
    "audience-police",
    "audience-safeguarding",
    "signing",
}


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "keys"
    create_missing(folder)
    return folder


def test_the_first_start_makes_every_key_and_says_which(tmp_path):
    assert set(create_missing(tmp_path / "keys")) == NAMES
    assert {path.stem for path in (tmp_path / "keys").iterdir()} == NAMES
    assert list(tmp_path.iterdir()) == [tmp_path / "keys"]


def test_an_empty_folder_that_is_there_already_is_filled(tmp_path):
    (tmp_path / "keys").mkdir()
    assert set(create_missing(tmp_path / "keys")) == NAMES


def test_only_the_owner_may_read_a_key(folder):
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_the_second_start_makes_nothing_and_reads_the_same_keys(folder):
    before = load(folder)
    assert create_missing(folder) == ()
    after = load(folder)
    assert after.token == before.token
    assert after.storage == before.storage
    assert after.audience == before.audience
    assert after.sealing[1].public() == before.sealing[1].public()
    assert after.signing.public_key() == load_signing_key(folder).public_key()


def test_no_two_keys_are_alike(folder):
    keys = load(folder)
    secrets = [keys.token, *keys.storage.values(), *keys.audience.values()]
    assert len({*secrets, keys.signing.private_bytes_raw()}) == len(secrets) + 1
    assert set(keys.audience) == set(Audience)
    assert (keys.token_epoch, keys.storage_number) == (1, 1)


def test_keys_do_not_show_in_a_repr(folder):
    keys = load(folder)
    shown = repr(keys)
    for secret in (keys.token, *keys.storage.values(), *keys.audience.values()):
        assert secret.hex() not in shown
        assert repr(secret)[2:-1] not in shown


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_missing_key_is_named_and_never_made_anew(folder, name):
    (folder / f"{name}.key").unlink()
    assert create_missing(folder) == ()
    with pytest.raises(MissingKeyError, match=name):
        load(folder)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_key_that_others_may_touch_is_refused(folder, name, mode):
    (folder / f"{name}.key").chmod(mode)
    with pytest.raises(ExposedKeyError, match=name):
        load(folder)


@pytest.mark.parametrize("name", sorted(NAMES))
@pytest.mark.parametrize("cut", [0, 1, 20, -1])
def test_a_truncated_key_is_refused_by_name_without_its_content(folder, name, cut):
    path = folder / f"{name}.key"
    whole = path.read_bytes()
    path.write_bytes(whole[:cut])
    with pytest.raises(DamagedKeyError, match=name) as caught:
        load(folder)
    assert whole[-8:].hex() not in str(caught.value)


def test_a_key_restored_under_anothers_name_is_refused(folder):
    (folder / "token-1.key").write_bytes((folder / "storage-1.key").read_bytes())
    with pytest.raises(DamagedKeyError, match="token-1"):
        load(folder)


def test_a_sealing_key_of_another_epoch_is_refused(folder):
    (folder / "sealing-2.key").write_bytes((folder / "sealing-1.key").read_bytes())
    (folder / "sealing-2.key").chmod(0o600)
    with pytest.raises(DamagedKeyError, match="sealing-2"):
        load(folder)


def test_a_link_to_a_key_is_not_followed(folder, tmp_path):
    elsewhere = tmp_path / "token"
    (folder / "token-1.key").rename(elsewhere)
    (folder / "token-1.key").symlink_to(elsewhere)
    with pytest.raises(keyring.KeyFileError, match="token-1"):
        load(folder)


def test_older_storage_and_sealing_keys_stay_usable_and_the_highest_is_used(folder):
    second = keyring.SealingPrivateKey.generate(2)
    for name, data in (
        ("storage-2", keyring._heading("storage-2") + os.urandom(32)),
        ("sealing-2", second.to_bytes()),
    ):
        keyring._write(folder / f"{name}.key", data)
    keys = load(folder)
    assert set(keys.sealing) == set(keys.storage) == {1, 2}
    assert keys.storage_number == 2


def test_a_full_disk_is_told_by_name_and_leaves_nothing_behind(tmp_path, monkeypatch):
    def no_space(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keyring.os, "fsync", no_space)
    with pytest.raises(UnwrittenKeyError, match="No space left"):
        create_missing(tmp_path / "keys")
    assert list(tmp_path.iterdir()) == []


def test_of_two_processes_that_start_at_once_one_makes_the_keys(tmp_path, monkeypatch):
    folder = tmp_path / "keys"
    contents = keyring._contents

    def overtaken(keys):
        monkeypatch.setattr(keyring, "_contents", contents)
        create_missing(folder)
        return contents(keys)

    monkeypatch.setattr(keyring, "_contents", overtaken)
    assert create_missing(folder) == ()
    assert load(folder).token_epoch == 1
    assert list(tmp_path.iterdir()) == [folder]


def test_keys_can_be_made_in_memory_for_a_simulation():
    keys = new_keys()
    assert len(keys.token) == 32
    assert keys.sealing[1].epoch == 1
