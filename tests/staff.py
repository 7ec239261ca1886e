"""People of the tests who may act: their roles, as an administrator would assign them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from streams.codec import encode
from streams.codes import CommandLevel, StaffRole
from streams.instants import to_millisecond
from streams.ports import Outgoing
from streams.shared import RoleAssigned
from streams.topics import REGISTRY


def assigned(name, *roles, agency="police", days=30, at=None):
    """The register's events that let a person act in these roles; in all of the police's and
    the hub's if none is named.
    """
    decided_at = at or to_millisecond(datetime.now(UTC))
    return [
        RoleAssigned(
            name=name,
            role=role,
            agency=agency,
            level=CommandLevel.OPERATIONAL,
            expires_at=decided_at + timedelta(days=days),
            decided_by="Ada Administrator",
            decided_at=decided_at,
        )
        for role in roles or (StaffRole.ANALYST, StaffRole.HUB_PRACTITIONER)
    ]


async def let_act(log, name, *roles, **terms):
    """Write them on a log."""
    await log.append([Outgoing(REGISTRY, encode(one)) for one in assigned(name, *roles, **terms)])
