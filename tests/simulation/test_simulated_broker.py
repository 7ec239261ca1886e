"""The model of a broker does what Kafka was measured to do, its flaws included."""

from __future__ import annotations

import pytest
from aiokafka.errors import (
    ConcurrentTransactions,
    CoordinatorLoadInProgressError,
    InvalidProducerEpoch,
    InvalidTxnState,
    OutOfOrderSequenceNumber,
)

from deploy.simulate.broker import Batch, Broker

ID, GROUP = "rivelin-linker", "rivelin-linker"


class Clock:
    """Calls what is due when time is let pass."""

    def __init__(self):
        self.now = 0.0
        self._due = []

    def later(self, seconds, call):
        self._due.append((self.now + seconds, call))

    def pass_on(self, seconds):
        end = self.now + seconds
        while due := sorted((one for one in self._due if one[0] <= end), key=lambda one: one[0]):
            self._due.remove(due[0])
            self.now, call = due[0]
            call()
        self.now = end


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def lossy():
    return []


@pytest.fixture
def broker(clock, lossy):
    return Broker(
        ("in", "out", "more"),
        now=lambda: clock.now,
        later=clock.later,
        delay=lambda: 0.01,
        overdue=lambda: 5.0,
        loses_markers=lambda: bool(lossy),
    )


def begin(broker, epoch, value=b"x", *, sequence=0, topic="out"):
    broker.add_topics(ID, epoch, [topic])
    return broker.produce(ID, epoch, Batch(topic, sequence, ((None, value),)))


def move(broker, epoch, offset):
    broker.add_group(ID, epoch, GROUP)
    broker.commit_offsets(ID, epoch, GROUP, {"in": offset})


def visible(broker, topic="out"):
    return [entry.value for entry in (one for _, one in broker.partitions[topic].committed())]


def test_output_and_positions_show_once_their_markers_are_written(broker, clock):
    _, epoch = broker.init_producer(ID, 10.0)
    begin(broker, epoch, b"a")
    move(broker, epoch, 1)
    broker.end(ID, epoch, commit=True)
    assert (visible(broker), broker.committed(GROUP, "in")) == ([], None)
    assert broker.is_held(GROUP, "in")
    clock.pass_on(0.1)
    assert (visible(broker), broker.committed(GROUP, "in")) == ([b"a"], 1)
    assert broker.partitions["out"].end == 2  # the marker has an offset, too


def test_an_open_transaction_hides_what_others_write_behind_it(broker, clock):
    _, epoch = broker.init_producer(ID, 10.0)
    begin(broker, epoch, b"mine")
    broker.append("out", [(None, b"theirs")])
    assert visible(broker) == []
    broker.end(ID, epoch, commit=False)
    clock.pass_on(0.1)
    assert visible(broker) == [b"theirs"]
    found, _ = broker.fetch("out", 0, 10, committed=False)
    assert [entry.value for _, entry in found] == [b"mine", b"theirs"]


def test_a_successor_aborts_fences_and_waits_for_the_markers(broker, clock):
    _, old = broker.init_producer(ID, 10.0)
    begin(broker, old)
    with pytest.raises(ConcurrentTransactions):
        broker.init_producer(ID, 10.0)
    clock.pass_on(0.1)
    _, new = broker.init_producer(ID, 10.0)
    assert new > old
    for stale in (
        lambda: begin(broker, old, sequence=1),
        lambda: move(broker, old, 1),
        lambda: broker.end(ID, old, commit=True),
    ):
        with pytest.raises(InvalidProducerEpoch):
            stale()
    assert visible(broker) == []


def test_a_late_copy_of_a_commit_ends_whatever_is_ongoing_in_its_epoch(broker, clock):
    _, epoch = broker.init_producer(ID, 10.0)
    begin(broker, epoch, b"first")
    broker.end(ID, epoch, commit=True)
    clock.pass_on(0.1)
    begin(broker, epoch, b"half of the second", sequence=1)
    broker.end(ID, epoch, commit=True)  # the copy
    clock.pass_on(0.1)
    assert visible(broker) == [b"first", b"half of the second"]
    with pytest.raises(InvalidTxnState):
        broker.commit_offsets(ID, epoch, GROUP, {"in": 1})


def test_a_commit_that_is_asked_again_is_answered_the_same(broker, clock):
    _, epoch = broker.init_producer(ID, 10.0)
    begin(broker, epoch)
    broker.end(ID, epoch, commit=True)
    with pytest.raises(ConcurrentTransactions):
        broker.end(ID, epoch, commit=True)
    clock.pass_on(0.1)
    broker.end(ID, epoch, commit=True)
    with pytest.raises(InvalidTxnState):
        broker.end(ID, epoch, commit=False)


def test_a_batch_that_is_sent_again_is_appended_once_and_one_too_early_not_at_all(broker):
    _, epoch = broker.init_producer(ID, 10.0)
    assert begin(broker, epoch) == begin(broker, epoch) == 0
    with pytest.raises(OutOfOrderSequenceNumber):
        begin(broker, epoch, sequence=7)
    assert broker.partitions["out"].end == 1


def test_a_transaction_that_takes_too_long_is_aborted_and_its_holder_fenced(broker, clock):
    _, epoch = broker.init_producer(ID, 10.0)
    begin(broker, epoch)
    clock.pass_on(16.0)
    assert broker.partitions["out"].stable_end == 2
    with pytest.raises(InvalidProducerEpoch):
        broker.end(ID, epoch, commit=True)


def test_a_node_that_comes_back_loads_and_then_writes_the_markers_it_owes(broker, clock):
    _, epoch = broker.init_producer(ID, 10.0)
    begin(broker, epoch, b"a")
    broker.end(ID, epoch, commit=True)
    broker.kill()
    clock.pass_on(1.0)
    assert visible(broker) == []
    broker.start(loading=0.5)
    with pytest.raises(CoordinatorLoadInProgressError):
        broker.committed(GROUP, "in")
    clock.pass_on(1.0)
    assert visible(broker) == [b"a"]


def test_a_node_may_forget_its_markers_and_the_keeper_writes_them_as_decided(broker, clock, lossy):
    _, epoch = broker.init_producer(ID, 10.0)
    begin(broker, epoch, b"a")
    move(broker, epoch, 1)
    broker.end(ID, epoch, commit=True)
    broker.kill()
    lossy.append(True)
    broker.start(loading=0.0)
    clock.pass_on(60.0)
    assert (visible(broker), broker.is_held(GROUP, "in")) == ([], True)
    broker.end_abandoned()
    assert (visible(broker), broker.committed(GROUP, "in")) == ([b"a"], 1)


def test_behind_forgotten_markers_a_transaction_that_fails_takes_back_what_was_answered(
    broker, clock, lossy
):
    """Why a writer gives up when a connection breaks within a transaction (streams/kafka/sink)."""
    _, epoch = broker.init_producer(ID, 10.0)
    begin(broker, epoch, b"answered")
    broker.end(ID, epoch, commit=True)
    broker.kill()
    lossy.append(True)
    broker.start(loading=0.0)
    begin(broker, epoch, b"next", sequence=1)
    broker.end(ID, epoch, commit=False)
    clock.pass_on(0.1)
    broker.end_abandoned()
    assert visible(broker) == []
