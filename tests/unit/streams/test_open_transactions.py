"""What a coordinator recorded, as it lies on the disk; and who has stood still for how long."""

from __future__ import annotations

from datetime import timedelta

import pytest

from streams.errors import LogError
from streams.kafka.open_transactions import Decisions, Open
from streams.kafka.settled import HeldUp

# Values of __transaction_state as Kafka 4.3.1 wrote them: transactional id `tx`, producer 0,
# epoch 7; it wrote to a, b, c and moved a position in partition 3 of __consumer_offsets.
_HEAD = "00010000000000000000000700002710"  # layout, producer, epoch, ten seconds
_FOUR_PARTITIONS = (
    "05"
    "026102000000000002620200000000000263020000000000"
    "135f5f636f6e73756d65725f6f666673657473020000000300"
)
_SINCE = "000001a214da2a640100080000000000000000"
ONGOING = bytes.fromhex(f"{_HEAD}01{_FOUR_PARTITIONS}000001a214da2a82{_SINCE}")
PREPARE_COMMIT = bytes.fromhex(f"{_HEAD}02{_FOUR_PARTITIONS}000001a214da2aa0{_SINCE}")
PREPARE_ABORT = bytes.fromhex(f"{_HEAD}03{_FOUR_PARTITIONS}000001a214da2aa0{_SINCE}")
COMPLETE = bytes.fromhex(
    "000100000000000000000007000027100401000001a214da2aa2000001a214da2a640100080000000000000000"
)
EMPTY_WITH_NEXT_EPOCH = bytes.fromhex(
    "000100000000000000000008000027100001000001a214da2ad2ffffffffffffffff0100080000000000000000"
)
DECIDED_MS = 0x01A214DA2AA0


def left_open(topic="a", partition=0, producer=0, written_ms=DECIDED_MS - 5):
    return Open(topic, partition, producer, 7, 2, 10, written_ms, leader=1)


def after(*values):
    decisions = Decisions()
    for value in values:
        decisions.apply(value)
    return decisions


def test_what_was_prepared_and_counts_as_complete_ends_as_it_was_decided():
    committed = after(ONGOING, PREPARE_COMMIT, COMPLETE)
    aborted = after(ONGOING, PREPARE_ABORT, COMPLETE)

    for one in (left_open("a"), left_open("__consumer_offsets", 3)):
        assert not committed.is_under_way(one)
        assert committed.is_commit(one) is True
        assert aborted.is_commit(one) is False


def test_a_successor_that_has_fenced_it_does_not_hide_the_decision():
    decisions = after(ONGOING, PREPARE_COMMIT, COMPLETE, EMPTY_WITH_NEXT_EPOCH)

    assert not decisions.is_under_way(left_open())
    assert decisions.is_commit(left_open()) is True


def test_what_is_still_going_on_or_on_its_way_is_the_coordinators():
    assert after(ONGOING).is_under_way(left_open())
    assert not after(ONGOING).is_prepared(left_open())
    assert after(ONGOING, PREPARE_COMMIT).is_prepared(left_open())


def test_of_another_partition_or_producer_nothing_is_decided():
    decisions = after(ONGOING, PREPARE_COMMIT, COMPLETE)

    assert decisions.is_commit(left_open("d")) is None
    assert decisions.is_commit(left_open("a", partition=1)) is None
    assert decisions.is_commit(left_open("a", producer=1)) is None


def test_a_decision_says_nothing_of_records_that_came_after_it():
    decisions = after(ONGOING, PREPARE_COMMIT, COMPLETE)

    assert decisions.is_commit(left_open(written_ms=DECIDED_MS + 1)) is None


def test_a_layout_of_another_kafka_is_refused_by_name():
    with pytest.raises(LogError, match="unknown layout: 9"):
        after(b"\x00\x09" + ONGOING[2:])


def test_who_stands_before_what_is_written_is_told_after_the_limit_and_not_before():
    held, limit = HeldUp(), timedelta(seconds=25)

    held.note({"a": 10, "b": 5}, {"a": 12, "b": 5}, now=100.0)

    assert held.longer_than(limit, now=125.0) == {}
    assert held.longer_than(limit, now=126.0) == {"a": timedelta(seconds=26)}


def test_who_moves_on_or_has_caught_up_begins_anew():
    held, limit = HeldUp(), timedelta(seconds=25)
    held.note({"a": 10}, {"a": 12}, now=100.0)

    held.note({"a": 11}, {"a": 14}, now=120.0)
    assert held.longer_than(limit, now=130.0) == {}

    held.note({"a": 14}, {"a": 14}, now=140.0)
    held.note({"a": 14}, {"a": 15}, now=150.0)
    assert held.longer_than(limit, now=170.0) == {}
