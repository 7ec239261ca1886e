"""The command line: exit codes, and data apart from talk."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import uuid

import pytest
from sqlalchemy import create_engine, text

from deploy import cli
from deploy.cli.output import show_json, show_table
from streams.errors import (
    AuditMismatchError,
    BadFrameError,
    BrokerUnreachableError,
    DeniedError,
    InvalidInputError,
    RivelinError,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RivelinError("x"), 1),
        (InvalidInputError("x"), 3),
        (BadFrameError("x"), 3),
        (DeniedError("x"), 4),
        (BrokerUnreachableError("x"), 5),
        (AuditMismatchError("x"), 6),
    ],
)
def test_each_family_of_errors_has_its_exit_code(monkeypatch, capsys, error, code):
    def fail():
        raise error

    monkeypatch.setattr(cli, "build_app", lambda: fail)

    with pytest.raises(SystemExit) as ended:
        cli.main()

    assert ended.value.code == code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == "rivelin: x\n"


def run(*arguments, **env):
    return subprocess.run(
        [sys.executable, "-m", "deploy", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=env,
    )


def test_a_damaged_store_is_told_in_one_line(monkeypatch, capsys, tmp_path):
    store = tmp_path / "store.sqlite"
    store.write_bytes(b"no store at all, " * 400)

    def fail():
        with create_engine(f"sqlite:///{store}").connect() as connection:
            connection.execute(text("SELECT 1 FROM positions"))

    monkeypatch.setattr(cli, "build_app", lambda: fail)
    with pytest.raises(SystemExit) as ended:
        cli.main()

    assert ended.value.code == 1
    assert "SQLITE_NOTADB" in capsys.readouterr().err


def test_a_bug_is_told_by_class_and_place_and_quotes_nothing(monkeypatch, capsys):
    def fail():
        raise KeyError("Visibly Invented")

    monkeypatch.setattr(cli, "build_app", lambda: fail)
    with pytest.raises(SystemExit) as ended:
        cli.main()

    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("rivelin: an internal error, please report this line: KeyError at")
    assert re.search(r"test_cli\.py:\d+ fail", said)
    assert "Invented" not in said
    assert said.count("\n") == 1


def test_wrong_usage_is_exit_code_two():
    assert run("no-such-command").returncode == 2
    assert run("up", "--port", "80").returncode == 2


def test_help_names_the_commands_without_loading_what_is_heavy():
    code = "import sys, deploy.cli; deploy.cli.build_app(); print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()

    heavy = {"aiokafka", "faust", "sqlalchemy", "pydantic", "faker", "jgo", "cryptography"}
    assert heavy.isdisjoint(loaded)


def test_status_of_nothing_is_an_answer(tmp_path):
    answer = run("status", "--json", RIVELIN_HOME=str(tmp_path / "home"))

    assert answer.returncode == 0
    assert json.loads(answer.stdout)["running"] is False
    assert answer.stderr == ""


def test_a_terminal_that_lacks_a_letter_gets_its_code(tmp_path):
    home = str(tmp_path / "Łódź")

    answer = run("status", RIVELIN_HOME=home, PYTHONIOENCODING="ascii")

    assert answer.returncode == 0
    assert "\\u0141\\xf3d\\u017a" in answer.stdout


def test_nobody_need_listen():
    closed = [sys.executable, "-m", "deploy", "report", "codes"]
    command = ["sh", "-c", '"$@" >&- 2>&-', "sh", *closed]
    assert subprocess.run(command, check=False).returncode == 0


def test_json_goes_to_stdout_alone(capsys):
    show_json({"name": "Brân", "at": None})

    said = capsys.readouterr()
    assert json.loads(said.out) == {"name": "Brân", "at": None}
    assert said.err == ""


def test_data_can_smuggle_neither_markup_nor_terminal_codes_into_a_table(capsys):
    show_table(("name",), [("[red]bold[/red]",), ("\x1b[2Jgone\x07",)])

    said = capsys.readouterr().out
    assert "[red]bold[/red]" in said
    assert "\x1b" not in said
    assert "\x07" not in said


def test_a_table_that_is_not_on_a_terminal_never_folds_a_row(capsys):
    ids = [str(uuid.uuid4()) * 5 for _ in range(2)]

    show_table(("id", "town", "count"), [(ids[0], "Brân Łódź", 7), (ids[1], None, 8)], title="Ids")

    wide = len(ids[0])
    assert capsys.readouterr().out.splitlines() == [
        "Ids",
        f"{'id':{wide}}  town       count",
        f"{ids[0]}  Brân Łódź  7",
        f"{ids[1]}             8",
    ]


ABANDONED = """
import asyncio, gc
from deploy import cli

async def fail():
    asyncio.get_running_loop().create_future().set_exception(ValueError("of the client library"))
    gc.collect()

cli.build_app = lambda: lambda: asyncio.run(fail())
cli.main()
"""


def test_what_the_client_library_left_behind_is_no_trace_on_the_screen():
    """Of two that decide at once the loser's library says so to nobody; we say it in one line."""
    done = subprocess.run(
        [sys.executable, "-c", ABANDONED], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
