"""Deadlines on a real broker: told once, whoever restarts, and whoever comes back from the dead."""

from __future__ import annotations

import asyncio
import gc
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from consumers.safeguarding import Safeguarding
from consumers.store import ProjectionStore
from consumers.worker import ProjectionRunner
from deploy.broker import LocalBroker
from deploy.settings import Settings
from deploy.topics import ensure_topics
from deploy.views import now
from streams.codec import decode, encode
from streams.errors import DecodeError, FencedError
from streams.kafka import KafkaLog
from streams.loop import IDLE_WAIT, read_to_end
from streams.ocg import DeadlinePassed
from streams.ports import Outgoing
from streams.topics import HUB_DECISIONS, SAFEGUARDING, SHARED_TOPICS
from tests.invented_hub import a_child, a_group, assessed, claimed

pytestmark = pytest.mark.kafka
PATIENCE_SECONDS = 30


class Life:
    """One process of the projection, hours ahead of the broker."""

    def __init__(self, settings, stack, hours):
        self.log = KafkaLog(settings.access("safeguarding"), client_id="test-deadlines")
        stack.push_async_callback(self.log.stop)
        self.projection = Safeguarding()
        self.store = ProjectionStore.in_memory(self.projection)
        ahead = timedelta(hours=hours)
        self.runner = ProjectionRunner(
            self.projection, self.store, self.log, clock=lambda: now() + ahead
        )
        stack.push_async_callback(self.runner.stop)

    async def until(self, count):
        """Take turns until so many deadlines were folded, and a few more."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.projection.deadlines._told) < count:
                await self.runner.turn(IDLE_WAIT)
        for _ in range(3):
            await self.runner.turn(IDLE_WAIT)
        return self

    async def passed(self):
        """Return id and subject of each deadline that stands on the topic."""
        found = []
        async for records in read_to_end(self.log, (HUB_DECISIONS,)):
            for record in records:
                try:
                    event = decode(record.value, DeadlinePassed)
                except DecodeError:
                    continue
                found.append((event.deadline_id, event.subject_id))
        return found


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    made = Settings(home=tmp_path_factory.mktemp("deadlines"))
    made.make_folders()
    with LocalBroker(made):
        asyncio.run(ensure_topics(made, SHARED_TOPICS))
        yield made
    gc.collect()  # or what the clients leave is collected amid whatever is compiled next


async def test_on_a_broker_a_deadline_is_told_once_by_whoever_holds_the_topic(settings):
    async with AsyncExitStack() as stack:
        first = Life(settings, stack, hours=5)
        await _write(settings, SAFEGUARDING, a_group(), a_child())
        await first.runner.start()
        await first.until(2)
        assert len(await first.passed()) == 2

        second = Life(settings, stack, hours=5)  # from the log alone, as if the store were lost
        await second.runner.start()
        await second.until(2)
        assert len(await second.passed()) == 2
        assert second.store.state_hash() == first.store.state_hash()

        await _write(settings, SAFEGUARDING, a_child(child="other", report="other"))
        with pytest.raises(FencedError):  # the first does not know that it was replaced
            await first.until(4)
        await second.until(4)
        every = await second.passed()
        assert len(every) == len(set(every)) == 4


async def test_on_a_broker_what_people_did_before_the_start_is_not_told_as_overdue(settings):
    async with AsyncExitStack() as stack:
        first = Life(settings, stack, hours=0)
        await first.runner.start()
        while await first.runner.turn(IDLE_WAIT):
            pass
        before = set(first.projection.hub.facts)
        await _write(settings, SAFEGUARDING, a_group("h"), a_child("h"))
        while set(first.projection.hub.facts) == before:
            await first.runner.turn(IDLE_WAIT)
        await first.runner.stop()
        (alert,) = set(first.projection.hub.facts) - before
        await _write(settings, HUB_DECISIONS, claimed(alert), assessed(alert))

        late = Life(settings, stack, hours=99)
        await late.runner.start()
        for _ in range(24):
            await late.runner.turn(IDLE_WAIT, limit=1)
        assert late.projection.hub.lives.life(alert).level == 3
        assert alert not in {subject for _, subject in await late.passed()}


async def _write(settings, topic, *events):
    values = (one.safeguarding() if topic == SAFEGUARDING else one for one in events)
    log = KafkaLog(settings.access("supervisor"), client_id="test-evidence")
    await log.append([Outgoing(topic, encode(one)) for one in values])
    await log.stop()
