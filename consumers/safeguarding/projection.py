"""What the safeguarding hub sees: the network fold over its own topic, and the alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from consumers.network import NetworkFold
from consumers.network import rows as network_rows
from consumers.network.tables import NETWORK_TABLES
from consumers.projection import Publication, unreadable
from consumers.safeguarding.alerts import AlertBook, Neighbourhood
from consumers.safeguarding.possible import Doubts
from consumers.safeguarding.rows import (
    alerts_from,
    doubts_from,
    notice_id_of,
    notice_of,
    rewrites_of,
    rewrites_of_doubt,
)
from consumers.safeguarding.tables import (
    ALERTS_TABLE,
    POSSIBLE_ALERTS,
    POSSIBLE_LINKS,
    VERSIONS,
)
from streams.codec import decode
from streams.errors import DecodeError
from streams.evidence import require_schema
from streams.shared import (
    AgeBandChanged,
    GradeRelayed,
    NominalRelayed,
    PersonsMerged,
    PersonSplit,
    PossibleLinkTold,
    ReportWithdrawn,
    SafeguardingReportShared,
)
from streams.topics import ALERTS, SAFEGUARDING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Table

    from consumers.network import NetworkEvent
    from consumers.projection import Flag, Notice, Read, Rewrite
    from streams.ports import Record

_EVENTS: Final[tuple[type[NetworkEvent], ...]] = (
    SafeguardingReportShared,
    ReportWithdrawn,
    GradeRelayed,
    PersonsMerged,
    PersonSplit,
    AgeBandChanged,
    NominalRelayed,
)


class Safeguarding:
    """The projection `safeguarding`; it publishes alerts at the log time of what caused them."""

    name: ClassVar[str] = "safeguarding"
    version: ClassVar[int] = 4
    topics: tuple[str, ...] = (SAFEGUARDING,)
    tables: tuple[Table, ...] = (
        *NETWORK_TABLES,
        ALERTS_TABLE,
        VERSIONS,
        POSSIBLE_LINKS,
        POSSIBLE_ALERTS,
    )
    publications: tuple[Publication, ...] = (Publication(ALERTS, notice_id_of),)
    past: Mapping[str, tuple[Table, ...]] = {SAFEGUARDING: tables}

    def __init__(self) -> None:
        self.fold = NetworkFold()
        self.book = AlertBook()
        self.doubts = Doubts()
        self._rewrites: list[Rewrite] = []
        self._notices: list[Notice] = []

    def apply(self, record: Record) -> None:
        """Fold one record in, and judge the children around it.

        Raises: MissingSchemaError.
        """
        try:
            event = decode(record.value or b"", *_EVENTS, PossibleLinkTold)
        except DecodeError as error:
            require_schema(record)
            self._rewrites.append(unreadable(record, error))
            return
        if isinstance(event, PossibleLinkTold):
            self.doubts.tell(event, self.fold)
        else:
            self._take(event, record.offset, record.appended_at)

    def take_rewrites(self) -> Sequence[Rewrite]:
        """Return what the rows have become since the last call; of two for one key, the later."""
        rewrites = [*network_rows.take_rewrites(self.fold), *self._rewrites]
        self._rewrites.clear()
        for link, doubt in self.doubts.take_changed().items():
            rewrites += rewrites_of_doubt(link, doubt)
        return rewrites

    def take_notices(self) -> Sequence[Notice]:
        """Return the alerts to publish since the last call, in order."""
        notices = tuple(self._notices)
        self._notices.clear()
        return notices

    def flags(self, _read: Read, _connection: Connection) -> Iterable[Flag]:
        """Return nothing: all that the hub sees of its evidence is a function of one topic."""
        return ()

    def restore(self, read: Read) -> None:
        """Take the state from the rows."""
        network_rows.restore(self.fold, read)
        self.book.alerts.update(
            ((alert.rule, alert.child_id), alert) for alert in alerts_from(read)
        )
        self.doubts.load(doubts_from(read))

    def _take(self, event: NetworkEvent, offset: int, at: datetime) -> None:
        around = Neighbourhood(self.fold, self.fold.apply(event, offset))
        for alert in self.book.evaluate(self.fold, around, at):
            self._rewrites += rewrites_of(alert)
            self._notices.append(notice_of(alert))
        if self.doubts.open:
            self.doubts.settle(self.fold, around.everybody() | _renamed(event))


def _renamed(event: NetworkEvent) -> set[str]:
    """Return the ids that go by another name now, also of those whom no live report mentions."""
    match event:
        case PersonsMerged():
            return {str(event.kept_id), str(event.absorbed_id)}
        case PersonSplit():
            return {str(event.entity_id), str(event.new_entity_id)}
        case _:
            return set()
