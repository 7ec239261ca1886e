"""What only a real broker can show: open and aborted transactions, deleted records, absence."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete

from streams.errors import (
    BrokerUnreachableError,
    CommitFailedError,
    LogError,
    LogTruncatedError,
    MissingTopicError,
    RetentionGapError,
)
from streams.kafka import Access, KafkaLog, connection
from streams.ports import Outgoing

SOON = timedelta(milliseconds=200)
NOBODY_LISTENS = "127.0.0.1:9"


@pytest.fixture
async def admin(broker):
    client = AIOKafkaAdminClient(**broker.access("supervisor").options())
    await client.start()
    yield client
    await client.close()


@pytest.fixture
async def topic(admin):
    name = f"log.{uuid.uuid4().hex[:8]}"
    await admin.create_topics(
        [NewTopic(name, 1, 1, topic_configs={"max.message.bytes": "1048576"})]
    )
    return name


@pytest.fixture
async def log(broker):
    log = KafkaLog(broker.access("supervisor"), client_id="integration")
    yield log
    await log.stop()


@pytest.fixture
async def foreign_producer(broker):
    """A transactional writer outside our port, to leave transactions as a crash would."""
    producer = AIOKafkaProducer(
        **broker.access("supervisor").options(), transactional_id=f"foreign-{uuid.uuid4().hex[:8]}"
    )
    await producer.start()
    yield producer
    await producer.stop()


@pytest.fixture
def impatient(monkeypatch):
    """A topic just made may take a moment to be known; here none is being made."""
    monkeypatch.setattr(connection, "_TOPIC_PATIENCE_SECONDS", 0.2)


async def read(log, topic):
    source = log.source()
    await source.start({topic: 0})
    end = (await source.ends())[topic]
    values = []
    while source.position(topic) < end:
        values += [record.value for record in await source.poll(100, SOON)]
    values += [record.value for record in await source.poll(100, SOON)]  # nothing hides behind
    position, end = source.position(topic), (await source.ends())[topic]
    await source.stop()
    return values, position, end


@pytest.mark.kafka
async def test_an_open_transaction_hides_itself_and_everything_behind_it(
    log, topic, foreign_producer
):
    await log.append([Outgoing(topic, b"before")])
    await foreign_producer.begin_transaction()
    await foreign_producer.send_and_wait(topic, b"open", partition=0)
    await log.append([Outgoing(topic, b"behind")])

    assert await read(log, topic) == ([b"before"], 1, 1)

    await foreign_producer.commit_transaction()
    assert await read(log, topic) == ([b"before", b"open", b"behind"], 4, 4)


@pytest.mark.kafka
async def test_an_aborted_transaction_is_passed_over(log, topic, foreign_producer):
    await foreign_producer.begin_transaction()
    await foreign_producer.send_and_wait(topic, b"aborted", partition=0)
    await foreign_producer.abort_transaction()
    await log.append([Outgoing(topic, b"after")])

    assert await read(log, topic) == ([b"after"], 3, 3)


@pytest.mark.kafka
async def test_a_dead_holders_open_transaction_ends_when_its_successor_starts(log, topic):
    dead = log.sink("dead-" + topic, "group-" + topic, [topic])
    await dead.start()
    await dead._producer.begin_transaction()
    await dead._producer.send_and_wait(topic, b"half done", partition=0)
    offsets = {TopicPartition(topic, 0): 9}
    await dead._producer.send_offsets_to_transaction(offsets, "group-" + topic)

    successor = log.sink("dead-" + topic, "group-" + topic, [topic])
    assert await successor.start() == {}
    await successor.commit([Outgoing(topic, b"done")], {topic: 1})

    values, _, _ = await read(log, topic)
    assert values == [b"done"]
    await successor.stop()
    await dead.stop()


@pytest.mark.kafka
async def test_records_deleted_before_they_were_read_are_an_error(log, topic, admin):
    await log.append([Outgoing(topic, b"%d" % n) for n in range(5)])
    await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=3)})
    source = log.source()
    await source.start({topic: 1})

    with pytest.raises(RetentionGapError, match="1 to 3"):
        await _poll_until_something(source)
    await source.stop()


@pytest.mark.kafka
async def test_a_position_beyond_the_end_is_an_error(log, topic):
    source = log.source()
    await source.start({topic: 50})

    with pytest.raises(LogTruncatedError):
        await _poll_until_something(source)
    await source.stop()


@pytest.mark.kafka
async def test_a_missing_topic_is_named(log, impatient):
    with pytest.raises(MissingTopicError, match=r"no\.such\.topic"):
        await log.source().start({"no.such.topic": 0})
    with pytest.raises(MissingTopicError, match=r"no\.such\.topic"):
        await log.append([Outgoing("no.such.topic", b"x")])
    with pytest.raises(MissingTopicError, match=r"no\.such\.topic"):
        await log.ends(["no.such.topic"])


@pytest.mark.kafka
async def test_writing_to_a_missing_topic_kills_the_sink(log, topic, impatient):
    sink = log.sink("missing-" + topic, "missing-" + topic, [topic])
    await sink.start()

    with pytest.raises(CommitFailedError, match=r"no\.such\.topic"):
        await sink.commit([Outgoing("no.such.topic", b"x")], {topic: 1})

    await sink.stop()
    again = log.sink("missing-" + topic, "missing-" + topic, [topic])
    assert await again.start() == {}
    await again.stop()


@pytest.mark.kafka
async def test_a_record_that_is_too_large_fails_the_whole_transaction(log, topic):
    sink = log.sink("large-" + topic, "large-" + topic, [topic])
    await sink.start()

    with pytest.raises(CommitFailedError, match="MessageSizeTooLarge"):
        await sink.commit(
            [Outgoing(topic, b"small"), Outgoing(topic, bytes(1_100_000))], {topic: 1}
        )

    await sink.stop()
    again = log.sink("large-" + topic, "large-" + topic, [topic])
    assert await again.start() == {}
    await again.stop()
    assert (await read(log, topic))[0] == []


@pytest.mark.kafka
async def test_a_large_record_travels_alone(log, topic):
    large = bytes(900_000)
    sink = log.sink("large-" + topic, "large-" + topic, [])
    await sink.start()

    await sink.commit([Outgoing(topic, b"a"), Outgoing(topic, large), Outgoing(topic, b"b")], {})

    assert (await read(log, topic))[0] == [b"a", large, b"b"]
    await sink.stop()


@pytest.mark.kafka
async def test_appending_side_by_side_loses_nothing(log, topic):
    await asyncio.gather(*[log.append([Outgoing(topic, b"%d" % n)]) for n in range(50)])

    values, _, _ = await read(log, topic)
    assert sorted(map(int, values)) == list(range(50))


@pytest.mark.kafka
async def test_an_append_that_is_given_up_leaves_the_others_alone(log, topic):
    await log.append([Outgoing(topic, b"warm")])
    appends = [asyncio.create_task(log.append([Outgoing(topic, b"%d" % n)])) for n in range(200)]
    await asyncio.sleep(0)

    appends[0].cancel()

    async with asyncio.timeout(5):
        placed = await asyncio.gather(*appends[1:])
    assert len({one.offset for (one,) in placed}) == 199
    with pytest.raises(asyncio.CancelledError):
        await appends[0]


@pytest.mark.kafka
async def test_an_append_that_fails_lets_no_other_wait_for_ever(log, topic):
    """The hole it leaves in the sequence may fail others; sent again they go through."""
    too_large = log.append([Outgoing(topic, bytes(1_100_000))])
    others = [log.append([Outgoing(topic, b"%d" % n)]) for n in range(400)]

    async with asyncio.timeout(5):
        failed, *outcomes = await asyncio.gather(too_large, *others, return_exceptions=True)
        again = [n for n, one in enumerate(outcomes) if isinstance(one, LogError)]
        await asyncio.gather(*[log.append([Outgoing(topic, b"%d" % n)]) for n in again])

    assert isinstance(failed, LogError)
    assert {type(one) for one in outcomes} <= {list, LogError}
    values, _, _ = await read(log, topic)
    assert {int(value) for value in values} == set(range(400))


async def test_without_a_broker_every_door_says_so():
    log = KafkaLog(Access(NOBODY_LISTENS), client_id="alone", patience=timedelta(milliseconds=300))

    with pytest.raises(BrokerUnreachableError, match=NOBODY_LISTENS):
        await log.source().start({"any": 0})
    with pytest.raises(BrokerUnreachableError, match=NOBODY_LISTENS):
        await log.sink("any", "any", ["any"]).start()
    with pytest.raises(BrokerUnreachableError, match=NOBODY_LISTENS):
        await log.append([Outgoing("any", b"x")])
    with pytest.raises(BrokerUnreachableError, match=NOBODY_LISTENS):
        await log.ends(["any"])
    await log.stop()


async def _poll_until_something(source):
    for _ in range(50):
        if records := await source.poll(10, SOON):
            return records
    return []
