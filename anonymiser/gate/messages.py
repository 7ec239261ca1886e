"""Messages between the holders of a person: offered by one, released by the hub, police excluded.

A holder speaks about a node of its own report, which must be with the hub already: whether it is
taken depends on that report alone and says nothing of what others reported. The other holders get
it in their own reference, under an id that no other gets, and are not told from whom. The offering
partner hears that the hub has it, and whether the hub let it go, not whether there was anybody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID

from anonymiser.gate.effects import Effect, disclosure_to_holders
from anonymiser.gate.relays import Relay
from streams.hub import PreventionMessageDecided, PreventionMessageOffered
from streams.parts import Reason
from streams.restricted import EnclaveMention, MessageSubmitted, MessageWaiting, ReportRetracted
from streams.shared import FeedbackGiven, MessageGiven
from streams.topics import HELD, PREVENTION, feedback_of
from streams.values import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from anonymiser.gate.holders import Holders
    from anonymiser.gate.inputs import Input
    from anonymiser.gate.mentions import Mentions
    from anonymiser.gate.state import Seen
    from streams.ports import Record
    from streams.values import PartnerType

_PREFIX: Final = b"message:"
_WAITS: Final = Reason(code="hub_decides")
_NOT_HERE: Final = Reason(code="person_not_with_the_hub", field="node")
_NO_HOLDER: Final = Reason(code="not_a_holder", field="partner")
_NOT_RELEASED: Final = Reason(code="not_released")
_WITHDRAWN: Final = Reason(code="report_withdrawn", field="report_id")


class MessageRelay(Relay):
    """Carries messages to the hub and on. `sector_of` names a partner's sector where it may."""

    def __init__(
        self,
        hub: Seen,
        mentions: Mentions,
        holders: Holders,
        sector_of: Callable[[str], PartnerType | None],
    ) -> None:
        self._hub = hub
        self._mentions = mentions
        self._holders = holders
        self._sector_of = sector_of
        self._offered: set[UUID] = set()
        self._waiting: dict[UUID, MessageWaiting] = {}

    def remember(self, effect: Effect) -> None:
        """Fold one of the gate's own records in."""
        match effect.event:
            case PreventionMessageOffered(message_id=message_id):
                self._offered.add(message_id)
            case MessageWaiting() as waiting:
                self._waiting[self._id(waiting)] = waiting
            case None if effect.key is not None and effect.key.startswith(_PREFIX):
                self._waiting.pop(UUID(effect.key.removeprefix(_PREFIX).decode()), None)
            case _:
                return

    def counts(self) -> Mapping[str, int]:
        """Return how many messages wait for the hub."""
        return {"messages_waiting": len(self._waiting)}

    def take(self, event: Input, record: Record) -> Iterator[Effect]:
        """Offer, give, or let go."""
        at = record.appended_at
        match event:
            case MessageSubmitted():
                yield from self._offer(event, at)
            case PreventionMessageDecided(message_id=message_id):
                waiting = self._waiting.get(message_id)
                if waiting is not None:
                    yield from self._decided(event, waiting, at)
            case ReportRetracted():
                report = (event.partner, event.report_id)
                for waiting in tuple(self._waiting.values()):
                    if (waiting.partner, waiting.report_id) == report:
                        yield from self._end(waiting, Outcome.REFUSED, (_WITHDRAWN,), at)
            case _:
                return

    # --- offering ---------------------------------------------------------------------

    def _offer(self, event: MessageSubmitted, at: datetime) -> Iterator[Effect]:
        message_id = self._hub.ids.offered(event.partner, event.message_id)
        if message_id in self._offered:
            yield _answered(event, Outcome.DUPLICATE, (), at)
            return
        if (reason := self._refused(event, at)) is not None:
            yield _answered(event, Outcome.REFUSED, (reason,), at)
            return
        person = self._mentions.person(event.partner, event.report_id, event.node)
        if person is None:
            yield _answered(event, Outcome.REFUSED, (_NOT_HERE,), at)
            return
        waiting = MessageWaiting(
            partner=event.partner,
            message_id=event.message_id,
            report_id=event.report_id,
            node=event.node,
            code=event.code,
            offset=event.offset,
            entity_id=person.entity_id,
            offered_at=at,
        )
        offered = PreventionMessageOffered(
            message_id=message_id,
            person_id=self._hub.ids.entity(person.entity_id),
            code=event.code,
            sector=self._sector_of(event.partner),
            offered_at=at,
        )
        yield Effect(HELD, waiting, _key(message_id))
        yield Effect(PREVENTION, offered)
        yield _answered(event, Outcome.HELD, (_WAITS,), at)

    def _refused(self, event: MessageSubmitted, at: datetime) -> Reason | None:
        """Judge by the partner and its own report alone."""
        if self._holders.entry(event.partner, at) is None:
            return _NO_HOLDER
        mention = EnclaveMention(partner=event.partner, report_id=event.report_id, node=event.node)
        in_range = event.node >= 0
        return None if in_range and self._hub.has_mention(mention) else _NOT_HERE

    # --- deciding ---------------------------------------------------------------------

    def _decided(
        self, event: PreventionMessageDecided, waiting: MessageWaiting, at: datetime
    ) -> Iterator[Effect]:
        entity_id = self._still_about(waiting)
        if not event.released or entity_id is None or self._holders.stops(entity_id):
            yield from self._end(waiting, Outcome.REFUSED, (_NOT_RELEASED,), at)
            return
        others = [one for one in self._holders.of(entity_id, at) if one.partner != waiting.partner]
        for holder in others:
            given = MessageGiven(
                message_id=self._hub.ids.given_to(holder.partner, event.message_id),
                report_id=holder.report_id,
                node=holder.node,
                code=waiting.code,
                given_at=at,
            )
            yield Effect(feedback_of(holder.partner), given)
        if others:
            yield disclosure_to_holders(f"message {event.message_id}", event.decided_by, at)
        yield from self._end(waiting, Outcome.SHARED, (), at)

    def _still_about(self, waiting: MessageWaiting) -> UUID | None:
        """Return whom the message is about, if that is whom the hub decided about."""
        now = self._mentions.person(waiting.partner, waiting.report_id, waiting.node)
        if now is None:
            return None
        then = self._hub.root(self._hub.ids.entity(waiting.entity_id))
        return now.entity_id if self._hub.ids.entity(now.entity_id) == then else None

    def _end(
        self, waiting: MessageWaiting, outcome: Outcome, reasons: tuple[Reason, ...], at: datetime
    ) -> Iterator[Effect]:
        yield Effect(HELD, None, _key(self._id(waiting)))
        yield _answered(waiting, outcome, reasons, at)

    def _id(self, waiting: MessageWaiting) -> UUID:
        return self._hub.ids.offered(waiting.partner, waiting.message_id)


def _key(message_id: UUID) -> bytes:
    return _PREFIX + str(message_id).encode()


def _answered(
    event: MessageSubmitted | MessageWaiting,
    outcome: Outcome,
    reasons: tuple[Reason, ...],
    at: datetime,
) -> Effect:
    """Tell the partner what became of its message, in its own report id."""
    given = FeedbackGiven(
        report_id=event.report_id,
        revision=None,
        outcome=outcome,
        reasons=reasons,
        immediate_risk=False,
        offset=event.offset,
        given_at=at,
    )
    return Effect(feedback_of(event.partner), given)
