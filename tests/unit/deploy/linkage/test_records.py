"""Files of people are read as the product reads people, and dirt is counted, not fatal."""

from __future__ import annotations

from datetime import date

import pytest

from deploy.evaluate.linkage.records import day_of, read_records
from deploy.evaluate.linkage.truth import read_truth
from streams.errors import InvalidInputError
from streams.values import Sex


@pytest.fixture
def written(tmp_path):
    def write(text, name="people.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def forms(person):
    return {one.field: one.form for one in person.spelt}


def test_values_get_the_canonical_form_of_the_product(written):
    path = written(
        "record,first_name,surname,dob,postcode,gender\nR1, Zoë ,O'Test,2011-05-04,s99 9zz,f\n"
    )
    (person,) = read_records([path], {}).people
    assert forms(person) == {
        "given_name": "zoe",
        "family_name": "otest",
        "born_on": "20110504",
        "postcode": "S99 9ZZ",
    }
    assert (person.record, person.sex) == ("R1", Sex.FEMALE)


def test_an_identifier_without_check_rules_is_hashed_as_it_is(written):
    path = written("record,surname,ssn\nR1,Test,81-X 7\nR2,Test,\nR3,Test,unknown\n")
    people = read_records([path], {"strong_id": "ssn"}).people
    assert [[one.form for one in person.spelt][1:] for person in people] == [["81X7"], [], [None]]


def test_a_value_that_a_partner_would_have_to_correct_counts_as_missing_and_is_counted(written):
    path = written(
        "record,surname,dob,nhs_number\n"
        "R1,Testa,1990-13-45,9990001007\nR2,Testb,unknown,\nR3,Testc,1990-01-02,999 000 1005\n"
    )
    file = read_records([path], {})
    assert {field: count for field, count in file.unreadable.items() if count} == {
        "born_on": 1,
        "nhs_number": 2,
    }
    assert [set(forms(person)) for person in file.people] == [
        {"family_name"},
        {"family_name"},
        {"family_name", "born_on"},
    ]


def test_postcodes_of_another_country_are_taken_as_they_are(written):
    path = written("record,postcode\nR1,4810\nR2,5051\nR3,3691\n")
    file = read_records([path], {})
    assert file.foreign_postcodes
    assert [forms(person)["postcode"] for person in file.people] == ["4810", "5051", "3691"]


def test_a_few_bad_postcodes_do_not_make_a_column_foreign(written):
    path = written("record,postcode\nR1,S1 2HE\nR2,S99 9ZZ\nR3,nowhere\n")
    file = read_records([path], {})
    assert not file.foreign_postcodes
    assert file.unreadable["postcode"] == 1


def test_only_the_fields_in_use_are_told(written):
    path = written("record,first_name,surname,sex\nR1,Ada,Test,F\n")
    (person,) = read_records([path], {}, ["family_name"]).people
    assert (forms(person), person.sex) == ({"family_name": "test"}, Sex.UNKNOWN)


def test_several_files_are_read_each_by_its_own_header(written):
    one = written("record,surname\nA1,Test\n", "one.csv")
    other = written("id,last_name,dob\nB1,Test,20110504\n", "other.csv")
    file = read_records([one, other], {})
    assert [person.record for person in file.people] == ["A1", "B1"]
    assert file.fields == {"family_name", "born_on"}


def test_a_mapped_column_need_not_be_in_every_file_but_in_one(written):
    one = written("record,surname,x\nA1,Test,7\n", "one.csv")
    other = written("record,surname\nB1,Test\n", "other.csv")
    assert "strong_id" in read_records([one, other], {"strong_id": "x"}).fields
    with pytest.raises(InvalidInputError, match="no file has a column 'y' for strong_id"):
        read_records([one, other], {"strong_id": "y"})


def test_a_mapped_column_that_is_nowhere_is_not_replaced_by_an_obvious_one(written):
    path = written("record,surname\nR1,Test\n")
    with pytest.raises(InvalidInputError, match="no file has a column 'name' for family_name"):
        read_records([path], {"family_name": "name"})


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_cells_may_be_separated_in_other_ways(written, delimiter):
    text = "record,surname,dob\nR1,Test,2011-05-04\n".replace(",", delimiter)
    (person,) = read_records([written(text)], {}).people
    assert forms(person) == {"family_name": "test", "born_on": "20110504"}
    truth = written("Record ID;Cluster\nR1;7\n", "truth.csv")
    assert read_truth(truth, ["R1"]) == {"R1": "7"}


def test_aliases_are_separated_by_semicolons(written):
    path = written("record,aliases\nR1,Bob; Bobby\n")
    (person,) = read_records([path], {}).people
    assert [one.form for one in person.spelt] == ["bob", "bobby"]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2011-05-04", date(2011, 5, 4)),
        ("20110504", date(2011, 5, 4)),
        ("04/05/2011", date(2011, 5, 4)),
        ("4.5.2011", date(2011, 5, 4)),
        ("4 May 2011", date(2011, 5, 4)),
        ("04-May-2011", date(2011, 5, 4)),
        ("2011-05-04T00:00:00", date(2011, 5, 4)),
        ("05/13/2011", None),
        ("May", None),
        ("", None),
    ],
)
def test_days_are_read_in_the_ways_people_write_them(text, day):
    assert day_of(text) == day


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("record,surname\n", "holds no records"),
        ("record,surname\nR1,A\nR1,B\n", "record 'R1' stands 2 times"),
        ("record,surname\nR1\n", "row 2: has fewer cells"),
        ("record,surname\n,A\n", "row 2: the record has no id"),
        ("record,shoe\nR1,7\n", "no column is a field"),
        ('record,surname\nR1,"A\n', "is no CSV"),
        (b"record,surname\nR1,\xff\xfe\n", "is not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_one_line(written, text, says):
    with pytest.raises(InvalidInputError, match=says) as refused:
        read_records([written(text)], {})
    assert "\n" not in str(refused.value)


def test_a_field_in_use_that_no_column_holds_is_refused(written):
    path = written("record,surname\nR1,A\n")
    with pytest.raises(InvalidInputError, match="no column for postcode"):
        read_records([path], {}, ["family_name", "postcode"])


def test_a_truth_tells_the_entity_of_each_record(written):
    path = written("record,entity\nR1,E1\nR2,E1\n", "truth.csv")
    assert read_truth(path, ["R1", "R2", "R3"]) == {"R1": "E1", "R2": "E1"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("record,entity\nR1,E1\nR9,E1\nR8,E1\n", "record 'R8' is in no file, nor are 1 more"),
        ("record,entity\nR1,E1\nR1,E2\n", "line 3: the record has two entities"),
        ("record,entity\nR1,\n", "line 2: record or entity is empty"),
        ("record,group\nR1,E1\n", "no column 'entity'"),
        ("record,entity\n", "holds no records"),
        ("", "no column 'record'"),
        (b"record,entity\nR1,\xe9\n", "is not UTF-8"),
    ],
)
def test_a_truth_that_cannot_be_read_is_refused_in_one_line(written, text, says):
    with pytest.raises(InvalidInputError, match=says):
        read_truth(written(text, "truth.csv"), ["R1"])
