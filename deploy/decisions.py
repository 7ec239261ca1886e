"""Deciding: the role is checked, the log is read to its end, and the decision is written once.

Whoever decides on a topic fences whoever was about to: of two that decide at the same time one
is told to look again, and nothing of theirs was written. Decision and audit row are one
transaction. What may be decided is a pure function of the log (`choose`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from deploy.authority import allow
from deploy.views import connected, now
from streams.codec import encode
from streams.errors import CommitFailedError, FencedError, InvalidInputError
from streams.loop import read_to_end
from streams.ports import Outgoing
from streams.shared import OperationRecorded
from streams.topics import OPERATIONS
from streams.values import Operation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from deploy.authority import Act
    from deploy.settings import Settings
    from deploy.views import Asker
    from streams.ports import Log, Record

    #: Given the records of what is read and the time, the events to write. Raises what is wrong.
    Choose: TypeAlias = Callable[[Sequence[Record], datetime], Sequence[object]]


class SomebodyElseDecidesError(InvalidInputError):
    """Somebody decided at the same moment; nothing of yours was written. Look, and decide anew."""


class DecisionUnknownError(CommitFailedError):
    """The broker broke off in the middle: look whether the decision stands before deciding anew."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What is decided: the act, the record it is about, as whom it is written and where.

    `subject` goes to audit ("ocg map 4f…"): ids and codes only. `reads` are the topics that
    `choose` wants, the one that is written to among them.
    """

    act: Act
    subject: str
    principal: str
    topic: str
    reads: tuple[str, ...] = field(default=())

    @property
    def inputs(self) -> tuple[str, ...]:
        """Return the topics to read before deciding."""
        return self.reads or (self.topic,)


async def decide(
    settings: Settings, asker: Asker, decision: Decision, choose: Choose
) -> tuple[object, ...]:
    """Decide on the log of this home; return the events that were written.

    Raises: DeniedError (recorded), SomebodyElseDecidesError, whatever `choose` raises,
    BrokerUnreachableError.
    """
    async with connected(settings, decision.principal) as log:
        return await decide_on(log, asker, decision, choose)


async def decide_on(
    log: Log, asker: Asker, decision: Decision, choose: Choose
) -> tuple[object, ...]:
    """Decide on a log. See `decide`."""
    await allow(log, asker.name, decision.act, decision.subject, now())
    name = f"rivelin-decide-{decision.topic}"
    sink = log.sink(transactional_id=name, group=name, topics=())
    try:
        await sink.start()  # from here on nobody else's decision can come between
        await log.settled(decision.inputs)
        records = [one async for some in read_to_end(log, decision.inputs) for one in some]
        events = tuple(choose(records, now()))
        if events:
            await sink.commit(_outgoing(events, asker, decision), {})
    except FencedError:
        raise SomebodyElseDecidesError(
            "somebody else decided at the same moment; nothing of yours was written, look again"
        ) from None
    except CommitFailedError:
        raise DecisionUnknownError(
            "the broker broke off: look whether the decision stands before you decide anew"
        ) from None
    finally:
        await sink.stop()
    return events


def _outgoing(events: Sequence[object], asker: Asker, decision: Decision) -> list[Outgoing]:
    operation = OperationRecorded(
        operation=Operation.ALTERATION,
        actor=asker.name,
        purpose=asker.purpose,
        subject=decision.subject,
        recipients=(),
        gateway=None,
        at=now(),
    )
    told = [Outgoing(decision.topic, encode(event)) for event in events]
    return [*told, Outgoing(OPERATIONS, encode(operation))]
