"""An enclave for tests: fixed keys, a registry of invented partners, and records as they come."""

from __future__ import annotations

from datetime import UTC, datetime

from anonymiser.intake.transform import IntakeContext
from anonymiser.keyring import Keys, new_keys
from anonymiser.tokens import Tokeniser
from streams.codec import decode, encode
from streams.operations import place_of
from streams.ports import Record
from streams.registry import Registry
from streams.restricted import Report, WithdrawalSubmitted
from streams.sealing import seal
from streams.shared import (
    LawfulGateway,
    OperationRecorded,
    PartnerOnboarded,
    PartnerSuspended,
    Service,
)
from streams.topics import OPERATIONS, submissions_of
from streams.values import DataCategory, Gateway, Operation, PartnerType, Purpose
from tests.invented_reports import PARTNER

RECEIVED_AT = datetime(2026, 11, 17, 9, 5, tzinfo=UTC)
KEYS = new_keys()


def onboarded(partner: str = PARTNER, **changes) -> PartnerOnboarded:
    facts = {
        "partner": partner,
        "name": "Loxley Homes (invented)",
        "type": PartnerType.HOUSING,
        "services": (
            Service(
                name="housing",
                health_or_social_care=False,
                data_categories=(DataCategory.PERSONAL,),
            ),
        ),
        "agreement": "ISA-1",
        "gateways": (
            LawfulGateway(
                gateway=Gateway.CDA_1998_S115, purposes=(Purpose.DISRUPT_ORGANISED_CRIME,)
            ),
        ),
        "narrative_permitted": False,
        "expires_at": datetime(2027, 12, 31, tzinfo=UTC),
        "decided_by": "registrar",
        "decided_at": datetime(2026, 1, 5, tzinfo=UTC),
    }
    return PartnerOnboarded(**(facts | changes))


def suspended(partner: str = PARTNER) -> PartnerSuspended:
    return PartnerSuspended(
        partner=partner,
        reason="agreement under review",
        decided_by="registrar",
        decided_at=datetime(2026, 2, 1, tzinfo=UTC),
    )


def context(*events, keys: Keys = KEYS) -> IntakeContext:
    """What intake knows; without `events` one partner in good standing."""
    registry = Registry()
    for event in events or (onboarded(),):
        registry.apply(event)
    return IntakeContext(keys, registry, Tokeniser(keys))


def sealed(report: Report, keys: Keys = KEYS) -> bytes:
    return encode(seal(report, keys.sealing[1].public()))


def arrived(
    value, partner: str = PARTNER, *, offset: int = 7, at: datetime = RECEIVED_AT
) -> Record:
    """A record of a partner's topic; a report is sealed first."""
    if isinstance(value, Report):
        value = sealed(value)
    if isinstance(value, WithdrawalSubmitted):
        value = encode(value)
    return Record(submissions_of(partner), offset, at, None, value)


def beside_the_row(outgoing, record):
    """What intake made of a record without the row of the audit, which must be the last and one."""
    *rest, row = outgoing
    assert row.topic == OPERATIONS
    assert all(one.topic != OPERATIONS for one in rest)
    told = decode(row.value, OperationRecorded)
    assert (told.operation, told.actor) == (Operation.COLLECTION, "anonymiser")
    assert place_of(told.subject) == (record.topic, record.offset)
    return tuple(rest)
