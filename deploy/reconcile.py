"""One look at the whole log: how many submissions each partner made, and what became of them.

Counted apart from the reconciler's process and from the audit's rows: every record of a partner's
topic is a submission, every receipt on its feedback names one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from deploy.registry import registry_in
from streams.codec import decode
from streams.errors import DecodeError
from streams.loop import read_to_end
from streams.restricted import (
    ON_SUBMISSIONS,
    MessageSubmitted,
    ReportSubmitted,
    WithdrawalSubmitted,
)
from streams.shared import ON_FEEDBACK, FeedbackGiven
from streams.topics import feedback_of, submissions_of
from streams.values import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from uuid import UUID

    from streams.ports import Log, Record

Named: TypeAlias = tuple["UUID | None", int | None]


@dataclass(frozen=True, slots=True)
class Missing:
    """A submission without an outcome; ids are None where they cannot be read."""

    partner: str
    offset: int
    report_id: UUID | None
    revision: int | None
    since: datetime


@dataclass(frozen=True, slots=True)
class Count:
    """What one partner sent, and what became of it; `unanswered` have no receipt of their own."""

    partner: str
    submissions: int
    outcomes: Mapping[Outcome, int]
    unanswered: int
    missing: tuple[Missing, ...]


@dataclass(slots=True)
class _Partner:
    """What is folded of one partner's two topics."""

    name: str
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    nameless: dict[Named, list[Outcome]] = field(default_factory=dict)
    count: Counter[Outcome] = field(default_factory=Counter)
    submissions: int = 0
    unanswered: int = 0
    missing: list[Missing] = field(default_factory=list)

    def told(self, record: Record) -> None:
        """Take one record of the feedback."""
        event = decode(record.value or b"", *ON_FEEDBACK)
        if not isinstance(event, FeedbackGiven):
            return
        if event.offset is None:  # an older version told it by the report alone
            named = self.nameless.setdefault((event.report_id, event.revision), [])
            named.append(event.outcome)
        elif event.outcome is not Outcome.DUPLICATE or event.offset not in self.outcomes:
            self.outcomes[event.offset] = event.outcome  # done once more it is its own duplicate

    def submitted(self, record: Record) -> None:
        """Take one record of the submissions; call it once the feedback is read."""
        self.submissions += 1
        report_id, revision, has_receipt = _named(record)
        outcome = self.outcomes.get(record.offset)
        if outcome is None and (nameless := self.nameless.get((report_id, revision))):
            outcome = nameless.pop(0)
        if outcome is not None:
            self.count[outcome] += 1
        elif not has_receipt:
            self.unanswered += 1
        else:
            place = (self.name, record.offset, report_id, revision)
            self.missing.append(Missing(*place, record.appended_at))


def _named(record: Record) -> tuple[UUID | None, int | None, bool]:
    """Return report id, revision and whether a receipt is due, by the clear header alone."""
    try:
        event = decode(record.value or b"", *ON_SUBMISSIONS)
    except DecodeError:
        return None, None, True
    match event:
        case ReportSubmitted():
            return event.report_id, event.revision, True
        case WithdrawalSubmitted() | MessageSubmitted():
            return event.report_id, None, True
        case _:
            return event.report_id, None, False


async def count_all(log: Log) -> tuple[Count, ...]:
    """Count every partner's submissions by what became of them, in order of name.

    Submissions are read first, so that what comes meanwhile is counted the next time.
    Raises: LogError, DecodeError.
    """
    partners = (await registry_in(log)).partners()
    return tuple([await _count(log, partner) for partner in partners])


async def _count(log: Log, partner: str) -> Count:
    found = _Partner(partner)
    topic = submissions_of(partner)
    records = [one async for batch in read_to_end(log, (topic,)) for one in batch]
    async for batch in read_to_end(log, (feedback_of(partner),)):
        for record in batch:
            found.told(record)
    for record in records:
        found.submitted(record)
    return Count(
        partner, found.submissions, dict(found.count), found.unanswered, tuple(found.missing)
    )
