from __future__ import annotations

import pytest

from anonymiser.intake.worker.ahead import ALARMS_MAX, BACKLOG_RECORDS, WAITS, Ahead
from deploy.duty import group
from streams.codec import decode
from streams.memory import MemoryLog
from streams.ports import Outgoing
from streams.restricted import RiskRaised
from streams.topics import DUTY, submissions_of
from tests.invented_enclave import context, sealed
from tests.invented_reports import PARTNER, report

TOPIC = submissions_of(PARTNER)
ORDINARY, URGENT = sealed(report()), sealed(report(immediate_risk=True))


@pytest.fixture
async def log():
    return MemoryLog()


async def backlog(log, *at):
    """A backlog of ordinary reports with urgent ones at some places."""
    await log.append(
        [
            Outgoing(TOPIC, URGENT if offset in at else ORDINARY)
            for offset in range(BACKLOG_RECORDS + 2)
        ]
    )
    return {TOPIC: (0, BACKLOG_RECORDS + 2)}


def raised(log):
    return [decode(record.value, RiskRaised) for record in log.records(DUTY)]


async def test_an_urgent_report_deep_in_a_backlog_is_told_of_at_once(log):
    lanes = await backlog(log, 3, BACKLOG_RECORDS + 1)
    await Ahead(log, context()).look(lanes)
    assert [one.offset for one in raised(log)] == [3, BACKLOG_RECORDS + 1]
    assert all(one.readable and one.reasons[-1].code == WAITS for one in raised(log))


async def test_it_is_told_of_once_however_often_one_looks(log):
    lanes, ahead = await backlog(log, 3), Ahead(log, context())
    for _ in range(3):
        await ahead.look(lanes)
    await ahead.look({TOPIC: (BACKLOG_RECORDS, BACKLOG_RECORDS + 2)})  # caught up
    await ahead.look(lanes)
    assert [one.offset for one in raised(log)] == [3]


async def test_a_partner_to_whom_everything_is_urgent_holds_nobody_up_and_is_told_of_in_turn(log):
    everything = range(BACKLOG_RECORDS + 2)
    lanes, ahead = await backlog(log, *everything), Ahead(log, context())
    await ahead.look(lanes)
    assert ALARMS_MAX <= len(raised(log)) < 2 * ALARMS_MAX
    for _ in everything[::ALARMS_MAX]:
        await ahead.look(lanes)
    assert [one.offset for one in raised(log)] == list(everything)


async def test_without_a_backlog_nothing_is_read_ahead(log):
    await backlog(log, 3)
    await Ahead(log, context()).look({TOPIC: (BACKLOG_RECORDS, BACKLOG_RECORDS + 2)})
    assert raised(log) == []


async def test_what_cannot_be_read_waits_for_its_turn(log):
    await log.append([Outgoing(TOPIC, b"rubbish")] * (BACKLOG_RECORDS + 2))
    await Ahead(log, context()).look({TOPIC: (0, BACKLOG_RECORDS + 2)})
    assert raised(log) == []


async def test_the_duty_officer_sees_one_line_for_the_early_alarm_and_the_one_in_its_turn(log):
    lanes = await backlog(log, 3)
    await Ahead(log, context()).look(lanes)
    (early,) = raised(log)
    (entry,) = group([early, early])
    assert (entry.count, entry.report_id) == (1, early.report_id)
    assert WAITS in entry.reasons
