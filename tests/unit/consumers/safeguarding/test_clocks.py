"""The decision clock around every kind of day off, and both changes of the clock."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, time, timedelta

import holidays
import pytest

from consumers.safeguarding.clocks import (
    CALENDAR,
    decision_due,
    in_london,
    is_working_day,
    next_working_day,
    time_left,
)
from streams.instants import LONDON


def london(text):
    return datetime.fromisoformat(text).replace(tzinfo=LONDON)


@pytest.mark.parametrize(
    ("made", "due"),
    [
        pytest.param("2026-11-24 10:00", "2026-11-25 10:00", id="an ordinary day"),
        pytest.param("2026-11-27 18:45", "2026-11-30 18:45", id="Friday evening"),
        pytest.param("2026-11-28 11:00", "2026-12-01 00:00", id="Saturday counts as Monday 0:00"),
        pytest.param("2026-11-29 23:59", "2026-12-01 00:00", id="Sunday night too"),
        pytest.param("2026-11-30 00:00", "2026-12-01 00:00", id="the first instant of Monday"),
        pytest.param("2026-11-30 00:01", "2026-12-01 00:01", id="and a minute later"),
        pytest.param("2026-12-24 16:00", "2026-12-29 16:00", id="Christmas Eve"),
        pytest.param("2026-12-25 10:00", "2026-12-30 00:00", id="Christmas Day"),
        pytest.param("2026-12-28 09:00", "2026-12-30 00:00", id="substitute for Boxing Day"),
        pytest.param("2026-12-31 17:30", "2027-01-04 17:30", id="year end"),
        pytest.param("2021-12-24 12:00", "2021-12-29 12:00", id="two substitute days in a row"),
        pytest.param("2022-01-02 12:00", "2022-01-05 00:00", id="substitute for New Year"),
        pytest.param("2026-04-02 15:00", "2026-04-07 15:00", id="Maundy Thursday over Easter"),
        pytest.param("2026-04-06 09:00", "2026-04-08 00:00", id="Easter Monday"),
        pytest.param("2026-05-01 17:00", "2026-05-05 17:00", id="before a bank holiday Monday"),
        pytest.param("2026-05-04 08:00", "2026-05-06 00:00", id="on a bank holiday Monday"),
        pytest.param("2022-09-16 09:00", "2022-09-20 09:00", id="a day off proclaimed once"),
    ],
)
def test_a_decision_is_due_after_one_working_day(made, due):
    assert decision_due(london(made)) == london(due)


def test_the_week_end_in_which_summer_time_begins_is_an_hour_short():
    made = london("2026-03-27 16:00")
    assert decision_due(made) - made.astimezone(UTC) == timedelta(hours=71)
    assert in_london(decision_due(made)) == "Mon 30 Mar 2026 16:00 BST"


def test_the_week_end_in_which_it_ends_is_an_hour_long():
    made = london("2026-10-23 16:00")
    assert decision_due(made) - made.astimezone(UTC) == timedelta(hours=73)
    assert in_london(decision_due(made)) == "Mon 26 Oct 2026 16:00 GMT"


@pytest.mark.parametrize("fold", [0, 1])
def test_both_of_the_hours_that_sunday_has_twice_are_due_at_the_end_of_monday(fold):
    made = datetime(2026, 10, 25, 1, 30, tzinfo=LONDON, fold=fold)
    assert decision_due(made) == london("2026-10-27 00:00")


def test_an_instant_shortly_before_midnight_in_utc_is_of_the_next_day_in_summer():
    made = datetime(2026, 6, 12, 23, 30, tzinfo=UTC)  # Friday; in London Saturday, 00:30
    assert decision_due(made) == london("2026-06-16 00:00")


def test_a_later_referral_is_never_due_before_an_earlier_one_and_none_after_the_next_day():
    dice = random.Random(5)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    made = sorted(start + timedelta(minutes=dice.randrange(3 * 366 * 1440)) for _ in range(4_000))
    due = [decision_due(one) for one in made]
    assert due == sorted(due)
    for one, at in zip(made, due, strict=True):
        last = next_working_day(one.astimezone(LONDON).date())
        end = datetime.combine(last + timedelta(days=1), time(), LONDON)
        assert one < at <= end


def test_due_is_told_in_utc_so_that_it_is_the_same_on_every_machine():
    assert decision_due(london("2026-06-10 09:00")).tzinfo is UTC


def test_england_and_wales_have_the_same_bank_holidays_in_the_package():
    years = range(2020, 2035)
    england = holidays.country_holidays("GB", subdiv="ENG", years=years)
    wales = holidays.country_holidays("GB", subdiv="WLS", years=years)
    assert set(england) == set(wales)


def test_a_bank_holiday_of_scotland_alone_is_a_working_day():
    assert date(2026, 1, 2) in holidays.country_holidays("GB", subdiv="SCT", years=2026)
    assert is_working_day(date(2026, 1, 2))


def test_the_table_of_days_is_named_with_its_version():
    assert CALENDAR.startswith("holidays 0.")


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (125, "2 h 05 min left"),
        (1, "1 min left"),
        (0, "overdue 0 min"),
        (-61, "overdue 1 h 01 min"),
    ],
)
def test_time_left_is_told_in_words(minutes, words):
    at = datetime(2026, 11, 26, tzinfo=UTC)
    assert time_left(at + timedelta(minutes=minutes), at) == words
