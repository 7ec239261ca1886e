"""What the meters measured reaches whom it is for, by the one door, and nobody else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from deploy.meters import measure
from streams.shared import MeterTold, PoliceReportShared, SourceHistoryTold
from streams.taxonomy import RelationKind
from streams.topics import POLICE, SAFEGUARDING, feedback_of
from streams.values import PartnerType
from tests.enclave import PARTNERS, Enclave, onboarded, person, report, tie

AGENCIES = (*tuple(PARTNERS)[:2], "owlerton-school", "don-force")


@pytest.fixture
async def enclave():
    extra = [
        onboarded("owlerton-school", PartnerType.SCHOOL),
        onboarded("don-force", PartnerType.POLICE),
    ]
    enclave = await Enclave().start(extra=extra)
    for place, partner in enumerate(AGENCIES):
        for number in range(3):
            one = person(
                "a", given_name=f"Inventa{place}{number}", family_name=f"Madeupson{number}{place}"
            )
            other = person(
                "b", given_name=f"Fictus{number}{place}", family_name=f"Nowhereman{place}{number}"
            )
            ties = (tie("a", RelationKind.CO_OFFENDER, "b"),)
            told = report(one, other, partner=partner, relations=ties)
            await enclave.submit(told)
    return enclave


async def measured(enclave, days=40):
    at = enclave.log.records(POLICE)[-1].appended_at + timedelta(days=days)
    await measure(enclave.log, enclave.keys, at)
    await enclave.settle()


async def test_each_agency_is_told_its_own_meter_and_the_others_together(enclave):
    await measured(enclave)
    for partner in AGENCIES:
        (told,) = enclave.events(feedback_of(partner), MeterTold)
        assert (told.own.reports, told.own.untriaged, told.others.reports) == (3, 3, 9)
        assert told.own.unlinked is None


async def test_police_are_told_the_history_of_a_source_in_bands_and_the_hub_is_not(enclave):
    await measured(enclave)
    shared = {one.report_id for one in enclave.events(POLICE, PoliceReportShared)}
    told = enclave.events(POLICE, SourceHistoryTold)
    assert {one.report_id for one in told} == shared
    assert len({(one.reports, one.corroborated, one.reliable) for one in told}) == 1
    assert enclave.events(SAFEGUARDING, SourceHistoryTold) == []


async def test_told_once_is_not_told_again(enclave):
    await measured(enclave)
    await measured(enclave, days=48)
    told = enclave.events(POLICE, SourceHistoryTold)
    assert len({one.report_id for one in told}) == len(told)
    weeks = [one.week for one in enclave.events(feedback_of(AGENCIES[0]), MeterTold)]
    assert len(set(weeks)) == len(weeks) == 2
