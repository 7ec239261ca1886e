"""MoRiLE-style scores: totals from inputs, errors by name, and change that is explained exactly."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from importlib import resources
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.ocg_network import scoring
from consumers.ocg_network.scoring import (
    Executed,
    Life,
    MissingFactorError,
    ModelFileError,
    Moved,
    Score,
    ScoreOutOfRangeError,
    UnknownFactorError,
    UnknownModelError,
    check,
    explain,
    model_from,
    model_of,
    percent,
    shares,
    totals,
)
from streams.codes import Factor, Impact, Lever
from streams.errors import InvalidInputError
from streams.roles import OcgStatus
from tests.invented_ocgs import EXAMPLE, HARM, LIKELIHOOD, POSITION

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
MAPPED, ARCHIVED, ABSORBED = OcgStatus.MAPPED, OcgStatus.ARCHIVED, OcgStatus.ABSORBED


SCORES = st.tuples(
    st.tuples(*[st.integers(0, 4)] * 6),
    st.tuples(*[st.integers(0, 4)] * 3),
    st.tuples(*[st.integers(0, 4)] * 2),
)


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def a_score(values=EXAMPLE, at: datetime = START, confidence: int = 3) -> Score:
    harm, likelihood, position = values
    return Score(
        model=1,
        harm=dict(zip(HARM, harm, strict=True)),
        likelihood=dict(zip(LIKELIHOOD, likelihood, strict=True)),
        position=dict(zip(POSITION, position, strict=True)),
        confidence=confidence,
        decided_at=at,
    )


def a_life(name: str, *scores: Score, statuses=((START, MAPPED),)) -> Life:
    return Life(name, name, tuple(statuses), scores)


def test_the_worked_example_gives_harm_11_likelihood_5_and_risk_55():
    score = a_score()
    check(score)
    assert (score.total_harm, score.total_likelihood, score.risk) == (11, 5, 55)


@pytest.mark.parametrize("confidence", [0, 4])
def test_confidence_and_position_change_nothing_about_the_risk(confidence):
    harm, likelihood, _ = EXAMPLE
    assert a_score((harm, likelihood, (0, 4)), confidence=confidence).risk == 55


def test_the_model_has_each_factor_in_one_place_and_its_risk_ends_at_288():
    model = model_of(1)
    every = [*model.harm, *model.likelihood, *model.position]
    assert sorted(every) == sorted(Factor)
    assert a_score(((4,) * 6, (4,) * 3, (4, 4))).risk == 288


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"harm": {Factor.PHYSICAL: 3}}, MissingFactorError),
        ({"likelihood": {**dict.fromkeys(LIKELIHOOD, 1), Factor.CAPACITY: 1}}, UnknownFactorError),
        ({"harm": {**dict.fromkeys(HARM, 1), Factor.PHYSICAL: 5}}, ScoreOutOfRangeError),
        ({"harm": {**dict.fromkeys(HARM, 1), Factor.PHYSICAL: -1}}, ScoreOutOfRangeError),
        ({"confidence": 5}, ScoreOutOfRangeError),
        ({"model": 99}, UnknownModelError),
    ],
)
def test_a_score_that_the_model_does_not_allow_is_a_named_error(change, error):
    example = a_score()
    facts = {name: getattr(example, name) for name in example.__slots__}
    with pytest.raises(error):
        check(Score(**{**facts, **change}))


def test_a_model_with_an_unknown_field_is_refused():
    with pytest.raises(ModelFileError):
        model_from('{"version": 2, "multiply_confidence": true}')


def other_model(**change) -> str:
    """The text of the model of version 1 with something changed."""
    told = json.loads(
        resources.files("consumers.ocg_network").joinpath("scoring-1.json").read_text()
    )
    return json.dumps({**told, **change})


@pytest.mark.parametrize(
    "change",
    [
        {"scale": ["none", "some"]},
        {"harm": [{"factor": "PHYSICAL", "weight": -1, "means": "x"}]},
        {"harm": [{"factor": "REPUTATION", "weight": 1, "means": "x"}]},
        {"likelihood": [{"factor": "PHYSICAL", "weight": 1, "means": "twice"}]},
        {"harm": [{"factor": "PHYSICAL", "means": "no weight"}]},
    ],
)
def test_a_model_that_does_not_hold_together_is_refused(change):
    with pytest.raises(ModelFileError):
        model_from(other_model(**change))


@given(SCORES, SCORES)
def test_the_parts_add_up_where_the_model_changed_between_two_scores(before, after):
    weighted = [{"factor": one.value, "weight": two, "means": "x"} for two, one in enumerate(HARM)]
    models = {1: model_of(1), 2: model_from(other_model(version=2, harm=weighted))}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scoring, "model_of", models.__getitem__)
        old, new = a_score(before), replace(a_score(after), model=2)
        assert sum(shares(old, new).values()) == new.risk - old.risk


def test_totals_count_mapped_ocgs_alone_and_tell_which_nobody_scored():
    lives = [
        a_life("SY-1", a_score()),
        a_life("SY-2"),
        a_life("SY-3", a_score(), statuses=((START, MAPPED), (day(5), ARCHIVED))),
    ]
    assert (totals(lives, day(1)).mapped, totals(lives, day(1)).risk) == (3, 110)
    after = totals(lives, day(5))
    assert (after.mapped, after.unscored, after.risk) == (2, 1, 55)
    assert totals(lives, day(-1)).mapped == 0


def test_the_change_in_per_cent_is_none_where_there_was_nothing():
    assert percent(19, 12) == -36.8
    assert percent(0, 12) is None


# --- change explained ----------------------------------------------------------------------


@given(SCORES, SCORES)
def test_the_parts_of_the_factors_add_up_to_the_change_exactly(before, after):
    old, new = a_score(before), a_score(after)
    assert sum(shares(old, new).values()) == new.risk - old.risk


@given(SCORES, SCORES)
def test_a_factor_that_did_not_move_has_no_part_and_the_way_back_is_the_opposite(before, after):
    old, new = a_score(before), a_score(after)
    there, back = shares(old, new), shares(new, old)
    assert there == {factor: -part for factor, part in back.items()}
    for factor in HARM:
        if old.harm[factor] == new.harm[factor]:
            assert factor not in there


def test_the_parts_are_the_shapley_values_of_the_factors():
    """By its definition: the mean over every order in which three factors could have moved."""
    moving = {Factor.PHYSICAL: (4, 1), Factor.FINANCIAL: (2, 3), Factor.FREQUENCY: (3, 1)}

    def risk(moved) -> int:
        value = {one: ends[one in moved] for one, ends in moving.items()}
        harm = value[Factor.PHYSICAL] + value[Factor.FINANCIAL]
        return harm * (value[Factor.FREQUENCY] + 2)

    parts = dict.fromkeys(moving, Fraction())
    orders = list(permutations(moving))
    for order in orders:
        for place, one in enumerate(order):
            step = risk(order[: place + 1]) - risk(order[:place])
            parts[one] += Fraction(step, len(orders))
    before = a_score(((4, 0, 2, 0, 0, 0), (0, 3, 2), (0, 0)))
    after = a_score(((1, 0, 3, 0, 0, 0), (0, 1, 2), (0, 0)))
    assert shares(before, after) == parts


def test_a_change_is_told_by_what_came_what_went_and_what_was_rated_anew():
    lower = a_score(((2, 3, 1, 2, 2, 0), (0, 1, 2), (3, 1)), at=day(6))
    lives = [
        a_life("SY-1", a_score(), lower),
        a_life("SY-2", a_score(), statuses=((START, MAPPED), (day(5), ARCHIVED))),
        a_life("SY-3", a_score(), statuses=((START, MAPPED), (day(5), ABSORBED))),
        a_life("SY-4", a_score(at=day(7)), statuses=((day(4), MAPPED),)),
        a_life("SY-5", a_score(at=day(7))),
        a_life("SY-6", a_score()),
        a_life("SY-9", statuses=((day(30), MAPPED),)),
    ]
    told = explain(lives, day(1), day(10))
    assert {one.reference: one.moved for one in told.ocgs} == {
        "SY-1": Moved.RATED_ANEW,
        "SY-2": Moved.ARCHIVED,
        "SY-3": Moved.ABSORBED,
        "SY-4": Moved.MAPPED_SINCE,
        "SY-5": Moved.FIRST_RATED,
        "SY-6": Moved.UNCHANGED,
    }
    parts = sum(one.whole + sum(one.factors.values()) for one in told.ocgs)
    assert parts == told.change == told.end.risk - told.start.risk
    assert told.ocgs[0].position[Factor.CAPACITY] == (2, 3)
    assert set(told.ocgs[0].factors) == {Factor.PHYSICAL, Factor.FREQUENCY}


def test_disruptions_of_the_time_between_stand_beside_the_change_of_their_ocg():
    def at(on: date, ocg: str = "SY-1") -> Executed:
        return Executed(f"{on}", ocg, on, Lever.CLOSURE_ORDER, Impact.MAJOR)

    within, before, other = at(date(2026, 1, 8)), at(date(2026, 1, 4)), at(date(2026, 1, 8), "X")
    told = explain([a_life("SY-1", a_score())], day(0), day(5), [within, before, other])
    assert told.ocgs[0].disruptions == (within,)
    assert told.change == 0


def test_an_end_before_the_start_is_refused():
    with pytest.raises(InvalidInputError):
        explain([], day(1), day(0))
