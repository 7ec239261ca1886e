"""A small projection of the shape that the product's have: rows, a running digest, and notices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Column, Integer, LargeBinary, MetaData, String, Table

from consumers.projection import Notice, Publication, Rewrite
from deploy.simulate.stages import URGENT_MARK, Memory, place_of
from streams.topics import ALERTS, POLICE_DECISIONS, SAFEGUARDING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from consumers.projection import Read
    from streams.ports import Record

_METADATA: Final = MetaData()
PLACES: Final = Table(
    "places",
    _METADATA,
    Column("topic", String, primary_key=True),
    Column("offset", Integer, primary_key=True),
    sqlite_with_rowid=False,
)
"""One row for each record."""

CHAINS: Final = Table(
    "chains",
    _METADATA,
    Column("topic", String, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
"""For each topic how many, and the digest over them in their order."""


class CountingProjection:
    """Counts what it reads, topic by topic, and gives notice of what is urgent."""

    name = "counting"
    version = 1
    topics: tuple[str, ...] = (SAFEGUARDING, POLICE_DECISIONS)
    tables: tuple[Table, ...] = (PLACES, CHAINS)
    publications: tuple[Publication, ...] = (Publication(ALERTS, lambda value: value.decode()),)

    def __init__(self) -> None:
        self.chains = dict.fromkeys(self.topics, Memory())
        self._rewrites: list[Rewrite] = []
        self._notices: list[Notice] = []

    def apply(self, record: Record) -> None:
        """Fold one in."""
        chain = self.chains[record.topic].add(place_of(record))
        self.chains[record.topic] = chain
        place = {"topic": record.topic, "offset": record.offset}
        row = {"topic": record.topic, "count": chain.count, "digest": chain.digest}
        self._rewrites += [
            Rewrite(PLACES, place, (place,)),
            Rewrite(CHAINS, {"topic": record.topic}, (row,)),
        ]
        if record.value == URGENT_MARK:
            name = place_of(record)
            self._notices.append(Notice(ALERTS, name.decode(), name))

    def take_rewrites(self) -> Sequence[Rewrite]:
        """Return what rows have become."""
        rewrites, self._rewrites = self._rewrites, []
        return rewrites

    def take_notices(self) -> Sequence[Notice]:
        """Return what is to be published."""
        notices, self._notices = self._notices, []
        return notices

    def restore(self, read: Read) -> None:
        """Take the digests from the rows."""
        for row in read(CHAINS):
            self.chains[row["topic"]] = Memory(row["count"], row["digest"])


def folded(places: Iterable[bytes]) -> Memory:
    """Return what a chain is after these."""
    memory = Memory()
    for place in places:
        memory = memory.add(place)
    return memory


def chain_of(rows: Iterable[Mapping[str, Any]], topic: str) -> Memory:
    """Return the chain of a topic as rows tell it."""
    found = [Memory(row["count"], row["digest"]) for row in rows if row["topic"] == topic]
    return found[0] if found else Memory()
