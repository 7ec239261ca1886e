"""Small towns through every stage: every child of a labelled case is found, nobody is made kin."""

from __future__ import annotations

import asyncio
import json

import pytest
from typer.testing import CliRunner

from deploy.cli import build_app
from deploy.evaluate.town import ground, safeguarding
from deploy.evaluate.town.ground import Share, together
from producers.town.cases import CaseKind
from producers.town.crowd import Size
from producers.town.errors import Mistake
from producers.town.reports import Ground


def silent(_done, _total):
    pass


@pytest.fixture(scope="module")
def evaluation():
    return asyncio.run(safeguarding.evaluate(300, 1, silent))


def test_every_case_is_found_and_no_child_is_spared_in_vain(evaluation):
    assert set(evaluation.cases) == set(CaseKind)
    wrong = {kind: tally for kind, tally in evaluation.cases.items() if not tally.is_right}
    assert wrong == {}


def test_every_child_that_must_be_found_is_and_nobody_else(evaluation):
    told = evaluation.as_dict()
    assert told["exposed_children"]["found"] == told["exposed_children"]["expected"] > 50
    assert (told["missed"], told["unexpected"], told["false_kin"]) == (0, 0, 0)
    assert told["merged"] == 0


def test_the_time_to_an_alert_is_that_of_every_expected_one(evaluation):
    told = evaluation.as_dict()
    assert told["seconds_to_alert"]["alerts"] == told["alerts"]["expected"]
    assert 0 <= told["seconds_to_alert"]["p50"] <= told["seconds_to_alert"]["p99"]


async def test_a_reviewer_who_leaves_two_children_one_is_noticed(monkeypatch):
    """A control: without the second verdict the twins stay one, and the friend is alerted for."""

    async def same_only(run, cases):
        (left, right), *_ = [case.mistaken for case in cases if case.mistaken]
        for one in run.ids_of(left):
            for other in run.ids_of(right):
                await run.review(one, other, safeguarding.LinkVerdict.SAME)

    monkeypatch.setattr(safeguarding, "_mistake", same_only)
    found = await safeguarding.evaluate(300, 2, silent)
    tally = found.cases[CaseKind.WRONG_MERGE]
    assert not tally.is_right
    assert tally.alerted == 2
    assert found.as_dict()["merged"] == 1


async def test_a_town_without_mistakes_is_found_whole():
    size = Size(people=400, reports=260, with_cases=False)
    score = await ground.evaluate(size, 1, ground.NO_MISTAKES, silent)
    told = score.as_dict()
    for name in ("membership", "together", "whole", "children", "alerts"):
        assert (told[name]["recall"], told[name]["precision"]) == (1.0, 1.0), name
    assert (score.wrong, score.merged, score.split, score.false_kin) == (0.0, 0, 0, 0)


async def test_mistakes_split_people_and_the_score_says_so():
    size = Size(people=400, reports=260, with_cases=False)
    worst = Ground(1.0, {Mistake.TYPO: 1.0, Mistake.WRONG_BIRTH_DATE: 1.0, Mistake.NICKNAME: 1.0})
    score = await ground.evaluate(size, 1, worst, silent)
    assert score.wrong > 0.9
    assert score.split > 20


def test_pairs_of_one_network_are_counted_whatever_falls_apart_or_runs_together():
    true = [frozenset({1, 2, 3}), frozenset({4, 5, 6})]
    assert together(true, true) == Share(6, 6, 6)
    assert together(true, [frozenset({1, 2, 3, 4, 5, 6})]) == Share(6, 15, 6)
    assert together(true, [frozenset({1, 2}), frozenset({4, 9})]) == Share(6, 2, 1)
    assert together([], []).as_dict()["recall"] == 1.0


def test_the_command_answers_in_the_form_that_is_agreed(evaluation, monkeypatch):
    async def known(people, seed, _progress):
        assert (people, seed) == (300, 1)
        return evaluation

    monkeypatch.setattr(safeguarding, "evaluate", known)
    wanted = ["evaluate", "safeguarding", "--people", "300", "--seed", "1", "--json"]
    said = CliRunner().invoke(build_app(), wanted)
    assert said.exit_code == 0, said.output
    told = json.loads(said.stdout)
    assert set(told["exposed_children"]) == {"expected", "found"}
    assert {"p50", "p99"} <= set(told["seconds_to_alert"])
    assert {"false_kin", "missed", "cases", "people", "reports"} <= set(told)
