"""The one loop that runs a stage: poll, step, commit; nothing else moves a position."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from streams.ports import Log, Outgoing, Record, Sink, Source

BATCH_LIMIT: Final = 500
IDLE_WAIT: Final = timedelta(milliseconds=100)
NO_WAIT: Final = timedelta(0)


class Stage(Protocol):
    """A stage of the enclave: pure but for the state it folds."""

    name: str
    sources: tuple[str, ...]
    state_topics: tuple[str, ...]
    reference_topics: tuple[str, ...]

    def learn(self, records: Sequence[Record]) -> None:
        """Take in reference data (the registry); read from the start, no position committed."""

    def recover(self, records: Sequence[Record]) -> None:
        """Fold the stage's own committed output (`state_topics`), before the first step."""

    def step(self, records: Sequence[Record]) -> Sequence[Outgoing]:
        """Turn input into output and take it into the state; total, never raises for bad input."""


class StageRunner:
    """Drives one stage over a log. After any error the process exits and starts anew."""

    def __init__(self, stage: Stage, log: Log) -> None:
        self._stage = stage
        self._log = log
        self._source: Source = log.source()
        self._reference: Source = log.source()
        self._sink: Sink = log.sink(
            transactional_id=f"rivelin-{stage.name}",
            group=f"rivelin-{stage.name}",
            topics=stage.sources,
        )

    async def start(self) -> None:
        """Fence, fold the committed output, then read on from the committed positions."""
        committed = await self._sink.start()
        async for records in read_to_end(self._log, self._stage.state_topics):
            self._stage.recover(records)
        await self._start_reference()
        await self._source.start({topic: committed.get(topic, 0) for topic in self._stage.sources})

    async def turn(self, wait: timedelta = IDLE_WAIT, limit: int = BATCH_LIMIT) -> int:
        """Do one poll-step-commit; return how many records it took."""
        records = await self._source.poll(limit, wait)
        if not records:
            return 0
        await self._refresh()
        outgoing = self._stage.step(records)
        positions = {record.topic: record.offset + 1 for record in records}
        await self._sink.commit(outgoing, positions)
        return len(records)

    async def stop(self) -> None:
        """Close readers and writer."""
        await self._source.stop()
        await self._reference.stop()
        await self._sink.stop()

    async def _start_reference(self) -> None:
        topics = self._stage.reference_topics
        if not topics:
            return
        await self._reference.start(dict.fromkeys(topics, 0))
        ends = await self._reference.ends()
        while any(self._reference.position(topic) < ends[topic] for topic in topics):
            self._stage.learn(await self._reference.poll(BATCH_LIMIT, IDLE_WAIT))

    async def _refresh(self) -> None:
        if not self._stage.reference_topics:
            return
        while records := await self._reference.poll(BATCH_LIMIT, NO_WAIT):
            self._stage.learn(records)


async def read_to_end(
    log: Log, topics: Sequence[str], limit: int = BATCH_LIMIT
) -> AsyncIterator[Sequence[Record]]:
    """Yield every committed record of `topics`, batch by batch, up to the ends as of now."""
    if not topics:
        return
    source = log.source()
    await source.start(dict.fromkeys(topics, 0))
    try:
        ends = await source.ends()
        while any(source.position(topic) < ends[topic] for topic in topics):
            records = await source.poll(limit, IDLE_WAIT)
            if records:
                yield records
    finally:
        await source.stop()
