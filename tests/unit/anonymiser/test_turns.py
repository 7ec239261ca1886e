from __future__ import annotations

from anonymiser.intake.worker.turns import (
    BESIDE_SECONDS,
    BURST_RECORDS,
    HELD_SECONDS_MAX,
    RECORDS_A_SECOND,
    Turns,
)

FLOOD, CALM = "partner.flood.submissions", "partner.calm.submissions"


def read(turns, topic, records, now):
    for _ in range(records):
        turns.took(topic, now)


def test_a_topic_that_alone_has_something_is_never_held():
    turns = Turns()
    read(turns, FLOOD, 100_000, 0.0)
    assert turns.held(0.1) == frozenset()


def test_a_flood_beside_another_is_held_and_the_other_is_not():
    turns = Turns()
    turns.took(CALM, 0.0)
    read(turns, FLOOD, int(BURST_RECORDS) + 1, 0.1)
    assert turns.held(0.1) == {FLOOD}


def test_a_burst_is_let_through():
    turns = Turns()
    turns.took(CALM, 0.0)
    read(turns, FLOOD, int(BURST_RECORDS), 0.1)
    assert turns.held(0.1) == frozenset()


def test_who_is_held_is_let_go_and_not_by_single_records():
    turns = Turns()
    turns.took(CALM, 0.0)
    read(turns, FLOOD, int(BURST_RECORDS) + 1, 0.0)
    half = BURST_RECORDS / 2 / RECORDS_A_SECOND
    assert turns.held(0.0) == {FLOOD}
    assert turns.held(half / 2) == {FLOOD}
    assert turns.held(half + 0.1) == frozenset()


def test_over_time_a_flood_has_its_rate_and_no_more():
    turns, now, taken = Turns(), 0.0, 0
    while now < 60:
        turns.took(CALM, now)
        if FLOOD not in turns.held(now):
            read(turns, FLOOD, 20, now)
            taken += 20
        now += 0.05
    assert 0.9 < taken / (60 * RECORDS_A_SECOND + BURST_RECORDS) < 1.1


def test_what_is_owed_is_bounded():
    turns = Turns()
    turns.took(CALM, 0.0)
    read(turns, FLOOD, 1_000_000, 0.0)
    turns.took(CALM, HELD_SECONDS_MAX)
    assert turns.held(HELD_SECONDS_MAX + BURST_RECORDS / RECORDS_A_SECOND) == frozenset()


def test_when_the_others_have_gone_quiet_the_flood_is_let_go():
    turns = Turns()
    turns.took(CALM, 0.0)
    read(turns, FLOOD, 10_000, BESIDE_SECONDS - 1)
    assert turns.held(BESIDE_SECONDS - 0.5) == {FLOOD}
    assert turns.held(BESIDE_SECONDS + 0.1) == frozenset()


def test_twenty_partners_that_report_as_the_busiest_bench_does_are_not_held():
    turns = Turns()
    for tick in range(600):
        now = tick / 10
        for number in range(20):
            read(turns, f"partner.p{number}.submissions", 5, now)
        assert turns.held(now) == frozenset()
