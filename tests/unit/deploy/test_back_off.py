"""How long a process that ended waits before it is started again."""

from __future__ import annotations

from deploy.supervisor import BACKOFF_SECONDS_MAX, HEALTHY_SECONDS, RESTART_REQUESTED, BackOff


def test_each_short_life_waits_twice_as_long_up_to_half_a_minute():
    backoff = BackOff()

    delays = [backoff.delay_seconds(1, lived_seconds=1) for _ in range(8)]

    assert delays == [0.5, 1, 2, 4, 8, 16, 30, BACKOFF_SECONDS_MAX]


def test_a_healthy_minute_is_forgiven():
    backoff = BackOff()
    for _ in range(5):
        backoff.delay_seconds(1, lived_seconds=1)

    assert backoff.delay_seconds(1, lived_seconds=HEALTHY_SECONDS) == 0.5
    assert backoff.delay_seconds(1, lived_seconds=1) == 1


def test_a_requested_restart_waits_for_nothing_and_counts_for_nothing():
    backoff = BackOff()
    backoff.delay_seconds(1, lived_seconds=1)

    assert backoff.delay_seconds(RESTART_REQUESTED, lived_seconds=0) == 0
    assert backoff.delay_seconds(1, lived_seconds=1) == 1


def test_an_orderly_end_is_an_end_too():
    assert BackOff().delay_seconds(0, lived_seconds=1) == 0.5
