"""The authority issues by name from a closed set, never a name twice, and remembers it all."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from deploy.certificates import (
    OWN_PRINCIPALS,
    CertificateName,
    NoCertificateError,
    UnknownPrincipalError,
    newest_bundle,
    require_principal,
)
from deploy.pki import (
    LIFETIME,
    RENEWAL,
    AuthorityEndedError,
    BadHostError,
    DamagedRegisterError,
    HasCertificateError,
    NoAuthorityError,
    NoSuchCertificateError,
    Pki,
    RevocationReason,
    due,
    ensure_own,
)

AT = datetime(2026, 11, 25, 12, tzinfo=UTC)
PARTNER = "partner:loxley-homes"


@pytest.fixture
def pki(tmp_path):
    made = Pki(tmp_path / "pki")
    made.create(AT)
    return made


def certificate(pki, issued):
    path = pki.folder_of(issued.name) / "certificate.pem"
    return x509.load_pem_x509_certificate(path.read_bytes())


def extension(one, kind):
    return one.extensions.get_extension_for_class(kind).value


def test_a_role_gets_a_client_certificate_of_its_name_for_ninety_days(pki):
    issued = pki.issue("linker", AT)

    one = certificate(pki, issued)
    (name,) = one.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert name.value == str(issued.name) == "linker.1"
    assert len(one.subject.rdns) == 1
    assert one.not_valid_after_utc == issued.expires_at == AT + LIFETIME
    assert one.not_valid_before_utc <= AT - timedelta(hours=2), "a clock may be two hours behind"
    assert list(extension(one, x509.ExtendedKeyUsage)) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not extension(one, x509.BasicConstraints).ca
    with pytest.raises(x509.ExtensionNotFound):
        extension(one, x509.SubjectAlternativeName)


def test_a_node_serves_at_loopback_and_at_the_hosts_it_was_given(pki):
    issued = pki.issue("node", AT, ("kafka-1.example.org", "192.0.2.7"))

    one = certificate(pki, issued)
    names = extension(one, x509.SubjectAlternativeName)
    assert set(names.get_values_for_type(x509.DNSName)) == {"localhost", "kafka-1.example.org"}
    addresses = {str(address) for address in names.get_values_for_type(x509.IPAddress)}
    assert addresses == {"127.0.0.1", "::1", "192.0.2.7"}
    assert set(extension(one, x509.ExtendedKeyUsage)) == {
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.CLIENT_AUTH,
    }
    assert pki.renew("node", AT).hosts == ("kafka-1.example.org", "192.0.2.7")


def test_the_authority_signed_it_and_nothing_below_it_signs(pki):
    authority = x509.load_pem_x509_certificate(pki.authority_file.read_bytes())
    one = certificate(pki, pki.issue("gate", AT))

    one.verify_directly_issued_by(authority)
    assert extension(authority, x509.BasicConstraints).path_length == 0
    assert not extension(one, x509.KeyUsage).key_cert_sign


def test_keys_are_for_their_owner_only_and_in_no_repr(pki):
    issued = pki.issue(PARTNER, AT)
    folder = pki.folder_of(issued.name)

    assert folder == pki.folder / "issued" / "partners" / "loxley-homes.1"
    assert {path.name for path in folder.iterdir()} == {
        "authority.pem",
        "certificate.pem",
        "key.pem",
    }
    for path in (folder / "key.pem", pki.folder / "authority" / "key.pem"):
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
    key = load_pem_private_key((folder / "key.pem").read_bytes(), None)
    assert key.public_key() == certificate(pki, issued).public_key()


@pytest.mark.parametrize(
    "name", ["root", "partner:", "partner:X", "partner:a,CN=node.1", "linker.1", "", "user:linker"]
)
def test_no_other_name_is_ever_signed(pki, name):
    with pytest.raises(UnknownPrincipalError):
        pki.issue(name, AT)
    with pytest.raises(UnknownPrincipalError):
        pki.renew(name, AT)
    assert pki.issued() == ()


@pytest.mark.parametrize("host", ["", "*", "*.example.org", "a b", "x" * 254, "host:9092"])
def test_a_host_that_is_none_is_refused(pki, host):
    with pytest.raises(BadHostError):
        pki.issue("node", AT, (host,))


def test_only_a_node_has_hosts(pki):
    with pytest.raises(BadHostError, match="linker"):
        pki.issue("linker", AT, ("example.org",))


def test_a_renewed_certificate_stands_beside_the_one_before(pki):
    first = pki.issue("linker", AT)
    with pytest.raises(HasCertificateError, match="rivelin pki renew linker"):
        pki.issue("linker", AT)

    second = pki.renew("linker", AT + timedelta(days=70))

    assert (str(first.name), str(second.name)) == ("linker.1", "linker.2")
    assert newest_bundle(pki.folder, "linker").name == "linker.2"
    assert all(one.is_live(AT + timedelta(days=80)) for one in pki.issued())


def test_a_revoked_certificate_loses_its_files_and_its_serial_is_never_used_again(pki):
    pki.issue("linker", AT)

    (revoked,) = pki.revoke("linker.1", AT, RevocationReason.KEY_COMPROMISE)

    assert revoked.standing(AT) == "revoked"
    assert not pki.folder_of(revoked.name).exists()
    with pytest.raises(NoCertificateError):
        newest_bundle(pki.folder, "linker")
    assert str(pki.issue("linker", AT).name) == "linker.2"


def test_revoking_twice_is_recorded_once(pki):
    pki.issue("linker", AT)
    pki.revoke("linker.1", AT, RevocationReason.KEY_COMPROMISE)

    assert pki.revoke("linker.1", AT + timedelta(days=1), RevocationReason.SUPERSEDED) == ()
    assert pki.issued()[0].reason is RevocationReason.KEY_COMPROMISE


def test_a_principal_is_revoked_with_all_its_certificates(pki):
    pki.issue(PARTNER, AT)
    pki.renew(PARTNER, AT)

    assert len(pki.revoke(PARTNER, AT, RevocationReason.AFFILIATION_CHANGED)) == 2


@pytest.mark.parametrize("named", ["linker.7", "gate", "partner:nobody-homes"])
def test_what_was_never_issued_cannot_be_revoked(pki, named):
    with pytest.raises(NoSuchCertificateError, match="rivelin pki list"):
        pki.revoke(named, AT, RevocationReason.KEY_COMPROMISE)


def test_the_first_start_issues_to_all_of_its_own_and_the_next_to_nobody(tmp_path):
    made = ensure_own(tmp_path / "pki", AT)

    assert {one.name.principal for one in made} == set(OWN_PRINCIPALS)
    assert ensure_own(tmp_path / "pki", AT) == ()


def test_a_start_renews_what_is_due_and_replaces_what_was_lost_or_revoked(tmp_path):
    folder = tmp_path / "pki"
    ensure_own(folder, AT)
    Pki(folder).revoke("gate", AT, RevocationReason.KEY_COMPROMISE)
    for path in newest_bundle(folder, "desk").iterdir():
        path.unlink()
    newest_bundle(folder, "desk").rmdir()
    assert {str(one.name) for one in ensure_own(folder, AT)} == {"gate.2", "desk.2"}

    later = AT + LIFETIME - RENEWAL + timedelta(days=1)
    assert len(ensure_own(folder, later)) == len(OWN_PRINCIPALS)


def test_what_is_due_is_told_until_a_newer_one_stands_beside_it(pki):
    pki.issue("linker", AT)
    pki.issue(PARTNER, AT)
    pki.issue("gate", AT)
    pki.revoke("gate", AT, RevocationReason.KEY_COMPROMISE)
    assert due(pki.issued(), AT + timedelta(days=59)) == ()

    late = AT + timedelta(days=61)
    assert [str(one.name) for one in due(pki.issued(), late)] == ["linker.1", f"{PARTNER}.1"]
    pki.renew("linker", late)
    assert [str(one.name) for one in due(pki.issued(), late)] == [f"{PARTNER}.1"]
    assert due(pki.issued(), AT + timedelta(days=91))[0].standing(AT + timedelta(days=91)) == (
        "expired"
    )


def test_no_certificate_outlives_its_authority(pki):
    late = AT + timedelta(days=3_640)

    assert pki.issue("linker", late).expires_at == AT + timedelta(days=3_650)
    with pytest.raises(AuthorityEndedError, match=r"docs/OPERATIONS\.md"):
        pki.issue("gate", AT + timedelta(days=3_651))


def test_without_an_authority_nothing_is_issued(tmp_path):
    with pytest.raises(NoAuthorityError, match="rivelin up"):
        Pki(tmp_path / "pki").issue("linker", AT)


def test_an_authority_is_made_once_and_never_again_when_its_key_is_lost(pki):
    assert not pki.create(AT)
    (pki.folder / "authority" / "key.pem").unlink()

    with pytest.raises(NoAuthorityError, match="restore it"):
        pki.create(AT)


def test_the_authoritys_key_may_lie_elsewhere_until_it_is_needed(tmp_path):
    folder = tmp_path / "pki"
    ensure_own(folder, AT)
    key = folder / "authority" / "key.pem"
    kept = key.rename(tmp_path / "kept.pem")

    for day in (59, 61, 89):  # due from the sixtieth on, and good until the ninetieth
        assert ensure_own(folder, AT + timedelta(days=day)) == ()
    with pytest.raises(NoAuthorityError, match="bring it back"):
        ensure_own(folder, AT + timedelta(days=90))
    assert Pki(folder).revoke("desk", AT, RevocationReason.KEY_COMPROMISE)
    with pytest.raises(NoAuthorityError, match="bring it back"):
        ensure_own(folder, AT)
    kept.rename(key)
    assert [str(one.name) for one in ensure_own(folder, AT)] == ["desk.2"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 2, "certificates": []}', "\x00"])
def test_a_spoilt_register_stops_everything_for_a_name_could_repeat(pki, text):
    pki.issue("linker", AT)
    (pki.folder / "register.json").write_text(text)

    with pytest.raises(DamagedRegisterError, match="restore it"):
        pki.renew("linker", AT)


def test_a_crash_between_register_and_files_burns_a_serial_and_doubles_none(pki, monkeypatch):
    def crash(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Pki, "_hand_out", crash)
    with pytest.raises(KeyboardInterrupt):
        pki.issue("linker", AT)
    monkeypatch.undo()

    assert str(pki.renew("linker", AT).name) == "linker.2"
    assert newest_bundle(pki.folder, "linker").name == "linker.2"


def test_files_that_are_newer_than_the_register_are_not_used_nor_their_serials_again(tmp_path):
    """Keys and log are backed up apart, so a restore may join them so."""
    folder = tmp_path / "pki"
    ensure_own(folder, AT)
    register = (folder / "register.json").read_text()
    Pki(folder).renew("linker", AT)
    (folder / "register.json").write_text(register)

    assert [str(one.name) for one in ensure_own(folder, AT)] == ["linker.3"]
    assert newest_bundle(folder, "linker").name == "linker.3"
    assert ensure_own(folder, AT) == ()


def test_the_register_holds_no_key(pki):
    pki.issue(PARTNER, AT)
    told = json.loads((pki.folder / "register.json").read_text())

    assert set(told["certificates"][0]) == {
        "principal", "serial", "fingerprint", "issued_at", "expires_at", "hosts", "revoked_at",
        "reason",
    }  # fmt: skip


def test_names_are_read_as_they_are_written():
    for name in (CertificateName("linker", 1), CertificateName("partner:a-school", 12)):
        assert CertificateName.read(str(name)) == name
    for text in ("linker", "linker.0", "linker.01", "linker.x", ".1", "nobody.1"):
        with pytest.raises(UnknownPrincipalError):
            CertificateName.read(text)


def test_a_partners_id_that_is_none_is_not_repeated():
    with pytest.raises(UnknownPrincipalError, match="3 to 32") as told:
        require_principal("partner:07700 900123")
    assert "07700" not in str(told.value)
