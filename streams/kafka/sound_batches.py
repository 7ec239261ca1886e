"""Reads record batches that no client library would write, so that one of them stops no reader.

The broker checks the outside of a batch and not all of its inside. Measured on
4.3.1: it keeps a header whose name is no UTF-8, attributes of more than one
byte, and offsets that repeat, skip or run ahead; aiokafka raises at the first
two, for ever, and loses records to the third. One partner with a client of its
own could stop the anonymiser for all. So what the library cannot read, or
reads at other places than the broker counted, is read again here, by the
format alone: as many records as the batch counts, each at its own place, its
value as it lies there, and a mark instead of what stands beside it.

Source: Kafka's documentation, Messages and Record Batches (format 2); tests in
`tests/hostile/test_raw_batches.py`.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

import aiokafka.consumer.fetcher as reader
from aiokafka.record.default_records import DefaultRecord
from aiokafka.record.memory_records import MemoryRecords

from streams.ports import UNSOUND

if TYPE_CHECKING:
    from collections.abc import Iterator

_LENGTH: Final = struct.Struct(">qi")
_COUNT: Final = struct.Struct(">i")
_COUNT_AT: Final = 57
_RECORDS_AT: Final = 61
_MORE: Final = 0x80
_GROUP: Final = 0x7F
_GROUP_BITS: Final = 7
_LONG_BITS: Final = 64


def read_soundly() -> None:
    """Have every consumer of this process read by `SoundRecords`; harmless when done already.

    The library takes its reader from the module, and Faust makes its consumer itself.
    """
    reader.MemoryRecords = SoundRecords


class SoundRecords:
    """The batches of one answer of the broker, as the library's reader gives them."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._records = MemoryRecords(data)

    def size_in_bytes(self) -> int:
        """Return the size of the answer."""
        return len(self._data)

    def has_next(self) -> bool:
        """Tell whether a whole batch is left."""
        return bool(self._records.has_next())

    def next_batch(self) -> _SoundBatch:
        """Return the next batch."""
        batch = self._records.next_batch()
        start, length = self._at, _LENGTH.unpack_from(self._data, self._at)[1]
        self._at = start + _LENGTH.size + length
        return _SoundBatch(batch, memoryview(self._data)[start : self._at])


class _SoundBatch:
    """One batch: all that the library tells of it, but its records."""

    def __init__(self, batch: Any, raw: memoryview) -> None:  # noqa: ANN401 - aiokafka's compiled class
        self._batch = batch
        self._raw = raw

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the library's batch has
        return getattr(self._batch, name)

    def __next__(self) -> Any:  # noqa: ANN401 - a record as the library has it
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        if self._batch.is_control_batch or self._batch.compression_type:
            return iter(self._batch)  # the broker wrote it itself, or it is no partner's
        try:
            records = list(self._batch)
        except Exception:  # noqa: BLE001 - whatever hostile bytes provoke, they are read again
            return iter(self._read_again())
        return iter(records if self._is_in_place(records) else self._read_again())

    def _is_in_place(self, records: list[Any]) -> bool:
        """Compaction takes records out, so only a batch that is whole must be without gaps."""
        base, last = self._batch.base_offset, self._batch.last_offset_delta
        if len(records) <= last:
            return True
        return all(record.offset == base + at for at, record in enumerate(records))

    def _read_again(self) -> list[Any]:
        batch, at = self._batch, _RECORDS_AT
        records = []
        for number in range(_COUNT.unpack_from(self._raw, _COUNT_AT)[0]):
            key, value, at = _read(self._raw, at)
            offset, appended = batch.base_offset + number, batch.max_timestamp
            kind = batch.timestamp_type
            records.append(DefaultRecord(offset, appended, kind, key, value, [UNSOUND]))
        return records


def _read(raw: memoryview, at: int) -> tuple[bytes | None, bytes | None, int]:
    """Return key, value and where the next record starts; neither, where the lengths lie."""
    try:
        size, at = _varint(raw, at)
        end = at + size
        _, place = _varint(raw, at + 1)  # one byte of attributes, then the time
        _, place = _varint(raw, place)
        key, place = _bytes(raw, place, end)
        value, _ = _bytes(raw, place, end)
    except (IndexError, ValueError):
        return None, None, len(raw)
    return key, value, end


def _bytes(raw: memoryview, at: int, end: int) -> tuple[bytes | None, int]:
    size, at = _varint(raw, at)
    if size < 0:
        return None, at
    if at + size > end:
        raise ValueError("a length beyond the record")
    return bytes(raw[at : at + size]), at + size


def _varint(raw: memoryview, at: int) -> tuple[int, int]:
    """Read a zigzag integer in groups of seven bits, the lowest first."""
    rest = bits = 0
    while True:
        byte = raw[at]
        at += 1
        rest |= (byte & _GROUP) << bits
        if not byte & _MORE:
            return (rest >> 1) ^ -(rest & 1), at
        bits += _GROUP_BITS
        if bits > _LONG_BITS:
            raise ValueError("an integer of more than 64 bits")
