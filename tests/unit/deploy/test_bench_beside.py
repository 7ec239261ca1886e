"""What stands beside ours is written well: who is who once given, it finds what must be found."""

from __future__ import annotations

import pytest

from deploy.bench import beside
from deploy.evaluate.linkage.beside import PeerMissingError
from producers.town.crowd import Size, build_crowd


@pytest.fixture(scope="module")
def town():
    size = Size(people=1500, reports=900, with_cases=False)
    return build_crowd(1, size, ground=beside.ALL_KINDS).town


def test_with_the_true_people_the_graph_finds_every_exposed_child_and_nobody_else(town):
    steps = beside._in_force(town.submissions)
    true = {beside._name(step, label): number for step in steps for label, number in step.who}
    found = beside._in_town(beside._exposed(steps, true), steps, true)
    assert found == beside._expected(town, len(town.submissions))
    assert len(found) > 10


def test_with_people_taken_for_one_it_does_not(town):
    """A control: the judgement notices bad linking."""
    steps = beside._in_force(town.submissions)
    blurred = {
        beside._name(step, label): number // 6 for step in steps for label, number in step.who
    }
    found = beside._in_town(beside._exposed(steps, blurred), steps, blurred)
    assert found != beside._expected(town, len(town.submissions))


def test_without_splink_ours_is_measured_and_the_answer_says_so(monkeypatch):
    def missing(*_):
        raise PeerMissingError("splink is not installed")

    monkeypatch.setattr(beside, "Splink", missing)
    said = []
    figures = beside.measure_beside(120, said.append)
    assert not figures["splink"]
    assert figures["points"][-1]["ours"]["recall"] > 0.8
    assert "theirs" not in figures["points"][-1]
    assert any("only ours is measured" in line for line in said)
    assert "Splink is not installed" in beside.as_markdown(figures)
