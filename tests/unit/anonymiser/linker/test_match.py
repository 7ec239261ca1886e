"""Two descriptions, one subject? With tokens made by hand: equal text, equal token."""

from __future__ import annotations

import hashlib

import pytest

from anonymiser.linker.match import (
    LinkPolicy,
    Verdict,
    blocks_of,
    compare,
    pack,
    profile,
    vetoes,
)
from anonymiser.tokens import FIELDS_OF
from streams.restricted import FieldToken
from streams.values import NodeKind, Sex

POLICY = LinkPolicy()


def told(kind=NodeKind.PERSON, *, sex=Sex.UNKNOWN, **fields):
    """`given_name__exact="a"` is the token of "a" in the field given_name.exact."""
    tokens = []
    for name, values in fields.items():
        for value in values if isinstance(values, tuple) else (values,):
            token = hashlib.sha256(f"{name}{value}".encode()).digest()[:16]
            tokens.append(FieldToken(field=name.replace("__", "."), token=token))
    return profile(kind, (pack(tokens, sex),))


NAME = {"given_name__exact": "a", "family_name__exact": "b", "name__swap": "ab"}
BORN = {"born_on__exact": "1", "born_on__swap": "1", "born_on__mask": ("1x", "x1")}
PLACE = {"place": "p", "postcode__exact": "p", "postcode__outcode": "p"}


def verdict(left, right):
    return compare(left, right, POLICY).verdict


def test_name_alone_reaches_no_agreement_however_much_of_it_agrees():
    full = told(**NAME, given_name__nickname="a", middle_names__exact="c", postcode__outcode="p")
    assert verdict(full, full) is Verdict.DIFFERENT


def test_birth_date_alone_reaches_no_agreement():
    assert verdict(told(**BORN), told(**BORN)) is Verdict.DIFFERENT


def test_a_whole_household_without_given_names_reaches_no_agreement():
    home = {"family_name__exact": "b", "phone": "t", "email": "e", **PLACE}
    assert verdict(told(**home), told(**home)) is Verdict.DIFFERENT


@pytest.mark.parametrize("more", [BORN, {"phone": "t"}, {"email": "e"}])
def test_a_name_and_one_thing_more_agree(more):
    assert verdict(told(**NAME, **more), told(**NAME, **more)) is Verdict.AGREEMENT


def test_a_name_and_a_home_are_a_question_since_father_and_son_may_share_both():
    undated = told(**NAME, **PLACE)
    assert verdict(undated, told(**NAME, **PLACE, **BORN)) is Verdict.POSSIBLE
    assert verdict(undated, undated) is Verdict.POSSIBLE


def test_what_is_missing_on_one_side_neither_helps_nor_hurts():
    assert verdict(told(**NAME, **BORN, **PLACE), told(**NAME, **BORN)) is Verdict.AGREEMENT


def test_an_equal_number_is_enough():
    one, other = told(nhs_number="n", **NAME), told(nhs_number="n", given_name__exact="z")
    assert verdict(one, other) is Verdict.STRONG


def test_an_equal_number_does_not_overrule_another_number():
    one = told(nhs_number="n", upn="u", **NAME)
    other = told(nhs_number="n", upn="v", **NAME)
    assert verdict(one, other) is Verdict.POSSIBLE
    assert vetoes(one, other) == ("upn",)


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("given_name", {"given_name__exact": "z", "name__swap": "zb"}),
        ("born_on", {"born_on__exact": "9", "born_on__swap": "9", "born_on__mask": "9"}),
        ("sex", {"sex": Sex.MALE}),
        ("nhs_number", {"nhs_number": "m"}),
    ],
)
def test_one_contradiction_makes_a_question_of_much_agreement(field, change):
    facts = {**NAME, **BORN, **PLACE, "nhs_number": "n", "sex": Sex.FEMALE}
    other = {**facts, **({} if field == "nhs_number" else {"nhs_number": ()}), **change}
    compared = compare(told(**facts), told(**other), POLICY)
    assert compared.verdict is Verdict.POSSIBLE
    assert compared.contradicted == (field,)


def test_two_contradictions_are_no_question():
    one = told(sex=Sex.FEMALE, **NAME, **BORN, **PLACE)
    other = {**NAME, **BORN, **PLACE, "given_name__exact": "z", "name__swap": "zb"}
    assert verdict(one, told(sex=Sex.MALE, **other)) is Verdict.DIFFERENT


def test_unknown_sex_contradicts_nobody():
    one = told(sex=Sex.UNKNOWN, **NAME, **BORN)
    assert verdict(one, told(sex=Sex.MALE, **NAME, **BORN)) is Verdict.AGREEMENT


@pytest.mark.parametrize(("sound", "first"), [("same", "other"), ("other", "same")])
def test_sound_or_first_letters_alone_do_not_make_one_given_name_of_two(sound, first):
    rest = {"family_name__exact": "b", **BORN, **PLACE}
    one = told(
        given_name__exact="tom", given_name__metaphone="same", given_name__first3="same", **rest
    )
    other = told(
        given_name__exact="tim", given_name__metaphone=sound, given_name__first3=first, **rest
    )
    assert compare(one, other, POLICY).contradicted == ("given_name",)


def test_an_entity_of_two_spellings_agrees_with_either():
    spellings = [b"".join(sorted(told(**NAME, **BORN, phone=phone).chunks)) for phone in ("t", "u")]
    both = profile(NodeKind.PERSON, spellings)
    assert verdict(both, told(**NAME, phone="u")) is Verdict.AGREEMENT


def test_comparing_does_not_depend_on_the_side():
    one = told(**NAME, **BORN, phone="t")
    other = told(**NAME, given_name__alias="a", **PLACE, phone="t")
    assert compare(one, other, POLICY) == compare(other, one, POLICY)


@pytest.mark.parametrize("agreed", [BORN, PLACE, {"nhs_number": "n"}])
def test_who_would_be_accepted_or_asked_about_is_found(agreed):
    sounds = {"given_name__metaphone": "a", "family_name__metaphone": "b"}
    one = told(**NAME, **sounds, **agreed)
    other = told(**NAME, **sounds, **agreed, email="x")
    assert verdict(one, other) is not Verdict.DIFFERENT
    blocks = [
        set(blocks_of(NodeKind.PERSON, b"".join(sorted(side.chunks)))) for side in (one, other)
    ]
    assert blocks[0] & blocks[1]


@pytest.mark.parametrize("alone", [NAME, BORN, PLACE, {"family_name__exact": "b"}])
def test_no_block_is_a_name_a_date_or_a_place_alone(alone):
    packed = b"".join(sorted(told(**alone).chunks))
    assert blocks_of(NodeKind.PERSON, packed) == ()


@pytest.mark.parametrize("kind", list(NodeKind))
def test_every_field_that_intake_makes_is_known(kind):
    for field in FIELDS_OF[kind]:
        token = FieldToken(field=field, token=bytes(16))
        assert len(pack((token,), Sex.UNKNOWN)) == 9


def test_an_unknown_field_is_left_out():
    assert pack((FieldToken(field="shoe_size", token=bytes(16)),), Sex.UNKNOWN) == b""


def test_a_profile_shows_no_token():
    assert "\\x" not in repr(told(**NAME))
