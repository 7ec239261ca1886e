"""The review desk on the running system, by commands alone: reviewers, partners, the hub."""

from __future__ import annotations

import json
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.test_partner_commands import START_SECONDS_MAX, Terminal

HOMES, SCHOOL = "loxley-homes", "porter-youth"
WAIT_SECONDS_MAX = 30
IDA, OLA = ("--as", "Ida Reviewer"), ("--as", "Ola Prober")


OTHERS = {HOMES: ("Halvar", "Wenke", "Solvej", "Jorik"), SCHOOL: ("Marit", "Vidar", "Elof", "Tuva")}


def report(partner, given, *, conflict=False, family="Testmann", **changes):
    now = datetime.now(UTC).replace(microsecond=0)
    child = {
        "label": "p",
        "kind": "PERSON",
        "conflict": conflict,
        "person": {"sex": "MALE", "age": 14, "role": "VICTIM"},
        "identity": {
            "given_name": given,
            "family_name": family,
            "born_on": "2012-05-04" if family == "Testmann" else None,
            "address": "3 Nowhere Gardens" if family == "Testmann" else None,
            "postcode": "S99 9ZZ" if family == "Testmann" else None,
        },
    }
    facts = {
        "report_id": str(uuid.uuid4()),
        "partner": partner,
        "service": "tenancy-enforcement",
        "data_category": "PERSONAL",
        "gateway": "CDA_1998_S115",
        "purpose": "DISRUPT_ORGANISED_CRIME",
        "event_at": (now - timedelta(hours=3)).isoformat(),
        "reported_at": now.isoformat(),
        "place": {"postcode": "S99 9ZZ"},
        "nodes": [child],
        "relations": [],
        "facts": [{"theme": "COUNTY_LINES", "activity": "MISSING", "four_p": "PROTECT"}],
        "source": {},
        "grading": {},
        "handling": {},
    }
    return facts | changes


class DeskTerminal(Terminal):
    """Commands, and a little patience where another process has to follow."""

    def onboard(self, partner, kind):
        self.run(
            "partner", "add", partner, "--name", partner, "--type", kind, "--agreement", "ISA-1",
            "--service", "tenancy-enforcement:PERSONAL", "--expires", "2099-12-31",
            "--gateway", "CDA_1998_S115=DISRUPT_ORGANISED_CRIME",
        )  # fmt: skip

    def send(self, data, outcome="SHARED"):
        file = self.home / f"{data['report_id']}.json"
        file.write_text(json.dumps(data))
        (row,) = self.json("submit", file, "--partner", data["partner"], "--wait", 30)
        assert row["outcome"] == outcome, row
        return data["report_id"]

    def fill(self, partner):
        """Records of other people, among which a question is hidden."""
        file = self.home / f"{partner}.json"
        others = [report(partner, given, family=f"{partner[:5]}field") for given in OTHERS[partner]]
        file.write_text(json.dumps(others))
        rows = self.json("submit", file, "--partner", partner, "--wait", 30)
        assert {row["outcome"] for row in rows} == {"SHARED"}

    def links(self, *, by=IDA):
        return self.json("links", "list", *by)

    def link(self, link_id, *, by=IDA):
        return self.json("links", "show", link_id, *by)

    def until(self, look, holds):
        """Look until it is so; processes follow each other within moments."""
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while not holds(found := look()):
            assert time.monotonic() < deadline, found
            time.sleep(0.2)
        return found


@pytest.fixture(scope="module")
def terminal(tmp_path_factory):
    terminal = DeskTerminal(tmp_path_factory.mktemp("desk"))
    try:
        terminal.run("up", "--detach", seconds=START_SECONDS_MAX)
        terminal.onboard(HOMES, "housing")
        terminal.onboard(SCHOOL, "council")
        yield terminal
    finally:
        terminal.run("down")


@pytest.fixture(scope="module")
def link(terminal):
    """Twins whom two partners reported: a possible link that touches a child."""
    terminal.doubted = {
        HOMES: terminal.send(report(HOMES, "Tom")),
        SCHOOL: terminal.send(report(SCHOOL, "Tim")),
    }
    for partner in (HOMES, SCHOOL):
        terminal.fill(partner)
    (found,) = terminal.until(terminal.links, bool)
    return found


def test_a_possible_link_is_listed_with_all_a_reviewer_needs_and_nobody_named(terminal, link):
    assert link["touches_child"]
    assert link["contradicted"] == ["given_name"]
    assert link["levels"]
    assert [side["partners"] for side in link["sides"]] == ["1", "1"]
    screen = terminal.run("links", "show", link["link_id"][:8], *IDA).stdout
    assert "Veto: given_name contradicts" in screen
    for hidden in (HOMES, SCHOOL, "Testmann", "Tom", "Tim", "planted"):
        assert hidden not in screen + json.dumps(link)


def test_holders_answer_a_fixed_question_and_the_desk_sees_it(terminal, link):
    terminal.run("links", "ask", link["link_id"], "--question", "twin", *IDA)
    for partner in (HOMES, SCHOOL):
        waiting = terminal.until(lambda p=partner: terminal.json("partner", "questions", p), bool)
        assert [one["question"] for one in waiting] == ["TWIN"] * 5
        (one,) = [q for q in waiting if q["report_id"] == terminal.doubted[partner]]
        terminal.run("partner", "answer", partner, one["question_id"][:13], "yes")

    def asked():
        return terminal.link(link["link_id"])["questions"]

    (answered,) = terminal.until(asked, lambda found: not found[0]["waiting"])
    assert answered["answers"] == [["YES"], ["YES"]]
    assert len(terminal.json("partner", "questions", HOMES)) == 4
    assert terminal.link(link["link_id"])["state"] == "OPEN"
    terminal.run("links", "ask", link["link_id"], "--question", "twin", *OLA, code=3)


def test_status_counts_what_waits_for_people(terminal, link):
    listed = terminal.json("links", "list", *IDA)  # with any that was planted
    assert link["link_id"] in [one["link_id"] for one in listed]
    touching = sum(one["touches_child"] for one in listed)

    waiting = terminal.json("status")["waiting_for_people"]
    assert (waiting["links"], waiting["links_touching_child"]) == (len(listed), touching)
    told = f"possible links {len(listed)} ({touching} touch a child"
    assert told in terminal.run("status").stdout


def test_a_verdict_needs_a_name_and_a_link_and_may_be_turned_round(terminal, link):
    link_id = link["link_id"]
    assert "--as NAME" in terminal.run("links", "decide", link_id, "same", code=3).stderr
    assert "SAME, DIFFERENT" in terminal.run("links", "decide", link_id, "x", *IDA, code=3).stderr
    unknown = terminal.run("links", "decide", "ffffffffff", "same", *IDA, code=3)
    assert unknown.stderr.count("\n") == 1

    assert terminal.json("links", "decide", link_id, "same", *IDA)["decided_today"] == 1
    terminal.until(lambda: terminal.link(link_id), lambda one: one["taken_over"] == "SAME")
    again = terminal.run("links", "decide", link_id, "same", *OLA, code=3)
    assert "already, by Ida Reviewer" in again.stderr
    terminal.run("links", "decide", link_id, "different", *OLA)
    terminal.until(lambda: terminal.link(link_id), lambda one: one["taken_over"] == "DIFFERENT")

    measured = terminal.json("links", "measure", *IDA)
    assert [one["reviewer"] for one in measured["reviewers"]] == ["Ida Reviewer", "Ola Prober"]


def test_a_partner_approves_its_own_report_and_the_desk_releases_what_is_about_its_staff(terminal):
    s2 = {"code": "C", "recipients": ["POLICE", "SAFEGUARDING"], "conditions": ["S2"]}
    waits = terminal.send(report(HOMES, "Benno", family="Dummerton", handling=s2), "HELD")
    staff = terminal.send(report(HOMES, "Calla", family="Inventas", conflict=True), "HELD")
    held = terminal.until(lambda: terminal.json("holds", "list", *IDA), lambda h: len(h) == 2)
    assert {one["report_id"] for one in held} == {waits, staff}

    assert terminal.json("partner", "approve", HOMES, waits)["outcome"] == "SHARED"
    own = ("--reason", "staff-excluded", "--body", HOMES)
    terminal.run("holds", "release", staff[:13], *own, *IDA, code=4)
    slip = ("--reason", "staff-excluded", "--body", HOMES.upper())
    terminal.run("holds", "release", staff[:13], *slip, *IDA, code=3)
    terminal.run("holds", "release", staff[:13], "--reason", "staff-excluded", *IDA)
    terminal.until(lambda: terminal.json("holds", "list", *IDA), lambda found: not found)


def test_the_hub_sees_no_doubt_that_was_decided(terminal, link):
    hub = ("--as", "Hana Hub", "--role", "HUB_PRACTITIONER")
    terminal.run("staff", "assign", *hub[1:], "--agency", "hub")
    assert terminal.json("alert", "list", *hub[:2], "--purpose", "SAFEGUARD_CHILDREN") == []
    assert terminal.json("quarantine", "list", *IDA) == []
