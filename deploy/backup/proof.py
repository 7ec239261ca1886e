"""What a log folds to, projection by projection: the one proof that needs no key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumers.audit.replay import Bound, replay
from deploy.replay import PROJECTIONS

if TYPE_CHECKING:
    from streams.ports import Log, Positions


async def replay_hashes(log: Log, ends: Positions) -> dict[str, str]:
    """Fold every projection up to the ends; return its state hash by name."""
    found: dict[str, str] = {}
    for kind in PROJECTIONS:
        projection = kind()
        bound = Bound(positions={topic: ends[topic] for topic in projection.topics})
        store = await replay(projection, log, bound)
        found[projection.name] = store.state_hash()
        store.close()
    return found
