"""The invented file is the same for everybody, and as dirty as it says."""

from __future__ import annotations

import csv
from collections import Counter

import pytest

from deploy.evaluate.linkage.generator import COLUMNS, generate, write
from deploy.evaluate.linkage.records import read_records
from deploy.evaluate.linkage.truth import read_truth
from streams.errors import InvalidInputError


@pytest.fixture(scope="module")
def generated():
    return generate(300, seed=2)


def test_the_same_seed_gives_the_same_file():
    assert generate(50, seed=2) == generate(50, seed=2)
    assert generate(50, seed=2) != generate(50, seed=3)


def test_every_person_is_told_once_to_six_times(generated):
    counts = Counter(generated.truth.values())
    assert len(counts) == 300
    assert set(counts.values()) == {1, 2, 3, 4, 5, 6}
    assert [row["record"] for row in generated.rows] == list(generated.truth)


def test_numbers_are_from_the_test_ranges(generated):
    numbers = {row["nhs_number"] for row in generated.rows} - {""}
    assert all(number.startswith("999") for number in numbers)
    phones = {row["phone"] for row in generated.rows if len(row["phone"]) == 12} - {""}
    assert sum(phone.startswith("07700 900") for phone in phones) > 0.8 * len(phones)
    assert all(not row["email"] or row["email"].endswith("@example.org") for row in generated.rows)


def test_records_of_one_person_differ_in_every_field_somewhere(generated):
    people = {}
    for row in generated.rows:
        people.setdefault(generated.truth[row["record"]], []).append(row)
    for column in ("given_name", "family_name", "date_of_birth", "postcode", "address", "phone"):
        assert any(len({row[column] for row in rows} - {""}) > 1 for rows in people.values())


def test_the_files_are_read_back_by_the_evaluation(tmp_path, generated):
    records, truth = write(generated, tmp_path / "new")
    file = read_records([records], {})
    assert len(file.people) == len(generated.rows)
    assert read_truth(truth, generated.truth) == generated.truth
    with records.open() as lines:
        assert next(csv.reader(lines)) == ["record", *COLUMNS]


def test_nothing_is_written_over(tmp_path, generated):
    write(generated, tmp_path)
    with pytest.raises(InvalidInputError, match="is there already"):
        write(generated, tmp_path)
