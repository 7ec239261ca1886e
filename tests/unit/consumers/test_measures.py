"""Measures of a network against other libraries, published tables, and by hand."""

from __future__ import annotations

import csv
import random
from datetime import date
from fractions import Fraction
from itertools import combinations, pairwise

import networkx as nx
import pytest

from consumers.network.decay import HALF_LIFE_WEEKS, UNGRADED, strength, weeks_between
from consumers.network.measures import (
    EQUAL_WITHIN,
    By,
    Graph,
    MeasureBook,
    attack,
    highest,
    measure,
    projected,
)
from streams.errors import InvalidInputError

BRIDGE = [("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), ("d", "e"), ("e", "f"), ("f", "d")]


def random_edges(seed, people=30, edges=60):
    dice = random.Random(seed)
    return [tuple(dice.sample([f"p{n:02}" for n in range(people)], 2)) for _ in range(edges)]


# --- the measures ---------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_the_measures_are_those_of_another_library(seed):
    edges = random_edges(seed)
    found, other = measure(Graph.of(edges), top=1_000), nx.Graph(edges)
    expected = nx.betweenness_centrality(other)
    assert {one.node: one.value for one in found.betweenness} == pytest.approx(expected)
    assert {one.node: one.value for one in found.degree} == dict(other.degree())
    assert found.density == pytest.approx(nx.density(other))
    assert set(found.cuts) == set(nx.articulation_points(other))
    assert list(found.components) == sorted(map(len, nx.connected_components(other)), reverse=True)
    assert found.core_number == max(nx.core_number(other).values())
    assert set(found.core) == set(nx.k_core(other))


def test_two_triangles_and_the_bridge_between_them():
    found = measure(Graph.of(BRIDGE))
    assert (found.nodes, found.edges, found.components) == (6, 7, (6,))
    assert found.cuts == ("c", "d")
    assert [(one.node, one.value) for one in found.betweenness[:3]] == [
        ("c", 0.6),
        ("d", 0.6),
        ("a", 0.0),
    ]
    assert (found.core_number, len(found.core)) == (2, 6)


def test_a_pair_in_both_directions_is_one_edge_and_a_loop_is_none():
    found = measure(Graph.of([("a", "b"), ("b", "a"), ("a", "b"), ("c", "c")]))
    assert (found.nodes, found.edges, found.density) == (3, 1, pytest.approx(1 / 3))


def test_nothing_can_be_measured_of_nobody():
    found = measure(Graph.of([]))
    assert (found.nodes, found.density, found.components, found.core) == (0, 0.0, (), ())
    assert list(attack(Graph.of([]), By.DEGREE)) == []


def test_who_may_not_be_ranked_is_a_link_and_has_no_number():
    everybody = measure(Graph.of(BRIDGE))
    found = measure(Graph.of(BRIDGE), ranked={"a", "d"})
    shown = [*found.degree, *found.betweenness]
    assert {one.node for one in shown} | set(found.cuts) | set(found.core) == {"a", "d"}
    assert (found.nodes, found.edges) == (everybody.nodes, everybody.edges)
    (broker,) = [one for one in found.betweenness if one.node == "d"]
    assert broker.value == 0.6  # paths through the unranked count


def test_who_shares_an_organisation_is_joined_in_the_projection():
    memberships = [("ada", "lodge"), ("bob", "lodge"), ("cyd", "caucus"), ("bob", "caucus")]
    assert projected(memberships) == [("ada", "bob"), ("cyd", "bob")]


def test_a_change_of_the_network_is_measured_anew_and_nothing_else_is():
    book, nodes = MeasureBook(), list("abcdef")
    first = book.measures("N1", BRIDGE, nodes, nodes)
    assert book.measures("N1", BRIDGE[::-1], nodes, nodes) is first
    assert book.computed == 1
    longer = book.measures("N1", [*BRIDGE, ("a", "f")], nodes, nodes)
    assert (book.computed, longer.edges) == (2, 8)
    grown_up = book.measures("N1", BRIDGE, nodes, nodes[1:])
    assert book.computed == 3
    assert "a" not in {one.node for one in grown_up.degree}


def test_only_the_last_networks_are_remembered():
    book = MeasureBook(kept=2)
    for name in ("N1", "N2", "N3", "N1"):
        book.measures(name, BRIDGE, list("abcdef"), ())
    assert book.computed == 4


# --- what a loss does --------------------------------------------------------------------------


def exact_betweenness(edges):
    """Betweenness by counting shortest paths one by one, in whole numbers and their ratios."""
    graph = nx.Graph(edges)
    scores = dict.fromkeys(graph, Fraction(0))
    for one, other in combinations(graph, 2):
        if nx.has_path(graph, one, other):
            paths = list(nx.all_shortest_paths(graph, one, other))
            for node in (node for path in paths for node in path[1:-1]):
                scores[node] += Fraction(1, len(paths))
    return scores


@pytest.mark.parametrize("seed", range(12))
def test_equal_scores_are_told_from_different_ones_as_exact_arithmetic_does(seed):
    edges = random_edges(seed, people=14, edges=22)
    graph, exact = Graph.of(edges), exact_betweenness(edges)
    top = max(exact.values())
    expected = [node for node in graph.names if exact[node] == top][-1]
    assert highest(graph.betweenness(), graph.names) == expected
    different = sorted(set(exact.values()))
    gaps = [float(b - a) for a, b in pairwise(different)]
    assert min(gaps) / float(top) > 1_000 * EQUAL_WITHIN


def test_of_equals_the_last_named_goes_first():
    ring = [("a", "b"), ("b", "c"), ("c", "d"), ("d", "a")]
    for by in By:
        removed = [one.node for one in attack(Graph.of(ring), by)]
        assert removed[0] == "d"
        assert sorted(removed) == list("abcd")


def test_an_attack_tells_the_largest_part_as_a_share_of_the_first():
    shares = [round(one.largest, 3) for one in attack(Graph.of(BRIDGE), By.BETWEENNESS)]
    assert shares == [0.5, 0.5, 0.5, 0.333, 0.167, 0.0]  # d f e c b a


@pytest.mark.parametrize("medium", ["meetings", "phone_calls"])
@pytest.mark.parametrize("by", list(By))
def test_an_attack_on_montagna_is_the_published_table_row_by_row(shared_data, medium, by):
    folder = shared_data / "networks" / "montagna"
    with (folder / f"{medium}.csv").open() as lines:
        edges = [(row["source"], row["target"]) for row in csv.DictReader(lines)]
    with (folder / f"published_lcc_{medium}_sequential.csv").open() as lines:
        published = [float(row[by]) for row in csv.DictReader(lines)]
    found = [1.0, *(one.largest for one in attack(Graph.of(edges), by))]
    assert len(published) == {"meetings": 96, "phone_calls": 95}[medium]
    assert [round(share, 6) for share in found[: len(published)]] == published


# --- decay ----------------------------------------------------------------------------------


def tie(week="2026-W40", scheme="SCHEME_3X5X2", source="1", assessment="A"):
    return {
        "last_week": week,
        "weakest_scheme": scheme,
        "weakest_source": source,
        "weakest_assessment": assessment,
    }


MONDAY = date.fromisocalendar(2026, 40, 1)


def test_a_tie_counts_half_after_its_half_life():
    assert strength(tie(), MONDAY).value == 1.0
    later = date.fromordinal(MONDAY.toordinal() + 7 * HALF_LIFE_WEEKS)
    assert strength(tie(), later).value == 0.5


def test_a_strength_tells_each_factor_it_is_the_product_of():
    found = strength(tie(source="2", assessment="B"), MONDAY)
    assert [factor.name for factor in found.factors] == ["age", "grade"]
    assert found.value == pytest.approx(0.64)
    assert "2B" in found.factors[1].because


@pytest.mark.parametrize(
    ("scheme", "better", "worse"),
    [
        ("SCHEME_3X5X2", ("1", "A"), ("1", "D")),
        ("SCHEME_3X5X2", ("1", "B"), ("3", "B")),
        ("SCHEME_5X5X5", ("A", "1"), ("A", "4")),
        ("SCHEME_5X5X5", ("A", "3"), ("D", "3")),
    ],
)
def test_a_better_grade_is_never_weaker(scheme, better, worse):
    strong, weak = [strength(tie("2026-W40", scheme, *one), MONDAY) for one in (better, worse)]
    assert strong.value > weak.value


def test_what_nobody_graded_is_tentative():
    found = strength(tie(scheme="UNGRADED", source=None, assessment=None), MONDAY)
    assert found.value == UNGRADED
    assert "tentative" in found.factors[1].because


def test_a_week_to_come_is_no_age():
    assert weeks_between("2026-W52", MONDAY) == 0
    assert weeks_between("2025-W40", MONDAY) == 52
    with pytest.raises(InvalidInputError, match="2026-W40"):
        weeks_between("last week", MONDAY)
