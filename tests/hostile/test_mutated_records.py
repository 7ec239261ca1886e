"""Two thousand mutants through intake, each with one outcome; `make hostile` sends 100,000."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.hostile.mutants import FAMILIES, SECONDS_MAX, campaign

ROOT = Path(__file__).parents[2]
RECORDS = 2_000


def test_mutated_records_have_one_outcome_each_and_cost_little():
    """In a process of its own, whose memory is its own; a busy machine has four times the bar."""
    call = (sys.executable, "-m", "tests.hostile.mutants", "--seconds-max", str(4 * SECONDS_MAX))
    asked = ("--records", str(RECORDS), "--seed", "20261125")
    done = subprocess.run(
        (*call, *asked), cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    tally = json.loads(done.stdout)
    assert tally["broken"] == []
    assert (tally["records"], done.returncode) == (RECORDS, 0)


def test_the_mutants_reach_every_kind_of_outcome():
    """A campaign that only ever broke the frame would prove nothing."""
    reasons = {outcome.partition(": ")[2] for outcome in campaign(100 * len(FAMILIES), 7).outcomes}
    frame = {"bad_frame", "unknown_schema", "truncated", "bad_value", "not_canonical", "too_large"}
    seal = {"cannot_open", "bad_part", "other_partner"}
    assert frame | seal | {"too_many_items", "ReportSubmitted"} <= reasons
