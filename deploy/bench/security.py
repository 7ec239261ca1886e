"""What mutual TLS and permissions cost: two brokers side by side, the same work in turns."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from deploy.bench.meter import cpu_seconds
from deploy.bench.run import machine
from deploy.broker import LocalBroker
from deploy.settings import Settings
from deploy.topics import ensure_topics
from streams.kafka import KafkaLog
from streams.ports import Outgoing
from streams.topics import TopicSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from streams.ports import Sink, Source

TOPIC: Final = TopicSpec("bench.security", writers=(), readers=(), events=())
#: About what a tokenised report weighs, and how many of them share a transaction under load.
RECORD_BYTES: Final = 1_100
BATCH: Final = 200
BATCHES: Final = 50
SINGLES: Final = 50
_WAIT: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Round:
    """One round on one broker: records a second, CPU on both sides, one record's way."""

    records_per_second: float
    client_cpu_us_per_record: float
    broker_cpu_us_per_record: float
    commit_to_read_ms: float


def measure_security(rounds: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Return figures with certificates and in plain text, and their ratio."""
    with TemporaryDirectory(prefix="rivelin-bench-") as folder, ExitStack() as stack:
        ways = {"plain text": True, "mutual TLS": False}
        brokers = {
            way: stack.enter_context(
                LocalBroker(Settings(home=Path(folder) / way.replace(" ", "-")), plain_text=plain)
            )
            for way, plain in ways.items()
        }
        found = asyncio.run(_rounds(brokers, rounds, say))
    both = {way: _medians(one) for way, one in found.items()}
    plain, secured = both["plain text"], both["mutual TLS"]
    ratios = {name: round(secured[name] / plain[name], 2) for name in plain}
    return {**machine(), "rounds": rounds, **both, "ratio": ratios}


async def _rounds(
    brokers: Mapping[str, LocalBroker], rounds: int, say: Callable[[str], None]
) -> dict[str, list[Round]]:
    """In turns, so that whatever else the machine does falls upon both."""
    found: dict[str, list[Round]] = {way: [] for way in brokers}
    for broker in brokers.values():
        await ensure_topics(broker.settings, [TOPIC])
    for number in range(rounds + 1):
        say(f"round {number} of {rounds}" if number else "a round to warm up, not counted")
        for way, broker in brokers.items():
            one = await _round(broker)
            if number:
                found[way].append(one)
    return found


async def _round(broker: LocalBroker) -> Round:
    log = KafkaLog(broker.access("supervisor"), client_id="rivelin-bench")
    sink, source = log.sink("rivelin-bench", "", ()), log.source()
    try:
        await sink.start()
        await source.start(await log.ends((TOPIC.name,)))
        pids = (os.getpid(), broker.pid)
        before, began = [cpu_seconds(pid) for pid in pids], time.monotonic()
        await _many(sink, source)
        seconds = time.monotonic() - began
        client, node = (cpu_seconds(pid) - then for pid, then in zip(pids, before, strict=True))
        singles = [await _single(sink, source) for _ in range(SINGLES)]
    finally:
        await source.stop()
        await sink.stop()
        await log.stop()
    records = BATCH * BATCHES
    return Round(
        records / seconds, client / records * 1e6, node / records * 1e6, median(singles) * 1_000
    )


async def _many(sink: Sink, source: Source) -> None:
    """Commit batch after batch, then read them all."""
    batch = [Outgoing(TOPIC.name, os.urandom(RECORD_BYTES)) for _ in range(BATCH)]
    for _ in range(BATCHES):
        await sink.commit(batch, {})
    left = BATCH * BATCHES
    while left:
        left -= len(await source.poll(left, _WAIT))


async def _single(sink: Sink, source: Source) -> float:
    """Return the seconds from the commit of one record until a reader has it."""
    began = time.monotonic()
    await sink.commit([Outgoing(TOPIC.name, os.urandom(RECORD_BYTES))], {})
    while not await source.poll(1, _WAIT):
        pass
    return time.monotonic() - began


def _medians(rounds: list[Round]) -> dict[str, float]:
    return {
        "records_per_second": round(median(one.records_per_second for one in rounds)),
        "client_cpu_us_per_record": round(median(one.client_cpu_us_per_record for one in rounds)),
        "broker_cpu_us_per_record": round(median(one.broker_cpu_us_per_record for one in rounds)),
        "commit_to_read_ms": round(median(one.commit_to_read_ms for one in rounds), 1),
    }
