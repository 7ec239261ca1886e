"""The register of partners: who may send what, and until when."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from streams.codec import encode
from streams.errors import DecodeError
from streams.memory import MemoryLog
from streams.ports import Outgoing
from streams.registry import Registry, Standing
from streams.registry_worker import RegistryFollower
from streams.shared import LawfulGateway, PartnerOnboarded, PartnerSuspended, Service
from streams.topics import REGISTRY
from streams.values import DataCategory, Gateway, PartnerType, Purpose

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
EXPIRY = NOW + timedelta(days=365)

ONBOARDED = PartnerOnboarded(
    partner="northside-housing",
    name="Northside Housing",
    type=PartnerType.HOUSING,
    services=(
        Service(
            name="tenancy",
            health_or_social_care=False,
            data_categories=(DataCategory.HOUSING,),
        ),
    ),
    agreement="ISA-2026-04",
    gateways=(
        LawfulGateway(
            gateway=Gateway.CDA_1998_S115,
            purposes=(Purpose.DISRUPT_ORGANISED_CRIME,),
        ),
    ),
    narrative_permitted=False,
    expires_at=EXPIRY,
    decided_by="registrar",
    decided_at=NOW,
)
SUSPENDED = PartnerSuspended(
    partner="northside-housing",
    reason="agreement under review",
    decided_by="registrar",
    decided_at=NOW,
)


def registry_of(*events):
    registry = Registry()
    for event in events:
        registry.apply(event)
    return registry


def test_nobody_is_known_before_the_first_event():
    registry = registry_of()

    assert registry.standing("northside-housing", NOW) is Standing.UNKNOWN
    assert registry.entry("northside-housing") is None
    assert registry.partners() == ()


def test_an_onboarded_partner_is_active_until_the_instant_of_expiry():
    registry = registry_of(ONBOARDED)

    last = EXPIRY - timedelta(microseconds=1)
    assert registry.standing("northside-housing", last) is Standing.ACTIVE
    assert registry.standing("northside-housing", EXPIRY) is Standing.EXPIRED


def test_a_suspension_holds_until_the_partner_is_onboarded_again():
    registry = registry_of(ONBOARDED, SUSPENDED)
    assert registry.standing("northside-housing", NOW) is Standing.SUSPENDED
    assert registry.standing("northside-housing", EXPIRY) is Standing.SUSPENDED

    registry.apply(ONBOARDED)

    assert registry.standing("northside-housing", NOW) is Standing.ACTIVE


def test_onboarding_again_replaces_the_whole_entry():
    registry = registry_of(ONBOARDED, replace(ONBOARDED, gateways=(), services=()))

    entry = registry.entry("northside-housing")
    assert entry.service("tenancy") is None
    assert not entry.lists(Gateway.CDA_1998_S115, Purpose.DISRUPT_ORGANISED_CRIME)


def test_a_gateway_is_listed_for_its_own_purposes_only():
    entry = registry_of(ONBOARDED).entry("northside-housing")

    assert entry.lists(Gateway.CDA_1998_S115, Purpose.DISRUPT_ORGANISED_CRIME)
    assert not entry.lists(Gateway.CDA_1998_S115, Purpose.SAFEGUARD_CHILDREN)
    assert not entry.lists(Gateway.COMMON_LAW, Purpose.DISRUPT_ORGANISED_CRIME)


def test_a_service_is_found_by_its_name():
    entry = registry_of(ONBOARDED).entry("northside-housing")

    assert entry.service("tenancy") == ONBOARDED.services[0]
    assert entry.service("anti-social behaviour") is None


def test_suspending_a_stranger_changes_nothing():
    assert registry_of(SUSPENDED).standing("northside-housing", NOW) is Standing.UNKNOWN


def test_partners_are_told_in_name_order_suspended_ones_too():
    registry = registry_of(ONBOARDED, replace(ONBOARDED, partner="a-school"), SUSPENDED)

    assert registry.partners() == ("a-school", "northside-housing")


async def test_a_follower_knows_what_was_there_and_hears_what_comes():
    log = MemoryLog()
    await log.append([Outgoing(REGISTRY, encode(ONBOARDED))])
    follower = RegistryFollower(log)

    await follower.start()
    assert follower.registry.partners() == ("northside-housing",)
    assert not await follower.refresh()

    await log.append([Outgoing(REGISTRY, encode(SUSPENDED))])
    assert await follower.refresh()
    assert follower.registry.standing("northside-housing", NOW) is Standing.SUSPENDED
    await follower.stop()


async def test_a_register_that_cannot_be_read_is_not_guessed_at():
    log = MemoryLog()
    await log.append([Outgoing(REGISTRY, b"\x01nonsense")])

    with pytest.raises(DecodeError):
        await RegistryFollower(log).start()
