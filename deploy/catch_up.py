"""Waiting until the projections of a home hold everything that the log holds."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import TYPE_CHECKING, Final

from consumers.ocg_network import OcgNetwork
from consumers.safeguarding import Safeguarding
from consumers.store import NoStoreError, ProjectionStore, store_path
from streams.errors import RivelinError

if TYPE_CHECKING:
    from consumers.projection import Projection
    from deploy.settings import Settings
    from streams.ports import Log, Positions

CATCH_UP_SECONDS_MAX: Final = 60.0
_PROBE_SECONDS: Final = 0.05


class NotCaughtUpError(RivelinError):
    """A projection did not read all there is in time; its log in the home says why."""


async def wait_until_caught_up(
    settings: Settings, log: Log, seconds_max: float = CATCH_UP_SECONDS_MAX
) -> None:
    """Return once both projections hold, and have told, what was there when this was called.

    Raises: NotCaughtUpError.
    """
    try:
        async with asyncio.timeout(seconds_max):
            for projection in (OcgNetwork(), Safeguarding()):
                await _holds_all(settings, log, projection)
    except TimeoutError:
        raise NotCaughtUpError(f"a projection did not catch up; see {settings.logs_dir}") from None


async def _holds_all(settings: Settings, log: Log, projection: Projection) -> None:
    ends = await log.ends(projection.topics)
    while not _is_done(settings, projection, ends):  # noqa: ASYNC110 - another process gives no event
        await asyncio.sleep(_PROBE_SECONDS)


def _is_done(settings: Settings, projection: Projection, ends: Positions) -> bool:
    """Tell whether the rows hold all there is, and what they tell has been told."""
    try:
        store = ProjectionStore.look(store_path(settings.stores_dir, projection), projection)
    except NoStoreError:
        return False
    with closing(store):
        known = store.positions()
        holds_all = all(known.get(topic, 0) >= end for topic, end in ends.items())
        return holds_all and not store.pending(1)
