"""Bugs for real processes: what the crash rig must find, or it proves nothing.

Each takes a guarantee out of the product's classes in the memory of a role that the launcher
starts; the product holds no switch for it. A run with one of them must end with a violation.
"""

from __future__ import annotations

import os
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
    from consumers.store import ProjectionStore  # noqa: PLC0415 - in the role that has it

    together = ProjectionStore.commit

    def apart(store: Any, rewrites: Any, notices: Any, positions: Any) -> None:
        together(store, (), (), positions)
        together(store, rewrites, notices, {})

    ProjectionStore.commit = apart  # type: ignore[method-assign]


BUGS: dict[str, Callable[[], None]] = {
    "offsets-apart": offsets_apart,
    "read-uncommitted": read_uncommitted,
    "outbox-from-memory": outbox_from_memory,
    "rows-later": rows_later,
}


def install() -> None:
    """Plant the bug that the environment names, if it names one."""
    name = os.environ.get(BUG)
    if name:
        BUGS[name]()
