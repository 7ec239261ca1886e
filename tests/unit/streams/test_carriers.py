"""A driver number and a CHI number carry a name, a birth date, a sex: they agree or it is told."""

from __future__ import annotations

from datetime import date

import pytest

from streams.identifiers import carried_by, disagreements, read
from streams.restricted import Identity
from streams.values import Sex

MORGAN = "MORGA657054SM9IJ"  # born 5 July 1964, a woman
CHI = "1904851231"  # born 19 April 1985, a man


def told(sex=Sex.UNKNOWN, **identity):
    whole = Identity(**identity)
    spelt, faults = read(whole)
    assert faults == ()
    carriers = ((one.told_in, carried_by(one.field, one.form)) for one in spelt if one.form)
    return [
        (field, what)
        for field, carried in carriers
        if carried is not None
        for what in disagreements(whole, carried, sex)
    ]


@pytest.mark.parametrize(
    "name",
    ["Morgan", "MORGAN", "Mörgan", "Morgan-Smith", "Smith-Morgan", "Morga", "unknown", "N/A"],
)
def test_a_driver_number_agrees_with_whatever_name_it_may_stand_for(name):
    assert told(driver_number=MORGAN, family_name=name) == []


def test_a_driver_number_of_another_name_is_told():
    assert told(driver_number=MORGAN, family_name="Smith") == [("driver_number", "family_name")]


def test_a_maiden_name_among_the_other_names_agrees():
    assert told(driver_number=MORGAN, family_name="Smith", known_as=("Sarah Morgan",)) == []


def test_names_written_the_wrong_way_round_agree():
    assert told(driver_number=MORGAN, given_name="Morgan", family_name="Sarah") == []


@pytest.mark.parametrize(
    ("number", "name", "agrees"),
    [
        ("MCDON657054SM9IJ", "MacDonald", True),
        ("MCDON657054SM9IJ", "McDonald", True),
        ("MCDON657054SM9IJ", "Mac Donald", True),
        ("MCDON657054SM9IJ", "Donald", False),
        ("MCK99657054SM9IJ", "Mack", True),
        ("MCKEN657054SM9IJ", "Mackenzie", True),
        ("MCKEN657054SM9IJ", "Mason", False),
        ("LEE99657054SM9IJ", "Lee", True),
        ("LEE99657054SM9IJ", "Leeson", False),
        ("LEESO657054SM9IJ", "Lee", False),
        ("ONEIL657054SM9IJ", "O'Neill", True),
        ("DELAC657054SM9IJ", "de la Cruz", True),
        ("CRUZ9657054SM9IJ", "de la Cruz", True),
    ],
)
def test_a_surname_is_coded_as_the_licensing_agency_does(number, name, agrees):
    expected = [] if agrees else [("driver_number", "family_name")]
    assert told(driver_number=number, family_name=name) == expected


def test_a_name_in_another_script_is_not_compared():
    assert told(driver_number=MORGAN, family_name="\u041c\u043e\u0440\u0433\u0430\u043d") == []


@pytest.mark.parametrize(
    ("born_on", "agrees"),
    [
        (date(1964, 7, 5), True),
        (date(1964, 7, 6), False),
        (date(1954, 7, 5), False),
        (date(1965, 7, 5), False),
        (date(1964, 5, 7), False),
        (date(1900, 1, 1), True),  # a placeholder says nothing
    ],
)
def test_a_driver_number_holds_the_birth_date(born_on, agrees):
    expected = [] if agrees else [("driver_number", "birth_date")]
    assert told(driver_number=MORGAN, born_on=born_on) == expected


@pytest.mark.parametrize(
    ("sex", "agrees"),
    [(Sex.FEMALE, True), (Sex.UNKNOWN, True), (Sex.OTHER, True), (Sex.MALE, False)],
)
def test_a_driver_number_holds_the_sex(sex, agrees):
    assert told(sex, driver_number=MORGAN) == ([] if agrees else [("driver_number", "sex")])


def test_a_driver_number_of_northern_ireland_holds_nothing():
    assert told(Sex.MALE, driver_number="12345678", born_on=date(1990, 1, 2), family_name="X") == []


@pytest.mark.parametrize("field", ["chi_number", "nhs_number"])
def test_a_number_of_scotland_is_known_by_its_shape_in_either_field(field):
    assert told(Sex.MALE, **{field: CHI}, born_on=date(1985, 4, 19)) == []
    assert told(Sex.FEMALE, **{field: CHI}, born_on=date(1985, 9, 14)) == [
        (field, "birth_date"),
        (field, "sex"),
    ]


@pytest.mark.parametrize("number", ["9434765919", "3200000015", "4010232137", "9990000018"])
def test_other_nhs_numbers_hold_nothing(number):
    (one,) = read(Identity(nhs_number=number))[0]
    assert carried_by(one.field, one.form) is None


def test_a_number_does_not_tell_the_century():
    (one,) = read(Identity(chi_number="2902201230"))[0]
    assert carried_by(one.field, one.form).birth_dates() == (date(1920, 2, 29), date(2020, 2, 29))
    (one,) = read(Identity(driver_number=MORGAN))[0]
    assert date(1964, 7, 5) in carried_by(one.field, one.form).birth_dates()


def test_what_a_number_carries_is_in_no_repr():
    (one,) = read(Identity(driver_number=MORGAN))[0]
    assert "MORGA" not in repr(carried_by(one.field, one.form))
    assert "64" not in repr(carried_by(one.field, one.form))
