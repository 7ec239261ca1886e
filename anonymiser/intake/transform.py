"""The anonymiser's heart: one record of a partner in, everything that follows from it out.

Pure, and total: no bytes make it raise. What cannot be understood becomes a
quarantine record; what goes on is built field by field from an allow-list,
and nothing of the source travels along by itself.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

from anonymiser.intake.generalise import UNKNOWN_AGE, district_of, general_age, iso_week
from anonymiser.intake.outcome import (
    Arrival,
    alarm,
    quarantined,
    refused,
    taken_in,
)
from anonymiser.narrative.identities import declared_by
from anonymiser.narrative.redact import Redaction, Redactor
from anonymiser.report_keys import record_key, seal_tokens
from streams.codec import decode, encode
from streams.content import content_of, faults, readings_of
from streams.erasure import Erasures, erased
from streams.errors import DecodeError, TooLargeError
from streams.instants import london_day, to_millisecond
from streams.parts import Reason
from streams.ports import Outgoing
from streams.registry import Standing
from streams.restricted import (
    ON_SUBMISSIONS,
    AnswerSubmitted,
    ApprovalSubmitted,
    MessageSubmitted,
    NumberedRelation,
    OriginatorApproved,
    PersonFacts,
    RedriveRequested,
    ReportSubmitted,
    ReportTokenised,
    TokenisedNode,
    WithdrawalReceived,
    WithdrawalSubmitted,
)
from streams.sealing import Opened, UnsealError, open_submission, wrap_data_keys
from streams.topics import MAX_SUBMISSION_BYTES, REPORT_KEYS, partner_of
from streams.values import NodeKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from anonymiser.intake.generalise import GeneralAge
    from anonymiser.keyring import Keys
    from anonymiser.tokens import Tokeniser
    from streams.content import Reading
    from streams.identifiers import Spelt
    from streams.ports import Record
    from streams.registry import Registry
    from streams.restricted import FieldToken, Node, Relation, Report
    from streams.sealing import Entropy

_LOG: Final = logging.getLogger(__name__)
_NO_FACTS: Final = PersonFacts()
BesideReports: TypeAlias = (
    WithdrawalSubmitted | AnswerSubmitted | ApprovalSubmitted | MessageSubmitted
)
Submission: TypeAlias = ReportSubmitted | BesideReports


@dataclass(frozen=True, slots=True)
class IntakeContext:
    """What the transform may know beside the record. `entropy` gives nonces."""

    keys: Keys
    registry: Registry
    tokeniser: Tokeniser
    entropy: Entropy = field(default=os.urandom)
    redactor: Redactor = field(default_factory=Redactor)
    erasures: Erasures = field(default_factory=Erasures)


def transform(
    record: Record,
    context: IntakeContext,
    beside: Reason | None = None,
    request: RedriveRequested | None = None,
) -> tuple[Outgoing, ...]:
    """Return everything to write for one record of a submissions topic, the most urgent first.

    `beside` is what is wrong with its key or headers (`anonymiser.intake.beside`). With a
    `request` it is processed once more: what goes on says so, and the row of its collection is
    written only if there is none.
    Never raises: a bug quarantines its record, and the log names the class of
    the exception alone, for its message might quote an identifier.
    """
    arrival = _arrival(record)
    if request is not None:
        arrival = replace(arrival, redriven=True, collected=request.collected)
    try:
        event = _decoded(arrival.submission)
        arrival = _routed(arrival, event)
        if beside is not None:
            return quarantined(arrival, (beside,))
        return _decided(arrival, event, context)
    except DecodeError as error:
        return quarantined(arrival, (Reason(code=error.code),))
    except Exception as error:  # noqa: BLE001 - whatever it is, the next report is unaffected
        what = type(error).__name__  # and no trace, which could show values
        _LOG.error("internal error %s at %s/%d", what, record.topic, record.offset)
        return quarantined(arrival, (Reason(code="internal_error"),))


def _arrival(record: Record) -> Arrival:
    return Arrival(
        partner=partner_of(record.topic),
        offset=record.offset,
        received_at=to_millisecond(record.appended_at),
        submission=record.value or b"",
    )


def _decoded(submission: bytes) -> Submission:
    if len(submission) > MAX_SUBMISSION_BYTES:
        raise TooLargeError(f"submission of more than {MAX_SUBMISSION_BYTES} bytes")
    event: Submission = decode(submission, *ON_SUBMISSIONS)
    return event


def _routed(arrival: Arrival, event: Submission) -> Arrival:
    """Take over what the partner wrote in clear; only a report can be urgent."""
    if isinstance(event, WithdrawalSubmitted | AnswerSubmitted | MessageSubmitted):
        return replace(arrival, report_id=event.report_id, immediate_risk=False)
    return replace(
        arrival,
        report_id=event.report_id,
        revision=event.revision,
        immediate_risk=isinstance(event, ReportSubmitted) and event.immediate_risk,
    )


def _decided(arrival: Arrival, event: Submission, context: IntakeContext) -> tuple[Outgoing, ...]:
    """The topic says whose record it is; a payload that says otherwise is not believed."""
    if event.partner != arrival.partner:
        return quarantined(arrival, (Reason(code="other_partner", field="partner"),))
    standing = context.registry.standing(arrival.partner, arrival.received_at)
    if standing is not Standing.ACTIVE:
        return _not_taken(arrival, event, standing, context)
    if isinstance(event, ReportSubmitted):
        return _report(arrival, event, context)
    return taken_in(arrival, _passed_on(arrival, event))


def _passed_on(arrival: Arrival, event: BesideReports) -> bytes:
    """Pass on what a partner says beside its reports; linker and gate answer it."""
    match event:
        case WithdrawalSubmitted():
            return _withdrawal(arrival, event)
        case AnswerSubmitted():
            return encode(event)
        case ApprovalSubmitted():
            return _approval(arrival, event)
        case MessageSubmitted():
            return encode(replace(event, offset=arrival.offset))
        case _:
            assert_never(event)


def _not_taken(
    arrival: Arrival, event: Submission, standing: Standing, context: IntakeContext
) -> tuple[Outgoing, ...]:
    reason = Reason(code=f"partner_{standing.value.lower()}")
    readable = arrival.immediate_risk and isinstance(_opened(event, context.keys), Opened)
    return refused(arrival, (reason,), readable=readable)


def _withdrawal(arrival: Arrival, event: WithdrawalSubmitted) -> bytes:
    received = WithdrawalReceived(
        partner=arrival.partner,
        report_id=event.report_id,
        reason=event.reason,
        received_at=arrival.received_at,
        offset=arrival.offset,
    )
    return encode(received)


def _approval(arrival: Arrival, event: ApprovalSubmitted) -> bytes:
    """The topic is the proof that the originator itself speaks."""
    approved = OriginatorApproved(
        partner=arrival.partner,
        report_id=event.report_id,
        revision=event.revision,
        approved_by=arrival.partner,
        approved_at=arrival.received_at,
    )
    return encode(approved)


# --- reports -----------------------------------------------------------------------------------


def _report(
    arrival: Arrival, submission: ReportSubmitted, context: IntakeContext
) -> tuple[Outgoing, ...]:
    if erased(context.erasures, submission.partner, submission.report_id):
        gone = Reason(code="report_erased", field="report_id")
        return refused(arrival, (gone,), readable=False)
    if submission.key_epoch not in context.keys.sealing:
        unknown = Reason(code="unknown_epoch", field="key_epoch")
        return refused(arrival, (unknown,), readable=False)
    opened = _opened(submission, context.keys)
    if isinstance(opened, UnsealError):
        return quarantined(arrival, (Reason(code=opened.code),))
    arrival = replace(arrival, purpose=opened.report.purpose, gateway=opened.report.gateway)
    judged = take_in(arrival, opened, context)
    if isinstance(judged, tuple):
        return refused(arrival, judged, readable=True)
    return _accepted(arrival, submission, opened, judged, context)


def take_in(arrival: Arrival, opened: Opened, context: IntakeContext) -> bytes | tuple[Reason, ...]:
    """Turn an opened report into what goes on, encoded; or say what its partner must mend.

    The step between two sealings: canonicalise, judge, tokenise, generalise, redact, encode.
    """
    readings = readings_of(opened.report)
    if reasons := _reasons(arrival, opened.report, readings, context.registry):
        return reasons
    return encode(_tokenised(arrival, opened, readings, context))


def _opened(event: Submission, keys: Keys) -> Opened | UnsealError:
    key = keys.sealing.get(event.key_epoch) if isinstance(event, ReportSubmitted) else None
    if key is None or not isinstance(event, ReportSubmitted):
        return UnsealError("wrong_epoch")
    try:
        return open_submission(event, key)
    except UnsealError as error:
        return error


def _reasons(
    arrival: Arrival, report: Report, readings: Sequence[Reading], registry: Registry
) -> tuple[Reason, ...]:
    """Everything the partner can mend, told at once."""
    found = faults(report, arrival.received_at, readings)
    return (*_service(report, registry), *(fault.reason() for fault in found))


def _service(report: Report, registry: Registry) -> tuple[Reason, ...]:
    """A service is a word of the register, so that no free text travels in its place."""
    entry = registry.entry(report.partner)
    if entry is not None and entry.service(report.service) is not None:
        return ()
    return (Reason(code="service_not_registered", field="service"),)


def _accepted(
    arrival: Arrival,
    submission: ReportSubmitted,
    opened: Opened,
    tokenised: bytes,
    context: IntakeContext,
) -> tuple[Outgoing, ...]:
    keys, number = context.keys, context.keys.storage_number
    wrapped = wrap_data_keys(
        submission, opened.data_keys, keys.storage[number], number, context.entropy
    )
    return (
        *alarm(arrival, readable=True),
        Outgoing(REPORT_KEYS, encode(wrapped), key=record_key(submission)),
        *taken_in(arrival, tokenised),
    )


def _tokenised(
    arrival: Arrival, opened: Opened, readings: Sequence[Reading], context: IntakeContext
) -> ReportTokenised:
    """The allow-list: what is not named here does not go on, the narrative only as redacted."""
    report, tokeniser = opened.report, context.tokeniser
    redaction = _redaction(report, context)
    origin = report.origin_reference
    return ReportTokenised(
        partner=arrival.partner,
        report_id=report.report_id,
        revision=report.revision,
        supersedes=report.supersedes,
        received_at=arrival.received_at,
        content_digest=tokeniser.content_digest(content_of(report)),
        origin_token=tokeniser.origin_token(origin) if origin is not None else None,
        immediate_risk=report.immediate_risk,
        service=report.service,
        data_category=report.data_category,
        gateway=report.gateway,
        purpose=report.purpose,
        event_week=iso_week(report.event_at),
        district=district_of(report.place.postcode),
        nodes=_nodes(opened, readings, context),
        relations=_relations(report),
        facts=report.facts,
        source=report.source,
        grading=report.grading,
        handling=report.handling,
        submission=arrival.submission,
        redacted=redaction.text,
        token_epoch=context.keys.token_epoch,
        withheld=redaction.withheld,
        offset=arrival.offset,
        redriven=arrival.redriven or None,
    )


def _redaction(report: Report, context: IntakeContext) -> Redaction:
    """A narrative that the agreement keeps in the enclave is not even looked at."""
    entry = context.registry.entry(report.partner)
    if not report.narrative or entry is None or not entry.narrative_permitted:
        return Redaction(None)
    own = (entry.name, *(service.name for service in entry.services))
    return context.redactor.redact(report.narrative, declared_by(report, own), len(report.nodes))


def _nodes(
    opened: Opened, readings: Sequence[Reading], context: IntakeContext
) -> tuple[TokenisedNode, ...]:
    numbered = enumerate(zip(opened.report.nodes, readings, strict=True))
    return tuple(
        _node(number, node, spelt, opened, context) for number, (node, (spelt, _)) in numbered
    )


def _node(
    number: int, node: Node, spelt: Sequence[Spelt], opened: Opened, context: IntakeContext
) -> TokenisedNode:
    report, tokeniser = opened.report, context.tokeniser
    label = tokeniser.label_token(report.partner, report.report_id, node.label)
    tokens = tokeniser.tokens_of(node.kind, spelt)
    person = node.person or _NO_FACTS
    age = _age(node, person, london_day(report.event_at))
    return TokenisedNode(
        node=number,
        kind=node.kind,
        label_token=label,
        tokens=tokens,
        sealed_tokens=_sealed(tokens, opened.data_keys.get(number + 1), label, context.entropy),
        sex=person.sex,
        age_band=age.band,
        child_at_event=age.child,
        role=person.role,
        protected=node.protected,
        conflict=node.conflict,
    )


def _age(node: Node, person: PersonFacts, day: date) -> GeneralAge:
    if node.kind is not NodeKind.PERSON:
        return UNKNOWN_AGE
    return general_age(node.identity.born_on if node.identity else None, person.age, day)


def _sealed(
    tokens: Sequence[FieldToken], data_key: bytes | None, label: bytes, entropy: Entropy
) -> bytes:
    """Nothing to seal for a subject without identity; it has no data key either."""
    return seal_tokens(tokens, data_key, label, entropy) if tokens and data_key else b""


def _relations(report: Report) -> tuple[NumberedRelation, ...]:
    numbers = {node.label: number for number, node in enumerate(report.nodes)}
    return tuple(_numbered(relation, numbers) for relation in report.relations)


def _numbered(relation: Relation, numbers: Mapping[str, int]) -> NumberedRelation:
    return NumberedRelation(
        subject=numbers[relation.subject], object=numbers[relation.object], kind=relation.kind
    )
