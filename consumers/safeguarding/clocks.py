"""The two clocks of the hub: triage of an alert, and the decision on a referral.

Pure: a clock is a function of the log time of an event, of this code and, for the decision, of
the table of bank holidays in the package `holidays`. No row holds when something is due, so a
newer table changes no state: it moves what is still open, and what was told as passed says with
it when it was due (`DeadlinePassed.due_at`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Final

import holidays
from holidays.version import __version__ as holidays_version

from streams.instants import LONDON

#: Version of the rule below; the table of days comes with its own (`CALENDAR`).
DECISION_RULE: Final = "one-working-day-1"
CALENDAR: Final = f"holidays {holidays_version}, GB-ENG"
_SATURDAY: Final = 5
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class HubClocks:
    """Local targets of the hub. `triage` runs in real hours, nights and week-ends too.

    Not claimed within `claim`, an alert goes to the hub lead's list. Both are local policy, not
    law; a change is a new version.
    """

    version: int = 1
    triage: timedelta = timedelta(hours=4)
    claim: timedelta = timedelta(hours=4)


CLOCKS: Final = HubClocks()


def decision_due(made_at: datetime) -> datetime:
    """Return when the decision on a referral is due: after one working day; in UTC.

    A referral made on a working day is due at the same time by the wall clock on the next one. One
    made on a day off counts as made at the first instant of the next working day, so it is due
    when that day ends. It is therefore never later than the end of the next working day, which is
    how the day is counted nationally, and a later referral is never due before an earlier one.

    A working day is none of Saturday, Sunday and the bank holidays of England and Wales, in
    Europe/London. Both changes of the clock fall on a Sunday, so that every time of a working day
    exists once; between a Friday and a Monday there may be 71 or 73 hours.
    Source: domain.md sections 4 and 8, rule 35 ("within one working day of a referral").
    """
    local = made_at.astimezone(LONDON)
    day, clock = local.date(), local.time()
    if not is_working_day(day):
        day, clock = next_working_day(day), time()
    due = next_working_day(day) if clock != time() else day + _DAY
    return datetime.combine(due, clock, LONDON).astimezone(UTC)


def is_working_day(day: date) -> bool:
    """Tell whether a day is no Saturday, no Sunday and no bank holiday of England and Wales."""
    return day.weekday() < _SATURDAY and day not in _bank_holidays(day.year)


def next_working_day(day: date) -> date:
    """Return the first working day after a day."""
    following = day + _DAY
    while not is_working_day(following):
        following += _DAY
    return following


@cache
def _bank_holidays(year: int) -> frozenset[date]:
    """Return the bank holidays of a year, substitute days among them.

    England's and Wales' are the same days; a test holds the package to that.
    """
    return frozenset(holidays.country_holidays("GB", subdiv="ENG", years=year, observed=True))


def time_left(due_at: datetime, at: datetime) -> str:
    """Say in words how much time is left, or how long it is overdue: "2 h 05 min", "overdue …"."""
    seconds = int((due_at - at).total_seconds())
    minutes = -(-abs(seconds) // 60) if seconds > 0 else abs(seconds) // 60
    hours, rest = divmod(minutes, 60)
    words = f"{hours} h {rest:02} min" if hours else f"{rest} min"
    return f"{words} left" if seconds > 0 else f"overdue {words}"


def in_london(at: datetime) -> str:
    """Show an instant by the clock on the wall in London, with the name of its time (GMT, BST)."""
    local = at.astimezone(LONDON)
    return f"{local:%a %d %b %Y %H:%M} {local.tzname()}"
