"""Whose set of keys a restore takes, and that no half of a recovery key is made alone."""

from __future__ import annotations

import signal
from datetime import UTC, datetime

import pytest

from anonymiser import keyring
from deploy.backup.envelope import new_recovery_key
from deploy.backup.errors import OccupiedFolderError, StrangeKeysError
from deploy.backup.restore import require_restorable, require_signers
from deploy.backup.secrets import export_keys
from deploy.backup.take import require_all_shown
from deploy.cli.backup import _end_in_order
from deploy.cli.sealed_keys import _summary, recovery
from deploy.keys import fingerprint
from deploy.pki import Pki
from deploy.settings import Settings
from deploy.up import STOP_SIGNALS
from streams.errors import NotPermittedError
from streams.topics import SHARED_TOPICS

AT = datetime(2026, 11, 25, 12, tzinfo=UTC)


def home(folder, **options):
    settings = Settings(home=folder, **options)
    settings.make_folders()
    keyring.create_missing(settings.keys_dir)
    pki = Pki(settings.pki_dir)
    pki.create(AT)
    pki.ensure(("linker", "partner:council"), AT)
    return settings


def test_a_restore_is_refused_where_certificates_belong_elsewhere(tmp_path):
    with pytest.raises(OccupiedFolderError, match="RIVELIN_PKI"):
        require_restorable(Settings(home=tmp_path / "home", pki=tmp_path / "elsewhere"))
    require_restorable(Settings(home=tmp_path / "home"))
    require_restorable(Settings(home=tmp_path / "home", pki=tmp_path / "home" / "pki"))


def test_keys_that_a_killed_restore_left_are_not_passed_over(tmp_path):
    settings = Settings(home=tmp_path / "home")
    (tmp_path / ".home.old").mkdir()
    require_restorable(settings)

    (tmp_path / ".home.4711").mkdir()

    with pytest.raises(OccupiedFolderError, match=r"\.home\.4711 .* left keys there: delete it"):
        require_restorable(settings)


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_a_signal_ends_a_backup_and_a_restore_as_an_exception_does(number):
    before = {one: signal.getsignal(one) for one in STOP_SIGNALS}
    try:
        _end_in_order()
        with pytest.raises(SystemExit) as ended:
            signal.raise_signal(number)
        assert ended.value.code == 128 + number
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


@pytest.mark.parametrize("there", ["first", "second", "public"])
def test_a_recovery_key_is_made_whole_or_not_at_all(tmp_path, there):
    (tmp_path / there).write_text("of another key")
    first, second, public = (tmp_path / name for name in ("first", "second", "public"))

    with pytest.raises(OccupiedFolderError, match=f"{there} is there already"):
        recovery(public, first=first, second=second)

    assert [one.name for one in tmp_path.iterdir()] == [there]


def test_both_halves_in_one_file_are_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(OccupiedFolderError, match="named twice"):
        recovery(tmp_path / "public", first=tmp_path / "half", second=tmp_path / "half")
    assert not list(tmp_path.iterdir())


def test_a_half_is_for_its_owner_alone(tmp_path):
    first, second, public = (tmp_path / name for name in ("first", "second", "public"))
    recovery(public, first=first, second=second)
    assert {one.stat().st_mode & 0o077 for one in (first, second)} == {0}


def test_a_log_that_is_shown_in_part_is_not_backed_up():
    """To a certificate that it gives no permission a broker shows no topic, and says nothing."""
    names = {spec.name for spec in SHARED_TOPICS}
    require_all_shown(names)
    for shown in ((), names - {"enclave.erasures"}):
        with pytest.raises(NotPermittedError, match="rivelin up"):
            require_all_shown(shown)


def test_a_set_of_keys_without_the_key_that_signed_the_backup_is_refused(tmp_path):
    """Anybody can seal one under a fingerprint that partners know."""
    ours, strange = home(tmp_path / "ours"), home(tmp_path / "strange")

    require_signers(ours, fingerprint(ours))
    with pytest.raises(StrangeKeysError, match="somebody else made that file"):
        require_signers(strange, fingerprint(ours))


def test_an_export_is_told_in_three_lines(tmp_path):
    key, *_ = new_recovery_key()
    keys, authority, certificates = _summary(export_keys(home(tmp_path / "home"), key, AT).names)
    assert "signing" in keys
    assert authority.startswith("authority")
    assert certificates.split() == ["certificates", "council.1,", "linker.1"]
