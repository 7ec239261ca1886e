"""From nothing to a receipt by commands alone: the whole system as an operator starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

PARTNER = "loxley-housing"
START_SECONDS_MAX = 180
COMMAND_SECONDS_MAX = 100
ADD = (
    "partner", "add", PARTNER, "--name", "Loxley Housing", "--agreement", "ISA-7",
    "--type", "council", "--service", "youth-services", "--narrative", "--expires", "2099-12-31",
    "--service", "tenancy-enforcement:HOUSING,PERSONAL",
    "--gateway", "CA_2004_S11=SAFEGUARD_CHILDREN",
    "--gateway", "CDA_1998_S115=DISRUPT_ORGANISED_CRIME",
)  # fmt: skip


class Terminal:
    """Types commands as a person would, in one installation."""

    def __init__(self, home) -> None:
        self.home = home
        self._environment = {**os.environ, "RIVELIN_HOME": str(home / "home")}

    def run(self, *arguments, code=0, seconds=COMMAND_SECONDS_MAX):
        done = subprocess.run(
            [sys.executable, "-m", "deploy", *map(str, arguments)],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def json(self, *arguments, code=0):
        return json.loads(self.run(*arguments, "--json", code=code).stdout)

    def report(self, kind, **changes):
        """A new report in a file, about nobody, under an id of its own."""
        data = json.loads(self.run("report", "new", kind, "--partner", PARTNER).stdout)
        file = self.home / f"{uuid.uuid4().hex}.json"
        file.write_text(json.dumps(data | changes))
        return file

    def submit(self, file, code=0, partner=PARTNER):
        return self.json("submit", file, "--partner", partner, "--wait", 30, code=code)


@pytest.fixture(scope="module")
def terminal(tmp_path_factory):
    terminal = Terminal(tmp_path_factory.mktemp("operator"))
    try:
        terminal.run("up", "--detach", seconds=START_SECONDS_MAX)
        yield terminal
    finally:
        terminal.run("down")


@pytest.fixture(scope="module")
def onboarded(terminal):
    """What onboarding printed; it returns when the anonymiser serves the partner."""
    started = time.monotonic()
    settings = terminal.json(*ADD)
    assert time.monotonic() - started < 60
    return settings


def test_onboarding_prints_what_the_partners_developer_needs(terminal, onboarded):
    assert onboarded["submissions_topic"] == f"partner.{PARTNER}.submissions"
    assert len(bytes.fromhex(onboarded["fingerprint"])) == 32
    (entry,) = terminal.json("partner", "list")
    assert (entry["partner"], entry["standing"]) == (PARTNER, "ACTIVE")
    assert [one["name"] for one in entry["services"]] == ["youth-services", "tenancy-enforcement"]


def test_the_printed_snippet_works_as_it_is(terminal, onboarded):
    printed = terminal.run(*ADD).stdout
    snippet = "\n".join(line[4:] for line in printed.splitlines() if line.startswith("    "))
    terminal.report("welfare").rename(terminal.home / "report.json")
    done = subprocess.run(
        [sys.executable, "-c", snippet],
        cwd=terminal.home,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS_MAX,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "SHARED"), done.stderr


def test_a_report_is_shared_corrected_and_withdrawn(terminal, onboarded):
    file = terminal.report("crime")
    (shared,) = terminal.submit(file)
    (again,) = terminal.submit(file)
    data = json.loads(file.read_text())
    file.write_text(json.dumps(data | {"revision": 2, "supersedes": 1, "origin_reference": None}))
    (corrected,) = terminal.submit(file)
    file.write_text(json.dumps(data | {"origin_reference": "ANOTHER"}))
    (clash,) = terminal.submit(file, code=3)
    withdrawn = ("withdraw", shared["report_id"], "--partner", PARTNER, "--reason", "error")
    (gone,) = terminal.json(*withdrawn)
    rows = (shared, again, corrected, clash, gone)
    assert [row["outcome"] for row in rows] == [
        "SHARED",
        "DUPLICATE",
        "SHARED",
        "REFUSED",
        "WITHDRAWN",
    ]


def test_a_bad_report_in_a_file_of_lines_stops_no_other(terminal, onboarded):
    good = [json.loads(terminal.report("welfare").read_text()) for _ in range(2)]
    bad = good[0] | {"facts": [], "report_id": str(uuid.uuid4())}
    file = terminal.home / "several.jsonl"
    file.write_text(
        "\n".join([json.dumps(good[0]), "no json", json.dumps(bad), json.dumps(good[1])])
    )
    rows = terminal.submit(file, code=3)
    assert [(row["report"], row["outcome"]) for row in rows] == [
        (1, "SHARED"),
        (2, "NOT_SENT"),
        (3, "NOT_SENT"),
        (4, "SHARED"),
    ]


def test_withdrawing_what_was_never_reported_is_refused(terminal, onboarded):
    unknown = ("withdraw", uuid.uuid4(), "--partner", PARTNER, "--reason", "ERROR")
    (row,) = terminal.json(*unknown, code=3)
    assert row["outcome"] == "REFUSED"


def test_a_body_that_was_never_onboarded_is_denied(terminal):
    done = terminal.run("submit", terminal.report("welfare"), "--partner", "nobody-here", code=4)
    assert "partner add" in done.stderr
    terminal.run("partner", "suspend", "nobody-here", "--reason", "a mistake", code=4)


def test_a_suspended_partner_is_refused_but_its_immediate_risk_reaches_the_duty_officer(
    terminal, onboarded
):
    terminal.run("partner", "suspend", PARTNER, "--reason", "agreement under review")
    try:
        (refused,) = terminal.submit(terminal.report("welfare"), code=3)
        (risk,) = terminal.submit(terminal.report("risk"), code=3)
    finally:
        terminal.run(*ADD)
    assert [one["code"] for one in refused["reasons"]] == ["partner_suspended"]
    assert "ring 999" in risk["notice"]
    newest = terminal.json("duty")[-1]
    assert (newest["partner"], newest["report_id"]) == (PARTNER, risk["report_id"])
    (after,) = terminal.submit(terminal.report("welfare"))
    assert after["outcome"] == "SHARED"


def test_a_reference_population_is_set_by_a_file_and_shown(terminal):
    file = terminal.home / "census.csv"
    terminal.run("population", "example", file, "--people", 5000)

    who_and_when = ("--by", "A. Administrator", "--counted-on", "2021-03-21")
    terminal.run("population", "set", file, *who_and_when)

    shown = terminal.json("population", "show")
    assert (shown["name"], shown["decided_by"]) == ("census", "A. Administrator")
    assert shown["counted_on"] == "2021-03-21"
    assert sum(one["people"] for one in shown["districts"]) >= 5000


def test_a_bad_file_of_a_population_is_refused_in_one_line(terminal):
    file = terminal.home / "bad.csv"
    file.write_text("district,police_area,sex,age_band,count\nS5,SY,FEMALE,ADULT,-1\n")

    done = terminal.run("population", "set", file, "--by", "A. Administrator", code=3)

    assert "line 2: count" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
