"""Another home beside the running node's own: it uses that node as an external cluster."""

from __future__ import annotations

from deploy.settings import Settings
from producers.sdk import Partner


def elsewhere(broker, home) -> Settings:
    """Return settings of a home that enters the node of `broker` from outside."""
    return Settings(home=home, bootstrap_servers=broker.bootstrap)


def environment(settings) -> dict[str, str]:
    """Return what a process needs to have the same settings."""
    return {
        "RIVELIN_HOME": str(settings.home),
        "RIVELIN_BOOTSTRAP_SERVERS": settings.bootstrap,
    }


def partner_at(settings, partner_id, fingerprint=None, *, kind=Partner, **how):
    """Return a partner's connection with its own credentials."""
    access = settings.access(f"partner:{partner_id}")
    return kind(partner_id, access.bootstrap, fingerprint, credentials=access.credentials, **how)
