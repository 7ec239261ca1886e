"""The hub's commands for notices, messages and the bridge; and what is refused.

The commands are the real ones, over a log in memory in the broker's place.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import cache
from uuid import UUID, uuid4

import pytest
import typer
from typer.testing import CliRunner

from consumers.safeguarding import Safeguarding
from consumers.safeguarding.bridge import VAULT, notices
from consumers.store import ProjectionStore, store_path
from deploy import decisions, views
from deploy.cli import bridge, exit_code, message, notice
from deploy.settings import Settings
from streams.codec import decode, encode
from streams.codes import (
    HubView,
    Lever,
    NoticeRecipient,
    NoticeStop,
    NoticeWording,
    PreventionCode,
    StaffRole,
)
from streams.hub import (
    HubViewGiven,
    NoticeReleased,
    NoticeWithdrawn,
    PreventionMessageDecided,
    PreventionMessageOffered,
    ProtectionDeclared,
    ProtectionEnded,
)
from streams.ports import Outgoing
from streams.shared import HubViewWanted, ItemWithheld, NoticeTold
from streams.taxonomy import RelationKind
from streams.topics import HUB_DECISIONS, OPERATIONS, PREVENTION, SAFEGUARDING
from streams.values import Audience, PartnerType
from tests.invented_evidence import Told, an_id
from tests.invented_hub import Hub, Wall, a_child, a_group
from tests.staff import let_act

ANN, LEA, AUDREY, SUE = "Ann Invented", "Lea Invented", "Audrey Invented", "Sue Invented"
ROLES = {
    ANN: StaffRole.HUB_PRACTITIONER,
    LEA: StaffRole.HUB_LEAD,
    AUDREY: StaffRole.AUDITOR,
    SUE: StaffRole.SOCIAL_WORKER,
}


class Office:
    """The hub with its people, and a terminal."""

    def __init__(self, hub):
        self.hub = hub

    def run(self, who, *words):
        """Return what a command shows; its error is raised as it is."""
        arguments = [*words, "--as", who, "--purpose", "SAFEGUARD_CHILDREN"]
        answer = CliRunner().invoke(_app(), arguments)
        asyncio.run(self.hub.read())
        if answer.exception is not None and not isinstance(answer.exception, SystemExit):
            raise answer.exception
        assert answer.exit_code == 0, answer.output
        return answer.output

    def json(self, who, *words):
        return json.loads(self.run(who, *words, "--json"))

    def refused(self, who, *words):
        """Return class and exit code of the one error a command ends with; nothing is decided."""
        before = self.hub.log.records(HUB_DECISIONS)
        with pytest.raises(Exception) as told:  # noqa: PT011 - whichever it is, it is returned
            self.run(who, *words)
        assert self.hub.log.records(HUB_DECISIONS) == before
        return type(told.value).__name__, exit_code(told.value)

    def decided(self, kind):
        return decode(self.hub.log.records(HUB_DECISIONS)[-1].value, kind)

    def hears(self, topic, *events):
        async def hear():
            await self.hub.log.append([Outgoing(topic, encode(one)) for one in events])
            await self.hub.read()

        asyncio.run(hear())

    @property
    def alert(self):
        return str(self.hub.alert_ids()[0])


@cache
def _app():
    app = typer.Typer()
    for module in (notice, message, bridge):
        module.register(app)
    return app


@pytest.fixture
def office(tmp_path, monkeypatch):
    monkeypatch.setenv("RIVELIN_HOME", str(tmp_path))
    settings = Settings()
    settings.make_folders()
    projection = Safeguarding()
    store = ProjectionStore.open(store_path(settings.stores_dir, projection), projection)
    hub = Hub(Wall(views.now()), store=store)

    @asynccontextmanager
    async def connected(*_):
        yield hub.log

    monkeypatch.setattr(views, "connected", connected)
    monkeypatch.setattr(decisions, "connected", connected)

    async def begin():
        for name, role in ROLES.items():
            await let_act(hub.log, name, role)
        home = Told("home").tie("g-kit", RelationKind.LIVES_AT, "flat").child("g-kit")
        await hub.hear(a_group(), a_child(), home)

    asyncio.run(begin())
    return Office(hub)


# --- notices ------------------------------------------------------------------------


def test_a_notice_goes_by_default_to_social_care_and_says_how_much_was_seen(office):
    office.run(ANN, "notice", "release", office.alert[:8])
    event = office.decided(NoticeReleased)
    assert event.person_id == an_id("g-kit")
    assert event.recipients == (NoticeRecipient.CHILDRENS_SOCIAL_CARE,)
    assert (event.wording, event.decided_by) == (NoticeWording.CHECK_YOUR_RECORD, ANN)
    assert event.seen == len(office.hub.log.records(SAFEGUARDING))
    (shown,) = office.json(ANN, "notice", "list")
    assert (shown["holders"], shown["means"]) == (None, "on its way")


def test_what_the_gate_told_stands_beside_the_notice_in_whatever_order_it_is_read(office):
    told = NoticeTold(notice_id=uuid4(), holders=2, stopped=())
    office.hears(SAFEGUARDING, told)
    released = NoticeReleased(
        notice_id=told.notice_id,
        alert_id=UUID(office.alert),
        person_id=an_id("g-kit"),
        recipients=(NoticeRecipient.SCHOOL,),
        wording=NoticeWording.EXTRA_CARE,
        seen=1,
        decided_by=ANN,
        decided_at=views.now(),
    )
    office.hears(HUB_DECISIONS, released)
    (shown,) = office.json(ANN, "notice", "list")
    assert (shown["holders"], shown["stopped"], shown["means"]) == (2, [], "given")
    office.hears(
        SAFEGUARDING,
        NoticeTold(notice_id=told.notice_id, holders=0, stopped=(NoticeStop.NO_HOLDER,)),
    )
    assert office.json(ANN, "notice", "list")[0]["means"] == VAULT
    before = office.hub.look(notices)
    assert asyncio.run(office.hub.rebuilt().read()).look(notices) == before


def test_a_notice_is_withdrawn_once(office):
    made = office.json(ANN, "notice", "release", office.alert, "--to", "school", "--to", "health")
    office.run(ANN, "notice", "withdraw", made["notice_id"][:8])
    assert office.decided(NoticeWithdrawn).notice_id == UUID(made["notice_id"])
    again = office.refused(ANN, "notice", "withdraw", made["notice_id"])
    assert again == ("UnknownNoticeError", 3)
    assert "withdrawn" in office.run(ANN, "notice", "list")


@pytest.mark.parametrize("who", [SUE, AUDREY, "Nobody Known"])
def test_only_the_hub_releases(office, who):
    assert office.refused(who, "notice", "release", office.alert) == ("NotYourRoleError", 4)


def test_what_is_no_recipient_wording_or_alert_is_refused_in_one_line(office):
    for words in (["--to", "police"], ["--wording", "he deals"]):
        refusal = office.refused(ANN, "notice", "release", office.alert, *words)
        assert refusal == ("InvalidInputError", 3)
    assert office.refused(ANN, "notice", "release", "ffff")[1] == 3


# --- messages -----------------------------------------------------------------------


def offered(number=1, sector=None):
    return PreventionMessageOffered(
        message_id=UUID(int=number),
        person_id=an_id("g-kit"),
        code=PreventionCode.SUPPORT_OFFERED,
        sector=sector,
        offered_at=views.now() + timedelta(seconds=number),
    )


def test_messages_wait_until_somebody_of_the_hub_decides_once(office):
    office.hears(PREVENTION, offered(1), offered(2, PartnerType.SCHOOL))
    first, second = office.json(ANN, "message", "list", "--waiting")
    assert (first["sector"], second["sector"]) == (None, "SCHOOL")
    office.run(ANN, "message", "release", first["message_id"])
    assert office.decided(PreventionMessageDecided).released
    office.run(ANN, "message", "decline", second["message_id"])
    assert not office.decided(PreventionMessageDecided).released
    states = [one["state"] for one in office.json(ANN, "message", "list")]
    assert states == ["released", "declined"]
    assert office.json(ANN, "message", "list", "--waiting") == []
    refusal = office.refused(ANN, "message", "release", second["message_id"])
    assert refusal == ("MessageDecidedError", 3)


def test_a_message_that_is_none_and_a_person_without_the_role(office):
    office.hears(PREVENTION, offered())
    assert office.refused(ANN, "message", "release", "ffff")[1] == 3
    assert office.refused(SUE, "message", "release", str(UUID(int=1)))[1] == 4


# --- the bridge ---------------------------------------------------------------------


def wanted(number=1):
    return HubViewWanted(
        request_id=UUID(int=number), entity_id=an_id("flat"), lever=Lever.CLOSURE_ORDER
    )


def test_the_hub_lead_gives_a_view_and_may_change_it(office):
    office.hears(SAFEGUARDING, wanted(), wanted(2))
    shown = office.json(ANN, "bridge", "views")
    assert [(one["view"], one["kind"]) for one in shown] == [(None, "ADDRESS")] * 2
    request = str(UUID(int=1))
    assert office.refused(ANN, "bridge", "give", request, "NO_OBJECTION")[1] == 4
    office.run(LEA, "bridge", "give", request, "in-school-hours")
    office.run(LEA, "bridge", "give", request, "HOLD_UNTIL_CHILD_SAFE")
    given = office.decided(HubViewGiven)
    assert (given.request_id, given.view) == (UUID(request), HubView.HOLD_UNTIL_CHILD_SAFE)
    shown = office.json(ANN, "bridge", "views")
    assert [one["view"] for one in shown] == [None, "HOLD_UNTIL_CHILD_SAFE"]
    assert "waits for you" in office.run(ANN, "bridge", "views")


def test_a_place_is_protected_until_a_day_or_until_somebody_ends_it(office):
    flat = str(an_id("flat"))
    until = (views.now() + timedelta(days=30)).date().isoformat()
    assert "not who" in office.run(LEA, "bridge", "protect", flat[:12], "--until", until)
    declared = office.decided(ProtectionDeclared)
    assert (declared.entity_id, declared.until.isoformat()) == (an_id("flat"), until)
    refusal = office.refused(LEA, "bridge", "protect", flat, "--until", until)
    assert refusal == ("InvalidInputError", 3)
    (shown,) = office.json(ANN, "bridge", "list")
    assert not shown["ended"]
    office.run(LEA, "bridge", "end", shown["declaration_id"][:8])
    assert office.decided(ProtectionEnded).declaration_id == declared.declaration_id
    again = office.refused(LEA, "bridge", "end", shown["declaration_id"])
    assert again == ("UnknownProtectionError", 3)
    office.run(LEA, "bridge", "protect", flat, "--until", until)


def test_a_person_a_past_day_and_what_is_no_day_are_refused(office):
    child, flat = str(an_id("g-kit")), str(an_id("flat"))
    refusal = office.refused(LEA, "bridge", "protect", child, "--until", "2099-01-01")
    assert refusal == ("NotAPlaceError", 3)
    for day in ("2020-01-01", "next week"):
        refusal = office.refused(LEA, "bridge", "protect", flat, "--until", day)
        assert refusal == ("InvalidInputError", 3)
    assert office.refused(ANN, "bridge", "protect", flat, "--until", "2099-01-01")[1] == 4


def test_the_auditor_counts_what_was_withheld_and_nobody_else_does(office):
    kept = ItemWithheld(
        recipient=Audience.POLICE, what="REPORT", reason="protected_subject", at=views.now()
    )
    office.hears(OPERATIONS, kept, kept)
    assert office.json(AUDREY, "bridge", "withheld") == [
        {"recipient": "POLICE", "what": "REPORT", "reason": "protected_subject", "count": 2}
    ]
    assert office.refused(LEA, "bridge", "withheld") == ("NotYourRoleError", 4)
