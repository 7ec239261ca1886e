"""Small stages of the shapes that linker and gate have: a store that lags, and a time-out.

What they decide is a count and a running digest, so that a record that is missing, doubled or
out of order anywhere shows in everything after it. As the linker's ids, some of what they write
is drawn at random: done again, the same input gives another output.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streams.ports import Outgoing
from streams.topics import (
    HELD,
    OUTGOING,
    POLICE,
    REGISTRY,
    RESOLUTIONS,
    REVIEW_COMMANDS,
    TOKENISED,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime, timedelta
    from random import Random

    from streams.ports import Positions, Record


@dataclass(frozen=True, slots=True)
class Memory:
    """A fold: how many, and the digest over all of them in their order."""

    count: int = 0
    digest: bytes = b""

    def add(self, value: bytes) -> Memory:
        """Fold one value in."""
        digest = hashlib.blake2b(self.digest + value, digest_size=8).digest()
        return Memory(self.count + 1, digest)


def place_of(record: Record) -> bytes:
    """Name a record by where it lies."""
    return b"%s/%d" % (record.topic.encode(), record.offset)


class Shelf:
    """What a machine keeps of the linking stage's memory, and up to where in the log it reaches.

    `dice` decides when it is written; at each `step` the process may die.
    """

    def __init__(self, dice: Random, step: Callable[[], None]) -> None:
        self.memory = Memory()
        self.reaches = 0
        self._dice = dice
        self._step = step

    def write(self, memory: Memory, reaches: int, *, at_once: bool) -> None:
        """Commit, if it is time to."""
        if not at_once and self._dice.random() < 0.5:  # noqa: PLR2004 - it lags behind the log
            return
        self._step()
        self.memory, self.reaches = memory, reaches
        self._step()


class LinkingStage:
    """Decides, records each decision, passes each report on; its store is a cache of decisions."""

    name = "linker"
    sources = (TOKENISED, REVIEW_COMMANDS)
    state_topics = (RESOLUTIONS,)
    reference_topics = (REGISTRY,)

    def __init__(self, shelf: Shelf, dice: Random) -> None:
        self.memory = shelf.memory
        self._shelf = shelf
        self._reaches = shelf.reaches
        self._dice = dice

    def learn(self, records: Sequence[Record]) -> None:
        """Nothing here depends on it."""

    def resume_at(self) -> Positions:
        """Return where the store ends."""
        return {RESOLUTIONS: self._reaches}

    def reads_anew(self) -> Sequence[str]:
        """Return none: the store is always of this log."""
        return ()

    def recover(self, records: Sequence[Record]) -> None:
        """Fold decisions."""
        for record in records:
            self.memory = self.memory.add(record.value or b"")
            self._reaches = record.offset + 1

    def step(self, records: Sequence[Record]) -> Sequence[Outgoing]:
        """Decide about each."""
        outgoing: list[Outgoing] = []
        for record in records:
            place = place_of(record)
            drawn = self._dice.randrange(1 << 32)
            decision = b"%s=%d#%08x" % (place, self.memory.count, drawn)
            self.memory = self.memory.add(decision)
            outgoing += [Outgoing(RESOLUTIONS, decision), Outgoing(OUTGOING, place)]
        return outgoing

    def keep(self, written: Positions) -> None:
        """Write the store, now or later."""
        self._reaches = written.get(RESOLUTIONS, self._reaches)
        self._shelf.write(self.memory, self._reaches, at_once=False)

    def close(self, *, keep: bool) -> None:
        """Write the store if all is committed."""
        if keep:
            self._shelf.write(self.memory, self._reaches, at_once=True)


URGENT_MARK: Final = b"!"


class GatingStage:
    """Holds what is not urgent and lets it go when it has waited long enough, by its clock."""

    name = "gate"
    sources = (OUTGOING, REVIEW_COMMANDS)
    state_topics = (HELD, POLICE)
    reference_topics = (REGISTRY, POLICE)

    def __init__(self, delay: timedelta, dice: Random) -> None:
        self.waiting: dict[bytes, datetime] = {}
        self.gone: dict[bytes, int] = {}
        self._delay = delay
        self._dice = dice

    def learn(self, records: Sequence[Record]) -> None:
        """Nothing here depends on it."""

    def recover(self, records: Sequence[Record]) -> None:
        """Fold what waits and what went, the two topics in any interleaving."""
        for record in records:
            if record.topic == POLICE:
                self._go(record.value or b"")
            elif record.value is None:
                self.waiting.pop(record.key or b"", None)
            else:
                self.waiting[record.key or b""] = record.appended_at

    def step(self, records: Sequence[Record]) -> Sequence[Outgoing]:
        """Let urgent ones go, and let the others wait."""
        return [one for record in records for one in self._take(record)]

    def _take(self, record: Record) -> Iterable[Outgoing]:
        place = place_of(record)
        if (record.value or b"").startswith(URGENT_MARK):
            self._go(place)
            return [Outgoing(POLICE, place)]
        self.waiting[place] = record.appended_at
        return [Outgoing(HELD, b"waits", place)]

    def due_at(self) -> datetime | None:
        """Return when the first will have waited long enough."""
        return min(self.waiting.values()) + self._delay if self.waiting else None

    def tick(self, at: datetime) -> Sequence[Outgoing]:
        """Let go, in random order, what has waited long enough."""
        due = [place for place, since in self.waiting.items() if since + self._delay <= at]
        self._dice.shuffle(due)
        outgoing: list[Outgoing] = []
        for place in due:
            del self.waiting[place]
            self._go(place)
            outgoing += [Outgoing(POLICE, place), Outgoing(HELD, None, place)]
        return outgoing

    def counts(self) -> Mapping[str, int]:
        """Return how much waits."""
        return {"waiting": len(self.waiting)}

    def _go(self, place: bytes) -> None:
        self.gone[place] = self.gone.get(place, 0) + 1
