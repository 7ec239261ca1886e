from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from anonymiser import keyring
from anonymiser.gate.audience import AudienceIds
from deploy.usage import is_due, tell_usage
from streams.codec import decode, encode
from streams.memory import MemoryLog
from streams.ports import Outgoing
from streams.shared import AlertRaised, FeedbackGiven, PathStep, UsageTold
from streams.taxonomy import RelationKind
from streams.topics import ALERTS, REGISTRY, feedback_of
from streams.values import AlertRule, Audience, CountBand, Outcome
from tests.enclave import PARTNERS, onboarded

KEYS = keyring.new_keys(random.Random(4).randbytes)
HUB = AudienceIds(Audience.SAFEGUARDING, KEYS.audience)
PARTNER = "loxley-council"
MONDAY = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
DUE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def given(report_id, outcome=Outcome.SHARED):
    return FeedbackGiven(
        report_id=report_id,
        revision=1,
        outcome=outcome,
        reasons=(),
        immediate_risk=False,
        offset=None,
        given_at=MONDAY,
    )


def alert(report_ids):
    step = PathStep(
        from_id=UUID(int=1), kind=RelationKind.SIBLING, to_id=UUID(int=2), report_ids=report_ids
    )
    return AlertRaised(
        alert_id=UUID(int=9),
        rule=AlertRule.SIBLING_OF_INVOLVED,
        rule_version=1,
        child_id=UUID(int=1),
        path=(step,),
        raised_at=MONDAY,
    )


@pytest.fixture
async def log():
    reports = [UUID(int=number) for number in range(1, 31)]
    used = tuple(HUB.report(PARTNER, one) for one in reports[:10])
    log = MemoryLog()
    await log.append(
        [Outgoing(REGISTRY, encode(onboarded(*one))) for one in PARTNERS.items()]
        + [Outgoing(feedback_of(PARTNER), encode(given(one))) for one in reports]
        + [Outgoing(feedback_of(PARTNER), encode(given(UUID(int=99), Outcome.REFUSED)))]
        + [Outgoing(ALERTS, encode(alert(used)))]
    )
    return log


def told_to(log, partner=PARTNER):
    found = []
    for record in log.records(feedback_of(partner)):
        event = decode(record.value, FeedbackGiven, UsageTold)
        if isinstance(event, UsageTold):
            found.append(event)
    return found


async def test_a_partner_is_told_of_a_week_two_weeks_after_it_ended_and_once(log):
    assert await tell_usage(log, KEYS, DUE - timedelta(days=1)) == 0
    assert await tell_usage(log, KEYS, DUE) == 1
    assert await tell_usage(log, KEYS, DUE + timedelta(days=30)) == 0

    (event,) = told_to(log)
    assert (event.week, event.shared, event.used) == (
        "2026-W45",
        CountBand.FROM_20,
        CountBand.FROM_5,
    )
    assert not told_to(log, "porter-housing")


def test_a_week_is_due_by_the_london_calendar():
    assert not is_due("2026-W45", datetime(2026, 11, 22, 23, 59, tzinfo=UTC))
    assert is_due("2026-W45", datetime(2026, 11, 23, 0, 0, tzinfo=UTC))
    assert is_due("2026-W53", datetime(2027, 1, 18, 0, 0, tzinfo=UTC))
