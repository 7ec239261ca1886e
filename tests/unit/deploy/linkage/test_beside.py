"""What another tool links is counted as ours is; it gets what ours is hashed from."""

from __future__ import annotations

from datetime import date

import pytest

from deploy.evaluate.linkage.beside import _count_clusters, _count_edges, _row, run_splink
from deploy.evaluate.linkage.columns import FIELDS, fields_named
from deploy.evaluate.linkage.evaluation import Trial
from deploy.evaluate.linkage.generator import generate, write
from deploy.evaluate.linkage.records import Person, read_records, spelt_of
from deploy.evaluate.linkage.score import PairCount
from streams.restricted import Identity
from streams.values import Sex

ENTITY = {"a1": "A", "a2": "A", "b1": "B", "b2": "B"}


def edge(left, right, probability):
    return {"unique_id_l": left, "unique_id_r": right, "match_probability": probability}


def test_linked_pairs_count_from_the_threshold_on():
    edges = [edge("a1", "a2", 0.99), edge("a1", "b1", 0.6), edge("b1", "b2", 0.4)]
    assert _count_edges(edges, 0.5, ENTITY, 2) == PairCount(true=2, found=2, right=1)
    assert _count_edges(edges, 0.95, ENTITY, 2) == PairCount(true=2, found=1, right=1)


def test_clusters_count_as_ours_do():
    clusters = {"a1": 1, "a2": 1, "b1": 1, "b2": 2}
    assert _count_clusters(clusters, ENTITY, 2) == PairCount(true=2, found=3, right=1)


def test_a_record_is_handed_over_in_canonical_spelling():
    identity = Identity(given_name="ZOË", family_name="O'Test", born_on=date(2011, 5, 4))
    person = Person("r", spelt_of(identity), Sex.FEMALE)
    told = frozenset({"given_name", "family_name", "born_on", "postcode", "sex"})
    assert _row(person, told) == {
        "unique_id": "r",
        "given_name": "zoe",
        "family_name": "otest",
        "born_on": "2011-05-04",
        "postcode": None,
        "sex": "FEMALE",
    }
    assert set(_row(person, frozenset(FIELDS))) >= {"passport_number"}


def test_splink_links_the_same_records_where_it_is_installed(tmp_path):
    pytest.importorskip("splink", reason="requirements/beside.txt is not installed")
    generated = generate(150, seed=3)
    records, _ = write(generated, tmp_path)
    file = read_records([records], {}, fields_named(["name", "dob", "postcode"]))
    trial = Trial(file.people, file.fields, generated.truth)
    found = run_splink(trial, is_foreign=False, households_each=10)
    assert found.clusters[0.95].precision > 0.9
    assert found.clusters[0.95].recall > 0.5
    assert found.household[0.95]["twin"] > 0.5
