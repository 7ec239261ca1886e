"""A transactional writer: output and positions commit together or not at all."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from aiokafka import AIOKafkaProducer

from streams.errors import CommitFailedError, FencedError, RivelinError
from streams.kafka.connection import (
    BATCH_BYTES_MAX,
    REQUEST_BYTES_MAX,
    REQUEST_TIMEOUT_MS,
    answered,
    close,
    connect,
    partition_of,
    require_topics,
)
from streams.kafka.settled import TRANSACTION_TIMEOUT, settled_positions
from streams.kafka.source import make_consumer
from streams.ports import Appended, ends_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
    from datetime import timedelta

    from streams.kafka.access import Access
    from streams.ports import Outgoing, Positions

    #: Waits until nothing that is written to topics by now is still undecided.
    Settled: TypeAlias = Callable[[Sequence[str]], Awaitable[None]]

#: Above the longest broker restart; a commit that takes longer hangs.
COMMIT_SECONDS_MAX: Final = 45.0
#: Well below the time that a broker takes to come back.
_LOOK_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Holder:
    """Under which name a writer is fenced, and whose positions on which topics it moves."""

    transactional_id: str
    group: str
    topics: Sequence[str]


class KafkaSink:
    """One holder of a transactional id. Dead after its first error."""

    def __init__(
        self, access: Access, holder: Holder, patience: timedelta, settled: Settled
    ) -> None:
        self._access = access
        self._id = holder.transactional_id
        self._group = holder.group
        self._topics = tuple(holder.topics)
        self._patience = patience
        self._producer: Any = None
        self._settled = settled
        self._known: set[str] = set()
        self._moved: dict[str, int] = {}
        self._connections: dict[Any, Any] = {}
        self._dead = True

    async def start(self) -> Positions:
        """Fence every earlier holder of the transactional id, then return the committed positions.

        In this order: the positions of a transaction that was still open would be too low.
        Raises: BrokerUnreachableError; OpenTransactionError if one stays open (docs/adr/0011).
        """
        self._producer = await connect(self._make_producer, self._access, self._patience)
        positions = await self._committed()
        self._dead = False
        return positions

    async def commit(self, outgoing: Sequence[Outgoing], positions: Positions) -> Positions:
        """Append all of `outgoing` and move the positions, in one transaction or not at all.

        Returns for each topic of `outgoing` the offset after its last record.
        Raises: FencedError, CommitFailedError. The sink is dead then: the outcome is unknown,
        and only a new holder, which reads the committed positions, can know.
        """
        if self._dead:
            raise CommitFailedError(f"{self._id} is not started, or has failed before")
        if not outgoing and not positions:
            return {}
        self._dead = True
        try:
            async with asyncio.timeout(COMMIT_SECONDS_MAX):
                await self._look_after_an_outage()
                await self._require({record.topic for record in outgoing})
                written = await self._while_unbroken(self._transact(outgoing, positions))
        except FencedError:
            raise
        except (RivelinError, TimeoutError, OSError) as error:
            raise CommitFailedError(f"{self._id}: {error!r}") from error
        self._dead = False
        return written

    async def stop(self) -> None:
        """Close; harmless when never started."""
        self._dead = True
        producer, self._producer = self._producer, None
        await close(producer)

    def _make_producer(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            **self._access.options(),
            client_id=self._id,
            transactional_id=self._id,
            transaction_timeout_ms=round(TRANSACTION_TIMEOUT.total_seconds() * 1000),
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=BATCH_BYTES_MAX,
            max_request_size=REQUEST_BYTES_MAX,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        )

    async def _committed(self) -> dict[str, int]:
        if not self._topics:
            return {}
        consumer = await connect(
            lambda: make_consumer(self._access, f"{self._id}-positions", self._group),
            self._access,
            self._patience,
        )
        try:
            found = settled_positions(consumer, self._group, self._topics)
            return await answered(found, "reading positions")
        finally:
            await close(consumer)

    async def _transact(self, outgoing: Sequence[Outgoing], positions: Positions) -> Positions:
        what = f"{self._id}: committing"
        await answered(self._producer.begin_transaction(), what)
        # A commit can succeed although a delivery failed: every one is awaited first.
        appended = await answered(self._deliver(outgoing), what)
        self._note_connections()
        if positions:
            offsets = {partition_of(topic): offset for topic, offset in positions.items()}
            sent = self._producer.send_offsets_to_transaction(offsets, self._group)
            await answered(sent, what)
            self._note_connections()
        await answered(self._producer.commit_transaction(), what)
        self._moved.update(positions)
        return ends_of(appended)

    async def _while_unbroken(self, transaction: Coroutine[Any, Any, Positions]) -> Positions:
        """Give a transaction up as soon as a connection breaks within it.

        It may still be waiting for the markers of the one before, which a broker that is killed
        may forget (docs/adr/0011); begun behind those after all, and then not committed, it would
        take back what was answered.
        """
        under_way = asyncio.ensure_future(transaction)
        try:
            while not (await asyncio.wait({under_way}, timeout=_LOOK_SECONDS))[0]:
                self._require_unbroken()
            written = await under_way
            self._require_unbroken()
            return written
        finally:
            under_way.cancel()

    def _require_unbroken(self) -> None:
        """Write nothing more in this epoch if a connection broke within the transaction.

        The client asked again in silence what was in flight, and the first copy may still come
        through. One that says "commit" names an epoch and no transaction: it would commit the
        next one half done (KIP-890; the repair needs a client that speaks Kafka 4's protocol).
        A successor has another epoch.
        """
        if self._has_lost_a_connection():
            raise CommitFailedError(f"{self._id}: a connection broke within a transaction")

    async def _deliver(self, outgoing: Iterable[Outgoing]) -> Sequence[Appended]:
        send = self._producer.send
        acknowledged = await asyncio.gather(
            *[
                await send(record.topic, record.value, key=record.key, partition=0)
                for record in outgoing
            ]
        )
        return [
            Appended(one.topic, one.offset, datetime.fromtimestamp(one.timestamp / 1000, UTC))
            for one in acknowledged
        ]

    async def _require(self, topics: set[str]) -> None:
        """A topic's first use waits for what is still open in it: ours would decide over it."""
        if new := topics - self._known:
            await answered(require_topics(self._producer.client, new), "looking for topics")
            await self._settled(sorted(new))
            self._known |= new

    async def _look_after_an_outage(self) -> None:
        """Make sure that the last transaction has taken effect, if the broker was away since.

        A broker that is killed may forget to carry out what it has answered (docs/adr/0011);
        behind such a transaction this one would undo it, were it to fail.
        """
        if self._has_lost_a_connection():
            self._known.clear()
            found = await self._committed() if self._moved else {}
            if any(found.get(topic) != offset for topic, offset in self._moved.items()):
                raise FencedError(f"{self._id}: positions are not where this writer left them")
        self._connections.clear()
        self._note_connections()

    def _note_connections(self) -> None:
        """Keep in mind of which to ask whether they have held; new ones come as they are used."""
        present = self._producer.client._conns  # noqa: SLF001 - nothing public tells
        for key, connection in present.items():
            if connection.connected():
                self._connections.setdefault(key, connection)

    def _has_lost_a_connection(self) -> bool:
        present = self._producer.client._conns  # noqa: SLF001 - the same
        return any(
            present.get(key) is not connection or not connection.connected()
            for key, connection in self._connections.items()
        )
