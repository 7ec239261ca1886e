"""Pairs are counted by hand first."""

from __future__ import annotations

from uuid import UUID

import pytest

from deploy.evaluate.linkage.linking import Linked
from deploy.evaluate.linkage.score import PairCount, falsely_merged, score
from deploy.evaluate.linkage.truth import pairs_between, pairs_within


def entity(number):
    return UUID(int=number)


def linked(clusters, questions=(), askers=()):
    return Linked(
        {record: entity(number) for record, number in clusters.items()},
        frozenset((entity(left), entity(right)) for left, right in questions),
        frozenset(askers),
    )


TRUTH = {"a1": "A", "a2": "A", "a3": "A", "b1": "B", "b2": "B", "c1": "C"}
"""Four true pairs: three of A, one of B."""


def test_pairs_within_groups_are_counted():
    assert pairs_within("AAABBC") == 4
    assert pairs_within("ABC") == 0
    assert pairs_within("") == 0


def test_pairs_across_two_clusters_are_counted_with_those_of_one_entity():
    assert pairs_between("AAB", "AB") == (3, 6)
    assert pairs_between("A", "") == (0, 0)


def test_a_perfect_linkage_scores_one():
    found = score(linked({"a1": 1, "a2": 1, "a3": 1, "b1": 2, "b2": 2, "c1": 3}), TRUTH)
    assert (found.auto, found.auto_review) == (PairCount(4, 4, 4), PairCount(4, 4, 4))
    assert (found.auto.precision, found.auto.recall, found.auto.f1) == (1, 1, 1)


def test_a_wrong_cluster_costs_precision_and_a_split_one_recall():
    found = score(linked({"a1": 1, "a2": 1, "a3": 2, "b1": 2, "b2": 3, "c1": 4}), TRUTH)
    assert found.auto == PairCount(true=4, found=2, right=1)
    assert (found.auto.precision, found.auto.recall) == (0.5, 0.25)
    assert found.auto.f1 == pytest.approx(1 / 3)


def test_an_open_question_counts_every_pair_between_its_two_clusters():
    clusters = {"a1": 1, "a2": 1, "a3": 2, "b1": 3, "b2": 4, "c1": 4}
    found = score(linked(clusters, [(1, 2), (3, 4)], ["a3", "b2"]), TRUTH)
    assert found.auto == PairCount(true=4, found=2, right=1)
    # of a3 with a1 and a2 both are right; of b1 with b2 and c1 one is
    assert found.auto_review == PairCount(true=4, found=6, right=4)
    assert found.queue_share == pytest.approx(2 / 6)


def test_two_clusters_that_meet_only_through_a_third_are_not_counted():
    found = score(linked({"a1": 1, "a2": 2, "a3": 3}, [(1, 2), (2, 3)]), TRUTH)
    assert found.auto_review == PairCount(true=3, found=2, right=2)


def test_a_record_without_truth_is_a_person_of_its_own():
    found = score(linked({"x": 1, "y": 1}), {})
    assert found.auto == PairCount(true=0, found=1, right=0)
    assert (found.auto.precision, found.auto.recall, found.auto.f1) == (0, 1, 0)


def test_nothing_found_is_precise_and_finds_nothing():
    found = score(linked({"a1": 1, "a2": 2}), TRUTH).auto
    assert (found.precision, found.recall, found.f1) == (1, 0, 0)


def test_households_are_falsely_merged_where_both_lie_in_one_cluster():
    clusters = linked({"a": 1, "b": 1, "c": 2, "d": 3}).clusters
    assert falsely_merged([("a", "b"), ("c", "d")], clusters) == 0.5
    assert falsely_merged([], clusters) == 0
