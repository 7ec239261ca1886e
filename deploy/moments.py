"""A moment of the log as people give it: an instant, or a position in a topic."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from consumers.audit.replay import Bound, position_at
from streams.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Collection

    from streams.ports import Log


@dataclass(frozen=True, slots=True)
class Position:
    """What lies below an offset of one topic, and of the others what had come by that moment."""

    topic: str
    offset: int


Moment = datetime | Position
"""An instant means what had come until then, the instant itself included."""


def moment(text: str, topics: Collection[str]) -> Moment:
    """Read a moment: 2026-11-25T09:30Z, or TOPIC:OFFSET of one of these topics.

    Raises: InvalidInputError.
    """
    topic, _, offset = text.rpartition(":")
    if not topic[:1].isalpha():
        return instant(text)
    if topic not in topics or not (offset.isascii() and offset.isdecimal()):
        raise InvalidInputError(
            f"a position is TOPIC:OFFSET; the topics of this view are {', '.join(sorted(topics))}"
        )
    return Position(topic, int(offset))


def instant(text: str) -> datetime:
    """Read an instant with its time zone, such as 2026-11-25T09:30Z.

    Raises: InvalidInputError.
    """
    try:
        at: datetime | None = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise InvalidInputError("an instant is given as 2026-11-25T09:30Z, with its time zone")
    return at.astimezone(UTC)


async def bound_of(log: Log, at: Moment) -> Bound:
    """Return how far to replay for this moment.

    Raises: InvalidInputError if the topic holds no record below the offset.
    """
    if isinstance(at, Position):
        return await position_at(log, at.topic, at.offset)
    return Bound(until=at)
