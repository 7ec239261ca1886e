"""Reading the log for the meters: what became of every report, told by agency and week.

Done by the calendar (`deploy.chores`) and when somebody asks (`rivelin meters`). What is measured
goes to `enclave.meters`; the gate, the only door, tells partners and police of it.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from anonymiser.gate.audience import AudienceIds
from anonymiser.meters.book import Book
from anonymiser.meters.figures import BLACK_HOLE_DAYS, Meters
from anonymiser.meters.history import histories
from deploy.registry import registry_in
from streams import disruptions, hub, ocg, restricted, shared
from streams.codec import decode, encode
from streams.errors import DecodeError
from streams.instants import london_day, to_millisecond
from streams.loop import read_to_end
from streams.ports import Outgoing
from streams.restricted import MeterMeasured, SourceHistoryMeasured
from streams.shared import FeedbackGiven, PoliceReportShared, ReportWithdrawn
from streams.topics import (
    ALERTS,
    DISRUPTIONS,
    HUB_DECISIONS,
    METERS,
    POLICE,
    POLICE_DECISIONS,
    RESOLUTIONS,
    feedback_of,
)
from streams.values import Audience

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from collections.abc import Set as AbstractSet
    from datetime import datetime
    from uuid import UUID

    from anonymiser.keyring import Keys
    from streams.ports import Log, Record

_Event: TypeAlias = MeterMeasured | SourceHistoryMeasured
_Measured: TypeAlias = "tuple[str, str | UUID]"
_TOPICS: Final = (RESOLUTIONS, POLICE_DECISIONS, DISRUPTIONS, ALERTS, HUB_DECISIONS)
_EVENTS: Final[tuple[type[Any], ...]] = (
    restricted.ReportAdmitted,
    restricted.MentionResolved,
    restricted.ReportRetracted,
    restricted.MergeDecided,
    restricted.SplitDecided,
    ocg.ReportGraded,
    ocg.OcgMapped,
    ocg.RoleConfirmed,
    ocg.OcgScored,
    disruptions.DisruptionPlanned,
    disruptions.DisruptionExecuted,
    disruptions.SeizureMade,
    disruptions.ArrestMade,
    disruptions.OffenceRecorded,
    disruptions.SentencePassed,
    disruptions.ClosureMade,
    disruptions.InterventionAttempted,
    shared.AlertRaised,
    shared.AlertUpdated,
    hub.AlertClaimed,
    hub.AlertClosed,
    hub.ReferralMade,
    hub.ReferralAccepted,
    hub.ReferralDeclined,
)


async def read_book(log: Log) -> Book:
    """Read all that tells what became of reports, as the log has it now."""
    book = Book()
    async for records in read_to_end(log, _TOPICS):
        for record in records:
            if (event := _event(record, _EVENTS)) is not None:
                book.apply(event, record.appended_at)
    for partner in (await registry_in(log)).partners():
        async for record in _each(log, feedback_of(partner)):
            if (event := _event(record, (FeedbackGiven,))) is not None:
                book.answer(partner, event)
    return book


async def measure(log: Log, keys: Keys, at: datetime) -> int:
    """Write what is due at `at`: last week's meters, and histories of reports that have none yet.

    Once a day: the whole log is read for it. Doing it twice is doing it once: what was measured
    stands on `enclave.meters`. Return how many records were written.
    """
    done: set[_Measured] = set()
    async for record in _each(log, METERS):
        if london_day(record.appended_at) == london_day(at):
            return 0
        done.add(_name(decode(record.value or b"", MeterMeasured, SourceHistoryMeasured)))
    book, shown = await read_book(log), await _with_police(log)
    # It may think for long, and whoever watches over all processes waits beside it.
    events = await asyncio.to_thread(_due, book, shown, done, keys, at)
    await log.append([Outgoing(METERS, encode(event)) for event in events])
    return len(events)


def _due(
    book: Book, shown: AbstractSet[UUID], done: AbstractSet[_Measured], keys: Keys, at: datetime
) -> list[_Event]:
    ids = AudienceIds(Audience.POLICE, keys.audience)
    due: Iterator[_Event] = chain(_meters(book, keys, at), _histories(book, ids, shown))
    return [event for event in due if _name(event) not in done]


def _name(event: _Event) -> _Measured:
    """Return what was measured: a partner's week, or the source of one of its reports."""
    return event.partner, event.week if isinstance(event, MeterMeasured) else event.report_id


def _histories(
    book: Book, ids: AudienceIds, shown: AbstractSet[UUID]
) -> Iterator[SourceHistoryMeasured]:
    said = histories(book, ids)
    for partner, report_id in book.reports:
        if partner in said and ids.report(partner, report_id) in shown:
            yield SourceHistoryMeasured(
                partner=partner,
                report_id=report_id,
                reports=said[partner].reports,
                corroborated=said[partner].corroborated,
                reliable=said[partner].reliable,
            )


def _meters(book: Book, keys: Keys, at: datetime) -> Iterator[MeterMeasured]:
    meters = Meters(book, keys, at)
    for partner in meters.agencies:
        yield MeterMeasured(
            partner=partner,
            week=week_before(at),
            days=BLACK_HOLE_DAYS,
            own=meters.own(partner),
            others=meters.others(partner),
            measured_at=to_millisecond(at),
        )


def week_before(at: datetime) -> str:
    """Return the last ISO week that is over in London, such as 2026-W47."""
    year, number, _ = (london_day(at) - timedelta(days=7)).isocalendar()
    return f"{year}-W{number:02}"


async def _with_police(log: Log) -> set[UUID]:
    """Return the reports that police have, by their ids; of others there is nothing to grade."""
    found: set[UUID] = set()
    async for record in _each(log, POLICE):
        event = _event(record, (PoliceReportShared, ReportWithdrawn))
        if event is not None:
            is_shared = isinstance(event, PoliceReportShared)
            (found.add if is_shared else found.discard)(event.report_id)
    return found


async def _each(log: Log, topic: str) -> AsyncIterator[Record]:
    async for records in read_to_end(log, (topic,)):
        for record in records:
            yield record


def _event(record: Record, classes: tuple[type[Any], ...]) -> Any | None:  # noqa: ANN401 - one of many
    try:
        return decode(record.value or b"", *classes)
    except DecodeError:
        return None  # another event of the topic
