"""What has waited too long: found by the clock, told by an event, so that replay needs no clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.restricted import LinkEscalated

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

    from anonymiser.desk.policy import DeskPolicy


def overdue(
    links: Iterable[tuple[UUID, UUID, datetime]], policy: DeskPolicy, now: datetime
) -> tuple[LinkEscalated, ...]:
    """Return an event for each open link that waits longer than policy allows.

    `links` are those not escalated yet. Five days in a row, week-ends too: a
    child does not wait for Monday.
    """
    return tuple(
        LinkEscalated(left_id=left_id, right_id=right_id, noticed_at=noticed_at, escalated_at=now)
        for left_id, right_id, noticed_at in links
        if now - noticed_at >= policy.escalate_after
    )
