"""A consistent cut through a running log: ends and committed positions that belong together.

A stage writes its output and moves its position in one transaction, and the broker has no
snapshot over topics. So we look at everything twice, and the cut counts only if nothing but
partners' submissions has moved in between and no transaction was open: then every position
belongs to exactly the output that is before the ends. Partners' topics are looked at last: no
stage can have read further than their ends then. What compaction may take away is read in
between, up to the ends: nothing came after those that could have pushed it out.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from deploy.backup.records import Kept
from streams.kafka.connection import answered, close, connect, partition_of
from streams.kafka.source import make_consumer
from streams.topics import BY_NAME, partner_topics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from datetime import timedelta

    from deploy.backup.groups import GroupPositions, Groups
    from streams.kafka.access import Access
    from streams.topics import TopicSpec

CLIENT: Final = "rivelin-backup"
_POLL_MS: Final = 200
_PAUSE_SECONDS_MAX: Final = 0.05
_SUBMISSIONS: Final = ".submissions"
_PARTNER: Final = "partner."


@dataclass(frozen=True, slots=True)
class Cut:
    """Where the backup ends: by topic the offset after its last record, by group its positions."""

    ends: Mapping[str, int]
    positions: GroupPositions


class LogReader:
    """Reads whole topics with headers, and their ends as committed and as written."""

    def __init__(self, access: Access, patience: timedelta) -> None:
        self._access = access
        self._patience = patience
        self._records: Any = None
        self._committed: Any = None
        self._written: Any = None
        self.specs: dict[str, TopicSpec] = {}

    async def start(self) -> None:
        """Connect, and learn which topics of ours there are.

        Raises: BrokerUnreachableError.
        """
        self._records = await self._open("read_committed")
        names = await answered(self._records.topics(), "looking for topics")
        found = (spec_of(name) for name in sorted(names))
        self.specs = {spec.name: spec for spec in found if spec is not None}
        self._committed = await self._open_for_ends("read_committed")
        self._written = await self._open_for_ends("read_uncommitted")

    async def stop(self) -> None:
        """Disconnect."""
        for consumer in (self._records, self._committed, self._written):
            await close(consumer)

    async def starts(self) -> dict[str, int]:
        """Return the first offset of every topic."""
        partitions = [partition_of(name) for name in self.specs]
        starts = await answered(self._committed.beginning_offsets(partitions), "asking for starts")
        return {partition.topic: offset for partition, offset in starts.items()}

    async def ends(self, *, committed: bool) -> dict[str, int]:
        """Return the end of every topic as a reader of committed records sees it, or as written."""
        reader = self._committed if committed else self._written
        partitions = [partition_of(name) for name in self.specs]
        ends = await answered(reader.end_offsets(partitions), "asking for ends")
        return {partition.topic: offset for partition, offset in ends.items()}

    async def open_topics(self) -> list[str]:
        """Return the topics whose end readers of committed records cannot see yet."""
        written = await self.ends(committed=False)
        committed = await self.ends(committed=True)
        return sorted(topic for topic, end in written.items() if committed[topic] < end)

    async def read(self, topic: str, start: int, end: int) -> AsyncIterator[Sequence[Kept]]:
        """Yield the committed records from `start` to before `end`, batch by batch."""
        partition = partition_of(topic)
        self._records.assign([partition])
        self._records.seek(partition, start)
        while await self._records.position(partition) < end:
            batches = await answered(self._records.getmany(timeout_ms=_POLL_MS), f"reading {topic}")
            found = [_kept(one) for batch in batches.values() for one in batch if one.offset < end]
            if found:
                yield found

    async def _open_for_ends(self, isolation: str) -> Any:  # noqa: ANN401 - aiokafka has no types
        """A consumer that knows every topic of ours and fetches nothing.

        Asked about topics that are not assigned to it, it looks for each of them anew.
        """
        consumer = await self._open(isolation)
        partitions = [partition_of(name) for name in self.specs]
        consumer.assign(partitions)
        consumer.pause(*partitions)
        for partition in partitions:
            consumer.seek(partition, 0)
        return consumer

    async def _open(self, isolation: str) -> Any:  # noqa: ANN401 - aiokafka has no types
        return await connect(
            lambda: make_consumer(self._access, CLIENT, isolation=isolation),
            self._access,
            self._patience,
        )


def spec_of(topic: str) -> TopicSpec | None:
    """Return the specification of a topic of ours; None for somebody else's."""
    if topic in BY_NAME:
        return BY_NAME[topic]
    partner = partner_in(topic)
    specs = () if partner is None else partner_topics(partner)
    return next((spec for spec in specs if spec.name == topic), None)


def partner_in(topic: str) -> str | None:
    """Return the partner that one of its two topics is named after; None for any other topic."""
    partner, _, _ = topic.removeprefix(_PARTNER).rpartition(".")
    return partner if partner and topic.startswith(_PARTNER) else None


def is_submissions(topic: str) -> bool:
    """Tell whether only a partner writes the topic, and without transactions."""
    return topic.startswith(_PARTNER) and topic.endswith(_SUBMISSIONS)


def is_compacted(spec: TopicSpec) -> bool:
    """Tell whether only the newest record of a key counts."""
    return spec.config["cleanup.policy"] == "compact"


class CompactedTopics:
    """The newest record of each key, read on at every try so that the last step is a short one."""

    def __init__(self, reader: LogReader) -> None:
        self._reader = reader
        self._newest: dict[str, dict[bytes | None, Kept]] = {
            name: {} for name, spec in reader.specs.items() if is_compacted(spec)
        }
        self._positions: dict[str, int] = {}

    async def read_on(self, ends: Mapping[str, int]) -> None:
        """Read each topic up to its end."""
        for topic, newest in self._newest.items():
            start = self._positions.get(topic, 0)
            if start < ends[topic]:
                async for batch in self._reader.read(topic, start, ends[topic]):
                    newest.update((kept.key, kept) for kept in batch)
            self._positions[topic] = ends[topic]

    def records(self, topic: str) -> list[Kept]:
        """Return what is left of a topic, in order."""
        return sorted(self._newest[topic].values(), key=lambda kept: kept.offset)


async def take_cut(
    reader: LogReader, groups: Groups, compacted: CompactedTopics, seconds_max: float
) -> Cut | None:
    """Try until a cut holds; None if it does not within the time."""
    deadline = time.monotonic() + seconds_max
    while True:
        cut = await _try(reader, groups, compacted)
        if cut is not None or time.monotonic() > deadline:
            return cut
        await asyncio.sleep(random.uniform(0, _PAUSE_SECONDS_MAX))  # noqa: S311 - not to beat in time with a role


async def _try(reader: LogReader, groups: Groups, compacted: CompactedTopics) -> Cut | None:
    await compacted.read_on(await reader.ends(committed=True))
    positions = await asyncio.to_thread(groups.positions)
    written = _still(await reader.ends(committed=False))
    committed = await reader.ends(committed=True)
    if positions is None or _still(committed) != written:
        return None
    await compacted.read_on(committed)
    if _still(await reader.ends(committed=False)) != written:
        return None
    if await asyncio.to_thread(groups.positions) != positions:
        return None
    return Cut({**await reader.ends(committed=True), **written}, positions)


def _still(ends: Mapping[str, int]) -> dict[str, int]:
    """Without what partners write at any time."""
    return {topic: end for topic, end in ends.items() if not is_submissions(topic)}


def _kept(message: Any) -> Kept:  # noqa: ANN401 - aiokafka has no types
    return Kept(
        message.offset, message.timestamp, message.key, message.value, tuple(message.headers)
    )
