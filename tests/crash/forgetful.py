"""The node is killed between a decision and its markers until it has forgotten often enough.

    python -m tests.crash.forgetful --hits 20 [--minutes 20] [--json]

What docs/adr/0011 tells, on a real node: a proxy holds the markers of a transaction back, the
node is killed, and in a part of the trials it comes back with the transaction complete for its
coordinator and open in its partitions. Every other trial it is an abort. Each time it is mended
and read: what was committed is there once, in every partition, with its position; what was
aborted is nowhere. A topic of many partitions makes the node slower to change its mind, so that
it forgets more often.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams.kafka import KafkaLog
from streams.kafka.connection import partition_of
from streams.loop import read_to_end
from streams.ports import Outgoing
from tests.crash.cluster import Cluster
from tests.crash.proxy import Api
from tests.crash.shown import hush

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.crash.proxy import Frame

OUTPUTS = ("copied.one", "copied.two", "copied.three")
SOURCE = "copied.in"
NAME = "copier"
_PADDING_PARTITIONS = 300
_HELD_SECONDS = 60.0
_MARKED_SECONDS_MAX = 10.0


class Markers:
    """Lets markers pass until told otherwise; then those of the next decision are held."""

    def __init__(self) -> None:
        self._is_armed = self._holds = False
        self.count = 0

    def __call__(self, frame: Frame) -> float:
        """Return for how long to hold a request."""
        if self._is_armed and frame.api in (Api.END_TXN, Api.INIT_PRODUCER_ID):
            self._holds = True
        if self._holds and frame.api == Api.WRITE_MARKERS:
            self.count += 1
            return _HELD_SECONDS
        return 0.0

    def arm(self) -> None:
        """Hold what is decided from the next request on."""
        self._is_armed = True

    def release(self) -> None:
        """Let everything pass again."""
        self._is_armed = self._holds = False
        self.count = 0


@dataclass
class Tally:
    """What a run has shown."""

    trials: int = 0
    commits_forgotten: int = 0
    aborts_forgotten: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def hits(self) -> int:
        """How often the node forgot."""
        return self.commits_forgotten + self.aborts_forgotten


class Rig:
    """One node behind a proxy, and one writer after the other."""

    def __init__(self, cluster: Cluster, markers: Markers) -> None:
        self._cluster = cluster
        self._markers = markers
        self._log = KafkaLog(cluster.access, client_id="rig")
        self._number = 0
        self._committed: list[int] = []

    async def prepare(self) -> None:
        """Make the topics."""
        await self._cluster.make_topics(SOURCE, *OUTPUTS)
        admin = AIOKafkaAdminClient(**self._cluster.access.options())
        await admin.start()
        await admin.create_topics([NewTopic("padding", _PADDING_PARTITIONS, 1)])
        await admin.close()
        await self._cluster.is_whole()

    async def trial(self, tally: Tally, *, is_commit: bool) -> None:
        """Decide, kill before the markers, start, mend, and compare."""
        sink = self._log.sink(NAME, NAME, [SOURCE])
        await sink.start()
        await self._write(sink)
        decide = self._commit_held if is_commit else self._abort_held
        await decide(sink)
        self._cluster.kill()
        self._markers.release()
        self._cluster.proxies[0].reset()
        await sink.stop()
        await self._log.stop()
        mended = await self._cluster.restart()
        self._log = KafkaLog(self._cluster.access, client_id="rig")
        tally.trials += 1
        if mended is not None and mended.ended:
            tally.commits_forgotten += is_commit
            tally.aborts_forgotten += not is_commit
        tally.wrong += await self._wrong()

    async def stop(self) -> None:
        """Close the log."""
        await self._log.stop()

    async def _write(self, sink) -> None:
        self._number += 1
        outgoing = [Outgoing(topic, b"%d" % self._number) for topic in OUTPUTS]
        await sink.commit(outgoing, {SOURCE: self._number})
        self._committed.append(self._number)

    async def _commit_held(self, sink) -> None:
        await self._log.settled(OUTPUTS)
        self._markers.arm()
        await self._write(sink)

    async def _abort_held(self, sink) -> None:
        """A writer dies within a transaction; its successor has it aborted."""
        self._number += 1
        producer = sink._producer
        await producer.begin_transaction()
        for topic in OUTPUTS:
            await producer.send_and_wait(topic, b"%d" % self._number, partition=0)
        offsets = {partition_of(SOURCE): self._number}
        await producer.send_offsets_to_transaction(offsets, NAME)
        self._markers.arm()
        starting = asyncio.create_task(self._log.sink(NAME, NAME, [SOURCE]).start())
        deadline = time.monotonic() + _MARKED_SECONDS_MAX
        while not self._markers.count and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)

    async def _wrong(self) -> list[str]:
        found = []
        for topic in OUTPUTS:
            batches = read_to_end(self._log, [topic])
            numbers = [int(record.value) async for batch in batches for record in batch]
            if numbers != self._committed:
                found.append(f"{topic}: {numbers[-3:]} instead of {self._committed[-3:]}")
        sink = self._log.sink("look", NAME, [SOURCE])
        position = (await sink.start()).get(SOURCE)
        await sink.stop()
        if position != self._committed[-1]:
            found.append(f"position {position} instead of {self._committed[-1]}")
        return found


async def run(hits: int, seconds_max: float) -> Tally:
    """Kill until the node has forgotten so often, or the time is over, or something is wrong."""
    markers, tally, began = Markers(), Tally(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="rivelin-forgetful-") as home:
        cluster = await Cluster(Path(home), is_proxied=True, hold=markers).start()
        rig = Rig(cluster, markers)
        try:
            await rig.prepare()
            while tally.hits < hits and not tally.wrong:
                if time.monotonic() - began > seconds_max:
                    break
                await rig.trial(tally, is_commit=tally.trials % 2 == 0)
                sys.stderr.write(f"{tally.trials} kills, forgotten {tally.hits} times\n")
        finally:
            await rig.stop()
            await cluster.stop()
    tally.seconds = round(time.monotonic() - began)
    return tally


def main(arguments: Sequence[str]) -> int:
    """Return 0 if the node forgot often enough and everything was carried out as decided."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.forgetful")
    parser.add_argument("--hits", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    hush()
    tally = asyncio.run(run(options.hits, options.minutes * 60))
    told = {**asdict(tally), "hits": tally.hits}
    lines = (f"{name}: {value}\n" for name, value in told.items())
    sys.stdout.write(json.dumps(told, indent=2) + "\n" if options.json else "".join(lines))
    return 0 if tally.hits >= options.hits and not tally.wrong else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
