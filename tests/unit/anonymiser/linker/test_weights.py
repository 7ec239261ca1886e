"""Weights as a value: what they hold, how they grow, and how counts become weights."""

from __future__ import annotations

import pytest

from anonymiser.linker.levels import DIFFERS, LEVELS, NEW_YEAR, OTHER_NAME, UNLISTED
from anonymiser.linker.match import BORN_AGREES, GIVEN_AGREES
from anonymiser.linker.standard import WEIGHTS
from anonymiser.linker.weights import WEIGHT_MAX, fitted


def bare(level):
    for suffix in (OTHER_NAME, UNLISTED, NEW_YEAR):
        level = level.removesuffix(suffix)
    return level


def test_a_birth_on_new_years_day_says_less_since_often_only_the_year_is_known():
    table = WEIGHTS.table
    assert table["born_on", "exact" + NEW_YEAR] < table["born_on", "exact"]


def test_twice_the_people_ask_for_one_bit_more():
    assert WEIGHTS.growth(20_000) - WEIGHTS.growth(10_000) == 100
    assert WEIGHTS.growth(WEIGHTS.population) == 0


def test_a_linker_that_holds_nobody_yet_asks_as_one_that_holds_a_few_hundred():
    assert WEIGHTS.growth(0) == WEIGHTS.growth(WEIGHTS.population_min) < 0


def test_every_weight_is_that_of_a_level_that_can_occur():
    for one in WEIGHTS.levels:
        assert bare(one.level) in (*LEVELS[one.field], DIFFERS, "abbreviated"), one


@pytest.mark.parametrize("field", ["given_name", "family_name", "born_on", "postcode", "address"])
def test_an_exact_agreement_speaks_for_one_person_and_a_difference_against(field):
    first = next(one for one in LEVELS[field] if one in ("exact", "line"))
    assert WEIGHTS.table[field, first] > 500
    assert WEIGHTS.table[field, DIFFERS] < -200


def test_another_known_forename_speaks_louder_against_than_one_nobody_bears():
    table = WEIGHTS.table
    assert table["given_name", DIFFERS + OTHER_NAME] < table["given_name", DIFFERS]


def test_what_is_no_contradiction_of_a_name_or_date_is_a_level_of_it():
    assert set(map(bare, GIVEN_AGREES)) - {"abbreviated"} <= set(LEVELS["given_name"])
    assert set(map(bare, BORN_AGREES)) <= set(LEVELS["born_on"])


def test_counts_become_the_log_of_how_much_likelier_a_level_is_for_one_person():
    same = {("sex", "equal"): 96, ("sex", "differs"): 4}
    different = {("sex", "equal"): 48, ("sex", "differs"): 52}
    weights = {one.level: one.centibits for one in fitted(same, different)}
    assert weights["equal"] == pytest.approx(100, abs=3)
    assert weights["differs"] < -300


def test_a_level_that_was_never_seen_has_a_finite_weight():
    same = {("born_on", "exact"): 10**9}
    different = {("born_on", "differs"): 10**9}
    weights = {one.level: one.centibits for one in fitted(same, different)}
    assert weights == {"exact": WEIGHT_MAX, "differs": -WEIGHT_MAX}


def test_fitting_does_not_mind_shares_of_pairs():
    whole = fitted({("sex", "equal"): 10.0}, {("sex", "equal"): 5.0, ("sex", "differs"): 5.0})
    assert {one.field for one in whole} == {"sex"}
