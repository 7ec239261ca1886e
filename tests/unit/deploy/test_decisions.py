"""Deciding: once, by whom the register allows, on all that was decided before."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from deploy.authority import Act, NotYourRoleError
from deploy.decisions import Decision, SomebodyElseDecidesError, decide_on
from deploy.views import Asker
from streams.codec import decode
from streams.codes import StaffRole
from streams.errors import InvalidInputError
from streams.memory import MemoryLog
from streams.shared import DecisionRefused, NominalEnrolled, OperationRecorded
from streams.topics import OPERATIONS, POLICE_DECISIONS
from streams.values import Operation, Purpose
from tests.staff import let_act

ADA = Asker("Ada Testina", Purpose.DISRUPT_ORGANISED_CRIME)
BEA = Asker("Bea Testina", Purpose.DISRUPT_ORGANISED_CRIME)
ENROL = Decision(Act.DECIDE_ON_NOMINAL, "nominal enrol 4f", "police", POLICE_DECISIONS)


@pytest.fixture
async def log():
    log = MemoryLog()
    for one in (ADA, BEA):
        await let_act(log, one.name, StaffRole.ANALYST)
    return log


def enrolling(person: UUID, by: Asker = ADA):
    def choose(_, at):
        return [NominalEnrolled(person_id=person, seen=0, decided_by=by.name, decided_at=at)]

    return choose


def decided(log):
    return [decode(one.value, NominalEnrolled) for one in log.records(POLICE_DECISIONS)]


async def test_a_decision_and_its_audit_row_are_written_together(log):
    person = uuid4()
    (event,) = await decide_on(log, ADA, ENROL, enrolling(person))
    assert decided(log) == [event]
    (row,) = [decode(one.value, OperationRecorded) for one in log.records(OPERATIONS)]
    assert (row.operation, row.actor, row.subject) == (
        Operation.ALTERATION,
        "Ada Testina",
        "nominal enrol 4f",
    )


async def test_who_may_not_decide_writes_nothing_but_the_record_of_having_asked(log):
    stranger = Asker("Sam Stranger", Purpose.DISRUPT_ORGANISED_CRIME)
    with pytest.raises(NotYourRoleError):
        await decide_on(log, stranger, ENROL, enrolling(uuid4()))
    assert decided(log) == []
    (refused,) = [decode(one.value, DecisionRefused) for one in log.records(OPERATIONS)]
    assert (refused.actor, refused.act) == ("Sam Stranger", "DECIDE_ON_NOMINAL")


async def test_what_cannot_be_decided_leaves_the_log_as_it_was(log):
    def refuse(_records, _at):
        raise InvalidInputError("no such person")

    with pytest.raises(InvalidInputError, match="no such person"):
        await decide_on(log, ADA, ENROL, refuse)
    assert decided(log) == []
    assert not log.records(OPERATIONS)


async def test_a_decision_sees_every_earlier_one(log):
    await decide_on(log, ADA, ENROL, enrolling(uuid4()))
    seen = []

    def look(records, _at):
        seen.extend(records)
        return []

    await decide_on(log, BEA, ENROL, look)
    assert len(seen) == 1


class Interrupted(MemoryLog):
    """A log on which somebody else decides between the look and the decision."""

    meanwhile = None

    async def settled(self, topics):
        await super().settled(topics)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()


async def test_of_two_that_decide_at_once_one_is_told_and_wrote_nothing():
    log = Interrupted()
    for one in (ADA, BEA):
        await let_act(log, one.name, StaffRole.ANALYST)
    hers = uuid4()

    async def bea_is_quicker():
        await decide_on(log, BEA, ENROL, enrolling(hers, BEA))

    log.meanwhile = bea_is_quicker
    with pytest.raises(SomebodyElseDecidesError):
        await decide_on(log, ADA, ENROL, enrolling(uuid4()))
    assert [one.person_id for one in decided(log)] == [hers]
    assert len(log.records(OPERATIONS)) == 1
