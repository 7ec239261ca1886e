"""The desk's process: folds what it reads into its store, and tells what waited too long.

One writer: its transactional id fences an earlier one. What it writes it reads
back from its own topic before it writes again, so nothing is told twice.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from anonymiser.desk.changes import TOPICS
from anonymiser.desk.escalation import overdue
from anonymiser.desk.planted import plant, plants_due
from anonymiser.desk.policy import DeskPolicy
from streams.codec import encode
from streams.loop import BATCH_LIMIT, IDLE_WAIT, NO_WAIT
from streams.ports import Outgoing
from streams.store import Unlocked
from streams.topics import DESK

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence
    from random import Random

    from anonymiser.desk.planted import Compared, Described
    from anonymiser.desk.store import DeskStore
    from streams.ports import Log, Positions, Sink, Source

ROUND: Final = timedelta(seconds=30)
"""How often the clock is asked; escalation counts in days."""
_PLANTED_AT_ONCE_MAX: Final = 20


class DeskWorker:
    """Drives the desk's store over a log. After any error the process exits and starts anew.

    `compare` and `source` make planted pairs; without `compare` none are planted.
    """

    def __init__(  # noqa: PLR0913 - one argument for each part
        self,
        store: DeskStore,
        log: Log,
        *,
        source: Random,
        compare: Callable[[Described, Described], Compared] | None,
        policy: DeskPolicy | None = None,
        now: Callable[[], datetime] = lambda: _whole(datetime.now(UTC)),
    ) -> None:
        self._store = store
        self._random = source
        self._compare = compare
        self._policy = policy if policy is not None else DeskPolicy()
        self._now = now
        self._source: Source = log.source()
        self._sink: Sink = log.sink("rivelin-desk", "rivelin-desk", ())
        self._log = log
        self._unlocked = Unlocked("desk")
        self._next: datetime | None = None

    async def start(self) -> None:
        """Fence an earlier desk, and read on from the positions of the store."""
        await self._sink.start()
        await self._source.start(self._store.positions())

    async def turn(self, wait: timedelta = IDLE_WAIT, limit: int = BATCH_LIMIT) -> int:
        """Fold what is there; return how many records it took."""
        records = await self._source.poll(limit, wait)
        positions = self.positions()
        if records or positions != self._store.positions():
            await self._unlocked.do(lambda: self._store.take(records, positions))
        return len(records)

    async def tick(self) -> int:
        """Tell what waited too long and plant what is due; return how many events that were.

        Only what was read to the end is judged, or something would be told again.
        """
        if not await self._has_read_all():
            return 0
        now = self._now()
        links = self._store.open_links(now - self._policy.escalate_after)
        events: list[object] = [*overdue(links, self._policy, now), *self._plants(now)]
        if events:
            await self._sink.commit([Outgoing(DESK, encode(event)) for event in events], {})
        return len(events)

    async def run_forever(self, stop: asyncio.Event) -> None:
        """Take turns until `stop` is set; ask the clock every half minute."""
        while not stop.is_set():
            if not await self.turn() and self._is_time():
                await self.tick()

    def positions(self) -> Positions:
        """Return the next offset of each topic that is read; call it after `start`."""
        return {topic: self._source.position(topic) for topic in TOPICS}

    def alarms(self) -> Sequence[str]:
        """Return what holds the desk up."""
        return self._unlocked.alarms()

    async def stop(self) -> None:
        """Close reader, writer and store."""
        await self._source.stop()
        await self._sink.stop()
        self._store.close()

    def _is_time(self) -> bool:
        now = self._now()
        if self._next is not None and now < self._next:
            return False
        self._next = now + ROUND
        return True

    async def _has_read_all(self) -> bool:
        await self._log.settled((DESK,))
        while await self.turn(NO_WAIT):
            pass
        ends = await self._log.ends(TOPICS)
        positions = self.positions()
        return all(positions[topic] >= end for topic, end in ends.items())

    def _plants(self, now: datetime) -> Sequence[object]:
        if self._compare is None:
            return ()
        due = min(plants_due(*self._store.counts(), self._policy), _PLANTED_AT_ONCE_MAX)
        since = self._store.waiting().oldest_link or now
        made = (plant(self._random, self._compare, now, since) for _ in range(due))
        return [pair for pair in made if pair is not None]


def _whole(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
