"""Bugs for real processes: what the crash rig must find, or it proves nothing.

Each takes a guarantee out of the product's classes in the memory of a role that the launcher
starts; the product holds no switch for it. A run with one of them must end with a violation.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

BUG = "RIVELIN_CRASH_BUG"


def offsets_apart() -> None:
    """Output and positions in two transactions: who dies between them does its batch again."""
    from streams.kafka.sink import KafkaSink  # noqa: PLC0415 - in the role that has it

    together = KafkaSink.commit

    async def apart(sink: Any, outgoing: Any, positions: Any) -> Any:
        written = await together(sink, outgoing, {})
        await together(sink, [], positions)
        return written

    KafkaSink.commit = apart  # type: ignore[method-assign]


def read_uncommitted() -> None:
    """Read what a dead writer never committed: its successor writes it again."""
    from streams.kafka import source  # noqa: PLC0415 - in the role that has it

    make = source.make_consumer

    def make_careless(*args: Any, **facts: Any) -> Any:
        return make(*args, **{**facts, "isolation": "read_uncommitted"})

    source.make_consumer = make_careless


def outbox_from_memory() -> None:
    """Do not ask the topic at a start what was sent before: what was not marked goes out again."""
    from consumers.worker import OutboxRelay  # noqa: PLC0415 - in the role that has it

    async def start(relay: Any) -> None:
        await relay._sink.start()

    OutboxRelay.start = start  # type: ignore[method-assign]


def rows_later() -> None:
    """Move a projection's position before its rows are written: what comes between is lost."""
    from consumers.store import ProjectionStore, _move  # noqa: PLC0415 - in the role that has it

    together = ProjectionStore.commit

    def apart(store: Any, rewrites: Any, notices: Any, positions: Any) -> None:
        with store._engine.begin() as connection:
            _move(connection, positions)
        together(store, rewrites, notices, {})

    ProjectionStore.commit = apart  # type: ignore[method-assign]


@dataclass(frozen=True, slots=True)
class Bug:
    """What to plant, and the failpoints at which it shows."""

    plant: Callable[[], None]
    shows_at: tuple[str, ...]


BUGS = {
    "offsets-apart": Bug(offsets_apart, ("after-commit",)),
    "read-uncommitted": Bug(read_uncommitted, ("after-produce", "after-offsets")),
    "outbox-from-memory": Bug(outbox_from_memory, ("outbox-before-mark",)),
    "rows-later": Bug(rows_later, ("in-store-commit",)),
}


def install() -> None:
    """Plant the bug that the environment names, if it names one."""
    name = os.environ.get(BUG)
    if name:
        BUGS[name].plant()
