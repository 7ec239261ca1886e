"""What is written as Kafka's own files reads back as it was: offsets, gaps, times, headers."""

from __future__ import annotations

import pytest
from aiokafka.record import MemoryRecords
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy.backup import segments
from deploy.backup.records import Kept
from deploy.backup.segments import restamped, write_partition

BYTES = st.none() | st.binary(max_size=60)


def read(folder):
    """Every record of a partition's files, and where its log begins and ends."""
    found, end, start = [], None, None
    for path in sorted(folder.glob("*.log")):
        start = int(path.stem) if start is None else start
        end = int(path.stem) if end is None else end
        batches = MemoryRecords(path.read_bytes())
        while batches.has_next():
            batch = batches.next_batch()
            assert batch.validate_crc()
            assert batch.base_offset >= end
            end = batch.next_offset
            found += [
                Kept(one.offset, one.timestamp, one.key, one.value, tuple(one.headers))
                for one in batch
            ]
    return found, start, end


@st.composite
def topics(draw):
    start = draw(st.integers(0, 2**40))
    position, records = start, []
    for gap in draw(st.lists(st.sampled_from([0, 0, 0, 1, 2, 900]), max_size=12)):
        position += gap
        headers = draw(st.lists(st.tuples(st.text(max_size=5), BYTES), max_size=2))
        at = draw(st.integers(0, 2**42))
        records.append(Kept(position, at, draw(BYTES), draw(BYTES), tuple(headers)))
        position += 1
    return records, start, position + draw(st.sampled_from([0, 0, 1, 70]))


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(topics())
def test_records_come_back_with_their_offsets_times_and_gaps(tmp_path_factory, topic):
    records, start, end = topic
    folder = tmp_path_factory.mktemp("partition")
    (folder / "partition.metadata").write_text("version: 0\ntopic_id: x\n")
    (folder / "00000000000000000000.index").write_bytes(b"old")
    write_partition(folder, records, start, end)
    assert read(folder) == (records, start, end)
    names = {path.suffix for path in folder.iterdir()}
    assert names == {".log", ".metadata"}


def test_a_large_topic_is_several_segments_each_named_by_its_first_offset(tmp_path, monkeypatch):
    monkeypatch.setattr(segments, "SEGMENT_BYTES_MAX", 10_000)
    records = [Kept(n, 1_000 + n, None, b"x" * 900) for n in range(0, 4_000, 2)]
    write_partition(tmp_path, records, 0, 4_000)
    assert len(list(tmp_path.glob("*.log"))) > 20
    assert read(tmp_path) == (records, 0, 4_000)


def test_a_record_above_the_size_of_a_batch_stands_alone(tmp_path):
    records = [Kept(n, 5, None, bytes(300_000)) for n in range(3)]
    write_partition(tmp_path, records, 0, 3)
    assert read(tmp_path) == (records, 0, 3)


def test_what_waits_in_transport_is_not_older_than_the_restore():
    """Kafka deletes there by the record's time, read or not."""
    found = list(restamped([Kept(1, 10, None, b"a"), Kept(2, 99, None, b"b")], 50))
    assert [one.timestamp for one in found] == [50, 99]
    assert [one.value for one in found] == [b"a", b"b"]


@pytest.mark.parametrize("end", [5, 6, 90])
def test_a_topic_without_records_keeps_its_place(tmp_path, end):
    write_partition(tmp_path, [], 5, end)
    assert read(tmp_path) == ([], 5, end)
