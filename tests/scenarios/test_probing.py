"""Who asks by reporting is told on, and is refused nothing (privacy.md section 8, property 25)."""

from __future__ import annotations

import pytest

from streams.codec import decode
from streams.restricted import ProbingNoticed
from streams.topics import ALARMS
from streams.values import ProbingSignal
from tests.enclave import Enclave, corrected, person, report


@pytest.fixture
async def enclave():
    return await Enclave().start()


def alarms(enclave):
    return [decode(record.value, ProbingNoticed) for record in enclave.log.records(ALARMS)]


async def test_a_report_corrected_in_series_is_noticed_once_and_still_taken(enclave):
    told = report(person(given_name="Arvid", family_name="Testmann"))
    await enclave.submit(told)
    for number in range(14):
        told = corrected(told, person(given_name="Arvid", family_name=f"Testmann{'n' * number}"))
        await enclave.submit(told)

    (alarm,) = alarms(enclave)
    assert (alarm.partner, alarm.signal) == (told.partner, ProbingSignal.MANY_REVISIONS)
    assert alarm.count == 11
    assert set(enclave.outcomes(told)) == {"SHARED"}


async def test_a_few_corrections_and_withdrawals_are_nobodys_business(enclave):
    told = report()
    await enclave.submit(told)
    for _ in range(5):
        told = corrected(told)
        await enclave.submit(told)
    await enclave.withdraw(told)

    assert not alarms(enclave)


async def test_an_alarm_names_no_report_and_no_person(enclave):
    told = report(person(given_name="Arvid", family_name="Testmann"))
    await enclave.submit(told)
    for _ in range(12):
        told = corrected(told)
        await enclave.submit(told)

    (record,) = enclave.log.records(ALARMS)
    assert record.key is None
    assert told.report_id.bytes not in record.value
    assert b"estmann" not in record.value
