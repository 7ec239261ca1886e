"""The file of a reference population: what it may hold, and one clear line for what it may not."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from anonymiser.gate.population import EVERYWHERE, Population, district, police_area
from deploy.population import example_population, read_population, write_population
from producers.town.city import build_city, census
from producers.town.places import OUTCODES
from streams.codec import decode, encode
from streams.errors import InvalidInputError
from streams.ports import Record
from streams.registry import Registry
from streams.shared import ReferencePopulationSet
from streams.topics import REGISTRY
from streams.values import AgeBand, Sex

HEADER = "district,police_area,sex,age_band,count"
AT = datetime(2026, 9, 1, tzinfo=UTC)
F_TEEN, M_PUPIL, F_ADULT = (1, 4), (2, 2), (1, 16)


def read(tmp_path, text):
    file = tmp_path / "population.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_population(file)


def counted(districts):
    return Population(
        ReferencePopulationSet(name="x", districts=districts, decided_by="a test", decided_at=AT)
    )


def test_rows_of_one_district_sex_and_band_add_up(tmp_path):
    text = f"""{HEADER},household
S5,South Yorkshire,FEMALE,AGE_11_15,40,
S5,South Yorkshire,FEMALE,AGE_11_15,7,FEMALE:ADULT MALE:AGE_5_10
S6,South Yorkshire,female,age_11_15,5,MALE:AGE_5_10
"""
    people = counted(read(tmp_path, text))

    assert people.count(district("S5"), F_TEEN) == (47, 1.0)
    assert people.count(police_area("South Yorkshire"), F_TEEN) == (52, 1.0)
    assert people.count(district("S5"), F_TEEN, [M_PUPIL]) == (7, 1.0)
    assert people.count(EVERYWHERE, F_TEEN, [M_PUPIL]) == (12, 1.0)
    assert people.count(EVERYWHERE, F_TEEN, [M_PUPIL, F_ADULT]) == (7, 1.0)
    assert people.count(district("S7"), F_TEEN) == (0, 1.0)


def test_without_households_the_share_is_guessed_ever_lower(tmp_path):
    people = counted(read(tmp_path, f"{HEADER}\nS5,South Yorkshire,FEMALE,AGE_11_15,400\n"))

    one = people.count(district("S5"), F_TEEN, [M_PUPIL])
    two = people.count(district("S5"), F_TEEN, [M_PUPIL, F_ADULT])

    assert one[0] == two[0] == 400
    assert 0 < two[1] < one[1] < 0.1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (HEADER + "\n", "no row"),
        ("", "line 1: no column district"),
        ("district,sex,age_band,count\nS5,FEMALE,ADULT,5\n", "line 1: no column police_area"),
        (HEADER + ",ward\nS5,SY,FEMALE,ADULT,5,x\n", "line 1: unknown column 'ward'"),
        (HEADER + ",count\nS5,SY,FEMALE,ADULT,5,5\n", "line 1: a column stands there twice"),
        (HEADER + "\nS5,SY,FEMALE,ADULT,-1\n", "line 2: count: "),
        (HEADER + "\nS5,SY,FEMALE,ADULT,1.5\n", "line 2: count: "),
        (HEADER + "\nS5,SY,FEMALE,ADULT,1e9\n", "line 2: count: "),
        (HEADER + "\nS5,SY,FEMALE,ADULT,\n", "line 2: count: "),
        (HEADER + "\nS5,SY,FEMALE,AGE_0_17,5\n", "line 2: age_band: unknown"),
        (HEADER + "\nS5,SY,FEMALE,UNKNOWN,5\n", "line 2: age_band: unknown"),
        (HEADER + "\nS5,SY,UNKNOWN,ADULT,5\n", "line 2: sex: unknown"),
        (HEADER + "\nS5 7AB,SY,FEMALE,ADULT,5\n", "line 2: district: "),
        (HEADER + "\nS5,,FEMALE,ADULT,5\n", "line 2: police_area: "),
        (HEADER + "\nS5,SY,FEMALE,ADULT\n", "line 2: row: "),
        (HEADER + "\nS5,SY,FEMALE,ADULT,5,6\n", "line 2: row: "),
        (HEADER + "\nS5,SY,FEMALE,ADULT,5\nS5,SY,FEMALE,ADULT,6\n", "line 3: row: an earlier"),
        (HEADER + "\nS5,SY,FEMALE,ADULT,5\nS5,WY,MALE,ADULT,6\n", "line 3: police_area: "),
        (HEADER + ",household\nS5,SY,FEMALE,ADULT,5,MALE\n", "line 2: household: "),
        (HEADER + ",household\nS5,SY,FEMALE,ADULT,5,MALE:OLD\n", "line 2: household: unknown"),
        (b"\xff\xfe\x00", "not UTF-8"),
    ],
)
def test_a_bad_file_is_refused_in_one_line_that_says_where(tmp_path, text, told):
    with pytest.raises(InvalidInputError) as error:
        read(tmp_path, text)

    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_the_same_household_written_in_another_order_is_a_duplicate(tmp_path):
    text = f"""{HEADER},household
S5,SY,FEMALE,ADULT,5,MALE:ADULT FEMALE:AGE_0_4
S5,SY,FEMALE,ADULT,5,FEMALE:AGE_0_4 MALE:ADULT
"""
    with pytest.raises(InvalidInputError, match="line 3"):
        read(tmp_path, text)


def test_a_census_survives_being_written_and_read(tmp_path):
    districts = census(build_city(1, 2_000, date(2026, 9, 1)))
    file = tmp_path / "city.csv"
    write_population(file, districts)

    again = counted(read_population(file))

    for sex in (1, 2):
        for band in (1, 2, 4, 8, 16):
            look = (sex, band)
            assert again.count(EVERYWHERE, look) == counted(districts).count(EVERYWHERE, look)


def test_a_census_by_household_fits_into_one_record():
    districts = census(build_city(1, 60_000, date(2026, 9, 1)))
    event = ReferencePopulationSet(
        name="a city", districts=districts, decided_by="a test", decided_at=AT
    )

    assert decode(encode(event), ReferencePopulationSet) == event


def test_the_example_counts_every_district_of_the_town():
    example = example_population("a test", AT)

    assert {one.district for one in example.districts} == set(OUTCODES)
    teens = [
        cell.count
        for one in example.districts
        for cell in one.cells
        if (cell.sex, cell.age_band) == (Sex.FEMALE, AgeBand.AGE_11_15)
    ]
    assert min(teens) > 100


def test_the_register_keeps_the_population_that_was_set_last():
    registry = Registry()
    events = [
        ReferencePopulationSet(name=name, districts=(), decided_by="a test", decided_at=AT)
        for name in ("first", "second")
    ]

    registry.learn(Record(REGISTRY, at, AT, None, encode(event)) for at, event in enumerate(events))

    assert registry.population == events[1]
    assert Registry().population is None
