"""A moment of the log as people give it: an instant, or a position in a topic."""

from __future__ import annotations

from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from consumers.audit.replay import Bound, position_at
from consumers.store import NoPastError, NoStoreError, ProjectionStore, store_path
from streams.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection
    from pathlib import Path

    from consumers.projection import Projection
    from streams.ports import Log, Positions

#: No offset of a log has more; a store's whole numbers end with the nineteenth digit.
OFFSET_DIGITS_MAX = 18


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
        try:
            return instant(text)
        except InvalidInputError as error:
            raise InvalidInputError(f"{error}; or a position as TOPIC:OFFSET") from None
    if topic not in topics or not _is_offset(offset):
        raise InvalidInputError(
            f"a position is TOPIC:OFFSET; the topics of this view are {', '.join(sorted(topics))}"
        )
    return Position(topic, int(offset))


def _is_offset(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= OFFSET_DIGITS_MAX


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


@dataclass(frozen=True, slots=True)
class Past:
    """A store that keeps its past, and where the log ended when it was opened."""

    store: ProjectionStore
    ends: Positions

    def positions(self, at: Moment) -> Positions:
        """Return which positions a moment is.

        Raises: NoPastError if the store has not come to that moment yet; InvalidInputError if a
        topic holds no record below an offset.
        """
        if isinstance(at, Position):
            return self._require(self.store.positions_at(at.topic, at.offset), {at.topic})
        return self._require(self.store.positions_until(at), set())

    def _require(self, wanted: Positions, given: set[str]) -> Positions:
        """Make sure that nothing is missing: of each topic more was read, or all there is."""
        read = self.store.positions()
        for topic, offset in wanted.items():
            done = read.get(topic, 0)
            more = done > offset or (topic in given and done >= offset)
            if not more and done < self.ends.get(topic, 0):
                raise NoPastError("the store has not come to this moment yet; replay the log")
        return wanted


@asynccontextmanager
async def kept(projection: Projection, log: Log, folder: Path) -> AsyncIterator[Past]:
    """Lend the store of a projection with its past.

    Raises: NoPastError if there is none here, or one that keeps no past.
    """
    try:
        store = ProjectionStore.look(store_path(folder, projection), projection)
    except NoStoreError:
        raise NoPastError("there is no store here; replay the log") from None
    with closing(store):
        if not store.keeps_past():
            raise NoPastError("this store keeps no past; replay the log")
        yield Past(store, await log.ends(projection.topics))
