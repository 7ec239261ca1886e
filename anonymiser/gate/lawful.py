"""May this report be disclosed at all? Gateway, purpose, category and standing of the partner.

A gateway is lawful if the partner's entry in the register lists it for the
purpose and it is no case of section 16 of the Police, Crime, Sentencing and
Courts Act 2022, which keeps patient information, and personal information
from health or social care, out of Part 2 of that Act.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streams.parts import Reason
from streams.registry import Standing
from streams.values import DataCategory, Gateway, PartnerType

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from streams.registry import PartnerEntry
    from streams.restricted import ReportLinked

_S16_CATEGORIES: Final = frozenset({DataCategory.PATIENT, DataCategory.SOCIAL_CARE})


def refusals(linked: ReportLinked, entry: PartnerEntry | None, at: datetime) -> tuple[Reason, ...]:
    """Return why the report may go to nobody; empty if it may be disclosed.

    Where the gateway is to blame, the reasons end with every other one that the
    partner's entry lists for the purpose and that the Act leaves open, as code
    `alternative_CA_2004_S10` and so on.
    """
    if entry is None:
        return (Reason(code="partner_unknown"),)
    standing = entry.standing(at)
    if standing is not Standing.ACTIVE:
        return (Reason(code=f"partner_{standing.value.lower()}"),)
    faults = tuple(_service_faults(linked, entry)) + tuple(_gateway_faults(linked, entry))
    if any(fault.field == "gateway" for fault in faults):
        return faults + tuple(_alternatives(linked, entry))
    return faults


def is_section_16(linked: ReportLinked, entry: PartnerEntry) -> bool:
    """Tell whether section 16 shuts Part 2 of the 2022 Act for this report."""
    service = entry.service(linked.service)
    return (
        linked.data_category in _S16_CATEGORIES
        or (service is not None and service.health_or_social_care)
        or entry.type is PartnerType.HEALTH
    )


def _service_faults(linked: ReportLinked, entry: PartnerEntry) -> Iterator[Reason]:
    service = entry.service(linked.service)
    if service is None:
        yield Reason(code="service_not_registered", field="service")
    elif linked.data_category not in service.data_categories:
        yield Reason(code="data_category_not_agreed", field="data_category")


def _gateway_faults(linked: ReportLinked, entry: PartnerEntry) -> Iterator[Reason]:
    if not entry.lists(linked.gateway, linked.purpose):
        yield Reason(code="gateway_not_agreed", field="gateway")
    if linked.gateway is Gateway.PCSC_2022_PART2 and is_section_16(linked, entry):
        yield Reason(code="pcsc_2022_section_16", field="gateway")


def _alternatives(linked: ReportLinked, entry: PartnerEntry) -> Iterator[Reason]:
    for gateway in Gateway:
        shut = gateway is Gateway.PCSC_2022_PART2 and is_section_16(linked, entry)
        if gateway is not linked.gateway and not shut and entry.lists(gateway, linked.purpose):
            yield Reason(code=f"alternative_{gateway.value}", field="gateway")
