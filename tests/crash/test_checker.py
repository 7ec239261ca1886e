"""The checker finds nothing in a clean run, and every fault that is planted in one, by its id."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from random import Random

import pytest

from tests.crash.checker import check
from tests.crash.planted import FOUR
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
