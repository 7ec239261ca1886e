"""The demo's verdict: whatever is not as it must be is told, and nothing is when all is well."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deploy.demo.agencies import Answer
from deploy.demo.findings import Findings
from deploy.demo.result import Replay, Result
from deploy.leaks import Leak
from producers.town.reports import Step
from producers.town.town import build_town
from producers.town.truth import truth_of
from streams.values import Outcome

TOWN = build_town(2)
TRUTH = truth_of(TOWN)


@pytest.fixture
def perfect():
    answers = [
        Answer(step=step, outcome=outcome, stopped=() if outcome else ("wrong_check_digit",))
        for step, outcome in zip(TOWN.submissions, TRUTH.outcomes, strict=True)
    ]
    findings = Findings(
        persons=100,
        networks=TRUTH.networks,
        weights=TRUTH.weights,
        exposures=TRUTH.exposures,
        false_kin=0,
        questions=0,
        merged=0,
        split=0,
    )
    return Result(
        town=TOWN,
        truth=TRUTH,
        answers=answers,
        findings=findings,
        leaks=[],
        searched_bytes=1,
        replay=Replay("a", "a"),
        misreported_alerts=0,
        seconds=1.0,
    )


def test_a_perfect_run_has_nothing_to_tell(perfect):
    assert perfect.undoings() == []
    facts = perfect.as_dict()
    outcomes = ("shared", "held", "refused", "quarantined", "duplicates")
    assert facts["submitted"] == sum(facts[name] for name in outcomes)
    assert facts["stopped_at_the_door"] == 3
    assert facts["as_expected"]


def test_networks_of_equal_number_but_other_people_are_told(perfect):
    one, *others = TRUTH.networks
    swapped = frozenset((frozenset({*one, -1}), *others))
    result = replace(perfect, findings=replace(perfect.findings, networks=swapped))
    assert result.undoings() == ["the networks found are not those of the town"]
    assert result.as_dict()["networks"] == {
        "expected": 2,
        "found": 2,
        "missing": 1,
        "unexpected": 1,
    }


def test_a_child_too_few_is_told(perfect):
    fewer = frozenset(list(TRUTH.exposures)[1:])
    result = replace(perfect, findings=replace(perfect.findings, exposures=fewer))
    assert result.undoings() == ["the exposed children found are not those of the town"]


def test_an_outcome_other_than_the_wanted_one_is_told(perfect):
    answers = list(perfect.answers)
    place = next(n for n, answer in enumerate(answers) if answer.step.step is Step.REPEAT)
    answers[place] = replace(answers[place], outcome=Outcome.SHARED)
    result = replace(perfect, answers=answers)
    assert len(result.undoings()) == 1
    assert "not DUPLICATE" in result.undoings()[0]


def test_an_answer_that_never_came_is_told(perfect):
    result = replace(perfect, answers=perfect.answers[1:])
    assert len(result.undoings()) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"leaks": [Leak("log", "nodes[0].identity.given_name", "raw")]},
        {"replay": Replay("a", "b")},
        {"misreported_alerts": 1},
    ],
)
def test_leaks_another_replay_and_lost_alerts_are_told(perfect, change):
    result = replace(perfect, **change)
    assert len(result.undoings()) == 1
    assert not result.as_dict()["as_expected"]


def test_false_kin_is_told(perfect):
    result = replace(perfect, findings=replace(perfect.findings, false_kin=2))
    assert len(result.undoings()) == 1
