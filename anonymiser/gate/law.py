"""The law table: who may tell whom what for which purpose, under which power. Data, no decisions.

Each row opens one gateway for some senders, categories and purposes towards
some recipients; what no row opens is closed. The rows of `SHUT` only give a
closed cell its name. Read with domain.md section 5, whose facts these are; a
row that goes beyond them says so. Any change makes a new `LAW_VERSION`, which
stands in the record of every decision that was taken by the table.

A gateway must be open here *and* be named by the partner's agreement for the
purpose. The table says what the law allows, the agreement what was agreed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from streams.values import Audience, DataCategory, Gateway, PartnerType, Purpose

LAW_VERSION: Final = 1

_ALL_SENDERS: Final = frozenset(PartnerType)
_ALL_CATEGORIES: Final = frozenset(DataCategory)
_BOTH: Final = frozenset(Audience)
_HUB: Final = frozenset({Audience.SAFEGUARDING})

_CRIME: Final = frozenset({Purpose.PREVENT_SERIOUS_VIOLENCE, Purpose.DISRUPT_ORGANISED_CRIME})
_VIOLENCE: Final = frozenset({Purpose.PREVENT_SERIOUS_VIOLENCE})
_CHILDREN: Final = frozenset({Purpose.SAFEGUARD_CHILDREN})

#: Held in confidence about a patient or client. For the welfare of a child it goes to the hub,
#: where police sit at the table; their own topic serves crime. Policy, stricter than the Acts.
_CONFIDENTIAL: Final = frozenset({DataCategory.PATIENT, DataCategory.SOCIAL_CARE})
_OPEN_CATEGORIES: Final = _ALL_CATEGORIES - _CONFIDENTIAL

#: Children Act 2004 section 11(1). Schools have their own duty elsewhere; fire is not named.
_SECTION_11: Final = frozenset(
    {
        PartnerType.COUNCIL,
        PartnerType.HEALTH,
        PartnerType.YOUTH_JUSTICE,
        PartnerType.PROBATION,
        PartnerType.POLICE,
    }
)
#: The bodies of section 11 "and others": schools and fire exercise public functions for children.
_SECTION_16LA: Final = _SECTION_11 | {PartnerType.SCHOOL, PartnerType.FIRE}
#: Specified and relevant authorities of Part 2 of the 2022 Act. No health body: section 16(4)
#: leaves it nothing personal to tell, and NHS trusts are not listed in the first place.
_PART_2: Final = frozenset(
    {
        PartnerType.COUNCIL,
        PartnerType.POLICE,
        PartnerType.FIRE,
        PartnerType.YOUTH_JUSTICE,
        PartnerType.PROBATION,
        PartnerType.SCHOOL,
    }
)
#: Who may lean on the public interest and owes no account to a statute that lists its powers.
_COMMON_LAW: Final = frozenset(
    {
        PartnerType.HEALTH,
        PartnerType.VOLUNTARY,
        PartnerType.HOUSING,
        PartnerType.SCHOOL,
        PartnerType.POLICE,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LawRow:
    """One power. A care service is of health or social care, whichever body it belongs to.

    `enforcement` limits the row to services with a law-enforcement function of their own.
    """

    gateway: Gateway
    senders: frozenset[PartnerType]
    categories: frozenset[DataCategory]
    purposes: frozenset[Purpose]
    recipients: frozenset[Audience]
    care: bool = True
    enforcement: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ShutRow:
    """A closed case that has a name of its own; any of the three makes it one."""

    gateway: Gateway
    senders: frozenset[PartnerType]
    categories: frozenset[DataCategory]
    care: bool
    code: str


OPEN: Final[tuple[LawRow, ...]] = (
    # Any person may disclose to a relevant authority what the Act's own ends (crime and
    # disorder) need: police and council are such, and the hub is theirs.
    LawRow(
        gateway=Gateway.CDA_1998_S115,
        senders=_ALL_SENDERS,
        categories=_ALL_CATEGORIES,
        purposes=_CRIME,
        recipients=_BOTH,
    ),
    # The Serious Violence Duty, for serious violence only.
    LawRow(
        gateway=Gateway.PCSC_2022_PART2,
        senders=_PART_2,
        categories=_OPEN_CATEGORIES,
        purposes=_VIOLENCE,
        recipients=_BOTH,
        care=False,
    ),
    # Co-operation: the council's partners and whomever it has asked to join.
    LawRow(
        gateway=Gateway.CA_2004_S10,
        senders=_ALL_SENDERS,
        categories=_OPEN_CATEGORIES,
        purposes=_CHILDREN,
        recipients=_BOTH,
    ),
    LawRow(
        gateway=Gateway.CA_2004_S10,
        senders=_ALL_SENDERS,
        categories=_CONFIDENTIAL,
        purposes=_CHILDREN,
        recipients=_HUB,
    ),
    LawRow(
        gateway=Gateway.CA_2004_S11,
        senders=_SECTION_11,
        categories=_OPEN_CATEGORIES,
        purposes=_CHILDREN,
        recipients=_BOTH,
    ),
    LawRow(
        gateway=Gateway.CA_2004_S11,
        senders=_SECTION_11,
        categories=_CONFIDENTIAL,
        purposes=_CHILDREN,
        recipients=_HUB,
    ),
    # The duty of the 2026 Act. Whether it is in force must be checked before it is agreed.
    LawRow(
        gateway=Gateway.CA_2004_S16LA,
        senders=_SECTION_16LA,
        categories=_OPEN_CATEGORIES,
        purposes=_CHILDREN,
        recipients=_BOTH,
    ),
    LawRow(
        gateway=Gateway.CA_2004_S16LA,
        senders=_SECTION_16LA,
        categories=_CONFIDENTIAL,
        purposes=_CHILDREN,
        recipients=_HUB,
    ),
    # The crime exemption lifts rules of the UK GDPR, no duty of confidence to a patient. Who
    # processes under Part 3 has no need of it and no use for it.
    LawRow(
        gateway=Gateway.DPA_2018_SCH2_PARA2,
        senders=_ALL_SENDERS - {PartnerType.POLICE, PartnerType.PROBATION},
        categories=_ALL_CATEGORIES - {DataCategory.PATIENT},
        purposes=_CRIME,
        recipients=_BOTH,
    ),
    # Competent authorities, and councils for what they enforce themselves (section 30).
    LawRow(
        gateway=Gateway.DPA_2018_PART3,
        senders=frozenset({PartnerType.POLICE, PartnerType.PROBATION}),
        categories=_OPEN_CATEGORIES,
        purposes=_CRIME,
        recipients=_BOTH,
    ),
    LawRow(
        gateway=Gateway.DPA_2018_PART3,
        senders=frozenset({PartnerType.COUNCIL}),
        categories=_OPEN_CATEGORIES,
        purposes=_CRIME,
        recipients=_BOTH,
        care=False,
        enforcement=True,
    ),
    # Serious crime in the public interest, and a child's welfare.
    LawRow(
        gateway=Gateway.COMMON_LAW,
        senders=_COMMON_LAW,
        categories=_ALL_CATEGORIES,
        purposes=_CRIME,
        recipients=_BOTH,
    ),
    LawRow(
        gateway=Gateway.COMMON_LAW,
        senders=_COMMON_LAW,
        categories=_OPEN_CATEGORIES,
        purposes=_CHILDREN,
        recipients=_BOTH,
    ),
    LawRow(
        gateway=Gateway.COMMON_LAW,
        senders=_COMMON_LAW,
        categories=_CONFIDENTIAL,
        purposes=_CHILDREN,
        recipients=_HUB,
    ),
)

#: Section 16(4): patient information, what health and social care know of a person, NHS trusts.
SHUT: Final[tuple[ShutRow, ...]] = (
    ShutRow(
        gateway=Gateway.PCSC_2022_PART2,
        senders=frozenset({PartnerType.HEALTH}),
        categories=_CONFIDENTIAL,
        care=True,
        code="pcsc_2022_section_16",
    ),
)
