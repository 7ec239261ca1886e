"""Simulated clients: they have the names and the ways of aiokafka's, as far as the product goes.

Between a client and the broker lies a wire on which every request can be lost, answered into the
void, or held up so long that the client has asked again meanwhile. As in aiokafka a request that
was not answered is asked again for ever, unless the broker says that the client was fenced; a
produce request has sequence numbers, the others have nothing that tells a repeat from the first.

A client of a process that is dead or stopped asks nothing; what it had asked goes on by itself.
"""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from aiokafka import TopicPartition
from aiokafka.errors import (
    ConcurrentTransactions,
    CoordinatorLoadInProgressError,
    InvalidProducerEpoch,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    ProducerFenced,
    RequestTimedOutError,
    UnknownError,
)

from deploy.simulate.broker import Batch
from deploy.simulate.loop import Killed, current_process, world_now
from deploy.simulate.machine import START

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence

    from deploy.simulate.broker import Entry
    from deploy.simulate.world import World

__all__ = ["NO_TAGS", "AIOKafkaConsumer", "AIOKafkaProducer", "FetchPositions", "TopicPartition"]

NO_TAGS: Final[dict[int, bytes]] = {}
_UNSTABLE: Final = 88

_BACKOFF: Final = 0.1
_SHORT_BACKOFF: Final = 0.02
AnswerT = TypeVar("AnswerT")
_EPOCH_MS: Final = int(START.timestamp() * 1000)


class Message(NamedTuple):
    """A record as a consumer of aiokafka hands it out."""

    topic: str
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


class _Acknowledged(NamedTuple):
    topic: str
    offset: int
    timestamp: int


class _Connection:
    """A connection to the node as it is now; it ends with the node."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._starts = world.broker_starts

    def connected(self) -> bool:
        """Tell whether it is open."""
        return self._starts == self._world.broker_starts


class FetchPositions:
    """Asks for a group's offsets that no transaction holds (`streams.kafka.requests`)."""

    def __init__(self, group: str, asked: Sequence[tuple[str, Any, Any]], stable: bool) -> None:  # noqa: FBT001 - as the product calls it
        self.group = group
        self.topics = [topic for topic, _, _ in asked]
        self.is_stable = stable


class _Client:
    """What producers and consumers have in common: a process, and a wire to the broker."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - as aiokafka takes them
        self.world: World = world_now()
        self.process = current_process()
        self.author = self.process.name if self.process is not None else "world"
        self.patience = options.get("request_timeout_ms", 40_000) / 1000
        self._conns = {"broker": _Connection(self.world)}

    async def start(self) -> None:
        """Connect.

        Raises: KafkaConnectionError.
        """
        await self.ask("connect", lambda: None)

    def stop(self) -> Coroutine[Any, Any, None]:
        """Disconnect; nothing waits for an answer. The dead do not even do that.

        Raises: Killed.
        """
        if self.world.is_over or (self.process is not None and not self.process.is_alive):
            raise Killed
        return self._disconnect()

    async def _disconnect(self) -> None:
        pass

    async def fetch_all_metadata(self) -> SimpleNamespace:
        """Return what topics there are."""
        return SimpleNamespace(topics=lambda: self.world.topics)

    async def ask(self, what: str, apply: Callable[[], AnswerT]) -> AnswerT:
        """Send one request once.

        Raises: KafkaConnectionError, RequestTimedOutError (what became of it is unknown then),
        and whatever the broker answers.
        """
        try:
            return await self.world.wire.send(self.process, what, apply, self.patience)
        except (KafkaConnectionError, RequestTimedOutError):
            self._conns = {"broker": _Connection(self.world)}
            raise

    async def insist(self, what: str, apply: Callable[[], AnswerT]) -> AnswerT:
        """Send a request until it is answered, as aiokafka's sender does.

        Raises: ProducerFenced, and errors of the broker that asking again does not mend.
        """
        while True:
            try:
                return await self.ask(what, apply)
            except ConcurrentTransactions:
                await asyncio.sleep(_SHORT_BACKOFF)
            except (KafkaConnectionError, RequestTimedOutError, CoordinatorLoadInProgressError):
                await asyncio.sleep(_BACKOFF)
            except InvalidProducerEpoch:
                raise ProducerFenced from None


class AIOKafkaProducer(_Client):
    """A transactional producer, one transaction at a time."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - as aiokafka takes them
        super().__init__(**options)
        self.client = self
        self._id: str = options["transactional_id"]
        self._timeout = options["transaction_timeout_ms"] / 1000
        self._epoch = -1
        self._sequences: dict[str, int] = {}
        self._topics: set[str] = set()
        self._batches: dict[str, list[tuple[tuple[bytes | None, bytes | None], Any]]] = {}
        self._sending: list[asyncio.Task[None]] = []
        self._fault: KafkaError | None = None

    async def start(self) -> None:
        """Connect and take the transactional id over.

        Raises: KafkaConnectionError.
        """
        await super().start()
        self._epoch = await self.insist("init producer", self._take_over)

    def _take_over(self) -> int:
        _, epoch = self.world.broker.init_producer(self._id, self._timeout)
        self.world.has_fenced(self.process)
        return epoch

    async def begin_transaction(self) -> None:
        """Begin; the broker hears of it with the first topic or group."""
        self._require_sound()
        self._topics = set()

    async def send(
        self, topic: str, value: bytes | None, *, key: bytes | None = None, partition: int = 0
    ) -> asyncio.Future[_Acknowledged]:
        """Put a record into a batch; the future is done when the broker has it."""
        assert partition == 0  # noqa: S101 - every topic of ours has one
        self._require_sound()
        future: asyncio.Future[_Acknowledged] = asyncio.get_running_loop().create_future()
        if not self._batches:
            self._sending.append(asyncio.get_running_loop().create_task(self._send_all()))
        self._batches.setdefault(topic, []).append(((key, value), future))
        return future

    async def send_offsets_to_transaction(
        self, offsets: Mapping[TopicPartition, int], group: str
    ) -> None:
        """Make a group's offsets part of the transaction.

        Raises: ProducerFenced, KafkaError.
        """
        self._require_sound()
        broker, me = self.world.broker, (self._id, self._epoch)
        wanted = {partition.topic: offset for partition, offset in offsets.items()}
        await self._try("add group", lambda: broker.add_group(*me, group))
        await self._try("commit offsets", lambda: broker.commit_offsets(*me, group, wanted))

    async def commit_transaction(self) -> None:
        """Commit once every batch came to its end, well or not.

        Raises: ProducerFenced, KafkaError.
        """
        await self._end(commit=True)

    async def abort_transaction(self) -> None:
        """Abort once every batch came to its end.

        Raises: ProducerFenced, KafkaError.
        """
        await self._end(commit=False)

    async def _end(self, *, commit: bool) -> None:
        self._require_sound()
        sending, self._sending = self._sending, []
        for task in sending:
            await task
        self._require_sound()
        if self._topics:
            word = "commit" if commit else "abort"
            broker, me = self.world.broker, (self._id, self._epoch)
            await self._try(word, lambda: broker.end(*me, commit=commit))

    async def _try(self, what: str, apply: Callable[[], AnswerT]) -> AnswerT:
        self._topics.add(what)  # from here on there is something to end
        try:
            return await self.insist(what, apply)
        except KafkaError as error:
            self._fault = error
            raise

    async def _send_all(self) -> None:
        """Send what was put together by now, topic by topic, in as many batches as it takes."""
        await asyncio.sleep(0)
        batches, self._batches = self._batches, {}
        for topic, waiting in batches.items():
            for part in self.world.nemesis.split(waiting):
                await self._deliver(topic, part)

    async def _deliver(self, topic: str, waiting: Sequence[tuple[Any, Any]]) -> None:
        futures = [future for _, future in waiting]
        try:
            first = await self._produce(topic, tuple(record for record, _ in waiting))
        except KafkaError as error:
            for future in futures:
                _settle(future, error)
            return
        stamp = _EPOCH_MS + round(self.world.loop.time() * 1000)
        for place, future in enumerate(futures):
            _settle(future, _Acknowledged(topic, first + place, stamp))

    async def _produce(
        self, topic: str, records: tuple[tuple[bytes | None, bytes | None], ...]
    ) -> int:
        broker, me = self.world.broker, (self._id, self._epoch)
        if topic not in self._topics:
            await self._try("add topic", lambda: broker.add_topics(*me, [topic]))
            self._topics.add(topic)
        if self.world.nemesis.refuses(self.process):
            raise UnknownError  # not to be tried again: the broker cannot write this batch
        batch = Batch(topic, self._sequences.get(topic, 0), records, self.author)
        self._sequences[topic] = batch.sequence + len(records)
        return await self.insist("produce", lambda: broker.produce(*me, batch))

    def _require_sound(self) -> None:
        if self._fault is not None:
            raise self._fault


class AIOKafkaConsumer(_Client):
    """A reader that is told what to read from where; and one that asks for a group's offsets."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - as aiokafka takes them
        super().__init__(**options)
        self._client = self
        self._group: str | None = options.get("group_id")
        self._committed = options.get("isolation_level") == "read_committed"
        self._offsets: dict[str, int] = {}
        self._word = "first fetch"
        self._fetcher = SimpleNamespace(error_future=SimpleNamespace(done=lambda: False))
        self._coordinator = self

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        """Read these and no others."""
        self._offsets = {partition.topic: 0 for partition in partitions}

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Go on from there."""
        self._offsets[partition.topic] = offset

    async def position(self, partition: TopicPartition) -> int:
        """Return the offset of the next record to hand out."""
        return self._offsets[partition.topic]

    async def getmany(
        self, *, timeout_ms: int, max_records: int
    ) -> dict[TopicPartition, list[Message]]:
        """Return what there is within the time; a broker that is away is waited for in silence."""
        deadline = self.world.loop.time() + timeout_ms / 1000
        while True:
            left = deadline - self.world.loop.time()
            if self.world.nemesis.slow_seconds(self.world.loop.time()) > left > 0:
                await asyncio.sleep(left)
                return {}
            grown = self.world.growth(self._offsets)
            found = await self._fetch(max_records)
            left = deadline - self.world.loop.time()
            if found is None:  # it is tried again in the background, after a while
                await asyncio.sleep(max(left, 0.0))
                return {}
            if found or left <= 0:
                return found
            await self.world.wait(grown, left)

    async def _fetch(self, limit: int) -> dict[TopicPartition, list[Message]] | None:
        what, self._word = self._word, "fetch"
        what = "probing fetch" if limit == 1 else what
        try:
            found, places = await self.ask(what, lambda: self._look(limit))
        except (KafkaConnectionError, RequestTimedOutError):
            return None
        for topic, place in places.items():
            self._offsets[topic] = place
        for partition in found:
            self._offsets[partition.topic] = self._offsets.pop(partition.topic)  # others come first
        return found

    def _look(self, limit: int) -> tuple[dict[TopicPartition, list[Message]], dict[str, int]]:
        """Return records of the first topic that has some, and the places after what was seen."""
        found: dict[TopicPartition, list[Message]] = {}
        places: dict[str, int] = {}
        for topic, offset in self._offsets.items():
            entries, places[topic] = self.world.broker.fetch(
                topic, offset, limit, committed=self._committed
            )
            if entries:
                self.world.seen += [(self.author, topic, *one) for one in entries]
                found[TopicPartition(topic, 0)] = [_message(topic, *one) for one in entries]
                break
        return found, places

    async def committed(self, partition: TopicPartition) -> int | None:
        """Return the group's committed offset.

        Raises: KafkaError.
        """
        group = self._group or ""
        broker = self.world.broker
        ask = lambda: broker.committed(group, partition.topic)  # noqa: E731 - one request
        return await self.insist("fetch offsets", ask)

    async def ensure_coordinator_known(self) -> None:
        """Know it."""

    def coordinator_dead(self) -> None:
        """Know it all the same."""

    async def _send_req(self, request: FetchPositions) -> SimpleNamespace:
        """Answer as the coordinator of a group does.

        Raises: KafkaError.
        """
        return await self.ask("fetch offsets", lambda: self._positions(request))

    def _positions(self, request: FetchPositions) -> SimpleNamespace:
        broker = self.world.broker
        found: list[tuple[str, list[Any], dict[int, bytes]]] = []
        for topic in request.topics:
            offset = broker.committed(request.group, topic)
            error = _UNSTABLE if request.is_stable and broker.is_held(request.group, topic) else 0
            found.append((topic, [(0, -1 if offset is None else offset, -1, "", error, {})], {}))
        return SimpleNamespace(error=0, topics=found)

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the offsets after what this consumer may see.

        Raises: KafkaTimeoutError.
        """
        broker = self.world.broker

        def ends() -> dict[TopicPartition, int]:
            return {one: broker.end_of(one.topic, committed=self._committed) for one in partitions}

        return await self._within_patience("ends", ends)

    async def beginning_offsets(
        self, partitions: Sequence[TopicPartition]
    ) -> dict[TopicPartition, int]:
        """Return the first offsets: nothing is ever deleted here.

        Raises: KafkaTimeoutError.
        """
        return await self._within_patience("starts", lambda: dict.fromkeys(partitions, 0))

    async def _within_patience(self, what: str, apply: Callable[[], AnswerT]) -> AnswerT:
        deadline = self.world.loop.time() + self.patience
        while True:
            try:
                return await self.ask(what, apply)
            except (KafkaConnectionError, RequestTimedOutError) as error:
                if self.world.loop.time() > deadline:
                    raise KafkaTimeoutError from error
                await asyncio.sleep(_BACKOFF)


def _settle(future: asyncio.Future[Any], outcome: object) -> None:
    if future.done():
        return
    if isinstance(outcome, KafkaError):
        future.set_exception(outcome)
        future.exception()  # a process that ends meanwhile does not look at it
    else:
        future.set_result(outcome)


def _message(topic: str, offset: int, entry: Entry) -> Message:
    return Message(topic, offset, _EPOCH_MS + round(entry.at * 1000), entry.key, entry.value)
