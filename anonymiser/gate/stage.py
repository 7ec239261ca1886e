"""The gate: the only door out of the enclave, and the only writer of what lies outside it.

It opens the sealed submission itself, decides who may see the report, builds
each audience's event from an allow-list, searches the final bytes for
everything the submission declared, and only then lets them go. Whatever goes
wrong, nothing is forwarded and nothing is lost: the ciphertext goes to
quarantine and the partner gets a receipt.

A correction that is refused, held or quarantined leaves the earlier revision
where it was. One that an audience may not have any longer, while another
may, takes the earlier revision back from the former; under that report id it
then gets nothing more.

An audience hears of a merge only if it knows the absorbed id, and of a split
only if it was shown one of the mentions. A reason code tells the partner what
to mend and never shows a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never, cast
from uuid import UUID

from anonymiser.gate.audience import AudienceIds
from anonymiser.gate.handling import NEEDS_APPROVAL, Verdict, judge
from anonymiser.gate.release import for_police, for_safeguarding
from anonymiser.gate.residue import ResidueSearch
from anonymiser.gate.state import GateState
from streams.codec import decode, encode
from streams.errors import DecodeError, RivelinError
from streams.parts import Reason
from streams.ports import Outgoing
from streams.registry import Registry
from streams.restricted import (
    MergeDecided,
    OriginatorApproved,
    Quarantined,
    ReceiptDue,
    ReportHeld,
    ReportLinked,
    ReportRetracted,
    ReportSubmitted,
    SplitDecided,
    SplitRequested,
)
from streams.sealing import open_submission
from streams.shared import (
    FeedbackGiven,
    Mention,
    NominalDischarged,
    NominalEnrolled,
    NominalRelayed,
    OperationRecorded,
    PersonsMerged,
    PersonSplit,
    PoliceReportShared,
    ReportWithdrawn,
    SafeguardingReportShared,
)
from streams.topics import (
    HELD,
    OPERATIONS,
    OUTGOING,
    POLICE,
    POLICE_DECISIONS,
    QUARANTINE,
    REGISTRY,
    REVIEW_COMMANDS,
    SAFEGUARDING,
    feedback_of,
)
from streams.values import Audience, Operation, Outcome, Purpose

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from anonymiser.gate.state import SharedEvent
    from anonymiser.keyring import Keys
    from streams.ports import Record
    from streams.restricted import Report

SharedReport: TypeAlias = PoliceReportShared | SafeguardingReportShared
TOPIC_OF: Final = {Audience.POLICE: POLICE, Audience.SAFEGUARDING: SAFEGUARDING}
_AUDIENCE_OF: Final = {topic: audience for audience, topic in TOPIC_OF.items()}
_BUILD: Final[Mapping[Audience, Callable[[ReportLinked, AudienceIds], SharedReport]]] = {
    Audience.POLICE: for_police,
    Audience.SAFEGUARDING: for_safeguarding,
}
_SHARED: Final = (
    PoliceReportShared,
    SafeguardingReportShared,
    NominalRelayed,
    ReportWithdrawn,
    PersonsMerged,
    PersonSplit,
)
_INPUT: Final = {
    OUTGOING: (ReportLinked, ReportRetracted, MergeDecided, SplitDecided, ReceiptDue),
    POLICE_DECISIONS: (NominalEnrolled, NominalDischarged),
    REVIEW_COMMANDS: (OriginatorApproved, SplitRequested),
}
_CIPHERTEXT_BYTES_MAX: Final = 250_000  # so that the quarantine record fits into a message

Input: TypeAlias = (
    ReportLinked
    | ReportRetracted
    | MergeDecided
    | SplitDecided
    | ReceiptDue
    | NominalEnrolled
    | NominalDischarged
    | OriginatorApproved
    | SplitRequested
)


class WithheldError(RivelinError):
    """A report must not leave. `code` and `field` are what the receipt says."""

    def __init__(self, code: str, field: str | None = None) -> None:
        super().__init__(f"withheld: {code}")
        self.code = code
        self.field = field


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


class Gate:
    """The stage. Its own output is its memory; equal input gives equal bytes."""

    name = "gate"
    sources = (OUTGOING, POLICE_DECISIONS, REVIEW_COMMANDS)
    state_topics = (HELD, POLICE, SAFEGUARDING)
    reference_topics = (REGISTRY,)

    def __init__(self, keys: Keys, registry: Registry | None = None) -> None:
        self._sealing = keys.sealing
        self._ids = {one: AudienceIds(one, keys.audience[one]) for one in Audience}
        self._registry = registry if registry is not None else Registry()
        self._state = GateState(self._ids.values())

    def learn(self, records: Sequence[Record]) -> None:
        """Take in the register of partners."""
        self._registry.learn(records)

    def recover(self, records: Sequence[Record]) -> None:
        """Fold what the gate holds and has shown.

        Raises: DecodeError if its own record does not decode; it must not guess.
        """
        for record in records:
            classes = (ReportHeld,) if record.topic == HELD else _SHARED
            event = None if record.value is None else decode(record.value, *classes)
            self._remember(Effect(record.topic, event, record.key))

    def step(self, records: Sequence[Record]) -> Sequence[Outgoing]:
        """Turn input into what leaves, is held, quarantined or told; never raises."""
        return [outgoing for record in records for outgoing in self._take(record)]

    def _take(self, record: Record) -> list[Outgoing]:
        try:
            event = read(record)
        except DecodeError as error:
            return self._settle([_quarantine(record, None, Reason(code=error.code))])
        try:
            return self._settle(list(self._react(event, record)))
        except Exception as error:  # noqa: BLE001 - the door stays shut whatever went wrong
            linked = event if isinstance(event, ReportLinked) else None
            came_in = [] if linked is None else [_collection(linked, record)]
            return self._settle([*came_in, *_withheld(record, linked, error)])

    def _settle(self, effects: list[Effect]) -> list[Outgoing]:
        """Encode all before any is remembered: an effect that cannot be written never was."""
        outgoing = [effect.outgoing() for effect in effects]
        for effect in effects:
            self._remember(effect)
        return outgoing

    def _remember(self, effect: Effect) -> None:
        if effect.topic in _AUDIENCE_OF:
            event = cast("SharedEvent", effect.event)  # nothing else goes there
            self._state.seen[_AUDIENCE_OF[effect.topic]].apply(event)
        elif effect.topic == HELD and isinstance(effect.event, ReportHeld):
            self._state.held.put(effect.event)
        elif effect.topic == HELD and effect.key is not None:
            self._state.held.drop(_report_of(effect.key))

    # --- reactions ------------------------------------------------------------

    def _react(self, event: Input, record: Record) -> Iterator[Effect]:
        at = record.appended_at
        match event:
            case ReportLinked():
                yield _collection(event, record)
                yield from self._judge(event, at, approved=False)
            case OriginatorApproved():
                yield from self._approve(event, record)
            case ReportRetracted():
                yield from self._retract(event, at)
            case MergeDecided():
                yield from self._merge(event, record)
            case SplitDecided():
                yield from self._split(event)
            case ReceiptDue():
                yield _receipt(event, at)
            case NominalEnrolled():
                yield from self._relay(event.person_id, is_nominal=True)
            case NominalDischarged():
                yield from self._relay(event.person_id, is_nominal=False)
            case SplitRequested():
                return  # the linker decides, and tells
            case _:
                assert_never(event)

    def _judge(self, linked: ReportLinked, at: datetime, *, approved: bool) -> Iterator[Effect]:
        report = self._open(linked)
        entry = self._registry.entry(linked.partner)
        verdict = judge(linked, entry, at, approved=approved)
        if verdict.outcome is Outcome.HELD:
            yield _hold(linked, verdict.reasons, at)
        if verdict.outcome is Outcome.SHARED:
            yield from self._share(linked, report, verdict.audiences, at)
        yield _feedback(linked, verdict, at)

    def _open(self, linked: ReportLinked) -> Report:
        submission = decode(linked.submission, ReportSubmitted)
        key = self._sealing.get(submission.key_epoch)
        if key is None:
            raise WithheldError("epoch_key_gone")
        report = open_submission(submission, key).report
        if (path := difference(report, linked)) is not None:
            raise WithheldError("facts_differ", path)
        return report

    def _share(
        self, linked: ReportLinked, report: Report, audiences: Sequence[Audience], at: datetime
    ) -> Iterator[Effect]:
        events = [(one, self._build(linked, one)) for one in audiences]
        search = ResidueSearch(report, linked)
        for audience, event in events:
            path = search.find(encode(event), self._given_ids(linked, self._ids[audience]))
            if path is not None:
                raise WithheldError("residual_identifier", path)
        yield from self._take_back(linked, audiences)
        for audience, event in events:
            yield Effect(TOPIC_OF[audience], event)
            yield _disclosure(linked, event, audience, at)
        if self._state.held.get(linked.partner, linked.report_id) is not None:
            yield Effect(HELD, None, _held_key(linked.partner, linked.report_id))

    def _build(self, linked: ReportLinked, audience: Audience) -> SharedReport:
        return _BUILD[audience](linked, self._ids[audience])

    def _given_ids(self, linked: ReportLinked, ids: AudienceIds) -> Iterator[UUID]:
        yield ids.report(linked.partner, linked.report_id)
        yield ids.origin(linked.origin_id)
        yield from (ids.entity(node.entity_id) for node in linked.nodes)

    def _take_back(self, linked: ReportLinked, audiences: Sequence[Audience]) -> Iterator[Effect]:
        for audience in self._state.others_with(linked, audiences):
            yield self._withdrawn(audience, linked.partner, linked.report_id)

    def _withdrawn(self, audience: Audience, partner: str, report_id: UUID) -> Effect:
        shared_id = self._ids[audience].report(partner, report_id)
        return Effect(TOPIC_OF[audience], ReportWithdrawn(report_id=shared_id))

    def _approve(self, event: OriginatorApproved, record: Record) -> Iterator[Effect]:
        """Go on with a held report; an approval of another revision changes nothing."""
        holding = self._state.held.get(event.partner, event.report_id)
        if holding is None or holding.event.revision != event.revision:
            return
        if NEEDS_APPROVAL in holding.event.reasons:
            yield from self._release(holding.linked, record)

    def _release(self, linked: ReportLinked, record: Record) -> Iterator[Effect]:
        try:
            effects = list(self._judge(linked, record.appended_at, approved=True))
            _ = [effect.outgoing() for effect in effects]
        except Exception as error:  # noqa: BLE001 - as for a report that comes straight in
            effects = list(_withheld(record, linked, error))
        yield from effects
        if not any(effect.topic == HELD for effect in effects):
            yield Effect(HELD, None, _held_key(linked.partner, linked.report_id))

    def _retract(self, event: ReportRetracted, at: datetime) -> Iterator[Effect]:
        for audience, seen in self._state.seen.items():
            if seen.has_report(event.partner, event.report_id):
                yield self._withdrawn(audience, event.partner, event.report_id)
        if self._state.held.get(event.partner, event.report_id) is not None:
            yield Effect(HELD, None, _held_key(event.partner, event.report_id))
        yield Effect(feedback_of(event.partner), _withdrawal_receipt(event.report_id, at))

    def _merge(self, event: MergeDecided, record: Record) -> Iterator[Effect]:
        for audience, seen in self._state.seen.items():
            if seen.has_entity(event.absorbed_id):
                ids = seen.ids
                merged = PersonsMerged(
                    kind=event.kind,
                    kept_id=ids.entity(event.kept_id),
                    absorbed_id=ids.entity(event.absorbed_id),
                )
                yield Effect(TOPIC_OF[audience], merged)
        yield from _held(self._state.held.renamed(event.absorbed_id, event.kept_id))
        yield _combination(record)

    def _split(self, event: SplitDecided) -> Iterator[Effect]:
        for audience, seen in self._state.seen.items():
            if mentions := tuple(filter(seen.has_mention, event.mentions)):
                ids = seen.ids
                split = PersonSplit(
                    kind=event.kind,
                    entity_id=ids.entity(event.entity_id),
                    new_entity_id=ids.entity(event.new_entity_id),
                    mentions=tuple(
                        Mention(report_id=ids.report(m.partner, m.report_id), node=m.node)
                        for m in mentions
                    ),
                )
                yield Effect(TOPIC_OF[audience], split)
        held = self._state.held.renamed(event.entity_id, event.new_entity_id, event.mentions)
        yield from _held(held)

    def _relay(self, police_id: UUID, *, is_nominal: bool) -> Iterator[Effect]:
        """Tell safeguarding about a nominal under its own id; an id police never got is ignored."""
        seen = self._state.seen[Audience.POLICE]
        if not seen.knows(police_id):
            return
        inner = seen.ids.entity_behind(seen.root(police_id))
        person_id = self._ids[Audience.SAFEGUARDING].entity(inner)
        yield Effect(SAFEGUARDING, NominalRelayed(person_id=person_id, is_nominal=is_nominal))


# --- reading and comparing --------------------------------------------------------


def read(record: Record) -> Input:
    """Decode one record of the gate's sources.

    Raises: DecodeError.
    """
    event: Input = decode(record.value or b"", *_INPUT[record.topic])
    return event


def difference(report: Report, linked: ReportLinked) -> str | None:
    """Name the first fact in which the opened submission and what became of it differ.

    What decides about sharing must be what the partner wrote, not what a stage made of it.
    """
    for path in (
        "partner",
        "report_id",
        "revision",
        "immediate_risk",
        "service",
        "data_category",
        "gateway",
        "purpose",
        "handling",
    ):
        if getattr(report, path) != getattr(linked, path):
            return path
    flags = [(node.kind, node.protected, node.conflict) for node in report.nodes]
    linked_flags = [(node.kind, node.protected, node.conflict) for node in linked.nodes]
    return None if flags == linked_flags else "nodes"


# --- building effects --------------------------------------------------------------


def _held_key(partner: str, report_id: UUID) -> bytes:
    return f"{partner}/{report_id}".encode()


def _report_of(key: bytes) -> tuple[str, UUID]:
    partner, _, report_id = key.decode().rpartition("/")
    return partner, UUID(report_id)


def _hold(linked: ReportLinked, reasons: tuple[Reason, ...], at: datetime) -> Effect:
    held = ReportHeld(
        partner=linked.partner,
        report_id=linked.report_id,
        revision=linked.revision,
        reasons=reasons,
        held_at=at,
        linked=encode(linked),
    )
    return Effect(HELD, held, _held_key(linked.partner, linked.report_id))


def _held(events: Iterable[ReportHeld]) -> Iterator[Effect]:
    for event in events:
        yield Effect(HELD, event, _held_key(event.partner, event.report_id))


def _feedback(linked: ReportLinked, verdict: Verdict, at: datetime) -> Effect:
    given = FeedbackGiven(
        report_id=linked.report_id,
        revision=linked.revision,
        outcome=verdict.outcome,
        reasons=verdict.reasons,
        immediate_risk=linked.immediate_risk,
        offset=None,
        given_at=at,
    )
    return Effect(feedback_of(linked.partner), given)


def _receipt(event: ReceiptDue, at: datetime) -> Effect:
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


def _withdrawal_receipt(report_id: UUID, at: datetime) -> FeedbackGiven:
    return FeedbackGiven(
        report_id=report_id,
        revision=None,
        outcome=Outcome.WITHDRAWN,
        reasons=(),
        immediate_risk=False,
        offset=None,
        given_at=at,
    )


def _disclosure(
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
    )
    return Effect(OPERATIONS, recorded)


def _combination(record: Record) -> Effect:
    recorded = OperationRecorded(
        operation=Operation.COMBINATION,
        actor="linker",
        purpose=Purpose.OPERATE_SERVICE,
        subject=f"record {record.topic}/{record.offset}",
        recipients=(),
        gateway=None,
        at=record.appended_at,
    )
    return Effect(OPERATIONS, recorded)


def _collection(linked: ReportLinked, record: Record) -> Effect:
    """Record that a report, or another revision of it, came in."""
    is_first = linked.supersedes is None
    recorded = OperationRecorded(
        operation=Operation.COLLECTION if is_first else Operation.ALTERATION,
        actor="anonymiser",
        purpose=linked.purpose,
        subject=f"record {record.topic}/{record.offset}",
        recipients=(),
        gateway=linked.gateway,
        at=record.appended_at,
    )
    return Effect(OPERATIONS, recorded)


def _withheld(record: Record, linked: ReportLinked | None, error: Exception) -> Iterator[Effect]:
    """Quarantine, and tell the partner; only our own errors have a code that may be told."""
    code = getattr(error, "code", "internal_error") if isinstance(error, RivelinError) else None
    reason = Reason(code=code or "internal_error", field=getattr(error, "field", None))
    yield _quarantine(record, linked, reason)
    if linked is not None:
        yield _feedback(linked, Verdict(Outcome.QUARANTINED, reasons=(reason,)), record.appended_at)


def _quarantine(record: Record, linked: ReportLinked | None, reason: Reason) -> Effect:
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
    )
    return Effect(QUARANTINE, quarantined)
