"""Looking: on record first, for a purpose, and not at all if it cannot be recorded."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from consumers.network.look import find_entity, networks, person
from consumers.ocg_network import OcgNetwork
from consumers.safeguarding import Safeguarding
from consumers.store import NoStoreError, ProjectionStore, store_path
from deploy.moments import Position, instant, moment
from deploy.settings import Settings
from deploy.views import Asker, Question, answer, asker_of
from streams.codec import decode
from streams.codes import StaffRole
from streams.errors import BrokerUnreachableError, DeniedError, InvalidInputError
from streams.memory import MemoryLog
from streams.shared import DecisionRefused, OperationRecorded
from streams.taxonomy import RelationKind
from streams.topics import OPERATIONS, POLICE
from streams.values import Operation, Purpose
from tests.invented_evidence import Desk, Told, key, merged
from tests.staff import let_act

CO = RelationKind.CO_OFFENDER
ASKER = Asker("DC Invented", Purpose.DISRUPT_ORGANISED_CRIME)


@pytest.fixture
async def desk(tmp_path):
    projection = OcgNetwork()
    store = ProjectionStore.open(store_path(tmp_path, projection), projection)
    desk = Desk(projection, MemoryLog(), store)
    await desk.hear(Told("R1").tie("ada", CO, "bob", "cyd").police())
    await let_act(desk.log, ASKER.name, StaffRole.ANALYST)
    return desk


def listing():
    return Question(OcgNetwork(), "network list", lambda connection, _: networks(connection))


def showing(typed):
    return Question(OcgNetwork(), "person show", person, find_entity, typed)


def looks(log):
    return [decode(record.value, OperationRecorded) for record in log.records(OPERATIONS)]


async def test_a_look_names_who_and_why_and_what(desk, tmp_path):
    assert len(await answer(listing(), ASKER, desk.log, tmp_path)) == 1
    (look,) = looks(desk.log)
    assert (look.actor, look.purpose) == ("DC Invented", Purpose.DISRUPT_ORGANISED_CRIME)
    assert (look.operation, look.subject) == (Operation.CONSULTATION, "network list")


async def test_a_look_at_one_record_names_its_whole_id(desk, tmp_path):
    shown = await answer(showing(key("ada")[:9].upper()), ASKER, desk.log, tmp_path)
    assert shown["entity_id"] == key("ada")
    assert [look.subject for look in looks(desk.log)] == [f"person show {key('ada')}"]


async def test_what_was_typed_in_vain_is_a_look_that_does_not_repeat_it(desk, tmp_path):
    for typed in ("Testina Inventsson", "ffffffff", ""):
        with pytest.raises(InvalidInputError) as refused:
            await answer(showing(typed), ASKER, desk.log, tmp_path)
        assert "Testina" not in str(refused.value)
    assert {look.subject for look in looks(desk.log)} == {"person show, none found"}


async def test_an_id_that_was_merged_leads_to_the_person_it_is_now(desk, tmp_path):
    await desk.hear(merged("ada", "cyd"))
    shown = await answer(showing(key("cyd")), ASKER, desk.log, tmp_path)
    assert shown["entity_id"] == key("ada")


async def test_a_look_that_cannot_be_recorded_is_not_answered(desk, tmp_path, monkeypatch):
    async def unheard(_):
        raise BrokerUnreachableError("nobody answers")

    read = []
    question = Question(OcgNetwork(), "network list", lambda *_: read.append("read"))
    monkeypatch.setattr(desk.log, "append", unheard)
    with pytest.raises(BrokerUnreachableError):
        await answer(question, ASKER, desk.log, tmp_path)
    assert read == []


async def test_who_has_no_role_sees_nothing_and_the_attempt_is_on_record(desk, tmp_path):
    stranger = Asker("Sam Stranger", Purpose.DISRUPT_ORGANISED_CRIME)
    with pytest.raises(DeniedError, match="ANALYST"):
        await answer(listing(), stranger, desk.log, tmp_path)
    (refused,) = [decode(one.value, DecisionRefused) for one in desk.log.records(OPERATIONS)]
    assert (refused.actor, refused.subject) == ("Sam Stranger", "network list")
    assert refused.act == "LOOK_AT_POLICE_VIEW"


async def test_a_police_role_opens_no_view_of_the_hub(desk, tmp_path):
    asked = Question(Safeguarding(), "alert list", lambda *_: [])
    with pytest.raises(DeniedError, match="HUB_LEAD"):
        await answer(asked, ASKER, desk.log, tmp_path)


async def test_as_of_answers_from_the_log_up_to_that_instant(desk, tmp_path):
    then = desk.log.records("police.intelligence")[-1].appended_at
    await desk.hear(Told("R2").tie("dee", CO, "eve", "fay").police())
    now, before = [
        await answer(listing(), ASKER, desk.log, tmp_path, as_of) for as_of in (None, then)
    ]
    assert (len(now), len(before)) == (2, 1)


async def test_as_of_a_position_answers_from_what_lies_below_it(desk, tmp_path):
    await desk.hear(Told("R2").tie("dee", CO, "eve", "fay").police())
    both, one = [
        await answer(listing(), ASKER, desk.log, tmp_path, Position(POLICE, below))
        for below in (2, 1)
    ]
    assert (len(both), len(one)) == (2, 1)
    with pytest.raises(InvalidInputError, match="no record below"):
        await answer(listing(), ASKER, desk.log, tmp_path, Position(POLICE, 0))


async def test_where_no_projection_ran_there_is_nothing_to_see(tmp_path):
    log = MemoryLog()
    await let_act(log, ASKER.name, StaffRole.ANALYST)
    with pytest.raises(NoStoreError):
        await answer(listing(), ASKER, log, tmp_path)
    assert looks(log) == []


# --- who asks, and when ------------------------------------------------------------------


def test_every_look_needs_a_purpose_of_the_register():
    settings = Settings(name="desk", purpose=None)
    with pytest.raises(DeniedError, match="SAFEGUARD_CHILDREN"):
        asker_of(settings, None, None)
    with pytest.raises(InvalidInputError, match="SAFEGUARD_CHILDREN"):
        asker_of(settings, None, "CURIOSITY")
    assert asker_of(settings, None, "AUDIT") == Asker("desk", Purpose.AUDIT)


def test_the_settings_may_say_who_looks_and_why():
    settings = Settings(name="desk", purpose="AUDIT")
    assert asker_of(settings, None, None) == Asker("desk", Purpose.AUDIT)
    assert asker_of(settings, "DC Invented", None).name == "DC Invented"


def test_an_instant_has_its_time_zone():
    assert instant("2026-11-25T09:30+01:00") == datetime(2026, 11, 25, 8, 30, tzinfo=UTC)
    for text in ("2026-11-25T09:30", "then", ""):
        with pytest.raises(InvalidInputError):
            instant(text)


def test_a_moment_is_an_instant_or_a_position_in_a_topic_of_the_view():
    assert moment("2026-11-25T09:30Z", [POLICE]) == instant("2026-11-25T09:30Z")
    assert moment(f"{POLICE}:17", [POLICE]) == Position(POLICE, 17)
    beyond_any_log = f"{POLICE}:{'9' * 23}"
    others = ("safeguarding.intelligence:3", "police:", beyond_any_log)
    for text in (f"{POLICE}:x", f"{POLICE}:-1", *others):
        with pytest.raises(InvalidInputError, match=r"TOPIC:OFFSET.*police\.intelligence"):
            moment(text, [POLICE])


def test_who_gives_no_moment_is_told_both_ways_to_give_one():
    with pytest.raises(InvalidInputError, match="time zone; or a position as TOPIC:OFFSET"):
        moment("12345", [POLICE])
