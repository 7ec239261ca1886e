"""Property 24: the motivated intruder's bar holds, on a small seeded city through every stage.

The full figures come from `rivelin evaluate intruder`; here the city is as
dense and the children are fewer.
"""

from __future__ import annotations

import asyncio

import pytest

from anonymiser.gate import stage
from anonymiser.gate.cells import Detail, Fitted, PlaceRung
from deploy.evaluate.intruder.evaluation import evaluate_intruder

CITY = {"people": 22_000, "targets": 150, "seed": 3}
FULL_MAX = 0.02
PARTIAL_MAX = 0.015
PLACED_MIN = 0.9
CLEAN_MAX, NOISY_MAX = 0.05, 0.15


@pytest.fixture(scope="module")
def found():
    return asyncio.run(evaluate_intruder(**CITY)).as_dict()


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


def test_who_reads_both_topics_and_joins_them_recognises_no_more(found):
    joined = found["views"]["joined"]
    assert joined["full"]["correct"] <= FULL_MAX
    assert joined["partial"]["correct"] <= PARTIAL_MAX


def test_the_intruders_who_know_people_or_ties_do_recognise_somebody(found):
    """The figures are no bar: what is not protected against is told (docs/PRIVACY.md)."""
    assert found["graph"]["claims"] > 0
    assert set(found["views"]) == {"police", "safeguarding", "joined"}


class EverythingGoes:
    """The control: a gate that counts nobody. It stands under tests/ alone."""

    def __init__(self, population, k=5):
        pass

    def fit(self, event, shown):
        return Fitted(event, PlaceRung.DISTRICT, Detail.FULL)


def test_without_the_ladder_the_same_reports_leave_people_in_cells_below_five(monkeypatch, found):
    monkeypatch.setattr(stage, "Cells", EverythingGoes)

    ungated = asyncio.run(evaluate_intruder(**CITY)).as_dict()

    assert ungated["below_k"] > 20
    assert ungated["full"]["correct"] > found["full"]["correct"]
