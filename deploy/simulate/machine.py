"""What a process finds around it, simulated: its clock, its end, and the transform of intake.

A linked module (`link`) that imports one of these from the product, or from Python, gets it here.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Final, NoReturn

from deploy.simulate.loop import Killed, current_process, world_now
from streams.kafka.access import Access
from streams.ports import Outgoing
from streams.topics import DUTY, TOKENISED

if TYPE_CHECKING:
    from streams.ports import Record

__all__ = [
    "EXIT_RESTART",
    "LOG",
    "START",
    "Access",
    "IntakeContext",
    "Tokeniser",
    "at",
    "fatal",
    "gc",
    "leave",
    "read_soundly",
    "redriven",
    "requested",
    "time",
    "transform",
]

#: When every simulated run begins.
START: Final = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
EXIT_RESTART: Final = 75
LOG: Final = logging.getLogger("rivelin.simulated")
LOG.setLevel(logging.CRITICAL + 1)
URGENT_MARK: Final = b"!"


def at(seconds: float) -> datetime:
    """Return virtual seconds as an instant."""
    return START + timedelta(seconds=seconds)


def _seconds() -> float:
    return asyncio.get_running_loop().time()


#: Stands in for the module of this name.
time: Final = SimpleNamespace(
    monotonic=_seconds, time=lambda: START.timestamp() + _seconds(), sleep=None
)


#: The collector stays as the world has it: what is collected when must not depend on chance.
gc: Final = SimpleNamespace(
    collect=lambda *_: 0, freeze=lambda: None, enable=lambda: None, disable=lambda: None
)


# --- the end of a process (anonymiser.intake.worker.fate) ----------------------------------------


def fatal(why: str, error: BaseException | None = None) -> NoReturn:
    """End at once, as the product's own does by `os._exit`."""
    process = current_process()
    if process is not None and process.is_alive:
        world_now().process_ended(process, why, error)
    raise Killed


def leave(code: int) -> NoReturn:
    """End with a code; nothing of the process runs on."""
    process = current_process()
    if process is not None and process.is_alive:
        world_now().process_ended(process, f"left with {code}", None)
    raise Killed


# --- the transform of intake (anonymiser.intake.transform, anonymiser.tokens) --------------------


class Tokeniser:
    """Needs no keys here."""

    def __init__(self, _keys: object) -> None:
        pass


class IntakeContext:
    """Needs nothing here."""

    def __init__(self, *_: object, **__: object) -> None:
        pass


def transform(record: Record, _context: object, _fault: object = None) -> tuple[Outgoing, ...]:
    """Give each record one outcome that names its place; an urgent one also goes to duty."""
    value = b"%s/%d" % (record.topic.encode(), record.offset)
    out = Outgoing(TOKENISED, value)
    is_urgent = record.value is not None and record.value.startswith(URGENT_MARK)
    return (out, Outgoing(DUTY, value)) if is_urgent else (out,)


def read_soundly() -> None:
    """Read as always: no simulated partner writes batches by hand."""


def requested(_record: Record) -> None:
    """Return no request: the topic of re-drives is not served here."""


def redriven(*_: object) -> tuple[Outgoing, ...]:
    """Return nothing, as there is no request."""
    return ()
