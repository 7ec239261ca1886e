"""Letting in and shutting out: certificates and the broker's permissions, changed together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from deploy.acls import ensure_permissions
from deploy.certificates import SUPER_USERS, SUPERVISOR, partner_principal
from deploy.pki import Pki, due
from deploy.quotas import ensure_quotas

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from deploy.acls import PermissionsReport
    from deploy.pki import Issued, RevocationReason
    from deploy.settings import Settings

ADMINISTRATOR: Final = "administrator"


@dataclass(frozen=True, slots=True)
class Due:
    """A certificate that ends soon or has ended, and what to do about it."""

    name: str
    expires_at: datetime
    has_ended: bool
    remedy: str

    def __str__(self) -> str:
        verb = "ended" if self.has_ended else "ends"
        return f"certificate {self.name} {verb} on {self.expires_at:%Y-%m-%d}: {self.remedy}"


def keeps_certificates(settings: Settings) -> bool:
    """Whether this home issues the certificates by which its broker lets in."""
    return not settings.speaks_plain_text and Pki(settings.pki_dir).is_ours


async def set_permissions(settings: Settings, principal: str, at: datetime) -> tuple[str, ...]:
    """Bring the broker's permissions up to date; return what an operator should hear of.

    Nothing happens in plain text, nor where another authority's certificates are used: who may
    do what is then settled where that authority is.
    """
    if not keeps_certificates(settings):
        return ()
    report = await ensure_permissions(settings, principal, at)
    if principal == SUPERVISOR:
        await ensure_quotas(settings, principal, at)
    return tuple(f"{one}: nobody asked for it, left as it is; {_REMEDY}" for one in report.drift)


_REMEDY: Final = "`rivelin pki permissions --remove` takes it away"


async def admit(settings: Settings, partners: Iterable[str], at: datetime) -> tuple[Issued, ...]:
    """Give each partner a certificate that has none, and its permissions to all of them.

    Raises: NoAuthorityError, BrokerUnreachableError, PermissionsNotSetError.
    """
    if not keeps_certificates(settings):
        return ()
    issued = Pki(settings.pki_dir).ensure(tuple(map(partner_principal, partners)), at)
    await ensure_permissions(settings, ADMINISTRATOR, at)
    return issued


async def shut_out(settings: Settings, named: str, reason: RevocationReason, at: datetime) -> Shut:
    """Revoke certificates and have the broker deny them, open connections too.

    The register has it even if the broker cannot be reached: the next start denies them.
    Raises: NoSuchCertificateError, BrokerUnreachableError, PermissionsNotSetError.
    """
    revoked = Pki(settings.pki_dir).revoke(named, at, reason)
    report = None
    if keeps_certificates(settings):
        changed = {one.name.principal for one in revoked}
        report = await ensure_permissions(settings, permitting(changed), at)
    return Shut(revoked, report)


def permitting(changed: Collection[str]) -> str:
    """Return as whom to set permissions: an administrator, but not for its own certificate.

    A new one of its own may do nothing yet, and a revoked one nothing any more.
    """
    return SUPERVISOR if ADMINISTRATOR in changed else ADMINISTRATOR


@dataclass(frozen=True, slots=True)
class Shut:
    """What was revoked now, and what the broker was told; None of it in plain text."""

    revoked: tuple[Issued, ...]
    report: PermissionsReport | None


def renew_due(settings: Settings, at: datetime) -> tuple[Issued, ...]:
    """Renew this home's own certificates that are due; return them.

    Partners' go by hand, since their holders must get the files; so do the super users' of a
    broker that is not ours, which has to be told of the new names.
    """
    pki = Pki(settings.pki_dir)
    if not pki.exists:
        return ()
    return tuple(
        pki.renew(one.name.principal, at)
        for one in due(pki.issued(), at)
        if _renews_itself(one, settings)
    )


def due_certificates(settings: Settings, at: datetime) -> tuple[Due, ...]:
    """Return the certificates that end within thirty days, or have ended, with what to do."""
    entries: Sequence[Issued] = Pki(settings.pki_dir).issued()
    return tuple(_due(one, settings, at) for one in due(entries, at))


def _due(one: Issued, settings: Settings, at: datetime) -> Due:
    if _renews_itself(one, settings):
        remedy = "`rivelin up` renews it"
        if not Pki(settings.pki_dir).exists:
            remedy = f"bring the authority's key back, and {remedy}"
    elif one.name.is_partners:
        remedy = f"`rivelin pki renew {one.name.principal}`, and hand the new files over"
    else:
        remedy = f"`rivelin pki renew {one.name.principal}`, and name it to the broker"
    return Due(str(one.name), one.expires_at, one.standing(at) == "expired", remedy)


def _renews_itself(one: Issued, settings: Settings) -> bool:
    if one.name.is_partners:
        return False
    return settings.manages_broker or one.name.principal not in SUPER_USERS
