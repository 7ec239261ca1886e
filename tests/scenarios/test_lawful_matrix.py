"""The law, cell by cell, written by hand from domain.md section 5 and not from the code.

Every body of the Sheffield kind and every service of its council, towards both
audiences, for every category of data and every purpose of a report. A cell
names each power that is open, `-` is a refusal. Change a cell only with the
law in hand, and raise `LAW_VERSION`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import product
from uuid import UUID

import pytest

from anonymiser.gate.handling import judge
from anonymiser.gate.law import LAW_VERSION, OPEN, SHUT
from anonymiser.gate.lawful import never_open, open_gateways, service_kind
from producers.town.partners import BODIES, BY_PARTNER, LAPSED
from streams.parts import CodedFact, Grading, Handling, SourceFacts
from streams.registry import Registry
from streams.restricted import LinkedNode, ReportLinked
from streams.shared import LawfulGateway, PartnerOnboarded, Service
from streams.values import (
    Activity,
    AgeBand,
    Audience,
    ChildAtEvent,
    DataCategory,
    FourP,
    Gateway,
    HandlingCode,
    NodeKind,
    Outcome,
    PartnerType,
    Purpose,
    Role,
    Sex,
    Theme,
)
from tests.enclave import onboarded

POWERS = {
    "115": Gateway.CDA_1998_S115,  # any person to a relevant authority, for crime and disorder
    "P2": Gateway.PCSC_2022_PART2,  # serious violence; section 16 keeps health and care out
    "10": Gateway.CA_2004_S10,  # co-operation for children
    "11": Gateway.CA_2004_S11,  # council, health, youth justice, probation, police
    "16LA": Gateway.CA_2004_S16LA,  # those, schools and fire
    "SCH2": Gateway.DPA_2018_SCH2_PARA2,  # the crime exemption; lifts no patient's confidence
    "PT3": Gateway.DPA_2018_PART3,  # competent authorities, and councils where they enforce
    "CL": Gateway.COMMON_LAW,  # public interest
}
COLUMNS = list(
    product(
        (
            Purpose.PREVENT_SERIOUS_VIOLENCE,
            Purpose.DISRUPT_ORGANISED_CRIME,
            Purpose.SAFEGUARD_CHILDREN,
        ),
        (Audience.POLICE, Audience.SAFEGUARDING),
    )
)
# Columns: to police and to the hub for serious violence, organised crime, children.
MATRIX = """
sheaf-council childrens-social-care
  PERSONAL         | 115 SCH2        | 115 SCH2        | 115 SCH2        | 115 SCH2        | 10 11 16LA      | 10 11 16LA
  CRIMINAL_OFFENCE | 115 SCH2        | 115 SCH2        | 115 SCH2        | 115 SCH2        | 10 11 16LA      | 10 11 16LA
  EDUCATION        | 115 SCH2        | 115 SCH2        | 115 SCH2        | 115 SCH2        | 10 11 16LA      | 10 11 16LA
  HOUSING          | 115 SCH2        | 115 SCH2        | 115 SCH2        | 115 SCH2        | 10 11 16LA      | 10 11 16LA
  PATIENT          | 115             | 115             | 115             | 115             | -               | 10 11 16LA
  SOCIAL_CARE      | 115 SCH2        | 115 SCH2        | 115 SCH2        | 115 SCH2        | -               | 10 11 16LA
sheaf-council early-help
  PERSONAL         | 115 SCH2        | 115 SCH2        | 115 SCH2        | 115 SCH2        | 10 11 16LA      | 10 11 16LA
  CRIMINAL_OFFENCE | 115 SCH2        | 115 SCH2        | 115 SCH2        | 115 SCH2        | 10 11 16LA      | 10 11 16LA
  EDUCATION        | 115 SCH2        | 115 SCH2        | 115 SCH2        | 115 SCH2        | 10 11 16LA      | 10 11 16LA
  HOUSING          | 115 SCH2        | 115 SCH2        | 115 SCH2        | 115 SCH2        | 10 11 16LA      | 10 11 16LA
  PATIENT          | 115             | 115             | 115             | 115             | -               | 10 11 16LA
  SOCIAL_CARE      | 115 SCH2        | 115 SCH2        | 115 SCH2        | 115 SCH2        | -               | 10 11 16LA
sheaf-council adult-social-care
  PERSONAL         | 115 SCH2        | 115 SCH2        | 115 SCH2        | 115 SCH2        | 10 11 16LA      | 10 11 16LA
  CRIMINAL_OFFENCE | 115 SCH2        | 115 SCH2        | 115 SCH2        | 115 SCH2        | 10 11 16LA      | 10 11 16LA
  EDUCATION        | 115 SCH2        | 115 SCH2        | 115 SCH2        | 115 SCH2        | 10 11 16LA      | 10 11 16LA
  HOUSING          | 115 SCH2        | 115 SCH2        | 115 SCH2        | 115 SCH2        | 10 11 16LA      | 10 11 16LA
  PATIENT          | 115             | 115             | 115             | 115             | -               | 10 11 16LA
  SOCIAL_CARE      | 115 SCH2        | 115 SCH2        | 115 SCH2        | 115 SCH2        | -               | 10 11 16LA
sheaf-council community-safety
  PERSONAL         | 115 P2 SCH2 PT3 | 115 P2 SCH2 PT3 | 115 SCH2 PT3    | 115 SCH2 PT3    | 10 11 16LA      | 10 11 16LA
  CRIMINAL_OFFENCE | 115 P2 SCH2 PT3 | 115 P2 SCH2 PT3 | 115 SCH2 PT3    | 115 SCH2 PT3    | 10 11 16LA      | 10 11 16LA
  EDUCATION        | 115 P2 SCH2 PT3 | 115 P2 SCH2 PT3 | 115 SCH2 PT3    | 115 SCH2 PT3    | 10 11 16LA      | 10 11 16LA
  HOUSING          | 115 P2 SCH2 PT3 | 115 P2 SCH2 PT3 | 115 SCH2 PT3    | 115 SCH2 PT3    | 10 11 16LA      | 10 11 16LA
  PATIENT          | 115             | 115             | 115             | 115             | -               | 10 11 16LA
  SOCIAL_CARE      | 115 SCH2        | 115 SCH2        | 115 SCH2        | 115 SCH2        | -               | 10 11 16LA
sheaf-council youth-services
  PERSONAL         | 115 P2 SCH2     | 115 P2 SCH2     | 115 SCH2        | 115 SCH2        | 10 11 16LA      | 10 11 16LA
  CRIMINAL_OFFENCE | 115 P2 SCH2     | 115 P2 SCH2     | 115 SCH2        | 115 SCH2        | 10 11 16LA      | 10 11 16LA
  EDUCATION        | 115 P2 SCH2     | 115 P2 SCH2     | 115 SCH2        | 115 SCH2        | 10 11 16LA      | 10 11 16LA
  HOUSING          | 115 P2 SCH2     | 115 P2 SCH2     | 115 SCH2        | 115 SCH2        | 10 11 16LA      | 10 11 16LA
  PATIENT          | 115             | 115             | 115             | 115             | -               | 10 11 16LA
  SOCIAL_CARE      | 115 SCH2        | 115 SCH2        | 115 SCH2        | 115 SCH2        | -               | 10 11 16LA
sheaf-council education-welfare
  PERSONAL         | 115 P2 SCH2     | 115 P2 SCH2     | 115 SCH2        | 115 SCH2        | 10 11 16LA      | 10 11 16LA
  CRIMINAL_OFFENCE | 115 P2 SCH2     | 115 P2 SCH2     | 115 SCH2        | 115 SCH2        | 10 11 16LA      | 10 11 16LA
  EDUCATION        | 115 P2 SCH2     | 115 P2 SCH2     | 115 SCH2        | 115 SCH2        | 10 11 16LA      | 10 11 16LA
  HOUSING          | 115 P2 SCH2     | 115 P2 SCH2     | 115 SCH2        | 115 SCH2        | 10 11 16LA      | 10 11 16LA
  PATIENT          | 115             | 115             | 115             | 115             | -               | 10 11 16LA
  SOCIAL_CARE      | 115 SCH2        | 115 SCH2        | 115 SCH2        | 115 SCH2        | -               | 10 11 16LA
sheaf-council council-housing
  PERSONAL         | 115 P2 SCH2     | 115 P2 SCH2     | 115 SCH2        | 115 SCH2        | 10 11 16LA      | 10 11 16LA
  CRIMINAL_OFFENCE | 115 P2 SCH2     | 115 P2 SCH2     | 115 SCH2        | 115 SCH2        | 10 11 16LA      | 10 11 16LA
  EDUCATION        | 115 P2 SCH2     | 115 P2 SCH2     | 115 SCH2        | 115 SCH2        | 10 11 16LA      | 10 11 16LA
  HOUSING          | 115 P2 SCH2     | 115 P2 SCH2     | 115 SCH2        | 115 SCH2        | 10 11 16LA      | 10 11 16LA
  PATIENT          | 115             | 115             | 115             | 115             | -               | 10 11 16LA
  SOCIAL_CARE      | 115 SCH2        | 115 SCH2        | 115 SCH2        | 115 SCH2        | -               | 10 11 16LA
sheaf-council trading-standards
  PERSONAL         | 115 P2 SCH2 PT3 | 115 P2 SCH2 PT3 | 115 SCH2 PT3    | 115 SCH2 PT3    | 10 11 16LA      | 10 11 16LA
  CRIMINAL_OFFENCE | 115 P2 SCH2 PT3 | 115 P2 SCH2 PT3 | 115 SCH2 PT3    | 115 SCH2 PT3    | 10 11 16LA      | 10 11 16LA
  EDUCATION        | 115 P2 SCH2 PT3 | 115 P2 SCH2 PT3 | 115 SCH2 PT3    | 115 SCH2 PT3    | 10 11 16LA      | 10 11 16LA
  HOUSING          | 115 P2 SCH2 PT3 | 115 P2 SCH2 PT3 | 115 SCH2 PT3    | 115 SCH2 PT3    | 10 11 16LA      | 10 11 16LA
  PATIENT          | 115             | 115             | 115             | 115             | -               | 10 11 16LA
  SOCIAL_CARE      | 115 SCH2        | 115 SCH2        | 115 SCH2        | 115 SCH2        | -               | 10 11 16LA
five-weirs-hospitals emergency-department
  PERSONAL         | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 10 11 16LA CL   | 10 11 16LA CL
  CRIMINAL_OFFENCE | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 10 11 16LA CL   | 10 11 16LA CL
  EDUCATION        | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 10 11 16LA CL   | 10 11 16LA CL
  HOUSING          | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 10 11 16LA CL   | 10 11 16LA CL
  PATIENT          | 115 CL          | 115 CL          | 115 CL          | 115 CL          | -               | 10 11 16LA CL
  SOCIAL_CARE      | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | -               | 10 11 16LA CL
five-weirs-hospitals navigator
  PERSONAL         | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 10 11 16LA CL   | 10 11 16LA CL
  CRIMINAL_OFFENCE | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 10 11 16LA CL   | 10 11 16LA CL
  EDUCATION        | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 10 11 16LA CL   | 10 11 16LA CL
  HOUSING          | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 10 11 16LA CL   | 10 11 16LA CL
  PATIENT          | 115 CL          | 115 CL          | 115 CL          | 115 CL          | -               | 10 11 16LA CL
  SOCIAL_CARE      | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | -               | 10 11 16LA CL
rivermead-nursing school-nursing
  PERSONAL         | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 10 11 16LA CL   | 10 11 16LA CL
  CRIMINAL_OFFENCE | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 10 11 16LA CL   | 10 11 16LA CL
  EDUCATION        | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 10 11 16LA CL   | 10 11 16LA CL
  HOUSING          | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 10 11 16LA CL   | 10 11 16LA CL
  PATIENT          | 115 CL          | 115 CL          | 115 CL          | 115 CL          | -               | 10 11 16LA CL
  SOCIAL_CARE      | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | -               | 10 11 16LA CL
don-valley-schools safeguarding-leads
  PERSONAL         | 115 P2 SCH2 CL  | 115 P2 SCH2 CL  | 115 SCH2 CL     | 115 SCH2 CL     | 10 16LA CL      | 10 16LA CL
  CRIMINAL_OFFENCE | 115 P2 SCH2 CL  | 115 P2 SCH2 CL  | 115 SCH2 CL     | 115 SCH2 CL     | 10 16LA CL      | 10 16LA CL
  EDUCATION        | 115 P2 SCH2 CL  | 115 P2 SCH2 CL  | 115 SCH2 CL     | 115 SCH2 CL     | 10 16LA CL      | 10 16LA CL
  HOUSING          | 115 P2 SCH2 CL  | 115 P2 SCH2 CL  | 115 SCH2 CL     | 115 SCH2 CL     | 10 16LA CL      | 10 16LA CL
  PATIENT          | 115 CL          | 115 CL          | 115 CL          | 115 CL          | -               | 10 16LA CL
  SOCIAL_CARE      | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | -               | 10 16LA CL
porter-brook-schools safeguarding-leads
  PERSONAL         | 115 P2 SCH2 CL  | 115 P2 SCH2 CL  | 115 SCH2 CL     | 115 SCH2 CL     | 10 16LA CL      | 10 16LA CL
  CRIMINAL_OFFENCE | 115 P2 SCH2 CL  | 115 P2 SCH2 CL  | 115 SCH2 CL     | 115 SCH2 CL     | 10 16LA CL      | 10 16LA CL
  EDUCATION        | 115 P2 SCH2 CL  | 115 P2 SCH2 CL  | 115 SCH2 CL     | 115 SCH2 CL     | 10 16LA CL      | 10 16LA CL
  HOUSING          | 115 P2 SCH2 CL  | 115 P2 SCH2 CL  | 115 SCH2 CL     | 115 SCH2 CL     | 10 16LA CL      | 10 16LA CL
  PATIENT          | 115 CL          | 115 CL          | 115 CL          | 115 CL          | -               | 10 16LA CL
  SOCIAL_CARE      | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | -               | 10 16LA CL
loxley-homes tenancy-enforcement
  PERSONAL         | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 10 CL           | 10 CL
  CRIMINAL_OFFENCE | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 10 CL           | 10 CL
  EDUCATION        | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 10 CL           | 10 CL
  HOUSING          | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 10 CL           | 10 CL
  PATIENT          | 115 CL          | 115 CL          | 115 CL          | 115 CL          | -               | 10 CL
  SOCIAL_CARE      | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | -               | 10 CL
castle-youth-justice youth-justice
  PERSONAL         | 115 P2 SCH2     | 115 P2 SCH2     | 115 SCH2        | 115 SCH2        | 10 11 16LA      | 10 11 16LA
  CRIMINAL_OFFENCE | 115 P2 SCH2     | 115 P2 SCH2     | 115 SCH2        | 115 SCH2        | 10 11 16LA      | 10 11 16LA
  EDUCATION        | 115 P2 SCH2     | 115 P2 SCH2     | 115 SCH2        | 115 SCH2        | 10 11 16LA      | 10 11 16LA
  HOUSING          | 115 P2 SCH2     | 115 P2 SCH2     | 115 SCH2        | 115 SCH2        | 10 11 16LA      | 10 11 16LA
  PATIENT          | 115             | 115             | 115             | 115             | -               | 10 11 16LA
  SOCIAL_CARE      | 115 SCH2        | 115 SCH2        | 115 SCH2        | 115 SCH2        | -               | 10 11 16LA
weston-probation offender-management
  PERSONAL         | 115 P2 PT3      | 115 P2 PT3      | 115 PT3         | 115 PT3         | 10 11 16LA      | 10 11 16LA
  CRIMINAL_OFFENCE | 115 P2 PT3      | 115 P2 PT3      | 115 PT3         | 115 PT3         | 10 11 16LA      | 10 11 16LA
  EDUCATION        | 115 P2 PT3      | 115 P2 PT3      | 115 PT3         | 115 PT3         | 10 11 16LA      | 10 11 16LA
  HOUSING          | 115 P2 PT3      | 115 P2 PT3      | 115 PT3         | 115 PT3         | 10 11 16LA      | 10 11 16LA
  PATIENT          | 115             | 115             | 115             | 115             | -               | 10 11 16LA
  SOCIAL_CARE      | 115             | 115             | 115             | 115             | -               | 10 11 16LA
sheaf-fire community-risk
  PERSONAL         | 115 P2 SCH2     | 115 P2 SCH2     | 115 SCH2        | 115 SCH2        | 10 16LA         | 10 16LA
  CRIMINAL_OFFENCE | 115 P2 SCH2     | 115 P2 SCH2     | 115 SCH2        | 115 SCH2        | 10 16LA         | 10 16LA
  EDUCATION        | 115 P2 SCH2     | 115 P2 SCH2     | 115 SCH2        | 115 SCH2        | 10 16LA         | 10 16LA
  HOUSING          | 115 P2 SCH2     | 115 P2 SCH2     | 115 SCH2        | 115 SCH2        | 10 16LA         | 10 16LA
  PATIENT          | 115             | 115             | 115             | 115             | -               | 10 16LA
  SOCIAL_CARE      | 115 SCH2        | 115 SCH2        | 115 SCH2        | 115 SCH2        | -               | 10 16LA
sharrow-futures mentoring
  PERSONAL         | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 10 CL           | 10 CL
  CRIMINAL_OFFENCE | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 10 CL           | 10 CL
  EDUCATION        | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 10 CL           | 10 CL
  HOUSING          | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 10 CL           | 10 CL
  PATIENT          | 115 CL          | 115 CL          | 115 CL          | 115 CL          | -               | 10 CL
  SOCIAL_CARE      | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | 115 SCH2 CL     | -               | 10 CL
police-records records
  PERSONAL         | 115 P2 PT3 CL   | 115 P2 PT3 CL   | 115 PT3 CL      | 115 PT3 CL      | 10 11 16LA CL   | 10 11 16LA CL
  CRIMINAL_OFFENCE | 115 P2 PT3 CL   | 115 P2 PT3 CL   | 115 PT3 CL      | 115 PT3 CL      | 10 11 16LA CL   | 10 11 16LA CL
  EDUCATION        | 115 P2 PT3 CL   | 115 P2 PT3 CL   | 115 PT3 CL      | 115 PT3 CL      | 10 11 16LA CL   | 10 11 16LA CL
  HOUSING          | 115 P2 PT3 CL   | 115 P2 PT3 CL   | 115 PT3 CL      | 115 PT3 CL      | 10 11 16LA CL   | 10 11 16LA CL
  PATIENT          | 115 CL          | 115 CL          | 115 CL          | 115 CL          | -               | 10 11 16LA CL
  SOCIAL_CARE      | 115 CL          | 115 CL          | 115 CL          | 115 CL          | -               | 10 11 16LA CL
"""  # noqa: E501 - a table


def cells():
    """(body, service, category, purpose, audience) to the set of open powers."""
    found, body, service = {}, "", ""
    for line in MATRIX.strip("\n").splitlines():
        if not line.startswith(" "):
            body, service = line.split()
            continue
        category, *powers = (part.strip() for part in line.split("|"))
        for (purpose, audience), text in zip(COLUMNS, powers, strict=True):
            open_ones = set() if text == "-" else {POWERS[word] for word in text.split()}
            found[body, service, DataCategory(category), purpose, audience] = open_ones
    return found


CELLS = cells()
NOW = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)
SERVICES = sorted({key[:2] for key in CELLS})


def agreeing(body, service_name):
    """The register's entry of a body whose agreement names everything, so that law decides."""
    service = next(one for one in body.services if one.name == service_name)
    registry = Registry()
    registry.apply(
        PartnerOnboarded(
            partner=body.partner,
            name=body.name,
            type=body.type,
            services=(service,),
            agreement="ISA",
            gateways=tuple(LawfulGateway(gateway=one, purposes=tuple(Purpose)) for one in Gateway),
            narrative_permitted=False,
            expires_at=datetime(2030, 1, 1, tzinfo=UTC),
            decided_by="registrar",
            decided_at=datetime(2026, 1, 1, tzinfo=UTC),
        )
    )
    return registry.entry(body.partner), service


def linked(service, category, gateway, purpose, *, handling=Handling(), partner="any"):  # noqa: B008
    node = LinkedNode(
        node=0,
        kind=NodeKind.PERSON,
        entity_id=UUID(int=1),
        sex=Sex.UNKNOWN,
        age_band=AgeBand.UNKNOWN,
        child_at_event=ChildAtEvent.UNKNOWN,
        role=Role.SUSPECT,
        protected=False,
        conflict=False,
    )
    return ReportLinked(
        partner=partner,
        report_id=UUID(int=2),
        revision=1,
        supersedes=None,
        received_at=NOW,
        origin_id=UUID(int=3),
        immediate_risk=False,
        service=service,
        data_category=category,
        gateway=gateway,
        purpose=purpose,
        event_week="2026-W46",
        district=None,
        nodes=(node,),
        relations=(),
        facts=(CodedFact(theme=Theme.DRUGS, activity=Activity.SUPPLY, four_p=FourP.PURSUE),),
        source=SourceFacts(),
        grading=Grading(),
        handling=handling,
        submission=b"",
    )


def test_the_matrix_has_a_cell_for_every_body_service_category_purpose_and_audience():
    bodies = [body for body in BODIES if body is not LAPSED]
    services = [(body.partner, service.name) for body in bodies for service in body.services]
    purposes = {purpose for purpose, _ in COLUMNS}
    assert set(CELLS) == {
        (*one, *cell) for one in services for cell in product(DataCategory, purposes, Audience)
    }
    assert {body.type for body in bodies} == set(PartnerType)
    assert len(BY_PARTNER["sheaf-council"].services) == 8
    assert LAW_VERSION == 1, "another table needs another matrix"


@pytest.mark.parametrize(("partner", "service_name"), SERVICES, ids="/".join)
def test_every_cell_opens_the_powers_that_the_law_opens_and_no_other(partner, service_name):
    body = BY_PARTNER[partner]
    _, service = agreeing(body, service_name)
    for category, (purpose, audience) in product(DataCategory, COLUMNS):
        found = open_gateways(service_kind(body.type, service), audience, category, purpose)
        expected = CELLS[partner, service_name, category, purpose, audience]
        assert set(found) == expected, (category, purpose, audience)


@pytest.mark.parametrize(("partner", "service_name"), SERVICES, ids="/".join)
def test_a_report_reaches_exactly_the_audiences_of_its_cell(partner, service_name):
    """The whole decision, with an agreement that names everything."""
    body = BY_PARTNER[partner]
    entry, service = agreeing(body, service_name)
    for category, gateway, purpose in product(service.data_categories, Gateway, Purpose):
        told = linked(service_name, category, gateway, purpose, partner=partner)
        verdict = judge(told, entry, NOW, approved=False)
        expected = {
            audience
            for audience in Audience
            if gateway in CELLS.get((partner, service_name, category, purpose, audience), ())
        }
        assert set(verdict.audiences) == expected, (category, gateway, purpose)
        assert (verdict.outcome is Outcome.SHARED) == bool(expected)


@pytest.mark.parametrize(("partner", "service_name"), SERVICES, ids="/".join)
def test_a_refusal_names_every_other_power_that_would_do(partner, service_name):
    body = BY_PARTNER[partner]
    entry, service = agreeing(body, service_name)
    purposes = {purpose for purpose, _ in COLUMNS}
    for category, gateway, purpose in product(service.data_categories, Gateway, purposes):
        told = linked(service_name, category, gateway, purpose, partner=partner)
        verdict = judge(told, entry, NOW, approved=False)
        if verdict.outcome is Outcome.SHARED:
            continue
        codes = [reason.code for reason in verdict.reasons]
        would_do = {
            f"alternative_{one.value}"
            for audience in Audience
            for one in CELLS[partner, service_name, category, purpose, audience]
        }
        assert {code for code in codes if code.startswith("alternative_")} == would_do


@pytest.mark.parametrize("purpose", [Purpose.AUDIT, Purpose.OPERATE_SERVICE])
def test_no_report_is_disclosed_for_a_purpose_that_is_for_looking(purpose):
    for partner, service_name in SERVICES:
        body = BY_PARTNER[partner]
        entry, service = agreeing(body, service_name)
        kind = service_kind(body.type, service)
        for category, audience in product(DataCategory, Audience):
            assert open_gateways(kind, audience, category, purpose) == ()
        told = linked(service_name, service.data_categories[0], Gateway.CDA_1998_S115, purpose)
        (reason,) = judge(told, entry, NOW, approved=False).reasons
        assert reason.code == "purpose_not_for_reports"


def test_section_16_is_named_wherever_it_shuts_part_2():
    """Patient information, health or social care, NHS trusts (2022 c.32, section 16(4))."""
    shut = [key for key in CELLS if key[3] is Purpose.PREVENT_SERIOUS_VIOLENCE]
    named = set()
    for partner, service_name, category, purpose, _ in shut:
        body = BY_PARTNER[partner]
        entry, service = agreeing(body, service_name)
        if category not in service.data_categories:
            continue
        told = linked(service_name, category, Gateway.PCSC_2022_PART2, purpose)
        codes = [reason.code for reason in judge(told, entry, NOW, approved=False).reasons]
        if "pcsc_2022_section_16" in codes:
            named.add((partner, service_name))
    assert named == {
        ("sheaf-council", "childrens-social-care"),
        ("sheaf-council", "early-help"),
        ("sheaf-council", "adult-social-care"),
        ("five-weirs-hospitals", "emergency-department"),
        ("five-weirs-hospitals", "navigator"),
        ("rivermead-nursing", "school-nursing"),
    }


def test_a_power_that_was_not_agreed_does_not_open_a_cell():
    entry, _ = agreeing(BY_PARTNER["sheaf-fire"], "community-risk")
    registry = Registry()
    registry.apply(BY_PARTNER["sheaf-fire"].entry(NOW, datetime(2030, 1, 1, tzinfo=UTC), by="r"))
    told = linked(
        "community-risk",
        DataCategory.PERSONAL,
        Gateway.DPA_2018_SCH2_PARA2,
        Purpose.DISRUPT_ORGANISED_CRIME,
    )
    assert judge(told, entry, NOW, approved=False).outcome is Outcome.SHARED
    verdict = judge(told, registry.entry("sheaf-fire"), NOW, approved=False)
    assert [reason.code for reason in verdict.reasons] == [
        "gateway_not_agreed",
        "alternative_CDA_1998_S115",
    ]


def test_patient_information_about_a_childs_welfare_for_police_alone_is_refused_with_reasons():
    entry, _ = agreeing(BY_PARTNER["five-weirs-hospitals"], "navigator")
    told = linked(
        "navigator",
        DataCategory.PATIENT,
        Gateway.CA_2004_S11,
        Purpose.SAFEGUARD_CHILDREN,
        handling=Handling(code=HandlingCode.P, recipients=(Audience.POLICE,)),
    )
    verdict = judge(told, entry, NOW, approved=False)
    assert verdict.outcome is Outcome.REFUSED
    assert [reason.code for reason in verdict.reasons] == ["recipient_not_lawful"]


def test_a_body_that_the_table_does_not_know_has_no_power():
    """The rows are allow-lists: without one, a cell is closed."""
    nobody = Service(name="x", health_or_social_care=False, data_categories=())
    kind = service_kind(None, nobody)
    for cell in product(Audience, DataCategory, Purpose):
        assert open_gateways(kind, *cell) == ()
    assert {row.gateway for row in OPEN} == set(Gateway)
    assert {row.gateway for row in SHUT} == {Gateway.PCSC_2022_PART2}


def test_an_agreement_that_lists_a_closed_gateway_is_told_so_on_the_day_of_onboarding():
    closed = LawfulGateway(gateway=Gateway.CA_2004_S11, purposes=(Purpose.SAFEGUARD_CHILDREN,))
    opened = LawfulGateway(gateway=Gateway.CDA_1998_S115, purposes=tuple(Purpose))
    entry = onboarded("porter-housing", PartnerType.HOUSING, gateways=(closed, opened))

    assert never_open(entry) == (
        (Gateway.CA_2004_S11, Purpose.SAFEGUARD_CHILDREN),
        (Gateway.CDA_1998_S115, Purpose.SAFEGUARD_CHILDREN),
    )
    council = onboarded("loxley-council", PartnerType.COUNCIL, gateways=(closed,))
    assert never_open(council) == ()
