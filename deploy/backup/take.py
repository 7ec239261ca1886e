"""Taking a backup while the system runs."""

from __future__ import annotations

import os
import shutil
import signal
from datetime import timedelta
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from anonymiser import keyring
from deploy.backup.cut import (
    CLIENT,
    CompactedTopics,
    Cut,
    LogReader,
    is_compacted,
    take_cut,
)
from deploy.backup.errors import NotQuietError, OccupiedFolderError
from deploy.backup.groups import Groups
from deploy.backup.manifest import (
    FILES_FOLDER,
    REGISTER,
    TOPICS_FOLDER,
    Manifest,
    TopicEntry,
    entry_of,
    topic_path,
    write_manifest,
)
from deploy.backup.proof import replay_hashes
from deploy.backup.records import Kept, RecordFile, classes_of, is_readable
from deploy.processes import ProcessIdentity
from deploy.supervisor import read_report
from streams.errors import NotPermittedError
from streams.kafka import KafkaLog
from streams.topics import OUTGOING, SHARED_TOPICS, TOKENISED

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Container, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from deploy.settings import Settings
    from streams.topics import TopicSpec

    Tell = Callable[[int, int], None]

PROGRAM: Final = "rivelin"
#: How long to wait for a moment in which nothing is under way, with the roles at work.
QUIET_SECONDS_MAX: Final = 15.0
#: The same after they were asked to start anew: they are away for about two seconds.
RESTARTED_SECONDS_MAX: Final = 8.0
_PATIENCE: Final = timedelta(seconds=5)
#: What was read there is never read again, and holds tokens: it is not kept.
_TRANSPORT: Final = (TOKENISED, OUTGOING)


async def take_backup(
    settings: Settings,
    folder: Path,
    at: datetime,
    tell: Tell = lambda _done, _all: None,
) -> Manifest:
    """Write a backup into a folder of its own, complete or not at all.

    Raises: OccupiedFolderError, NotQuietError, KeyFileError, BrokerUnreachableError, OSError.
    """
    require_free(folder)
    settings.access("supervisor")  # first: without a broker nothing else needs to be told
    signing = keyring.load_signing_key(settings.keys_dir)
    draft = folder.parent / f".{folder.name}.{os.getpid()}"
    _make(draft)
    try:
        manifest = await _fill(settings, draft, at, signing.public_key().public_bytes_raw(), tell)
        write_manifest(draft, manifest, signing)
        _keep(draft)
        draft.rename(folder)
        _sync(folder.parent)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return manifest


def require_free(folder: Path) -> None:
    """Refuse a place where something is.

    Raises: OccupiedFolderError.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OccupiedFolderError(f"{folder} is not empty: name a new folder")


def require_all_shown(shown: Container[str]) -> None:
    """Refuse a look at a part of the log: a backup of it would be one that lacks the rest.

    A broker shows nobody what they may not see, and knows a super user by the names it was
    started with.
    Raises: NotPermittedError.
    """
    hidden = [spec.name for spec in SHARED_TOPICS if spec.name not in shown]
    if hidden:
        raise NotPermittedError(
            f"the broker does not show {hidden[0]} to the supervisor's newest certificate: if that"
            " was renewed, `rivelin down` and `rivelin up`, which also makes a topic that is gone"
        )


def _make(draft: Path) -> None:
    for folder in (draft, draft / TOPICS_FOLDER, draft / FILES_FOLDER):
        folder.mkdir(mode=0o700, parents=folder is draft)


async def _fill(
    settings: Settings, draft: Path, at: datetime, signer: bytes, tell: Tell
) -> Manifest:
    access = settings.access("supervisor")
    reader = LogReader(access, _PATIENCE)
    try:
        await reader.start()
        require_all_shown(reader.specs)
        compacted = CompactedTopics(reader)
        cut = await _quiet_cut(settings, reader, Groups(access), compacted)
        topics = await _Topics(reader, compacted, cut, draft, tell).write()
    finally:
        await reader.stop()
    return Manifest(
        program=PROGRAM,
        made_at=at,
        signer=signer.hex(),
        topics=topics,
        files=dict(_copied(settings, draft)),
        positions=cut.positions,
        replay=await _replayed(settings, cut),
    )


async def _quiet_cut(
    settings: Settings, reader: LogReader, groups: Groups, compacted: CompactedTopics
) -> Cut:
    cut = await take_cut(reader, groups, compacted, QUIET_SECONDS_MAX)
    if cut is None and _restart_roles(settings):
        cut = await take_cut(reader, groups, compacted, RESTARTED_SECONDS_MAX)
    if cut is None:
        raise NotQuietError(_why_not_quiet(await reader.open_topics()))
    return cut


def _why_not_quiet(open_topics: Sequence[str]) -> str:
    if open_topics:
        return (
            f"a transaction stays open on {', '.join(open_topics)}: start the role that writes"
            " there, which ends it, and back up again"
        )
    return "the roles left no moment without a transaction: stop them, and back up again"


def _restart_roles(settings: Settings) -> bool:
    """Ask the roles to end in order; the supervisor starts them again half a second later."""
    report = read_report(settings)
    if report is None:
        return False
    for process in report.facts["processes"]:
        if process["name"] != "broker" and process["pid"]:
            ProcessIdentity.from_dict(process).signal(signal.SIGTERM)
    return True


class _Topics:
    """Writes the topics of one backup."""

    def __init__(
        self, reader: LogReader, compacted: CompactedTopics, cut: Cut, draft: Path, tell: Tell
    ) -> None:
        self._reader = reader
        self._compacted = compacted
        self._cut = cut
        self._draft = draft
        self._tell = tell
        self._done = 0

    async def write(self) -> dict[str, TopicEntry]:
        """Write every topic up to the cut."""
        starts = await self._reader.starts()
        for topic in _TRANSPORT:
            starts[topic] = max(starts[topic], _read_by_all(topic, self._cut))
        total = sum(end - starts[topic] for topic, end in self._cut.ends.items())
        return {
            topic: await self._topic(spec, starts[topic], total)
            for topic, spec in self._reader.specs.items()
        }

    async def _topic(self, spec: TopicSpec, start: int, total: int) -> TopicEntry:
        path = self._draft / topic_path(spec.name)
        end = self._cut.ends[spec.name]
        classes = classes_of(spec)
        unreadable = 0
        with path.open("wb") as file:
            records = RecordFile(file)
            async for batch in self._batches(spec, start, end):
                for kept in batch:
                    records.add(kept)
                    unreadable += not is_readable(kept, classes)
                self._tell(self._done + batch[-1].offset + 1 - start, total)
            records.end()
        self._done += end - start
        facts = entry_of(path)
        return TopicEntry(
            sha256=facts.sha256,
            bytes=facts.bytes,
            records=records.count,
            start=start,
            end=end,
            unreadable=unreadable,
        )

    async def _batches(
        self, spec: TopicSpec, start: int, end: int
    ) -> AsyncIterator[Sequence[Kept]]:
        if is_compacted(spec):
            if left := self._compacted.records(spec.name):
                yield left
        elif start < end:
            async for batch in self._reader.read(spec.name, start, end):
                yield batch


def _read_by_all(topic: str, cut: Cut) -> int:
    """Return the offset before which nobody reads the topic any more."""
    known = [offsets[topic] for offsets in cut.positions.values() if topic in offsets]
    return min(known, default=0)


def _copied(settings: Settings, draft: Path) -> Iterator[tuple[str, Any]]:
    """Copy what no topic holds and is no secret."""
    register = settings.pki_dir / PurePosixPath(REGISTER).name
    if register.exists():
        name = f"{FILES_FOLDER}/{REGISTER}"
        (draft / name).parent.mkdir(mode=0o700, parents=True)
        shutil.copyfile(register, draft / name)
        yield name, entry_of(draft / name)


async def _replayed(settings: Settings, cut: Cut) -> dict[str, str]:
    """Fold each projection from the broker: the files are proved against something else."""
    log = KafkaLog(settings.access("audit"), client_id=CLIENT)
    try:
        return await replay_hashes(log, cut.ends)
    finally:
        await log.stop()


def _keep(draft: Path) -> None:
    """See to it that all of it is on the disk, for its owner alone, before it gets its name."""
    for path in sorted(draft.rglob("*")):
        if path.is_file():
            path.chmod(0o600)
        _sync(path)
    _sync(draft)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
