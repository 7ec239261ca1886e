"""Certificates by name and by place: which principals there are, and where each one's files lie.

A name is `<principal>.<serial>` (`linker.1`, `partner:council.2`); it is the common name of the
certificate, and the broker knows whoever shows it by that name. Nothing here opens a key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from streams.errors import DeniedError, InvalidInputError
from streams.topics import PARTNER_ID, ROLE_PRINCIPALS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

#: What a broker shows, to clients and to other brokers.
NODE: Final = "node"
#: `rivelin up`, tests and measurements; no person works as it.
SUPERVISOR: Final = "supervisor"
#: The broker asks these for no permission.
SUPER_USERS: Final = (NODE, SUPERVISOR)
#: All that an installation issues to itself; partners come by `rivelin partner add`.
OWN_PRINCIPALS: Final = (*SUPER_USERS, *ROLE_PRINCIPALS)
PARTNER_PREFIX: Final = "partner:"
PARTNER_ID_RULE: Final = "3 to 32 small letters, digits and hyphens, a letter first"

_NAME: Final = re.compile(r"(?P<principal>.+)\.(?P<serial>[1-9][0-9]{0,8})")


class UnknownPrincipalError(InvalidInputError):
    """No certificate is ever issued to this name; the message lists those there are."""


class NoCertificateError(DeniedError):
    """There is nothing here to enter the broker with as this principal."""


@dataclass(frozen=True, slots=True, order=True)
class CertificateName:
    """One certificate of one principal; serials count up and none is used twice."""

    principal: str
    serial: int

    def __str__(self) -> str:
        return f"{self.principal}.{self.serial}"

    @property
    def is_partners(self) -> bool:
        """Whether it is to be handed to another body."""
        return self.principal.startswith(PARTNER_PREFIX)

    @classmethod
    def read(cls, text: str) -> Self:
        """Read what `str` gives.

        Raises: UnknownPrincipalError.
        """
        found = _NAME.fullmatch(text)
        if found is None:
            raise UnknownPrincipalError(f"a certificate is named like linker.1, not {text!r}")
        require_principal(found["principal"])
        return cls(found["principal"], int(found["serial"]))


def partner_principal(partner: str) -> str:
    """Return the principal that a partner works as."""
    return f"{PARTNER_PREFIX}{partner}"


def require_principal(principal: str) -> None:
    """Refuse a name outside the closed set.

    Raises: UnknownPrincipalError.
    """
    partner = principal.removeprefix(PARTNER_PREFIX)
    if principal in OWN_PRINCIPALS or (partner != principal and PARTNER_ID.fullmatch(partner)):
        return
    if partner != principal:  # not quoted: it may be a slip of the keyboard of any kind
        raise UnknownPrincipalError(f"a partner is named by its id, {PARTNER_ID_RULE}")
    known = ", ".join((*OWN_PRINCIPALS, f"{PARTNER_PREFIX}<id>"))
    raise UnknownPrincipalError(f"no such principal: {principal!r}; there are {known}")


def bundle_folder(pki_dir: Path, name: CertificateName) -> Path:
    """Return where a certificate's files lie; a partner's apart, without the colon.

    A colon would read as a host to the programs that copy files.
    """
    issued = pki_dir / "issued"
    if name.is_partners:
        return issued / "partners" / f"{name.principal.removeprefix(PARTNER_PREFIX)}.{name.serial}"
    return issued / str(name)


def newest_bundle(pki_dir: Path, principal: str) -> Path:
    """Return the folder of the certificate with the highest serial whose files are here.

    Those of a revoked certificate are removed, so whatever is here may be used. The register
    is not asked: a role on a machine of its own has its folder and nothing else.
    Raises: NoCertificateError, UnknownPrincipalError.
    """
    require_principal(principal)
    newest = max(names_here(pki_dir, principal), default=None)
    if newest is None:
        remedy = "partner add" if principal.startswith(PARTNER_PREFIX) else f"pki issue {principal}"
        raise NoCertificateError(
            f"no certificate of {principal} lies in {pki_dir}: `rivelin {remedy}` makes one where"
            " the authority is; only a broker that was started in plain text is entered without"
        )
    return bundle_folder(pki_dir, newest)


def names_here(pki_dir: Path, principal: str) -> Iterable[CertificateName]:
    """Yield the certificates of a principal whose files lie here, in no order."""
    folder = bundle_folder(pki_dir, CertificateName(principal, 1)).parent
    prefix = principal.removeprefix(PARTNER_PREFIX)
    for path in folder.glob(f"{prefix}.*"):
        serial = path.name.removeprefix(f"{prefix}.")
        if serial.isdecimal() and path.is_dir():
            yield CertificateName(principal, int(serial))
