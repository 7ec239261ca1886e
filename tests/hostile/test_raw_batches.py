"""Batches that no client library writes: nothing in them stops a reader or loses a record."""

from __future__ import annotations

import struct

import pytest
from aiokafka.consumer import fetcher
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given, settings
from hypothesis import strategies as st

from anonymiser.intake.beside import (
    HEADERS_BYTES_MAX,
    HEADERS_MAX,
    KEY_BYTES_MAX,
    fault_beside,
)
from streams.kafka.sound_batches import SoundRecords, read_soundly
from streams.ports import UNSOUND
from tests.hostile.raw_batches import batch, record, varint

BASE = 40


def stored(data):
    """A batch as the broker keeps it: at its offset, which is outside the checksum."""
    kept = bytearray(data)
    struct.pack_into(">q", kept, 0, BASE)
    return bytes(kept)


def read(*batches):
    """Offset, value and whether it was read again, of every record."""
    records = SoundRecords(b"".join(map(stored, batches)))
    found = []
    while records.has_next():
        one = records.next_batch()
        assert one.validate_crc()
        found += [(record.offset, record.value, UNSOUND in record.headers) for record in iter(one)]
    return found


UNSOUND_RECORDS = {
    "a header that is no text": record(b"v", headers=[(b"\xff\xfe", b"x")]),
    "attributes of two bytes": record(b"v", attributes=b"\x80"),
    "an offset that runs ahead": record(b"v", offset=7),
    "an offset at the end of time": record(b"v", offset=2**31 - 1),
    "an offset from before": record(b"v", offset=-9),
}


@pytest.mark.parametrize("name", UNSOUND_RECORDS)
def test_a_record_that_the_library_cannot_read_is_read_where_the_broker_counted_it(name):
    bad = UNSOUND_RECORDS[name]
    good = record(b"w", offset=1)
    assert read(batch(bad, good)) == [(BASE, b"v", True), (BASE + 1, b"w", True)]


@pytest.mark.parametrize("name", UNSOUND_RECORDS)
def test_the_library_alone_fails_at_it_or_reads_it_elsewhere(name):
    """Else this module would not be needed."""
    records = MemoryRecords(stored(batch(UNSOUND_RECORDS[name])))
    try:
        offsets = [one.offset for one in records.next_batch()]
    except Exception:  # noqa: BLE001 - whatever it raises ends its reader
        return
    assert offsets != [BASE]


def test_two_records_at_one_offset_are_two():
    twice = batch(record(b"v", offset=0), record(b"w", offset=0))
    assert read(twice) == [(BASE, b"v", True), (BASE + 1, b"w", True)]


def test_a_sound_batch_is_read_by_the_library():
    sound = batch(record(b"v", key=b"k", headers=[(b"a", None)]), record(None, offset=1))
    assert read(sound, sound) == 2 * [(BASE, b"v", False), (BASE + 1, None, False)]


def test_a_batch_that_compaction_thinned_keeps_its_gaps():
    thinned = batch(record(b"v", offset=3), last=5)  # the last offset is that of one which is gone
    assert read(thinned) == [(BASE + 3, b"v", False)]


@settings(deadline=None, max_examples=300)
@given(
    noise=st.binary(min_size=1, max_size=60), bodies=st.lists(st.binary(max_size=20), max_size=4)
)
def test_whatever_stands_in_a_batch_it_is_as_many_records_as_it_counts(noise, bodies):
    """Beyond what the broker lets pass: not one reader may end over it."""
    records = [varint(len(noise)) + noise, *(record(body) for body in bodies)]
    found = read(batch(*records))
    assert [offset for offset, *_ in found] == [BASE + at for at in range(len(records))]


def test_reading_soundly_is_what_every_consumer_of_the_process_then_does():
    read_soundly()
    read_soundly()
    assert fetcher.MemoryRecords is SoundRecords


# --- what stands beside a value -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "headers", "code"),
    [
        (None, (), None),
        (b"k" * KEY_BYTES_MAX, (("trace", b"1"),) * HEADERS_MAX, None),
        (b"k" * (KEY_BYTES_MAX + 1), (), "key_too_large"),
        (None, (("h", None),) * (HEADERS_MAX + 1), "too_many_headers"),
        (None, (("name", bytes(HEADERS_BYTES_MAX)),), "headers_too_large"),
        (None, (("é" * (HEADERS_BYTES_MAX // 2 + 1), None),), "headers_too_large"),
        (b"k" * 9_999, (UNSOUND,), "unsound_record"),
    ],
)
def test_what_is_above_the_limits_is_named(key, headers, code):
    fault = fault_beside(key, headers)
    assert (fault.code if fault else None) == code
