"""Property 24: the motivated intruder's bar holds, on a small seeded city through every stage.

The full figures come from `rivelin evaluate intruder`; here the city is as
dense and the children are fewer.
"""

from __future__ import annotations

import asyncio

import pytest

from deploy.evaluate.intruder.evaluation import evaluate_intruder

FULL_MAX = 0.02
PARTIAL_MAX = 0.015
PLACED_MIN = 0.9
CLEAN_MAX, NOISY_MAX = 0.05, 0.15


@pytest.fixture(scope="module")
def found():
    return asyncio.run(evaluate_intruder(people=22_000, targets=150, seed=3)).as_dict()


def test_24_a_full_register_recognises_at_most_one_child_in_fifty(found):
    assert found["full"]["correct"] <= FULL_MAX


def test_24_three_tenths_of_a_register_recognise_fewer(found):
    assert found["partial"]["correct"] <= PARTIAL_MAX


def test_24_nobody_in_any_view_is_in_a_cell_below_five(found):
    assert found["below_k"] == 0


def test_24_what_leaves_is_still_of_use(found):
    utility = found["utility"]
    assert utility["released_at_district"] >= PLACED_MIN
    assert utility["quarantined_clean"] <= CLEAN_MAX
    assert utility["quarantined_noisy"] <= NOISY_MAX


def test_the_intruders_who_know_people_or_ties_do_recognise_somebody(found):
    """The figures are no bar: what is not protected against is told (docs/PRIVACY.md)."""
    assert found["graph"]["claims"] > 0
    assert set(found["views"]) == {"police", "safeguarding"}
