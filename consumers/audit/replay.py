"""Replaying the log into a fresh store, and comparing it with a live one, table by table.

Needs no key and sends nothing: the projections fold the shared topics, and
what they would publish stays in the outbox of a store that is thrown away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from consumers.store import ProjectionStore, state_hash_of
from consumers.worker import take
from streams.errors import AuditMismatchError, InvalidInputError
from streams.loop import BATCH_LIMIT, IDLE_WAIT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Table

    from consumers.projection import Projection, Row
    from consumers.store import Snapshot
    from streams.ports import Log, Positions, Record

DIFFERENCES_MAX: Final = 5


@dataclass(frozen=True, slots=True)
class Bound:
    """How far to replay: up to an instant (inclusive), below positions, or to the ends as of now.

    A topic with neither ends where it ends now.
    """

    until: datetime | None = None
    positions: Positions | None = None

    def admits(self, record: Record) -> bool:
        """Tell whether a record lies within."""
        if self.positions is not None and record.topic in self.positions:
            return record.offset < self.positions[record.topic]
        return self.until is None or record.appended_at <= self.until


@dataclass(frozen=True, slots=True)
class Replayed:
    """What the replay of one projection came to: rows by table, and their one hash."""

    name: str
    positions: Positions
    rows: Mapping[str, int]
    state_hash: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that the live store and the replay do not have in common."""

    table: str
    key: str
    kind: str  # "missing", "unexpected" or "different", as seen from the live store


async def replay(
    projection: Projection,
    log: Log,
    bound: Bound,
    progress: Callable[[int], None] = lambda _: None,
    *,
    with_past: bool = False,
) -> ProjectionStore:
    """Fold the log up to the bound into a fresh store in memory; `progress` is told the count.

    What the rows were before is kept only if asked for: it takes half as much time again.
    """
    store = ProjectionStore.in_memory(projection, with_past=with_past)
    count = 0
    async for records in within(log, projection.topics, bound):
        positions = {record.topic: record.offset + 1 for record in records}
        take(projection, store, records, positions)
        count += len(records)
        progress(count)
    return store


def sum_up(name: str, snapshot: Snapshot) -> Replayed:
    """Tell what a projection's store holds."""
    return Replayed(
        name=name,
        positions=snapshot.positions(),
        rows=snapshot.sizes(),
        state_hash=snapshot.state_hash(),
    )


async def position_at(log: Log, topic: str, offset: int) -> Bound:
    """Return the bound of a position: below it in its topic, and elsewhere up to that moment.

    Raises: InvalidInputError if the topic holds no record below the offset.
    """
    last: Record | None = None
    async for records in within(log, (topic,), Bound(positions={topic: offset})):
        last = records[-1]
    if last is None:
        raise InvalidInputError(f"{topic} holds no record below offset {offset}")
    return Bound(until=last.appended_at, positions={topic: offset})


def compare(live: Snapshot, replayed: Snapshot) -> None:
    """Compare two stores at the same positions.

    Raises: AuditMismatchError that names table and key of the first differences.
    """
    hashes, expected = live.table_hashes(), replayed.table_hashes()
    if state_hash_of(hashes) == state_hash_of(expected):
        return
    found: list[Difference] = []
    for table in live.tables:
        if hashes[table.name] != expected[table.name]:
            found += _differences(table, live, replayed)
    raise AuditMismatchError(_tell(found))


def _tell(differences: Sequence[Difference]) -> str:
    first = [f"{d.table} {d.key} is {d.kind}" for d in differences[:DIFFERENCES_MAX]]
    rest = len(differences) - len(first)
    more = f" and {rest} more" if rest else ""
    return f"the live store is not what the log says: {'; '.join(first)}{more}"


def _differences(table: Table, live: Snapshot, replayed: Snapshot) -> Iterator[Difference]:
    names = [column.name for column in table.primary_key.columns]
    rows = {_key(names, row): row for row in live.bare_rows(table)}
    for expected in replayed.bare_rows(table):
        key = _key(names, expected)
        row = rows.pop(key, None)
        if row is None:
            yield Difference(table.name, key, "missing")
        elif row != expected:
            yield Difference(table.name, key, "different")
    for key in rows:
        yield Difference(table.name, key, "unexpected")


def _key(names: Sequence[str], row: Row) -> str:
    return ", ".join(f"{name}={row[name]}" for name in names)


async def within(log: Log, topics: Sequence[str], bound: Bound) -> AsyncIterator[Sequence[Record]]:
    """Yield the records within the bound, batch by batch."""
    source = log.source()
    try:
        await source.start(dict.fromkeys(topics, 0))
        ends = _ends(await source.ends(), bound)
        while any(source.position(topic) < end for topic, end in ends.items()):
            records = await source.poll(BATCH_LIMIT, IDLE_WAIT)
            if within := [record for record in records if bound.admits(record)]:
                yield within
    finally:
        await source.stop()


def _ends(ends: Positions, bound: Bound) -> Positions:
    limits = bound.positions or {}
    return {topic: min(end, limits.get(topic, end)) for topic, end in ends.items()}
