"""`rivelin rules`: what the commands show, refuse and write."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from consumers.safeguarding.rules import standard
from deploy.authority import Act, NotYourRoleError
from deploy.cli import build_app
from deploy.cli.rules import _adopted
from deploy.decisions import Decision, decide_on
from deploy.views import Asker
from streams.codec import decode
from streams.codes import StaffRole
from streams.errors import InvalidInputError
from streams.hub import RulesAdopted
from streams.memory import MemoryLog
from streams.shared import DecisionRefused, OperationRecorded
from streams.topics import HUB_DECISIONS, OPERATIONS, REGISTRY
from streams.values import Purpose
from tests.hub_rules import rules_with
from tests.staff import let_act

LEAD = Asker("Hal Lead", Purpose.SAFEGUARD_CHILDREN)


def rivelin(*words):
    return CliRunner().invoke(build_app(), ["rules", *map(str, words)])


@pytest.fixture
def file(tmp_path):
    """Write rules to a file and return its path."""

    def write(rules):
        path = tmp_path / "rules.json"
        path.write_text(rules if isinstance(rules, str) else rules.document)
        return path

    return write


@pytest.fixture
async def log():
    log = MemoryLog()
    await let_act(log, LEAD.name, StaffRole.HUB_LEAD)
    await let_act(log, "Rae Reviewer", StaffRole.HUB_PRACTITIONER)
    await let_act(log, "Ann Analyst", StaffRole.ANALYST)
    return log


async def adopt(log, rules, reviewed_by="Rae Reviewer", who=LEAD):
    decision = Decision(
        Act.ADOPT_RULES,
        f"rules adopt version {rules.version}",
        "safeguarding",
        HUB_DECISIONS,
        (HUB_DECISIONS, REGISTRY),
    )
    return await decide_on(
        log,
        who,
        decision,
        lambda records, at: [_adopted(rules, records, reviewed_by, who.name, at)],
    )


def test_the_standard_rules_are_shown_with_every_number():
    shown = rivelin("show", "--standard").stdout
    assert "EARLY_SIGNS: Early signs about a child that add up" in shown
    assert "threshold: 7" in shown
    assert "MISSING 3, " in shown
    assert "ADULT_SOCIAL_CARE" in shown
    assert json.loads(rivelin("show", "--standard", "--json").stdout)["version"] == 1


def test_a_file_that_holds_is_checked_with_its_examples(file):
    checked = rivelin("check", file(standard()), "--json")
    assert checked.exit_code == 0
    told = json.loads(checked.stdout)
    assert (told["rules"], told["failures"], told["without_example"]) == (11, [], [])
    assert told["examples"] > 30


def test_an_example_that_comes_out_otherwise_is_shown_and_ends_with_1(file):
    checked = rivelin("check", file(rules_with(EARLY_SIGNS={"threshold": 8})))
    assert checked.exit_code == 1
    assert "EARLY_SIGNS" in checked.stdout
    assert "nobody" in checked.stdout


def test_a_file_that_does_not_hold_is_one_error_with_its_place(file):
    checked = rivelin("check", file(standard().document.replace('"hours":72', '"hours":-1')))
    assert isinstance(checked.exception, InvalidInputError)
    assert "rules[10].UNANSWERED.hours" in str(checked.exception)


def test_what_a_file_would_change_is_shown_field_by_field(file):
    told = rivelin("diff", "--standard", file(rules_with(UNANSWERED={"hours": 48})), "--json")
    assert json.loads(told.stdout) == [
        {"rule_id": "UNANSWERED", "field": "hours", "old": "72", "new": "48"}
    ]


async def test_the_hub_lead_adopts_what_somebody_else_reviewed(log):
    (event,) = await adopt(log, rules_with())
    (record,) = log.records(HUB_DECISIONS)
    assert decode(record.value, RulesAdopted) == event
    assert (event.version, event.reviewed_by, event.decided_by) == (2, "Rae Reviewer", LEAD.name)
    (audited,) = [decode(one.value, OperationRecorded) for one in log.records(OPERATIONS)]
    assert (audited.actor, audited.subject) == (LEAD.name, "rules adopt version 2")
    with pytest.raises(InvalidInputError, match="version 2 of the rules is in force"):
        await adopt(log, rules_with())


@pytest.mark.parametrize("reviewer", ["Nobody Known", "Ann Analyst", ""])
async def test_a_reviewer_is_somebody_of_the_hub(log, reviewer):
    with pytest.raises(InvalidInputError, match="no role in the hub"):
        await adopt(log, rules_with(), reviewed_by=reviewer)
    assert log.records(HUB_DECISIONS) == ()


async def test_who_is_no_hub_lead_adopts_nothing_and_the_attempt_is_on_record(log):
    who = Asker("Rae Reviewer", Purpose.SAFEGUARD_CHILDREN)
    with pytest.raises(NotYourRoleError):
        await adopt(log, rules_with(), reviewed_by=LEAD.name, who=who)
    (refused,) = [decode(one.value, DecisionRefused) for one in log.records(OPERATIONS)]
    assert (refused.actor, refused.act) == ("Rae Reviewer", "ADOPT_RULES")
    assert log.records(HUB_DECISIONS) == ()
