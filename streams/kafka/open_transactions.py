"""Ends transactions that a killed broker left open although their outcome is decided (ADR 0011).

Kafka decides a transaction in `__transaction_state` and then tells the partitions by markers. A
node that is killed in between and comes back may take a partition that has no leader yet for a
deleted one, and never send its marker: complete for the coordinator, open for ever in the
partition. The decision can still be read, so the marker is written here, as it was decided.

Only a super user may: the keeper of the node does it after each start. On a cluster that someone
else keeps, `kafka-transactions.sh find-hanging` is the tool.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import InvalidProducerEpoch, KafkaError, LeaderNotAvailableError, for_code
from aiokafka.protocol.types import (
    Array,
    CompactArray,
    CompactString,
    Int8,
    Int16,
    Int32,
    Int64,
    Schema,
    String,
    TaggedFields,
)

from streams.errors import LogError
from streams.kafka.connection import answered, close
from streams.kafka.requests import NO_TAGS, DescribeProducers, WriteMarkers
from streams.kafka.source import make_consumer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streams.kafka.access import Access

_STATE_TOPIC: Final = "__transaction_state"
_PREPARE_COMMIT: Final = 2
_PREPARE_ABORT: Final = 3
_PREPARED: Final = (_PREPARE_COMMIT, _PREPARE_ABORT)
_ONGOING: Final = 1
#: A healthy transaction of ours is open for milliseconds: what two looks find is worth a question.
_SECOND_LOOK_SECONDS: Final = 0.5
_ANSWER_SECONDS_MAX: Final = 15.0
_RETRY_SECONDS: Final = 0.2

# The layout of a value of `__transaction_state`, up to the field that is the last of interest.
_HEAD: Final = (("producer_id", Int64), ("epoch", Int16), ("timeout_ms", Int32), ("status", Int8))
_TAIL: Final = (("updated_ms", Int64),)
_LAYOUTS: Final[Mapping[int, Schema]] = {
    0: Schema(*_HEAD, ("partitions", Array(("topic", String()), ("ids", Array(Int32)))), *_TAIL),
    1: Schema(
        *_HEAD,
        (
            "partitions",
            CompactArray(
                ("topic", CompactString()), ("ids", CompactArray(Int32)), ("tags", TaggedFields)
            ),
        ),
        *_TAIL,
    ),
}


@dataclass(frozen=True, slots=True)
class Open:
    """A transaction that is open in one partition, as the leader of the partition tells it."""

    topic: str
    partition: int
    producer_id: int
    epoch: int
    coordinator_epoch: int
    since_offset: int
    written_ms: int  # when its last record came
    leader: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class Ended:
    """A transaction whose end was written to a partition, as it had been decided."""

    topic: str
    partition: int
    is_commit: bool

    def __str__(self) -> str:
        """In one line, for an operator."""
        outcome = "committed" if self.is_commit else "aborted"
        return f"{self.topic}-{self.partition}: a transaction left open was {outcome}, as decided"


@dataclass(frozen=True, slots=True)
class Mended:
    """What was ended, and what has no end that could be read: readers stop before it."""

    ended: tuple[Ended, ...] = ()
    undecided: tuple[Open, ...] = ()


@dataclass(frozen=True, slots=True)
class _State:
    """One change of a transaction, as its coordinator recorded it."""

    producer_id: int
    status: int
    partitions: frozenset[tuple[str, int]]
    updated_ms: int


class Decisions:
    """What coordinators decided: a fold of `__transaction_state`."""

    def __init__(self) -> None:
        self._latest: dict[int, _State] = {}
        self._decided: dict[tuple[int, str, int], _State] = {}

    def apply(self, value: bytes) -> None:
        """Take in the value of one record, in the order of its partition.

        Raises: LogError at a layout that is not known.
        """
        state = _parse(value)
        self._latest[state.producer_id] = state
        if state.status in _PREPARED:
            for topic, partition in state.partitions:
                self._decided[(state.producer_id, topic, partition)] = state

    def is_under_way(self, one: Open) -> bool:
        """Whether the coordinator itself will end it: by its holder, its time, or its markers."""
        latest = self._latest.get(one.producer_id)
        return (
            latest is not None
            and latest.status in (_ONGOING, *_PREPARED)
            and (one.topic, one.partition) in latest.partitions
        )

    def is_prepared(self, one: Open) -> bool:
        """Whether it is decided and its markers are on their way, so that waiting will do."""
        latest = self._latest.get(one.producer_id)
        return self.is_under_way(one) and latest is not None and latest.status in _PREPARED

    def is_commit(self, one: Open) -> bool | None:
        """Return how it was decided; None if nothing tells.

        A decision is about what was written before it: records that came later belong to none.
        """
        decided = self._decided.get((one.producer_id, one.topic, one.partition))
        if decided is None or decided.updated_ms < one.written_ms:
            return None
        return decided.status == _PREPARE_COMMIT


def _parse(value: bytes) -> _State:
    version = int.from_bytes(value[:2], "big")
    if version not in _LAYOUTS:
        raise LogError(f"{_STATE_TOPIC} has records of an unknown layout: {version}")
    producer_id, _, _, status, listed, updated_ms = _LAYOUTS[version].decode(BytesIO(value[2:]))
    partitions = frozenset((entry[0], number) for entry in listed or () for number in entry[1])
    return _State(producer_id, status, partitions, updated_ms)


# ------------------------------------------------------------------------------ asking a cluster


async def end_abandoned(access: Access) -> Mended:
    """Find and end what was left open; that there is nothing costs one request to each broker.

    Harmless at any time, beside live writers too: what a coordinator still holds is left to it,
    and a partition refuses the marker for a producer of which it knows a newer epoch.
    Raises: LogError, BrokerUnreachableError.
    """
    client = AIOKafkaClient(**access.options())
    try:
        await answered(client.bootstrap(), "asking for open transactions")
        return await _mend(client, access)
    finally:
        await client.close()


async def _mend(client: AIOKafkaClient, access: Access) -> Mended:
    ended: set[Ended] = set()
    undecided: set[Open] = set()
    deadline = time.monotonic() + _ANSWER_SECONDS_MAX
    suspects = await open_now(client)
    while suspects and time.monotonic() < deadline:
        await asyncio.sleep(_SECOND_LOOK_SECONDS)
        suspects &= await open_now(client)
        decisions = await _decisions(client, access) if suspects else Decisions()
        suspects &= await open_now(client)  # what has ended meanwhile was alive
        abandoned = {one for one in suspects if not decisions.is_under_way(one)}
        undecided = {one for one in abandoned if decisions.is_commit(one) is None}
        for one in abandoned - undecided:
            ended |= await _end(client, one, is_commit=bool(decisions.is_commit(one)))
        # Until a look finds that they are gone: a partition that has just come back may refuse.
        suspects = {one for one in suspects if decisions.is_prepared(one)} | abandoned - undecided
    return Mended(tuple(ended), tuple(undecided))


async def open_now(client: AIOKafkaClient) -> set[Open]:
    """Return every transaction that is open in a partition, healthy ones included."""
    deadline = time.monotonic() + _ANSWER_SECONDS_MAX
    while True:
        try:
            return await _open_now(client)
        except KafkaError as error:  # a partition without a leader, for a moment
            if time.monotonic() > deadline:
                raise LogError(f"asking for open transactions: {type(error).__name__}") from error
            await asyncio.sleep(_RETRY_SECONDS)


async def _open_now(client: AIOKafkaClient) -> set[Open]:
    found: set[Open] = set()
    for leader, partitions in (await _by_leader(client)).items():
        asked = [(topic, numbers, NO_TAGS) for topic, numbers in partitions.items()]
        answer = await client.send(leader, DescribeProducers(asked))
        for topic, described, _ in answer.topics:
            for one in described:
                found |= _open_in(topic, one, leader)
    return found


async def _by_leader(client: AIOKafkaClient) -> Mapping[int, Mapping[str, list[int]]]:
    cluster = await client.fetch_all_metadata()
    led: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for topic in cluster.topics(exclude_internal_topics=False):
        for number in cluster.partitions_for_topic(topic) or ():
            leader = cluster.leader_for_partition(TopicPartition(topic, number))
            if leader is None or leader < 0:
                raise LeaderNotAvailableError(f"{topic}-{number}")
            led[leader][topic].append(number)
    return led


def _open_in(topic: str, described: Any, leader: int) -> set[Open]:  # noqa: ANN401 - aiokafka has no types
    number, error, _, producers, _ = described
    if error:
        raise for_code(error)(f"{topic}-{number}")
    return {
        Open(topic, number, producer_id, epoch, coordinator_epoch, since_offset, written_ms, leader)
        for producer_id, epoch, _, written_ms, coordinator_epoch, since_offset, _ in producers
        if since_offset >= 0
    }


async def _decisions(client: AIOKafkaClient, access: Access) -> Decisions:
    """Read all that coordinators have recorded: seconds at most, and seldom needed."""
    cluster = await client.fetch_all_metadata()
    numbers = cluster.partitions_for_topic(_STATE_TOPIC) or ()
    partitions = [TopicPartition(_STATE_TOPIC, number) for number in numbers]
    decisions = Decisions()
    consumer = make_consumer(access, "open-transactions", isolation="read_uncommitted")
    try:
        await answered(consumer.start(), "reading decisions")
        await answered(_fold(consumer, partitions, decisions), "reading decisions")
    finally:
        await close(consumer)
    return decisions


async def _fold(consumer: Any, partitions: Sequence[Any], decisions: Decisions) -> None:  # noqa: ANN401 - aiokafka has no types
    consumer.assign(partitions)
    starts = await consumer.beginning_offsets(partitions)
    ends = await consumer.end_offsets(partitions)
    for partition, start in starts.items():
        consumer.seek(partition, start)
    while [one for one in partitions if await consumer.position(one) < ends[one]]:
        for records in (await consumer.getmany(timeout_ms=200)).values():
            for record in records:
                if record.value is not None:
                    decisions.apply(record.value)


async def _end(client: AIOKafkaClient, one: Open, *, is_commit: bool) -> set[Ended]:
    """Write the marker; nothing where the partition refuses for now, or for good."""
    topics = [(one.topic, [one.partition], NO_TAGS)]
    epoch = max(one.coordinator_epoch, 0)
    marker = (one.producer_id, one.epoch, is_commit, topics, epoch, NO_TAGS)
    answer = await answered(client.send(one.leader, WriteMarkers([marker])), "ending a transaction")
    ((_, written, _),) = answer.markers
    ((_, ((_, code, _),), _),) = written
    error = for_code(code)
    if code and not error.retriable and error is not InvalidProducerEpoch:
        raise LogError(f"ending a transaction in {one.topic}: {error.__name__}")
    return set() if code else {Ended(one.topic, one.partition, is_commit)}
