"""How well reviewers decide, with intervals that do not promise more than few pairs can tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from anonymiser.desk.entries import Review
from anonymiser.desk.measure import Share, agreement, measure
from streams.values import LinkVerdict

AT = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
SAME, DIFFERENT, UNSURE = LinkVerdict


def review(name, link, verdict, truth=None, *, days=0, over_budget=None):
    at = AT - timedelta(days=days)
    return Review(UUID(int=link), name, verdict, at, over_budget, truth)


def test_errors_are_counted_on_planted_pairs_alone_and_by_their_kind():
    (ida,) = measure(
        [
            review("Ida", 1, SAME),  # a real one: nobody knows
            review("Ida", 2, SAME, DIFFERENT),  # joins two people
            review("Ida", 3, DIFFERENT, DIFFERENT),
            review("Ida", 4, DIFFERENT, SAME),  # leaves a child twice
            review("Ida", 5, UNSURE, SAME),
        ],
        AT,
    )

    assert (ida.decisions, ida.planted, ida.unsure) == (5, 4, 1)
    assert (ida.errors.hits, ida.errors.count) == (2, 3)
    assert (ida.false_same.hits, ida.false_same.count) == (1, 2)
    assert (ida.false_different.hits, ida.false_different.count) == (1, 1)


def test_only_the_first_verdict_about_a_planted_pair_measures():
    (ida,) = measure(
        [review("Ida", 1, SAME, DIFFERENT), review("Ida", 1, DIFFERENT, DIFFERENT)], AT
    )

    assert (ida.errors.hits, ida.errors.count) == (1, 1)


def test_today_and_what_went_beyond_the_budget_are_counted():
    (ida,) = measure(
        [review("Ida", 1, SAME, days=1), review("Ida", 2, SAME, over_budget="CHILD_AT_RISK")], AT
    )

    assert (ida.decisions, ida.today, ida.over_budget) == (2, 1, 1)


def test_no_error_in_ten_pairs_still_leaves_a_wide_interval():
    low, high = Share(0, 10).interval

    assert low == 0
    assert high == pytest.approx(0.2775, abs=0.001)  # Wilson, 0 of 10
    assert Share(0, 0).interval == (0.0, 1.0)
    assert Share(0, 0).value is None


def test_two_reviewers_are_compared_over_what_both_decided():
    both = agreement(
        [
            review("Ida", 1, SAME),
            review("Ola", 1, SAME),
            review("Ida", 2, DIFFERENT, DIFFERENT),
            review("Ola", 2, DIFFERENT, DIFFERENT),
            review("Ida", 3, SAME, DIFFERENT),
            review("Ola", 3, DIFFERENT, DIFFERENT),
            review("Ida", 4, UNSURE),
            review("Ola", 4, SAME),
            review("Ida", 5, SAME),
        ]
    )

    (pair,) = both
    assert pair.reviewers == ("Ida", "Ola")
    assert (pair.alike.hits, pair.alike.count) == (2, 3)
    assert pair.kappa == pytest.approx((2 / 3 - 4 / 9) / (1 - 4 / 9))


def test_two_who_always_say_the_same_word_have_no_kappa():
    (pair,) = agreement([review("Ida", 1, SAME), review("Ola", 1, SAME)])

    assert (pair.alike.value, pair.kappa) == (1, None)


def test_reviewers_without_a_common_link_are_not_compared():
    assert agreement([review("Ida", 1, SAME), review("Ola", 2, SAME)]) == ()
