"""The one loop that runs a stage: poll, step, commit; nothing else moves a position."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from streams.errors import LostPositionsError
from streams.evidence import evidence
from streams.ports import URGENT
from streams.topics import SHARED_TOPICS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from datetime import datetime

    from streams.ports import Log, Outgoing, Positions, Record, Sink, Source

BATCH_LIMIT: Final = 500
IDLE_WAIT: Final = timedelta(milliseconds=100)
NO_WAIT: Final = timedelta(0)
#: How old reference data may be in a running process; asking before every batch costs more.
REFRESH_SPACING: Final = timedelta(milliseconds=200)
#: And in one that has nothing to do: a reader holds no more than one fetch, so what came in turn
#: over an idle hour would not be known to the next batch; and what was taken back is soon gone
#: from a store as well.
IDLE_REFRESH_SPACING: Final = timedelta(seconds=1)
_LONG_AGO: Final = timedelta(days=1)


class Stage(Protocol):
    """A stage of the enclave: pure but for the state it folds."""

    @property
    def name(self) -> str:
        """The word in its transactional id and group."""

    @property
    def sources(self) -> Sequence[str]:
        """The topics it reads and commits positions of."""

    @property
    def state_topics(self) -> Sequence[str]:
        """Its own output, from which its state is folded anew at each start."""

    @property
    def reference_topics(self) -> Sequence[str]:
        """What it must know before it steps; read from the start by every process."""

    def learn(self, records: Sequence[Record]) -> None:
        """Take in reference data (the registry); read from the start, no position committed."""

    def recover(self, records: Sequence[Record]) -> None:
        """Fold the stage's own committed output (`state_topics`), before the first step."""

    def step(self, records: Sequence[Record]) -> Sequence[Outgoing]:
        """Turn input into output and take it into the state; total, never raises for bad input."""


@runtime_checkable
class TimedStage(Stage, Protocol):
    """A stage that lets something go after a time although no record comes.

    The time is an argument, so that the stage stays pure: what it does at an
    instant is the same whoever says that the instant has come.
    """

    def due_at(self) -> datetime | None:
        """Return when it wants to be called; None while nothing waits."""

    def tick(self, at: datetime) -> Sequence[Outgoing]:
        """Do what is due at `at` and take it into the state; nothing when nothing is."""

    def counts(self) -> Mapping[str, int]:
        """Return by name how much waits, and what was let go since the start, for the status."""


@runtime_checkable
class StoredStage(Stage, Protocol):
    """A stage whose state outlives it in a store, which lags behind the log."""

    def resume_at(self) -> Positions:
        """Return where to read on in state and reference topics; absent ones from their start."""

    def reads_anew(self) -> Sequence[str]:
        """Return the state topics to be read again from their start; asked until there are none."""

    def keep(self, written: Positions) -> None:
        """Take note that all that was stepped is committed, and where own output now ends.

        It may commit its store only here.
        """

    def close(self, *, keep: bool) -> None:
        """Let go of the store; commit it first if all that was stepped is committed."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How records are gathered into transactions; it decides how many, never what comes out.

    A transaction costs about 5 ms of CPU in client and broker, whatever is in it
    (kafka_slots.md). So one begins no sooner than `spacing` after the one before, unless
    `enough` records wait or one of them is urgent. After a pause nothing waits at all.
    """

    spacing: timedelta = timedelta(milliseconds=60)
    enough: int = BATCH_LIMIT

    def wait(self, records: Sequence[Record], since_last: timedelta) -> timedelta:
        """Return how long to gather more, `since_last` after the last transaction began."""
        is_due = len(records) >= self.enough or any(record.key == URGENT for record in records)
        return NO_WAIT if is_due else max(NO_WAIT, self.spacing - since_last)


class StageRunner:
    """Drives one stage over a log. After any error the process exits and starts anew.

    `clock` tells a timed stage when its time has come; without one only `tick` does.
    """

    def __init__(
        self,
        stage: Stage,
        log: Log,
        pace: Pace | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self._stage = stage
        self._timed = stage if isinstance(stage, TimedStage) else None
        self._stored = stage if isinstance(stage, StoredStage) else None
        self._clock = clock
        self._log = log
        self._pace = pace or Pace()
        self._began: float | None = None
        self._refreshed: float | None = None
        self._is_settled = False
        self._folded = 0
        self._source: Source = log.source()
        self._reference: Source = log.source()
        self._sink: Sink = log.sink(
            transactional_id=f"rivelin-{stage.name}",
            group=f"rivelin-{stage.name}",
            topics=stage.sources,
        )

    async def start(self) -> None:
        """Fence, fold the committed output, then read on from the committed positions.

        Raises: LostPositionsError if there is output and no position at all.
        """
        committed = await self._sink.start()
        if await self._recover() and not committed:
            raise LostPositionsError(f"{self._stage.name} has written, but no position is known")
        await self._start_reference()
        await self._source.start({topic: committed.get(topic, 0) for topic in self._stage.sources})
        self._is_settled = True

    async def turn(self, wait: timedelta = IDLE_WAIT, limit: int = BATCH_LIMIT) -> int:
        """Do one poll-step-commit without gathering; return how many records it took."""
        records = await self._source.poll(limit, wait)
        if records:
            await self._refresh()
            await self._take(records)
        return len(records)

    async def run_forever(self, stop: asyncio.Event) -> None:
        """Take turns at the pace until `stop` is set; a transaction under way is finished."""
        while not stop.is_set():
            if records := await self._gather(stop):
                if _since(self._refreshed) >= REFRESH_SPACING:
                    await self._refresh()
                await self._take(records)
            elif _since(self._refreshed) >= IDLE_REFRESH_SPACING:
                await self._refresh()
                if self._stored is not None:
                    self._stored.keep({})
            await self._tick_if_due()

    async def tick(self, at: datetime) -> None:
        """Let a timed stage do what is due at `at`, in a transaction that moves no position."""
        if self._timed is None:
            return
        await self._refresh()
        if outgoing := self._timed.tick(at):
            await self._commit(outgoing, {})

    def counts(self) -> Mapping[str, int]:
        """Return how many records the start folded, and what a timed stage counts."""
        counted = {} if self._timed is None else self._timed.counts()
        return {"records_folded": self._folded, **counted}

    def positions(self) -> Positions:
        """Return the next offset of each source topic; call it after `start`."""
        return {topic: self._source.position(topic) for topic in self._stage.sources}

    async def stop(self) -> None:
        """Close readers and writer."""
        await self._source.stop()
        await self._reference.stop()
        await self._sink.stop()
        if self._stored is not None:
            self._stored.close(keep=self._is_settled)

    async def _gather(self, stop: asyncio.Event) -> Sequence[Record]:
        records = list(await self._source.poll(BATCH_LIMIT, IDLE_WAIT))
        while records and not stop.is_set():
            wait = self._pace.wait(records, _since(self._began))
            if not wait:
                break
            records += await self._source.poll(BATCH_LIMIT - len(records), min(wait, IDLE_WAIT))
        return records

    async def _tick_if_due(self) -> None:
        if self._timed is None or self._clock is None:
            return
        due_at = self._timed.due_at()
        if due_at is not None and (now := self._clock()) >= due_at:
            await self.tick(now)

    async def _take(self, records: Sequence[Record]) -> None:
        self._began = _now()
        self._is_settled = False
        outgoing = self._stage.step(records)
        positions = {record.topic: record.offset + 1 for record in records}
        await self._commit(outgoing, positions)

    async def _commit(self, outgoing: Sequence[Outgoing], positions: Positions) -> None:
        written = await self._sink.commit(outgoing, positions)
        self._is_settled = True
        if self._stored is not None:
            self._stored.keep(written)

    async def _recover(self) -> bool:
        """Fold the committed output; tell whether this stage, and no other, wrote any of it."""
        topics = self._stage.state_topics
        await self._log.settled(topics)
        has_written = await self._fold(topics, await self._within(topics, self._resume_at()))
        while self._stored is not None and (topics := self._stored.reads_anew()):
            has_written = await self._fold(topics, {}) or has_written
        return has_written

    async def _fold(self, topics: Sequence[str], starts: Positions) -> bool:
        own = _written_by(self._stage.name)
        has_written = False
        async for records in read_to_end(self._log, topics, starts=starts):
            has_written = has_written or any(record.topic in own for record in records)
            with evidence(records):
                self._stage.recover(records)
            self._folded += len(records)
        return has_written

    def _resume_at(self) -> Positions:
        return {} if self._stored is None else self._stored.resume_at()

    async def _within(self, topics: Sequence[str], starts: Positions) -> Positions:
        """A log that ends before a position is another one; it is read from its start."""
        ends = await self._log.ends([topic for topic in topics if topic in starts])
        return {topic: starts[topic] for topic, end in ends.items() if starts[topic] <= end}

    async def _start_reference(self) -> None:
        topics = self._stage.reference_topics
        if not topics:
            return
        starts = self._resume_at()
        await self._reference.start({topic: starts.get(topic, 0) for topic in topics})
        ends = await self._reference.ends()
        while any(self._reference.position(topic) < ends[topic] for topic in topics):
            self._learn(await self._reference.poll(BATCH_LIMIT, IDLE_WAIT))

    async def _refresh(self) -> None:
        self._refreshed = _now()
        if not self._stage.reference_topics:
            return
        while records := await self._reference.poll(BATCH_LIMIT, NO_WAIT):
            self._learn(records)

    def _learn(self, records: Sequence[Record]) -> None:
        with evidence(records):
            self._stage.learn(records)


def _written_by(name: str) -> frozenset[str]:
    """Return the topics that only this stage writes."""
    return frozenset(spec.name for spec in SHARED_TOPICS if spec.writers == (name,))


def _now() -> float:
    return asyncio.get_running_loop().time()


def _since(then: float | None) -> timedelta:
    return _LONG_AGO if then is None else timedelta(seconds=_now() - then)


async def settle(*runners: StageRunner, limit: int = BATCH_LIMIT) -> None:
    """Let runners take turns until none finds anything to do; for logs without other writers."""
    while [taken for runner in runners if (taken := await runner.turn(NO_WAIT, limit))]:
        pass


async def read_to_end(
    log: Log, topics: Sequence[str], limit: int = BATCH_LIMIT, starts: Positions | None = None
) -> AsyncIterator[Sequence[Record]]:
    """Yield every committed record of `topics`, batch by batch, up to the ends as of now.

    From the offsets of `starts` on; a topic that is not in it from its start.
    """
    if not topics:
        return
    source = log.source()
    try:
        await source.start({topic: (starts or {}).get(topic, 0) for topic in topics})
        ends = await source.ends()
        while any(source.position(topic) < ends[topic] for topic in topics):
            records = await source.poll(limit, IDLE_WAIT)
            if records:
                yield records
    finally:
        await source.stop()
