"""A home from a backup of its log and the sealed keys; nothing is in place before all of it is.

The home is made beside its place, with a node that no role knows of, and is moved there at the
end. Stores are not restored: every role folds its own anew from the log.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from deploy.backup.cut import LogReader, partner_in
from deploy.backup.envelope import SealedKeys, join_shares, open_keys
from deploy.backup.errors import (
    DamagedBackupError,
    OccupiedFolderError,
    RestoreError,
    SealedKeysError,
    StrangeKeysError,
)
from deploy.backup.groups import Groups
from deploy.backup.manifest import FILES_FOLDER, topic_path
from deploy.backup.records import read_records
from deploy.backup.secrets import SECRET_PLACES
from deploy.backup.segments import partition_folder, restamped, write_partition
from deploy.broker import LocalBroker
from deploy.keys import fingerprint, require_sound
from deploy.supervisor import AlreadyRunningError, read_report
from deploy.topics import ensure_topics
from streams.topics import OUTGOING, SHARED_TOPICS, TOKENISED, partner_topics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from deploy.backup.erasures import Ledger
    from deploy.backup.manifest import Manifest
    from deploy.backup.records import Kept
    from deploy.settings import Settings
    from streams.topics import TopicSpec

    Tell = Callable[[int, int], None]

#: The files, Kafka's own beside them, and the indexes that it makes.
_ROOM: Final = 2
_NODE_BYTES: Final = 64 << 20
_TRANSPORT: Final = (TOKENISED, OUTGOING)
_PATIENCE: Final = timedelta(seconds=10)


def require_restorable(settings: Settings) -> None:
    """Refuse a home that is in use, before anything is read.

    Raises: AlreadyRunningError, OccupiedFolderError.
    """
    if not settings.manages_broker:
        raise OccupiedFolderError(
            "a restore makes a node of its own: unset RIVELIN_BOOTSTRAP_SERVERS; docs/BACKUP.md"
            " says how a cluster grows from it"
        )
    if settings.pki_dir != settings.home / "pki":
        raise OccupiedFolderError(
            "a restore puts certificates into the home: unset RIVELIN_PKI, and move them afterwards"
        )
    if read_report(settings) is not None:
        raise AlreadyRunningError(f"a supervisor runs for {settings.home}: `rivelin down` first")
    if settings.home.exists() and (not settings.home.is_dir() or any(settings.home.iterdir())):
        raise OccupiedFolderError(
            f"{settings.home} is not empty: move it away, or name another home"
        )
    if (left := _left_over(settings)) is not None:
        raise OccupiedFolderError(
            f"{left} is of a restore that runs, or was cut short and left keys there: delete it"
        )


def _left_over(settings: Settings) -> Path | None:
    """Return the draft of another restore; one that was killed could not remove it."""
    stem = f".{settings.home.name}."
    if not settings.home.parent.is_dir():
        return None
    names = sorted(one.name for one in settings.home.parent.iterdir())
    found = (one for one in names if one.startswith(stem) and one.removeprefix(stem).isdecimal())
    return next((settings.home.parent / one for one in found), None)


def opened_keys(text: str, shares: tuple[str, str], fingerprint: str) -> dict[str, bytes]:
    """Return the secret files of the installation with this fingerprint.

    Raises: SealedKeysError, StrangeKeysError.
    """
    sealed = SealedKeys.from_text(text)
    if sealed.fingerprint != fingerprint:
        raise StrangeKeysError(
            f"the keys are of the installation {sealed.fingerprint[:16]}…, the backup of"
            f" {fingerprint[:16]}…: they open nothing of it"
        )
    files = open_keys(sealed, join_shares(shares))
    for name in files:
        path = PurePosixPath(name)
        if path.parts[:1] not in SECRET_PLACES or ".." in path.parts:
            raise SealedKeysError("the sealed keys name what is neither key nor certificate")
    return files


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to come back: a verified backup, and the opened secret files by path in the home.

    The ledger says what is left of a record, before anything is written.
    """

    folder: Path
    manifest: Manifest
    secrets: Mapping[str, bytes] = field(repr=False)
    ledger: Ledger
    at: datetime


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back. `erased` counts the records that the ledger changed or dropped."""

    topics: int
    records: int
    erased: int


def restore_backup(
    settings: Settings, wanted: Wanted, tell: Tell = lambda _done, _all: None
) -> Restored:
    """Make `settings.home`, whole or not at all. Not from inside an event loop.

    Raises: RestoreError, BrokerStartError, OSError (a full disk, say).
    """
    home = settings.home
    home.parent.mkdir(parents=True, exist_ok=True)
    _require_room(home.parent, wanted.manifest)
    with _draft_of(settings) as draft:
        _put_secrets(draft.home, wanted.secrets)
        require_signers(draft, wanted.manifest.fingerprint)
        _put_files(draft.home, wanted.folder, wanted.manifest)
        restored = _Node(draft, wanted, tell).fill()
        if home.exists():
            home.rmdir()
        draft.home.rename(home)
    return restored


@contextmanager
def _draft_of(settings: Settings) -> Iterator[Settings]:
    """A home beside the place of the real one, gone if anything fails."""
    home = settings.home.parent / f".{settings.home.name}.{os.getpid()}"
    try:
        draft = settings.model_copy(update={"home": home, "pki": None})
        draft.make_folders()
        yield draft
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _require_room(place: Path, manifest: Manifest) -> None:
    wanted = _NODE_BYTES + _ROOM * sum(entry.bytes for entry in manifest.topics.values())
    free = shutil.disk_usage(place).free
    if free < wanted:
        raise RestoreError(
            f"{place} has {free >> 20} MB free and {wanted >> 20} MB are needed: make room, or"
            " name another home"
        )


def _put_secrets(home: Path, secrets: Mapping[str, bytes]) -> None:
    for name, data in secrets.items():
        path = home / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(handle)


def require_signers(draft: Settings, wanted: str) -> None:
    """Refuse a set of keys without the key that signed the backup.

    Whoever has the public half of the recovery key can seal a set under any fingerprint, with an
    authority of their own in it; the signing key itself they do not have.
    Raises: StrangeKeysError, KeyFileError.
    """
    require_sound(draft)
    if fingerprint(draft) != wanted:
        raise StrangeKeysError(
            "the signing key in the sealed keys is not the one that signed the backup: somebody"
            " else made that file"
        )


def _put_files(home: Path, folder: Path, manifest: Manifest) -> None:
    for name in manifest.files:
        path = home / PurePosixPath(name).relative_to(FILES_FOLDER)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(folder / name, path)
        path.chmod(0o600)


class _Node:
    """The node of the new home, twice started: to make the topics, and to take the positions."""

    def __init__(self, draft: Settings, wanted: Wanted, tell: Tell) -> None:
        self._draft = draft
        self._wanted = wanted
        self._manifest = wanted.manifest
        self._tell = tell
        self._erased = 0

    def fill(self) -> Restored:
        """Make the topics, write their files while the node stands still, set the positions."""
        broker = LocalBroker(self._draft)
        try:
            broker.start()
            asyncio.run(ensure_topics(self._draft, self._specs()))
            broker.stop()
            self._write()
            broker.start()
            asyncio.run(self._settle())
        finally:
            broker.close()
        count = sum(entry.records for entry in self._manifest.topics.values())
        return Restored(len(self._manifest.topics), count, self._erased)

    def _specs(self) -> list[TopicSpec]:
        partners = {one for one in map(partner_in, self._manifest.topics) if one is not None}
        own = (spec for partner in sorted(partners) for spec in partner_topics(partner))
        specs = [*SHARED_TOPICS, *own]
        if self._manifest.topics.keys() - {spec.name for spec in specs}:
            raise DamagedBackupError("the backup holds a topic that this version does not know")
        return specs

    def _write(self) -> None:
        total = sum(entry.records for entry in self._manifest.topics.values())
        done = 0
        for topic, entry in self._manifest.topics.items():
            folder = partition_folder(self._draft.kafka_dir / "data", topic)
            write_partition(folder, self._records(topic), entry.start, self._end(topic))
            done += entry.records
            self._tell(done, total)

    def _records(self, topic: str) -> Iterator[Kept]:
        records: Iterable[Kept] = read_records(self._wanted.folder / topic_path(topic))
        if topic in _TRANSPORT:
            records = restamped(records, round(self._wanted.at.timestamp() * 1000))
        for kept in records:
            left = self._wanted.ledger.left_of(topic, kept)
            self._erased += left is not kept
            if left is not None:
                yield left
        yield from self._appended(topic)

    def _appended(self, topic: str) -> list[Kept]:
        end = self._manifest.topics[topic].end
        return list(self._wanted.ledger.appended(topic, end, self._wanted.at))

    def _end(self, topic: str) -> int:
        return self._manifest.topics[topic].end + len(self._appended(topic))

    async def _settle(self) -> None:
        access = self._draft.access("supervisor")
        await asyncio.to_thread(Groups(access).set, self._manifest.positions)
        reader = LogReader(access, _PATIENCE)
        try:
            await reader.start()
            starts, ends = await reader.starts(), await reader.ends(committed=True)
        finally:
            await reader.stop()
        for topic, entry in self._manifest.topics.items():
            wanted = (entry.start, self._end(topic))
            if (starts[topic], ends[topic]) != wanted:
                raise RestoreError(
                    f"{topic} came back as {starts[topic]} to {ends[topic]}, not as"
                    f" {wanted[0]} to {wanted[1]}"
                )
