from __future__ import annotations

import ast
import csv
import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.cli import output
from deploy.log_lines import JsonLines
from deploy.unprintable import REPLACEMENT, cell, escaped, shown, write_csv
from tests.conftest import ROOT

HIDDEN = (
    "\x1b[2J",
    "\u202eevil\u202c",
    "zero\u200bwidth",
    "\x9b31m",
    "\u2066x\u2069",
    "a\0b",
    "\r",
)


@pytest.mark.parametrize("text", HIDDEN)
def test_what_does_not_print_shows_that_it_was_there(text):
    assert shown(text).isprintable()
    assert REPLACEMENT in shown(text)


def test_what_prints_and_lines_stay():
    assert shown("Zoë Ŝmith\n£5") == "Zoë Ŝmith\n£5"


@given(st.text())
def test_escaped_json_prints_and_reads_back_the_same(text):
    told = escaped(json.dumps({"a": text}, ensure_ascii=False))
    assert told.isprintable()
    assert json.loads(told) == {"a": text}


@pytest.mark.parametrize("text", HIDDEN)
def test_no_line_of_a_log_holds_a_control_character(text):
    record = logging.makeLogRecord(
        {"name": "rivelin", "msg": text, "levelname": "INFO", "facts": {"topic": text}}
    )
    line = JsonLines("intake").format(record)
    assert line.isprintable()
    assert json.loads(line)["event"] == text


@pytest.mark.parametrize("text", HIDDEN)
@pytest.mark.parametrize("speak", [output.say, output.warn, output.complain, output.show_text])
def test_no_command_passes_a_control_character_on(speak, text, capsys):
    speak(text)
    told = capsys.readouterr()
    assert (told.out + told.err).replace("\n", "").isprintable()


def test_json_of_a_command_prints_too(capsys):
    output.show_json({"name": "\u202e\x9b"})
    told = capsys.readouterr().out
    assert told.replace("\n", "").isprintable()
    assert json.loads(told) == {"name": "\u202e\x9b"}


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\0=1", "  =1", "-", "=", "+a"],
)
def test_a_cell_that_a_spreadsheet_would_run_is_text(text):
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize("value", ["Testina", "O'Neill", "S99 9ZZ", "-5", "+44", "3.5", 7, -7, ""])
def test_an_ordinary_cell_stays(value):
    assert cell(value) == value


def test_a_file_is_written_with_every_cell_guarded(tmp_path):
    path = tmp_path / "rows.csv"
    assert write_csv(path, ("a", "b"), [("=1", 1), ("x", "-2")]) == 2
    with path.open(encoding="utf-8", newline="") as lines:
        assert list(csv.reader(lines)) == [["a", "b"], ["'=1", "1"], ["x", "-2"]]


def test_nothing_installed_writes_csv_by_another_way():
    """One function, so that no file is forgotten."""
    packages = ("streams", "schemas", "producers", "anonymiser", "consumers", "deploy")
    for path in (one for package in packages for one in (ROOT / package).rglob("*.py")):
        if path == ROOT / "deploy" / "unprintable.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            is_writer = isinstance(node, ast.Attribute) and node.attr in {"writer", "DictWriter"}
            assert not (is_writer and getattr(node.value, "id", "") == "csv"), path
