"""Running a projection: poll, fold, commit rows and positions together, publish what is due."""

from __future__ import annotations

import gc
from functools import partial
from typing import TYPE_CHECKING, Final

from consumers.deadlines import HasDeadlines, notices_of
from consumers.projection import step_of
from streams.instants import to_millisecond
from streams.loop import BATCH_LIMIT, IDLE_WAIT, read_to_end
from streams.ports import Outgoing
from streams.store import Unlocked

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence
    from datetime import datetime, timedelta
    from uuid import UUID

    from consumers.projection import Notice, Projection, Publication, Step
    from consumers.store import ProjectionStore
    from streams.ports import Log, Positions, Record, Sink, Source

SEND_LIMIT: Final = 500
COLLECT_EVERY: Final = 1_000


class ProjectionRunner:
    """Drives one projection over a log. After any error the process exits and starts anew.

    The rows are the state: on start the fold is taken from them and reading
    goes on from their positions, so a crash at any record loses nothing and
    counts nothing twice. `clock` tells when a deadline of the projection has
    passed; without one none ever does.
    """

    def __init__(
        self,
        projection: Projection,
        store: ProjectionStore,
        log: Log,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self._projection = projection
        self._store = store
        self._source: Source = log.source()
        self._positions: dict[str, int] = {}
        self._unlocked = Unlocked(projection.name)
        self._relays = tuple(
            OutboxRelay(store, log, publication, self._unlocked)
            for publication in projection.publications
        )
        self._watch: DeadlineWatch | None = None
        if clock is not None and isinstance(projection, HasDeadlines):
            self._watch = DeadlineWatch(projection, store, clock, self._unlocked)

    async def start(self) -> None:
        """Take up the state of the rows, send what is still due, read on."""
        restore(self._projection, self._store)
        known = self._store.positions()
        self._positions = {topic: known.get(topic, 0) for topic in self._projection.topics}
        for relay in self._relays:
            await relay.start()
        if self._watch is not None:
            await self._watch.start()
        await self._source.start(self._positions)

    async def turn(self, wait: timedelta = IDLE_WAIT, limit: int = BATCH_LIMIT) -> int:
        """Do one poll-fold-commit and publish; return how many records it took."""
        records = await self._source.poll(limit, wait)
        positions = {topic: self._source.position(topic) for topic in self._positions}
        if positions != self._positions:
            changes = fold(self._projection, self._fresh(records), positions)
            commit = partial(self._store.commit, *changes, since=self._positions)
            await self._unlocked.do(commit)
            self._positions = positions
        if self._watch is not None:
            await self._watch.look(self._source, self._positions)
        for relay in self._relays:
            await relay.send()
        return len(records)

    async def run_forever(self, stop: asyncio.Event) -> None:
        """Take turns until `stop` is set; call it after `start`. Has the process to itself."""
        fresh = 0
        _spare_the_collector()
        while not stop.is_set():
            fresh += await self.turn()
            if fresh >= COLLECT_EVERY:
                _spare_the_collector()
                fresh = 0

    def positions(self) -> Positions:
        """Return the next offset of each topic that is not in the rows yet."""
        return dict(self._positions)

    def alarms(self) -> Sequence[str]:
        """Return what holds the projection up."""
        return self._unlocked.alarms()

    async def stop(self) -> None:
        """Close reader, writer and store."""
        await self._source.stop()
        for relay in self._relays:
            await relay.stop()
        self._store.close()

    def _fresh(self, records: Sequence[Record]) -> Sequence[Record]:
        return [record for record in records if record.offset >= self._positions[record.topic]]


class OutboxRelay:
    """Publishes what the outbox holds for one topic, each notice exactly once.

    A notice leaves the outbox after its transaction is committed. Dying
    between the two, or rebuilding the store from the log, would send it again;
    so on start the relay fences its predecessor and reads which notices the
    topic holds already.
    """

    def __init__(
        self,
        store: ProjectionStore,
        log: Log,
        publication: Publication,
        unlocked: Unlocked | None = None,
    ) -> None:
        self._store = store
        self._unlocked = unlocked or Unlocked(publication.topic)
        self._log = log
        self._publication = publication
        self._held: set[str] = set()
        name = f"rivelin-relay-{publication.topic}"
        self._sink: Sink = log.sink(transactional_id=name, group=name, topics=())

    async def start(self) -> None:
        """Fence, then learn what was sent before."""
        await self._sink.start()
        await self._log.settled((self._publication.topic,))
        async for records in read_to_end(self._log, (self._publication.topic,)):
            for record in records:
                if record.value is not None:
                    self._hold(self._publication.notice_id_of(record.value))

    async def send(self) -> int:
        """Send what is due; return how many notices went out."""
        count = 0
        while due := self._store.pending(SEND_LIMIT, self._publication.topic):
            fresh = [(name, value) for name, value in due if name not in self._held]
            if fresh:
                topic = self._publication.topic
                await self._sink.commit([Outgoing(topic, value) for _, value in fresh], {})
            names = tuple(name for name, _ in due)
            await self._unlocked.do(partial(self._store.sent, names))
            count += len(fresh)
        return count

    def _hold(self, notice_id: str | None) -> None:
        if notice_id is not None:
            self._held.add(notice_id)

    async def stop(self) -> None:
        """Close the writer."""
        await self._sink.stop()


class DeadlineWatch:
    """Puts into the outbox what has passed, once all is folded that was written by then.

    A deadline that a person met while the runner was down, or far behind, is not due any longer
    once that is folded; so it looks again at the end of the log as of the moment it was noticed.
    """

    def __init__(
        self,
        projection: HasDeadlines,
        store: ProjectionStore,
        clock: Callable[[], datetime],
        unlocked: Unlocked,
    ) -> None:
        self._projection = projection
        self._store = store
        self._clock = clock
        self._unlocked = unlocked
        self._told: set[UUID] = set()
        self._ends: Positions | None = None

    async def start(self) -> None:
        """Take back what was due before the start and not sent: by now it may be met."""
        while stale := self._store.pending(SEND_LIMIT, self._projection.deadlines.topic):
            names = tuple(name for name, _ in stale)
            await self._unlocked.do(partial(self._store.sent, names))

    async def look(self, source: Source, positions: Positions) -> None:
        """Tell of what is due by the clock and was not told by this process."""
        at = to_millisecond(self._clock())
        deadlines = self._projection.deadlines
        due = [one for one in deadlines.due(at) if one.deadline_id not in self._told]
        if not due or not await self._is_read_on(source, positions):
            return
        notices = notices_of(due, deadlines.topic, at)
        await self._unlocked.do(partial(self._store.commit, (), notices, {}, since=positions))
        self._told.update(one.deadline_id for one in due)

    async def _is_read_on(self, source: Source, positions: Positions) -> bool:
        """Tell whether all is in the rows that stood on the log when a deadline was noticed."""
        if self._ends is None:
            self._ends = await source.ends()
        if any(positions[topic] < end for topic, end in self._ends.items()):
            return False
        self._ends = None
        return True


def _spare_the_collector() -> None:
    """Keep the garbage collector from walking the whole state again and again.

    The state holds no cycles, so it is freed without it; and a walk over all
    of it would make a report dearer the longer the log is.
    """
    gc.collect(1)
    gc.freeze()


def take(
    projection: Projection,
    store: ProjectionStore,
    records: Sequence[Record],
    positions: Positions,
) -> None:
    """Fold records in and commit what they changed, with the positions after them."""
    store.commit(*fold(projection, records, positions))


def fold(
    projection: Projection, records: Sequence[Record], positions: Positions
) -> tuple[Sequence[Step], Sequence[Notice], Positions]:
    """Fold records in; return what is to be committed, perhaps at the second attempt."""
    steps: list[Step] = []
    for record in records:
        projection.apply(record)
        steps.append(step_of(record, projection.take_rewrites()))
    return steps, projection.take_notices(), positions


def restore(projection: Projection, store: ProjectionStore) -> None:
    """Give a fresh projection the state of a store."""
    gc.disable()  # see _spare_the_collector: a third of the time would go there
    try:
        with store.snapshot() as snapshot:
            projection.restore(snapshot.rows)
    finally:
        gc.enable()
