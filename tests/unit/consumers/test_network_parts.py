"""The parts of the fold that are easiest to judge alone: bags, grades, evidence, nominals, cuts."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.network.bag import Bag
from consumers.network.components import cut_off
from consumers.network.evidence import claims_of, evidence_of, is_suspected_false, weakness
from consumers.network.nominals import Nominals
from streams.parts import Grading
from streams.taxonomy import RelationKind
from streams.values import GradingScheme
from tests.invented_evidence import INNOCENT, Told, grade

CO, ASSOCIATE = RelationKind.CO_OFFENDER, RelationKind.ASSOCIATE


# --- bags ----------------------------------------------------------------------------


@given(st.lists(st.sampled_from("abcdef")), st.randoms())
def test_a_bag_counts_as_a_counter_does(items, chooser):
    bag, counter = Bag(), Counter()
    for item in items:
        if counter[item] and chooser.random() < 0.4:
            bag.take(item)
            counter[item] -= 1
        else:
            bag.add(item)
            counter[item] += 1
        assert list(bag) == sorted(counter.elements())
        assert bag.distinct == len(set(counter.elements()))
    assert (bag.first, bag.last) == (min(bag, default=""), max(bag, default=""))


# --- grades -----------------------------------------------------------------------------


def old(assessment, source="A"):
    return Grading(scheme=GradingScheme.SCHEME_5X5X5, source=source, assessment=assessment)


def test_grades_go_from_strong_to_weak_by_assessment_then_source():
    strong_to_weak = [
        grade("A", "1"),
        grade("A", "3"),
        grade("B", "1"),
        grade("D", "1"),
        Grading(),
        grade("E", "1"),
    ]
    shuffled = strong_to_weak[::-1]
    assert sorted(shuffled, key=weakness) == strong_to_weak


@pytest.mark.parametrize("false", [grade("E"), old("5")])
def test_the_last_assessment_of_either_scheme_is_suspected_false(false):
    assert is_suspected_false(false)


@pytest.mark.parametrize("other", [grade("D"), old("4"), old("1", source="E"), Grading()])
def test_no_other_grade_is(other):
    assert not is_suspected_false(other)


# --- what a report claims ------------------------------------------------------------------


def test_a_symmetric_tie_told_both_ways_round_is_one_claim():
    told = Told("R1").tie("ada", CO, "bob").tie("bob", CO, "ada")
    assert len(claims_of(evidence_of(told.police()))) == 1


def test_a_directed_tie_keeps_its_direction():
    told = Told("R1").tie("ada", RelationKind.EXPLOITS, "bob")
    told.tie("bob", RelationKind.EXPLOITS, "ada")
    assert len(claims_of(evidence_of(told.police()))) == 2


def test_an_associate_claims_a_network_tie_only_beside_crime():
    tied = [
        claims_of(evidence_of(Told("R1", **facts).tie("ada", ASSOCIATE, "bob").police()))
        for facts in ({}, {"activity": INNOCENT})
    ]
    assert [set(claims.values()) for claims in tied] == [{True}, {False}]


def test_police_and_safeguarding_reports_give_the_same_evidence_of_a_network():
    told = Told("R1").tie("ada", CO, "bob").child("bob")
    assert evidence_of(told.police()) == evidence_of(told.safeguarding())


def test_reports_of_one_shape_share_it():
    one, other = (Told(name).tie("ada", CO, name).police() for name in ("bob", "cyd"))
    assert evidence_of(one).shape is evidence_of(other).shape


# --- nominals ---------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (1, 2, 0)])
def test_decisions_and_splits_give_one_answer_in_any_order_between_their_topics(order):
    """Decisions keep their own order; the split may be read before, between or after them."""
    nominals = Nominals()
    decisions = iter(
        [lambda: nominals.enrol("ada", seen=5, at=0), lambda: nominals.enrol("ada", seen=9, at=1)]
    )
    for step in order:
        if step == 0:
            nominals.split(["ada"], at=7)
        else:
            next(decisions)()
    assert nominals.is_enrolled(["ada"])
    nominals.split(["ada"], at=9)
    assert not nominals.is_enrolled(["ada"])


def test_a_discharge_ends_enrolments_under_every_id_of_the_person():
    nominals = Nominals()
    nominals.enrol("bob", seen=1, at=0)
    assert nominals.is_enrolled(["ada", "bob"])
    nominals.discharge("ada", at=1)
    assert not nominals.is_enrolled(["ada", "bob"])
    nominals.enrol("ada", seen=1, at=2)
    assert nominals.is_enrolled(["ada", "bob"])


# --- cutting -----------------------------------------------------------------------------------


def test_cutting_a_leaf_off_a_large_component_walks_the_small_side_only():
    size = 10_000
    links = {str(n): [str((n - 1) % size), str((n + 1) % size)] for n in range(size)}
    links["leaf"] = []
    asked = []

    def near(entity):
        asked.append(entity)
        return links[entity]

    assert cut_off(near, "0", "leaf") == {"leaf"}
    assert len(asked) < 10


def test_what_is_still_joined_elsewhere_is_not_cut_off():
    ring = {"a": ["b"], "b": ["a", "c"], "c": ["b"]}
    assert cut_off(ring.__getitem__, "a", "c") is None


def test_a_confirmed_role_and_an_enrolment_end_each_by_itself():
    nominals = Nominals()
    nominals.enrol("ada", seen=5, at=1)
    nominals.confirm("ada", 5)
    nominals.discharge("ada", at=2)
    assert nominals.holds_role(["ada"])
    assert not nominals.is_enrolled(["ada"])
    nominals.enrol("ada", seen=5, at=3)
    nominals.confirm("ada", None)
    assert not nominals.holds_role(["ada"])
    assert nominals.is_enrolled(["ada"])


def test_a_role_confirmed_before_a_split_is_void_and_one_that_saw_it_stands():
    nominals = Nominals()
    nominals.confirm("ada", 5)
    nominals.split(["ada"], at=5)
    assert not nominals.holds_role(["ada"])
    nominals.confirm("ada", 6)
    assert nominals.holds_role(["bob", "ada"])
