"""What the safeguarding hub sees: the network fold over its own topic, and the alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from consumers.deadlines import publication_of
from consumers.network import rows as network_rows
from consumers.network.tables import NETWORK_TABLES
from consumers.projection import Publication, unreadable
from consumers.safeguarding import bridge
from consumers.safeguarding.bridge_tables import DECIDED_TABLES, OFFERED_TABLES, TOLD_TABLES
from consumers.safeguarding.engine import Judge
from consumers.safeguarding.hub import TOPIC_EVENTS, HubBook
from consumers.safeguarding.hub_tables import HUB_TABLES
from consumers.safeguarding.picture import Picture
from consumers.safeguarding.possible import Doubts
from consumers.safeguarding.rounds import AlertVersion
from consumers.safeguarding.rows import (
    alerts_from,
    doubts_from,
    notice_id_of,
    notice_of,
    rewrites_of,
    rewrites_of_doubt,
    versions_from,
)
from consumers.safeguarding.rule_rows import (
    pending_from,
    rewrite_of_rules,
    rewrite_of_signs,
    rewrites_of_pending,
    rules_from,
    signs_from,
)
from consumers.safeguarding.rule_tables import RULE_TABLES
from consumers.safeguarding.rules import InvalidRulesError, parse, standard
from consumers.safeguarding.tables import (
    ALERTS_TABLE,
    POSSIBLE_ALERTS,
    POSSIBLE_LINKS,
    VERSIONS,
)
from streams.codec import decode
from streams.errors import BadValueError, DecodeError
from streams.evidence import require_schema
from streams.hub import RulesAdopted
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
from streams.topics import ALERTS, HUB_DECISIONS, PREVENTION, SAFEGUARDING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Table

    from consumers.network import NetworkEvent
    from consumers.projection import Flag, Notice, Read, Rewrite
    from consumers.safeguarding.alerts import Alert, AlertBook
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


#: What may stand on each topic; of decisions all that may, so that none of them counts as a fault.
_READ: Final[Mapping[str, tuple[type[Any], ...]]] = {
    SAFEGUARDING: (*_EVENTS, PossibleLinkTold, RulesAdopted, *bridge.TOLD_EVENTS),
    HUB_DECISIONS: TOPIC_EVENTS,
    PREVENTION: bridge.OFFERED_EVENTS,
}
_OF_EVIDENCE: Final = (
    *NETWORK_TABLES,
    ALERTS_TABLE,
    VERSIONS,
    POSSIBLE_LINKS,
    POSSIBLE_ALERTS,
    *RULE_TABLES,
    *TOLD_TABLES,
)
_OF_DECISIONS: Final = (*HUB_TABLES, *DECIDED_TABLES)


class Safeguarding:
    """The projection `safeguarding`; it publishes alerts at the log time of what caused them."""

    name: ClassVar[str] = "safeguarding"
    version: ClassVar[int] = 4
    topics: tuple[str, ...] = (SAFEGUARDING, HUB_DECISIONS, PREVENTION)
    tables: tuple[Table, ...] = (*_OF_EVIDENCE, *_OF_DECISIONS, *OFFERED_TABLES)
    publications: tuple[Publication, ...] = (
        Publication(ALERTS, notice_id_of),
        publication_of(HUB_DECISIONS),
    )
    past: Mapping[str, tuple[Table, ...]] = {
        SAFEGUARDING: _OF_EVIDENCE,
        HUB_DECISIONS: _OF_DECISIONS,
        PREVENTION: OFFERED_TABLES,
    }

    def __init__(self) -> None:
        self.picture = Picture()
        self.fold = self.picture.fold
        self.judge = Judge(standard())
        self.doubts = Doubts()
        self.hub = HubBook()
        self.deadlines = self.hub.deadlines
        self._rewrites: list[Rewrite] = []
        self._notices: list[Notice] = []

    @property
    def book(self) -> AlertBook:
        """The alerts so far."""
        return self.judge.book

    def apply(self, record: Record) -> None:
        """Fold one record in, and judge the children around it.

        Raises: MissingSchemaError.
        """
        try:
            event = decode(record.value or b"", *_READ[record.topic])
        except DecodeError as error:
            require_schema(record)
            self._rewrites.append(unreadable(record, error))
            return
        self._rewrites += bridge.rewrites_of(event)
        if record.topic == HUB_DECISIONS:
            self.hub.apply(event, record.appended_at)
        elif isinstance(event, (*bridge.TOLD_EVENTS, *bridge.OFFERED_EVENTS)):
            return
        elif isinstance(event, PossibleLinkTold):
            self.doubts.tell(event, self.fold)
        elif isinstance(event, RulesAdopted):
            self._adopt(event, record)
        else:
            self._take(event, record.offset, record.appended_at)

    def take_rewrites(self) -> Sequence[Rewrite]:
        """Return what the rows have become since the last call; of two for one key, the later."""
        rewrites = [*network_rows.take_rewrites(self.fold), *self._rewrites]
        self._rewrites.clear()
        for alert in self.judge.take_changed():
            rewrites += rewrites_of(alert)
        rewrites += rewrites_of_pending(*self.judge.take_pending())
        for report_id in sorted(self.picture.signs.take_changed()):
            told = self.picture.signs.told.get(report_id, ())
            rewrites.append(rewrite_of_signs(report_id, told))
        rewrites += self.hub.take_rewrites()
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
        self.picture.load(signs_from(read))
        self.judge = Judge(rules_from(read))
        self.judge.load(alerts_from(read), pending_from(read))
        self.doubts.load(doubts_from(read))
        self.hub.adopt(self.judge.rules.clocks)
        self.hub.restore(read, versions_from(read))

    def _take(self, event: NetworkEvent, offset: int, at: datetime) -> None:
        self._tell(self.judge.before(self.picture, at))
        change = self.picture.apply(event, offset, at)
        self._tell(self.judge.after(self.picture, change, at))
        if self.doubts.open:
            self.doubts.settle(self.fold, change.everybody)

    def _adopt(self, event: RulesAdopted, record: Record) -> None:
        """Judge by other rules from here on; what does not hold, or is older, changes nothing."""
        at = record.appended_at
        self._tell(self.judge.before(self.picture, at))
        try:
            rules = parse(event.document, f"rules {event.version}")
        except InvalidRulesError:
            self._rewrites.append(unreadable(record, BadValueError("rules that do not hold")))
            return
        if not rules.version == event.version > self.judge.rules.version:
            return
        self._rewrites.append(rewrite_of_rules(event, at))
        self._tell(self.judge.adopt(rules, self.picture, at))
        self.hub.adopt(rules.clocks)

    def _tell(self, alerts: Iterable[Alert]) -> None:
        for alert in alerts:
            self._rewrites += rewrites_of(alert)
            self._notices.append(notice_of(alert))
            self.hub.found(alert.alert_id, AlertVersion.of(alert))
