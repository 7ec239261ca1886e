"""What intake writes when a submission does not go on: a receipt, a quarantine record, an alarm.

*Refused* is what the partner can mend, *quarantined* what a human must look at
(ADR-0006). Either way an immediate risk comes first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from streams.codec import encode
from streams.operations import subject_of
from streams.ports import URGENT, Outgoing
from streams.restricted import Quarantined, ReceiptDue, RiskRaised
from streams.shared import OperationRecorded
from streams.topics import (
    DUTY,
    MAX_SUBMISSION_BYTES,
    OPERATIONS,
    QUARANTINE,
    TOKENISED,
    submissions_of,
)
from streams.values import Operation, Outcome, Purpose

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from streams.parts import Reason
    from streams.values import Gateway

STAGE: Final = "intake"
ACTOR: Final = "anonymiser"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A submission as it came, and as much of its routing facts as could be read.

    `partner` is the owner of the topic. `immediate_risk` is true as well when
    the flag could not be read: what nobody can read is urgent. `purpose` and
    `gateway` are what the report says once it is open, the service's own before.
    `redriven`: it is processed once more; `collected`: the audit has its row already.
    """

    partner: str
    offset: int
    received_at: datetime
    submission: bytes = field(repr=False)
    report_id: UUID | None = None
    revision: int | None = None
    immediate_risk: bool = True
    purpose: Purpose = Purpose.OPERATE_SERVICE
    gateway: Gateway | None = None
    redriven: bool = False
    collected: bool = False


def refused(
    arrival: Arrival, reasons: tuple[Reason, ...], *, readable: bool
) -> tuple[Outgoing, ...]:
    """The partner can mend it: an alarm if there is an immediate risk, then the receipt."""
    receipt = receipt_due(arrival, Outcome.REFUSED, reasons)
    return (*alarm(arrival, reasons, readable=readable), receipt, *collection(arrival))


def quarantined(
    arrival: Arrival, reasons: tuple[Reason, ...], *, readable: bool = False
) -> tuple[Outgoing, ...]:
    """A human must look: an alarm if it may be urgent, the ciphertext, the receipt."""
    record = Quarantined(
        partner=arrival.partner,
        offset=arrival.offset,
        report_id=arrival.report_id,
        revision=arrival.revision,
        stage=STAGE,
        reasons=reasons,
        immediate_risk=arrival.immediate_risk,
        submission=_kept(arrival.submission),
        quarantined_at=arrival.received_at,
        submission_offset=arrival.offset,
    )
    return (
        *alarm(arrival, reasons, readable=readable),
        Outgoing(QUARANTINE, encode(record)),
        receipt_due(arrival, Outcome.QUARANTINED, reasons),
        *collection(arrival),
    )


def taken_in(arrival: Arrival, value: bytes) -> tuple[Outgoing, ...]:
    """The submission goes on to the linker, in this form."""
    return (transported(arrival, value), *collection(arrival))


def collection(arrival: Arrival) -> tuple[Outgoing, ...]:
    """Record the collection (DPA 2018 s62): one row for each submission, whatever becomes of it.

    It names the place on the partner's topic and nothing of the content, so the rows of a
    partner are dense: a place without one was never taken in.
    """
    if arrival.collected:
        return ()
    recorded = OperationRecorded(
        operation=Operation.COLLECTION,
        actor=ACTOR,
        purpose=arrival.purpose,
        subject=subject_of(submissions_of(arrival.partner), arrival.offset),
        recipients=(),
        gateway=arrival.gateway,
        at=arrival.received_at,
    )
    return (Outgoing(OPERATIONS, encode(recorded)),)


def alarm(
    arrival: Arrival, reasons: tuple[Reason, ...] = (), *, readable: bool
) -> tuple[Outgoing, ...]:
    """Tell the duty officer of an immediate risk; nothing if there is none."""
    if not arrival.immediate_risk:
        return ()
    raised = RiskRaised(
        partner=arrival.partner,
        offset=arrival.offset,
        report_id=arrival.report_id,
        revision=arrival.revision,
        readable=readable,
        reasons=reasons,
        raised_at=arrival.received_at,
    )
    return (Outgoing(DUTY, encode(raised)),)


def receipt_due(arrival: Arrival, outcome: Outcome, reasons: tuple[Reason, ...]) -> Outgoing:
    """Have the gate tell the partner, in the order of the stream."""
    due = ReceiptDue(
        partner=arrival.partner,
        report_id=arrival.report_id,
        revision=arrival.revision,
        outcome=outcome,
        reasons=reasons,
        immediate_risk=arrival.immediate_risk,
        offset=arrival.offset,
        due_at=arrival.received_at,
    )
    return transported(arrival, encode(due))


def transported(arrival: Arrival, value: bytes) -> Outgoing:
    """A record for `enclave.tokenised`; its key says nothing but that it must not wait."""
    return Outgoing(TOKENISED, value, key=URGENT if arrival.immediate_risk else None)


def _kept(submission: bytes) -> bytes:
    """What is beyond the broker's own limit stays on the partner's topic, at its offset."""
    return submission if len(submission) <= MAX_SUBMISSION_BYTES else b""
