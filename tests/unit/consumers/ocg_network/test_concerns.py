"""The test for a spike of concern, against counts worked out by hand and by another way."""

from __future__ import annotations

from datetime import date, timedelta
from math import comb

import pytest

from consumers.ocg_network.concerns import chance_of, judge, monday_of, spikes, week_of
from streams.errors import InvalidInputError
from tests.invented_disruptions import book_of, concern

MONDAY = date(2026, 3, 2)


def weeks_of(*counts):
    return {MONDAY + timedelta(weeks=i): n for i, n in enumerate(counts) if n is not None}


def judged(*counts):
    weeks = weeks_of(*counts)
    return judge("S5", max(weeks), weeks)


def test_the_chance_is_the_tail_of_the_predictive_distribution():
    """With a shape of 1/2 + 0 after one week: 1 - sum of C(2k, k) / 4^k * sqrt(1/2) * (1/2)^k."""
    below = sum(comb(2 * k, k) / 4**k * 0.5**0.5 * 0.5**k for k in range(3))
    assert chance_of(3, 0, 1) == pytest.approx(1 - below)
    assert chance_of(0, 7, 3) == 1.0


def test_more_voices_are_never_likelier_and_more_before_never_less_likely():
    chances = [chance_of(count, 20, 8) for count in range(30)]
    assert chances == sorted(chances, reverse=True)
    assert chance_of(9, 10, 8) < chance_of(9, 40, 8)


def test_a_week_far_above_its_earlier_weeks_is_a_spike_and_says_why():
    spike = judged(2, 1, 3, 2, 14)
    assert spike.is_spike
    assert "mean of 2.0 over 4 earlier weeks" in spike.in_words


def test_an_ordinary_week_is_none():
    assert not judged(2, 1, 3, 2, 4).is_spike


def test_few_voices_are_none_however_quiet_it_was():
    spike = judged(1, None, None, None, None, None, None, None, None, None, None, None, 4)
    assert spike.chance <= 0.01
    assert not spike.is_spike


def test_without_four_earlier_weeks_nothing_is_judged():
    spike = judged(2, 1, 3, 50)
    assert spike.chance is None
    assert not spike.is_spike


def test_weeks_without_a_record_between_count_as_none():
    assert judged(8, None, None, None, 8).mean_before == 2.0


def test_voices_of_an_area_are_added_up_over_kinds_and_reports():
    steady = [concern(f"K{i}", week=week_of(MONDAY + timedelta(weeks=i))) for i in range(4)]
    last = week_of(MONDAY + timedelta(weeks=4))
    loud = [concern(f"L{i}", week=last, count=7) for i in range(2)]
    elsewhere = [concern("E", week=last, area="S9")]
    found = spikes(book_of(*steady, *loud, *elsewhere).concerns.values())
    assert [(one.area, one.week, one.count) for one in found if one.is_spike] == [("S5", last, 14)]


@pytest.mark.parametrize("text", ["2026-W54", "2026-W00", "2026W20", "2026-W7", "W20", "", "x-Wy"])
def test_a_week_that_is_none_is_refused(text):
    with pytest.raises(InvalidInputError, match="2026-W47"):
        monday_of(text)
