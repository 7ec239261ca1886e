"""The checker finds nothing in a clean run, and every fault that is planted in one, by its id."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from random import Random

import pytest

from streams.topics import TOKENISED
from tests.crash.checker import check
from tests.crash.findings import is_explained
from tests.crash.planted import FOUR, OTHERS, double_of
from tests.crash.rehearsal import rehearse

BASE = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
EACH = 25


@pytest.fixture(scope="module")
def clean():
    """A run of 240 steps through the real stages, in which nothing went wrong."""
    return asyncio.run(rehearse(7, 240, BASE))


def test_a_clean_run_has_no_violation(clean):
    assert check(clean) == []


@pytest.mark.parametrize("kind", FOUR)
def test_every_planted_fault_is_found_and_named(clean, kind):
    chance = Random(f"planted {kind}")
    for number in range(EACH):
        wrong, ids = FOUR[kind](clean, chance)
        found = check(wrong)
        named = " ".join(str(violation) for violation in found)
        assert any(one in named for one in ids), f"{kind} {number}: {ids} is not in: {named}"


@pytest.mark.parametrize("kind", OTHERS)
def test_other_faults_are_found_under_their_invariant(clean, kind):
    wrong, invariant, ids = OTHERS[kind](clean, Random(f"planted {kind}"))
    found = [one for one in check(wrong) if one.invariant == invariant]
    named = " ".join(map(str, found))
    assert found
    assert all(one in named for one in ids)


def test_a_double_that_a_kill_of_the_broker_explains_is_told_apart(clean):
    wrong, _ = double_of(clean, TOKENISED)
    (doubled,) = [one for one in check(wrong) if one.what == "twice"]
    assert not is_explained(doubled)

    first = min(one.at for one in wrong.topics[TOKENISED]).timestamp()
    explained = replace(wrong, broker_kills=(first + 0.5,))

    (doubled,) = [one for one in check(explained) if one.what == "twice"]
    assert is_explained(doubled)


def test_a_loss_is_never_explained_by_a_kill_of_the_broker(clean):
    wrong, _ = FOUR["loss"](clean, Random("a loss"))
    first = clean.entries[0].invoked_at
    assert not any(map(is_explained, check(replace(wrong, broker_kills=(first + 0.5,)))))
