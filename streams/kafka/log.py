"""The log on Kafka behind the port `streams.ports.Log`."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

from streams.errors import OpenTransactionError
from streams.kafka.appender import Appender
from streams.kafka.connection import (
    PATIENCE,
    answered,
    close,
    connect,
    keep_quiet,
    require_topics,
)
from streams.kafka.log_time import LogTime
from streams.kafka.settled import HELD_MAX, HeldUp
from streams.kafka.sink import Holder, KafkaSink
from streams.kafka.source import KafkaSource, ends_of, make_consumer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from streams.kafka.access import Access
    from streams.ports import Appended, Outgoing, Positions

_OPEN_TRANSACTION_SECONDS_MAX: Final = 2.0
_LOOK_SECONDS: Final = 0.005


class KafkaLog:
    """A log on a cluster; connects when first used, not when made.

    `patience` is how long to wait for a broker that does not answer yet.
    """

    def __init__(self, access: Access, client_id: str, patience: timedelta = PATIENCE) -> None:
        self._access = access
        self._client_id = client_id
        self._patience = patience
        self._appender = Appender(access, client_id, patience)
        self._committed: Any = None
        self._written: Any = None
        self._opening = asyncio.Lock()
        self._time = LogTime()
        self._held_up = HeldUp()
        keep_quiet()

    def source(self) -> KafkaSource:
        """Return a new reader."""
        return KafkaSource(self._access, self._client_id, self._patience, self.ends, self._time)

    def sink(self, transactional_id: str, group: str, topics: Sequence[str]) -> KafkaSink:
        """Return a new transactional writer whose positions on `topics` belong to `group`."""
        holder = Holder(transactional_id, group, topics)
        return KafkaSink(self._access, holder, self._patience, self.settled)

    async def append(self, outgoing: Sequence[Outgoing]) -> Sequence[Appended]:
        """Append without a transaction (idempotent producer) and wait for each acknowledgement.

        Raises: BrokerUnreachableError, MissingTopicError, LogError; what was acknowledged
        before stays, so the caller sends again what must not be lost.
        """
        return await self._appender.append(outgoing)

    async def ends(self, topics: Sequence[str]) -> Positions:
        """Return for each topic the offset after its last committed record.

        A broker answers a commit before readers can see it; this waits until they can, so
        that whatever was committed before the call is counted. What others leave open is
        waited for two seconds at most.
        Raises: BrokerUnreachableError, MissingTopicError.
        """
        ends, _ = await self._readable(topics, _OPEN_TRANSACTION_SECONDS_MAX)
        return ends

    def now(self) -> datetime | None:
        """Return the broker's time as the records read so far tell it; None before the first."""
        return self._time.now()

    async def settled(self, topics: Sequence[str]) -> None:
        """Wait until all that is written as of now can be read, or was taken back.

        Raises: OpenTransactionError if a transaction stays open for longer than any may;
        BrokerUnreachableError, MissingTopicError.
        """
        ends, written = await self._readable(topics, HELD_MAX.total_seconds())
        if held := sorted(topic for topic in topics if ends[topic] < written[topic]):
            raise OpenTransactionError(f"nobody ends what is open in {', '.join(held)}")

    async def stuck(self, topics: Sequence[str]) -> Mapping[str, timedelta]:
        """Return topics whose readers stand before an open transaction for longer than any may be.

        With the time since this log saw it first: ask again every few seconds, of one log, as a
        super user or with leave to read the topics. Whatever is returned is an alarm: readers
        get nothing more of it (docs/adr/0011), until `open_transactions.end_abandoned` or the
        tools of the cluster have ended it.
        Raises: BrokerUnreachableError, MissingTopicError.
        """
        await self._open_readers()
        await self._require(topics)
        written = await ends_of(self._written, topics)
        self._held_up.note(await ends_of(self._committed, topics), written, time.monotonic())
        return self._held_up.longer_than(HELD_MAX, time.monotonic())

    async def stop(self) -> None:
        """Close what was opened."""
        readers = (self._committed, self._written)
        self._committed = self._written = None
        await self._appender.stop()
        for reader in readers:
            await close(reader)

    async def _readable(
        self, topics: Sequence[str], seconds_max: float
    ) -> tuple[Positions, Positions]:
        """Return committed ends and, as of the call, written ones, when the first have caught up.

        Or after that time.
        """
        await self._open_readers()
        await self._require(topics)
        written = await ends_of(self._written, topics)
        deadline = time.monotonic() + seconds_max
        while True:
            ends = await ends_of(self._committed, topics)
            if time.monotonic() > deadline or all(ends[one] >= written[one] for one in topics):
                return ends, written
            await asyncio.sleep(_LOOK_SECONDS)

    async def _open_readers(self) -> None:
        async with self._opening:
            self._committed = self._committed or await self._open_reader()
            self._written = self._written or await self._open_reader("read_uncommitted")

    async def _open_reader(self, isolation: str = "read_committed") -> Any:  # noqa: ANN401 - aiokafka has no types
        return await connect(
            lambda: make_consumer(self._access, self._client_id, isolation=isolation),
            self._access,
            self._patience,
        )

    async def _require(self, topics: Sequence[str]) -> None:
        """Ask each time: of a topic that was deleted meanwhile no end is ever told.

        The library waits for one without a word.
        """
        client = self._committed._client  # noqa: SLF001 - nothing public asks for metadata
        await answered(require_topics(client, topics), "looking for topics")
