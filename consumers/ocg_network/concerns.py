"""Escalation spikes: is this week's concern from an area more than its earlier weeks explain?

The test, version 1. The weekly count of an area is taken as Poisson with a rate that nobody knows
exactly; the earlier weeks tell of it (Gamma prior of Jeffreys, so few weeks leave much doubt). A
week is a spike if so many voices or more had a chance of at most 1 in 100 under that, and at least
`VOICES_MIN` voices came. It needs `WEEKS_MIN` earlier weeks on record and looks back at most
`WEEKS_MAX`; a week without a record between them counts as none. A rise that stays becomes the new
ordinary in as many weeks. It counts voices, not truth, and says nothing of anybody.

Source of the model: the Poisson-Gamma (negative binomial) predictive, standard in the surveillance
of outbreaks; the numbers are policy (docs/RULES.md).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from math import exp, lgamma, log
from typing import TYPE_CHECKING, Final

from streams.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from consumers.ocg_network.disruptions import Concern

SPIKE_TEST_VERSION: Final = 1
CHANCE_MAX: Final = 0.01
VOICES_MIN: Final = 5
WEEKS_MIN: Final = 4
WEEKS_MAX: Final = 26
_PRIOR_SHAPE: Final = 0.5  # Jeffreys' prior of a Poisson rate: Gamma(1/2, 0)
_WEEK: Final = timedelta(weeks=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spike:
    """One area in one week against its earlier weeks.

    `chance` is that of so many voices or more if nothing had changed; None where too few earlier
    weeks are on record to judge, and then it is no spike.
    """

    area: str
    week: str
    count: int
    weeks_before: int
    mean_before: float
    chance: float | None
    is_spike: bool

    @property
    def in_words(self) -> str:
        """Explain the verdict to whoever looks."""
        if self.chance is None:
            return (
                f"{self.count} in {self.week}: {self.weeks_before} earlier weeks on record,"
                f" {WEEKS_MIN} are needed to judge"
            )
        verdict = "a spike" if self.is_spike else "no spike"
        return (
            f"{self.count} in {self.week} against a mean of {self.mean_before:.1f} over"
            f" {self.weeks_before} earlier weeks: chance {_shown(self.chance)}, {verdict}"
            f" (test {SPIKE_TEST_VERSION}: at most {CHANCE_MAX} and at least {VOICES_MIN})"
        )


def _shown(chance: float) -> str:
    smallest = 0.0001
    return f"below {smallest}" if chance < smallest else f"{chance:.4f}"


def spikes(concerns: Iterable[Concern]) -> list[Spike]:
    """Judge every week of every area that has a record, the latest first."""
    counts: defaultdict[str, defaultdict[date, int]] = defaultdict(lambda: defaultdict(int))
    for one in concerns:
        counts[one.area][monday_of(one.week)] += one.count
    judged = [
        judge(area, monday, weeks) for area, weeks in counts.items() for monday in sorted(weeks)
    ]
    return sorted(judged, key=lambda spike: (spike.week, spike.area), reverse=True)


def judge(area: str, monday: date, weeks: Mapping[date, int]) -> Spike:
    """Judge one week of an area by the weeks before it; `weeks` maps Mondays to counts."""
    since = max(min(weeks), monday - WEEKS_MAX * _WEEK)
    before = (monday - since) // _WEEK
    total = sum(count for start, count in weeks.items() if since <= start < monday)
    count = weeks[monday]
    chance = chance_of(count, total, before) if before >= WEEKS_MIN else None
    return Spike(
        area=area,
        week=week_of(monday),
        count=count,
        weeks_before=before,
        mean_before=total / before if before else 0.0,
        chance=chance,
        is_spike=chance is not None and chance <= CHANCE_MAX and count >= VOICES_MIN,
    )


def chance_of(count: int, total: int, weeks: int) -> float:
    """Return the chance of `count` or more in a week, after `total` in `weeks` weeks (1 or more).

    Negative binomial with shape total + 1/2 and probability weeks / (weeks + 1).
    """
    shape, stay = total + _PRIOR_SHAPE, weeks / (weeks + 1)
    below = sum(
        exp(
            lgamma(shape + one)
            - lgamma(shape)
            - lgamma(one + 1)
            + shape * log(stay)
            + one * log(1 - stay)
        )
        for one in range(count)
    )
    return max(0.0, 1.0 - below)


def monday_of(week: str) -> date:
    """Return the Monday of an ISO week such as 2026-W47.

    Raises: InvalidInputError.
    """
    try:
        year, number = week.upper().split("-W")
        monday = date.fromisocalendar(int(year), int(number), 1)
    except ValueError:
        raise InvalidInputError("a week is given as 2026-W47") from None
    if week != week_of(monday):
        raise InvalidInputError("a week is given as 2026-W47")
    return monday


def week_of(day: date) -> str:
    """Return the ISO week a day lies in."""
    year, number, _ = day.isocalendar()
    return f"{year}-W{number:02}"
