"""What a link in time is worth as time goes by."""

from __future__ import annotations

import pytest

from anonymiser.linker.ageing import HALF_LIFE_WEEKS, STEP_WEEKS, aged, steps


@pytest.mark.parametrize("field", sorted(HALF_LIFE_WEEKS))
def test_after_its_half_life_a_link_weighs_half(field):
    quarters = steps(HALF_LIFE_WEEKS[field])
    assert aged(field, 1000, quarters) == pytest.approx(500, abs=40)
    assert aged(field, -200, quarters) == pytest.approx(-100, abs=10)


@pytest.mark.parametrize("field", ["given_name", "born_on", "sex"])
def test_what_a_person_keeps_does_not_age(field):
    assert aged(field, 1000, steps(5_000)) == 1000


def test_time_is_counted_in_quarters_from_either_side():
    assert steps(None) == steps(STEP_WEEKS - 1) == 0
    assert steps(-STEP_WEEKS) == steps(STEP_WEEKS) == 1


def test_a_very_long_time_is_one_pattern():
    assert steps(10**6) == steps(10**9)
