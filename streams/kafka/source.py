"""A reader of committed records that keeps no position on the broker."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from streams.errors import LogError, LogTruncatedError, NotPermittedError, RetentionGapError
from streams.kafka.connection import (
    NOT_PERMITTED,
    REFUSALS,
    REQUEST_TIMEOUT_MS,
    answered,
    close,
    connect,
    partition_of,
    require_topics,
)
from streams.kafka.sound_batches import read_soundly
from streams.ports import Positions, Record

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from streams.kafka.access import Access
    from streams.kafka.log_time import LogTime

    Ends: TypeAlias = Callable[[Sequence[str]], Awaitable[Positions]]

_FETCH_BYTES_MAX: Final = 8 << 20
_LONG_POLL_MS: Final = 500


def make_consumer(
    access: Access,
    client_id: str,
    group: str | None = None,
    isolation: str = "read_committed",
) -> AIOKafkaConsumer:
    """Make a consumer that is told what to read from where, and joins no group."""
    read_soundly()
    return AIOKafkaConsumer(
        **access.options(),
        client_id=client_id,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level=isolation,
        fetch_max_bytes=_FETCH_BYTES_MAX,
        fetch_max_wait_ms=_LONG_POLL_MS,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
    )


async def ends_of(consumer: AIOKafkaConsumer, topics: Iterable[str]) -> Positions:
    """Return for each topic the offset after the last record that this consumer may see."""
    partitions = [partition_of(topic) for topic in topics]
    ends = await answered(consumer.end_offsets(partitions), "asking for ends")
    return {partition.topic: offset for partition, offset in ends.items()}


class KafkaSource:
    """Reads some topics, each in order. A broker that goes away is waited for."""

    def __init__(
        self, access: Access, client_id: str, patience: timedelta, ends: Ends, time: LogTime
    ) -> None:
        self._access = access
        self._client_id = client_id
        self._patience = patience
        self._ends = ends
        self._time = time
        self._consumer: Any = None
        self._positions: dict[str, int] = {}

    async def start(self, positions: Positions) -> None:
        """Read the topics of `positions`, each from its offset on.

        Raises: BrokerUnreachableError, MissingTopicError.
        """
        self._positions = dict(positions)
        self._consumer = await connect(
            lambda: make_consumer(self._access, self._client_id),
            self._access,
            self._patience,
        )
        client = self._consumer._client  # noqa: SLF001 - aiokafka has no public metadata request
        await answered(require_topics(client, positions), "looking for topics")
        self._consumer.assign([partition_of(topic) for topic in positions])
        for topic, offset in positions.items():
            self._consumer.seek(partition_of(topic), offset)

    async def poll(self, limit: int, wait: timedelta) -> Sequence[Record]:
        """Return up to `limit` records; an empty sequence when none came within `wait`.

        Raises: RetentionGapError, LogTruncatedError, LogError.
        """
        if not self._positions:
            await asyncio.sleep(wait.total_seconds())
            return []
        batches = await self._fetch(limit, wait)
        await self._note_positions()
        for messages in batches.values():
            self._time.saw(messages[-1].timestamp)
        return [_record(message) for messages in batches.values() for message in messages]

    async def ends(self) -> Positions:
        """Return for each topic the offset after its last committed record, as of now."""
        return await self._ends(tuple(self._positions))

    def position(self, topic: str) -> int:
        """Return the next offset that `poll` would read (past transaction markers too)."""
        return self._positions[topic]

    async def stop(self) -> None:
        """Close; harmless when never started."""
        consumer, self._consumer = self._consumer, None
        await close(consumer)

    async def _fetch(self, limit: int, wait: timedelta) -> dict[Any, list[Any]]:
        milliseconds = round(wait.total_seconds() * 1000)
        try:
            batches = await self._consumer.getmany(timeout_ms=milliseconds, max_records=limit)
        except OffsetOutOfRangeError:
            raise await self._out_of_range() from None
        except REFUSALS as error:
            raise NotPermittedError(f"reading: {NOT_PERMITTED}") from error
        except KafkaError as error:
            raise LogError(f"reading failed: {type(error).__name__}") from error
        if not batches and self._consumer._fetcher.error_future.done():  # noqa: SLF001 - nothing public tells
            raise LogError("the reader's background task has ended")
        return dict(batches)

    async def _note_positions(self) -> None:
        for topic in self._positions:
            self._positions[topic] = await self._consumer.position(partition_of(topic))

    async def _out_of_range(self) -> LogError:
        topics = tuple(self._positions)
        partitions = [partition_of(topic) for topic in topics]
        starts = await answered(self._consumer.beginning_offsets(partitions), "asking for starts")
        for partition, start in starts.items():
            position = self._positions[partition.topic]
            if position < start:
                return RetentionGapError(f"{partition.topic}: {position} to {start} were deleted")
        ends = await ends_of(self._consumer, topics)
        beyond = [
            f"{topic}: read up to {self._positions[topic]}, and it ends at {end}"
            for topic, end in sorted(ends.items())
            if end < self._positions[topic]
        ]
        told = "; ".join(beyond) or f"one of {', '.join(sorted(topics))}"
        return LogTruncatedError(f"{told}: it was made anew, or the broker lost records")


def _record(message: Any) -> Record:  # noqa: ANN401 - aiokafka has no types
    appended_at = datetime.fromtimestamp(message.timestamp / 1000, UTC)
    return Record(message.topic, message.offset, appended_at, message.key, message.value)
