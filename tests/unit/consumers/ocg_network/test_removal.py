"""Removal simulations against figures worked out by hand; children and victims stay."""

from __future__ import annotations

import networkx as nx
import pytest

from consumers.network.measures import By
from consumers.ocg_network.removal import LIMITS, Network, NotRemovableError
from streams.errors import InvalidInputError

#: Two triangles joined by a bridge of one: a b c - hub - d e f.
NODES = ("a", "b", "c", "hub", "d", "e", "f")
TIES = [
    *(("a", "b"), ("b", "c"), ("a", "c"), ("d", "e"), ("e", "f"), ("d", "f")),
    *(("c", "hub"), ("hub", "d")),
]
BRIDGE = Network(NODES, TIES, set(NODES))


def test_taking_the_bridge_out_falls_into_two_and_every_figure_says_so():
    found = BRIDGE.without(["hub"])
    assert (found.before.largest_share, found.before.reach) == (1.0, 1.0)
    assert found.before.density == pytest.approx(2 * 8 / (7 * 6))
    assert found.after.components == 2
    assert found.after.largest_share == pytest.approx(3 / 7)
    assert found.after.reach == pytest.approx(12 / 42)
    assert found.after.density == pytest.approx(2 * 6 / (6 * 5))


@pytest.mark.parametrize("measure", list(By))
def test_the_top_is_measured_anew_each_time(measure):
    """An oracle that removes by networkx, step by step, of equal ones the last id first."""
    graph = nx.Graph(TIES)
    values = nx.betweenness_centrality if measure is By.BETWEENNESS else nx.degree_centrality
    removed = []
    for _ in range(4):
        top = {node: round(value, 12) for node, value in values(graph).items()}
        removed.append(max(top, key=lambda node: (top[node], node)))
        graph.remove_node(removed[-1])
    found = BRIDGE.without_top(4, measure)
    assert list(found.removed) == removed
    largest = max(map(len, nx.connected_components(graph)))
    assert found.after.largest_share == pytest.approx(largest / 7)
    assert len(found.steps) == 4


def test_a_child_or_victim_is_never_taken_out_nor_chosen_and_stays_in_the_graph():
    network = Network(NODES, TIES, set(NODES) - {"hub"})
    with pytest.raises(NotRemovableError):
        network.without(["hub"])
    found = network.without_top(6, By.BETWEENNESS)
    assert "hub" not in found.removed
    assert found.after.nodes == 1


def test_every_result_states_its_limits():
    assert BRIDGE.without(["a"]).limits == LIMITS
    assert any("list of targets" in one for one in LIMITS)


@pytest.mark.parametrize("people", [["nobody"], ["a", "a"]])
def test_somebody_who_is_not_there_or_was_taken_already_is_refused(people):
    with pytest.raises(InvalidInputError):
        BRIDGE.without(people)


@pytest.mark.parametrize("count", [0, -1, 8])
def test_more_than_there_are_cannot_be_taken_out(count):
    with pytest.raises(InvalidInputError, match="--top"):
        BRIDGE.without_top(count, By.DEGREE)


@pytest.mark.parametrize("tie", [("a", "a"), ("a", "nobody")])
def test_a_tie_to_oneself_or_to_nobody_is_refused(tie):
    with pytest.raises(InvalidInputError):
        Network(NODES, [tie], set())


def test_the_same_simulation_twice_gives_the_same():
    assert BRIDGE.without_top(3, By.DEGREE) == BRIDGE.without_top(3, By.DEGREE)
