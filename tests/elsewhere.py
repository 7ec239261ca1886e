"""Another home beside the running node's own: it uses that node as an external cluster."""

from __future__ import annotations

from datetime import UTC, datetime

from deploy.acls import ensure_permissions
from deploy.certificates import SUPERVISOR, partner_principal
from deploy.pki import Pki
from deploy.settings import Settings
from producers.sdk import Partner


def elsewhere(broker, home) -> Settings:
    """Return settings of a home that enters the node of `broker` from outside."""
    return Settings(home=home, bootstrap_servers=broker.bootstrap, pki=broker.settings.pki_dir)


def environment(settings) -> dict[str, str]:
    """Return what a process needs to have the same settings."""
    return {
        "RIVELIN_HOME": str(settings.home),
        "RIVELIN_BOOTSTRAP_SERVERS": settings.bootstrap,
        "RIVELIN_PKI": str(settings.pki_dir),
        "RIVELIN_PLAIN_TEXT": str(settings.plain_text),
    }


async def let_in(settings, *partners) -> None:
    """Give partners certificates, and every principal the permissions that follow from them.

    What `rivelin up` and `rivelin partner add` do, for a broker that neither of them started.
    """
    at = datetime.now(UTC)
    Pki(settings.pki_dir).ensure([partner_principal(one) for one in partners], at)
    await ensure_permissions(settings, SUPERVISOR, at)


def partner_at(settings, partner_id, fingerprint=None, *, kind=Partner, **how):
    """Return a partner's connection with its own credentials."""
    access = settings.access(f"partner:{partner_id}")
    return kind(partner_id, access.bootstrap, fingerprint, credentials=access.credentials, **how)
