"""What police see: networks from their own topic, and what they decided and tried themselves.

Three folds in one: the network fold, the book of OCGs and the book of disruptions. Evidence, their
decisions and disruptions stand on three topics; any interleaving of them gives the same rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from consumers.deadlines import DEADLINES_PASSED, publication_of
from consumers.network import NetworkFold
from consumers.network.rows import restore, take_rewrites
from consumers.network.tables import DECISIONS, NETWORK_TABLES
from consumers.network.then import nominals, only
from consumers.ocg_network.disruptions import DisruptionBook
from consumers.ocg_network.ocgs import OCG_EVENTS, OcgBook
from consumers.ocg_network.tables import OCG_TABLES, SOURCE_HISTORIES
from consumers.projection import unreadable
from streams.codec import decode
from streams.errors import DecodeError
from streams.evidence import require_schema
from streams.shared import (
    GradeRelayed,
    NominalDischarged,
    NominalEnrolled,
    PersonsMerged,
    PersonSplit,
    PoliceReportShared,
    ReportWithdrawn,
)
from streams.topics import DISRUPTIONS, POLICE, POLICE_DECISIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection, Table

    from consumers.deadlines import Deadlines
    from consumers.network import NetworkEvent
    from consumers.projection import Flag, Notice, Publication, Read, Rewrite
    from streams.ports import Record

_NETWORK: Final[Mapping[str, tuple[type[NetworkEvent], ...]]] = {
    POLICE: (PoliceReportShared, ReportWithdrawn, GradeRelayed, PersonsMerged, PersonSplit),
    POLICE_DECISIONS: (NominalEnrolled, NominalDischarged),
}
_TOPICS: Final = (POLICE, POLICE_DECISIONS, DISRUPTIONS)
_EVENTS: Final[Mapping[str, tuple[type[Any], ...]]] = {
    topic: tuple(
        kind
        for some in (_NETWORK, OCG_EVENTS, DisruptionBook.events)
        for kind in some.get(topic, ())
    )
    for topic in _TOPICS
}
_DISRUPTION_EVENTS: Final = tuple(
    kind for kinds in DisruptionBook.events.values() for kind in kinds
)
_OCG_EVENTS: Final = tuple(kind for kinds in OCG_EVENTS.values() for kind in kinds)
_DECIDED: Final = (
    DECISIONS,
    DEADLINES_PASSED,
    *(table for table in OCG_TABLES if table is not SOURCE_HISTORIES),
)
#: Network tables are a function of the evidence alone; who is a nominal is laid over them.
_PAST: Final[Mapping[str, tuple[Table, ...]]] = {
    POLICE: (
        *(table for table in NETWORK_TABLES if table is not DECISIONS),
        SOURCE_HISTORIES,
        *DisruptionBook.past[POLICE],
    ),
    POLICE_DECISIONS: (*_DECIDED, *DisruptionBook.past[POLICE_DECISIONS]),
    DISRUPTIONS: DisruptionBook.past[DISRUPTIONS],
}


class OcgNetwork:
    """The projection `ocg_network`. It publishes that roles have expired, and nothing else."""

    name: ClassVar[str] = "ocg_network"
    version: ClassVar[int] = 4
    topics: tuple[str, ...] = _TOPICS
    tables: tuple[Table, ...] = (*NETWORK_TABLES, *OcgBook.tables, *DisruptionBook.tables)
    publications: tuple[Publication, ...] = (publication_of(POLICE_DECISIONS),)
    past: Mapping[str, tuple[Table, ...]] = _PAST

    def __init__(self) -> None:
        self.fold = NetworkFold()
        self.ocgs = OcgBook()
        self.disruptions = DisruptionBook()
        self._unreadable: list[Rewrite] = []

    @property
    def deadlines(self) -> Deadlines:
        """The last days of roles; the runner tells when one is over."""
        return self.ocgs.deadlines

    def apply(self, record: Record) -> None:
        """Fold one record in.

        Raises: MissingSchemaError.
        """
        try:
            event = decode(record.value or b"", *_EVENTS[record.topic])
        except DecodeError as error:
            require_schema(record)
            self._unreadable.append(unreadable(record, error))
            return
        if isinstance(event, _DISRUPTION_EVENTS):
            self.disruptions.apply(event)
        elif isinstance(event, _OCG_EVENTS):
            for change in self.ocgs.apply(event, record.offset):
                self.fold.hold_role(str(change.person_id), change.seen if change.stands else None)
        else:
            self.fold.apply(event, record.offset)

    def take_rewrites(self) -> Sequence[Rewrite]:
        """Return what the rows have become since the last call."""
        books = (*self.ocgs.take_rewrites(), *self.disruptions.take_rewrites())
        rewrites = [*take_rewrites(self.fold), *books, *self._unreadable]
        self._unreadable.clear()
        return rewrites

    def take_notices(self) -> Sequence[Notice]:
        """Return nothing: police decide on `police.decisions`, a projection does not."""
        return ()

    def restore(self, read: Read) -> None:
        """Take the state from the rows: who holds a role before the people who may hold one."""
        self.ocgs.restore(read)
        self.disruptions.restore(read)
        for person, seen in self.ocgs.roles.holders().items():
            self.fold.nominals.confirm(str(person), seen)
        restore(self.fold, read)

    def flags(self, read: Read, connection: Connection) -> Iterable[Flag]:
        """Return who is a nominal as of a moment, which decisions and evidence tell together."""
        then = OcgNetwork()
        then.restore(only(read, self.past[POLICE_DECISIONS]))
        return (nominals(then.fold, connection),)
