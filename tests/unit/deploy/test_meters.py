"""Meters on a log: measured once a day, told to nobody but by the gate, shown to its own people."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from anonymiser import keyring
from deploy.authority import NotYourRoleError, allow_meters
from deploy.meters import measure, week_before
from deploy.views import now
from streams.codec import decode, encode
from streams.codes import StaffRole
from streams.memory import MemoryLog
from streams.ports import Outgoing
from streams.restricted import MeterMeasured, SourceHistoryMeasured
from streams.shared import DecisionRefused
from streams.topics import METERS, OPERATIONS, REGISTRY, RESOLUTIONS
from tests.invented_enclave import onboarded
from tests.staff import let_act
from tests.unit.anonymiser.meters.test_meters import many

KEYS = keyring.new_keys(random.Random(7).randbytes)


async def told():
    log = MemoryLog()
    for number in range(4):
        partner = f"agency{number}"
        await log.append([Outgoing(REGISTRY, encode(onboarded(partner)))])
        events = [event for event, _ in many(partner, 6).told]
        await log.append([Outgoing(RESOLUTIONS, encode(event)) for event in events])
    return log


def measured(log):
    return [decode(one.value, MeterMeasured, SourceHistoryMeasured) for one in log.records(METERS)]


async def test_every_agency_gets_a_meter_a_week_and_every_report_one_history():
    log = await told()
    at = datetime.now(UTC)
    assert await measure(log, KEYS, at) == 4 + 24
    found = measured(log)
    meters = [one for one in found if isinstance(one, MeterMeasured)]
    assert {one.partner for one in meters} == {f"agency{number}" for number in range(4)}
    assert {(one.own.reports, one.others.reports) for one in meters} == {(6, 18)}
    assert {one.week for one in meters} == {week_before(at)}


async def test_measuring_twice_is_measuring_once():
    log = await told()
    written = log.records(REGISTRY)[0].appended_at
    await measure(log, KEYS, written)
    assert await measure(log, KEYS, written) == 0
    assert await measure(log, KEYS, written + timedelta(days=8)) == 4
    histories = [one for one in measured(log) if isinstance(one, SourceHistoryMeasured)]
    assert len({(one.partner, one.report_id) for one in histories}) == len(histories) == 24


async def test_an_agencys_own_meters_are_for_its_people_and_for_auditors():
    log = MemoryLog()
    at = now()
    await log.append([Outgoing(REGISTRY, encode(onboarded("loxley-homes")))])
    await let_act(log, "Lou Testina", StaffRole.DISRUPTION_OFFICER, agency="loxley-homes")
    await let_act(log, "Aud Testina", StaffRole.AUDITOR, agency="police")
    await let_act(log, "Poul Testina", StaffRole.ANALYST, agency="police")
    for name in ("Lou Testina", "Aud Testina"):
        await allow_meters(log, name, "loxley-homes", at)
    await allow_meters(log, "Poul Testina", None, at)
    with pytest.raises(NotYourRoleError):
        await allow_meters(log, "Poul Testina", "loxley-homes", at)
    refused = [decode(one.value, DecisionRefused) for one in log.records(OPERATIONS)]
    assert [(one.actor, one.subject) for one in refused] == [
        ("Poul Testina", "meters show loxley-homes")
    ]
