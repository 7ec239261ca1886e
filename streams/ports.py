"""The one small port between the stages and the log; `memory` and `kafka` both fill it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

Positions: TypeAlias = Mapping[str, int]
"""Topic to the offset of the next record to read (every topic has one partition)."""


URGENT: Final = b"urgent"
"""The key of a transport record that must not wait to be gathered with others (immediate risk).

Keys of `enclave.tokenised` and `enclave.outgoing` say nothing else.
"""


UNSOUND: Final = ("", b"unsound")
"""The one header of a record whose batch no client library could read (`streams.kafka`)."""


@dataclass(frozen=True, slots=True)
class Record:
    """A committed record as it was read. `appended_at` is the broker's log-append time."""

    topic: str
    offset: int
    appended_at: datetime
    key: bytes | None = field(repr=False)
    value: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record to write. A `value` of None is a tombstone."""

    topic: str
    value: bytes | None = field(repr=False)
    key: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Appended:
    """Where a record came to lie."""

    topic: str
    offset: int
    appended_at: datetime


def ends_of(appended: Iterable[Appended]) -> Positions:
    """Return for each topic the offset after the last of these records."""
    ends: dict[str, int] = {}
    for one in appended:
        ends[one.topic] = max(ends.get(one.topic, 0), one.offset + 1)
    return ends


class Source(Protocol):
    """Committed records of some topics; in order within a topic, in no order between topics."""

    async def start(self, positions: Positions) -> None:
        """Read the topics of `positions`, each from its offset on."""

    async def poll(self, limit: int, wait: timedelta) -> Sequence[Record]:
        """Return up to `limit` records; an empty sequence when none came within `wait`."""

    async def ends(self) -> Positions:
        """Return for each topic the offset after its last committed record, as of now."""

    def position(self, topic: str) -> int:
        """Return the next offset that `poll` would read (past transaction markers too)."""

    async def stop(self) -> None:
        """Close; harmless when never started."""


class Sink(Protocol):
    """One transactional writer. After any error it must be discarded: the outcome is unknown."""

    async def start(self) -> Positions:
        """Fence every earlier holder of the transactional id, then return the committed positions.

        Topics that were never committed are absent.
        """

    async def commit(self, outgoing: Sequence[Outgoing], positions: Positions) -> Positions:
        """Append all of `outgoing` and move the positions, in one transaction or not at all.

        Returns for each topic of `outgoing` the offset after its last record. Readers may see it
        a moment later; `ends` and a successor's `start` wait until they do.
        """

    async def stop(self) -> None:
        """Close; harmless when never started."""


class Log(Protocol):
    """A connected log."""

    def source(self) -> Source:
        """Return a new reader."""

    def sink(self, transactional_id: str, group: str, topics: Sequence[str]) -> Sink:
        """Return a new transactional writer whose positions on `topics` belong to `group`."""

    async def append(self, outgoing: Sequence[Outgoing]) -> Sequence[Appended]:
        """Append without a transaction (idempotent producer) and wait for each acknowledgement."""

    async def ends(self, topics: Sequence[str]) -> Positions:
        """Return for each topic the offset after its last committed record."""

    async def settled(self, topics: Sequence[str]) -> None:
        """Wait until all that is written as of now can be read, or was taken back.

        `ends` waits for a moment only: whoever folds own output, to go on from it, asks for this
        first, or what a killed broker has not carried out yet would be missing from the state.
        Raises: OpenTransactionError if a transaction stays open for longer than any may.
        """

    async def stop(self) -> None:
        """Close what was opened."""
