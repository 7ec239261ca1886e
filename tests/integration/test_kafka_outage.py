"""The broker dies in mid-run and comes back: stages wait or start anew, and nothing is lost."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.broker import LocalBroker
from deploy.settings import Settings
from streams.errors import RivelinError
from streams.kafka import KafkaLog
from streams.loop import StageRunner, read_to_end
from streams.ports import Outgoing

RECORDS = 200
WAIT = timedelta(milliseconds=200)


class Numbering:
    name = "numbering"
    sources = ("in",)
    state_topics = ("out",)
    reference_topics = ()

    def __init__(self):
        self._count = 0

    def learn(self, records):
        """There is no reference data."""

    def recover(self, records):
        self._count += len(records)

    def step(self, records):
        return [self._number(record) for record in records]

    def _number(self, record):
        self._count += 1
        return Outgoing("out", b"%d:%s" % (self._count, record.value))


class Supervised:
    """What the supervisor does: a stage that failed is started anew from what was committed."""

    def __init__(self, log):
        self._log = log
        self.lives = 0

    async def run(self, stop):
        while not stop.is_set():
            self.lives += 1
            runner = StageRunner(Numbering(), self._log)
            try:
                await runner.start()
                await runner.run_forever(stop)
            except RivelinError:
                await asyncio.sleep(0.5)
            finally:
                await runner.stop()


@pytest.fixture
async def mortal_broker(tmp_path):
    # Beside the loop: the first broker of a machine runs once before, to train its archive.
    node = await asyncio.to_thread(LocalBroker, Settings(home=tmp_path / "home"))
    await node.start_async()
    admin = AIOKafkaAdminClient(**node.access("supervisor").options())
    await admin.start()
    await admin.create_topics([NewTopic("in", 1, 1), NewTopic("out", 1, 1)])
    await admin.close()
    yield node
    await asyncio.to_thread(node.close)


def kill_outside_the_window(node):
    """Block the loop until the markers of what was answered are written, then kill: ADR 0011."""
    time.sleep(0.3)
    node.kill()


async def send(log, numbers):
    """As a partner does: what is not acknowledged is sent again, so `in` may hold doubles."""
    for number in numbers:
        await asyncio.sleep(0.01)
        while True:
            try:
                await log.append([Outgoing("in", b"%d" % number)])
                break
            except RivelinError:
                await asyncio.sleep(0.2)


async def values(log, topic):
    return [record.value async for batch in read_to_end(log, [topic]) for record in batch]


@pytest.mark.kafka
async def test_a_broker_killed_in_mid_run_costs_nothing_but_time(mortal_broker):
    log = KafkaLog(mortal_broker.access("supervisor"), client_id="test")
    stop, supervised = asyncio.Event(), Supervised(log)
    running = asyncio.create_task(supervised.run(stop))
    sending = asyncio.create_task(send(log, range(RECORDS)))
    await asyncio.sleep(1.5)

    kill_outside_the_window(mortal_broker)
    assert not sending.done()
    await asyncio.sleep(2)
    await mortal_broker.start_async()

    async with asyncio.timeout(90):
        await sending
        fed = await values(log, "in")
        expected = [b"%d:%s" % (n, value) for n, value in enumerate(fed, start=1)]
        while await values(log, "out") != expected:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.2)
    stop.set()
    await asyncio.wait_for(running, 10)
    await log.stop()
    assert list(dict.fromkeys(fed)) == [b"%d" % n for n in range(RECORDS)]


@pytest.mark.kafka
async def test_appends_under_way_when_a_broker_dies_all_come_to_an_end(mortal_broker):
    log = KafkaLog(mortal_broker.access("supervisor"), client_id="test")
    await log.append([Outgoing("in", b"warm")])
    senders = [asyncio.create_task(send(log, range(n, 2_000, 40))) for n in range(40)]
    await asyncio.sleep(0.3)

    mortal_broker.kill()
    assert not all(sender.done() for sender in senders)
    await asyncio.sleep(1)
    await mortal_broker.start_async()

    async with asyncio.timeout(40):
        await asyncio.gather(*senders)
        found = set(await values(log, "in"))
    await log.stop()
    assert found == {b"warm", *(b"%d" % n for n in range(2_000))}
