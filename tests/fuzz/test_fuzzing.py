"""A short fixed run of every target, each in a process of its own; `make fuzz` runs 600 s each."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

RUNS = {"submission": 20_000, "sealed_part": 400, "narrative": 400, "identifier": 5_000}


def fuzzed(target, runs, corpus):
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzz.run", target, "--runs", str(runs)],
        cwd=ROOT,
        env={**os.environ, "RIVELIN_FUZZ_CORPUS": str(corpus)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("target", RUNS)
def test_a_target_keeps_its_promises_and_reaches_new_code(target, tmp_path):
    done = fuzzed(target, RUNS[target], tmp_path)
    assert done.returncode == 0, done.stderr[-2_000:]
    assert f"Done {RUNS[target]} runs" in done.stderr
    assert (
        len(list((tmp_path / target).iterdir())) > 10
    )  # guided: what reached a new branch is kept


def test_a_broken_promise_ends_a_run_and_its_input_is_kept(tmp_path):
    """The control: a target with a bug four branches deep, found step by step."""
    done = fuzzed("planted", 200_000, tmp_path)
    assert done.returncode != 0
    assert "BrokenPromiseError" in done.stdout + done.stderr
    (kept,) = tmp_path.glob("planted-found-*")
    assert kept.read_bytes().startswith(b"lie!")
