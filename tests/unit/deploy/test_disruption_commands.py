"""`rivelin disruption`, `outcome`, `concern`, `intervention` and the story's options."""

from __future__ import annotations

import json
from datetime import timedelta
from types import NoneType
from typing import get_type_hints

import pytest
from typer.testing import CliRunner

from consumers.ocg_network.disruption_decisions import decide_plan
from deploy.authority import Act, CoordinatorDecidesNothingError, NotYourRoleError
from deploy.cli import build_app
from deploy.cli.disrupting import book_of, day_of
from deploy.decisions import Decision, decide_on
from deploy.officers import HOLDS, agencies_of, principal_of
from deploy.registry import registry_in
from deploy.views import Asker, now
from producers.town.partners import COUNCIL as COUNCIL_BODY
from streams.codec import decode, encode
from streams.codes import Agency, StaffRole
from streams.disruptions import DisruptionPlanned
from streams.errors import InvalidInputError
from streams.memory import MemoryLog
from streams.ports import Outgoing
from streams.shared import DecisionRefused, OperationRecorded
from streams.topics import DISRUPTIONS, OPERATIONS, REGISTRY
from streams.values import PartnerType, Purpose
from tests.invented_disruptions import AT, ground, planned
from tests.staff import let_act

COUNCIL = Asker("Officer Invented Arundel", Purpose.DISRUPT_ORGANISED_CRIME)


APP = build_app()


def rivelin(*words):
    return CliRunner().invoke(APP, words)


@pytest.fixture
async def log():
    log = MemoryLog()
    await let_act(log, COUNCIL.name, StaffRole.DISRUPTION_OFFICER, agency="sheaf-council")
    await let_act(log, "Inspector Invented", StaffRole.LEAD_RESPONSIBLE_OFFICER)
    await let_act(log, "Co Ordinator", StaffRole.COORDINATOR, StaffRole.DISRUPTION_OFFICER)
    await let_act(log, "Ann Assessor", StaffRole.ASSESSOR)
    return log


async def plan(log, who=COUNCIL):
    decision = Decision(Act.PLAN_DISRUPTION, "disruption plan", "disruption", DISRUPTIONS)

    def choose(records, at):
        event = planned(decided_by=who.name, decided_at=at)
        return decide_plan(event, book_of(records), ground())

    return await decide_on(log, who, decision, choose)


# --- deciding -------------------------------------------------------------------------


async def test_an_officer_of_another_agency_plans_and_it_is_on_the_record(log):
    (event,) = await plan(log)
    (record,) = log.records(DISRUPTIONS)
    assert decode(record.value, DisruptionPlanned) == event
    (operation,) = log.records(OPERATIONS)
    assert decode(operation.value, OperationRecorded).actor == COUNCIL.name


async def test_a_second_plan_of_the_same_id_finds_the_first_and_writes_nothing(log):
    await plan(log)
    with pytest.raises(InvalidInputError, match="there already"):
        await plan(log)
    assert len(log.records(DISRUPTIONS)) == 1


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("Nobody Known", NotYourRoleError),
        ("Ann Assessor", NotYourRoleError),
        ("Co Ordinator", CoordinatorDecidesNothingError),
    ],
)
async def test_who_may_not_plan_is_refused_and_that_is_on_the_record(log, name, error):
    with pytest.raises(error):
        await plan(log, Asker(name, Purpose.DISRUPT_ORGANISED_CRIME))
    assert log.records(DISRUPTIONS) == ()
    (refused,) = log.records(OPERATIONS)
    assert decode(refused.value, DecisionRefused).actor == name


async def test_police_write_as_police_and_others_as_disruption(log):
    registry = await registry_in(log)
    at = now()
    assert principal_of(registry, "Inspector Invented", at) == "police"
    assert principal_of(registry, COUNCIL.name, at) == "disruption"
    assert principal_of(registry, "Nobody Known", at) == "disruption"
    assert principal_of(registry, "Inspector Invented", at + timedelta(days=999)) == "disruption"


async def test_whose_levers_an_officer_plans_follows_from_the_sector_of_their_body(log):
    at = now()
    entry = COUNCIL_BODY.entry(at, at + timedelta(days=9), "Ada Administrator")
    await log.append([Outgoing(REGISTRY, encode(entry))])
    registry = await registry_in(log)
    assert agencies_of(registry, "Inspector Invented", at) is None
    assert Agency.COUNCIL in agencies_of(registry, COUNCIL.name, at)
    assert Agency.FIRE not in agencies_of(registry, COUNCIL.name, at)
    assert agencies_of(registry, "Nobody Known", at) == frozenset()
    assert set(HOLDS) == set(PartnerType)


# --- commands -------------------------------------------------------------------------


def test_the_catalogue_is_shown_without_a_broker_as_json_and_as_a_table():
    told = json.loads(rivelin("disruption", "levers", "--json").stdout)
    assert told["version"] == 1
    assert {one["lever"] for one in told["levers"]} > {"CLOSURE_ORDER", "HARDENING"}
    shown = rivelin("disruption", "levers").output
    assert "Serious Crime Act 2007 s1 and s19" in shown


def test_every_command_explains_itself_and_its_options():
    groups = {one.name: one.typer_instance for one in APP.registered_groups}
    for group in ("disruption", "outcome", "concern", "intervention"):
        assert rivelin(group, "--help").exit_code == 0
        for command in groups[group].registered_commands:
            assert command.callback.__doc__
            for option in get_type_hints(command.callback, include_extras=True).values():
                assert option is NoneType or option.__metadata__[0].help


@pytest.mark.parametrize("typed", ["yesterday", "2026-13-01", "01/02/2026", "2026-W20-x"])
def test_a_day_that_is_none_is_refused_and_not_repeated(typed):
    with pytest.raises(InvalidInputError, match="--on is a day") as told:
        day_of(typed, "--on")
    assert typed not in str(told.value)
    assert AT.date() == day_of("2026-06-30", "--on")


@pytest.mark.parametrize(
    "words",
    [
        ("disruption", "plan", "FV-1", "--lever", "witchcraft"),
        ("disruption", "fail", "00", "--because", "BAD_LUCK"),
        ("disruption", "assess", "00", "--impact", "HUGE", "--why", "CHARGE"),
        ("disruption", "simulate", "FV-1", "--by", "charm"),
        ("outcome", "seizure", "dragon"),
        ("outcome", "offence", "DRUGS", "--string", "short"),
        ("intervention", "record", "00", "--kind", "x", "--agency", "y", "--outcome", "z"),
    ],
)
def test_a_code_that_is_none_is_refused_before_anything_is_read(words):
    assert isinstance(rivelin(*words).exception, InvalidInputError)


@pytest.mark.parametrize(
    "words",
    [
        ("--story", "brigadoon"),
        ("--story", "fortify", "--fast"),
        ("--without", "OcgArchived"),
        ("--story", "fortify", "--without", "Nonsense"),
    ],
)
def test_options_of_the_story_that_do_not_fit_are_refused_before_a_broker_starts(words):
    assert isinstance(rivelin("demo", *words).exception, InvalidInputError)
