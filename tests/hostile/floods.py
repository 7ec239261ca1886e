"""One partner floods the running system, the others report as always: what becomes of their wait.

`python -m tests.hostile.floods` starts the whole system, measures three calm partners for a while
by themselves, then beside a partner that writes as fast as the broker lets it, right reports and
rubbish by turns. It prints waits from publish to receipt, their ratio, and what the flood got in.
A second part sends one bad record among ten good ones and counts what became of each.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from aiokafka import AIOKafkaProducer

from anonymiser import keyring
from deploy import registry
from deploy.demo.system import System
from deploy.settings import Settings
from streams.codec import decode
from streams.kafka import KafkaLog
from streams.loop import read_to_end
from streams.restricted import Quarantined, RiskRaised
from streams.topics import DUTY, QUARANTINE, submissions_of
from tests.invented_enclave import onboarded, sealed
from tests.invented_reports import report, unnamed

FLOODER = "flood-homes"
CALM = ("calm-one", "calm-two", "calm-three")
REPORTS_A_SECOND = 4.0
RECEIPT_SECONDS_MAX = 120
POISON_EVERY = 11


def told(partner):
    """A report without anybody's name, so that many stay cheap to link."""
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    return report(
        partner=partner,
        report_id=uuid.uuid4(),
        event_at=at,
        reported_at=at,
        nodes=(unnamed(),),
        relations=(),
        narrative=None,
    )


def quantile(values, share):
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)


async def report_calmly(system, partner, seconds):
    """Return for each report how long its receipt took; an open loop, so no wait hides another."""
    waits, due = [], time.monotonic()
    async with system.partner(partner) as calm:

        async def one():
            began = time.monotonic()
            sent = await calm.submit(told(partner))
            await sent.receipt(RECEIPT_SECONDS_MAX)
            waits.append(time.monotonic() - began)

        tasks = []
        for _ in range(int(seconds * REPORTS_A_SECOND)):
            tasks.append(asyncio.create_task(one()))
            due += 1 / REPORTS_A_SECOND
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        await asyncio.gather(*tasks)
    return waits


async def calm_waits(system, seconds):
    found = await asyncio.gather(*[report_calmly(system, one, seconds) for one in CALM])
    return [wait for waits in found for wait in waits]


async def flood(system, keys, seconds):
    """Write as fast as the broker takes it; return how many records it took."""
    random = Random(3)
    right = [sealed(told(FLOODER), keys) for _ in range(300)]
    rubbish = [random.randbytes(2_000) for _ in range(300)]
    access = system.settings.access(f"partner:{FLOODER}")
    producer = AIOKafkaProducer(**access.options(), linger_ms=5, max_batch_size=200_000)
    await producer.start()
    written, ends, waiting = 0, time.monotonic() + seconds, set()
    while time.monotonic() < ends:
        value = random.choice(right if written % 2 else rubbish)
        sending = await producer.send(submissions_of(FLOODER), value, partition=0)
        waiting.add(sending)
        sending.add_done_callback(waiting.discard)
        written += 1
        if len(waiting) > 2_000:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    taken = written - len(waiting)
    await producer.stop()
    return taken


async def floods(system, keys, seconds):
    """Measure without a flood, then with one."""
    await calm_waits(system, 3)  # what is slow once is no flood's fault
    clean = await calm_waits(system, seconds)
    flooding = asyncio.create_task(flood(system, keys, seconds + 2))
    await asyncio.sleep(1)
    beside = await calm_waits(system, seconds)
    taken = await flooding
    urgent = await urgent_behind_a_flood(system)
    return {
        "calm_reports": len(clean),
        "clean_p50": quantile(clean, 0.5),
        "clean_p99": quantile(clean, 0.99),
        "flooded_p50": quantile(beside, 0.5),
        "flooded_p99": quantile(beside, 0.99),
        "p50_ratio": round(quantile(beside, 0.5) / quantile(clean, 0.5), 2),
        "p99_ratio": round(quantile(beside, 0.99) / quantile(clean, 0.99), 2),
        "urgent_behind_flood_seconds": urgent,
        "flood_records": taken,
        "flood_records_a_second": round(taken / (seconds + 2)),
    }


async def urgent_behind_a_flood(system):
    """Report a risk behind the flood's own backlog; seconds to a human, and to its receipt."""
    async with system.partner(FLOODER) as partner:
        began = time.monotonic()
        sent = await partner.submit(replace(told(FLOODER), immediate_risk=True))
        log = KafkaLog(system.settings.access("supervisor"), client_id="test-floods")
        alarmed = None
        while alarmed is None:
            risks = [one async for batch in read_to_end(log, (DUTY,)) for one in batch]
            if any(decode(one.value, RiskRaised).report_id == sent.report_id for one in risks):
                alarmed = time.monotonic() - began
            await asyncio.sleep(0.2)
        await log.stop()
        await sent.receipt(RECEIPT_SECONDS_MAX)
        return {"alarm": round(alarmed, 2), "receipt": round(time.monotonic() - began, 2)}


async def poison(system, keys, records):
    """Send one bad record after ten good ones, all from one partner; count what became of them."""
    random, partner = Random(5), CALM[0]
    access = system.settings.access(f"partner:{partner}")
    before = await count(system, QUARANTINE, Quarantined, partner)
    bad = 0
    producer = AIOKafkaProducer(**access.options())
    async with system.partner(partner) as calm:
        await producer.start()
        sent = []
        for number in range(records):
            if number % POISON_EVERY == POISON_EVERY - 1:
                bad += 1
                value = random.choice(
                    (b"", random.randbytes(500), sealed(told(partner), keys)[:-9])
                )
                await producer.send_and_wait(submissions_of(partner), value, partition=0)
            else:
                sent.append(await calm.submit(told(partner)))
        outcomes = [(await one.receipt(RECEIPT_SECONDS_MAX)).outcome.value for one in sent]
        await producer.stop()
    kept = await count(system, QUARANTINE, Quarantined, partner) - before
    shared = outcomes.count("SHARED")
    return {"good": len(sent), "shared": shared, "bad": bad, "quarantine_records": kept}


async def count(system, topic, cls, partner):
    log = KafkaLog(system.settings.access("supervisor"), client_id="test-floods")
    try:
        of_all = [
            decode(one.value, cls) async for batch in read_to_end(log, (topic,)) for one in batch
        ]
        return sum(one.partner == partner for one in of_all)
    finally:
        await log.stop()


async def run(home, seconds, records):
    """Start everything, measure, stop."""
    system = System(Settings(home=home))
    try:
        await system.start()
        partners = (FLOODER, *CALM)
        await registry.onboard(system.settings, map(onboarded, partners))
        await registry.wait_until_served(system.settings, partners)
        keys = keyring.load(system.settings.keys_dir)
        found = {"poison": await poison(system, keys, records)}
        found["floods"] = await floods(system, keys, seconds)
        found["duty_alarms_of_the_flood"] = await count(system, DUTY, RiskRaised, FLOODER)
        return found
    finally:
        system.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=25)
    parser.add_argument("--records", type=int, default=550)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(run(Path(folder) / "home", asked.seconds, asked.records))
    sys.stdout.write(json.dumps(found, indent=1) + "\n")
    one = found["poison"]
    return 0 if (one["shared"], one["quarantine_records"]) == (one["good"], one["bad"]) else 1


if __name__ == "__main__":
    sys.exit(main())
