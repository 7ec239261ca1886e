"""Reading ties and scoring networks: the parts of the evaluation that decide its figures."""

from __future__ import annotations

import csv
import json
from uuid import UUID

import pytest

from deploy.evaluate.score import score_network
from deploy.evaluate.ties import read_ties
from streams.errors import InvalidInputError
from streams.taxonomy import RelationKind
from streams.values import NodeKind


def written(tmp_path, text):
    path = tmp_path / "ties.csv"
    path.write_text(text, encoding="utf-8")
    return path


def entity(number):
    return UUID(int=number)


def test_rows_of_both_directions_add_up(tmp_path):
    path = written(tmp_path, "source,target,count\nN1,N2,2\nN2,N1,3\nN2,N3,1\n")
    file = read_ties(path, {"weight": "count"})
    assert file.pairs == {("N1", "N2"): 5, ("N2", "N3"): 1}


def test_a_row_without_a_kind_is_a_co_offence_of_one_origin(tmp_path):
    (tie,) = read_ties(written(tmp_path, "source,target\na,b\n"), {}).ties
    assert (tie.kind, tie.weight, tie.at) == (RelationKind.CO_OFFENDER, 1, None)


def test_kinds_are_read_in_the_words_of_people(tmp_path):
    path = written(tmp_path, "source,target,kind\na,b,runs line\nc,d,Co-offender\n")
    kinds = [tie.kind for tie in read_ties(path, {}).ties]
    assert kinds == [RelationKind.RUNS_LINE, RelationKind.CO_OFFENDER]


def test_kin_is_told_and_expected_in_no_network(tmp_path):
    path = written(tmp_path, "source,target,kind\na,b,sibling\nb,c,\n")
    file = read_ties(path, {})
    assert len(file.ties) == 2
    assert file.pairs == {("b", "c"): 1}


def test_a_line_is_a_phone(tmp_path):
    file = read_ties(written(tmp_path, "source,target,kind\na,line,runs line\n"), {})
    assert file.kinds["line"] is NodeKind.PHONE


def test_bipartite_columns_hold_persons_and_organisations(tmp_path):
    path = written(tmp_path, "person,organisation\nA,Club\nB,Club\n")
    file = read_ties(path, {}, ("person", "organisation"))
    assert file.kinds == {
        "A": NodeKind.PERSON,
        "B": NodeKind.PERSON,
        "Club": NodeKind.ORGANISATION,
    }
    assert {tie.kind for tie in file.ties} == {RelationKind.MEMBER_OF}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("from,to\na,b\n", "no column 'source'"),
        ("source,target,weight\na,b,many\n", "line 2: weight"),
        ("source,target,weight\na,b,0\n", "line 2: weight"),
        ("source,target,kind\na,b,rival\n", "line 2: kind"),
        ("source,target\na,\n", "line 2: source or target"),
        ("source,target\na,a\n", "line 2: source and target"),
        ("source,target\n", "no ties"),
    ],
)
def test_a_bad_file_is_refused_by_line_and_field(tmp_path, text, says):
    with pytest.raises(InvalidInputError, match=says):
        read_ties(written(tmp_path, text), {})


def test_a_network_found_whole_scores_one():
    score = score_network(
        {("a", "b"): 2, ("b", "c"): 1},
        {(entity(1), entity(2)): 2, (entity(3), entity(2)): 1},
        [("a", entity(1)), ("b", entity(2)), ("c", entity(3))],
    )
    assert (score.precision, score.recall, score.weight_errors) == (1.0, 1.0, 0)
    assert (score.nodes, score.false_merges) == (3, 0)


def test_a_person_split_in_two_costs_recall_and_precision():
    score = score_network(
        {("a", "b"): 1, ("a", "c"): 1},
        {(entity(1), entity(2)): 1, (entity(9), entity(3)): 1},
        [("a", entity(1)), ("a", entity(1)), ("a", entity(9)), ("b", entity(2)), ("c", entity(3))],
    )
    assert (score.precision, score.recall) == (0.5, 0.5)


def test_two_people_in_one_are_a_false_merge():
    score = score_network(
        {("a", "c"): 1, ("b", "c"): 1},
        {(entity(1), entity(3)): 2},
        [("a", entity(1)), ("a", entity(1)), ("b", entity(1)), ("c", entity(3))],
    )
    assert score.false_merges == 1
    assert score.weight_errors == 1
    assert score.recall == 0.5


SPLIT = (
    {("a", "b"): 1, ("a", "c"): 1},
    {(entity(1), entity(2)): 1, (entity(9), entity(3)): 1},
    [("a", entity(1)), ("a", entity(1)), ("a", entity(9)), ("b", entity(2)), ("c", entity(3))],
)


def test_a_question_about_two_halves_of_one_person_counts_as_answered_right():
    score = score_network(*SPLIT, [(entity(9), entity(1))])
    assert (score.precision, score.recall) == (0.5, 0.5)
    assert (score.auto_review.precision, score.auto_review.recall) == (1.0, 1.0)


def test_a_question_about_two_people_unites_nobody():
    score = score_network(*SPLIT, [(entity(9), entity(2)), (entity(1), entity(7))])
    assert (score.auto_review.precision, score.auto_review.recall) == (0.5, 0.5)


def test_questions_that_form_a_chain_unite_all_of_it():
    score = score_network(
        {("a", "b"): 1},
        {(entity(1), entity(2)): 1, (entity(8), entity(2)): 1, (entity(9), entity(2)): 1},
        [("a", entity(1)), ("a", entity(8)), ("a", entity(9)), ("b", entity(2))],
        [(entity(8), entity(9)), (entity(9), entity(1)), (entity(8), entity(1))],
    )
    assert score.precision == pytest.approx(1 / 3, abs=1e-4)
    assert (score.auto_review.precision, score.auto_review.recall) == (1.0, 1.0)


def test_the_montagna_files_hold_the_published_networks(shared_data):
    folder = shared_data / "networks" / "montagna"
    published = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    for name in ("meetings", "phone_calls"):
        pairs = read_ties(folder / f"{name}.csv", {"weight": "count"}).pairs
        assert len(pairs) == published[name]["published"]["edges"]
        assert (
            len({node for ends in pairs for node in ends}) == published[name]["published"]["nodes"]
        )


def test_the_revere_file_holds_every_membership(shared_data):
    path = shared_data / "networks" / "revere" / "membership.csv"
    with path.open(encoding="utf-8") as lines:
        rows = sum(1 for _ in csv.DictReader(lines))
    assert len(read_ties(path, {}, ("person", "organisation")).pairs) == rows == 319
