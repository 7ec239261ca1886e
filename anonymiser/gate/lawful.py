"""May this report go to this audience? Standing, agreement and the law table, in this order.

A report is decided for each recipient by itself. Its gateway must be named in
the partner's agreement for the purpose, and be open in the law table for this
kind of service, recipient, category and purpose. Nothing here knows a law:
`law.py` holds them as data, and its version stands in every decision.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from anonymiser.gate.law import OPEN, SHUT
from streams.parts import Reason
from streams.registry import Standing
from streams.values import Audience, DataCategory, Gateway, PartnerType, Purpose

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from anonymiser.gate.law import LawRow, ShutRow
    from streams.registry import PartnerEntry
    from streams.restricted import ReportLinked
    from streams.shared import PartnerOnboarded, Service

#: The purposes a report may be disclosed for; the others of the register are for looking.
REPORTED_FOR: Final = frozenset(
    {
        Purpose.PREVENT_SERIOUS_VIOLENCE,
        Purpose.DISRUPT_ORGANISED_CRIME,
        Purpose.SAFEGUARD_CHILDREN,
    }
)


@dataclass(frozen=True, slots=True)
class ServiceKind:
    """What the law sees in a service: whose it is, whether it cares, whether it enforces."""

    body: PartnerType
    care: bool
    enforcement: bool


def service_kind(body: PartnerType, service: Service) -> ServiceKind:
    """Read the kind off the register: who may send data on offences and does no care enforces."""
    care = service.health_or_social_care
    enforces = not care and DataCategory.CRIMINAL_OFFENCE in service.data_categories
    return ServiceKind(body, care, enforces)


def open_gateways(
    kind: ServiceKind, recipient: Audience, category: DataCategory, purpose: Purpose
) -> tuple[Gateway, ...]:
    """Return every gateway that the law leaves open in one cell of the matrix; empty: refusal."""
    found = {
        row.gateway
        for row in OPEN
        if _applies(row, kind) and _covers(row, recipient, category, purpose)
    }
    return tuple(gateway for gateway in Gateway if gateway in found)


def _applies(row: LawRow, kind: ServiceKind) -> bool:
    allowed = row.care or not kind.care
    return kind.body in row.senders and allowed and (kind.enforcement or not row.enforcement)


def _covers(row: LawRow, recipient: Audience, category: DataCategory, purpose: Purpose) -> bool:
    return recipient in row.recipients and category in row.categories and purpose in row.purposes


def never_open(entry: PartnerOnboarded) -> tuple[tuple[Gateway, Purpose], ...]:
    """Return what an agreement lists and the law opens for none of its services.

    Every report that names it will be refused: better told on the day of onboarding.
    """
    cells = [
        (service_kind(entry.type, service), recipient, category)
        for service in entry.services
        for recipient in Audience
        for category in service.data_categories
    ]
    return tuple(
        (listed.gateway, purpose)
        for listed in entry.gateways
        for purpose in listed.purposes
        if purpose in REPORTED_FOR
        and not any(listed.gateway in open_gateways(*cell, purpose) for cell in cells)
    )


# --- deciding on a report ------------------------------------------------------------


def refusals(linked: ReportLinked, entry: PartnerEntry | None, at: datetime) -> tuple[Reason, ...]:
    """Return why the report may go to nobody; empty if at least one audience may have it.

    Where the gateway is to blame, the reasons end with every other one that the
    partner's agreement lists for the purpose and the law leaves open, as code
    `alternative_CA_2004_S10` and so on.
    """
    if entry is None:
        return (Reason(code="partner_unknown"),)
    standing = entry.standing(at)
    if standing is not Standing.ACTIVE:
        return (Reason(code=f"partner_{standing.value.lower()}"),)
    faults = tuple(_service_faults(linked, entry)) + tuple(_purpose_faults(linked))
    if faults:
        return faults
    faults = tuple(_gateway_faults(linked, entry))
    return faults + tuple(_alternatives(linked, entry)) if faults else ()


def lawful_audiences(linked: ReportLinked, entry: PartnerEntry) -> tuple[Audience, ...]:
    """Return the audiences towards which the report's own gateway is agreed and open."""
    return tuple(one for one in Audience if linked.gateway in _usable(linked, entry, one))


def _usable(linked: ReportLinked, entry: PartnerEntry, recipient: Audience) -> tuple[Gateway, ...]:
    """Return the gateways that agreement and law both allow towards one recipient."""
    service = entry.service(linked.service)
    if service is None:
        return ()
    kind = service_kind(entry.type, service)
    allowed = open_gateways(kind, recipient, linked.data_category, linked.purpose)
    return tuple(gateway for gateway in allowed if entry.lists(gateway, linked.purpose))


def _service_faults(linked: ReportLinked, entry: PartnerEntry) -> Iterator[Reason]:
    service = entry.service(linked.service)
    if service is None:
        yield Reason(code="service_not_registered", field="service")
    elif linked.data_category not in service.data_categories:
        yield Reason(code="data_category_not_agreed", field="data_category")


def _purpose_faults(linked: ReportLinked) -> Iterator[Reason]:
    if linked.purpose not in REPORTED_FOR:
        yield Reason(code="purpose_not_for_reports", field="purpose")


def _gateway_faults(linked: ReportLinked, entry: PartnerEntry) -> Iterator[Reason]:
    if lawful_audiences(linked, entry):
        return
    if not entry.lists(linked.gateway, linked.purpose):
        yield Reason(code="gateway_not_agreed", field="gateway")
    named = [row.code for row in SHUT if _is_shut(row, linked, entry)]
    agreed = entry.lists(linked.gateway, linked.purpose)
    for code in named or (["gateway_not_open"] if agreed else []):
        yield Reason(code=code, field="gateway")


def _is_shut(row: ShutRow, linked: ReportLinked, entry: PartnerEntry) -> bool:
    service = entry.service(linked.service)
    care = service is not None and service.health_or_social_care and row.care
    within = linked.data_category in row.categories or entry.type in row.senders
    return linked.gateway is row.gateway and (within or care)


def _alternatives(linked: ReportLinked, entry: PartnerEntry) -> Iterator[Reason]:
    usable = {gateway for one in Audience for gateway in _usable(linked, entry, one)}
    for gateway in Gateway:
        if gateway in usable and gateway is not linked.gateway:
            yield Reason(code=f"alternative_{gateway.value}", field="gateway")
