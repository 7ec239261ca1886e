"""A broker as far as transactions depend on it: Kafka 4.3, spoken to in the clients' old protocol.

Synchronous and without chance: what it does follows from the requests, in their order, and from
what others decide: `delay` (when a marker is written), `overdue` (how long after its time a
transaction is ended) and `loses_markers` (ADR 0011).

In it: partitions with offsets, markers and a last stable offset; transactional ids with producer
id, epoch, and the states empty, ongoing, prepared, complete; offsets of groups that wait for the
marker; sequence numbers per producer and partition; transaction time-out; a restart, after which
coordinators load for a while and prepared transactions get their markers, or lose them.

An `EndTxn` names producer id and epoch and no transaction (EndTxn version 1, as aiokafka and
librdkafka send it): one that is late ends whatever transaction of that epoch is ongoing then.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final

from aiokafka.errors import (
    ConcurrentTransactions,
    CoordinatorLoadInProgressError,
    InvalidProducerEpoch,
    InvalidTxnState,
    OutOfOrderSequenceNumber,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

_SEQUENCES_KEPT: Final = 5


@dataclass(slots=True, eq=False)
class Span:
    """One producer's transaction in one partition: from where, and how it ended."""

    first: int
    committed: bool | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One offset. A marker has no value to read; `span` is None outside transactions."""

    at: float
    key: bytes | None = None
    value: bytes | None = None
    span: Span | None = None
    is_marker: bool = False
    author: str = ""


class Partition:
    """The one partition of a topic."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.open: dict[int, Span] = {}
        self.sequences: dict[int, deque[tuple[int, int, int, int]]] = {}
        self.epochs: dict[int, int] = {}

    @property
    def end(self) -> int:
        """The offset after the last entry."""
        return len(self.entries)

    @property
    def stable_end(self) -> int:
        """The first offset of a transaction that is not ended; readers of committed stop there."""
        return min((span.first for span in self.open.values()), default=self.end)

    def committed(self) -> list[tuple[int, Entry]]:
        """Return what a reader of committed records sees by now, with offsets."""
        return [
            (offset, entry)
            for offset, entry in enumerate(self.entries[: self.stable_end])
            if not entry.is_marker and (entry.span is None or entry.span.committed)
        ]


class TransactionState(Enum):
    """As in Kafka, with prepare and complete for commit and abort in one."""

    EMPTY = "empty"
    ONGOING = "ongoing"
    PREPARED = "prepared"
    COMPLETE = "complete"


@dataclass(slots=True, eq=False)
class Transaction:
    """What the coordinator knows of a transactional id."""

    transactional_id: str
    producer_id: int
    epoch: int = -1
    timeout: float = 60.0
    state: TransactionState = TransactionState.EMPTY
    is_commit: bool = False
    topics: dict[str, None] = field(default_factory=dict)
    groups: dict[str, None] = field(default_factory=dict)
    serial: int = 0
    missing: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one producer for one topic; `sequence` counts them within its epoch."""

    topic: str
    sequence: int
    records: tuple[tuple[bytes | None, bytes | None], ...]
    author: str = ""


class Broker:
    """One node, or a cluster that behaves as one. `later` calls a function after some seconds."""

    def __init__(  # noqa: PLR0913 - what it leaves to others
        self,
        topics: Iterable[str],
        *,
        now: Callable[[], float],
        later: Callable[[float, Callable[[], None]], object],
        delay: Callable[[], float],
        overdue: Callable[[], float],
        loses_markers: Callable[[], bool],
    ) -> None:
        self.partitions: dict[str, Partition] = {topic: Partition() for topic in topics}
        self.transactions: dict[str, Transaction] = {}
        self.left_open: list[tuple[Transaction, int, bool]] = []
        self.is_up = True
        self._groups: dict[str, dict[str, int]] = {}
        self._pending: dict[tuple[str, int], dict[str, int]] = {}
        self._now = now
        self._later = later
        self._delay = delay
        self._overdue = overdue
        self._loses_markers = loses_markers
        self._starts = 0
        self._loaded_at = 0.0
        self._grown: Callable[[str], None] = lambda _topic: None
        self._noted: Callable[[str], None] = lambda _line: None
        self._moved: Callable[[Mapping[str, int]], None] = lambda _positions: None

    def tell(
        self,
        grown: Callable[[str], None],
        noted: Callable[[str], None],
        moved: Callable[[Mapping[str, int]], None],
    ) -> None:
        """Tell of topics with more to read, of events worth a line, of positions that moved."""
        self._grown, self._noted, self._moved = grown, noted, moved

    # --- its own life ------------------------------------------------------------------------

    def kill(self) -> None:
        """End at once; what was appended stays, what was to be done next is not done."""
        self.is_up = False
        self._starts += 1

    def start(self, loading: float) -> None:
        """Come back; coordinators load for so many seconds."""
        self.is_up = True
        self._loaded_at = self._now() + loading
        for transaction in list(self.transactions.values()):
            if transaction.state is TransactionState.PREPARED:
                self._resume(transaction)
            elif transaction.state is TransactionState.ONGOING:
                self._watch(transaction)

    def _resume(self, transaction: Transaction) -> None:
        """Write the markers that are missing; or find no leader for them and think all done."""
        if self._loses_markers():
            transaction.state = TransactionState.COMPLETE
            self.left_open.append((transaction, transaction.epoch, transaction.is_commit))
            self._noted(f"broker loses markers of {transaction.transactional_id}")
        else:
            self._write_markers(transaction)

    def end_abandoned(self) -> None:
        """Write markers that were lost, as they had been decided (`kafka.open_transactions`).

        A partition refuses the one of an epoch before the latest that it has seen.
        """
        left_open, self.left_open = self.left_open, []
        for one, epoch, is_commit in left_open:
            self._noted(f"keeper ends what was left open of {one.transactional_id}")
            for topic in list(self.partitions):
                span = self.partitions[topic].open.get(one.producer_id)
                if span is not None and self.partitions[topic].epochs[one.producer_id] <= epoch:
                    self._mark_topic(one, topic, epoch, is_commit=is_commit)
            for group, producer_id in list(self._pending):
                if producer_id == one.producer_id:
                    self._mark_group(one, group, is_commit=is_commit)

    def _require_loaded(self) -> None:
        if self._now() < self._loaded_at:
            raise CoordinatorLoadInProgressError

    # --- transactions ------------------------------------------------------------------------

    def init_producer(self, transactional_id: str, timeout: float) -> tuple[int, int]:
        """Take the id over: abort what its holder left open, and fence the holder.

        Raises: ConcurrentTransactions until the markers of the last transaction are written.
        """
        self._require_loaded()
        one = self.transactions.get(transactional_id)
        if one is None:
            producer_id = 1000 + len(self.transactions)
            one = self.transactions[transactional_id] = Transaction(transactional_id, producer_id)
        if one.state is TransactionState.ONGOING:
            one.epoch += 1
            self._prepare(one, commit=False)
        if one.state is TransactionState.PREPARED:
            raise ConcurrentTransactions
        one.state, one.timeout = TransactionState.EMPTY, timeout
        one.epoch += 1
        self._noted(f"broker gives {transactional_id} epoch {one.epoch}")
        return one.producer_id, one.epoch

    def add_topics(self, transactional_id: str, epoch: int, topics: Iterable[str]) -> None:
        """Make topics part of the transaction, and begin it if it has not."""
        one = self._holder(transactional_id, epoch)
        self._begin(one)
        one.topics.update(dict.fromkeys(topics))

    def add_group(self, transactional_id: str, epoch: int, group: str) -> None:
        """Make a group's offsets part of the transaction, and begin it if it has not."""
        one = self._holder(transactional_id, epoch)
        self._begin(one)
        one.groups[group] = None

    def commit_offsets(
        self, transactional_id: str, epoch: int, group: str, offsets: Mapping[str, int]
    ) -> None:
        """Have offsets count once the transaction is committed."""
        one = self._holder(transactional_id, epoch)
        if group not in one.groups or one.state is not TransactionState.ONGOING:
            raise InvalidTxnState
        self._pending.setdefault((group, one.producer_id), {}).update(offsets)

    def end(self, transactional_id: str, epoch: int, *, commit: bool) -> None:
        """End the transaction that is ongoing in this epoch, whichever it is.

        Raises: InvalidProducerEpoch, InvalidTxnState; ConcurrentTransactions while its markers
        are being written.
        """
        self._require_loaded()
        one = self.transactions[transactional_id]
        if epoch < one.epoch:
            raise InvalidProducerEpoch
        if one.state is TransactionState.ONGOING:
            self._prepare(one, commit=commit)
            return
        if one.state is TransactionState.EMPTY or one.is_commit is not commit:
            raise InvalidTxnState
        if one.state is TransactionState.PREPARED:
            raise ConcurrentTransactions

    def _holder(self, transactional_id: str, epoch: int) -> Transaction:
        self._require_loaded()
        one = self.transactions[transactional_id]
        if epoch < one.epoch:
            raise InvalidProducerEpoch
        if one.state is TransactionState.PREPARED:
            raise ConcurrentTransactions
        return one

    def _begin(self, one: Transaction) -> None:
        if one.state is TransactionState.ONGOING:
            return
        one.state = TransactionState.ONGOING
        one.serial += 1
        one.topics, one.groups = {}, {}
        self._watch(one)

    def _watch(self, one: Transaction) -> None:
        serial, starts = one.serial, self._starts

        def expire() -> None:
            is_same = (one.serial, one.state) == (serial, TransactionState.ONGOING)
            if is_same and starts == self._starts:
                self._noted(f"broker lets a transaction of {one.transactional_id} time out")
                one.epoch += 1
                self._prepare(one, commit=False)

        self._later(one.timeout + self._overdue(), expire)

    def _prepare(self, one: Transaction, *, commit: bool) -> None:
        one.state, one.is_commit = TransactionState.PREPARED, commit
        word = "commit" if commit else "abort"
        self._noted(f"broker prepares to {word} {one.transactional_id} in epoch {one.epoch}")
        self._write_markers(one)

    def _write_markers(self, one: Transaction) -> None:
        places: list[Callable[[], None]] = [
            *(
                lambda topic=topic: self._mark_topic(one, topic, one.epoch, is_commit=one.is_commit)
                for topic in one.topics
            ),
            *(
                lambda group=group: self._mark_group(one, group, is_commit=one.is_commit)
                for group in one.groups
            ),
        ]
        one.missing = len(places)
        if not places:
            one.state = TransactionState.COMPLETE
        for place in places:
            self._later(self._delay(), self._unless_restarted(one, place))

    def _unless_restarted(self, one: Transaction, mark: Callable[[], None]) -> Callable[[], None]:
        starts = self._starts

        def write() -> None:
            if starts != self._starts or not self.is_up:
                return
            mark()
            one.missing -= 1
            if not one.missing:
                one.state = TransactionState.COMPLETE

        return write

    def _mark_topic(self, one: Transaction, topic: str, epoch: int, *, is_commit: bool) -> None:
        """Write a marker; written again after a restart it changes nothing."""
        partition = self.partitions[topic]
        span = partition.open.pop(one.producer_id, None)
        if span is not None:
            span.committed = is_commit
        partition.epochs[one.producer_id] = epoch
        partition.entries.append(Entry(self._now(), is_marker=True))
        self._noted(f"broker marks {topic} {'committed' if is_commit else 'aborted'}")
        self._grown(topic)

    def _mark_group(self, one: Transaction, group: str, *, is_commit: bool) -> None:
        offsets = self._pending.pop((group, one.producer_id), {})
        if is_commit:
            self._groups.setdefault(group, {}).update(offsets)
            self._noted(f"broker moves {group} to {offsets}")
            self._moved(offsets)

    # --- records -----------------------------------------------------------------------------

    def append(self, topic: str, records: Sequence[tuple[bytes | None, bytes | None]]) -> int:
        """Append outside any transaction; return the first offset."""
        partition = self.partitions[topic]
        first = partition.end
        partition.entries += [Entry(self._now(), key, value) for key, value in records]
        self._grown(topic)
        return first

    def append_transaction(
        self, topic: str, records: Sequence[tuple[bytes | None, bytes | None]], *, commit: bool
    ) -> None:
        """Append records of somebody else's transaction, ended at once: data and a marker."""
        partition = self.partitions[topic]
        span = Span(partition.end, commit)
        partition.entries += [Entry(self._now(), key, value, span) for key, value in records]
        partition.entries.append(Entry(self._now(), is_marker=True))
        self._grown(topic)

    def produce(self, transactional_id: str, epoch: int, batch: Batch) -> int:
        """Append to the ongoing transaction; return the first offset. A repeat appends nothing.

        Raises: InvalidProducerEpoch, InvalidTxnState, OutOfOrderSequenceNumber.
        """
        one = self.transactions[transactional_id]
        partition = self.partitions[batch.topic]
        if epoch < max(one.epoch, partition.epochs.get(one.producer_id, -1)):
            raise InvalidProducerEpoch
        known = partition.sequences.setdefault(one.producer_id, deque(maxlen=_SEQUENCES_KEPT))
        for known_epoch, sequence, count, offset in known:
            if (known_epoch, sequence, count) == (epoch, batch.sequence, len(batch.records)):
                return offset
        if one.state is not TransactionState.ONGOING or batch.topic not in one.topics:
            raise InvalidTxnState  # asked of the coordinator before anything is appended (KIP-890)
        if batch.sequence != _expected(known, epoch):
            raise OutOfOrderSequenceNumber
        return self._append_batch(one, partition, epoch, batch)

    def _append_batch(
        self, one: Transaction, partition: Partition, epoch: int, batch: Batch
    ) -> int:
        first = partition.end
        span = partition.open.setdefault(one.producer_id, Span(first))
        partition.epochs[one.producer_id] = epoch
        partition.entries += [
            Entry(self._now(), key, value, span, author=batch.author)
            for key, value in batch.records
        ]
        partition.sequences[one.producer_id].append(
            (epoch, batch.sequence, len(batch.records), first)
        )
        self._grown(batch.topic)
        return first

    # --- reading -----------------------------------------------------------------------------

    def fetch(
        self, topic: str, offset: int, limit: int, *, committed: bool
    ) -> tuple[list[tuple[int, Entry]], int]:
        """Return up to `limit` records from an offset on, and the offset to go on at."""
        partition = self.partitions[topic]
        end = partition.stable_end if committed else partition.end
        found: list[tuple[int, Entry]] = []
        while offset < end and len(found) < limit:
            entry = partition.entries[offset]
            if not entry.is_marker and not (
                committed and entry.span is not None and not entry.span.committed
            ):
                found.append((offset, entry))
            offset += 1
        while offset < end and partition.entries[offset].is_marker:
            offset += 1
        return found, offset

    def end_of(self, topic: str, *, committed: bool) -> int:
        """Return the offset after the last record that such a reader may see."""
        partition = self.partitions[topic]
        return partition.stable_end if committed else partition.end

    def committed(self, group: str, topic: str) -> int | None:
        """Return the committed offset; what waits for a marker does not count."""
        self._require_loaded()
        return self._groups.get(group, {}).get(topic)

    def is_held(self, group: str, topic: str) -> bool:
        """Tell whether an offset waits for the marker of a transaction."""
        return any(
            name == group and topic in offsets for (name, _), offsets in self._pending.items()
        )

    def positions(self, group: str) -> Mapping[str, int]:
        """Return all of a group, for the checker to look at."""
        return dict(self._groups.get(group, {}))


def _expected(known: Sequence[tuple[int, int, int, int]], epoch: int) -> int:
    of_epoch = [one for one in known if one[0] == epoch]
    return of_epoch[-1][1] + of_epoch[-1][2] if of_epoch else 0
