"""For whom an officer acts: as whom they write to `disruption.events`, and whose levers they plan.

The register says for whom a person acts. Police write with the credentials of police; an officer
of another agency with those of `disruption`, which read and write that topic and no other of
police.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from deploy.registry import registry_in
from deploy.views import connected, now
from streams.codes import Agency
from streams.values import PartnerType

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from deploy.settings import Settings
    from streams.registry import Registry

#: The levers of which kinds of body a partner of a sector holds; a council has many services.
HOLDS: Final[Mapping[PartnerType, frozenset[Agency]]] = {
    PartnerType.COUNCIL: frozenset(
        {Agency.COUNCIL, Agency.HOUSING, Agency.TRADING_STANDARDS, Agency.LICENSING}
    ),
    PartnerType.HEALTH: frozenset({Agency.HEALTH}),
    PartnerType.SCHOOL: frozenset({Agency.SCHOOLS}),
    PartnerType.HOUSING: frozenset({Agency.HOUSING}),
    PartnerType.YOUTH_JUSTICE: frozenset({Agency.YOUTH_JUSTICE}),
    PartnerType.PROBATION: frozenset({Agency.PROBATION}),
    PartnerType.FIRE: frozenset({Agency.FIRE}),
    PartnerType.VOLUNTARY: frozenset({Agency.VOLUNTARY}),
    PartnerType.POLICE: frozenset({Agency.POLICE}),
}
POLICE: Final = "police"
OTHERS: Final = "disruption"


def principal_of(registry: Registry, name: str, at: datetime) -> str:
    """Return as whom a named person writes at an instant; whoever has no role writes nothing."""
    roles = registry.roles_of(name, at)
    return POLICE if any(role.agency == POLICE for role in roles) else OTHERS


def agencies_of(registry: Registry, name: str, at: datetime) -> frozenset[Agency] | None:
    """Return whose levers a named person may plan; None for police, who plan with everybody."""
    if principal_of(registry, name, at) == POLICE:
        return None
    entries = (registry.entry(role.agency) for role in registry.roles_of(name, at))
    return frozenset(
        agency for entry in entries if entry is not None for agency in HOLDS[entry.type]
    )


@dataclass(frozen=True, slots=True)
class Officer:
    """As whom somebody writes, and the agencies they act for (None: police)."""

    principal: str
    agencies: frozenset[Agency] | None


async def officer_of(settings: Settings, name: str) -> Officer:
    """Return for whom a named person acts now.

    Raises: BrokerUnreachableError.
    """
    async with connected(settings, OTHERS) as log:
        registry, at = await registry_in(log), now()
    return Officer(principal_of(registry, name, at), agencies_of(registry, name, at))
