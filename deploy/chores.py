"""What is due by the calendar: keys that roll over, what partners are told, meters."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.keys import key_ring
from deploy.meters import measure
from deploy.rotation import roll_over
from deploy.usage import tell_usage
from deploy.views import connected

if TYPE_CHECKING:
    from datetime import datetime

    from deploy.settings import Settings


@dataclass(frozen=True, slots=True)
class Done:
    """What was done, as lines for the operator; whether processes hold keys that are no more."""

    lines: tuple[str, ...]
    keys_destroyed: bool


async def do_chores(settings: Settings, at: datetime) -> Done:
    """Do all that is due at `at`; doing it twice is doing it once.

    Raises: RivelinError of whatever failed; the rest is done the next time.
    """
    ring = key_ring(settings)
    async with connected(settings, "supervisor") as log:
        rolled = await roll_over(log, ring, at.replace(microsecond=0))
        keys = await asyncio.to_thread(ring.load)
        told = await tell_usage(log, keys, at)
    async with connected(settings, "meters") as log:
        measured = await measure(log, keys, at)
    lines = [f"partners were told of {told} weeks"] if told else []
    lines += [f"{measured} meters and source histories were measured"] if measured else []
    return Done((*rolled.lines, *lines), bool(rolled.destroyed))
