"""What is a forename, and which forenames are one."""

from __future__ import annotations

import pytest

from anonymiser.forenames import TITLES, are_forenames, full_names, is_forename, spelling


@pytest.mark.parametrize(
    "name",
    [
        "tom",
        "tim",
        "aisha",
        "kwame",
        "zuzanna",
        "harpreet",
        "mihai",
        "siobhan",
        "rukhsana",
        "rebwar",
        "hodan",
        "qiang",
    ],
)
def test_names_that_people_bear_are_known_whatever_their_origin(name):
    assert is_forename(name)


@pytest.mark.parametrize("name", ["tmo", "avrdi", "ethn", "testmann", ""])
def test_a_slip_of_the_pen_is_no_name(name):
    assert not is_forename(name)


@pytest.mark.parametrize(("short", "full"), [("bob", "robert"), ("liz", "elizabeth")])
def test_a_short_form_stands_for_its_full_name(short, full):
    assert full in full_names(short)


def test_a_short_form_of_many_names_stands_for_those_that_begin_alike():
    assert len(full_names("chris")) > 4
    assert {name[0] for name in full_names("chris")} == {"c"}


@pytest.mark.parametrize(
    ("one", "other"), [("mohammed", "muhamad"), ("yusuf", "yousef"), ("serhii", "sergei")]
)
def test_spellings_of_one_name_have_one_canon(one, other):
    assert spelling(one) == spelling(other) is not None


def test_a_double_name_is_one_if_both_halves_are():
    assert are_forenames(("ellie", "mae"))
    assert not are_forenames(("ellie", "testmann"))
    assert not are_forenames(())


def test_sisters_have_two_canons():
    assert spelling("fatima") != spelling("khadija")
    assert spelling("tomke") is None


def test_titles_are_no_forenames():
    assert {"mrs", "dr"} <= TITLES
    assert "the" in TITLES
