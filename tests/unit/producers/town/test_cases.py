"""Labelled cases: what a case says by how it is made is what the truth works out from reports."""

from __future__ import annotations

from collections import Counter

import pytest

from producers.check import check
from producers.town.cases import CaseKind
from producers.town.completion import completed_by
from producers.town.crowd import Size, build_crowd
from producers.town.errors import GROUND_RATES, GROUND_SHARE, Mistake
from producers.town.reports import Ground, Step
from producers.town.truth import exposures_of, truth_of
from streams.values import AlertRule

KIN_AND_FRIENDS = {
    AlertRule.CHILD_TIED_TO_NOMINAL,
    AlertRule.SIBLING_OF_INVOLVED,
    AlertRule.FRIEND_OF_INVOLVED,
    AlertRule.HOUSEHOLD_OF_INVOLVED,
}
WITHOUT_CASES = Size(people=1200, reports=900, with_cases=False)


@pytest.fixture(scope="module")
def crowd():
    return build_crowd(3, Size(people=800))


@pytest.fixture(scope="module")
def truth(crowd):
    return truth_of(crowd.town)


def test_every_kind_of_case_is_told_twice_in_the_smallest_town(crowd):
    assert Counter(case.kind for case in crowd.cases) == dict.fromkeys(CaseKind, 2)


@pytest.mark.parametrize("seed", range(3))
def test_labels_and_truth_agree_and_were_made_apart(seed):
    crowd = build_crowd(seed, Size(people=600))
    truth = truth_of(crowd.town)
    exposed = {one.child for one in truth.exposures if one.rule in KIN_AND_FRIENDS}
    for case in crowd.cases:
        assert case.must <= truth.exposures, case.kind
        assert not case.spared & exposed, case.kind
        assert not case.strangers & truth.siblings, case.kind


def test_every_report_of_a_crowd_passes_the_check_at_the_door_but_those_it_must_stop(crowd):
    for step in crowd.town.submissions:
        assert bool(list(check(step.report))) is (step.step is Step.STOPPED), step.story


def test_the_same_seed_tells_the_same(crowd):
    again = build_crowd(3, Size(people=800))
    assert (again.town, again.cases) == (crowd.town, crowd.cases)


def test_a_leap_day_child_is_one_on_28_february_and_none_on_1_march(crowd, truth):
    cases = [case for case in crowd.cases if case.kind is CaseKind.LEAP_DAY]
    assert sorted((len(case.must), len(case.spared)) for case in cases) == [(0, 1), (1, 0)]
    for case in cases:
        (child,) = {one.child for one in case.must} | case.spared
        born_on = crowd.town.people[child].born_on
        assert (born_on.month, born_on.day) == (2, 29)
        assert (child in {one.child for one in truth.exposures}) is bool(case.must)


def test_nobody_of_a_crowd_shares_a_number_of_a_register(crowd):
    for register in ("nhs_number", "upn", "pnc_id", "phone", "vehicle_mark"):
        told = [getattr(one, register) for one in crowd.town.people if getattr(one, register)]
        assert len(set(told)) == len(told), register


def test_pupils_beyond_the_first_thousands_have_numbers_of_their_own():
    people = build_crowd(1, Size(people=22_000, reports=600, with_cases=False)).town.people
    upns = [one.upn for one in people if one.upn]
    assert len(set(upns)) == len(upns) > 4_000


def test_ground_mistakes_are_in_the_declared_share_of_all_mentions_of_every_kind():
    town = build_crowd(2, WITHOUT_CASES, ground=Ground(GROUND_SHARE, GROUND_RATES)).town
    made = Counter(mistake for step in town.submissions for mistake in step.mistakes)
    mentions = sum(len(step.who) for step in town.submissions)
    assert made.total() / mentions == pytest.approx(GROUND_SHARE, abs=0.02)
    assert set(made) == set(GROUND_RATES)


@pytest.mark.parametrize("kind", Mistake)
def test_one_kind_of_mistake_alone_is_told(kind):
    size = Size(people=400, reports=500, with_cases=False)
    town = build_crowd(2, size, ground=Ground(GROUND_SHARE, {kind: 1.0})).town
    assert {mistake for step in town.submissions for mistake in step.mistakes} == {kind}


def test_a_reason_is_complete_with_a_submission_and_not_before(crowd, truth):
    completed = completed_by(crowd.town, truth)
    assert set(completed) == set(truth.exposures)
    for exposure, place in list(completed.items())[::7]:
        for count, holds in ((place, False), (place + 1, True)):
            steps = crowd.town.submissions[:count]
            found = exposures_of(crowd.town, steps, truth.outcomes[:count])
            assert (exposure in found) is holds, exposure


def test_a_child_told_of_before_the_network_is_exposed_by_the_network(crowd, truth):
    completed = completed_by(crowd.town, truth)
    for case in crowd.cases:
        if case.kind is CaseKind.BEFORE_NETWORK:
            (exposure,) = case.must
            step = crowd.town.submissions[completed[exposure]]
            assert step.story == "co-offenders"


@pytest.mark.parametrize("people", [10, 900_000])
def test_a_town_too_small_or_too_large_is_refused(people):
    with pytest.raises(ValueError, match="a town has"):
        build_crowd(1, Size(people=people))
