"""Files of reports in the three forms partners write; one bad line stops no other."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace

import pytest

from deploy.report_files import STDIN, read_reports

ONE, TWO = {"revision": 1}, {"revision": 2}


def read(tmp_path, text: str, name: str = "reports.json"):
    file = tmp_path / name
    file.write_text(text)
    return list(read_reports(file))


def data(items):
    return [(item.number, item.data) for item in items]


@pytest.mark.parametrize("indent", [None, 2])
def test_one_object_is_one_report(tmp_path, indent):
    assert data(read(tmp_path, json.dumps(ONE, indent=indent))) == [(1, ONE)]


@pytest.mark.parametrize("indent", [None, 2])
def test_a_list_holds_several_counted_by_their_place(tmp_path, indent):
    items = read(tmp_path, json.dumps([ONE, TWO], indent=indent))
    assert data(items) == [(1, ONE), (2, TWO)]


def test_json_lines_are_counted_by_line_and_blank_ones_passed_over(tmp_path):
    items = read(tmp_path, f"{json.dumps(ONE)}\n\n{json.dumps(TWO)}\n")
    assert data(items) == [(1, ONE), (3, TWO)]


@pytest.mark.parametrize("name", ["reports.jsonl", "reports.ndjson"])
def test_a_bad_line_is_told_and_the_others_are_read(tmp_path, name):
    items = read(tmp_path, f"Testina\n{json.dumps(ONE)}\n{{\n", name)
    assert [(item.number, item.data, [one.code for one in item.problems]) for item in items] == [
        (1, None, ["not_json"]),
        (2, ONE, []),
        (3, None, ["not_json"]),
    ]
    assert "Testina" not in repr(items)


@pytest.mark.parametrize(
    ("text", "code"),
    [("nonsense", "not_json"), ('{"a": 1,\n', "not_json"), ('{"a": 1, "a": 2}', "repeated_key")],
)
def test_a_file_that_is_no_json_is_one_problem(tmp_path, text, code):
    (item,) = read(tmp_path, text)
    assert [one.code for one in item.problems] == [code]


def test_an_empty_file_holds_no_report(tmp_path):
    assert read(tmp_path, " \n\n") == []


def test_standard_input_is_read_like_a_file(monkeypatch):
    stdin = SimpleNamespace(buffer=io.BytesIO(f"{json.dumps(ONE)}\n{json.dumps(TWO)}".encode()))
    monkeypatch.setattr("sys.stdin", stdin)
    assert data(read_reports(STDIN)) == [(1, ONE), (2, TWO)]


def test_a_long_file_of_lines_is_read_piece_by_piece(tmp_path):
    file = tmp_path / "many.jsonl"
    file.write_text(f"{json.dumps(ONE)}\n" * 10)
    reading = read_reports(file)
    assert next(reading).number == 1
    reading.close()
