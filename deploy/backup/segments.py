"""A topic's records as Kafka's own files, so that offsets, gaps and times come back as they were.

A broker gives every record the next offset, and no client can leave a gap where a marker of a
transaction or a compacted record was. So a node that is not running gets the files: batches of
message format v2, named by the offset they begin with, without indexes. At its start Kafka reads
them through, checks each CRC and makes the indexes, as after a crash. A gap between batches is
what compaction leaves; one at the end is a batch without records, which compaction leaves too.
"""

from __future__ import annotations

import os
import struct
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO, Final

from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from deploy.backup.records import Kept

SEGMENT_BYTES_MAX: Final = 512 << 20
BATCH_BYTES_MAX: Final = 200_000
_MAGIC: Final = 2
_NOBODY: Final = -1
_KEPT_FILE: Final = "partition.metadata"
#: Leader epoch of every batch; it stands beside the CRC, not under it.
_EPOCH: Final = (0).to_bytes(4)


def write_partition(folder: Path, records: Iterable[Kept], start: int, end: int) -> None:
    """Replace what a partition of a node that stands still holds by `records`.

    The log then begins at `start` and ends before `end`, whatever records there are.
    """
    for path in folder.iterdir():
        if path.name != _KEPT_FILE:
            path.unlink()
    segments = _Segments(folder, start)
    try:
        position = start
        for kept in records:
            segments.add(kept)
            position = kept.offset + 1
        segments.finish(position, end)
    finally:
        segments.close()


class _Segments:
    """The files of one partition; a new one begins when the last is large enough."""

    def __init__(self, folder: Path, start: int) -> None:
        self._folder = folder
        self._file: BinaryIO = self._open(start)
        self._batch: DefaultRecordBatchBuilder | None = None
        self._base = self._next = start

    def add(self, kept: Kept) -> None:
        """Append a record, with a new batch after a gap or when the last is large enough."""
        if self._batch is not None and kept.offset == self._next and self._fits(kept):
            self._next += 1
            return
        self._flush()
        if self._file.tell() > SEGMENT_BYTES_MAX:
            self.close()
            self._file = self._open(kept.offset)
        self._batch, self._base, self._next = _new_batch(), kept.offset, kept.offset + 1
        self._batch.append(0, kept.timestamp, kept.key, kept.value, list(kept.headers))

    def finish(self, position: int, end: int) -> None:
        """Let the log end before `end` although its last record is before `position`."""
        self._flush()
        if position < end:
            self._file.write(_empty_batch(position, end - position))

    def close(self) -> None:
        """Have it on the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def _fits(self, kept: Kept) -> bool:
        batch = self._batch
        return batch is not None and bool(
            batch.append(
                kept.offset - self._base, kept.timestamp, kept.key, kept.value, list(kept.headers)
            )
        )

    def _flush(self) -> None:
        if self._batch is not None:
            data = self._batch.build()
            self._file.write(self._base.to_bytes(8) + data[8:12] + _EPOCH + data[16:])
            self._batch = None

    def _open(self, base: int) -> BinaryIO:
        return (self._folder / f"{base:020}.log").open("wb")


def _new_batch() -> DefaultRecordBatchBuilder:
    return DefaultRecordBatchBuilder(_MAGIC, 0, False, _NOBODY, _NOBODY, _NOBODY, BATCH_BYTES_MAX)  # noqa: FBT003 - as the library calls it


def _empty_batch(base: int, offsets: int) -> bytes:
    """Return a batch that takes up offsets and holds nothing.

    Source: Apache Kafka documentation, Message Format, Record Batch.
    """
    fields = (0, offsets - 1, _NOBODY, _NOBODY, _NOBODY, _NOBODY, _NOBODY, 0)
    under_crc = struct.pack(">hiqqqhii", *fields)
    after_length = _EPOCH + struct.pack(">bI", _MAGIC, calc_crc32c(under_crc)) + under_crc
    return struct.pack(">qi", base, len(after_length)) + after_length


def partition_folder(data: Path, topic: str) -> Path:
    """Return the folder of a topic's one partition."""
    return data / f"{topic}-0"


def restamped(records: Iterable[Kept], not_before: int) -> Iterator[Kept]:
    """Yield records with no time before `not_before`, in milliseconds since 1970.

    What waits in a transport topic is deleted seven days after its time, read or not.
    """
    for kept in records:
        yield kept if kept.timestamp >= not_before else replace(kept, timestamp=not_before)
