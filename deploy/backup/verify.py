"""Proving from the files alone that a backup is whole; needs no broker and no key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.backup.cut import is_submissions, spec_of
from deploy.backup.errors import DamagedBackupError
from deploy.backup.folder import BackupLog
from deploy.backup.manifest import (
    MANIFEST_FILE,
    SIGNATURE_FILE,
    entry_of,
    read_manifest,
    topic_path,
)
from deploy.backup.proof import replay_hashes
from deploy.backup.records import classes_of, is_readable, read_records

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deploy.backup.manifest import Manifest, TopicEntry

    Tell = Callable[[int, int], None]


async def verify_backup(
    folder: Path,
    fingerprint: str | None = None,
    tell: Tell = lambda _done, _all: None,
) -> Manifest:
    """Check signature, hashes, counts, offsets, events and what it all folds to.

    Raises: DamagedBackupError naming the first file that does not hold.
    """
    manifest = read_manifest(folder, fingerprint)
    _check_files(folder, manifest)
    total = sum(entry.records for entry in manifest.topics.values())
    done = 0
    for topic, entry in manifest.topics.items():
        _check_topic(folder, topic, entry)
        done += entry.records
        tell(done, total)
    found = await replay_hashes(BackupLog(folder, manifest), _ends(manifest))
    for name, wanted in manifest.replay.items():
        if found.get(name) != wanted:
            raise DamagedBackupError(f"the replay of {name} gives another state than it did")
    return manifest


def _ends(manifest: Manifest) -> dict[str, int]:
    return {topic: entry.end for topic, entry in manifest.topics.items()}


def _check_files(folder: Path, manifest: Manifest) -> None:
    """Everything that is named is there as it was, and nothing else is."""
    named = dict(manifest.paths())
    for name, entry in named.items():
        path = folder / name
        if not path.is_file():
            raise DamagedBackupError(f"{name} is missing")
        if path.stat().st_size != entry.bytes:
            raise DamagedBackupError(f"{name} is cut short or grown: {path.stat().st_size} bytes")
        if entry_of(path).sha256 != entry.sha256:
            raise DamagedBackupError(f"{name} was changed: its SHA-256 is another")
    present = {
        str(one.relative_to(folder))
        for one in folder.rglob("*")
        if one.is_symlink() or not one.is_dir()  # a link or a pipe is something too
    }
    if strange := present - named.keys() - {MANIFEST_FILE, SIGNATURE_FILE}:
        raise DamagedBackupError(f"the manifest does not name {min(strange)}")


def _check_topic(folder: Path, topic: str, entry: TopicEntry) -> None:
    """Offsets rise within the bounds; what partners wrote has no gap; every event reads."""
    spec = spec_of(topic)
    if spec is None:
        raise DamagedBackupError(f"this version knows no topic {topic}")
    classes = classes_of(spec)
    position, count, unreadable = entry.start, 0, 0
    for kept in read_records(folder / topic_path(topic)):
        if kept.offset < position or (is_submissions(topic) and kept.offset != position):
            raise DamagedBackupError(
                f"{topic}: offset {kept.offset} stands where {position} should"
            )
        position = kept.offset + 1
        count += 1
        unreadable += not is_readable(kept, classes)
    if count != entry.records or position > entry.end:
        raise DamagedBackupError(f"{topic}: {count} records, {entry.records} in the manifest")
    if is_submissions(topic) and position != entry.end:
        raise DamagedBackupError(f"{topic}: the last {entry.end - position} records are missing")
    if unreadable != entry.unreadable:
        raise DamagedBackupError(
            f"{topic}: {unreadable} records cannot be read, {entry.unreadable} when it was taken"
        )
