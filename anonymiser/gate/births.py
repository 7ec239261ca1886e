"""What the gate keeps of a birth date: the week of the next change of age band, and no day.

A submission can be opened for five weeks; a child grows up for eighteen years. So that nobody has
to keep a birth date meanwhile, the gate notes the first band after the event and the ISO week of
that birthday. Later bands follow from it, each at most a week late: errors are on the side of the
child. Who was born on 29 February has a birthday on 1 March in common years.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from streams.restricted import PersonFacts
from streams.values import AgeBand, NodeKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.restricted import LinkedNode, Node, Report, ReportLinked

#: The age in years with which each band begins, youngest first.
BEGINS: Final[Mapping[AgeBand, int]] = {
    AgeBand.AGE_5_10: 5,
    AgeBand.AGE_11_15: 11,
    AgeBand.AGE_16_17: 16,
    AgeBand.ADULT: 18,
}
_LONDON: Final = ZoneInfo("Europe/London")
_NO_FACTS: Final = PersonFacts()


@dataclass(frozen=True, slots=True)
class Turn:
    """The first age band after an event, and the week it comes in; an adult's has no week."""

    band: AgeBand
    week: str | None


@dataclass(frozen=True, slots=True)
class Birth:
    """What is noted of one person's birth date: its turn, or that the report contradicts it."""

    turn: Turn | None = None
    contradicts: bool = False


def births(report: Report, linked: ReportLinked) -> Mapping[int, Birth]:
    """Return what is to be noted of the birth dates of a report's persons, by node number."""
    day = report.event_at.astimezone(_LONDON).date()
    pairs = zip(report.nodes, linked.nodes, strict=True)
    found = {told.node: _birth(node, told, day) for node, told in pairs}
    return {number: birth for number, birth in found.items() if birth != Birth()}


def _birth(node: Node, told: LinkedNode, day: date) -> Birth:
    """Believe a birth date that intake believed: it knows which are placeholders."""
    born = node.identity.born_on if node.identity is not None else None
    if node.kind is not NodeKind.PERSON or born is None:
        return Birth()
    turn = turn_after(born, day)
    if told.age_band is _band_before(turn):
        return Birth(turn)
    stated = (node.person or _NO_FACTS).age
    return Birth(contradicts=stated is not None and told.age_band is AgeBand.UNKNOWN)


def turn_after(born: date, day: date) -> Turn:
    """Return the first change of band that comes after a day; an adult has none to come."""
    for band, years in BEGINS.items():
        if (birthday := birthday_of(born, years)) > day:
            return Turn(band, week_of(birthday))
    return Turn(AgeBand.ADULT, None)


def birthday_of(born: date, years: int) -> date:
    """Return the day somebody becomes so old; of 29 February it is 1 March in common years."""
    try:
        return born.replace(year=born.year + years)
    except ValueError:
        return date(min(born.year + years, date.max.year), 3, 1)


def _band_before(turn: Turn) -> AgeBand:
    if turn.week is None:
        return AgeBand.ADULT
    bands = (AgeBand.AGE_0_4, *BEGINS)
    return bands[bands.index(turn.band) - 1]


# --- weeks ------------------------------------------------------------------------------


def week_of(day: date) -> str:
    """Return the ISO week of a day, as "2026-W47"."""
    return "{}-W{:02}".format(*day.isocalendar())


def sunday_of(week: str) -> date:
    """Return the last day of an ISO week."""
    year, _, number = week.partition("-W")
    return date.fromisocalendar(int(year), int(number), 7)


def due_at(week: str) -> datetime:
    """Return when a change of a week is told: as its last day begins in London.

    By then every birthday of the week has come, and the moment says no more than the week.
    """
    return datetime.combine(sunday_of(week), time(), _LONDON).astimezone(UTC)


def week_after(turn: Turn, band: AgeBand) -> str | None:
    """Return the week of a later band than the one of a turn, or of that; None of an earlier one.

    Reckoned from the last day of the turn's week, so it may be a week late and never early.
    """
    if turn.week is None or BEGINS[band] < BEGINS[turn.band]:
        return None
    if band is turn.band:
        return turn.week
    return week_of(birthday_of(sunday_of(turn.week), BEGINS[band] - BEGINS[turn.band]))


def is_next(earlier: str, later: str) -> bool:
    """Tell whether a week is another, or the one after it."""
    return timedelta(0) <= sunday_of(later) - sunday_of(earlier) <= timedelta(days=7)
