"""What a registry entry must hold before anybody is onboarded by it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from deploy.cli.staff import _end_of
from deploy.progress import progress_file
from deploy.registry import (
    HOME_OF,
    anonymiser_runs,
    assign_role,
    require_home,
    require_sound,
    wait_until_served,
)
from deploy.settings import Settings
from streams.codes import StaffRole
from streams.errors import InvalidInputError
from streams.shared import LawfulGateway, PartnerOnboarded, Service
from streams.topics import submissions_of
from streams.values import DataCategory, Gateway, PartnerType, Purpose
from tests.staff import assigned

DECIDED = datetime(2026, 11, 1, tzinfo=UTC)
PERSONAL = (DataCategory.PERSONAL,)
HOUSING = Service(name="housing", health_or_social_care=False, data_categories=PERSONAL)
CLINIC = replace(HOUSING, name="clinic", health_or_social_care=True)
S115 = LawfulGateway(gateway=Gateway.CDA_1998_S115, purposes=(Purpose.DISRUPT_ORGANISED_CRIME,))
PCSC = replace(S115, gateway=Gateway.PCSC_2022_PART2)


def entry(**changes) -> PartnerOnboarded:
    facts = {
        "partner": "loxley-housing",
        "name": "Loxley Housing",
        "type": PartnerType.HOUSING,
        "services": (HOUSING,),
        "agreement": "ISA-7",
        "gateways": (S115,),
        "narrative_permitted": False,
        "expires_at": DECIDED + timedelta(days=365),
        "decided_by": "registrar",
        "decided_at": DECIDED,
    }
    return PartnerOnboarded(**(facts | changes))


@pytest.mark.parametrize("role", StaffRole)
@pytest.mark.parametrize("agency", ["police", "hub", "loxley-council"])
def test_a_role_of_one_body_is_assigned_for_that_body_alone(role, agency):
    if HOME_OF.get(role, agency) == agency:
        require_home(role, agency)
    else:
        with pytest.raises(InvalidInputError, match=f"{role} is a role of {HOME_OF[role]}"):
            require_home(role, agency)
    assert HOME_OF[StaffRole.ANALYST] == "police"
    assert HOME_OF[StaffRole.HUB_LEAD] == "hub"


def test_a_role_lasts_to_the_end_of_its_day_in_london():
    assert _end_of("2026-06-30") == datetime(2026, 6, 30, 23, tzinfo=UTC)
    assert _end_of("2026-12-31") == datetime(2027, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("day", ["9999-12-31", "2026-02-30", "for ever"])
def test_a_day_after_which_there_is_none_is_refused_as_one_that_is_none(day):
    with pytest.raises(InvalidInputError, match="--until is a day"):
        _end_of(day)


async def test_a_name_that_nobody_can_type_again_is_given_no_role(settings):
    (role,) = assigned("Ada\x1b Testina", StaffRole.ANALYST)
    with pytest.raises(InvalidInputError, match="name: a character"):
        await assign_role(settings, role)


def test_a_sound_entry_passes():
    require_sound(entry())
    require_sound(entry(services=(HOUSING, CLINIC), gateways=(S115, PCSC)))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"partner": "Loxley Housing"}, "partner"),
        ({"partner": "x.y.z"}, "partner"),
        ({"name": "  "}, "name"),
        ({"agreement": ""}, "agreement"),
        ({"agreement": "x" * 201}, "agreement"),
        ({"services": ()}, "services"),
        ({"services": (HOUSING, HOUSING)}, "services"),
        ({"services": (replace(HOUSING, name=""),)}, r"services\[0\].name"),
        ({"services": (replace(HOUSING, data_categories=()),)}, r"services\[0\].data_categories"),
        ({"gateways": ()}, "gateways"),
        ({"gateways": (S115, S115)}, "gateways"),
        ({"gateways": (replace(S115, purposes=()),)}, r"gateways\[0\].purposes"),
        ({"services": (CLINIC,), "gateways": (PCSC,)}, "gateways: PCSC Act 2022 s16"),
        ({"expires_at": DECIDED}, "expires_at"),
    ],
    ids=str,
)
def test_an_entry_that_does_not_hold_names_the_field(changes, field):
    with pytest.raises(InvalidInputError, match=f"^{field}"):
        require_sound(entry(**changes))


@pytest.fixture
def settings(tmp_path):
    settings = Settings(home=tmp_path / "home")
    settings.make_folders()
    return settings


def tell(settings, *partners, at=None):
    at = at or datetime.now(UTC)
    topics = {submissions_of(one): {} for one in partners}
    facts = {"topics": topics, "written_at": at.isoformat()}
    progress_file(settings, "anonymiser").write_text(json.dumps(facts))


async def test_a_partner_is_served_once_the_anonymiser_says_so(settings):
    tell(settings, "loxley-housing")
    assert await wait_until_served(settings, ("loxley-housing",), 0.2) == ()
    assert await wait_until_served(settings, ("loxley-housing", "rivelin-fire"), 0.2) == (
        "rivelin-fire",
    )


async def test_what_an_ended_process_once_said_does_not_count(settings):
    assert not anonymiser_runs(settings)
    tell(settings, "loxley-housing", at=datetime.now(UTC) - timedelta(minutes=1))
    assert not anonymiser_runs(settings)
    assert await wait_until_served(settings, ("loxley-housing",), 0.1) == ("loxley-housing",)


@pytest.mark.parametrize("text", ["", "[]", '{"written_at": 3}', '{"written_at": "2026-01-01"}'])
async def test_a_status_file_that_says_nothing_is_no_promise(settings, text):
    progress_file(settings, "anonymiser").write_text(text)
    assert await wait_until_served(settings, ("loxley-housing",), 0.1) == ("loxley-housing",)
