"""A process that runs a numbering stage and dies where it is told; started by test_kafka_loop.

Usage: crashing_stage.py BOOTSTRAP RUN [--die METHOD:before|after:COUNT] [--apart]

`--apart` is the control: output and positions in two transactions, which must show.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from datetime import timedelta

from aiokafka import AIOKafkaProducer

from deploy.settings import Settings
from streams.kafka import KafkaLog
from streams.kafka.sink import KafkaSink
from streams.loop import StageRunner
from streams.ports import Outgoing

EXIT_DIED = 9
BATCH = 10
SOON = timedelta(milliseconds=200)


class Numbering:
    """Gives every record the next number; a lost or doubled one breaks the series."""

    reference_topics = ()

    def __init__(self, run):
        self.name = f"numbering-{run}"
        self.sources = (f"{run}.in",)
        self.state_topics = (f"{run}.out",)
        self._count = 0

    def learn(self, records):
        """There is no reference data."""

    def recover(self, records):
        self._count += len(records)

    def step(self, records):
        return [self._number(record) for record in records]

    def _number(self, record):
        self._count += 1
        return Outgoing(self.state_topics[0], b"%d:%s" % (self._count, record.value))


def die_at(method, when, count):
    """Let the process die at the nth call of a producer's method, leaving no time to tidy up."""
    original, calls = getattr(AIOKafkaProducer, method), 0

    async def counted(self, *args, **kwargs):
        nonlocal calls
        calls += 1
        if calls == count and when == "before":
            os._exit(EXIT_DIED)
        result = await original(self, *args, **kwargs)
        if calls == count:
            os._exit(EXIT_DIED)
        return result

    setattr(AIOKafkaProducer, method, counted)


def commit_apart():
    together = KafkaSink.commit

    async def apart(self, outgoing, positions):
        await together(self, outgoing, {})
        await together(self, [], positions)

    KafkaSink.commit = apart


async def run(name):
    log = KafkaLog(Settings().access("supervisor"), client_id="crashing")
    runner = StageRunner(Numbering(name), log)
    await runner.start()
    (topic,) = runner.positions()
    end = (await log.ends([topic]))[topic]
    while runner.positions()[topic] < end:
        await runner.turn(SOON, BATCH)
    await runner.stop()
    await log.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("run")
    parser.add_argument("--die")
    parser.add_argument("--apart", action="store_true")
    options = parser.parse_args()
    if options.apart:
        commit_apart()
    if options.die:
        method, when, count = options.die.split(":")
        die_at(method, when, int(count))
    asyncio.run(run(options.run))


if __name__ == "__main__":
    main()
