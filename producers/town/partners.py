"""Partner bodies of the Sheffield kind, with the powers each could plausibly share under.

Names are invented. Which gateway is plausible for whom follows domain.md
section 5; NHS trusts and fire are no first responders and a trust never uses
the Serious Violence Duty (PCSC Act 2022 s16).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from producers.town.organisations import NORTH_TRUST, SOUTH_TRUST
from streams.shared import LawfulGateway, PartnerOnboarded, Service
from streams.values import DataCategory, Gateway, PartnerType, Purpose

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class Matter(StrEnum):
    """What a practitioner writes about; decides service, category, gateway and purpose."""

    CRIME = "CRIME"
    VIOLENCE = "VIOLENCE"
    WELFARE = "WELFARE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """Under what a body may share a matter."""

    service: str
    data_category: DataCategory
    gateway: Gateway
    purpose: Purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """One partner. `knows` are the registers whose numbers its records hold, and how often."""

    partner: str
    name: str
    type: PartnerType
    services: tuple[Service, ...]
    channels: Mapping[Matter, Channel]
    knows: Mapping[str, float]
    reference: str
    also_lawful: tuple[LawfulGateway, ...] = ()
    narrative_permitted: bool = False
    lapsed: bool = False

    def gateways(self) -> tuple[LawfulGateway, ...]:
        """Return what its agreement lists, gateway by gateway."""
        listed: dict[Gateway, list[Purpose]] = {}
        for channel in self.channels.values():
            purposes = listed.setdefault(channel.gateway, [])
            if channel.purpose not in purposes:
                purposes.append(channel.purpose)
        own = (LawfulGateway(gateway=g, purposes=tuple(p)) for g, p in listed.items())
        return (*own, *self.also_lawful)

    def entry(self, decided_at: datetime, expires_at: datetime, by: str) -> PartnerOnboarded:
        """Return the registry entry an administrator would make for this body."""
        return PartnerOnboarded(
            partner=self.partner,
            name=self.name,
            type=self.type,
            services=self.services,
            agreement=f"ISA-{self.reference}-2026",
            gateways=self.gateways(),
            narrative_permitted=self.narrative_permitted,
            expires_at=expires_at,
            decided_by=by,
            decided_at=decided_at,
        )


def _service(name: str, *categories: DataCategory, care: bool = False) -> Service:
    return Service(name=name, health_or_social_care=care, data_categories=categories)


def _channel(service: str, category: DataCategory, gateway: Gateway, purpose: Purpose) -> Channel:
    return Channel(service=service, data_category=category, gateway=gateway, purpose=purpose)


_CRIME = Purpose.DISRUPT_ORGANISED_CRIME
_VIOLENCE = Purpose.PREVENT_SERIOUS_VIOLENCE
_CHILDREN = Purpose.SAFEGUARD_CHILDREN

COUNCIL: Final = Body(
    partner="sheaf-council",
    name="Sheaf Valley Council",
    type=PartnerType.COUNCIL,
    services=(
        _service("childrens-social-care", DataCategory.SOCIAL_CARE, care=True),
        _service("early-help", DataCategory.PERSONAL, DataCategory.SOCIAL_CARE, care=True),
        _service("adult-social-care", DataCategory.SOCIAL_CARE, care=True),
        _service("community-safety", DataCategory.PERSONAL, DataCategory.CRIMINAL_OFFENCE),
        _service("youth-services", DataCategory.PERSONAL),
        _service("education-welfare", DataCategory.EDUCATION),
        _service("council-housing", DataCategory.HOUSING),
        _service("trading-standards", DataCategory.PERSONAL, DataCategory.CRIMINAL_OFFENCE),
    ),
    channels={
        Matter.CRIME: _channel(
            "community-safety", DataCategory.CRIMINAL_OFFENCE, Gateway.CDA_1998_S115, _CRIME
        ),
        Matter.VIOLENCE: _channel(
            "youth-services", DataCategory.PERSONAL, Gateway.PCSC_2022_PART2, _VIOLENCE
        ),
        Matter.WELFARE: _channel(
            "childrens-social-care", DataCategory.SOCIAL_CARE, Gateway.CA_2004_S11, _CHILDREN
        ),
    },
    knows={"nhs_number": 0.75, "upn": 0.75},
    reference="SVC",
    narrative_permitted=True,
)

HOSPITAL: Final = Body(
    partner="five-weirs-hospitals",
    name="Five Weirs Hospitals Trust",
    type=PartnerType.HEALTH,
    services=(
        _service("emergency-department", DataCategory.PATIENT, care=True),
        _service("navigator", DataCategory.PATIENT, DataCategory.PERSONAL, care=True),
    ),
    channels={
        Matter.CRIME: _channel(
            "emergency-department", DataCategory.PATIENT, Gateway.COMMON_LAW, _CRIME
        ),
        Matter.VIOLENCE: _channel("navigator", DataCategory.PATIENT, Gateway.COMMON_LAW, _VIOLENCE),
        Matter.WELFARE: _channel("navigator", DataCategory.PATIENT, Gateway.CA_2004_S11, _CHILDREN),
    },
    knows={"nhs_number": 0.95},
    reference="FWH",
)

SCHOOL_NURSING: Final = Body(
    partner="rivermead-nursing",
    name="Rivermead School Nursing",
    type=PartnerType.HEALTH,
    services=(_service("school-nursing", DataCategory.PATIENT, care=True),),
    channels={
        Matter.CRIME: _channel("school-nursing", DataCategory.PATIENT, Gateway.COMMON_LAW, _CRIME),
        Matter.VIOLENCE: _channel(
            "school-nursing", DataCategory.PATIENT, Gateway.COMMON_LAW, _VIOLENCE
        ),
        Matter.WELFARE: _channel(
            "school-nursing", DataCategory.PATIENT, Gateway.CA_2004_S11, _CHILDREN
        ),
    },
    knows={"nhs_number": 0.95, "upn": 0.4},
    reference="RSN",
)


def _school_trust(partner: str, name: str, reference: str) -> Body:
    return Body(
        partner=partner,
        name=name,
        type=PartnerType.SCHOOL,
        services=(_service("safeguarding-leads", DataCategory.EDUCATION, DataCategory.PERSONAL),),
        channels={
            Matter.CRIME: _channel(
                "safeguarding-leads", DataCategory.PERSONAL, Gateway.DPA_2018_SCH2_PARA2, _CRIME
            ),
            Matter.VIOLENCE: _channel(
                "safeguarding-leads", DataCategory.EDUCATION, Gateway.PCSC_2022_PART2, _VIOLENCE
            ),
            Matter.WELFARE: _channel(
                "safeguarding-leads", DataCategory.EDUCATION, Gateway.CA_2004_S10, _CHILDREN
            ),
        },
        knows={"upn": 0.95},
        reference=reference,
    )


NORTH_SCHOOLS: Final = _school_trust(NORTH_TRUST, "Don Valley Schools", "DVS")
SOUTH_SCHOOLS: Final = _school_trust(SOUTH_TRUST, "Porter Brook Schools", "PBS")

HOUSING: Final = Body(
    partner="loxley-homes",
    name="Loxley Homes",
    type=PartnerType.HOUSING,
    services=(_service("tenancy-enforcement", DataCategory.HOUSING, DataCategory.PERSONAL),),
    channels={
        Matter.CRIME: _channel(
            "tenancy-enforcement", DataCategory.HOUSING, Gateway.CDA_1998_S115, _CRIME
        ),
        Matter.VIOLENCE: _channel(
            "tenancy-enforcement", DataCategory.HOUSING, Gateway.CDA_1998_S115, _VIOLENCE
        ),
        Matter.WELFARE: _channel(
            "tenancy-enforcement", DataCategory.HOUSING, Gateway.CA_2004_S10, _CHILDREN
        ),
    },
    knows={},
    reference="LXH",
)

YOUTH_JUSTICE: Final = Body(
    partner="castle-youth-justice",
    name="Castle Youth Justice Service",
    type=PartnerType.YOUTH_JUSTICE,
    services=(_service("youth-justice", DataCategory.CRIMINAL_OFFENCE, DataCategory.PERSONAL),),
    channels={
        Matter.CRIME: _channel(
            "youth-justice", DataCategory.CRIMINAL_OFFENCE, Gateway.CDA_1998_S115, _CRIME
        ),
        Matter.VIOLENCE: _channel(
            "youth-justice", DataCategory.PERSONAL, Gateway.PCSC_2022_PART2, _VIOLENCE
        ),
        Matter.WELFARE: _channel(
            "youth-justice", DataCategory.PERSONAL, Gateway.CA_2004_S11, _CHILDREN
        ),
    },
    knows={"nhs_number": 0.7, "upn": 0.8, "pnc_id": 0.9},
    reference="CYJ",
)

PROBATION: Final = Body(
    partner="weston-probation",
    name="Weston Bank Probation",
    type=PartnerType.PROBATION,
    services=(_service("offender-management", DataCategory.CRIMINAL_OFFENCE),),
    channels={
        Matter.CRIME: _channel(
            "offender-management", DataCategory.CRIMINAL_OFFENCE, Gateway.DPA_2018_PART3, _CRIME
        ),
        Matter.VIOLENCE: _channel(
            "offender-management",
            DataCategory.CRIMINAL_OFFENCE,
            Gateway.PCSC_2022_PART2,
            _VIOLENCE,
        ),
        Matter.WELFARE: _channel(
            "offender-management", DataCategory.CRIMINAL_OFFENCE, Gateway.CA_2004_S11, _CHILDREN
        ),
    },
    knows={"pnc_id": 0.95, "nhs_number": 0.3},
    reference="WBP",
)

FIRE: Final = Body(
    partner="sheaf-fire",
    name="Sheaf Fire and Rescue",
    type=PartnerType.FIRE,
    services=(_service("community-risk", DataCategory.PERSONAL),),
    channels={
        Matter.CRIME: _channel(
            "community-risk", DataCategory.PERSONAL, Gateway.CDA_1998_S115, _CRIME
        ),
        Matter.VIOLENCE: _channel(
            "community-risk", DataCategory.PERSONAL, Gateway.PCSC_2022_PART2, _VIOLENCE
        ),
        Matter.WELFARE: _channel(
            "community-risk", DataCategory.PERSONAL, Gateway.CA_2004_S16LA, _CHILDREN
        ),
    },
    knows={},
    reference="SFR",
)

VOLUNTARY: Final = Body(
    partner="sharrow-futures",
    name="Sharrow Futures",
    type=PartnerType.VOLUNTARY,
    services=(_service("mentoring", DataCategory.PERSONAL),),
    channels={
        Matter.CRIME: _channel(
            "mentoring", DataCategory.PERSONAL, Gateway.DPA_2018_SCH2_PARA2, _CRIME
        ),
        Matter.VIOLENCE: _channel(
            "mentoring", DataCategory.PERSONAL, Gateway.DPA_2018_SCH2_PARA2, _VIOLENCE
        ),
        Matter.WELFARE: _channel("mentoring", DataCategory.PERSONAL, Gateway.COMMON_LAW, _CHILDREN),
    },
    knows={},
    reference="SHF",
)

LAPSED: Final = Body(
    partner="neepsend-mentors",
    name="Neepsend Mentors",
    type=PartnerType.VOLUNTARY,
    services=(_service("outreach", DataCategory.PERSONAL),),
    channels={
        Matter.CRIME: _channel(
            "outreach", DataCategory.PERSONAL, Gateway.DPA_2018_SCH2_PARA2, _CRIME
        ),
        Matter.VIOLENCE: _channel(
            "outreach", DataCategory.PERSONAL, Gateway.DPA_2018_SCH2_PARA2, _VIOLENCE
        ),
        Matter.WELFARE: _channel("outreach", DataCategory.PERSONAL, Gateway.COMMON_LAW, _CHILDREN),
    },
    knows={},
    reference="NPM",
    lapsed=True,
)

POLICE: Final = Body(
    partner="police-records",
    name="Hallam Police Records",
    type=PartnerType.POLICE,
    services=(_service("records", DataCategory.CRIMINAL_OFFENCE, DataCategory.PERSONAL),),
    channels={
        Matter.CRIME: _channel(
            "records", DataCategory.CRIMINAL_OFFENCE, Gateway.DPA_2018_PART3, _CRIME
        ),
        Matter.VIOLENCE: _channel(
            "records", DataCategory.CRIMINAL_OFFENCE, Gateway.DPA_2018_PART3, _VIOLENCE
        ),
        Matter.WELFARE: _channel("records", DataCategory.PERSONAL, Gateway.CA_2004_S11, _CHILDREN),
    },
    knows={"pnc_id": 0.95},
    reference="HPR",
    narrative_permitted=True,
)

BODIES: Final[tuple[Body, ...]] = (
    COUNCIL,
    HOSPITAL,
    SCHOOL_NURSING,
    NORTH_SCHOOLS,
    SOUTH_SCHOOLS,
    HOUSING,
    YOUTH_JUSTICE,
    PROBATION,
    FIRE,
    VOLUNTARY,
    LAPSED,
    POLICE,
)

BY_PARTNER: Final[Mapping[str, Body]] = {body.partner: body for body in BODIES}
