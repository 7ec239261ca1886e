"""The log on Kafka behind the port `streams.ports.Log`."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from aiokafka import AIOKafkaProducer

from streams.kafka.connection import (
    BATCH_BYTES_MAX,
    PATIENCE,
    REQUEST_BYTES_MAX,
    REQUEST_TIMEOUT_MS,
    answered,
    close,
    connect,
    keep_quiet,
    require_topics,
)
from streams.kafka.sink import KafkaSink
from streams.kafka.source import KafkaSource, ends_of, make_consumer
from streams.ports import Appended, Outgoing, Positions

if TYPE_CHECKING:
    from collections.abc import Sequence

_OPEN_TRANSACTION_SECONDS_MAX: Final = 2.0
_LOOK_SECONDS: Final = 0.005


class KafkaLog:
    """A log at `bootstrap` (host:port[,host:port…]); connects when first used, not when made.

    `patience` is how long to wait for a broker that does not answer yet.
    """

    def __init__(self, bootstrap: str, client_id: str, patience: timedelta = PATIENCE) -> None:
        self._bootstrap = bootstrap
        self._client_id = client_id
        self._patience = patience
        self._producer: Any = None
        self._committed: Any = None
        self._written: Any = None
        self._known: set[str] = set()
        self._opening = asyncio.Lock()
        keep_quiet()

    def source(self) -> KafkaSource:
        """Return a new reader."""
        return KafkaSource(self._bootstrap, self._client_id, self._patience, self.ends)

    def sink(self, transactional_id: str, group: str, topics: Sequence[str]) -> KafkaSink:
        """Return a new transactional writer whose positions on `topics` belong to `group`."""
        return KafkaSink(self._bootstrap, transactional_id, group, topics, self._patience)

    async def append(self, outgoing: Sequence[Outgoing]) -> Sequence[Appended]:
        """Append without a transaction (idempotent producer) and wait for each acknowledgement.

        Raises: BrokerUnreachableError, MissingTopicError, LogError; what was acknowledged
        before stays, so the caller sends again what must not be lost.
        """
        producer = await self._open_producer()
        try:
            return await answered(self._send(producer, outgoing), "appending")
        except BaseException:
            await self._drop_producer(producer)
            raise

    async def ends(self, topics: Sequence[str]) -> Positions:
        """Return for each topic the offset after its last committed record.

        A broker answers a commit before readers can see it; this waits until they can, so
        that whatever was committed before the call is counted. What others leave open is
        waited for two seconds at most.
        Raises: BrokerUnreachableError, MissingTopicError.
        """
        await self._open_readers()
        await self._require(self._committed._client, topics)  # noqa: SLF001 - nothing public asks
        written = await ends_of(self._written, topics)
        deadline = time.monotonic() + _OPEN_TRANSACTION_SECONDS_MAX
        while True:
            ends = await ends_of(self._committed, topics)
            if time.monotonic() > deadline or all(ends[one] >= written[one] for one in topics):
                return ends
            await asyncio.sleep(_LOOK_SECONDS)

    async def stop(self) -> None:
        """Close what was opened."""
        producer, self._producer = self._producer, None
        readers = (self._committed, self._written)
        self._committed = self._written = None
        for client in (producer, *readers):
            await close(client)

    async def _open_producer(self) -> Any:  # noqa: ANN401 - aiokafka has no types
        async with self._opening:
            if self._producer is None:
                self._producer = await connect(self._make_producer, self._bootstrap, self._patience)
            return self._producer

    async def _open_readers(self) -> None:
        async with self._opening:
            self._committed = self._committed or await self._open_reader()
            self._written = self._written or await self._open_reader("read_uncommitted")

    async def _open_reader(self, isolation: str = "read_committed") -> Any:  # noqa: ANN401 - aiokafka has no types
        return await connect(
            lambda: make_consumer(self._bootstrap, self._client_id, isolation=isolation),
            self._bootstrap,
            self._patience,
        )

    async def _drop_producer(self, producer: AIOKafkaProducer) -> None:
        """After a failed delivery the producer's sequence numbers have a hole."""
        if self._producer is producer:
            self._producer = None
        await close(producer)

    def _make_producer(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
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
        await self._require(producer.client, {record.topic for record in outgoing})
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

    async def _require(self, client: Any, topics: Sequence[str] | set[str]) -> None:  # noqa: ANN401 - aiokafka has no types
        if new := set(topics) - self._known:
            await answered(require_topics(client, new), "looking for topics")
            self._known |= new
