"""A backup's files behind the port of the log, to fold them as if they were the broker."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NoReturn

from deploy.backup.manifest import topic_path
from deploy.backup.records import read_records
from streams.errors import LogError, MissingTopicError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import timedelta
    from pathlib import Path

    from deploy.backup.manifest import Manifest
    from streams.ports import Outgoing, Positions, Record


class BackupLog:
    """The log as it was at the cut. It can be read, and nothing else."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self._folder = folder
        self._manifest = manifest

    def source(self) -> BackupSource:
        """Return a new reader."""
        return BackupSource(self)

    def sink(self, transactional_id: str, group: str, topics: Sequence[str]) -> NoReturn:  # noqa: ARG002 - as the port has it
        """Refuse: a backup is never written to."""
        raise LogError("a backup is read, never written")

    async def append(self, outgoing: Sequence[Outgoing]) -> NoReturn:  # noqa: ARG002 - as the port has it
        """Refuse: a backup is never written to."""
        raise LogError("a backup is read, never written")

    async def ends(self, topics: Sequence[str]) -> Positions:
        """Return the ends of the cut.

        Raises: MissingTopicError.
        """
        if missing := set(topics) - self._manifest.topics.keys():
            raise MissingTopicError(f"the backup has no topic {', '.join(sorted(missing))}")
        return {topic: self._manifest.topics[topic].end for topic in topics}

    async def settled(self, topics: Sequence[str]) -> None:
        """Nothing is open in a backup."""

    async def stop(self) -> None:
        """Nothing was opened."""

    def records(self, topic: str, position: int) -> Iterator[Record]:
        """Yield a topic's records from an offset on."""
        for kept in read_records(self._folder / topic_path(topic)):
            if kept.offset >= position:
                yield kept.as_record(topic)


class BackupSource:
    """Reads topics one after the other, each in order."""

    def __init__(self, log: BackupLog) -> None:
        self._log = log
        self._positions: dict[str, int] = {}
        self._open: dict[str, Iterator[Record]] = {}

    async def start(self, positions: Positions) -> None:
        """Read the topics of `positions`, each from its offset on."""
        await self._log.ends(tuple(positions))
        self._positions = dict(positions)
        self._open = {topic: self._log.records(topic, at) for topic, at in positions.items()}

    async def poll(self, limit: int, wait: timedelta) -> Sequence[Record]:  # noqa: ARG002 - nothing to wait for
        """Return up to `limit` records of one topic."""
        while self._open:
            topic, records = next(iter(self._open.items()))
            found = list(islice(records, limit))
            if found:
                self._positions[topic] = found[-1].offset + 1
                return found
            del self._open[topic]
            self._positions |= await self._log.ends((topic,))
        return []

    async def ends(self) -> Positions:
        """Return the ends of the cut."""
        return await self._log.ends(tuple(self._positions))

    def position(self, topic: str) -> int:
        """Return the next offset that `poll` would read."""
        return self._positions[topic]

    async def stop(self) -> None:
        """Let go of the files."""
        self._open.clear()
