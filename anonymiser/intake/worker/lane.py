"""A lane: the one transactional writer of one partner's topic, with what waits for it.

What is proved in kafka_proved.md: fence, then read the committed floor, then
send, wait for every delivery, send the offset, commit; drop what lies below
the floor, also inside one batch; never pass over a gap unasked.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from anonymiser.intake.worker.fate import LOG, fatal
from streams.errors import LogError, RetentionGapError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from streams.ports import Log, Outgoing, Sink

GROUP: Final = "rivelin-intake"
BATCH_RECORDS_MAX: Final = 200
BATCH_BYTES_MAX: Final = 8 << 20
#: With more than this waiting, ending a transaction at each urgent record would delay the rest.
BACKLOG_RECORDS: Final = 20
_PROBE_WAIT: Final = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Prepared:
    """One record after the transform, waiting to be committed.

    `generation` is that of the group when it was read: after a rebalance it is read again.
    """

    offset: int
    generation: int
    urgent: bool
    outgoing: tuple[Outgoing, ...] = field(repr=False)

    @property
    def size(self) -> int:
        """About how many bytes it will take."""
        return sum(len(one.value or b"") for one in self.outgoing)


class Lane:
    """Commits one topic's records in order. After any error the process ends.

    `spacing` tells how many seconds to leave between two transactions; an
    urgent record waits for none, and is the last of its transaction.
    """

    def __init__(self, topic: str, log: Log, spacing: Callable[[], float]) -> None:
        self.topic = topic
        self.floor = 0
        self.generation: int | None = None
        self.began_at = 0.0
        self.moved_at = time.monotonic()
        self.committed_at: float | None = None
        self._log = log
        self._spacing = spacing
        self._sink: Sink | None = None
        self._lock = asyncio.Lock()
        self._waiting: deque[Prepared] = deque()
        self._arrived = asyncio.Event()
        self._due = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    # --- who owns the topic --------------------------------------------------------------------

    async def open(self, generation: int) -> None:
        """Take the topic over for a generation of the group; waits for a batch in flight."""
        if self.generation == generation:
            return
        async with self._lock:
            if self.generation == generation:
                return
            await self._shut()
            sink = self._log.sink(f"{GROUP}-{self.topic}-0", GROUP, (self.topic,))
            committed = await sink.start()  # fences whoever held the lane, then reads the floor
            self.floor = await self._still_there(committed.get(self.topic, 0))
            self._sink, self.generation = sink, generation
            self.moved_at = time.monotonic()

    async def _still_there(self, floor: int) -> int:
        """Return where to read on: at the floor, unless the topic ends before it.

        Then records were lost, or it was made anew, and what comes now would lie below the floor
        and never be taken. All that is there is taken once more: what was done before is told as
        a duplicate. Asked twice, since an end may lag for a moment behind a new leader.
        """
        for _ in range(2):
            end = (await self._log.ends((self.topic,)))[self.topic] if floor else 0
            if end >= floor:
                return floor
            await asyncio.sleep(_PROBE_WAIT.total_seconds())
        LOG.critical(
            "%s ends at %d before what was read of it, %d: read anew", self.topic, end, floor
        )
        return 0

    async def close(self) -> None:
        """Give the topic up once what waits is committed.

        It could be read again as well, but a reader whose old position outlives
        the rebalance (Faust's may) would then seem to have lost records.
        """
        async with self._lock:
            while self._waiting and self._sink is not None:
                await self._commit_batch()
            await self._shut()

    def end(self) -> None:
        """Forget the lane; call it after `close`."""
        self._task.cancel()

    async def _shut(self) -> None:
        sink, self._sink, self.generation = self._sink, None, None
        self._waiting.clear()
        self._arrived.clear()
        self._due.clear()
        if sink is not None:
            await sink.stop()

    # --- what waits ----------------------------------------------------------------------------

    def wants(self, offset: int) -> bool:
        """Tell whether a record is worth transforming: neither committed nor waiting already."""
        return offset >= (self._waiting[-1].offset + 1 if self._waiting else self.floor)

    def put(self, prepared: Prepared) -> None:
        """Have a record committed soon."""
        self._waiting.append(prepared)
        self._arrived.set()
        if prepared.urgent or len(self._waiting) >= BATCH_RECORDS_MAX:
            self._due.set()

    @property
    def waiting_records(self) -> int:
        """How many records wait."""
        return len(self._waiting)

    @property
    def waiting_bytes(self) -> int:
        """How many bytes wait."""
        return sum(one.size for one in self._waiting)

    # --- committing ----------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while True:
                await self._arrived.wait()
                await self._gather()
                await self._commit()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - the outcome of a transaction is not known
            fatal(f"committing {self.topic}", error)

    async def _gather(self) -> None:
        """Wait until a transaction is due: a pause after the last one, unless one is urgent."""
        wait = self.began_at + self._spacing() - time.monotonic()
        if wait > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._due.wait(), wait)

    async def _commit(self) -> None:
        async with self._lock:
            await self._commit_batch()

    async def _commit_batch(self) -> None:
        batch = await self._contiguous(self._taken())
        if not batch or self._sink is None:
            return
        self.began_at = time.monotonic()
        outgoing = [one for prepared in batch for one in prepared.outgoing]
        position = batch[-1].offset + 1
        await self._sink.commit(outgoing, {self.topic: position})
        self.floor, self.moved_at, self.committed_at = position, time.monotonic(), time.time()

    def _taken(self) -> list[Prepared]:
        """The next batch: up to the first urgent record, which then waits for no other.

        In a backlog as much as goes into one transaction: that is soonest for all.
        """
        batch: list[Prepared] = []
        size = 0
        while self._waiting and len(batch) < BATCH_RECORDS_MAX and size < BATCH_BYTES_MAX:
            batch.append(self._waiting.popleft())
            size += batch[-1].size
            if batch[-1].urgent and len(self._waiting) < BACKLOG_RECORDS:
                break
        self._note_rest()
        return [one for one in batch if one.generation == self.generation]

    def _note_rest(self) -> None:
        if not self._waiting:
            self._arrived.clear()
        if not any(one.urgent for one in self._waiting):
            self._due.clear()

    async def _contiguous(self, batch: Iterable[Prepared]) -> list[Prepared]:
        """Without what is committed already; also the same offset twice inside one batch."""
        want, kept = self.floor, []
        for one in batch:
            if one.offset < want:
                continue
            if one.offset > want:
                await self._pass_gap(want, one.offset)
            kept.append(one)
            want = one.offset + 1
        return kept

    # --- gaps ----------------------------------------------------------------------------------

    async def _pass_gap(self, want: int, got: int) -> None:
        """A partner that writes by transactions leaves markers; a lost record is something else."""
        if await self._next_record(want, got) is not None:
            fatal(f"gap in {self.topic}: {want} was to come, {got} came")
        LOG.warning("nothing lies between %d and %d of %s", want, got, self.topic)

    async def check_stall(self, end: int) -> None:
        """Find out why the end lies ahead and nothing comes: markers, or a reader that hangs."""
        async with self._lock:
            if self._waiting or self._sink is None:
                return
            if await self._next_record(self.floor, end) is not None:
                fatal(f"{self.topic} stalled at {self.floor} of {end}")
            self.floor, self.moved_at = max(self.floor, end), time.monotonic()

    async def _next_record(self, offset: int, before: int) -> int | None:
        """The offset of the next committed record from `offset` on and below `before`, asked anew.

        None only if the reader has got past all that lies between: an empty answer may as well
        come from a broker that is slow. Raises: LogError if it does not get there in time.
        """
        source = self._log.source()
        try:
            await source.start({self.topic: offset})
            records = await source.poll(1, _PROBE_WAIT)
            if not records and source.position(self.topic) < before:
                raise LogError(f"{self.topic} could not be read from {offset} to {before}")
        except RetentionGapError:
            LOG.critical("records of %s were deleted before they were read", self.topic)
            return None
        finally:
            await source.stop()
        return next((one.offset for one in records if one.offset < before), None)
