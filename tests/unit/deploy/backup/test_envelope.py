"""Keys for a safe place: two halves open them, one tells nothing, and no change goes unseen."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest

from deploy.backup.envelope import (
    RecoveryKey,
    SealedKeys,
    join_shares,
    new_recovery_key,
    open_keys,
    seal_keys,
)
from deploy.backup.errors import SealedKeysError
from deploy.backup.restore import opened_keys
from deploy.backup.secrets import export_keys
from deploy.backup.take import _copied
from deploy.keys import key_ring
from deploy.pki import ensure_own
from deploy.settings import Settings

AT = datetime(2026, 11, 25, 12, tzinfo=UTC)
FILES = {"keys/token-1.key": b"\x00secret of the token key\xff", "keys/signing.key": bytes(40)}
FINGERPRINT = "ab" * 32


@pytest.fixture(scope="module")
def recovery():
    return new_recovery_key()


@pytest.fixture(scope="module")
def sealed(recovery):
    return seal_keys(FILES, FINGERPRINT, recovery[0], AT)


def test_two_halves_open_what_was_sealed_to_the_public_half(recovery, sealed):
    key, first, second = recovery
    again = SealedKeys.from_text(sealed.as_text())
    assert again == sealed
    assert again.recovery == key.fingerprint == RecoveryKey.from_text(key.as_text()).fingerprint
    for shares in ((first, second), (second, first)):
        assert open_keys(again, join_shares(shares)) == FILES


def test_the_file_tells_names_and_no_secret(sealed):
    text = sealed.as_text()
    assert "keys/token-1.key" in text
    for data in FILES.values():
        assert data.hex() not in text
        assert base64.b64encode(data).decode() not in text
    assert "secret" not in repr(sealed)


def test_a_half_is_random_and_the_other_half_of_another_key_does_not_fit(recovery):
    _, first, second = recovery
    _, _, stranger = new_recovery_key()
    with pytest.raises(SealedKeysError, match="two different"):
        join_shares((first, stranger))
    with pytest.raises(SealedKeysError, match="number 1 and number 2"):
        join_shares((first, first))
    assert first.splitlines()[2] != second.splitlines()[2]
    assert b"rivelin sealing key" not in bytes.fromhex(first.splitlines()[2])
    assert b"rivelin sealing key" not in bytes.fromhex(second.splitlines()[2])


@pytest.mark.parametrize("spoil", [
    lambda text: text.replace("0", "1").replace("a", "b"),
    lambda text: text[: len(text) // 2],
    lambda text: "",
    lambda text: "a letter about something else\n\n",
])  # fmt: skip
def test_a_damaged_half_is_named(recovery, spoil):
    _, first, second = recovery
    with pytest.raises(SealedKeysError):
        join_shares((first, spoil(second)))


def test_keys_sealed_to_another_recovery_key_do_not_open(sealed):
    _, first, second = new_recovery_key()
    with pytest.raises(SealedKeysError, match="another recovery key"):
        open_keys(sealed, join_shares((first, second)))


@pytest.mark.parametrize("field", ["fingerprint", "names", "made_at", "ciphertext", "sealed_key"])
def test_no_part_can_be_changed(field, recovery, sealed):
    told = json.loads(sealed.as_text())
    told[field] = {
        "fingerprint": "cd" * 32,
        "names": [*told["names"], "keys/other.key"],
        "made_at": "2027-01-01T00:00:00+00:00",
        "ciphertext": base64.b64encode(bytes(200)).decode(),
        "sealed_key": base64.b64encode(bytes(1_168)).decode(),
    }[field]
    _, first, second = recovery
    with pytest.raises(SealedKeysError, match="changed or are damaged"):
        open_keys(SealedKeys.from_text(json.dumps(told)), join_shares((first, second)))


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"rivelin_sealed_keys": 2}', "\x00"])
def test_what_is_no_file_of_sealed_keys_is_told_in_one_line(text):
    with pytest.raises(SealedKeysError) as told:
        SealedKeys.from_text(text)
    assert "\n" not in str(told.value)
    with pytest.raises(SealedKeysError):
        RecoveryKey.from_text(text)


@pytest.mark.parametrize("name", ["../keys/x", "keys/../x", "/keys/x", "kafka/x"])
def test_sealed_keys_put_a_file_nowhere_but_among_keys_and_certificates(recovery, name):
    """Whoever has the public half can seal whatever they like to it."""
    key, *shares = recovery
    text = seal_keys({name: b"data"}, FINGERPRINT, key, AT).as_text()
    with pytest.raises(SealedKeysError, match="neither key nor certificate"):
        opened_keys(text, tuple(shares), FINGERPRINT)


def test_certificates_that_are_kept_elsewhere_are_taken_along(recovery, tmp_path):
    settings = Settings(home=tmp_path / "home", pki=tmp_path / "elsewhere")
    settings.make_folders()
    key_ring(settings).create_missing()
    ensure_own(settings.pki_dir, AT)

    names = export_keys(settings, recovery[0], AT).names
    copied = dict(_copied(settings, tmp_path / "backup"))

    assert {"keys/token-1.key", "pki/authority/key.pem", "pki/issued/linker.1/key.pem"} <= {*names}
    assert [*copied] == ["files/pki/register.json"]
