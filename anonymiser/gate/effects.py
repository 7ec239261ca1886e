"""What the gate writes: one function for each kind of record, and what may be said in it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias
from uuid import UUID

from anonymiser.gate.batch import merge_key, reporter_key, waiting_key
from anonymiser.gate.handling import Verdict
from anonymiser.gate.law import LAW_VERSION
from streams.codec import encode
from streams.errors import RivelinError
from streams.operations import subject_of
from streams.parts import Reason
from streams.ports import Outgoing
from streams.restricted import Quarantined, ReporterNoted, ReportHeld, ReportWaiting
from streams.shared import (
    BatchReleased,
    FeedbackGiven,
    ItemWithheld,
    OperationRecorded,
    PoliceReportShared,
    SafeguardingReportShared,
)
from streams.topics import HELD, OPERATIONS, PARTNER_ID, QUARANTINE, feedback_of
from streams.values import Audience, Operation, Outcome, Purpose

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from streams.ports import Record
    from streams.restricted import (
        MergeDecided,
        ReceiptDue,
        ReportLinked,
        ReportRetracted,
        ReportTokenised,
    )
    from streams.values import PartnerType

SharedReport: TypeAlias = PoliceReportShared | SafeguardingReportShared
_CIPHERTEXT_BYTES_MAX: Final = 250_000  # so that the quarantine record fits into a message


class WithheldError(RivelinError):
    """A report must not leave. `code` and `field` are what the receipt says."""

    def __init__(self, code: str, field: str | None = None) -> None:
        super().__init__(f"withheld: {code}")
        self.code = code
        self.field = field


class Withheld(StrEnum):
    """The kinds of things that an audience may have to do without."""

    REPORT = "REPORT"
    HUB_VIEW = "HUB_VIEW"
    PROTECTION = "PROTECTION"
    AGE_BAND = "AGE_BAND"


@dataclass(frozen=True, slots=True)
class Effect:
    """One event to write; None is a tombstone."""

    topic: str
    event: object | None
    key: bytes | None = None

    def outgoing(self) -> Outgoing:
        """Return the record."""
        value = None if self.event is None else encode(self.event)
        return Outgoing(self.topic, value, self.key)


# --- what is held -----------------------------------------------------------------


def held_key(partner: str, report_id: UUID) -> bytes:
    """Return the record key under which a report is held."""
    return f"{partner}/{report_id}".encode()


def report_of(key: bytes) -> tuple[str, UUID] | None:
    """Undo `held_key`; None if it is the key of something else that stands there."""
    partner, *rest = key.decode().split("/")
    if len(rest) != 1 or not PARTNER_ID.fullmatch(partner):
        return None
    return partner, UUID(rest[0])


def hold(linked: ReportLinked, reasons: tuple[Reason, ...], at: datetime) -> Effect:
    """Keep a report until the reasons are gone."""
    held = ReportHeld(
        partner=linked.partner,
        report_id=linked.report_id,
        revision=linked.revision,
        reasons=reasons,
        held_at=at,
        linked=encode(linked),
    )
    return Effect(HELD, held, held_key(linked.partner, linked.report_id))


def held_anew(events: Iterable[ReportHeld]) -> Iterator[Effect]:
    """Keep reports on in another wording."""
    for event in events:
        yield Effect(HELD, event, held_key(event.partner, event.report_id))


def let_go(partner: str, report_id: UUID) -> Effect:
    """Hold a report no longer."""
    return Effect(HELD, None, held_key(partner, report_id))


# --- what waits for a batch --------------------------------------------------------


def wait(linked: ReportLinked, offset: int, since: datetime) -> Effect:
    """Let a report wait to go to police with others; a later revision takes its place."""
    waiting = ReportWaiting(
        partner=linked.partner,
        report_id=linked.report_id,
        revision=linked.revision,
        offset=offset,
        since=since,
        linked=encode(linked),
    )
    return Effect(HELD, waiting, waiting_key(linked.partner, linked.report_id))


def wait_anew(events: Iterable[ReportWaiting]) -> Iterator[Effect]:
    """Let reports wait on in another wording."""
    for event in events:
        yield Effect(HELD, event, waiting_key(event.partner, event.report_id))


def wait_no_longer(partner: str, report_id: UUID) -> Effect:
    """Take a report out of the batch."""
    return Effect(HELD, None, waiting_key(partner, report_id))


def wait_with(event: MergeDecided) -> Effect:
    """Let a merge wait, so that it does not tell when the report came that caused it."""
    return Effect(HELD, event, merge_key(event.absorbed_id))


def waited(event: MergeDecided) -> Effect:
    """Let a merge wait no longer."""
    return Effect(HELD, None, merge_key(event.absorbed_id))


def noted(partner: str, sector: PartnerType, at: datetime) -> Effect:
    """Remember that a partner has reported."""
    event = ReporterNoted(partner=partner, type=sector, noted_at=at)
    return Effect(HELD, event, reporter_key(partner))


def batch_released(partners: Sequence[str], at: datetime, *, late: bool) -> Effect:
    """Tell audit how well a batch hid its sources; `partners` has one entry for each report."""
    event = BatchReleased(
        recipient=Audience.POLICE,
        reports=len(partners),
        partners=len(set(partners)),
        late=late,
        released_at=at,
    )
    return Effect(OPERATIONS, event)


# --- what partners are told ---------------------------------------------------------


def feedback(linked: ReportLinked, verdict: Verdict, at: datetime) -> Effect:
    """Tell the partner the outcome of its report."""
    given = FeedbackGiven(
        report_id=linked.report_id,
        revision=linked.revision,
        outcome=verdict.outcome,
        reasons=verdict.reasons,
        immediate_risk=linked.immediate_risk,
        offset=linked.offset,
        given_at=at,
        law_version=verdict.law_version,
    )
    return Effect(feedback_of(linked.partner), given)


def receipt(event: ReceiptDue, at: datetime) -> Effect:
    """Tell the partner what an earlier stage decided."""
    given = FeedbackGiven(
        report_id=event.report_id,
        revision=event.revision,
        outcome=event.outcome,
        reasons=event.reasons,
        immediate_risk=event.immediate_risk,
        offset=event.offset,
        given_at=at,
    )
    return Effect(feedback_of(event.partner), given)


def withdrawal_receipt(event: ReportRetracted, at: datetime) -> Effect:
    """Tell the partner that its report is void."""
    given = FeedbackGiven(
        report_id=event.report_id,
        revision=None,
        outcome=Outcome.WITHDRAWN,
        reasons=(),
        immediate_risk=False,
        offset=event.offset,
        given_at=at,
    )
    return Effect(feedback_of(event.partner), given)


# --- what audit is told (DPA 2018 s62) -------------------------------------------------


def disclosure(
    linked: ReportLinked,
    event: SharedReport,
    audience: Audience,
    at: datetime,
) -> Effect:
    """Record one operation for each audience, under the id of that audience alone."""
    recorded = OperationRecorded(
        operation=Operation.DISCLOSURE,
        actor="gate",
        purpose=linked.purpose,
        subject=f"report {event.report_id}",
        recipients=(audience,),
        gateway=linked.gateway,
        at=at,
        law_version=LAW_VERSION,
    )
    return Effect(OPERATIONS, recorded)


def alteration(linked: ReportLinked, record: Record) -> Effect:
    """Record that a revision took the place of an earlier one; intake records what came in."""
    recorded = OperationRecorded(
        operation=Operation.ALTERATION,
        actor="gate",
        purpose=linked.purpose,
        subject=subject_of(record.topic, record.offset),
        recipients=(),
        gateway=linked.gateway,
        at=record.appended_at,
    )
    return Effect(OPERATIONS, recorded)


def disclosure_to_holders(subject: str, actor: str, at: datetime) -> Effect:
    """Record that holders of a person were told something that a named person released.

    Which of them stands in their own feedback; the record names the release alone.
    """
    recorded = OperationRecorded(
        operation=Operation.DISCLOSURE,
        actor=actor,
        purpose=Purpose.SAFEGUARD_CHILDREN,
        subject=subject,
        recipients=(),
        gateway=None,
        at=at,
    )
    return Effect(OPERATIONS, recorded)


def kept_back(recipient: Audience, what: Withheld, reason: str, at: datetime) -> Effect:
    """Count, for the auditor, one thing that an audience did not get."""
    event = ItemWithheld(recipient=recipient, what=what.value, reason=reason, at=at)
    return Effect(OPERATIONS, event)


# --- what is withheld ------------------------------------------------------------------


def withheld(record: Record, linked: ReportLinked | None, error: Exception) -> Iterator[Effect]:
    """Quarantine, and tell the partner."""
    reason = reason_of(error)
    yield quarantine(record, linked, reason)
    if linked is not None:
        yield feedback(linked, Verdict(Outcome.QUARANTINED, reasons=(reason,)), record.appended_at)


def reason_of(error: Exception) -> Reason:
    """Only our own errors have a code that may be told; another's words could quote a value."""
    if isinstance(error, WithheldError):
        return Reason(code=error.code, field=error.field)
    code = getattr(error, "code", None) if isinstance(error, RivelinError) else None
    return Reason(code=code or "internal_error")


def quarantine(
    record: Record, linked: ReportLinked | ReportTokenised | None, reason: Reason
) -> Effect:
    """Keep the ciphertext; `offset` is the position on the topic the gate read it from.

    A record that is no report is kept whole, under the name of its topic.
    """
    kept = linked.submission if linked is not None else record.value or b""
    quarantined = Quarantined(
        partner=record.topic if linked is None else linked.partner,
        offset=record.offset,
        report_id=None if linked is None else linked.report_id,
        revision=None if linked is None else linked.revision,
        stage="gate",
        reasons=(reason,),
        immediate_risk=linked is not None and linked.immediate_risk,
        submission=kept if len(kept) <= _CIPHERTEXT_BYTES_MAX else b"",
        quarantined_at=record.appended_at,
        submission_offset=None if linked is None else linked.offset,
    )
    return Effect(QUARANTINE, quarantined)
