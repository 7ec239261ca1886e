"""The commands of partners as far as they need no broker: checks, examples, options."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from deploy.cli import build_app
from streams.errors import BrokerUnreachableError, InvalidInputError
from streams.json_form import to_json
from tests.invented_reports import IDENTIFIERS, report

ADD = (
    "partner", "add", "loxley-housing", "--name", "Loxley Housing", "--agreement", "ISA-7",
    "--type", "housing", "--service", "housing:HOUSING,PERSONAL",
    "--gateway", "CDA_1998_S115=DISRUPT_ORGANISED_CRIME", "--expires", "2027-12-31",
)  # fmt: skip


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("RIVELIN_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("RIVELIN_BOOTSTRAP_SERVERS", raising=False)

    def invoke(*arguments):
        return CliRunner().invoke(build_app(), [str(one) for one in arguments])

    return invoke


def written(tmp_path, *reports):
    file = tmp_path / "reports.jsonl"
    file.write_text("".join(f"{json.dumps(to_json(one))}\n" for one in reports))
    return file


def test_a_sound_file_ends_with_zero_and_says_how_many(run, tmp_path):
    result = run("check", written(tmp_path, report(), report(revision=2, supersedes=1)))
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "2 reports, nothing to correct" in result.stderr


def test_what_is_to_correct_is_a_table_without_a_value_and_ends_with_three(run, tmp_path):
    wrong = report(facts=(), nodes=(), relations=(), immediate_risk=True)
    result = run("check", written(tmp_path, report(), wrong))
    assert result.exit_code == 3
    assert "no_facts" in result.stdout
    assert "no_nodes" in result.stdout
    assert "ring 999" in result.stderr
    assert [one for one in IDENTIFIERS if one in result.output] == []


def test_problems_come_as_json_with_the_number_of_the_report(run, tmp_path):
    result = run("check", "--json", written(tmp_path, report(), report(facts=())))
    told = json.loads(result.stdout)
    assert told["reports"] == 2
    assert [(one["report"], one["field"], one["code"]) for one in told["problems"]] == [
        (2, "facts", "no_facts")
    ]


def test_the_partner_may_be_named_by_the_option(run, tmp_path):
    data = to_json(report())
    del data["partner"]
    file = tmp_path / "one.json"
    file.write_text(json.dumps(data))
    assert run("check", file).exit_code == 3
    assert run("check", file, "--partner", "loxley-housing").exit_code == 0


def test_a_file_without_a_report_is_no_success(run, tmp_path):
    empty = tmp_path / "empty.json"
    empty.touch()
    assert run("check", empty).exit_code == 3


@pytest.mark.parametrize("command", [("check",), ("submit", "--partner", "loxley-housing")])
def test_a_file_that_is_not_there_is_named_by_its_argument(run, tmp_path, command):
    result = run(*command, tmp_path / "nothing.json")
    assert isinstance(result.exception, InvalidInputError)
    assert "FILE" in str(result.exception)


@pytest.mark.parametrize("kind", ["welfare", "crime", "risk"])
def test_a_new_report_can_be_checked_as_it_is(run, tmp_path, kind):
    made = run("report", "new", kind, "--partner", "loxley-housing")
    file = tmp_path / "new.json"
    file.write_text(made.stdout)
    assert json.loads(made.stdout)["partner"] == "loxley-housing"
    assert run("check", file).exit_code == 0


def test_two_new_reports_have_two_ids(run):
    first, second = (json.loads(run("report", "new").stdout)["report_id"] for _ in range(2))
    assert first != second


def test_codes_are_listed_for_people_and_programs(run):
    assert "CUCKOOED_AT" in run("report", "codes").stdout
    assert "CA_2004_S11" in json.loads(run("report", "codes", "--json").stdout)["gateway"]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--type", "PUB"),
        ("--service", ":HOUSING"),
        ("--service", "housing:NOTHING"),
        ("--service", "housing:PERSONAL:HOUSING"),
        ("--gateway", "CDA_1998_S115"),
        ("--gateway", "GOODWILL=AUDIT"),
        ("--gateway", "CDA_1998_S115=FUN"),
        ("--expires", "next year"),
        ("--name", ""),
    ],
)
def test_an_option_that_does_not_hold_is_named(run, option, value):
    result = run(*ADD, option, value)
    assert isinstance(result.exception, InvalidInputError)
    assert option in str(result.exception)


def test_an_entry_from_a_file_names_the_fields_that_do_not_hold(run, tmp_path):
    file = tmp_path / "entry.json"
    file.write_text('{"name": "Loxley Housing", "type": "PUB"}')
    result = run("partner", "add", "loxley-housing", "--from", file)
    assert isinstance(result.exception, InvalidInputError)
    assert "type: unknown code" in str(result.exception)
    assert "services: missing" in str(result.exception)


SUSPEND = ("partner", "suspend", "loxley-housing", "--reason", "review")


@pytest.mark.parametrize("arguments", [ADD, SUSPEND, ("partner", "list"), ("duty",)])
def test_without_a_broker_every_command_says_how_to_get_one(run, arguments):
    result = run(*arguments)
    assert isinstance(result.exception, BrokerUnreachableError)
    assert "rivelin up" in str(result.exception)


def test_a_withdrawal_needs_an_id_and_a_coded_reason(run):
    withdraw = ("withdraw", "--partner", "loxley-housing", "--reason")
    wrong_id = run(*withdraw, "ERROR", "report-7")
    wrong_reason = run(*withdraw, "regret", "7b0c7c9e-4f1d-4a53-9a6e-0c6a3f2b1d04")
    assert "REPORT_ID" in str(wrong_id.exception)
    assert "--reason" in str(wrong_reason.exception)


def test_an_invented_census_is_written_over_no_file(run, tmp_path):
    census = tmp_path / "census.csv"
    census.write_text("a real one")

    result = run("population", "example", census)

    assert isinstance(result.exception, InvalidInputError)
    assert census.read_text() == "a real one"
