"""What the review desk has the gate pass on: questions to holders, and doubts about a child.

A question goes to each holder by itself, under a question id that no other
holder gets, in that partner's own report id and node number, as a receipt
would name a field. It says nothing of a link, of another report or of another
agency, and it comes in the same words whether the record is one of two that
may be one person or was picked at random (a decoy). So to be asked tells a
partner nothing, and what two partners could compare tells them nothing either.

Safeguarding is told that two ids may be one person as soon as it has been
shown one of them as a child, and told again when somebody has decided. A
possible link about nobody it knows waits on `enclave.held`, which costs a
record, so that it is told when the child is reported. Police are never told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias, assert_never
from uuid import UUID

from anonymiser.gate.effects import Effect
from streams.parts import Reason
from streams.restricted import LinkDecided, PossibleLink, PossibleLinkClosed
from streams.shared import (
    FeedbackGiven,
    PersonsMerged,
    PersonSplit,
    PossibleLinkTold,
    QuestionPut,
    SafeguardingReportShared,
)
from streams.topics import HELD, SAFEGUARDING, feedback_of
from streams.values import ChildAtEvent, LinkVerdict, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from anonymiser.gate.audience import AudienceIds
    from streams.restricted import AnswerSubmitted, OriginatorApproved, QuestionAsked

Pair: TypeAlias = tuple[UUID, UUID]
_PREFIX: Final = b"link/"


# --- questions --------------------------------------------------------------------


def put(event: QuestionAsked, at: datetime) -> Iterator[Effect]:
    """Put a question to each of its holders, decoys among them, and to none more than once."""
    for holder in event.holders:
        told = QuestionPut(
            question_id=holder.question_id,
            report_id=holder.mention.report_id,
            node=holder.mention.node,
            question=event.question,
            answered=False,
            told_at=at,
        )
        yield Effect(feedback_of(holder.mention.partner), told)


def acknowledge(event: AnswerSubmitted, at: datetime) -> Effect:
    """Tell the partner that its answer came in; what it was asked is in its own answer."""
    told = QuestionPut(
        question_id=event.question_id,
        report_id=event.report_id,
        node=event.node,
        question=event.question,
        answered=True,
        told_at=at,
    )
    return Effect(feedback_of(event.partner), told)


def nothing_held(event: OriginatorApproved, at: datetime) -> Effect:
    """Tell a partner that its approval came for what does not wait.

    A duplicate, not a refusal: sending an approval again must not look as if the report,
    which may be shared by now, were refused.
    """
    given = FeedbackGiven(
        report_id=event.report_id,
        revision=event.revision,
        outcome=Outcome.DUPLICATE,
        reasons=(Reason(code="nothing_held", field="report_id"),),
        immediate_risk=False,
        offset=None,
        given_at=at,
    )
    return Effect(feedback_of(event.partner), given)


# --- doubts about a child -----------------------------------------------------------


def link_key(left: UUID, right: UUID) -> bytes:
    """Return the record key under which a possible link waits; no report's key has two strokes."""
    return _PREFIX + f"{left}/{right}".encode()


class DoubtRelay:
    """Which possible links safeguarding knows to be open, and which wait until it knows the child.

    A fold of the gate's own output, in whatever order its topics are read. Ids
    are safeguarding's; the key function turns them round.
    """

    def __init__(self, ids: AudienceIds) -> None:
        self._ids = ids
        self._children: set[bytes] = set()
        self._aliases: dict[bytes, set[bytes]] = {}
        self._kept: dict[bytes, bytes] = {}
        self._told: set[Pair] = set()
        self._waiting: dict[Pair, None] = {}
        self._by_end: dict[bytes, set[Pair]] = {}

    # --- memory ------------------------------------------------------------------

    def remember(self, effect: Effect) -> None:
        """Fold one of the gate's own records in; what is none of ours changes nothing."""
        match effect.event:
            case SafeguardingReportShared() as event:
                children = (n for n in event.nodes if n.child_at_event is ChildAtEvent.YES)
                self._children.update(node.entity_id.bytes for node in children)
            case PersonsMerged() as event if effect.topic == SAFEGUARDING:
                self._kept[event.absorbed_id.bytes] = event.kept_id.bytes
                self._aliases.setdefault(event.kept_id.bytes, set()).add(event.absorbed_id.bytes)
            case PersonSplit() as event if effect.topic == SAFEGUARDING:
                self._release(event.new_entity_id.bytes)
            case PossibleLinkTold() as event:
                pair = (event.left_id, event.right_id)
                (self._told.add if event.open else self._told.discard)(pair)
            case PossibleLink() as event:
                self._wait(self._pair(event.left_id, event.right_id))
            case None if effect.key is not None and effect.key.startswith(_PREFIX):
                self._forget(effect.key)

    def _release(self, new: bytes) -> None:
        kept = self._kept.pop(new, None)
        if kept is not None:
            self._aliases.get(kept, set()).discard(new)

    def _wait(self, pair: Pair) -> None:
        self._waiting[pair] = None
        for end in pair:
            self._by_end.setdefault(end.bytes, set()).add(pair)

    def _forget(self, key: bytes) -> None:
        left, _, right = key.removeprefix(_PREFIX).decode().partition("/")
        pair = self._pair(UUID(left), UUID(right))
        self._waiting.pop(pair, None)
        for end in pair:
            pairs = self._by_end.get(end.bytes, set())
            pairs.discard(pair)
            if not pairs:
                self._by_end.pop(end.bytes, None)

    # --- reactions ----------------------------------------------------------------

    def take(self, event: PossibleLink | PossibleLinkClosed | LinkDecided) -> Iterator[Effect]:
        """Tell of a possible link that is open or no longer; "unsure" leaves it open."""
        match event:
            case PossibleLink():
                yield from self._notice(event)
            case LinkDecided(verdict=LinkVerdict.UNSURE):
                return
            case PossibleLinkClosed() | LinkDecided():
                yield from self._close(event.left_id, event.right_id)
            case _:
                assert_never(event)

    def _notice(self, event: PossibleLink) -> Iterator[Effect]:
        """Tell at once if a known child is concerned, else let it wait."""
        pair = self._pair(event.left_id, event.right_id)
        if pair in self._told or pair in self._waiting:
            return
        if self._concerns_child(pair):
            yield _told(pair, is_open=True)
        else:
            yield Effect(HELD, event, link_key(event.left_id, event.right_id))

    def _close(self, left_id: UUID, right_id: UUID) -> Iterator[Effect]:
        """Tell that somebody has decided, to whom the doubt was told."""
        pair = self._pair(left_id, right_id)
        if pair in self._told:
            yield _told(pair, is_open=False)
        if pair in self._waiting:
            yield Effect(HELD, None, link_key(left_id, right_id))

    def due(self, effects: Iterable[Effect]) -> Iterator[Effect]:
        """Tell what waited for what has just been shared; call it once that is remembered."""
        found: dict[Pair, None] = {}
        for effect in effects:
            if isinstance(effect.event, SafeguardingReportShared):
                for node in effect.event.nodes:
                    found.update(dict.fromkeys(self._pairs_of(node.entity_id.bytes)))
        for pair in found:
            if self._concerns_child(pair):
                yield _told(pair, is_open=True)
                left, right = map(self._ids.entity_behind, pair)
                yield Effect(HELD, None, link_key(left, right))

    def _pairs_of(self, entity: bytes) -> list[Pair]:
        """Return the waiting links of an entity under all names it had, in a fixed order."""
        names = self._names(entity)
        return sorted({pair for name in names for pair in self._by_end.get(name, ())})

    def _names(self, entity: bytes) -> set[bytes]:
        names, left = {entity}, [entity]
        while left:
            fresh = self._aliases.get(left.pop(), set()) - names
            names |= fresh
            left += fresh
        return names

    def _concerns_child(self, pair: Pair) -> bool:
        return any(self._names(self._root(end.bytes)) & self._children for end in pair)

    def _root(self, entity: bytes) -> bytes:
        while entity in self._kept:
            entity = self._kept[entity]
        return entity

    def _pair(self, left_id: UUID, right_id: UUID) -> Pair:
        return self._ids.entity(left_id), self._ids.entity(right_id)


def _told(pair: Pair, *, is_open: bool) -> Effect:
    left, right = pair
    return Effect(SAFEGUARDING, PossibleLinkTold(left_id=left, right_id=right, open=is_open))
