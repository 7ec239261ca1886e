"""`rivelin network` as an analyst uses it: shown, explained, as of a moment, and what changed.

The commands are the real ones, over a log in memory in the broker's place and a real store.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from functools import cache

import pytest
import typer
from typer.testing import CliRunner

from consumers.audit import replay as audit
from consumers.ocg_network import OcgNetwork
from consumers.store import ProjectionStore, store_path
from deploy import views
from deploy.cli import network
from deploy.settings import Settings
from streams.codec import encode
from streams.codes import StaffRole
from streams.errors import InvalidInputError
from streams.memory import MemoryLog
from streams.ports import Outgoing
from streams.taxonomy import RelationKind
from streams.topics import OPERATIONS, POLICE
from tests.invented_evidence import Desk, Told, grade, graded, key
from tests.staff import let_act

CO = RelationKind.CO_OFFENDER
ANN = "Ann Invented"
EVENTS = (
    Told("R1").suspect("ada", "bob", "cyd").tie("ada", CO, "bob", "cyd").police(),
    Told("R2").tie("cyd", CO, "dee").police(),
    graded("R2", grade("B", "2")),
    Told("R3", district="S9").child("kit").tie("dee", RelationKind.EXPLOITS, "kit").police(),
)


@cache
def the_app():
    app = typer.Typer()
    network.register(app)
    return app


class Terminal:
    """An analyst at a terminal; each command is a process of its own on log and store."""

    def __init__(self, log):
        self.log = log

    def run(self, *words):
        arguments = [*words, "--as", ANN, "--purpose", "DISRUPT_ORGANISED_CRIME"]
        answer = CliRunner().invoke(the_app(), arguments)
        if answer.exception is not None and not isinstance(answer.exception, SystemExit):
            raise answer.exception
        assert answer.exit_code == 0, answer.output
        return answer.stdout

    def json(self, *words):
        return json.loads(self.run(*words, "--json"))

    def network_id(self):
        (one,) = self.json("network", "list")
        return one["network_id"]


@pytest.fixture
def terminal(tmp_path, monkeypatch):
    settings = Settings(home=tmp_path)
    monkeypatch.setenv("RIVELIN_HOME", str(tmp_path))
    settings.stores_dir.mkdir(parents=True)
    projection = OcgNetwork()
    store = ProjectionStore.open(store_path(settings.stores_dir, projection), projection)
    log = MemoryLog()
    asyncio.run(_told(Desk(projection, log, store)))
    store.close()

    @asynccontextmanager
    async def connected(_settings, _principal):
        yield log

    monkeypatch.setattr(views, "connected", connected)
    return Terminal(log)


async def _told(desk):
    await let_act(desk.log, ANN, StaffRole.ANALYST)
    await desk.hear(*EVENTS)


def test_a_network_is_shown_with_brokers_reach_and_faded_ties(terminal):
    shown = terminal.run("network", "show", terminal.network_id(), "--explain")
    for words in ("named human", "Brokers", "measures version 1", "Seen in: S5", "S9", "strength"):
        assert words in shown
    assert "half after 26" in shown
    assert "At risk" in shown


def test_a_tie_fades_by_the_moment_of_looking(terminal):
    network_id = terminal.network_id()
    then = terminal.json("network", "show", network_id, "--as-of", "2026-10-01T00:00Z")
    later = terminal.json("network", "show", network_id, "--as-of", "2030-01-01T00:00Z")
    strengths = [[tie["strength"]["value"] for tie in found["ties"]] for found in (then, later)]
    assert all(old < new for new, old in zip(*strengths, strict=True))
    assert then["pairs"] == later["pairs"]


def test_as_of_a_position_or_an_instant_nothing_is_replayed(terminal, monkeypatch):
    async def replayed(*_arguments):
        raise AssertionError("read the whole log")

    monkeypatch.setattr(views, "replay", replayed)
    monkeypatch.setattr(audit, "replay", replayed)
    first = terminal.json("network", "list", "--as-of", f"{POLICE}:1")
    at = terminal.log.records(POLICE)[1].appended_at.isoformat()
    second = terminal.json("network", "list", "--as-of", at)
    assert ([one["people"] for one in first], [one["people"] for one in second]) == ([3], [4])
    nothing = terminal.json("network", "list", "--as-of", "2020-01-01T00:00Z")
    assert nothing == []


def test_what_the_store_has_not_read_yet_is_replayed(terminal):
    late = Told("R9").tie("xan", CO, "yan", "zoe").police()
    asyncio.run(terminal.log.append([Outgoing(POLICE, encode(late))]))
    assert len(terminal.json("network", "list")) == 1
    assert len(terminal.json("network", "list", "--as-of", "2999-01-01T00:00Z")) == 2
    assert len(terminal.json("network", "list", "--as-of", f"{POLICE}:5")) == 2
    assert len(terminal.json("network", "list", "--as-of", f"{POLICE}:4")) == 1


def test_what_changed_is_told_with_the_event_that_did_it(terminal):
    network_id = terminal.network_id()
    since = ("--from", f"{POLICE}:1", "--to", f"{POLICE}:3")
    found = terminal.json("network", "diff", network_id[:8], *since)
    (joined,) = found["people"]
    assert (joined["entity_id"], joined["change"]) == (key("dee"), "JOINED")
    (tie,) = found["ties"]
    assert tie["changes"] == ["APPEARED"]
    assert [cause["event"] for cause in tie["because"]] == ["PoliceReportShared", "GradeRelayed"]
    shown = terminal.run("network", "diff", *since)
    for words in ("JOINED", "APPEARED", "PoliceReportShared", "at 1", "not mapped OCGs"):
        assert words in shown


def test_a_network_has_a_history_of_its_own(terminal):
    network_id = terminal.network_id()
    changes = terminal.json("network", "history", network_id)["changes"]
    assert [one["change"] for one in changes][:2] == ["FORMED", "GREW"]
    assert changes[0]["because"][0]["report_id"] == key("R1")
    early = terminal.json("network", "history", network_id, "--as-of", f"{POLICE}:1")["changes"]
    assert early == changes[:1]
    assert "FORMED" in terminal.run("network", "history", network_id)


def test_every_look_is_on_record(terminal):
    before = len(terminal.log.records(OPERATIONS))
    terminal.run("network", "diff", "--from", f"{POLICE}:1")
    assert len(terminal.log.records(OPERATIONS)) == before + 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("network", "list", "--as-of", "yesterday"), "time zone"),
        (("network", "list", "--as-of", "safeguarding.intelligence:3"), "topics of this view"),
        (("network", "list", "--as-of", f"{POLICE}:0"), "no record below"),
        (("network", "diff", "--from", f"{POLICE}:3", "--to", f"{POLICE}:1"), "lies before"),
        (("network", "diff", "ffff", "--from", f"{POLICE}:1"), "no network id begins"),
        (("network", "history", "nobody"), "hexadecimal"),
    ],
)
def test_what_cannot_be_asked_is_said_in_one_line(terminal, words, told):
    with pytest.raises(InvalidInputError, match=told) as refused:
        terminal.run(*words)
    assert "\n" not in str(refused.value)
