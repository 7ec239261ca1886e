"""The broker's time from the times of its records: never ahead of it, whatever we think."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from streams.kafka.log_time import LogTime

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


class Broker:
    """Its time, and seconds that pass here; its records reach us `late` seconds after them."""

    def __init__(self):
        self.seconds = 5_000.0
        self.time = LogTime(lambda: self.seconds)

    @property
    def now(self):
        return NOON + timedelta(seconds=self.seconds - 5_000.0)

    def record(self, late=0.0):
        self.seconds += late
        at = self.now - timedelta(seconds=late)
        self.time.saw(round(at.timestamp() * 1000))


@pytest.fixture
def broker():
    return Broker()


def test_before_the_first_record_no_time_is_known(broker):
    assert broker.time.now() is None


def test_after_a_record_time_goes_on_by_itself(broker):
    broker.record()
    broker.seconds += 3_600

    assert broker.time.now() == broker.now


def test_a_record_of_long_ago_puts_it_back_but_never_ahead(broker):
    broker.record(late=1_000.0)
    assert broker.time.now() == broker.now - timedelta(seconds=1_000)

    broker.record(late=0.5)
    assert broker.time.now() == broker.now - timedelta(seconds=0.5)

    broker.record(late=400.0)  # catching up with another topic does not put it back
    assert broker.time.now() == broker.now - timedelta(seconds=0.5)
