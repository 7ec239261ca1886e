"""The linker and its store over a real broker: what is folded after a stop and after a kill."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from anonymiser.keyring import new_keys
from anonymiser.linker.stage import Linker
from anonymiser.linker.store import LinkStore
from deploy.bench.linking import Reports
from deploy.topics import ensure_topics
from streams.kafka import KafkaLog
from streams.loop import StageRunner
from streams.ports import Outgoing
from streams.topics import REPORT_KEYS, RESOLUTIONS, SHARED_TOPICS, TOKENISED
from tests.elsewhere import elsewhere
from tests.linker_memory import remembered

pytestmark = pytest.mark.kafka


class CountingLinker(Linker):
    decisions = 0

    def recover(self, records):
        self.decisions += sum(record.topic == RESOLUTIONS for record in records)
        super().recover(records)


async def started(log, keys, path):
    store = LinkStore.open(path, "live", datetime.now(UTC), spacing=3600.0)
    linker = CountingLinker(keys, store=store)
    runner = StageRunner(linker, log)
    await runner.start()
    return linker, runner


async def drained(runner, log):
    """Other tests may have left more on this node's topics than one turn finds at once."""
    end = (await log.ends((TOKENISED,)))[TOKENISED]
    while runner.positions()[TOKENISED] < end:
        await runner.turn()


async def test_only_what_the_store_lacks_is_folded_from_kafka(broker, tmp_path):
    settings = elsewhere(broker, tmp_path / "home")
    await ensure_topics(settings, SHARED_TOPICS)
    log, keys, path = (
        KafkaLog(broker.access("supervisor"), "live"),
        new_keys(),
        tmp_path / "linker.sqlite",
    )
    told, wrapped = Reports(keys).sealed(0, 40)
    reports = [Outgoing(TOKENISED, one.value) for one in told]
    await log.append([Outgoing(REPORT_KEYS, one.value, one.key) for one in wrapped])
    await log.append(reports[:30])
    linker, runner = await started(log, keys, path)
    await drained(runner, log)
    before = remembered(linker)
    await runner.stop()

    linker, runner = await started(log, keys, path)
    assert linker.decisions == 1, "the last decision is looked at once more"
    assert remembered(linker) == before
    await log.append(reports[30:])
    await drained(runner, log)
    before = remembered(linker)
    runner._is_settled = False  # killed: nothing more is kept
    await runner.stop()

    linker, runner = await started(log, keys, path)
    assert linker.decisions == 1 + 2 * 10
    assert remembered(linker) == before
    await runner.stop()
    await log.stop()
