"""The local certificate authority: issues by name from a closed set, renews, revokes, remembers.

It takes no request from outside and signs nothing but what it made itself. The register says
what was issued and what was revoked; it is written before a certificate leaves, so no name is
ever given to two keys.
"""

from __future__ import annotations

import fcntl
import ipaddress
import json
import os
import re
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from deploy.certificates import (
    NODE,
    OWN_PRINCIPALS,
    CertificateName,
    UnknownPrincipalError,
    bundle_folder,
    names_here,
    require_principal,
)
from streams.errors import DeniedError, InvalidInputError, RivelinError
from streams.kafka.access import AUTHORITY_FILE, CERTIFICATE_FILE, KEY_FILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

#: How long a certificate is good for (issue of 2026-11: ninety days, renewed by itself).
LIFETIME: Final = timedelta(days=90)
#: From when on a certificate is renewed by itself, or said to be due.
RENEWAL: Final = timedelta(days=30)
#: The authority itself; a successor has to be carried to every partner by hand.
AUTHORITY_LIFETIME: Final = timedelta(days=3_650)
#: Certificates begin earlier than they are made: a clock may be two hours behind.
BACKDATED: Final = timedelta(hours=3)
LOOPBACK_HOSTS: Final = ("localhost", "127.0.0.1", "::1")

_REGISTER_FORMAT: Final = 1
_HOST: Final = re.compile(r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9-]+)*")


class NoAuthorityError(DeniedError):
    """This home has no certificate authority, or not its key: `rivelin up` makes the first one."""


class AuthorityEndedError(DeniedError):
    """The authority's own certificate has expired; docs/OPERATIONS.md says how to replace it."""


class DamagedRegisterError(RivelinError):
    """The register of certificates cannot be read. Restore it: without it a name could repeat."""


class HasCertificateError(InvalidInputError):
    """The principal has a live certificate; `rivelin pki renew` issues the next one beside it."""


class NoSuchCertificateError(InvalidInputError):
    """The register has no certificate of this name; `rivelin pki list` shows those it has."""


class BadHostError(InvalidInputError):
    """A host name or address that no certificate can carry."""


# ------------------------------------------------------------------------------- what was issued


class RevocationReason(StrEnum):
    """Why a certificate was revoked, in words of RFC 5280; free text would end by naming people."""

    KEY_COMPROMISE = "KEY_COMPROMISE"
    SUPERSEDED = "SUPERSEDED"
    AFFILIATION_CHANGED = "AFFILIATION_CHANGED"
    CESSATION_OF_OPERATION = "CESSATION_OF_OPERATION"


@dataclass(frozen=True, slots=True)
class Issued:
    """One line of the register. `fingerprint` is the SHA-256 of the certificate."""

    name: CertificateName
    fingerprint: str
    issued_at: datetime
    expires_at: datetime
    hosts: tuple[str, ...] = ()
    revoked_at: datetime | None = None
    reason: RevocationReason | None = None

    def standing(self, at: datetime) -> str:
        """Return `live`, `due` (renew it), `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at <= at:
            return "expired"
        return "due" if self.expires_at - at < RENEWAL else "live"

    def is_live(self, at: datetime) -> bool:
        """Whether it opens the door at `at`."""
        return self.standing(at) in {"live", "due"}

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for the register."""
        return {
            "principal": self.name.principal,
            "serial": self.name.serial,
            "fingerprint": self.fingerprint,
            "issued_at": self.issued_at.isoformat(),
            "expires_at": self.expires_at.isoformat(),
            "hosts": list(self.hosts),
            "revoked_at": self.revoked_at and self.revoked_at.isoformat(),
            "reason": self.reason,
        }

    @classmethod
    def from_dict(cls, values: Any) -> Issued:  # noqa: ANN401 - JSON
        """Read back what `as_dict` gave."""
        revoked_at = values["revoked_at"]
        return cls(
            CertificateName(values["principal"], int(values["serial"])),
            values["fingerprint"],
            datetime.fromisoformat(values["issued_at"]),
            datetime.fromisoformat(values["expires_at"]),
            tuple(values["hosts"]),
            None if revoked_at is None else datetime.fromisoformat(revoked_at),
            values["reason"] and RevocationReason(values["reason"]),
        )


class Register:
    """What was issued and what was revoked, in one file that is replaced whole."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self) -> tuple[Issued, ...]:
        """Return every certificate ever issued, in the order of issue.

        Raises: DamagedRegisterError.
        """
        try:
            told = json.loads(self._file.read_text())
            known: Any = told["certificates"] if told["format"] == _REGISTER_FORMAT else None
            return tuple(map(Issued.from_dict, known))
        except FileNotFoundError:
            return ()
        except (KeyError, TypeError, ValueError) as error:  # TypeError: another format
            raise DamagedRegisterError(
                f"{self._file} cannot be read: restore it from a backup"
            ) from error

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep every other writer out."""
        with self._file.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def write(self, entries: Iterable[Issued]) -> None:
        """Replace the file; call it inside `held`."""
        told = {"format": _REGISTER_FORMAT, "certificates": [one.as_dict() for one in entries]}
        draft = self._file.with_suffix(f".{os.getpid()}")
        draft.unlink(missing_ok=True)
        _write(draft, json.dumps(told, indent=1).encode())
        draft.replace(self._file)
        _sync(self._file.parent)


# ---------------------------------------------------------------------------------- the authority


class Pki:
    """The authority of one home and what it issued: `<home>/pki`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.register = Register(folder / "register.json")
        self._own = folder / "authority"

    @property
    def exists(self) -> bool:
        """Whether this home can issue certificates; the key may lie elsewhere between renewals."""
        return (self._own / KEY_FILE).exists()

    @property
    def is_ours(self) -> bool:
        """Whether certificates are issued by this home, its authority's key here or not."""
        return self.authority_file.exists()

    @property
    def authority_file(self) -> Path:
        """By what certificates of this authority are recognised; no secret."""
        return self._own / AUTHORITY_FILE

    def create(self, at: datetime) -> bool:
        """Make the authority; tell whether it was made or had been there.

        Raises: NoAuthorityError if only half of one is there: a second authority would not be
        recognised by anybody who has a certificate of the first.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.register.held():
            if self.exists:
                return False
            if self.authority_file.exists() or self.register.read():
                raise NoAuthorityError(
                    f"{self._own} has lost the authority's key: restore it from a backup"
                )
            draft = self.folder / f"authority.{os.getpid()}"
            shutil.rmtree(draft, ignore_errors=True)
            _make_authority(draft, at)
            draft.rename(self._own)
            _sync(self.folder)
        return True

    def issue(self, principal: str, at: datetime, hosts: Sequence[str] = ()) -> Issued:
        """Issue a principal's first certificate, or its next after the last one ended.

        `hosts` are names and addresses beyond loopback, of a node only.
        Raises: HasCertificateError, UnknownPrincipalError, BadHostError, NoAuthorityError.
        """
        with self._held():
            live = self._live_of(principal, at)
            if live:
                raise HasCertificateError(
                    f"{live[-1].name} is good until {live[-1].expires_at:%Y-%m-%d}:"
                    f" `rivelin pki renew {principal}` issues the next one beside it"
                )
            return self._issue(principal, at, hosts)

    def renew(self, principal: str, at: datetime, hosts: Sequence[str] | None = None) -> Issued:
        """Issue the next certificate; the one before stays good until it ends or is revoked.

        A node keeps its hosts unless others are given. Raises: as `issue`.
        """
        with self._held():
            require_principal(principal)
            before = [one for one in self.register.read() if one.name.principal == principal]
            if not before:
                raise NoSuchCertificateError(
                    f"{principal} has no certificate yet: `rivelin pki issue {principal}`"
                )
            kept = before[-1].hosts if hosts is None else hosts
            return self._issue(principal, at, kept)

    def ensure(
        self, principals: Sequence[str], at: datetime, hosts: Sequence[str] = ()
    ) -> tuple[Issued, ...]:
        """Issue what is missing and renew what is due; return what was issued.

        Doing it twice is doing it once, and takes no authority. Where its key lies elsewhere,
        what is due and still good waits for it: no start may fail for that.
        """
        standings = {self._standing(principal, at) for principal in principals}
        if standings <= ({"live"} if self.exists else {"live", "due"}):
            return ()
        with self._held():
            return tuple(
                self._issue(principal, at, hosts if principal == NODE else ())
                for principal in principals
                if self._standing(principal, at) != "live"
            )

    def _standing(self, principal: str, at: datetime) -> str:
        """Return the standing of the certificate that is used; `unknown` if there is none.

        Or none that the register knows: a restore may bring files that are newer than it is, and
        the broker permits them nothing.
        """
        require_principal(principal)
        newest = max(names_here(self.folder, principal), default=None)
        known = (one.standing(at) for one in self.register.read() if one.name == newest)
        return next(known, "unknown")

    def revoke(self, named: str, at: datetime, reason: RevocationReason) -> tuple[Issued, ...]:
        """Revoke one certificate (`linker.1`) or all that live of a principal (`linker`).

        The files of a revoked certificate are removed from this home. Revoking again changes
        nothing; what was revoked now is returned.
        Raises: NoSuchCertificateError, UnknownPrincipalError.
        """
        if not self.folder.is_dir():
            raise NoSuchCertificateError(f"no certificate {named} was issued: `rivelin pki list`")
        with self.register.held():
            entries = self.register.read()
            chosen = _chosen(entries, named)
            now = [replace(one, revoked_at=at, reason=reason)
                   for one in chosen if one.revoked_at is None]  # fmt: skip
            revoked = {one.name: one for one in now}
            self.register.write(revoked.get(one.name, one) for one in entries)
            for one in chosen:
                shutil.rmtree(self.folder_of(one.name), ignore_errors=True)
        return tuple(now)

    def issued(self) -> tuple[Issued, ...]:
        """Return every certificate ever issued.

        Raises: DamagedRegisterError.
        """
        return self.register.read()

    def folder_of(self, name: CertificateName) -> Path:
        """Return where the three files of a certificate lie."""
        return bundle_folder(self.folder, name)

    @contextmanager
    def _held(self) -> Iterator[None]:
        if not self.exists:
            raise NoAuthorityError(
                f"{self._own} does not hold the authority's key: bring it back for the time of this"
                if self.is_ours
                else f"{self.folder} has no certificate authority: `rivelin up` makes it"
            )
        with self.register.held():
            yield

    def _live_of(self, principal: str, at: datetime) -> list[Issued]:
        require_principal(principal)
        entries = self.register.read()
        return [one for one in entries if one.name.principal == principal and one.is_live(at)]

    def _issue(self, principal: str, at: datetime, hosts: Sequence[str]) -> Issued:
        """The register first: a crash after it burns a serial, before it would double one."""
        if hosts and principal != NODE:
            raise BadHostError(f"only {NODE} serves at a host: {principal} needs none")
        entries = self.register.read()
        names = [one.name for one in entries if one.name.principal == principal]
        names += names_here(self.folder, principal)
        name = CertificateName(principal, max((one.serial for one in names), default=0) + 1)
        at = at.astimezone(UTC).replace(microsecond=0)
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(name, key.public_key(), at, hosts)
        issued = Issued(
            name,
            certificate.fingerprint(hashes.SHA256()).hex(),
            at,
            certificate.not_valid_after_utc,
            tuple(hosts),
        )
        self.register.write((*entries, issued))
        self._hand_out(name, key, certificate)
        return issued

    def _sign(
        self,
        name: CertificateName,
        public: ec.EllipticCurvePublicKey,
        at: datetime,
        hosts: Sequence[str],
    ) -> x509.Certificate:
        authority, key = self._authority(at)
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
        if name.principal == NODE:
            usages.insert(0, ExtendedKeyUsageOID.SERVER_AUTH)
        ends = min(at + LIFETIME, authority.not_valid_after_utc)
        builder = (
            _builder(str(name), public, at - BACKDATED, ends)
            .issuer_name(authority.subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()),
                critical=False,
            )
        )
        if name.principal == NODE:
            names = [_general_name(host) for host in dict.fromkeys((*LOOPBACK_HOSTS, *hosts))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(key, hashes.SHA256())

    def _authority(self, at: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        """Raises: NoAuthorityError, AuthorityEndedError."""
        try:
            certificate = x509.load_pem_x509_certificate(self.authority_file.read_bytes())
            key = serialization.load_pem_private_key((self._own / KEY_FILE).read_bytes(), None)
        except (OSError, ValueError) as error:
            raise NoAuthorityError(
                f"{self._own} does not hold a whole authority: restore it from a backup"
            ) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise NoAuthorityError(f"{self._own} holds a key of another kind")
        if certificate.not_valid_after_utc <= at:
            raise AuthorityEndedError(
                f"the authority ended on {certificate.not_valid_after_utc:%Y-%m-%d}: "
                "docs/OPERATIONS.md says how to replace it"
            )
        return certificate, key

    def _hand_out(
        self, name: CertificateName, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate
    ) -> None:
        """Put the bundle in its place whole."""
        folder = self.folder_of(name)
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = folder.with_name(f".{folder.name}.{os.getpid()}")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        _write(draft / AUTHORITY_FILE, self.authority_file.read_bytes())
        _write(draft / CERTIFICATE_FILE, certificate.public_bytes(serialization.Encoding.PEM))
        _write(draft / KEY_FILE, _pem(key))
        draft.rename(folder)
        _sync(folder.parent)


def ensure_own(folder: Path, at: datetime) -> tuple[Issued, ...]:
    """Make the authority of a home if there is none, and all its own certificates that are due."""
    pki = Pki(folder)
    if not pki.is_ours:
        pki.create(at)
    return pki.ensure(OWN_PRINCIPALS, at)


def due(entries: Iterable[Issued], at: datetime) -> tuple[Issued, ...]:
    """Return the newest live certificate of each principal if it should be renewed by now.

    One that a newer one stands beside is not due, and one that has ended is told too: its
    holder is shut out. A principal whose certificates were all revoked is not.
    """
    newest = {one.name.principal: one for one in entries if one.revoked_at is None}
    return tuple(one for one in newest.values() if one.standing(at) != "live")


def _chosen(entries: Sequence[Issued], named: str) -> list[Issued]:
    try:
        name = CertificateName.read(named)
    except UnknownPrincipalError:
        require_principal(named)
        chosen = [one for one in entries if one.name.principal == named]
    else:
        chosen = [one for one in entries if one.name == name]
    if not chosen:
        raise NoSuchCertificateError(f"no certificate {named} was issued: `rivelin pki list`")
    return chosen


def _make_authority(folder: Path, at: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = f"Rivelin authority {os.urandom(4).hex()}"
    certificate = (
        _builder(name, key.public_key(), at - BACKDATED, at + AUTHORITY_LIFETIME)
        .issuer_name(_subject(name))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(mode=0o700)
    _write(folder / KEY_FILE, _pem(key))
    _write(folder / AUTHORITY_FILE, certificate.public_bytes(serialization.Encoding.PEM))


def _builder(
    name: str, public: ec.EllipticCurvePublicKey, begins: datetime, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_subject(name))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    """Raises: BadHostError."""
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        if not _HOST.fullmatch(host):
            raise BadHostError(f"not a host name or address: {host!r}") from None
        return x509.DNSName(host)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,  # the one form that Java reads
        serialization.NoEncryption(),
    )


def _write(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(handle)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
