"""The audit's replay over every projection; the audit code itself knows none of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from consumers.audit.replay import Bound, compare, replay, sum_up
from consumers.ocg_network import OcgNetwork
from consumers.safeguarding import Safeguarding
from consumers.store import ProjectionStore, store_path
from deploy.moments import bound_of, moment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from consumers.audit.replay import Replayed
    from consumers.projection import Projection
    from consumers.store import Snapshot
    from streams.ports import Log

    Tell = Callable[[int, int], None]

PROJECTIONS: Final[tuple[Callable[[], Projection], ...]] = (OcgNetwork, Safeguarding)


async def compare_with_live(
    log: Log, folder: Path, tell: Tell = lambda _done, _all: None
) -> list[Replayed]:
    """Replay each projection up to where its live store is, and compare.

    The live stores may be written meanwhile: each is compared as it was when
    its turn began. `tell` is told how many of how many records are folded.

    Raises: NoStoreError, AuditMismatchError.
    """
    found: list[Replayed] = []
    for kind in PROJECTIONS:
        live = ProjectionStore.look(store_path(folder, kind()), kind())
        try:
            with live.snapshot() as snapshot:
                found.append(await _compare(kind(), log, snapshot, tell))
        finally:
            live.close()
    return found


async def _compare(projection: Projection, log: Log, live: Snapshot, tell: Tell) -> Replayed:
    known = live.positions()
    positions = {topic: known.get(topic, 0) for topic in projection.topics}
    progress = partial(_tell, tell, sum(positions.values()))
    store = await replay(projection, log, Bound(positions=positions), progress)
    try:
        with store.snapshot() as replayed:
            compare(live, replayed)
            return sum_up(projection.name, live)
    finally:
        store.close()


async def replay_until(
    log: Log, until: str, tell: Tell = lambda _done, _all: None
) -> list[Replayed]:
    """Replay each projection up to an instant or a position, and sum up what that gives.

    Raises: InvalidInputError.
    """
    bound = await _bound(log, until)
    found: list[Replayed] = []
    for kind in PROJECTIONS:
        projection = kind()
        total = sum((await log.ends(projection.topics)).values())
        store = await replay(projection, log, bound, partial(_tell, tell, total))
        with store.snapshot() as snapshot:
            found.append(sum_up(projection.name, snapshot))
        store.close()
    return found


async def _bound(log: Log, until: str) -> Bound:
    known = {one for kind in PROJECTIONS for one in kind().topics}
    return await bound_of(log, moment(until, known))


def _tell(tell: Tell, total: int, done: int) -> None:
    tell(done, total)
