from __future__ import annotations

from dataclasses import fields
from datetime import date

import pytest

from streams.identifiers import (
    IDENTIFIER_CHARS_MAX,
    RULES,
    UnknownFieldError,
    UnreadableIdentifierError,
    WrongCheckDigitError,
    account_of_iban,
    canonical,
    declared,
    faults_of,
    name_cores,
    name_parts,
    outcode,
    read,
)
from streams.restricted import Identity

WIDE_DIGITS = "9434765919".translate({48 + digit: 0xFF10 + digit for digit in range(10)})
MUHAMMAD = "\u0645\u062d\u0645\u062f"
#: The same with its vowel signs, and with a stroke that lengthens it.
VOWELLED = [
    "\u0645\u064f\u062d\u064e\u0645\u0651\u064e\u062f",
    "\u0645\u062d\u0645\u0640\u062f",
]

SPELT_ALIKE = [
    ("nhs_number", "9434765919", ["943 476 5919", "943-476-5919", WIDE_DIGITS]),
    ("upn", "B801200005001", ["b801200005001", "B 801 2000 05001"]),
    ("uln", "9276308686", ["92763 08686"]),
    ("pnc_id", "1981/0000034U", ["81/34U", "81/0000034u", "1981/34U", "19810000034U"]),
    ("cro_number", "065656/91H", ["65656/91H", "65656/91h"]),
    ("cro_number", "SF83/50058Z", ["sf83/50058z"]),
    ("nhs_number", "3200000015", ["320 000 0015"]),  # Northern Ireland
    ("chi_number", "1904851231", ["190485 1231", "19 04 85 1231"]),
    ("chi_number", "0101201234", ["101201234"]),  # by Luhn alone; without the zero of a spreadsheet
    ("pnc_id", "2079/0000034N", ["2079/34N"]),
    ("cro_number", "000001/91U", ["1/91U"]),
    ("nino", "AB123456", ["AB 12 34 56 C", "ab123456", "AB123456D"]),
    ("driver_number", "MORGA657054SM9IJ", ["morga657054sm9ij", "MORGA 657054 SM9IJ 35"]),
    ("driver_number", "MCDON657054SM9IJ", ["mcdon 657054 sm9ij"]),
    ("driver_number", "LEE99605109C99AA", ["LEE99605109C99AA"]),
    ("driver_number", "12345678", ["12 34 56 78"]),  # Northern Ireland
    ("passport_number", "925665416", ["92566 5416"]),
    ("postcode", "S1 2HE", ["s12he", "S1  2HE", "s1-2he"]),
    ("postcode", "BFPO 58", ["bfpo58", "BFPO 0058"]),
    ("uprn", "10001", ["00010001"]),
    ("usrn", "7301234", ["07301234", "730 1234"]),
    ("police_urn", "14AB0012326", ["14/AB/123/26", "14 ab 00123 26", "14AB00123/26"]),
    ("phone", "+447700900123", ["07700 900123", "+44 (0)7700 900123", "0044 7700 900 123"]),
    ("email", "a.b@example.org", ["A.B@Example.ORG", "mailto:a.b@example.org"]),
    ("handle", "k_dot", ["@K_Dot", "K_DOT"]),
    ("handle", "snap:k_dot", ["Snap: @K_dot"]),
    ("vehicle_mark", "AB12CDE", ["ab12 cde", "AB12-CDE", "ABI2 CDE"]),
    ("vehicle_mark", "LO05OOO", ["L005 000", "LOO5 OOO"]),
    ("vehicle_mark", "AOI1001", ["AOI 1001"]),  # Northern Ireland: its I is an I
    ("vehicle_mark", "I10I", ["i10-i"]),  # nothing British: left as it is
    ("vehicle_mark", "Q123ABC", ["q123 abc"]),
    ("account_number", "00123456", ["123456", "00123456"]),
    ("sort_code", "601613", ["60-16-13", "60 16 13"]),
    ("imei", "490154203237518", ["49-015420-323751-8", "4901542032375178", "49015420323751"]),
    ("given_name", "zoe", ["Zoë", "ZOE", "Zoe\u0308"]),
    ("family_name", "oneillsmith", ["O'Neill-Smith", "O\u2019NEILL SMITH"]),
    ("family_name", "lukaszewicz", ["Łukaszewicz"]),
    ("family_name", "oneill", ["O'Neill", "O Neill", "O\u02bcNeill", "O`NEILL", "O\u2018Neill"]),
    ("family_name", "alhassan", ["al-Hassan", "Al Hassan", "AlHassan"]),
    ("given_name", "tom", ["Mr Tom", "Mr. Tom", "MASTER TOM", " Mr  Tom"]),
    ("given_name", MUHAMMAD, VOWELLED),
    ("address", "flat 2 7 mill street", ["Flat 2, 7 Mill St.", "FLAT 2 7 Mill Street"]),
    ("organisation_name", "mill", ["The Mill Ltd.", "MILL LIMITED"]),
    ("organisation_number", "01234567", ["1234567"]),
]  # fmt: skip

WRONG_CHECK_DIGITS = [
    ("nhs_number", "9434765918"),
    ("upn", "C801200005001"),
    ("uln", "9276308687"),
    ("pnc_id", "2001/0171310S"),
    ("cro_number", "85227/65G"),
    ("imei", "490154203237519"),
    ("chi_number", "1904851232"),
    ("nhs_number", "0101201234"),  # a CHI number by Luhn alone is one in its own field
    ("account_number", "GB30NWBK60161331926819"),
]

UNREADABLE = [
    ("nhs_number", "94347659"),
    ("nhs_number", "943476591O"),
    ("upn", "I801200005001"),
    ("uln", "92763086"),
    ("pnc_id", "34U"),
    ("cro_number", "1234567/91H"),
    ("uln", "92763O8686"),
    ("upn", "B80120000500I"),
    ("upn", "B80120000500O"),
    ("upn", "B80120000500S"),
    ("pnc_id", "0081/0000034U"),
    ("pnc_id", "3081/0000034U"),
    ("pnc_id", "81/12345678U"),
    ("chi_number", "9434765919"),  # no date of birth
    ("chi_number", "3113851236"),
    ("chi_number", "19048512"),
    ("police_urn", "14/AB/123"),
    ("police_urn", "14AB12326"),  # unbroken, its serial has five digits
    ("usrn", "123456789"),
    ("nino", "11 a1 11 11"),
    ("nino", "QQ123456A"),
    ("nino", "BG123456A"),
    ("nino", "AO123456A"),
    ("driver_number", "MORGA657054SM9I"),
    ("driver_number", "MORGA697054SM9IJ"),
    ("driver_number", "MORGA652304SM9IJ"),  # 30 February
    ("driver_number", "9ORGA657054SM9IJ"),
    ("driver_number", "MO9GA657054SM9IJ"),
    ("driver_number", "MORGA6570549M9IJ"),  # no first name, but a second
    ("driver_number", "MORGA657054SM1IJ"),
    ("passport_number", "ABCDEFGHI"),
    ("postcode", "LS99"),
    ("uprn", "1234567890123"),
    ("phone", "999"),
    ("phone", "ring him"),
    ("email", "a.b.example.org"),
    ("vehicle_mark", "ABC"),
    ("account_number", "12345"),
    ("sort_code", "60161"),
    ("given_name", "12"),
    ("given_name", "12/03/2011"),
    ("family_name", "2011-03-12"),
    ("family_name", "12th March 2011"),
    ("given_name", "March 12"),
    ("imei", "4901542032375"),
]

PLACEHOLDERS = [
    *[("nhs_number", str(digit) * 10) for digit in range(10)],
    ("postcode", "ZZ99 3VZ"),
    ("postcode", "zz993cz"),
    ("given_name", "UNKNOWN"),
    ("family_name", "n/a"),
    ("family_name", "Not known"),
    ("given_name", "???"),
    ("given_name", ""),
    ("given_name", "XXX"),
    ("nhs_number", "N/K"),
    ("chi_number", "1111111111"),
    ("uln", "9999999999"),
    ("upn", "A000000000000"),
    ("pnc_id", "2001/0000000Z"),
    ("cro_number", "000000/00Z"),
    ("nino", "AB000000A"),
    ("imei", "000000000000000"),
    ("police_urn", "14AB0000026"),
    ("usrn", "00000000"),
    ("account_number", "00000000"),
    ("phone", "00000000000"),
    ("address", "No fixed abode"),
    ("sort_code", "000000"),
    ("uprn", "0"),
]


@pytest.mark.parametrize(("field", "form", "spellings"), SPELT_ALIKE)
def test_every_spelling_of_one_value_has_one_form(field, form, spellings):
    assert {canonical(field, spelling) for spelling in spellings} == {form}


@pytest.mark.parametrize(("field", "form", "spellings"), SPELT_ALIKE)
def test_a_canonical_form_is_its_own_canonical_form(field, form, spellings):
    assert canonical(field, form) == form


@pytest.mark.parametrize(("field", "value"), WRONG_CHECK_DIGITS)
def test_a_wrong_check_digit_is_an_error_that_names_the_field_and_not_the_value(field, value):
    with pytest.raises(WrongCheckDigitError) as caught:
        canonical(field, value)
    assert caught.value.field == field
    assert_tells_nothing(caught.value, value)


@pytest.mark.parametrize(("field", "value"), UNREADABLE)
def test_another_format_is_an_error_that_names_the_field_and_not_the_value(field, value):
    with pytest.raises(UnreadableIdentifierError) as caught:
        canonical(field, value)
    assert type(caught.value) is UnreadableIdentifierError
    assert caught.value.field == field
    assert_tells_nothing(caught.value, value)


def assert_tells_nothing(error, value):
    assert value not in f"{error} {error!r} {error.args} {error.__cause__!r}"
    assert error.__suppress_context__ or error.__context__ is None


@pytest.mark.parametrize(("field", "value"), PLACEHOLDERS)
def test_a_placeholder_has_no_form_and_is_no_error(field, value):
    assert canonical(field, value) is None


@pytest.mark.parametrize("day", [date(1900, 1, 1), date(1899, 12, 30), date(9999, 12, 31)])
def test_a_placeholder_birth_date_has_no_form(day):
    assert canonical("born_on", day) is None


def test_a_birth_date_is_written_year_first():
    assert canonical("born_on", date(2010, 2, 3)) == "20100203"


@pytest.mark.parametrize("surname", ["Na", "None-Smith", "Blank", "Null-Jones", "Uk", "Ex"])
def test_surnames_that_look_like_a_placeholder_are_kept(surname):
    assert canonical("family_name", surname) is not None


def test_swapping_two_neighbouring_digits_of_an_nhs_number_is_noticed():
    number = "9434765919"
    for place in range(9):
        swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
        if swapped != number:
            with pytest.raises(WrongCheckDigitError):
                canonical("nhs_number", swapped)


def test_every_field_of_an_identity_has_a_rule():
    assert set(RULES) == {field.name for field in fields(Identity)} - {"born_on"}


def test_a_field_without_a_rule_is_refused():
    with pytest.raises(UnknownFieldError):
        canonical("shoe_size", "9")


def test_an_over_long_value_is_refused_before_it_is_looked_at():
    with pytest.raises(UnreadableIdentifierError, match="at most"):
        canonical("address", "x" * (IDENTIFIER_CHARS_MAX + 1))


def test_names_that_are_written_in_other_scripts_keep_their_letters():
    assert canonical("given_name", "李 明") == "李明"
    assert canonical("given_name", "Мария") == "мария"


def test_the_check_letter_of_a_pnc_id_does_not_know_the_century_and_the_form_does():
    assert canonical("pnc_id", "81/34U") == canonical("pnc_id", "1981/34U")
    assert canonical("pnc_id", "2081/34U") != canonical("pnc_id", "1981/34U")


def test_the_serial_of_a_cro_file_is_not_padded():
    assert canonical("cro_number", "SF83/50058Z") == "SF83/50058Z"
    with pytest.raises(WrongCheckDigitError):
        canonical("cro_number", "SF83/050058Z")


def test_no_number_is_both_an_nhs_number_and_a_uln():
    assert canonical("uln", "9276308686")
    with pytest.raises(WrongCheckDigitError):
        canonical("nhs_number", "9276308686")
    with pytest.raises(WrongCheckDigitError):
        canonical("uln", "9434765919")


def test_a_number_of_scotland_links_as_a_chi_number_in_whichever_field_it_stands():
    own = read(Identity(chi_number="190485 1231"))[0]
    as_nhs = read(Identity(nhs_number="1904851231"))[0]
    assert [(one.field, one.form) for one in own] == [("chi_number", "1904851231")]
    assert [(one.field, one.form) for one in as_nhs] == [("chi_number", "1904851231")]
    assert [one.told_in for one in (*own, *as_nhs)] == ["chi_number", "nhs_number"]


def test_a_number_of_england_and_one_of_scotland_stand_side_by_side():
    both = read(Identity(nhs_number="9434765919", chi_number="1904851231"))[0]
    assert {one.field for one in both} == {"nhs_number", "chi_number"}


def test_a_fault_of_a_chi_number_names_the_field_it_was_written_in():
    assert [fault.field for fault in faults_of(Identity(chi_number="1904851232"))] == ["chi_number"]


def test_a_name_without_its_title_is_the_name_and_a_title_alone_is_one():
    assert canonical("given_name", "Dr") == "dr"
    assert canonical("family_name", "Miss Smith") == canonical("family_name", "smith")
    assert canonical("family_name", "Smith Jr") != canonical("family_name", "smith")


@pytest.mark.parametrize(
    ("name", "cores"),
    [
        ("Ahmad bin al-Hasan", ("ahmad", "hasan")),
        ("al-Hasan", ("hasan",)),
        ("van der Berg", ("berg",)),
        ("de la Cruz", ("cruz",)),
        ("O Neill", ("neill",)),
        ("MacDonald", ("mcdonald",)),
        ("McDonald", ("mcdonald",)),
        ("Mac Donald", ("donald",)),
        ("Macy", ("macy",)),
        ("Smith-Jones", ("smith", "jones")),
        ("An", ("an",)),
        ("Ben", ("ben",)),
    ],
)
def test_the_core_of_a_name_is_what_articles_and_sons_of_leave(name, cores):
    assert name_cores(name) == cores


def test_a_double_name_has_parts():
    assert name_parts("Smith-Jones") == ("smith", "jones")
    assert name_parts("de la Cruz") == ("de", "la", "cruz")


def test_a_district_is_the_first_half_of_a_postcode():
    assert outcode("S1 2HE") == "S1"


def test_a_british_iban_holds_sort_code_and_account():
    assert account_of_iban("GB29NWBK60161331926819") == ("601613", "31926819")
    assert account_of_iban("31926819") is None


def test_faults_name_every_field_to_correct():
    identity = Identity(nhs_number="9434765918", upn="I801200005001", phone="N/A", nino="AB123456C")
    assert [(fault.field, fault.code) for fault in faults_of(identity)] == [
        ("nhs_number", "wrong_check_digit"),
        ("upn", "unreadable_identifier"),
    ]


def test_declared_values_come_one_by_one():
    identity = Identity(given_name="Ada", known_as=("Addie", "A"))
    assert list(declared(identity)) == [
        ("given_name", "Ada"),
        ("known_as", "Addie"),
        ("known_as", "A"),
    ]
