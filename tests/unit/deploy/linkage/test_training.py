"""Weights say what was counted, and without a truth nearly the same."""

from __future__ import annotations

import pytest

from anonymiser.linker.standard import WEIGHTS
from deploy.evaluate.linkage.generator import generate, write
from deploy.evaluate.linkage.records import read_records
from deploy.evaluate.linkage.training import half_of, in_half, train
from streams.errors import InvalidInputError

RANDOM_PAIRS = 40_000
FIELDS = ["given_name", "family_name", "born_on", "postcode"]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    generated = generate(350, seed=5)
    records, _ = write(generated, tmp_path_factory.mktemp("people"))
    return read_records([records], {}, FIELDS), generated.truth


@pytest.fixture(scope="module")
def trained(file):
    read, truth = file
    return train(read.people, truth, version=7, random_pairs=RANDOM_PAIRS)


def test_what_agrees_more_among_one_person_than_among_two_weighs_for_them(trained):
    table = trained.weights.table
    for field in FIELDS:
        assert table[field, "exact"] > 400
        assert table[field, "differs"] < 0
    assert table["born_on", "exact"] > table["given_name", "exact"]


def test_m_and_u_are_the_shares_that_were_counted(trained):
    levels = [one for one in trained.weights.levels if one.field == "born_on"]
    assert sum(trained.m(one) for one in levels) == pytest.approx(1)
    assert sum(trained.u(one) for one in levels) == pytest.approx(1)
    exact = next(one for one in levels if one.level == "exact")
    assert trained.m(exact) > 0.7
    assert trained.u(exact) < 0.01


def test_every_level_keeps_its_standard_weight_where_the_files_say_nothing(trained):
    table = trained.weights.table
    assert set(WEIGHTS.table) <= set(table)
    assert table["phone", "equal"] == WEIGHTS.table["phone", "equal"]
    phone = next(one for one in trained.weights.levels if one.field == "phone")
    assert (trained.m(phone), trained.u(phone)) == (None, None)


def test_a_name_and_a_birth_date_reach_the_threshold_and_a_name_alone_does_not(trained):
    table, threshold = trained.weights.table, trained.weights.threshold
    name = table["given_name", "exact"] + table["family_name", "exact"]
    assert name + table["born_on", "exact"] + table["postcode", "exact"] > threshold
    assert name < threshold
    assert trained.weights.review_threshold <= threshold


def test_the_same_files_give_the_same_weights(file, trained):
    read, truth = file
    assert (
        train(read.people, truth, version=7, random_pairs=RANDOM_PAIRS).weights == trained.weights
    )


def test_without_a_truth_em_comes_near_to_it(file, trained):
    read, _ = file
    guessed = train(read.people, None, version=8, random_pairs=RANDOM_PAIRS)
    assert guessed.pairs == pytest.approx(trained.pairs, rel=0.25)
    for field in FIELDS:
        assert guessed.weights.table[field, "exact"] > 500
        assert guessed.weights.table[field, "differs"] < 0


def test_what_was_trained_on_is_told_in_numbers_only(file, trained):
    read, _ = file
    assert trained.told == f"{len(read.people)} records, {trained.pairs:.0f} true pairs"


def test_too_few_records_and_no_pair_are_refused(file):
    read, _ = file
    with pytest.raises(InvalidInputError, match="10 records are too few"):
        train(read.people[:10], {}, version=2, random_pairs=100)
    with pytest.raises(InvalidInputError, match="no two records are one person"):
        train(read.people[:80], {}, version=2, random_pairs=100)


def test_all_records_of_a_person_lie_in_one_half(file):
    read, truth = file
    even, odd = (in_half(read.people, truth, half) for half in (0, 1))
    assert {person.record for person in even} | {person.record for person in odd} == set(truth)
    people = [{truth[person.record] for person in half} for half in (even, odd)]
    assert people[0] & people[1] == set()
    assert min(map(len, people)) > 0.4 * len({*truth.values()})


@pytest.mark.parametrize(("entity", "half"), [("E12", 0), ("E13", 1), ("b", 0), ("a", 1)])
def test_the_half_goes_by_the_last_digit_or_the_letters(entity, half):
    assert half_of(entity) == half
