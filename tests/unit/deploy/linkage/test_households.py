"""Households are copies of each other but for what must differ."""

from __future__ import annotations

import pytest

from deploy.evaluate.linkage.columns import FIELDS
from deploy.evaluate.linkage.households import Kind, households

COUNT = 40
TOLD = frozenset({*FIELDS})
OWN_NUMBERS = {"nhs_number", "upn", "pnc_id", "passport_number"}


def couples(kind, fields=TOLD):
    homes = households(kind, fields, COUNT)
    by_record = {person.record: person for person in homes.people}
    return [(by_record[left], by_record[right]) for left, right in homes.pairs]


def forms(person):
    return {one.field: one.form for one in person.spelt}


def differing(one, other):
    return {field for field, form in forms(one).items() if forms(other)[field] != form}


@pytest.mark.parametrize(
    ("kind", "differs"),
    [
        (Kind.TWIN, {"given_name"}),
        (Kind.SAME_INITIAL_TWIN, {"given_name"}),
        (Kind.SIBLING, {"given_name", "born_on"}),
        (Kind.SAME_NAMED_PARENT, {"born_on"}),
    ],
)
def test_two_people_of_a_household_differ_in_what_makes_them_two(kind, differs):
    for one, other in couples(kind):
        assert differing(one, other) == differs | OWN_NUMBERS
        assert one.sex is other.sex


def test_twins_of_one_initial_share_it():
    for one, other in couples(Kind.SAME_INITIAL_TWIN):
        assert forms(one)["given_name"][0] == forms(other)["given_name"][0]


def test_a_parent_of_the_same_name_is_a_generation_older():
    for child, parent in couples(Kind.SAME_NAMED_PARENT):
        years = int(forms(child)["born_on"][:4]) - int(forms(parent)["born_on"][:4])
        assert 17 <= years <= 41


def test_households_are_different_families():
    homes = {forms(one)["address"] for one, _ in couples(Kind.TWIN)}
    assert len(homes) == COUNT


def test_only_the_fields_in_use_are_told():
    for one, other in couples(Kind.TWIN, frozenset({"family_name", "born_on"})):
        assert set(forms(one)) == {"family_name", "born_on"}
        assert differing(one, other) == set()


def test_the_same_seed_gives_the_same_households():
    assert households(Kind.TWIN, TOLD, 5, seed=3) == households(Kind.TWIN, TOLD, 5, seed=3)
    assert households(Kind.TWIN, TOLD, 5, seed=3) != households(Kind.TWIN, TOLD, 5, seed=4)
