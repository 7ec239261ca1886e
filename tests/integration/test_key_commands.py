"""Keys over their life on a real broker, by the commands an operator types."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from uuid import uuid4

import pytest

pytestmark = pytest.mark.kafka

PARTNER = "loxley-council"
ENTRY = (
    *("--name", "Loxley", "--type", "COUNCIL", "--service", "neighbourhoods"),
    *("--agreement", "ISA-1", "--gateway", "CDA_1998_S115=DISRUPT_ORGANISED_CRIME"),
    *("--expires", "2036-01-01"),
)


@pytest.fixture
def rivelin(tmp_path):
    """Run commands for a home of their own; whatever was started is stopped in the end."""
    env = os.environ | {"RIVELIN_HOME": str(tmp_path / "home"), "NO_COLOR": "1"}

    def run(*arguments, code=0):
        done = subprocess.run(
            [sys.executable, "-m", "deploy", *arguments],
            env=env,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done

    yield run
    run("down")


def reports(rivelin, tmp_path):
    """Two reports of the same invented people, under ids of their own."""
    told = json.loads(rivelin("report", "new", "--partner", PARTNER).stdout)
    told |= {
        "service": "neighbourhoods",
        "gateway": "CDA_1998_S115",
        "purpose": "DISRUPT_ORGANISED_CRIME",
    }
    for number in (1, 2):
        path = tmp_path / f"report-{number}.json"
        path.write_text(json.dumps(told | {"report_id": str(uuid4())}))
        yield str(path)


def outcome(rivelin, path):
    done = rivelin("submit", "--partner", PARTNER, "--wait", "60", "--json", path)
    return done.stdout


def test_keys_rotate_and_end_while_reports_go_on(rivelin, tmp_path):
    made = json.loads(rivelin("keys", "create", "--json").stdout)
    assert "token-1" in made["made"]
    rivelin("up", "--detach")
    rivelin("partner", "add", PARTNER, *ENTRY)
    first, second = reports(rivelin, tmp_path)
    assert "SHARED" in outcome(rivelin, first)

    assert "sealing-2" in rivelin("keys", "rotate", "sealing").stderr
    assert "storage-2" in rivelin("keys", "rotate", "storage").stderr
    assert "stop it with" in rivelin("keys", "rotate", "token", code=1).stderr
    assert "is kept until" in rivelin("keys", "retire", "sealing", "1", code=1).stderr
    assert "DUPLICATE" in outcome(rivelin, first)

    rivelin("down")
    rolled = json.loads(rivelin("keys", "rotate", "token", "--json").stdout)
    assert (rolled["key"], rolled["retokenised"], rolled["erased"]) == ("token-2", 1, 0)
    moved = json.loads(rivelin("keys", "retire", "storage", "1", "--json").stdout)
    assert moved["rewrapped"] >= 1
    rivelin("keys", "retire", "storage", "2", code=1)

    rivelin("up", "--detach")
    assert "DUPLICATE" in outcome(rivelin, first)
    assert "SHARED" in outcome(rivelin, second)
    listed = json.loads(rivelin("keys", "list", "--json").stdout)
    assert {one["key"] for one in listed if one["in_use"]} >= {"sealing-2", "storage-2", "token-2"}
    assert "storage-1" not in {one["key"] for one in listed}
    assert next(one for one in listed if one["key"] == "sealing-2")["valid_until"]
