"""Columns become fields by name, and what nobody asked for is told."""

from __future__ import annotations

from dataclasses import fields

import pytest

from deploy.evaluate.linkage.columns import FIELDS, field_named, fields_named, read_header
from streams.errors import InvalidInputError
from streams.restricted import Identity


def columns(*header, **mapped):
    return dict(read_header(header, mapped, "people.csv").columns)


def test_every_field_of_an_identity_can_be_told():
    assert {field.name for field in fields(Identity)} | {"sex", "strong_id"} == set(FIELDS)


@pytest.mark.parametrize(
    ("column", "field"),
    [
        ("first_name", "given_name"),
        ("Forename", "given_name"),
        ("FirstName", "given_name"),
        ("given name", "given_name"),
        ("Last-Name", "family_name"),
        ("surname", "family_name"),
        ("DOB", "born_on"),
        ("Date of Birth", "born_on"),
        ("birth_date", "born_on"),
        ("DateOfBirth", "born_on"),
        ("Post Code", "postcode"),
        ("postcode_fake", "postcode"),
        ("gender", "sex"),
        ("e-mail", "email"),
        ("NHS No", "nhs_number"),
        ("passport_number", "passport_number"),
    ],
)
def test_an_obvious_column_maps_by_itself(column, field):
    assert columns("record", column) == {field: (column,)}


def test_every_field_maps_by_its_own_name_but_the_strong_id_which_is_asked_for():
    for field in FIELDS:
        expected = {} if field == "strong_id" else {field: (field,)}
        assert columns("record", field) == expected


def test_the_parts_of_an_address_are_joined_in_the_order_in_which_people_write_them():
    found = columns("record", "suburb", "address_2", "address_1", "street_number")
    assert found == {"address": ("street_number", "address_1", "address_2", "suburb")}


def test_a_town_alone_is_no_address():
    assert columns("record", "city", "surname") == {"family_name": ("surname",)}


def test_a_column_that_maps_to_nothing_is_left_out_and_told():
    reading = read_header(["record", "surname", "city", "soc_sec_id"], {}, "people.csv")
    assert reading.left_out == ("city", "soc_sec_id")


def test_of_two_columns_for_one_field_the_better_name_is_taken():
    reading = read_header(["record", "given", "first_name"], {}, "people.csv")
    assert reading.columns == {"given_name": ("first_name",)}
    assert reading.left_out == ("given",)


def test_a_mapped_column_goes_before_the_obvious_one():
    found = columns("record", "surname", "birth_name", family_name="birth_name")
    assert found == {"family_name": ("birth_name",)}


def test_several_columns_can_be_mapped_to_one_field():
    assert columns("record", "no", "way", address="no+way") == {"address": ("no", "way")}


def test_a_column_whose_name_holds_a_plus_sign_is_one_column():
    assert columns("record", "no+way", address="no+way") == {"address": ("no+way",)}


def test_the_record_id_can_be_mapped():
    assert read_header(["rec", "surname"], {"record": "rec"}, "people.csv").record == "rec"


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (["surname", "dob"], "no column 'record'"),
        (["record", "surname", "surname"], "two columns of one name"),
    ],
)
def test_a_header_that_cannot_be_read_is_refused_by_name(header, says):
    with pytest.raises(InvalidInputError, match=says):
        read_header(header, {}, "people.csv")


def test_fields_are_asked_for_by_the_names_people_use():
    assert fields_named(["name", "dob", "postcode"]) == (
        *("given_name", "family_name", "born_on", "postcode"),
    )
    assert fields_named(["surname", "name"]) == ("family_name", "given_name")
    assert field_named("strong_id") == "strong_id"
    assert field_named("record") == "record"


def test_an_unknown_field_is_refused_with_those_there_are():
    with pytest.raises(InvalidInputError, match="no field 'shoe_size'; there are given_name"):
        fields_named(["shoe_size"])
    with pytest.raises(InvalidInputError, match="several fields"):
        field_named("name")
