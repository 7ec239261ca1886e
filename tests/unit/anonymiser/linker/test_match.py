"""Two descriptions, one subject? Through real tokens of invented people."""

from __future__ import annotations

from datetime import date

import pytest

from anonymiser.keyring import new_keys
from anonymiser.linker.match import (
    LinkPolicy,
    Verdict,
    blocks_of,
    compare,
    pack,
    profile,
    share_strong,
    supported,
    vetoes,
)
from anonymiser.tokens import Tokeniser
from streams.identifiers import read
from streams.restricted import FieldToken, Identity
from streams.values import NodeKind, Sex

POLICY = LinkPolicy()
TOKENISER = Tokeniser(new_keys(lambda count: bytes(range(1, count + 1))))

NAME = {"given_name": "Arvid", "family_name": "Testmann"}
BORN = {"born_on": date(1994, 3, 17)}
HOME = {"address": "3 Nowhere Gardens", "postcode": "S99 9ZZ"}
PHONE = {"phone": "07700 900123"}
MAIL = {"email": "arvid@example.org"}
ALL = {**NAME, **BORN, **HOME}


def packed(kind=NodeKind.PERSON, *, sex=Sex.UNKNOWN, **identity):
    spelt, faults = read(Identity(**identity))
    assert not faults
    return pack(TOKENISER.tokens_of(kind, spelt), sex)


def told(kind=NodeKind.PERSON, *, sex=Sex.UNKNOWN, **identity):
    return profile(kind, (packed(kind, sex=sex, **identity),))


def verdict(left, right, **more):
    return compare(left, right, POLICY, **more).verdict


# --- what is enough ------------------------------------------------------------------------------


def test_name_alone_reaches_no_agreement_however_much_of_it_agrees():
    full = told(**NAME, middle_names="Quill", known_as=("Arvi",))
    assert not compare(full, full, POLICY).is_accepted


@pytest.mark.parametrize("alone", [BORN, HOME, PHONE, {"family_name": "Testmann"}])
def test_one_thing_alone_is_not_even_a_question(alone):
    assert verdict(told(**alone), told(**alone)) is Verdict.DIFFERENT


def test_a_whole_household_without_given_names_and_birth_dates_reaches_no_agreement():
    home = {"family_name": "Testmann", **PHONE, **MAIL, **HOME}
    assert verdict(told(**home), told(**home)) is Verdict.DIFFERENT


@pytest.mark.parametrize("more", [BORN, PHONE, MAIL])
def test_a_name_and_one_thing_more_agree(more):
    assert verdict(told(**NAME, **more), told(**NAME, **more)) is Verdict.AGREEMENT


def test_without_a_birth_date_a_name_needs_a_home_or_something_of_its_own():
    undated = told(**NAME, **HOME)
    assert verdict(undated, told(**ALL)) is Verdict.AGREEMENT
    assert verdict(told(**NAME, postcode="S99 1AA"), told(**ALL)) is Verdict.POSSIBLE


def test_father_and_son_of_one_name_and_home_are_a_question_even_on_one_birthday():
    son = {**ALL, "born_on": date(2023, 3, 17)}
    assert verdict(told(**ALL), told(**son)) is Verdict.POSSIBLE


def test_an_initial_agrees_with_a_name_and_contradicts_another():
    short = {**ALL, "given_name": "A"}
    assert verdict(told(**ALL), told(**short)) is Verdict.AGREEMENT
    assert vetoes(told(**ALL), told(**{**ALL, "given_name": "B."})) == ("given_name",)


def test_a_title_is_no_forename():
    assert vetoes(told(**ALL), told(**{**ALL, "given_name": "Mrs"})) == ()


def test_what_is_missing_on_one_side_neither_helps_nor_hurts():
    full, short = told(**ALL), told(**NAME, **BORN)
    assert compare(full, short, POLICY).score == compare(short, short, POLICY).score


def test_the_score_is_the_sum_of_its_waterfall():
    compared = compare(told(**ALL, **PHONE), told(**{**ALL, "postcode": "S1 2HE"}), POLICY)
    assert compared.score == sum(bar.centibits for bar in compared.levels)
    assert [(bar.field, bar.level) for bar in compared.levels] == [
        ("given_name", "exact"),
        ("family_name", "exact"),
        ("born_on", "exact"),
        ("postcode", "differs"),
        ("address", "line"),
    ]


def test_among_more_people_more_is_asked_for():
    one, other = told(**NAME, **BORN), told(**{**NAME, "given_name": "Avrid"}, **BORN)
    assert verdict(one, other, persons=5_000) is Verdict.AGREEMENT
    assert verdict(one, other, persons=100_000_000) is Verdict.POSSIBLE


# --- numbers -------------------------------------------------------------------------------------


def test_an_equal_number_is_enough():
    one = told(nhs_number="9434765919", **NAME)
    other = told(nhs_number="9434765919", given_name="Avrdi")
    assert verdict(one, other) is Verdict.STRONG
    assert share_strong(one, other)
    assert vetoes(one, other) == ()


def test_an_equal_number_does_not_overrule_another_number():
    one = told(nhs_number="9434765919", upn="B801200005001", **NAME)
    other = told(nhs_number="9434765919", upn="Q801200005002", **NAME)
    assert verdict(one, other) is Verdict.POSSIBLE
    assert vetoes(one, other) == ("upn",)


def test_two_passports_part_nobody_since_they_are_renewed_and_an_equal_one_links():
    old, new = ({"passport_number": number} for number in ("925076473", "533219870"))
    assert verdict(told(**ALL, **old), told(**ALL, **new)) is Verdict.AGREEMENT
    assert verdict(told(**NAME, **old), told(**BORN, **old)) is Verdict.STRONG
    numbers = {"nhs_number": "9990001006", **old}, {"nhs_number": "9990012490", **old}
    assert verdict(told(**numbers[0]), told(**numbers[1])) is Verdict.POSSIBLE


def test_an_equal_number_does_not_make_one_of_two_who_share_nothing_else():
    one = told(nhs_number="9434765919", **NAME, **BORN)
    baby = {"given_name": "Imke", "family_name": "Otherling", "born_on": date(2025, 12, 1)}
    assert verdict(one, told(nhs_number="9434765919", **baby)) is Verdict.POSSIBLE


# --- the veto ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("given_name", {"given_name": "Imke"}),
        ("born_on", {"born_on": date(2015, 8, 29)}),
        ("born_on", {"born_on": date(1964, 3, 17)}),  # the father's, on the same day
        ("sex", {"sex": Sex.MALE}),
        ("nhs_number", {"nhs_number": "9434765870"}),
    ],
)
def test_one_contradiction_makes_a_question_of_much_agreement(field, change):
    facts = {**ALL, "nhs_number": "9434765919", "sex": Sex.FEMALE}
    other = {**facts, **({} if field == "nhs_number" else {"nhs_number": None}), **change}
    compared = compare(told(**facts), told(**other), POLICY)
    assert compared.verdict is Verdict.POSSIBLE
    assert compared.contradicted == (field,)


def test_two_contradictions_are_no_question():
    one, other = told(sex=Sex.FEMALE, **ALL), told(sex=Sex.MALE, **{**ALL, "given_name": "Imke"})
    assert verdict(one, other) is Verdict.DIFFERENT


def test_unknown_sex_contradicts_nobody():
    assert verdict(told(**ALL), told(sex=Sex.MALE, **ALL)) is Verdict.AGREEMENT


@pytest.mark.parametrize(
    ("one", "other"),
    [("Jayden", "Jordan"), ("Tom", "Tim"), ("Anna-Maria", "Anna-Lena"), ("Tomke", "Timke")],
)
def test_two_forenames_are_two_people_however_alike(one, other):
    compared = compare(
        told(**{**ALL, "given_name": one}), told(**{**ALL, "given_name": other}), POLICY
    )
    assert compared.contradicted == ("given_name",)


@pytest.mark.parametrize(
    "change",
    [
        {"given_name": "Testmann", "family_name": "Arvid"},
        {"given_name": "Tesmann", "family_name": "Arvid"},
        {"given_name": "Arvld"},
        {"given_name": "Avrid"},
        {"given_name": "Arvid-Quill"},
        {"family_name": "Testman"},
        {"family_name": "Otherling"},  # married
        {"born_on": date(1994, 3, 18)},
        {"born_on": date(1994, 3, 16)},
        {"born_on": date(1995, 3, 17)},
        {"postcode": "S99 9ZX"},
        {"address": "3, Nowhere Gdns"},
    ],
)
def test_one_human_mistake_parts_nobody(change):
    assert verdict(told(**ALL), told(**{**ALL, **change})) is Verdict.AGREEMENT


@pytest.mark.parametrize(
    ("one", "other"), [("Bob", "Robert"), ("Mohammed", "Muhamad"), ("Aysha", "Ayesha")]
)
def test_two_ways_of_writing_one_forename_are_one(one, other):
    compared = compare(
        told(**{**ALL, "given_name": one}), told(**{**ALL, "given_name": other}), POLICY
    )
    assert compared.verdict is Verdict.AGREEMENT


def test_a_year_alone_contradicts_no_day_of_it_and_is_weaker_evidence_than_a_day():
    year_only = {**ALL, "born_on": date(1994, 1, 1)}
    assert vetoes(told(**ALL), told(**year_only)) == ()
    assert vetoes(told(**ALL), told(**{**ALL, "born_on": date(1991, 1, 1)})) == ("born_on",)
    both = compare(told(**year_only), told(**year_only), POLICY).score
    assert both < compare(told(**ALL), told(**ALL), POLICY).score


# --- entities, sides, time -----------------------------------------------------------------------


def test_an_entity_of_two_spellings_agrees_with_either():
    spellings = [packed(**NAME, **BORN, phone=phone) for phone in ("07700 900123", "07700 900124")]
    both = profile(NodeKind.PERSON, spellings)
    assert verdict(both, told(**NAME, phone="07700 900124")) is Verdict.AGREEMENT


def test_a_phone_seen_years_ago_says_less_than_one_seen_today():
    one = told(**NAME, **PHONE)
    scores = [compare(one, one, POLICY, weeks=weeks).score for weeks in (None, 0, 104, 520)]
    assert scores[0] == scores[1] > scores[2] > scores[3]


def test_relations_support_and_never_carry():
    assert supported(1000, 0, POLICY) == 1000
    assert 1000 < supported(1000, 1, POLICY) < supported(1000, 2, POLICY)
    assert supported(1000, 1000, POLICY) == 1000 + POLICY.relation_support_max


# --- things --------------------------------------------------------------------------------------


def test_a_thing_is_one_by_its_exact_token_only():
    kind = NodeKind.PHONE
    one, same = told(kind, phone="07700 900123"), told(kind, phone="+447700900123")
    assert verdict(one, same) is Verdict.STRONG
    assert verdict(one, told(kind, phone="07700 900124")) is Verdict.DIFFERENT


def test_two_properties_of_one_street_address_are_a_question():
    kind = NodeKind.ADDRESS
    one, other = told(kind, uprn="10001", **HOME), told(kind, uprn="10002", **HOME)
    assert verdict(one, other) is Verdict.POSSIBLE
    assert vetoes(one, other) == ("uprn",)


# --- packing and blocks --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        *({}, {"born_on": None}, {"address": None, "postcode": None}, {"given_name": "Imke"}),
        *({"family_name": "Otherling"}, {"born_on": date(2015, 8, 29)}, {"given_name": None}),
    ],
)
def test_who_would_be_accepted_or_asked_about_is_found(change):
    one, other = packed(**ALL), packed(**{**ALL, **change})
    assert verdict(told(**ALL), told(**{**ALL, **change})) is not Verdict.DIFFERENT
    blocks = [set(blocks_of(NodeKind.PERSON, side)) for side in (one, other)]
    assert blocks[0] & blocks[1]


@pytest.mark.parametrize(
    "alone", [{"given_name": "Arvid"}, BORN, {"postcode": "S99 9ZZ"}, {"family_name": "Testmann"}]
)
def test_no_block_is_half_a_name_a_date_or_a_postcode_alone(alone):
    assert blocks_of(NodeKind.PERSON, packed(**alone)) == ()


def test_a_field_that_linking_does_not_know_is_left_out():
    assert pack((FieldToken(field="shoe_size", token=bytes(16)),), Sex.UNKNOWN) == b""


def test_a_profile_shows_no_token():
    one = told(**ALL)
    assert not any(str(chunk) in repr(one) for chunk in one.chunks)
