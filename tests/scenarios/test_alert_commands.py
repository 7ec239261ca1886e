"""The hub at work by its own commands: claimed, assessed, referred, answered, closed; and refused.

The commands are the real ones, over a log in memory in the broker's place.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import cache
from uuid import UUID

import pytest
from typer.testing import CliRunner

from consumers.safeguarding import Safeguarding
from consumers.store import ProjectionStore, store_path
from deploy import decisions, views
from deploy.cli import build_app, exit_code
from deploy.settings import Settings
from streams.codec import decode, encode
from streams.codes import StaffRole
from streams.errors import DecodeError
from streams.ports import Outgoing
from streams.shared import AlertUpdated, DecisionRefused, OperationRecorded
from streams.topics import ALERTS, OPERATIONS
from tests.invented_hub import Hub, Wall, a_child, a_group
from tests.staff import let_act

ANN, SUE, LEA = "Ann Invented", "Sue Invented", "Lea Invented"
ROLES = {
    ANN: StaffRole.HUB_PRACTITIONER,
    SUE: StaffRole.SOCIAL_WORKER,
    LEA: StaffRole.HUB_LEAD,
}
NOT_A_REFERRAL = "not a referral"


class Office:
    """The hub with its people, and a terminal."""

    def __init__(self, hub, folder):
        self.hub = hub
        self.folder = folder

    def run(self, who, *words):
        """Return what a command shows; its error is raised as it is."""
        arguments = [*words, "--as", who, "--purpose", "SAFEGUARD_CHILDREN"]
        answer = CliRunner().invoke(_app(), arguments)
        asyncio.run(self.hub.read())
        if answer.exception is not None and not isinstance(answer.exception, SystemExit):
            raise answer.exception
        assert answer.exit_code == 0, answer.output
        return answer

    def json(self, who, *words):
        return json.loads(self.run(who, *words, "--json").stdout)

    def refused(self, who, *words):
        """Return class and exit code of the one error that a command ends with."""
        with pytest.raises(Exception) as told:  # noqa: PT011 - whichever it is, it is returned
            self.run(who, *words)
        return type(told.value).__name__, exit_code(told.value)

    @property
    def alert(self):
        return str(self.hub.alert_ids()[0])

    def recorded(self, kind):
        return [
            one
            for one in map(_operation, self.hub.log.records(OPERATIONS))
            if isinstance(one, kind)
        ]


@cache
def _app():
    return build_app()


def _operation(record):
    try:
        return decode(record.value, OperationRecorded, DecisionRefused)
    except DecodeError:
        return None


@pytest.fixture
def office(tmp_path, monkeypatch):
    monkeypatch.setenv("RIVELIN_HOME", str(tmp_path))
    settings = Settings()
    settings.make_folders()
    wall = Wall(views.now())
    projection = Safeguarding()
    store = ProjectionStore.open(store_path(settings.stores_dir, projection), projection)
    hub = Hub(wall, store=store)

    @asynccontextmanager
    async def connected(*_):
        yield hub.log

    monkeypatch.setattr(views, "connected", connected)
    monkeypatch.setattr(decisions, "connected", connected)

    async def begin():
        for name, role in ROLES.items():
            await let_act(hub.log, name, role)
        await hub.hear(a_group(), a_child())

    asyncio.run(begin())
    return Office(hub, tmp_path)


def test_an_alert_is_worked_on_from_its_raising_to_its_closing(office):
    alert = office.alert
    (raised,) = office.json(ANN, "alert", "list")
    assert (raised["state"], raised["owner"], raised["triage"]["overdue"]) == (
        "RAISED",
        None,
        False,
    )

    assert (raised["age_at_event"], raised["age_now"]) == ("CHILD", "CHILD")

    office.run(ANN, "alert", "claim", alert[:8])
    office.run(ANN, "alert", "assess", alert, "--level", "4", "--reason", "missing")
    made = office.json(ANN, "alert", "refer", alert, "--route", "childrens-social-care")
    office.run(SUE, "alert", "accept", made["referral_id"][:8])
    office.run(ANN, "alert", "close", alert, "--reason", "REFERRED", "--seen", "1")

    found = office.json(ANN, "alert", "show", alert)
    assert (found["state"], found["owner"], found["level_name"]) == (
        "CLOSED",
        ANN,
        "Specialist or statutory",
    )
    assert [one["what"] for one in found["history"]] == [
        "AlertClaimed",
        "ThresholdAssessed",
        "ReferralMade",
        "ReferralAccepted",
        "AlertClosed",
    ]
    (referral,) = found["referrals"]
    assert (referral["state"], referral["made_by"], referral["answered_by"]) == (
        "ACCEPTED",
        ANN,
        SUE,
    )
    assert found["triage"] is found["decision"] is None
    altered = [
        one.subject for one in office.recorded(OperationRecorded) if one.operation == "ALTERATION"
    ]
    assert len(altered) == 5


def test_what_a_role_does_not_allow_is_refused_and_recorded(office):
    alert = office.alert
    assert office.refused(SUE, "alert", "claim", alert) == ("NotYourRoleError", 4)
    office.run(ANN, "alert", "claim", alert)
    made = office.json(ANN, "alert", "refer", alert, "--route", "EARLY_HELP")
    assert office.refused(ANN, "alert", "accept", made["referral_id"]) == ("NotYourRoleError", 4)
    assert [one.act for one in office.recorded(DecisionRefused)] == [
        "CLAIM_ALERT",
        "ANSWER_REFERRAL",
    ]
    assert [one["what"] for one in office.json(ANN, "alert", "show", alert)["history"]] == [
        "AlertClaimed",
        "ReferralMade",
    ]


def test_somebody_with_both_roles_does_not_answer_their_own_referral(office):
    asyncio.run(let_act(office.hub.log, ANN, StaffRole.SOCIAL_WORKER))
    office.run(ANN, "alert", "claim", office.alert)
    made = office.json(ANN, "alert", "refer", office.alert, "--route", "EARLY_HELP")
    assert office.refused(ANN, "alert", "accept", made["referral_id"]) == ("OwnReferralError", 4)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("assess", "{}", "--level", "3", "--reason", "MISSING"), "NotClaimedError"),
        (("refer", "{}", "--route", "NOWHERE"), "InvalidInputError"),
        (("assess", "{}", "--level", "3", "--reason", "because"), "InvalidInputError"),
        (("claim", "ffffffff-0000"), "InvalidInputError"),
        (("accept", "{}"), "InvalidInputError"),
        (("close", "{}", "--reason", "MISTAKEN"), "NotClaimedError"),
        (("list", "--state", "RANKED"), "InvalidInputError"),
    ],
)
def test_a_mistake_is_one_clear_error_and_changes_nothing(office, words, error):
    before = office.hub.store.state_hash()
    typed = [one.format(office.alert) for one in words]
    assert office.refused(ANN, "alert", *typed) == (error, 3)
    assert office.hub.store.state_hash() == before


def test_an_alert_that_changed_since_somebody_looked_is_not_closed_unseen(office):
    office.run(ANN, "alert", "claim", office.alert)
    asyncio.run(office.hub.hear(a_child(report="more")))
    words = ("alert", "close", office.alert, "--reason", "MISTAKEN")
    assert office.refused(ANN, *words, "--seen", "1") == ("ChangedSinceSeenError", 3)
    office.run(ANN, *words, "--seen", "2")


def test_without_a_version_the_one_in_view_is_meant_and_not_one_that_came_meanwhile(office):
    office.run(ANN, "alert", "claim", office.alert)
    newer = AlertUpdated(
        alert_id=UUID(office.alert),
        version=2,
        supported=True,
        path=(),
        updated_at=views.now(),
        rule_version=1,
        signs=(),
    )
    asyncio.run(office.hub.log.append([Outgoing(ALERTS, encode(newer))]))
    words = ("alert", "close", office.alert, "--reason", "MISTAKEN")
    assert office.refused(ANN, *words) == ("ChangedSinceSeenError", 3)


def test_lists_are_filtered_and_every_face_says_that_no_alert_is_a_referral(office):
    asyncio.run(office.hub.hear(a_group("h"), a_child("h")))
    office.run(ANN, "alert", "claim", office.alert)
    for words in (
        ("list",),
        ("queue",),
        ("escalated",),
        ("clocks",),
        ("rate",),
        ("show", office.alert),
        ("claim", str(office.hub.alert_ids()[1])),
    ):
        assert NOT_A_REFERRAL in office.run(ANN, "alert", *words).output
    assert [one["owner"] for one in office.json(ANN, "alert", "list", "--mine")] == [ANN, ANN]
    assert office.json(LEA, "alert", "list", "--mine") == []
    assert office.json(ANN, "alert", "list", "--state", "raised") == []
    assert len(office.json(ANN, "alert", "list", "--rule", "CHILD_TIED_TO_NOMINAL")) == 2
    assert office.json(ANN, "alert", "list", "--overdue") == []


def test_overdue_and_escalated_are_seen_by_all_who_look_and_as_of_then(office):
    before = office.hub.wall.now
    office.hub.wall.now = before + timedelta(hours=5)
    asyncio.run(office.hub.read())
    (one,) = office.json(LEA, "alert", "escalated")
    assert one["alert_id"] == office.alert
    assert "escalated" in office.run(ANN, "alert", "list").stdout
    then = (before + timedelta(seconds=1)).isoformat()
    assert office.json(LEA, "alert", "escalated", "--as-of", then) == []


def test_help_below_the_threshold_is_listed_offered_and_taken_up(office):
    alert = office.alert
    office.run(ANN, "alert", "claim", alert)
    office.run(ANN, "alert", "assess", alert, "--level", "2", "--reason", "SUPPORT_IN_PLACE")
    waiting = office.json(ANN, "provision", "list", "--without-offer")
    assert [one["alert_id"] for one in waiting["alerts"]] == [alert]
    listed = office.json(
        ANN, "provision", "add", "--kind", "sport", "--area", "s5", "--places", "1"
    )["provision_id"]
    made = office.json(ANN, "provision", "offer", listed, alert)
    assert office.json(ANN, "provision", "list", "--without-offer")["alerts"] == []
    assert office.refused(ANN, "provision", "offer", listed, alert) == ("OfferedAlreadyError", 3)
    office.run(ANN, "provision", "answer", made["offer_id"], "--taken-up")
    (row,) = office.json(ANN, "provision", "list")["provisions"]
    assert (row["kind"], row["area"], row["free"]) == ("SPORT", "S5", 0)
    words = ("--kind", "sport", "--area", "S5", "--again", listed)
    office.run(ANN, "provision", "add", *words, "--places", "0")
    assert office.json(ANN, "provision", "list")["provisions"][0]["ended"]
    assert office.refused(SUE, "provision", "add", *words, "--places", "3")[1] == 4


def test_a_prompt_goes_to_a_first_responder_and_a_school_is_routed_to_one(office):
    alert = office.alert
    words = ("nrm", "prompt", alert)
    assert office.refused(ANN, *words, "--to", "school") == ("NotAFirstResponderError", 3)
    dry = office.json(ANN, *words, "--to", "council", "--dry-run")
    assert (dry["form"], dry["indicators"]) == ("NRM", ["SUPPLY"])
    assert office.json(ANN, "nrm", "list")["notifications"] == []
    told = office.json(ANN, *words, "--to", "council")
    assert (told["form"], told["consent"], told["first_responder"]) == (
        "NRM",
        None,
        "LOCAL_AUTHORITY",
    )
    assert office.refused(ANN, *words, "--to", "council") == ("NotifiedAlreadyError", 3)
    assert len(office.json(ANN, "nrm", "list")["notifications"]) == 1


def test_the_rate_shows_no_number_below_five(office):
    (month,) = office.json(ANN, "alert", "rate")["months"]
    assert (month["children"], month["referred"], month["rate"]) == ("fewer than 5", None, None)

    async def more():
        for number in range(11):
            await office.hub.hear(a_child(child=f"kit{number}", report=f"child{number}"))

    asyncio.run(more())
    (month,) = office.json(ANN, "alert", "rate")["months"]
    assert (month["children"], month["referred"], month["rate"]) == (12, 0, 0.0)
    for number, alert in enumerate(map(str, office.hub.alert_ids()[:6]), 1):
        office.run(ANN, "alert", "claim", alert)
        office.run(ANN, "alert", "refer", alert, "--route", "EARLY_HELP")
        if number == 1:
            (month,) = office.json(ANN, "alert", "rate")["months"]
            assert (month["referred"], month["rate"]) == ("not shown", None)
    (month,) = office.json(ANN, "alert", "rate")["months"]
    assert (month["children"], month["referred"], month["rate"]) == (12, 6, 0.5)
