"""Meters on a log: measured once a day, told to nobody but by the gate, shown to its own people."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from anonymiser import keyring
from anonymiser.gate.audience import AudienceIds
from deploy.authority import NotYourRoleError, allow_meters
from deploy.meters import measure, week_before
from deploy.registry import UnknownPartnerError
from deploy.views import now
from streams.codec import decode, encode
from streams.codes import StaffRole
from streams.memory import MemoryLog
from streams.ports import Outgoing
from streams.restricted import MeterMeasured, ReportAdmitted, SourceHistoryMeasured
from streams.shared import DecisionRefused
from streams.taxonomy import RelationKind
from streams.topics import METERS, OPERATIONS, POLICE, REGISTRY, RESOLUTIONS
from streams.values import Audience
from tests.invented_enclave import onboarded
from tests.invented_evidence import Told
from tests.staff import let_act
from tests.unit.anonymiser.meters.test_meters import many

KEYS = keyring.new_keys(random.Random(7).randbytes)
POLICE_IDS = AudienceIds(Audience.POLICE, KEYS.audience)


async def told():
    log = MemoryLog()
    for number in range(4):
        partner = f"agency{number}"
        await log.append([Outgoing(REGISTRY, encode(onboarded(partner)))])
        events = [event for event, _ in many(partner, 6).told]
        await log.append([Outgoing(RESOLUTIONS, encode(event)) for event in events])
        known = {(e.partner, e.report_id) for e in events if isinstance(e, ReportAdmitted)}
        await log.append([Outgoing(POLICE, encode(shown(*one))) for one in sorted(known)])
    return log


def shown(partner, report_id):
    """The report as police have it, under their id."""
    named = POLICE_IDS.report(partner, report_id)
    return replace(Told("R1").tie("ada", RelationKind.CO_OFFENDER, "bob").police(), report_id=named)


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


async def test_of_a_report_that_police_do_not_have_there_is_no_history():
    log = await told()
    events = [event for event, _ in many("agency0", 7).told]
    await log.append([Outgoing(RESOLUTIONS, encode(event)) for event in events])
    await measure(log, KEYS, datetime.now(UTC))
    histories = [one for one in measured(log) if isinstance(one, SourceHistoryMeasured)]
    assert len(histories) == 24


async def test_measuring_twice_is_measuring_once():
    log = await told()
    written = log.records(REGISTRY)[0].appended_at
    await measure(log, KEYS, written)
    assert await measure(log, KEYS, written) == 0
    assert await measure(log, KEYS, written + timedelta(days=8)) == 4
    histories = [one for one in measured(log) if isinstance(one, SourceHistoryMeasured)]
    assert len({(one.partner, one.report_id) for one in histories}) == len(histories) == 24


async def test_what_a_crash_left_unmeasured_is_measured_the_next_day():
    log = await told()
    written = log.records(REGISTRY)[0].appended_at
    await measure(log, KEYS, written)
    whole = [one.value for one in log.records(METERS)]
    again = await told()
    await again.append([Outgoing(METERS, value) for value in whole[:2]])

    assert await measure(again, KEYS, written) == 0
    assert await measure(again, KEYS, written + timedelta(days=1)) in {26, 28}  # or a new week
    assert len({one.partner for one in measured(again) if isinstance(one, MeterMeasured)}) == 4


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
    with pytest.raises(UnknownPartnerError):
        await allow_meters(log, "Aud Testina", "nobody-homes", at)
    refused = [decode(one.value, DecisionRefused) for one in log.records(OPERATIONS)]
    assert [(one.actor, one.subject) for one in refused] == [
        ("Poul Testina", "meters show loxley-homes")
    ]
