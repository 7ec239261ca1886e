"""The meters of one agency and of all others: exact where they tell of our work, else in bands.

How many reports nobody has looked at is a fact about police and the hub: it is told exactly. That
a report is linked, or led to something, is a fact about the people in it: an agency with one
report could read from it that its child is known elsewhere. So those two are told from twenty
reports on, and in bands whose marks are shifted by a number that only the enclave can compute
(`anonymiser.usage` holds the same line), and for one window alone: with the window moved a day at a
time, the day on which a band turns would point at one report. Of other agencies nothing is
told below five reports and three agencies. Source: issue 6, point 7; docs/PRIVACY.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from anonymiser.gate.audience import AudienceIds
from anonymiser.meters.book import Use
from anonymiser.usage import keyed_shift
from streams.codes import ShareBand
from streams.shared import MeterFigures
from streams.values import Audience, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from anonymiser.keyring import Keys
    from anonymiser.meters.book import Book

#: After so many days a report that nobody looked at, or nothing came of, has fallen into the hole.
BLACK_HOLE_DAYS: Final = 28
#: Below, a share that tells of people is not told.
SHARE_REPORTS_MIN: Final = 20
OTHERS_REPORTS_MIN: Final = 5
OTHERS_AGENCIES_MIN: Final = 3
_MARKS: Final = ((75, ShareBand.NEARLY_ALL), (50, ShareBand.MOST), (25, ShareBand.SOME))


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """How evenly agencies report: 0 is even, 1 is one alone (Gini); and the greatest share."""

    agencies: int
    gini_percent: int
    largest_percent: int


@dataclass(frozen=True, slots=True)
class _Fate:
    """What is to be counted of one report."""

    partner: str
    is_old: bool
    is_triaged: bool
    is_linked: bool
    has_outcome: bool
    hours_to_action: float | None


class Meters:
    """All that can be told of a book at an instant."""

    def __init__(self, book: Book, keys: Keys, at: datetime, days: int = BLACK_HOLE_DAYS) -> None:
        self._book = book
        self._ids = [AudienceIds(one, keys.audience) for one in Audience]
        self._keys = keys
        self._tells_of_people = days == BLACK_HOLE_DAYS
        self._fates = tuple(self._judge(at, timedelta(days=days)))

    @property
    def agencies(self) -> Sequence[str]:
        """Return every agency with a live report or an answered submission, by name."""
        return sorted({one.partner for one in self._fates} | self._book.outcomes.keys())

    def own(self, partner: str) -> MeterFigures:
        """Return what an agency is told of itself."""
        return self._figures([partner])

    def others(self, partner: str) -> MeterFigures | None:
        """Return the others together; None where too few to hide in."""
        rest = [one for one in self.agencies if one != partner]
        return self._figures(rest) if self._is_enough(rest) else None

    def all(self) -> MeterFigures | None:
        """Return all agencies together; None where too few to hide in."""
        return self._figures(self.agencies) if self._is_enough(self.agencies) else None

    def balance(self) -> Balance | None:
        """Return how evenly the agencies report; None where too few to hide in."""
        if not self._is_enough(self.agencies):
            return None
        counts = sorted(sum(f.partner == one for f in self._fates) for one in self.agencies)
        total, size = sum(counts), len(counts)
        weighted = sum((place + 1) * count for place, count in enumerate(counts))
        gini = 2 * weighted / (size * total) - (size + 1) / size
        return Balance(
            agencies=size,
            gini_percent=round(100 * gini),
            largest_percent=round(100 * counts[-1] / total),
        )

    def reasons(self, partner: str) -> Mapping[str, int]:
        """Return why an agency's submissions were refused: codes, the most frequent first."""
        codes = self._book.reasons.get(partner, {})
        return dict(sorted(codes.items(), key=lambda item: (-item[1], item[0])))

    def _is_enough(self, partners: Iterable[str]) -> bool:
        wanted = set(partners)
        fates = [one.partner for one in self._fates if one.partner in wanted]
        return len(fates) >= OTHERS_REPORTS_MIN and len(set(fates)) >= OTHERS_AGENCIES_MIN

    def _figures(self, partners: Iterable[str]) -> MeterFigures:
        wanted = set(partners)
        fates = [one for one in self._fates if one.partner in wanted]
        old = [one for one in fates if one.is_old]
        hours = sorted(one.hours_to_action for one in fates if one.hours_to_action is not None)
        tells = len(hours) >= SHARE_REPORTS_MIN
        return MeterFigures(
            reports=len(fates),
            old=len(old),
            untriaged=sum(not one.is_triaged for one in old),
            unlinked=self._share("unlinked", wanted, [not one.is_linked for one in old]),
            without_outcome=self._share("outcome", wanted, [not one.has_outcome for one in old]),
            acted_on=self._share(
                "acted on", wanted, [one.hours_to_action is not None for one in old]
            ),
            hours_to_action_p50=_percentile(hours, 50) if tells else None,
            hours_to_action_p90=_percentile(hours, 90) if tells else None,
            submissions=sum(self._answers(wanted).values()),
            refused=self._answers(wanted).get(Outcome.REFUSED, 0),
            duplicates=self._answers(wanted).get(Outcome.DUPLICATE, 0),
        )

    def _share(self, what: str, wanted: set[str], flags: Sequence[bool]) -> ShareBand | None:
        if not self._tells_of_people:
            return None
        shift = keyed_shift(self._keys, "meters 1", what, *sorted(wanted))
        return share_band(sum(flags) + shift, len(flags), SHARE_REPORTS_MIN)

    def _answers(self, partners: Iterable[str]) -> Mapping[Outcome, int]:
        found: dict[Outcome, int] = {}
        for partner in partners:
            for outcome, count in self._book.outcomes.get(partner, {}).items():
                found[outcome] = found.get(outcome, 0) + count
        return found

    def _judge(self, at: datetime, window: timedelta) -> Iterable[_Fate]:
        uses, linked = self._book.uses(), self._book.linked()
        for key, told in self._book.reports.items():
            if told.came_at > at:
                continue
            mine: dict[Use, datetime] = {}
            for ids in self._ids:
                for use, first in uses.get(ids.report(*key), {}).items():
                    if first <= at:
                        mine[use] = min(first, mine.get(use, first))
            yield _Fate(
                partner=key[0],
                is_old=at - told.came_at >= window,
                is_triaged=bool(mine),
                is_linked=key in linked,
                has_outcome=Use.OUTCOME in mine,
                hours_to_action=_hours(mine.get(Use.ACTED_ON), told.came_at),
            )


def _hours(acted_at: datetime | None, came_at: datetime) -> float | None:
    return None if acted_at is None else max(0.0, (acted_at - came_at) / timedelta(hours=1))


def share_band(part: int, whole: int, whole_min: int) -> ShareBand | None:
    """Return the band of a share; None where the whole is too small to say anything."""
    if whole < whole_min:
        return None
    percent = 100 * part / whole
    return next((band for mark, band in _MARKS if percent >= mark), ShareBand.FEW)


def _percentile(ordered: Sequence[float], percent: int) -> int | None:
    """Return a percentile by nearest rank, in whole hours."""
    if not ordered:
        return None
    rank = -(-len(ordered) * percent // 100)
    return round(ordered[rank - 1])
