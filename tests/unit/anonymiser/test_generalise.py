from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from anonymiser.intake.generalise import (
    UNKNOWN_AGE,
    GeneralAge,
    age_on,
    band_of,
    district_of,
    general_age,
    iso_week,
    london_day,
)
from streams.identifiers import UnreadableIdentifierError
from streams.values import AgeBand, ChildAtEvent

DAY = date(2026, 11, 16)


@pytest.mark.parametrize(
    ("born_on", "day", "years"),
    [
        (date(2008, 11, 16), date(2026, 11, 15), 17),
        (date(2008, 11, 16), date(2026, 11, 16), 18),
        (date(2008, 2, 29), date(2026, 2, 28), 17),
        (date(2008, 2, 29), date(2026, 3, 1), 18),
        (date(2008, 2, 29), date(2028, 2, 28), 19),
        (date(2008, 2, 29), date(2028, 2, 29), 20),
        (date(2026, 11, 16), date(2026, 11, 16), 0),
        (date(2026, 11, 17), date(2026, 11, 16), 0),
    ],
)
def test_an_age_changes_on_the_birthday_and_of_29_february_on_1_march(born_on, day, years):
    assert age_on(born_on, day) == years


def test_a_day_is_one_of_london_also_in_summer():
    assert london_day(datetime(2026, 7, 1, 23, 30, tzinfo=UTC)) == date(2026, 7, 2)
    assert london_day(datetime(2026, 12, 1, 23, 30, tzinfo=UTC)) == date(2026, 12, 1)


def test_someone_turns_18_at_midnight_in_london_not_in_greenwich():
    born_on = date(2008, 7, 2)
    late = datetime(2026, 7, 1, 23, 30, tzinfo=UTC)
    assert general_age(born_on, None, london_day(late)).child is ChildAtEvent.NO
    assert general_age(born_on, None, london_day(late - timedelta(hours=1))).child is (
        ChildAtEvent.YES
    )


@pytest.mark.parametrize(
    ("years", "band"),
    [
        (0, AgeBand.AGE_0_4), (4, AgeBand.AGE_0_4), (5, AgeBand.AGE_5_10), (10, AgeBand.AGE_5_10),
        (11, AgeBand.AGE_11_15), (15, AgeBand.AGE_11_15), (16, AgeBand.AGE_16_17),
        (17, AgeBand.AGE_16_17), (18, AgeBand.ADULT), (100, AgeBand.ADULT),
    ],
)  # fmt: skip
def test_bands_meet_without_gap(years, band):
    assert band_of(years) is band


def test_an_age_nobody_knows_is_unknown():
    assert general_age(None, None, DAY) == UNKNOWN_AGE


def test_a_placeholder_birth_date_does_not_make_an_adult():
    assert general_age(date(1900, 1, 1), None, DAY) == UNKNOWN_AGE
    assert general_age(date(1900, 1, 1), 15, DAY).child is ChildAtEvent.YES


def test_the_birth_date_counts_before_the_stated_age():
    assert general_age(date(2011, 5, 4), 16, DAY).band is AgeBand.AGE_11_15


def test_where_birth_date_and_stated_age_disagree_on_a_child_nothing_is_claimed():
    assert general_age(date(2011, 5, 4), 30, DAY) == UNKNOWN_AGE


def test_a_stated_age_alone_is_enough():
    assert general_age(None, 40, DAY) == GeneralAge(AgeBand.ADULT, ChildAtEvent.NO)


def test_a_week_is_an_iso_week_of_london():
    assert iso_week(datetime(2027, 1, 3, 12, tzinfo=UTC)) == "2026-W53"
    assert iso_week(datetime(2026, 11, 16, 18, tzinfo=UTC)) == "2026-W47"
    assert iso_week(datetime(2026, 7, 5, 23, 30, tzinfo=UTC)) == "2026-W28"


@pytest.mark.parametrize(
    ("postcode", "district"),
    [
        ("S1", "S1"),
        ("sw1a 1aa", "SW1A"),
        ("SW1A", "SW1A"),
        ("ZZ99", None),
        ("ZZ99 3VZ", None),
        ("BFPO 58", None),
        ("GIR 0AA", None),
        ("N/K", None),
        (None, None),
    ],
)
def test_a_place_may_be_told_by_its_district_alone_and_may_have_none(postcode, district):
    assert district_of(postcode) == district


def test_a_place_leaves_as_its_district():
    assert district_of("s1 2he") == "S1"
    assert district_of("ZZ99 3VZ") is None
    assert district_of(None) is None
    with pytest.raises(UnreadableIdentifierError):
        district_of("Nowhere")
