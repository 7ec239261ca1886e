"""Pairs of known truth: real comparisons of invented people, and nothing that gives them away."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from anonymiser.desk.planted import answered_at, plant, plants_due
from anonymiser.desk.policy import DeskPolicy
from deploy.planting import comparison
from streams.codec import decode
from streams.restricted import PossibleLink
from streams.values import Answer, LinkDoubt, LinkQuestion, LinkVerdict

AT = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
POLICY = DeskPolicy()


@pytest.fixture(scope="module")
def pairs():
    compare, source = comparison(), random.Random(4)
    return [plant(source, compare, AT, AT - timedelta(days=2)) for _ in range(120)]


def links(pairs):
    return [decode(pair.link, PossibleLink) for pair in pairs]


def test_each_is_what_the_linker_would_ask_about_with_a_waterfall_of_its_own(pairs):
    for link in links(pairs):
        assert link.contradicted
        assert link.doubt is LinkDoubt.CONTRADICTED
        assert link.score == sum(bar.centibits for bar in link.levels)


def test_both_truths_occur_and_no_contradiction_gives_the_truth_away(pairs):
    found = Counter(
        (pair.truth, link.contradicted) for pair, link in zip(pairs, links(pairs), strict=True)
    )

    assert min(Counter(pair.truth for pair in pairs).values()) > 30
    for contradicted in (("given_name",), ("born_on",)):
        assert found[LinkVerdict.SAME, contradicted]
        assert found[LinkVerdict.DIFFERENT, contradicted]


def test_they_leave_out_what_agencies_leave_out(pairs):
    patterns = {tuple(bar.field for bar in link.levels) for link in links(pairs)}

    assert len(patterns) > 6


def test_none_is_older_than_the_oldest_link_that_waits(pairs):
    assert all(AT - timedelta(days=2) <= link.noticed_at <= AT for link in links(pairs))


def test_ids_are_nobodys_and_never_twice(pairs):
    ids = [one for link in links(pairs) for one in (link.left_id, link.right_id)]

    assert len(set(ids)) == 2 * len(pairs)


def test_twins_are_known_to_their_holders_and_every_question_has_an_answer(pairs):
    for pair in pairs:
        answers = {one.question: (one.left, one.right) for one in pair.answers}
        assert answers.keys() == set(LinkQuestion)
        if answers[LinkQuestion.TWIN] == (Answer.YES, Answer.YES):
            assert pair.truth is LinkVerdict.DIFFERENT


def test_the_same_source_of_chance_plants_the_same_pairs():
    compare = comparison()
    one, other = (plant(random.Random(9), compare, AT, AT) for _ in range(2))

    assert one == other


def test_a_comparison_that_never_asks_plants_nothing():
    class Says:
        is_question = False

    assert plant(random.Random(1), lambda *_: Says, AT, AT) is None


@pytest.mark.parametrize(
    ("open_links", "planted", "due"),
    [(0, 0, 0), (1, 0, 2), (1, 2, 0), (40, 2, 0), (41, 2, 1), (1_000, 10, 40), (10, 30, 0)],
)
def test_the_share_of_planted_pairs_is_policys(open_links, planted, due):
    assert plants_due(open_links, planted, POLICY) == due


def test_answers_about_a_planted_pair_take_hours_to_days_and_are_the_same_for_all_who_look():
    waits = {answered_at(UUID(int=n), AT) - AT for n in range(200)}

    assert min(waits) == timedelta(hours=4)
    assert max(waits) < timedelta(days=3)
    assert answered_at(UUID(int=5), AT) == answered_at(UUID(int=5), AT)
