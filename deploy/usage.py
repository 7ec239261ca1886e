"""Look, once in a while, which reports were used, and tell each partner of its weeks."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from anonymiser.usage import DELAY, UsageTeller
from deploy.registry import registry_in
from streams.codec import decode, encode
from streams.errors import DecodeError
from streams.instants import london_day, to_millisecond
from streams.loop import read_to_end
from streams.ports import Outgoing
from streams.shared import (
    AlertRaised,
    AlertUpdated,
    FeedbackGiven,
    NominalEnrolled,
    PersonsMerged,
    PoliceReportShared,
    UsageTold,
)
from streams.topics import ALERTS, POLICE, POLICE_DECISIONS, feedback_of
from streams.values import Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from uuid import UUID

    from anonymiser.keyring import Keys
    from streams.ports import Log

_EVENTS: Final = (
    *(AlertRaised, AlertUpdated, FeedbackGiven, NominalEnrolled),
    *(PersonsMerged, PoliceReportShared, UsageTold),
)


async def tell_usage(log: Log, keys: Keys, at: datetime) -> int:
    """Tell every partner of the weeks that are due at `at` and were not told; return how many.

    Doing it twice is doing it once: what was told stands on the partner's own topic.
    """
    registry = await registry_in(log)
    due = {partner: await _due(log, partner, at) for partner in registry.partners()}
    if not any(due.values()):
        return 0  # before all that police and the hub hold is read, every hour
    teller = UsageTeller(keys, await _used(log))
    told = 0
    for partner, weeks in due.items():
        events = [teller.tell(partner, week, weeks[week], to_millisecond(at)) for week in weeks]
        outgoing = [Outgoing(feedback_of(partner), encode(one)) for one in events if one]
        await log.append(outgoing)
        told += len(outgoing)
    return told


async def _due(log: Log, partner: str, at: datetime) -> dict[str, set[UUID]]:
    """The partner's reports that were shared in each week that is to be told of."""
    shared: defaultdict[str, set[UUID]] = defaultdict(set)
    told: set[str] = set()
    async for event in _events(log, (feedback_of(partner),)):
        if isinstance(event, UsageTold):
            told.add(event.week)
        elif isinstance(event, FeedbackGiven) and event.report_id and _is_shared(event):
            shared[_week(event.given_at)].add(event.report_id)
    return {week: shared[week] for week in sorted(shared.keys() - told) if is_due(week, at)}


def _is_shared(event: FeedbackGiven) -> bool:
    return event.outcome is Outcome.SHARED


def is_due(week: str, at: datetime) -> bool:
    """Tell whether a week ("2026-W47") ended long enough ago."""
    year, number = week.split("-W")
    ended = date.fromisocalendar(int(year), int(number), 7) + timedelta(days=1)
    return london_day(at) >= ended + DELAY


def _week(at: datetime) -> str:
    year, number, _ = london_day(at).isocalendar()
    return f"{year}-W{number:02}"


async def _used(log: Log) -> set[UUID]:
    """Reports, as either audience knows them, that an alert or an enrolled nominal rests on."""
    used: set[UUID] = set()
    kept: dict[UUID, UUID] = {}
    nominals: set[UUID] = set()
    said_of: defaultdict[UUID, set[UUID]] = defaultdict(set)
    async for event in _events(log, (ALERTS, POLICE, POLICE_DECISIONS)):
        match event:
            case AlertRaised() | AlertUpdated():
                used.update(report for step in event.path for report in step.report_ids)
            case PoliceReportShared():
                for node in event.nodes:
                    said_of[node.entity_id].add(event.report_id)
            case PersonsMerged():
                kept[event.absorbed_id] = event.kept_id
            case NominalEnrolled():
                nominals.add(event.person_id)
            case _:
                pass
    nominals = {_root(one, kept) for one in nominals}
    for entity_id, reports in said_of.items():
        if _root(entity_id, kept) in nominals:
            used |= reports
    return used


def _root(entity_id: UUID, kept: dict[UUID, UUID]) -> UUID:
    while entity_id in kept:
        entity_id = kept[entity_id]
    return entity_id


async def _events(log: Log, topics: Sequence[str]) -> AsyncIterator[object]:
    """What concerns us of some topics; other events lie there too."""
    async for records in read_to_end(log, topics):
        for record in records:
            try:
                yield decode(record.value or b"", *_EVENTS)
            except DecodeError:
                continue
