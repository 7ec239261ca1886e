"""Police at work by their own commands: mapped, confirmed, scored, graded; and what is refused.

The commands are the real ones, over a log in memory in the broker's place.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cache

import pytest
import typer
from typer.testing import CliRunner

from consumers.ocg_network import OcgNetwork
from consumers.ocg_network.ocgs import book_of
from consumers.store import ProjectionStore, store_path
from deploy import decisions, views
from deploy.authority import Act
from deploy.cli import exit_code, grade, network, nominal, ocg
from deploy.settings import Settings
from streams.codec import decode
from streams.codes import StaffRole
from streams.errors import DecodeError
from streams.memory import MemoryLog
from streams.parts import Grading
from streams.shared import DecisionRefused
from streams.taxonomy import RelationKind
from streams.topics import OPERATIONS, POLICE_DECISIONS
from streams.values import Purpose
from tests.invented_evidence import Told, key
from tests.invented_ocgs import Analyst, scored
from tests.staff import let_act

CO = RelationKind.CO_OFFENDER
ANN, RAY, LEE, CAT = "Ann Invented", "Ray Invented", "Lee Invented", "Cat Invented"
ROLES = {
    ANN: (StaffRole.ANALYST,),
    RAY: (StaffRole.RATER,),
    LEE: (StaffRole.LEAD_RESPONSIBLE_OFFICER,),
    CAT: (StaffRole.ANALYST, StaffRole.COORDINATOR),
}
SCORE = (
    *("--harm", "PHYSICAL=3,PSYCHOLOGICAL=3,FINANCIAL=1,COMMUNITY_AND_ENVIRONMENT=2,"),
    *("--likelihood", "VICTIM_VULNERABILITY=0,FREQUENCY=3,TREND=2"),
    *("--position", "CAPACITY=2,CAPABILITY=1"),
    *("--confidence", "3", "--why", "INTELLIGENCE"),
)
HARM = f"{SCORE[1]}GEOGRAPHIC_SCOPE=2,PUBLIC_EXPECTATION=0"
WHY = ("--why", "INTELLIGENCE")


@cache
def the_app():
    """The commands that are tried here: to build all of them takes longer than to run one."""
    app = typer.Typer()
    for module in (grade, network, nominal, ocg):
        module.register(app)
    return app


class Interrupted(MemoryLog):
    """A log on which somebody else may decide between the look and the decision."""

    meanwhile = None

    async def settled(self, topics):
        await super().settled(topics)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()


class Station:
    """Analyst, rater and lead officer, and a terminal."""

    def __init__(self, desk):
        self.desk = desk

    def run(self, who, *words):
        """Return what a command shows; its error is raised as it is."""
        arguments = [*words, "--as", who, "--purpose", "DISRUPT_ORGANISED_CRIME"]
        answer = CliRunner().invoke(the_app(), arguments)
        asyncio.run(self.desk.read())
        if answer.exception is not None and not isinstance(answer.exception, SystemExit):
            raise answer.exception
        assert answer.exit_code == 0, answer.output
        return answer

    def json(self, who, *words):
        return json.loads(self.run(who, *words, "--json").stdout)

    def refused(self, who, *words):
        """Return class and exit code of the one error a command ends with; nothing is decided."""
        before = self.desk.log.records(POLICE_DECISIONS)
        with pytest.raises(Exception) as told:  # noqa: PT011 - whichever it is, it is returned
            self.run(who, *words)
        assert self.desk.log.records(POLICE_DECISIONS) == before
        return type(told.value).__name__, exit_code(told.value)

    def refusals(self):
        found = []
        for record in self.desk.log.records(OPERATIONS):
            try:
                found.append(decode(record.value, DecisionRefused).act)
            except DecodeError:
                continue
        return found

    @property
    def network(self):
        (network,) = self.json(ANN, "network", "list")
        return network["network_id"]

    def map(self, *more):
        return self.run(ANN, "ocg", "map", self.network, "--reference", "SY-1", *WHY, *more)

    def score(self, who=RAY, **change):
        words = list(SCORE)
        words[1] = change.get("harm", HARM)
        words[3] = change.get("likelihood", words[3])
        words[7] = change.get("confidence", words[7])
        return ("ocg", "score", "SY-1", *words), who


@pytest.fixture
def station(tmp_path, monkeypatch):
    monkeypatch.setenv("RIVELIN_HOME", str(tmp_path))
    settings = Settings()
    settings.make_folders()
    projection = OcgNetwork()
    store = ProjectionStore.open(store_path(settings.stores_dir, projection), projection)
    desk = Analyst(projection, Interrupted(), store)

    @asynccontextmanager
    async def connected(*_):
        yield desk.log

    monkeypatch.setattr(views, "connected", connected)
    monkeypatch.setattr(decisions, "connected", connected)

    async def begin():
        for name, roles in ROLES.items():
            await let_act(desk.log, name, *roles)
        await desk.hear(
            Told("R1").tie("ada", CO, "bob", "cyd").suspect("ada", "bob").police(),
            Told("R2", grading=Grading()).tie("bob", CO, "dee").police(),
            Told("R3").tie("bob", RelationKind.EXPLOITS, "kid").child("kid").police(),
        )

    asyncio.run(begin())
    return Station(desk)


def test_a_list_of_members_that_names_nobody_does_not_mean_everybody(station):
    words = ("ocg", "map", station.network, "--reference", "SY-1", *WHY, "--members")
    assert station.refused(ANN, *words, " , ") == ("InvalidInputError", 3)
    assert station.refused(ANN, *words, "") == ("InvalidInputError", 3)


def test_from_a_candidate_network_to_a_scored_ocg_and_its_archive(station):
    station.map()
    station.run(LEE, "ocg", "role", "confirm", "SY-1", key("ada"), "--role", "principal", *WHY)
    words, _ = station.score()
    station.run(RAY, *words)
    (found,) = station.json(ANN, "ocg", "list")
    assert (found["members"], found["risk"], found["roles"]) == (4, 55, {"PRINCIPAL": 1})
    shown = station.run(ANN, "ocg", "show", "SY-1").stdout
    assert "Risk 55 = harm 11 x likelihood 5" in shown
    assert "children or victims: they are for the hub" in shown
    station.run(ANN, "ocg", "archive", "SY-1", "--reason", "dismantled", *WHY)
    assert station.json(ANN, "ocg", "list") == []
    totals = station.json(ANN, "ocg", "totals", "--from", "2026-01-01T00:00Z")
    assert totals["to"]["mapped"] == 0
    told = station.json(ANN, "ocg", "history", "SY-1")
    assert [one["decided_by"] for one in told] == [ANN, LEE, RAY, ANN]
    station.run(ANN, "ocg", "reactivate", "SY-1", *WHY)
    assert [one["role"] for one in station.json(ANN, "ocg", "role", "list")] == ["PRINCIPAL"]


def test_members_are_added_split_off_and_merged(station):
    station.map("--members", ",".join(map(key, ("ada", "bob", "cyd"))))
    asyncio.run(
        station.desk.hear(Told("R9").tie("eve", CO, "fay", "gus").suspect("eve", "fay").police())
    )
    more = ",".join(map(key, ("dee", "eve", "fay", "gus")))
    station.run(ANN, "ocg", "members", "SY-1", "--add", more, *WHY)
    going = ",".join(map(key, ("eve", "fay", "gus")))
    station.run(ANN, "ocg", "split", "SY-1", "--reference", "SY-2", "--members", going, *WHY)
    assert [one["members"] for one in station.json(ANN, "ocg", "list")] == [4, 3]
    station.run(ANN, "ocg", "merge", "SY-1", "SY-2", *WHY)
    (found,) = station.json(ANN, "ocg", "list")
    assert (found["reference"], found["members"]) == ("SY-1", 7)
    assert station.refused(ANN, "ocg", "merge", "SY-1", "SY-1", *WHY) == ("SameOcgError", 3)
    assert station.refused(ANN, "ocg", "members", "SY-2", "--add", key("dee"), *WHY) == (
        "OcgNotMappedError",
        3,
    )


def test_who_has_not_the_role_decides_nothing_and_it_is_recorded(station):
    station.map()
    words, _ = station.score()
    assert station.refused(ANN, *words) == ("NotYourRoleError", 4)
    assert station.refused(RAY, "ocg", "archive", "SY-1", "--reason", "DISMANTLED", *WHY) == (
        "NotYourRoleError",
        4,
    )
    assert station.refused(
        CAT, "ocg", "role", "confirm", "SY-1", key("ada"), "--role", "PRINCIPAL", *WHY
    ) == ("CoordinatorDecidesNothingError", 4)
    assert station.refused(LEE, *grading("R2")) == ("NotYourRoleError", 4)
    assert {"SCORE_OCG", "DECIDE_ON_OCG", "GRADE_REPORT"} <= set(station.refusals())


WRONG = (
    (("role", "confirm", "SY-1", key("kid"), "--role", "PERIPHERAL", *WHY), "AtRiskError"),
    (("role", "confirm", "SY-1", key("ada"), "--role", "BOSS", *WHY), "InvalidInputError"),
    (("role", "renew", "SY-1", key("ada"), *WHY), "NoRoleError"),
    (("role", "renew", "SY-1", key("ada"), "--until", "2020-01-01", *WHY), "NoRoleError"),
    (("role", "end", "SY-1", key("ada"), "--reason", "LEFT"), "NoRoleError"),
    (("archive", "SY-77", "--reason", "DISMANTLED", *WHY), "UnknownOcgError"),
    (("archive", "SY-1", "--reason", "DISMANTLED", "--why", "HUNCH"), "InvalidInputError"),
    (("reactivate", "SY-1", *WHY), "OcgNotArchivedError"),
    (("members", "SY-1", "--add", key("kid"), *WHY), "AtRiskError"),
)


def test_what_does_not_hold_is_one_clear_error_and_changes_nothing(station):
    station.map()
    for words, error in WRONG:
        assert station.refused(ANN, "ocg", *words)[0] == error
    confirm = ("ocg", "role", "confirm", "SY-1", key("ada"), "--role", "PRINCIPAL", *WHY)
    assert station.refused(ANN, *confirm, "--until", "2020-01-01")[0] == "ExpiryError"


def test_a_child_cannot_be_mapped_and_a_reference_is_used_once(station):
    people = ",".join(map(key, ("ada", "bob", "kid")))
    words = ("ocg", "map", station.network, "--reference", "SY-1", *WHY)
    assert station.refused(ANN, *words, "--members", people) == ("AtRiskError", 4)
    station.map()
    assert station.refused(ANN, *words) == ("DuplicateReferenceError", 3)
    again = ("ocg", "map", station.network, "--reference", "SY-2", *WHY)
    assert "4 of them are members of SY-1 too" in station.run(ANN, *again).output


WRONG_SCORES = (
    ({"harm": HARM.replace("PHYSICAL=3", "PHYSICAL=5")}, "ScoreOutOfRangeError"),
    ({"harm": HARM.replace("PHYSICAL=3,", "")}, "MissingFactorError"),
    ({"harm": f"{HARM},TREND=1"}, "UnknownFactorError"),
    ({"harm": f"{HARM},PHYSICAL=1"}, "InvalidInputError"),
    ({"harm": HARM.replace("PHYSICAL=3", "PHYSICAL=high")}, "InvalidInputError"),
    ({"confidence": "9"}, "ScoreOutOfRangeError"),
)


def test_a_score_that_does_not_hold_is_one_clear_error(station):
    station.map()
    for change, error in WRONG_SCORES:
        words, who = station.score(**change)
        assert station.refused(who, *words)[0] == error


def test_of_two_who_decide_at_once_one_is_told_and_the_other_stands(station):
    station.map()

    async def a_score_comes_first():
        await decide_now(station, RAY, Act.SCORE_OCG, "ocg score", a_score)

    station.desk.log.meanwhile = a_score_comes_first
    words = ("ocg", "archive", "SY-1", "--reason", "NO_ACTIVITY", *WHY)
    with pytest.raises(decisions.SomebodyElseDecidesError):
        station.run(ANN, *words)
    told = station.json(ANN, "ocg", "history", "SY-1")
    assert [one["decided"] for one in told] == ["MAPPED", "SCORED"]


def a_score(records, at):
    (ocg_id,) = book_of(records).ocgs
    return [replace(scored("SY-1"), ocg_id=ocg_id, decided_at=at)]


async def decide_now(station, who, act, subject, choose):
    asker = views.Asker(who, Purpose.DISRUPT_ORGANISED_CRIME)
    decision = decisions.Decision(act, subject, "police", POLICE_DECISIONS)
    await decisions.decide_on(station.desk.log, asker, decision, choose)


# --- grades --------------------------------------------------------------------------------


def grading(report, source="2", assessment="B", scheme="3x5x2"):
    return (
        *("grade", "report", key(report), "--source", source, "--assessment", assessment),
        *("--scheme", scheme, "--basis", "source-history"),
    )


def test_an_analyst_grades_what_waits_and_sees_how_many_are_done(station):
    found = station.json(ANN, "grade", "list")
    assert [one["report_id"] for one in found["waiting"]] == [key("R2")]
    assert station.json(ANN, "grade", "next")["report"]["report_id"] == key("R2")
    assert "2 of 3 reports are graded, 1 wait" in station.run(ANN, "grade", "list").output
    station.run(ANN, *grading("R2"))
    assert "All 3 reports are graded" in station.run(ANN, "grade", "next").output
    shown = station.run(ANN, "grade", "show", key("R2")).stdout
    assert "2B (3x5x2)" in shown
    assert "too little is known of this source" in shown


def test_letters_of_one_scheme_are_refused_in_the_other(station):
    for words in (("B", "2"), ("2", "B", "5x5x5"), ("4", "A"), ("2", "B", "7x7x7")):
        assert station.refused(ANN, *grading("R2", *words))[1] == 3


def test_a_decision_that_rests_on_a_report_graded_e_later_says_so(station):
    station.map()
    station.run(ANN, *grading("R1", "3", "E"))
    assert "rests on a doubted report" in station.run(ANN, "ocg", "history", "SY-1").stdout


# --- nominals ------------------------------------------------------------------------------


def test_a_nominal_is_enrolled_or_in_a_role_and_the_end_of_one_does_not_end_the_other(station):
    station.map()
    station.run(ANN, "nominal", "enrol", key("ada"))
    station.run(LEE, "ocg", "role", "confirm", "SY-1", key("ada"), "--role", "SIGNIFICANT", *WHY)
    (ada,) = station.json(ANN, "nominal", "list")
    assert ada["is_enrolled"]
    assert [one["reference"] for one in ada["roles"]] == ["SY-1"]
    said = station.run(ANN, "nominal", "discharge", key("ada")).output
    assert "Still a nominal by a confirmed role" in said
    (ada,) = station.json(ANN, "nominal", "list")
    assert not ada["is_enrolled"]
    station.run(LEE, "ocg", "role", "end", "SY-1", key("ada"), "--reason", "LEFT")
    assert station.json(ANN, "nominal", "list") == []
