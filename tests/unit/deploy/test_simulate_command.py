"""`rivelin simulate faults`: what it prints, and how it ends."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from deploy.cli import exit_code
from deploy.cli import simulate as command
from deploy.simulate.run import Failure, Outcome
from streams.errors import InvalidInputError


@pytest.fixture
def run():
    app = typer.Typer()
    command.register(app)
    return lambda *words: CliRunner().invoke(app, ["simulate", "faults", *words])


def test_the_answer_counts_seeds_violations_kills_and_seconds(run):
    answer = run("--seeds", "3", "--json")
    facts = json.loads(answer.stdout)
    assert answer.exit_code == 0
    assert list(facts) == ["seeds", "violations", "kills", "seconds"]
    assert (facts["seeds"], facts["violations"]) == (3, 0)


def test_one_seed_is_told_of_line_by_line_and_twice_the_same(run):
    first, second = run("--seed", "7", "--trace"), run("--seed", "7", "--trace")
    assert first.exit_code == 0
    assert first.stdout == second.stdout
    assert first.stdout.splitlines()[-1].endswith("settled")


def test_a_trace_of_many_seeds_is_refused(run):
    answer = run("--trace")
    assert isinstance(answer.exception, InvalidInputError)
    assert "--seed" in str(answer.exception)


def test_a_broken_promise_names_the_seeds_to_replay_and_fails(capsys):
    failures = [Failure(41, "gate", ("enclave.outgoing/3 is lost",)), Failure(7, "linker", ("x",))]
    with pytest.raises(command.SimulationFailedError, match="N = 41, 7") as failed:
        command._tell(Outcome(50, 12, failures), 1.23, as_json=False)
    assert exit_code(failed.value) == 1
    told = capsys.readouterr()
    assert told.out.split()[-4:] == ["50", "2", "12", "1.2"]
    assert "seed 41 (gate): enclave.outgoing/3 is lost" in told.err


def test_a_broken_promise_is_told_to_programs_with_its_seed(capsys):
    with pytest.raises(command.SimulationFailedError):
        command._tell(Outcome(1, 0, [Failure(3, "gate", ("x", "y"))]), 0.0, as_json=True)
    facts = json.loads(capsys.readouterr().out)
    assert facts["violations"] == 2
    assert facts["failed"] == [{"seed": 3, "scene": "gate", "violations": ["x", "y"]}]
