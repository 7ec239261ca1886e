"""As whom an officer writes to `disruption.events`: as police, or as another agency's officer.

The register says for whom a person acts. Police write with the credentials of police; an officer
of another agency with those of `disruption`, which read and write that topic and no other of
police.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from deploy.registry import registry_in
from deploy.views import connected, now

if TYPE_CHECKING:
    from datetime import datetime

    from deploy.settings import Settings
    from streams.registry import Registry

POLICE: Final = "police"
OTHERS: Final = "disruption"


def principal_of(registry: Registry, name: str, at: datetime) -> str:
    """Return as whom a named person writes at an instant; whoever has no role writes nothing."""
    roles = registry.roles_of(name, at)
    return POLICE if any(role.agency == POLICE for role in roles) else OTHERS


async def officer_principal(settings: Settings, name: str) -> str:
    """Return as whom a named person writes now.

    Raises: BrokerUnreachableError.
    """
    async with connected(settings, OTHERS) as log:
        return principal_of(await registry_in(log), name, now())
