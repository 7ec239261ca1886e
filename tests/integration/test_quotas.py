"""A partner that writes more than it may is slowed by the broker, and nobody else is."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import pytest
from aiokafka import AIOKafkaProducer

from deploy.admission import admit
from deploy.quotas import PARTNER_LIMITS, Limited, ensure_quotas, wanted
from deploy.topics import ensure_topics
from streams.kafka import KafkaLog
from streams.ports import Outgoing
from streams.topics import partner_topics, submissions_of

FLOODER, NEIGHBOUR = "flood-homes", "calm-homes"
TIGHT = PARTNER_LIMITS | {"producer_byte_rate": 64.0 * 1024}
RECORDS, RECORD_BYTES = 32, 32 * 1024
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def limited(broker):
    asyncio.run(_let_in(broker.settings))
    yield broker.settings
    asyncio.run(ensure_quotas(broker.settings, "supervisor", NOW))


async def _let_in(settings):
    for partner in (FLOODER, NEIGHBOUR):
        await ensure_topics(settings, partner_topics(partner))
    await admit(settings, (FLOODER, NEIGHBOUR), NOW)
    assert await ensure_quotas(settings, "supervisor", NOW, TIGHT) == 1
    assert await ensure_quotas(settings, "supervisor", NOW, TIGHT) == 0


async def seconds_to_write(access, topic, records):
    producer = AIOKafkaProducer(**access.options(), max_batch_size=64 * 1024)
    await producer.start()
    began = time.monotonic()
    for _ in range(records):
        await producer.send_and_wait(topic, bytes(RECORD_BYTES), partition=0)
    spent = time.monotonic() - began
    await producer.stop()
    return spent


async def test_a_flood_is_slowed_and_its_neighbour_is_not(limited):
    flooding = asyncio.create_task(
        seconds_to_write(limited.access(f"partner:{FLOODER}"), submissions_of(FLOODER), RECORDS)
    )
    await asyncio.sleep(0.5)
    neighbour = limited.access(f"partner:{NEIGHBOUR}")
    beside = await seconds_to_write(neighbour, submissions_of(NEIGHBOUR), 4)
    own = await seconds_to_write(limited.access("supervisor"), submissions_of(NEIGHBOUR), RECORDS)
    flooded = await flooding
    assert flooded > 3
    assert flooded > 3 * own
    assert flooded > 3 * beside


async def test_whoever_floods_is_told_why_it_waits(limited, caplog):
    log = KafkaLog(limited.access(f"partner:{FLOODER}"), client_id="test-quotas")
    one = Outgoing(submissions_of(FLOODER), bytes(RECORD_BYTES))
    for _ in range(RECORDS // 2):
        await log.append([one])
    await log.stop()
    told = [record.getMessage() for record in caplog.records if record.name == "rivelin.writing"]
    assert 1 <= len(told) <= 3
    assert "nothing is lost" in told[0]


def test_whoever_is_not_known_is_limited_and_no_role_is(limited):
    from deploy.pki import Pki  # noqa: PLC0415 - one caller

    asked = wanted(Pki(limited.pki_dir).issued(), NOW)
    assert asked[Limited(None)] == PARTNER_LIMITS
    assert not any(str(one.name).startswith("partner:") for one in asked)
    free = [what for who, what in asked.items() if who.name]
    assert {who.name.partition(".")[0] for who in asked if who.name} > {"gate", "supervisor"}
    assert all(limit > 1e9 for what in free for limit in what.values())
