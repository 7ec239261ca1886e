"""The linker: one active writer that decides which mentions are one person, and records it.

Its state is a fold of its own decisions, kept in a store (`anonymiser.linker.store`)
that lags behind the log and is brought up to it at a start. A report's order on the
output is: the merges it led to, then the report under the ids as they then are.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeAlias, assert_never
from uuid import UUID, uuid4

from anonymiser.keyring import FIRST
from anonymiser.linker import blocks, packing
from anonymiser.linker.admission import is_standing, refusal
from anonymiser.linker.match import LinkPolicy
from anonymiser.linker.recovery import KeyWatch, Recovery
from anonymiser.linker.resolve import Judge, Resolver
from anonymiser.linker.reviews import Reviewer
from anonymiser.linker.state import LinkerState
from anonymiser.linker.store import Anchor, LinkStore, fingerprint_of, store_path
from anonymiser.linker.weights import published
from streams.codec import decode, encode
from streams.errors import DecodeError, RivelinError
from streams.operations import subject_of
from streams.parts import Reason
from streams.ports import URGENT, Outgoing
from streams.registry import Registry
from streams.restricted import (
    AnswerSubmitted,
    HoldDecided,
    LinkDecided,
    LinkedNode,
    LinkReviewed,
    MergeDecided,
    MessageSubmitted,
    OriginatorApproved,
    PossibleLink,
    PossibleLinkClosed,
    QuestionAsked,
    ReceiptDue,
    ReportLinked,
    ReportRetracted,
    ReportTokenised,
    SplitDecided,
    SplitRequested,
    WithdrawalReceived,
)
from streams.shared import OperationRecorded
from streams.topics import (
    OPERATIONS,
    OUTGOING,
    REGISTRY,
    REPORT_KEYS,
    RESOLUTIONS,
    REVIEW_COMMANDS,
    TOKENISED,
)
from streams.values import Operation, Outcome, Purpose

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from anonymiser.keyring import Keys
    from anonymiser.linker.admission import Refusal
    from anonymiser.linker.state import Report
    from streams.ports import Positions, Record
    from streams.restricted import TokenisedNode

_LOG: Final = logging.getLogger(__name__)
_PROGRESS: Final = logging.getLogger("rivelin.linker")  # what an operator is told of a long start
_INPUT: Final[Mapping[str, tuple[type[Any], ...]]] = {
    TOKENISED: (
        ReportTokenised,
        WithdrawalReceived,
        ReceiptDue,
        AnswerSubmitted,
        OriginatorApproved,
        MessageSubmitted,
    ),
    REVIEW_COMMANDS: (
        SplitRequested,
        OriginatorApproved,
        LinkReviewed,
        QuestionAsked,
        HoldDecided,
    ),
}
Input: TypeAlias = (
    ReportTokenised
    | WithdrawalReceived
    | ReceiptDue
    | AnswerSubmitted
    | MessageSubmitted
    | SplitRequested
    | OriginatorApproved
    | LinkReviewed
    | QuestionAsked
    | HoldDecided
)


#: What begins or ends a doubt; the gate tells safeguarding of those about a child.
_DOUBTS: Final = (PossibleLink, PossibleLinkClosed, LinkDecided)
#: What DPA 2018 s62 wants logged of them.
_OPERATIONS: Final[Mapping[type, Operation]] = {
    MergeDecided: Operation.COMBINATION,
    SplitDecided: Operation.ALTERATION,
}
_TOLD_EVERY: Final = 100_000


class _Proof(Enum):
    """Whether the log that is read is the one the store is of."""

    WANTED = "WANTED"
    GIVEN = "GIVEN"
    FAILED = "FAILED"


class TokenEpochError(RivelinError):
    """The records are under several token keys, or under another than the key ring's.

    A rotation was cut short: finish it with `rivelin keys rotate token`.
    """


class Linker:
    """The stage. `new_id` gives random ids; tests give it seeded ones.

    Without a `store` it remembers in memory and folds the whole log at each start.
    """

    name = "linker"
    sources = (TOKENISED, REVIEW_COMMANDS)
    state_topics = (REPORT_KEYS, RESOLUTIONS)
    reference_topics = (REPORT_KEYS, REGISTRY)

    def __init__(
        self,
        keys: Keys,
        new_id: Callable[[], UUID] = uuid4,
        policy: LinkPolicy | None = None,
        store: LinkStore | None = None,
    ) -> None:
        self._policy = policy if policy is not None else LinkPolicy()
        self._new_id = new_id
        self.state = LinkerState(self._policy, store)
        self._store = self.state.store
        self._storage = keys.storage
        self._token_epoch = keys.token_epoch
        self._registry = Registry()
        self._positions: dict[str, int] = dict(self._store.positions)
        self._last_decision: bytes | None = None
        self._watch = KeyWatch(self.state)
        self._recovery: Recovery | None = self._recover_anew()
        self._proof = _Proof.GIVEN if self._store.anchor is None else _Proof.WANTED
        self._has_all_keys = not self._positions
        self._folded = 0

    # --- memory -------------------------------------------------------------------

    def resume_at(self) -> Positions:
        """Return where to read each state topic from; what lies before is in the store.

        The last decision in the store is read once more, to see that this is the log it is of.
        """
        anchor = self._store.anchor
        own = {} if anchor is None else {RESOLUTIONS: anchor.offset}
        return {**self._positions, **own}

    def recover(self, records: Sequence[Record]) -> None:
        """Fold the linker's own decisions and the keys of their tokens, in any interleaving.

        Raises: DecodeError if one does not decode.
        """
        for record in records:
            if self._proof is _Proof.WANTED and record.topic == RESOLUTIONS:
                is_it = _anchor_of(record) == self._store.anchor
                self._proof = _Proof.GIVEN if is_it else _Proof.FAILED
            elif self._proof is not _Proof.FAILED:
                self._fold(record)

    def reads_anew(self) -> Sequence[str]:
        """Return the topics to be read again from their start, before the first step.

        All, if the store is of another log; the keys, if one may lie before the tail.
        """
        if self._proof is not _Proof.GIVEN:
            self._forget("it is of another log")
            return self.state_topics
        if self._recovery is None or not self._recovery.lacks_keys or self._has_all_keys:
            return ()
        self._has_all_keys = True
        return (REPORT_KEYS,)

    def learn(self, records: Sequence[Record]) -> None:
        """Follow the keys and the published weights.

        A subject whose key was taken away links nobody from here on; weights hold for what
        comes from here on. Raises: DecodeError if a record does not decode.
        """
        self._settle()
        for record in records:
            if record.topic == REPORT_KEYS:
                self._watch.take(record)
                self._note(record)
        self._registry.learn(record for record in records if record.topic == REGISTRY)
        newest = self._registry.weights
        if newest is not None and newest.version != self._policy.weights.version:
            self._policy = replace(self._policy, weights=published(newest))

    def keep(self, written: Positions) -> None:
        """Take note that all that was stepped is committed, own output up to `written`.

        Raises: StoreFailedError.
        """
        self._settle()
        if RESOLUTIONS in written and self._last_decision is not None:
            digest = hashlib.sha256(self._last_decision).digest()
            self._store.anchor = Anchor(written[RESOLUTIONS] - 1, digest)
        self._keep(at_once=False)

    def close(self, *, keep: bool) -> None:
        """Let go of the store; what was not kept is folded again from the log."""
        if keep:
            self._keep(at_once=True)
        self._store.close()

    def _keep(self, *, at_once: bool) -> None:
        """Keys are kept one commit late: a mention of the tail needs some from before it."""
        if self._store.keep(at_once=at_once):
            self._store.positions = {
                topic: self._positions[topic]
                for topic in (REPORT_KEYS,)
                if topic in self._positions
            }

    def _forget(self, reason: str) -> None:
        _LOG.warning("the linker's store is made anew: %s", reason)
        self.state.forget(reason)
        self._positions = {}
        self._watch = KeyWatch(self.state)
        self._recovery = self._recover_anew()
        self._proof = _Proof.GIVEN
        self._has_all_keys = True

    def _recover_anew(self) -> Recovery:
        return Recovery(self.state, self._storage, self._watch)

    def _fold(self, record: Record) -> None:
        if self._recovery is None:
            return
        self._recovery.take(record)
        self._note(record)
        if record.topic == RESOLUTIONS:
            self._store.anchor = _anchor_of(record)
            self._folded += 1
            if self._folded % _TOLD_EVERY == 0:
                _PROGRESS.info("%d decisions folded, at %d", self._folded, record.offset)

    def _note(self, record: Record) -> None:
        if record.topic == REPORT_KEYS:
            seen = self._positions.get(REPORT_KEYS, 0)
            self._positions[REPORT_KEYS] = max(seen, record.offset + 1)

    def _settle(self) -> None:
        if self._recovery is None:
            return
        self._recovery.finish()
        self._recovery = None
        if self.state.is_between_keys(self._token_epoch):
            raise TokenEpochError(
                "some records are under another token key: finish `rivelin keys rotate token`"
            )
        self._store.positions = dict(self._positions)
        self._keep(at_once=True)

    # --- steps --------------------------------------------------------------------

    def step(self, records: Sequence[Record]) -> Sequence[Outgoing]:
        """Decide about each record in turn; never raises for what is in them."""
        self._settle()
        outgoing = [one for record in records for one in self._take(record)]
        decisions = [one.value for one in outgoing if one.topic == RESOLUTIONS]
        self._last_decision = decisions[-1] if decisions else None
        return outgoing

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
                yield from self._withdrawal(event, record)
            case ReceiptDue():
                yield Outgoing(OUTGOING, record.value, record.key)
            case SplitRequested():
                yield from self._split(event, record)
            case LinkReviewed():
                reviewer = Reviewer(self.state, self._policy, at)
                reviewer.take(event)
                yield from _told(reviewer.decisions, record)
            case AnswerSubmitted():  # for the desk to read; it decides nothing by itself
                yield Outgoing(RESOLUTIONS, record.value)
                yield Outgoing(OUTGOING, record.value, record.key)
            case MessageSubmitted():  # for the gate, which knows what the hub was shown
                yield Outgoing(OUTGOING, record.value, record.key)
            case OriginatorApproved() if record.topic == TOKENISED:
                yield Outgoing(OUTGOING, record.value, record.key)
            case OriginatorApproved() | QuestionAsked() | HoldDecided():
                return  # for the gate, which reads the desk's commands itself
            case _:
                assert_never(event)

    # --- reports ------------------------------------------------------------------

    def _report(self, event: ReportTokenised, record: Record) -> Iterator[Outgoing]:
        known = self.state.report(event.partner, event.report_id)
        refused = refusal(known, event)
        if refused is not None:
            if known is not None and event.redriven and is_standing(known, event):
                yield from self._again(event, known, record)
                return
            receipt = _receipt(event, refused, record.appended_at)
            yield Outgoing(OUTGOING, encode(receipt), record.key)
            return
        if (event.token_epoch or FIRST) != self._token_epoch:
            yield from _forward(event, record, None, "token_epoch")
            return
        resolver = Resolver(self.state, self._new_id, self._policy, event, record.appended_at)
        try:
            resolver.run()
            self._watch.look_at(event)
            linked: bytes | None = encode(_linked(event, resolver.origin, resolver.entities()))
        except Exception as error:  # noqa: BLE001 - the next report is unaffected
            what = type(error).__name__  # and no trace, which could show values
            _LOG.error("internal error %s at %s/%d", what, record.topic, record.offset)
            linked = None
        doubts = [one for one in resolver.decisions if isinstance(one, _DOUBTS)]
        for decision in resolver.decisions:
            yield Outgoing(RESOLUTIONS, encode(decision))
            if isinstance(decision, MergeDecided):
                yield Outgoing(OUTGOING, encode(decision), record.key)
                yield _recorded(Operation.COMBINATION, record)
        yield from _forward(event, record, linked)
        # After the report: an audience is told of a doubt about somebody it has been shown.
        yield from (Outgoing(OUTGOING, encode(doubt)) for doubt in doubts)

    def _again(self, event: ReportTokenised, known: Report, record: Record) -> Iterator[Outgoing]:
        """Send a revision on once more, under the persons that it was linked to; decide nothing.

        Where the gate has answered for it already it answers with a duplicate.
        """
        mentions = self.state.mentions_in(known)
        ids = {one.name.node: self.state.numbered(one.entity).id for one in mentions}
        token = event.origin_token
        origin = self.state.origin(token) if token is not None else known.own_origin
        is_whole = origin is not None and all(node.node in ids for node in event.nodes)
        linked = encode(_linked(event, origin, ids)) if origin is not None and is_whole else None
        yield from _forward(event, record, linked)

    def _withdrawal(self, event: WithdrawalReceived, record: Record) -> Iterator[Outgoing]:
        at = record.appended_at
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
            offset=event.offset,
        )
        value = encode(retracted)
        named = [self.state.numbered(one.entity).id for one in self.state.mentions_in(report)]
        self.state.retract(retracted)
        yield from (Outgoing(RESOLUTIONS, value), Outgoing(OUTGOING, value))
        judge = Judge(self.state, self._policy, at)
        judge.judge_again(named)
        yield from _told(judge.decisions, record)

    # --- splits -------------------------------------------------------------------

    def _split(self, event: SplitRequested, record: Record) -> Iterator[Outgoing]:
        """Part some mentions from a person; none of those it has, or all of them, is no split."""
        at = record.appended_at
        entity = self.state.entity(self.state.pairs.root(event.entity_id))
        if entity is None:
            return
        wanted, standing = set(event.mentions), self.state.mentions_of(entity)
        mentions = [mention for mention in standing if mention.name in wanted]
        if not mentions or len(mentions) == len(standing):
            return
        decided = SplitDecided(
            kind=entity.kind,
            entity_id=entity.id,
            new_entity_id=self.state.undone_by(entity, mentions) or self._new_id(),
            mentions=tuple(mention.name for mention in mentions),
            decided_by=event.requested_by,
            decided_at=at,
        )
        self.state.split(decided)
        judge = Judge(self.state, self._policy, at)
        judge.judge_again([decided.entity_id, decided.new_entity_id])
        yield from _told([decided, *judge.decisions], record)


def open_store(folder: Path, now: datetime) -> LinkStore:
    """Open the linker's store in a folder; what rows depend on is the code that packs and blocks.

    Raises: StoreLockedError, StoreFailedError.
    """
    return LinkStore.open(store_path(folder), fingerprint_of(packing, blocks), now)


def _told(decisions: Iterable[object], record: Record) -> Iterator[Outgoing]:
    """Record decisions; the gate is told of what changes who is who, and of doubts."""
    for decision in decisions:
        value = encode(decision)
        yield Outgoing(RESOLUTIONS, value)
        if isinstance(decision, (MergeDecided, SplitDecided, *_DOUBTS)):
            yield Outgoing(OUTGOING, value)
        if (operation := _OPERATIONS.get(type(decision))) is not None:
            yield _recorded(operation, record)


def _recorded(operation: Operation, record: Record) -> Outgoing:
    """Tell audit which record brought persons together or parted them; no id of any."""
    told = OperationRecorded(
        operation=operation,
        actor=Linker.name,
        purpose=Purpose.OPERATE_SERVICE,
        subject=subject_of(record.topic, record.offset),
        recipients=(),
        gateway=None,
        at=record.appended_at,
    )
    return Outgoing(OPERATIONS, encode(told))


def _anchor_of(record: Record) -> Anchor:
    return Anchor(record.offset, hashlib.sha256(record.value or b"").digest())


def _linked(event: ReportTokenised, origin: UUID, entities: Mapping[int, UUID]) -> ReportLinked:
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
        nodes=tuple(_node(node, entities[node.node]) for node in event.nodes),
        relations=event.relations,
        facts=event.facts,
        source=event.source,
        grading=event.grading,
        handling=event.handling,
        submission=event.submission,
        redacted=event.redacted,
        withheld=event.withheld,
        offset=event.offset,
        redriven=event.redriven,
    )


def _node(node: TokenisedNode, entity_id: UUID) -> LinkedNode:
    return LinkedNode(
        node=node.node,
        kind=node.kind,
        entity_id=entity_id,
        sex=node.sex,
        age_band=node.age_band,
        child_at_event=node.child_at_event,
        role=node.role,
        protected=node.protected,
        conflict=node.conflict,
    )


def _forward(
    event: ReportTokenised, record: Record, linked: bytes | None, code: str = "internal_error"
) -> Iterator[Outgoing]:
    """Send the report on; one that could not be linked goes as it is, for the gate to keep.

    `token_epoch`: tokens of another key agree with nothing and contradict everything.
    """
    if linked is not None:
        yield Outgoing(OUTGOING, linked, URGENT if event.immediate_risk else None)
        return
    yield Outgoing(OUTGOING, record.value, record.key)
    failed = (Outcome.QUARANTINED, (Reason(code=code),))
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
        offset=event.offset,
        due_at=at,
    )
