"""The evaluation through a broker and every role says what it says in memory."""

from __future__ import annotations

import json
import subprocess
import sys

TIES = """source,target,weight,kind
N1,N2,2,
N2,N3,1,
N3,N1,1,co-offender
N3,line,1,runs line
N1,N9,1,sibling
"""


def test_a_file_of_ties_comes_back_whole_through_every_process(tmp_path):
    path = tmp_path / "ties.csv"
    path.write_text(TIES, encoding="utf-8")
    command = ("evaluate", "network", str(path), "--clean", "--log", "kafka", "--json")
    done = subprocess.run(
        (sys.executable, "-m", "deploy", *command),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["precision"], found["recall"], found["weight_errors"]) == (1.0, 1.0, 0)
    assert (found["nodes"], found["ties"], found["leaks"]) == (4, 4, 0)
