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
    from collections.abc import Mapping

    from consumers.projection import Projection
    from deploy.settings import Settings
    from streams.ports import Log

CATCH_UP_SECONDS_MAX: Final = 60.0
_PROBE_SECONDS: Final = 0.05


class NotCaughtUpError(RivelinError):
    """A projection did not read all there is in time; its log in the home says why."""


async def wait_until_caught_up(
    settings: Settings, log: Log, seconds_max: float = CATCH_UP_SECONDS_MAX
) -> None:
    """Return once both projections hold what their topics held when this was called.

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
    while not _reached(_positions(settings, projection), ends):  # noqa: ASYNC110 - rows give no event
        await asyncio.sleep(_PROBE_SECONDS)


def _reached(positions: Mapping[str, int], ends: Mapping[str, int]) -> bool:
    return all(positions.get(topic, 0) >= end for topic, end in ends.items())


def _positions(settings: Settings, projection: Projection) -> Mapping[str, int]:
    try:
        store = ProjectionStore.look(store_path(settings.stores_dir, projection), projection)
    except NoStoreError:
        return {}
    with closing(store):
        return store.positions()
