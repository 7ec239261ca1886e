"""Things change hands: after how long a number or a plate is not taken for the same thing.

An equal phone number, plate or handle means the same thing while sightings lie
close together. Seen again after longer, it becomes a thing of its own, and a
human may say that it is the old one. Addresses and organisations stay what
they are; who lives there is another question.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streams.values import NodeKind

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Weeks without a sighting. Policy version 1, ADR "links in time": a network may give an unused
#: mobile number away after some months, but most people keep theirs for years; a plate is moved
#: when a vehicle is sold; handles and account numbers are rarely used again.
REUSED_AFTER_WEEKS: Final[Mapping[NodeKind, int]] = {
    NodeKind.PHONE: 104,
    NodeKind.VEHICLE: 156,
    NodeKind.HANDLE: 260,
    NodeKind.ACCOUNT: 520,
}


def may_be_reused(kind: NodeKind, weeks_apart: int | None) -> bool:
    """Tell whether a thing seen so many weeks later may be another's; unknown weeks say nothing."""
    limit = REUSED_AFTER_WEEKS.get(kind)
    return limit is not None and weeks_apart is not None and weeks_apart > limit
