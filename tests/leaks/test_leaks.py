"""Nothing that identifies is anywhere outside a sealed part: the whole system, every byte of it.

Source: issue 5, point 7; reliability.md, I3 and bars 18 and 19. `make leaks` is the same run with
thousands of reports.
"""

from __future__ import annotations

import asyncio

import pytest

from deploy.demo.system import System
from deploy.settings import Settings
from tests.leaks.search import Run, run

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> Run:
    """The run, searched; then the control on the same system, searched again."""
    system = System(Settings(home=tmp_path_factory.mktemp("leaks") / "home"))
    try:
        asyncio.run(system.start())
        return run(system, (5,))
    finally:
        system.stop()


def test_no_canary_is_anywhere_outside_a_sealed_part(found):
    assert found.searched_bytes > 5_000_000
    assert found.leaks == ()


def test_the_run_held_everything_that_can_happen_to_a_report(found):
    outcomes = found.played.outcomes
    wanted = ("SHARED", "HELD", "DUPLICATE")
    assert all(outcomes[name] for name in wanted), outcomes
    assert found.played.refused_at_the_door
    assert found.happened >= {"quarantined", "refused", "merged", "split", "risk", "alert",
                              "possible link", "withdrawn", "corrected"}  # fmt: skip


def test_the_control_finds_every_single_canary(found):
    assert found.control_passed > 100
    assert found.control_missing == ()
