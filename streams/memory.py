"""The log in memory, for unit tests and simulation; it behaves like Kafka where that can hurt.

As on Kafka a transaction leaves a marker behind, so that offsets have gaps, and
whoever starts a sink fences the earlier holder of its transactional id.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeAlias

from streams.errors import CommitFailedError, FencedError
from streams.ports import Appended, Outgoing, Positions, Record, ends_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

DEFAULT_START: Final = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
TICK: Final = timedelta(milliseconds=1)

_Slot: TypeAlias = Record | None  # None is a transaction marker: an offset without a record


class LogicalClock:
    """Starts at an instant and moves on by `tick` each time it is read."""

    def __init__(self, start: datetime = DEFAULT_START, tick: timedelta = TICK) -> None:
        self._next = start
        self._tick = tick

    def __call__(self) -> datetime:
        """Return the time now, and let time pass."""
        now = self._next
        self._next = now + self._tick
        return now

    def advance(self, duration: timedelta) -> None:
        """Let a longer time pass."""
        self._next += duration


class MemoryLog:
    """A log that fills the port `streams.ports.Log`; topics spring up on first use.

    `clock` gives the log-append time, read once for each transaction or append.
    """

    def __init__(self, clock: Callable[[], datetime] | None = None) -> None:
        self._clock = clock if clock is not None else LogicalClock()
        self._topics: defaultdict[str, list[_Slot]] = defaultdict(list)
        self._groups: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self._holders: dict[str, object] = {}
        self._waiting: list[asyncio.Event] = []

    def source(self) -> MemorySource:
        """Return a new reader."""
        return MemorySource(self)

    def sink(self, transactional_id: str, group: str, topics: Sequence[str]) -> MemorySink:
        """Return a new transactional writer."""
        return MemorySink(self, transactional_id, group, topics)

    async def append(self, outgoing: Sequence[Outgoing]) -> Sequence[Appended]:
        """Append without a transaction; the offsets have no gap."""
        return self._append(outgoing)

    async def ends(self, topics: Sequence[str]) -> Positions:
        """Return for each topic the offset after its last record."""
        return {topic: len(self._topics[topic]) for topic in topics}

    async def settled(self, topics: Sequence[str]) -> None:
        """Nothing is ever open here."""

    async def stop(self) -> None:
        """Nothing was opened; what was written stays readable."""

    def records(self, topic: str) -> tuple[Record, ...]:
        """Return all records of a topic, for a test to look at."""
        return tuple(slot for slot in self._topics[topic] if slot is not None)

    def topics(self) -> tuple[str, ...]:
        """Return the names of the topics that hold something."""
        return tuple(sorted(topic for topic, slots in self._topics.items() if slots))

    def committed(self, group: str) -> Positions:
        """Return the positions of a group, for a test to look at."""
        return dict(self._groups[group])

    def _append(self, outgoing: Iterable[Outgoing]) -> list[Appended]:
        now = self._clock()
        placed = [self._place(record, now) for record in outgoing]
        self._wake()
        return placed

    def _place(self, outgoing: Outgoing, now: datetime) -> Appended:
        slots = self._topics[outgoing.topic]
        offset = len(slots)
        slots.append(Record(outgoing.topic, offset, now, outgoing.key, outgoing.value))
        return Appended(outgoing.topic, offset, now)

    def _commit(
        self,
        transactional_id: str,
        holder: object,
        outgoing: Sequence[Outgoing],
        group: str,
        positions: Positions,
    ) -> Sequence[Appended]:
        if self._holders.get(transactional_id) is not holder:
            raise FencedError(f"{transactional_id} has a newer holder")
        appended = self._append(outgoing)
        for topic in {placed.topic for placed in appended}:
            self._topics[topic].append(None)
        self._groups[group].update(positions)
        return appended

    def _wake(self) -> None:
        for waiter in self._waiting:
            waiter.set()
        self._waiting.clear()

    async def _wait(self, wait: timedelta) -> None:
        grown = asyncio.Event()
        self._waiting.append(grown)
        try:
            await asyncio.wait_for(grown.wait(), wait.total_seconds())
        except TimeoutError:
            self._waiting.remove(grown)


class MemorySource:
    """Reads some topics of a `MemoryLog`, each in order, in turns."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self._positions: dict[str, int] = {}

    async def start(self, positions: Positions) -> None:
        """Read the topics of `positions`, each from its offset on."""
        self._positions = dict(positions)

    async def poll(self, limit: int, wait: timedelta) -> Sequence[Record]:
        """Return up to `limit` records; without any, wait for one (with no wait: at once)."""
        records = self._take(limit)
        if records or not wait:
            return records
        await self._log._wait(wait)  # noqa: SLF001 - log, source and sink are one thing in three parts
        return self._take(limit)

    async def ends(self) -> Positions:
        """Return for each topic the offset after its last record."""
        return await self._log.ends(tuple(self._positions))

    def position(self, topic: str) -> int:
        """Return the next offset to read."""
        return self._positions[topic]

    async def stop(self) -> None:
        """Forget the topics."""
        self._positions = {}

    def _take(self, limit: int) -> list[Record]:
        taken: list[Record] = []
        for topic in tuple(self._positions):
            if len(taken) == limit:
                break
            taken += self._take_from(topic, limit - len(taken))
        return taken

    def _take_from(self, topic: str, limit: int) -> list[Record]:
        slots = self._log._topics[topic]  # noqa: SLF001 - see poll
        start = self._positions[topic]
        end = start
        taken: list[Record] = []
        while end < len(slots) and (len(taken) < limit or slots[end] is None):
            slot = slots[end]
            if slot is not None:
                taken.append(slot)
            end += 1
        self._positions[topic] = end
        if taken:  # its turn is over: the other topics come first next time
            self._positions[topic] = self._positions.pop(topic)
        return taken


class MemorySink:
    """Writes transactions to a `MemoryLog`."""

    def __init__(
        self, log: MemoryLog, transactional_id: str, group: str, topics: Sequence[str]
    ) -> None:
        self._log = log
        self._id = transactional_id
        self._group = group
        self._topics = tuple(topics)
        self._dead = True

    async def start(self) -> Positions:
        """Fence earlier holders of the transactional id, return the committed positions."""
        self._log._holders[self._id] = self  # noqa: SLF001 - see MemorySource.poll
        self._dead = False
        committed = self._log.committed(self._group)
        return {topic: committed[topic] for topic in self._topics if topic in committed}

    async def commit(self, outgoing: Sequence[Outgoing], positions: Positions) -> Positions:
        """Append all and move the positions, or do nothing; return where own output ends.

        Raises: FencedError if another sink took the transactional id; after it, or before
        `start`, CommitFailedError.
        """
        if self._dead:
            raise CommitFailedError(f"{self._id} is not started, or has failed before")
        self._dead = True
        placed = self._log._commit(self._id, self, outgoing, self._group, positions)  # noqa: SLF001 - see MemorySource.poll
        self._dead = False
        return ends_of(placed)

    async def stop(self) -> None:
        """End; a later commit fails."""
        self._dead = True
