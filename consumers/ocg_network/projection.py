"""What police see: the network fold over their own topic and their own decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from consumers.network import NetworkFold
from consumers.network.rows import restore, take_rewrites
from consumers.network.tables import DECISIONS, NETWORK_TABLES
from consumers.network.then import nominals, only
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
from streams.topics import POLICE, POLICE_DECISIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection, Table

    from consumers.network import NetworkEvent
    from consumers.projection import Flag, Notice, Publication, Read, Rewrite
    from streams.ports import Record

_EVENTS: Mapping[str, tuple[type[NetworkEvent], ...]] = {
    POLICE: (PoliceReportShared, ReportWithdrawn, GradeRelayed, PersonsMerged, PersonSplit),
    POLICE_DECISIONS: (NominalEnrolled, NominalDischarged),
}
#: Network tables are a function of the evidence alone; who is a nominal is laid over them.
_PAST: Mapping[str, tuple[Table, ...]] = {
    POLICE: tuple(table for table in NETWORK_TABLES if table is not DECISIONS),
    POLICE_DECISIONS: (DECISIONS,),
}


class OcgNetwork:
    """The projection `ocg_network`. It publishes nothing."""

    name: ClassVar[str] = "ocg_network"
    version: ClassVar[int] = 3
    topics: tuple[str, ...] = (POLICE, POLICE_DECISIONS)
    tables: tuple[Table, ...] = NETWORK_TABLES
    publications: tuple[Publication, ...] = ()
    past: Mapping[str, tuple[Table, ...]] = _PAST

    def __init__(self) -> None:
        self.fold = NetworkFold()
        self._unreadable: list[Rewrite] = []

    def apply(self, record: Record) -> None:
        """Fold one record in.

        Raises: MissingSchemaError.
        """
        try:
            event = decode(record.value or b"", *_EVENTS[record.topic])
        except DecodeError as error:
            require_schema(record)
            self._unreadable.append(unreadable(record, error))
        else:
            self.fold.apply(event, record.offset)

    def take_rewrites(self) -> Sequence[Rewrite]:
        """Return what the rows have become since the last call."""
        rewrites = [*take_rewrites(self.fold), *self._unreadable]
        self._unreadable.clear()
        return rewrites

    def take_notices(self) -> Sequence[Notice]:
        """Return nothing: police decide on `police.decisions`, a projection does not."""
        return ()

    def restore(self, read: Read) -> None:
        """Take the state from the rows."""
        restore(self.fold, read)

    def flags(self, read: Read, connection: Connection) -> Iterable[Flag]:
        """Return who is a nominal as of a moment, which decisions and evidence tell together."""
        then = OcgNetwork()
        then.restore(only(read, self.past[POLICE_DECISIONS]))
        return (nominals(then.fold, connection),)
