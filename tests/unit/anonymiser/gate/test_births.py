"""What is kept of a birth date: the week of the next change of age band, never too early."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymiser.gate.births import (
    BEGINS,
    Turn,
    birthday_of,
    due_at,
    sunday_of,
    turn_after,
    week_after,
    week_of,
)
from streams.values import AgeBand

BORN = st.dates(date(1990, 1, 1), date(2026, 1, 1))


@pytest.mark.parametrize(
    ("born", "day", "turn"),
    [
        (date(2008, 5, 4), date(2026, 5, 3), Turn(AgeBand.ADULT, "2026-W19")),
        (date(2008, 5, 4), date(2026, 5, 4), Turn(AgeBand.ADULT, None)),
        (date(2010, 12, 31), date(2026, 1, 1), Turn(AgeBand.AGE_16_17, "2026-W53")),
        (date(2026, 6, 1), date(2026, 1, 1), Turn(AgeBand.AGE_5_10, "2031-W22")),
    ],
)
def test_the_first_change_after_an_event_is_noted_with_its_week(born, day, turn):
    assert turn_after(born, day) == turn


def test_who_was_born_on_29_february_is_of_age_on_1_march_of_a_common_year():
    born = date(2008, 2, 29)
    assert birthday_of(born, 18) == date(2026, 3, 1)
    assert turn_after(born, date(2026, 2, 28)) == Turn(AgeBand.ADULT, week_of(date(2026, 3, 1)))
    assert birthday_of(born, 16) == date(2024, 2, 29)


@pytest.mark.parametrize(
    ("week", "at"),
    [
        ("2026-W19", datetime(2026, 5, 9, 23, tzinfo=UTC)),  # British Summer Time
        ("2026-W48", datetime(2026, 11, 29, tzinfo=UTC)),
    ],
)
def test_a_change_is_told_as_the_last_day_of_its_week_begins_in_london(week, at):
    assert due_at(week) == at


@given(born=BORN, day=BORN)
def test_a_change_is_never_told_before_the_birthday_nor_after_its_week(born, day):
    turn = turn_after(born, max(born, day))
    if turn.week is not None:
        birthday = birthday_of(born, BEGINS[turn.band])
        assert birthday <= sunday_of(turn.week) < birthday + timedelta(days=7)


@given(born=BORN, day=BORN, band=st.sampled_from(list(BEGINS)))
def test_a_later_band_is_reckoned_at_most_a_week_late_and_never_early(born, day, band):
    turn = turn_after(born, max(born, day))
    week = week_after(turn, band)
    if week is not None:
        late = sunday_of(week) - sunday_of(week_of(birthday_of(born, BEGINS[band])))
        assert late in {timedelta(0), timedelta(days=7)}


def test_a_band_before_the_noted_one_is_not_known():
    assert week_after(Turn(AgeBand.AGE_16_17, "2026-W20"), AgeBand.AGE_11_15) is None
