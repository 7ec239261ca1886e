"""Appending without transactions: one idempotent producer that many appends share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaProducer

from streams.kafka.connection import (
    BATCH_BYTES_MAX,
    REQUEST_BYTES_MAX,
    REQUEST_TIMEOUT_MS,
    answered,
    close,
    connect,
    require_topics,
)
from streams.kafka.held_back import tell_when_held_back
from streams.ports import Appended

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from streams.kafka.access import Access
    from streams.ports import Outgoing


@dataclass(eq=False)
class _Shared:
    """A producer and how many appends are under way on it."""

    producer: Any
    users: int = 0
    is_retired: bool = False


class Appender:
    """Appends and waits for acknowledgements.

    After an error the producer's sequence numbers have a hole, so the next
    append gets another one. The old one is closed when all that is under way
    on it has come to its end: closed before, those would wait for ever.
    """

    def __init__(self, access: Access, client_id: str, patience: timedelta) -> None:
        self._access = access
        self._client_id = client_id
        self._patience = patience
        self._shared: _Shared | None = None
        self._known: set[str] = set()
        self._opening = asyncio.Lock()

    async def append(self, outgoing: Sequence[Outgoing]) -> Sequence[Appended]:
        """Append and wait for each acknowledgement.

        Raises: BrokerUnreachableError, MissingTopicError, LogError.
        """
        shared = await self._open()
        shared.users += 1
        try:
            return await answered(self._send(shared.producer, outgoing), "appending")
        except Exception:  # a cancelled wait leaves no hole: the record goes out all the same
            self._retire(shared)
            raise
        finally:
            shared.users -= 1
            await self._close_unused(shared)

    async def stop(self) -> None:
        """Close, also under what is under way."""
        shared, self._shared = self._shared, None
        await close(None if shared is None else shared.producer)

    async def _open(self) -> _Shared:
        async with self._opening:
            if self._shared is None:
                producer = await connect(self._make, self._access, self._patience)
                self._shared = _Shared(producer)
            return self._shared

    def _retire(self, shared: _Shared) -> None:
        shared.is_retired = True
        if self._shared is shared:
            self._shared = None

    async def _close_unused(self, shared: _Shared) -> None:
        if shared.is_retired and not shared.users:
            await close(shared.producer)

    def _make(self) -> AIOKafkaProducer:
        tell_when_held_back()
        return AIOKafkaProducer(
            **self._access.options(),
            client_id=self._client_id,
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=BATCH_BYTES_MAX,
            max_request_size=REQUEST_BYTES_MAX,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        )

    async def _send(
        self, producer: AIOKafkaProducer, outgoing: Sequence[Outgoing]
    ) -> list[Appended]:
        await self._require(producer, {record.topic for record in outgoing})
        acknowledged = await asyncio.gather(
            *[
                await producer.send(record.topic, record.value, key=record.key, partition=0)
                for record in outgoing
            ]
        )
        return [
            Appended(one.topic, one.offset, datetime.fromtimestamp(one.timestamp / 1000, UTC))
            for one in acknowledged
        ]

    async def _require(self, producer: AIOKafkaProducer, topics: set[str]) -> None:
        if new := topics - self._known:
            await require_topics(producer.client, new)
            self._known |= new
