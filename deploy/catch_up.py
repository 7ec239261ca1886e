"""Waiting until the last batch is released and the projections hold all that the log holds."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import TYPE_CHECKING, Final

from anonymiser.gate.batch import is_of_batch
from consumers.ocg_network import OcgNetwork
from consumers.safeguarding import Safeguarding
from consumers.store import NoStoreError, ProjectionStore, store_path
from streams.errors import RivelinError
from streams.loop import read_to_end
from streams.topics import HELD

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

    What waits for a release batch counts as there. On a cluster that may take an hour.

    Raises: NotCaughtUpError.
    """
    try:
        async with asyncio.timeout(seconds_max):
            await _released(log)
            for projection in (OcgNetwork(), Safeguarding()):
                await _holds_all(settings, log, projection)
    except TimeoutError:
        raise NotCaughtUpError(f"a projection did not catch up; see {settings.logs_dir}") from None


async def _released(log: Log) -> None:
    """Wait until nothing stands on `enclave.held` that waits to go to police with others."""
    while await _waiting(log):  # noqa: ASYNC110 - another process gives no event
        await asyncio.sleep(_PROBE_SECONDS)


async def _waiting(log: Log) -> set[bytes]:
    keys: set[bytes] = set()
    async for records in read_to_end(log, (HELD,)):
        for record in records:
            if is_of_batch(record.key):
                (keys.discard if record.value is None else keys.add)(record.key or b"")
    return keys


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
