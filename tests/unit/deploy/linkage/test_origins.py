"""Fairness is counted by origin of names."""

from __future__ import annotations

from uuid import UUID

import pytest

from deploy.evaluate.linkage.linking import Linked
from deploy.evaluate.linkage.origins import UNKNOWN, origins_of, read_surnames
from deploy.evaluate.linkage.records import Person, spelt_of
from deploy.evaluate.linkage.score import PairCount, by_origin
from streams.errors import InvalidInputError
from streams.restricted import Identity


def person(record, family_name=None, origin=""):
    return Person(record, spelt_of(Identity(family_name=family_name)), origin=origin)


def test_an_origin_is_what_the_file_says_else_that_of_the_family_name():
    people = [person("a", "Nowák", "PL"), person("b", "NOWAK"), person("c", "Test"), person("d")]
    assert origins_of(people, {"nowak": "SK"}) == {
        "a": "PL",
        "b": "SK",
        "c": UNKNOWN,
        "d": UNKNOWN,
    }


def test_lists_of_family_names_are_read_and_the_first_of_two_counts(tmp_path):
    one, other = tmp_path / "one.csv", tmp_path / "other.csv"
    one.write_text("country,rank,surname\nPL,1,Nowak\n,2,O'Test\n", encoding="utf-8")
    other.write_text("locale,surname\nsk_SK,Nowák\nsk_SK,Horvát\n", encoding="utf-8")
    assert read_surnames([one, other]) == {"nowak": "PL", "otest": UNKNOWN, "horvat": "SK"}


def test_a_list_without_its_columns_is_refused(tmp_path):
    path = tmp_path / "names.csv"
    path.write_text("name\nNowak\n", encoding="utf-8")
    with pytest.raises(InvalidInputError, match=r"names.csv holds no columns surname"):
        read_surnames([path])


def test_a_pair_counts_for_the_origin_of_either_side():
    linked = Linked(
        {"a1": UUID(int=1), "a2": UUID(int=1), "b1": UUID(int=2), "b2": UUID(int=3)},
        frozenset({(UUID(int=2), UUID(int=3))}),
        frozenset({"b2"}),
    )
    truth = {"a1": "A", "a2": "A", "b1": "B", "b2": "B"}
    scores = by_origin(linked, truth, {"a1": "x", "a2": "y", "b1": "y", "b2": "y"})
    assert [(one.origin, one.records) for one in scores] == [("y", 3), ("x", 1)]
    assert scores[0].auto == PairCount(true=2, found=1, right=1)
    assert scores[0].auto_review == PairCount(true=2, found=2, right=2)
    assert scores[1].auto == PairCount(true=1, found=1, right=1)
