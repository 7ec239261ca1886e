"""The evaluation of linkage finds what is there, and would notice if linking were worse.

That the bars hold on an invented file is in tests/properties/test_linking_laws.py.
"""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from anonymiser.linker.stage import Linker
from deploy.cli import build_app
from deploy.evaluate.linkage.evaluation import Trial, evaluate
from deploy.evaluate.linkage.generator import generate, write
from deploy.evaluate.linkage.households import Kind, households
from deploy.evaluate.linkage.linking import NotLinkedError, link
from deploy.evaluate.linkage.records import Person, read_records, spelt_of
from deploy.evaluate.linkage.score import falsely_merged, score
from deploy.evaluate.linkage.truth import read_truth
from streams.restricted import Identity

ANSWER = {
    "records": None,
    "pairs_true": None,
    "auto": {"precision", "recall", "f1"},
    "auto_review": {"precision", "recall"},
    "queue_share": None,
    "household": {"twin", "same_initial_twin", "sibling", "same_named_parent"},
    "weights": None,
    "seconds": None,
}
NAME_DATE_POSTCODE = "name,dob,postcode"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Records and truth of 250 invented people."""
    path = tmp_path_factory.mktemp("people")
    write(generate(250, seed=11), path)
    return path


def run(*arguments):
    return CliRunner().invoke(build_app(), [str(one) for one in arguments])


def evaluated(folder, *options):
    answer = run("evaluate", "linkage", folder / "records.csv", "--truth", folder / "truth.csv",
                 "--json", "--households", "5", *options)  # fmt: skip
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.stdout)


def shape(answer):
    return {name: set(one) if isinstance(one, dict) else None for name, one in answer.items()}


def shares(value):
    if isinstance(value, dict):
        return [share for one in value.values() for share in shares(one)]
    return [value]


def test_the_answer_has_the_promised_shape_and_its_shares_are_shares(folder):
    answer = evaluated(folder, "--use", NAME_DATE_POSTCODE)
    assert shape(answer) == ANSWER
    told = [answer[name] for name in ("auto", "auto_review", "queue_share", "household")]
    assert all(0 <= share <= 1 for one in told for share in shares(one))


def test_people_who_are_told_alike_are_seen_to_be_merged():
    """The control: households that nothing tells apart are found merged, every one of them."""
    told = frozenset({"family_name", "born_on", "postcode", "address", "phone", "email"})
    homes = households(Kind.TWIN, told, 20)
    assert falsely_merged(homes.pairs, link(homes.people).clusters) == 1


def test_a_linker_that_never_links_finds_nothing(folder):
    class Blind(Linker):
        """For tests alone: each record is somebody new."""

        def __init__(self, keys, new_id):
            super().__init__(keys, new_id)
            self.state.candidates = lambda *_: []

    people = read_records([folder / "records.csv"], {}, ["family_name"]).people[:50]
    found = score(link(people, Blind), dict.fromkeys((one.record for one in people), "one"))
    assert (found.auto.recall, found.auto_review.recall) == (0, 0)


def test_the_same_file_gives_the_same_answer(folder):
    first, second = (evaluated(folder, "--use", NAME_DATE_POSTCODE) for _ in range(2))
    assert {**first, "seconds": 0} == {**second, "seconds": 0}


def test_one_half_of_the_people_can_be_linked(folder):
    halves = [evaluated(folder, "--use", NAME_DATE_POSTCODE, "--half", one)["records"]
              for one in ("even", "odd")]  # fmt: skip
    assert sum(halves) == evaluated(folder, "--use", NAME_DATE_POSTCODE)["records"]


def test_the_figures_are_told_by_origin_of_names_where_that_is_known(folder):
    answer = evaluated(folder, "--use", NAME_DATE_POSTCODE, "--origin", "origin")
    origins = answer.pop("origins")
    assert shape(answer) == ANSWER
    assert sum(one["records"] for one in origins.values()) == answer["records"]
    assert {"en_GB", "en_PK", "somali", "pl_PL", "sk_SK"} <= set(origins)


def test_people_read_which_column_became_which_field_and_what_was_left_out(folder):
    answer = run("evaluate", "linkage", folder / "records.csv", "--truth", folder / "truth.csv",
                 "--use", NAME_DATE_POSTCODE, "--households", "5")  # fmt: skip
    assert "date_of_birth is born_on" in answer.stderr
    assert "left out: origin" in answer.stderr
    assert "unreadable values count as missing" in answer.stderr
    assert "household same initial twin" in answer.stdout


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--use", "shoe_size"), "no field 'shoe_size'"),
        (("--map", "surname=nowhere"), "no file has a column 'nowhere'"),
        (("--map", "surname"), "--map takes FIELD=COLUMN"),
        (("--use", "uprn"), "no column for uprn"),
        (("--origin", "nowhere"), "no column 'nowhere'"),
    ],
)
def test_wrong_options_are_refused_in_one_line(folder, options, says):
    answer = run("evaluate", "linkage", folder / "records.csv", "--truth", folder / "truth.csv",
                 *options)  # fmt: skip
    assert says in str(answer.exception)
    assert "\n" not in str(answer.exception)


def test_splink_that_is_not_installed_is_named_with_the_remedy(folder, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "splink", None)
    answer = run("evaluate", "linkage", folder / "records.csv", "--truth", folder / "truth.csv",
                 "--beside", "splink")  # fmt: skip
    assert "requirements/beside.txt" in str(answer.exception)


def test_a_record_that_the_linker_lets_fall_is_never_overlooked():
    class Forgetful(Linker):
        """For tests alone: decides nothing."""

        def step(self, records):
            return []

    with pytest.raises(NotLinkedError, match="'R1'"):
        link([Person("R1", spelt_of(Identity(family_name="Test")))], Forgetful)


def test_weights_are_trained_shown_and_tried(folder, tmp_path):
    out = tmp_path / "weights.json"
    answer = run("weights", "train", folder / "records.csv", "--truth", folder / "truth.csv",
                 "--use", NAME_DATE_POSTCODE, "--origin", "origin", "--out", out,
                 "--households", "5", "--json")  # fmt: skip
    assert answer.exit_code == 0, answer.output
    report = json.loads(answer.stdout)
    assert report["trained"]["auto"]["precision"] >= 0.99
    assert report["trained"]["auto"]["recall"] > report["standard"]["auto"]["recall"] - 0.1
    assert "en_GB" in report["trained"]["origins"]

    shown = run("weights", "show", "--file", out)
    assert "family_name" in shown.stdout
    assert "accepted from" in shown.stderr
    half = evaluated(folder, "--use", NAME_DATE_POSTCODE, "--half", "odd", "--weights", out)
    assert half["auto"] == report["trained"]["auto"]
    assert half["weights"] == 0


def test_training_needs_a_truth_or_to_be_told_to_do_without(folder):
    answer = run("weights", "train", folder / "records.csv")
    assert "--unsupervised" in str(answer.exception)


def test_the_standard_weights_are_shown_without_a_broker():
    answer = run("weights", "show", "1")
    assert answer.exit_code == 0
    assert "given_name" in answer.stdout


# --- the shared files ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "recall"), [("febrl3", 0.5), ("fake_1000", 0.15), ("historical_dev", 0.2)]
)
def test_a_sample_of_each_shared_file_is_linked_without_strangers(shared_data, name, recall):
    """The full files and their bars are measured by command, see docs/BENCHMARKS.md."""
    folder = shared_data / "linkage" / name
    file = read_records([folder / "records.csv"], {})
    truth = read_truth(folder / "truth.csv", [person.record for person in file.people])
    sample = [one for one in file.people if truth[one.record].endswith(("1", "7"))]
    found = evaluate(Trial(sample, file.fields, truth), households_each=5)
    assert found.score.auto.precision >= 0.99
    assert found.score.auto.recall >= recall
    assert found.score.auto_review.recall > found.score.auto.recall
