"""The linker: one active writer that decides which mentions are one person, and records it.

Its state is a fold of its own decisions. A report's order on the output is:
the merges it led to, then the report under the ids as they then are.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never
from uuid import UUID, uuid4

from anonymiser.linker.admission import refusal
from anonymiser.linker.match import LinkPolicy
from anonymiser.linker.recovery import KeyWatch, Recovery
from anonymiser.linker.resolve import Resolver
from anonymiser.linker.state import LinkerState
from streams.codec import decode, encode
from streams.errors import DecodeError
from streams.parts import Reason
from streams.ports import URGENT, Outgoing
from streams.restricted import (
    AnswerSubmitted,
    HoldDecided,
    LinkedNode,
    MergeDecided,
    OriginatorApproved,
    PossibleLink,
    QuestionAsked,
    ReceiptDue,
    ReportLinked,
    ReportRetracted,
    ReportTokenised,
    SplitDecided,
    SplitRequested,
    WithdrawalReceived,
)
from streams.topics import OUTGOING, REPORT_KEYS, RESOLUTIONS, REVIEW_COMMANDS, TOKENISED
from streams.values import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from anonymiser.keyring import Keys
    from anonymiser.linker.admission import Refusal
    from anonymiser.linker.state import Mention
    from streams.ports import Record
    from streams.restricted import TokenisedNode

_LOG: Final = logging.getLogger(__name__)
_INPUT: Final = {
    TOKENISED: (
        ReportTokenised,
        WithdrawalReceived,
        ReceiptDue,
        AnswerSubmitted,
        OriginatorApproved,
    ),
    REVIEW_COMMANDS: (SplitRequested, OriginatorApproved, QuestionAsked, HoldDecided),
}
Input: TypeAlias = (
    ReportTokenised
    | WithdrawalReceived
    | ReceiptDue
    | AnswerSubmitted
    | SplitRequested
    | OriginatorApproved
    | QuestionAsked
    | HoldDecided
)


class Linker:
    """The stage. `new_id` gives random ids; tests give it seeded ones."""

    name = "linker"
    sources = (TOKENISED, REVIEW_COMMANDS)
    state_topics = (REPORT_KEYS, RESOLUTIONS)
    reference_topics = (REPORT_KEYS,)

    def __init__(
        self,
        keys: Keys,
        new_id: Callable[[], UUID] = uuid4,
        policy: LinkPolicy | None = None,
    ) -> None:
        self._policy = policy if policy is not None else LinkPolicy()
        self._new_id = new_id
        self.state = LinkerState(self._policy)
        self._watch = KeyWatch(self.state)
        self._recovery: Recovery | None = Recovery(self.state, keys.storage, self._watch)

    def learn(self, records: Sequence[Record]) -> None:
        """Follow the keys: a subject whose key was taken away links nobody from here on.

        Raises: DecodeError if a record does not decode.
        """
        self._settle()
        for record in records:
            self._watch.take(record)

    def recover(self, records: Sequence[Record]) -> None:
        """Fold the linker's own decisions and the keys of their tokens, in any interleaving.

        Raises: DecodeError if one does not decode.
        """
        for record in records:
            if self._recovery is not None:
                self._recovery.take(record)

    def step(self, records: Sequence[Record]) -> Sequence[Outgoing]:
        """Decide about each record in turn; never raises."""
        self._settle()
        return [outgoing for record in records for outgoing in self._take(record)]

    def _settle(self) -> None:
        if self._recovery is not None:
            self._recovery.finish()
            self._recovery = None

    def _take(self, record: Record) -> list[Outgoing]:
        """What does not decode goes on as it is; the gate expects no such thing and keeps it."""
        try:
            event: Input = decode(record.value or b"", *_INPUT[record.topic])
        except DecodeError:
            return [Outgoing(OUTGOING, record.value or b"", record.key)]
        return list(self._react(event, record))

    def _react(self, event: Input, record: Record) -> Iterator[Outgoing]:
        at = record.appended_at
        match event:
            case ReportTokenised():
                yield from self._report(event, record)
            case WithdrawalReceived():
                yield from self._withdrawal(event, at)
            case ReceiptDue():
                yield Outgoing(OUTGOING, record.value, record.key)
            case SplitRequested():
                yield from self._split(event, at)
            case AnswerSubmitted():  # for the desk to read; it decides nothing by itself
                yield Outgoing(RESOLUTIONS, record.value)
                yield Outgoing(OUTGOING, record.value, record.key)
            case OriginatorApproved() if record.topic == TOKENISED:
                yield Outgoing(OUTGOING, record.value, record.key)
            case OriginatorApproved() | QuestionAsked() | HoldDecided():
                return  # for the gate, which reads the desk's commands itself
            case _:
                assert_never(event)

    # --- reports ------------------------------------------------------------------

    def _report(self, event: ReportTokenised, record: Record) -> Iterator[Outgoing]:
        refused = refusal(self.state.report(event.partner, event.report_id), event)
        if refused is not None:
            receipt = _receipt(event, refused, record.appended_at)
            yield Outgoing(OUTGOING, encode(receipt), record.key)
            return
        resolver = Resolver(self.state, self._new_id, self._policy, event, record.appended_at)
        try:
            resolver.run()
            linked: bytes | None = encode(self._linked(event))
        except Exception as error:  # noqa: BLE001 - the next report is unaffected
            what = type(error).__name__  # and no trace, which could show values
            _LOG.error("internal error %s at %s/%d", what, record.topic, record.offset)
            linked = None
        for decision in resolver.decisions:
            yield Outgoing(RESOLUTIONS, encode(decision))
            if isinstance(decision, MergeDecided):
                yield Outgoing(OUTGOING, encode(decision), record.key)
        yield from _forward(event, record, linked)
        # After the report: an audience is told of a doubt about somebody it has been shown.
        for decision in resolver.decisions:
            if isinstance(decision, PossibleLink):
                yield Outgoing(OUTGOING, encode(decision))

    def _linked(self, event: ReportTokenised) -> ReportLinked:
        report = self.state.reports[event.partner, event.report_id]
        origin = report.own_origin
        if event.origin_token is not None:
            origin = self.state.origins[event.origin_token]
        if origin is None:
            raise LookupError("an admitted report has an origin")
        return ReportLinked(
            partner=event.partner,
            report_id=event.report_id,
            revision=event.revision,
            supersedes=event.supersedes,
            received_at=event.received_at,
            origin_id=origin,
            immediate_risk=event.immediate_risk,
            service=event.service,
            data_category=event.data_category,
            gateway=event.gateway,
            purpose=event.purpose,
            event_week=event.event_week,
            district=event.district,
            nodes=tuple(_node(node, report.mentions[node.node]) for node in event.nodes),
            relations=event.relations,
            facts=event.facts,
            source=event.source,
            grading=event.grading,
            handling=event.handling,
            submission=event.submission,
            redacted=event.redacted,
            withheld=event.withheld,
        )

    def _withdrawal(self, event: WithdrawalReceived, at: datetime) -> Iterator[Outgoing]:
        report = self.state.report(event.partner, event.report_id)
        if report is None:
            unknown = (Outcome.REFUSED, (Reason(code="unknown_report", field="report_id"),))
            yield Outgoing(OUTGOING, encode(_receipt(event, unknown, at)))
            return
        if report.is_withdrawn:
            yield Outgoing(OUTGOING, encode(_receipt(event, (Outcome.DUPLICATE, ()), at)))
            return
        retracted = ReportRetracted(
            partner=event.partner,
            report_id=event.report_id,
            reason=event.reason,
            retracted_at=at,
        )
        value = encode(retracted)
        self.state.retract(retracted)
        yield from (Outgoing(RESOLUTIONS, value), Outgoing(OUTGOING, value))

    # --- splits -------------------------------------------------------------------

    def _split(self, event: SplitRequested, at: datetime) -> Iterator[Outgoing]:
        """Part some mentions from a person; none of those it has, or all of them, is no split."""
        entity = self.state.entities.get(event.entity_id)
        if entity is None:
            return
        wanted = set(event.mentions)
        mentions = [mention for mention in entity.mentions if mention.named() in wanted]
        if not mentions or len(mentions) == len(entity.mentions):
            return
        decided = SplitDecided(
            kind=entity.kind,
            entity_id=entity.id,
            new_entity_id=self.state.undone_by(entity.id, mentions) or self._new_id(),
            mentions=tuple(mention.named() for mention in mentions),
            decided_by=event.requested_by,
            decided_at=at,
        )
        value = encode(decided)
        self.state.split(decided)
        yield from (Outgoing(RESOLUTIONS, value), Outgoing(OUTGOING, value))


def _node(node: TokenisedNode, mention: Mention) -> LinkedNode:
    return LinkedNode(
        node=node.node,
        kind=node.kind,
        entity_id=mention.entity.id,
        sex=node.sex,
        age_band=node.age_band,
        child_at_event=node.child_at_event,
        role=node.role,
        protected=node.protected,
        conflict=node.conflict,
    )


def _forward(event: ReportTokenised, record: Record, linked: bytes | None) -> Iterator[Outgoing]:
    """Send the report on; one that could not be linked goes as it is, for the gate to keep."""
    if linked is not None:
        yield Outgoing(OUTGOING, linked, URGENT if event.immediate_risk else None)
        return
    yield Outgoing(OUTGOING, record.value, record.key)
    failed = (Outcome.QUARANTINED, (Reason(code="internal_error"),))
    yield Outgoing(OUTGOING, encode(_receipt(event, failed, record.appended_at)), record.key)


def _receipt(
    event: ReportTokenised | WithdrawalReceived, refused: Refusal, at: datetime
) -> ReceiptDue:
    outcome, reasons = refused
    report = event if isinstance(event, ReportTokenised) else None
    return ReceiptDue(
        partner=event.partner,
        report_id=event.report_id,
        revision=None if report is None else report.revision,
        outcome=outcome,
        reasons=reasons,
        immediate_risk=report is not None and report.immediate_risk,
        offset=None,
        due_at=at,
    )
