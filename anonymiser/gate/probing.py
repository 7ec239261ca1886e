"""Notice a partner that asks by reporting: many people, corrections, withdrawals in series.

Feedback never tells whether anybody is known, so there is little to learn.
Who tries all the same submits many invented reports, corrects one again and
again with another number, or takes back what it has just reported. Such
series are counted for each partner in windows of log time, and told once a
window. Nothing is refused because of them: behind a series may be a case
system that is being connected, and a report may be a child.

The counts are in memory: after a restart a window begins anew. Source:
privacy.md section 8, property 25; issue 4, point 7.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from streams.restricted import ProbingNoticed, ReportLinked, ReportRetracted
from streams.values import NodeKind, ProbingSignal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

MINUTE: Final = timedelta(minutes=1)
DAY: Final = timedelta(days=1)
_EPOCH_BEGAN: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbingPolicy:
    """From how many on a series is told, version 1.

    A council of half a million people makes a few reports an hour. A file of
    a case system that is being connected passes these marks, once a minute.
    """

    version: int = 1
    persons_a_minute_max: int = 300
    revisions_a_day_max: int = 10
    withdrawals_a_day_max: int = 20


class ProbeWatch:
    """Counts for each partner what could be probing; memory is bounded by the window's reports."""

    def __init__(self, policy: ProbingPolicy | None = None) -> None:
        self._policy = policy if policy is not None else ProbingPolicy()
        self._persons = _Window(MINUTE)
        self._revisions = _Window(DAY)
        self._withdrawals = _Window(DAY)

    def notice(self, event: object, at: datetime) -> Iterator[ProbingNoticed]:
        """Count whatever the gate reads, at its log time; return what is to be told."""
        match event:
            case ReportLinked():
                yield from self.linked(event, at)
            case ReportRetracted():
                yield from self.retracted(event, at)
            case _:
                return

    def linked(self, event: ReportLinked, at: datetime) -> Iterator[ProbingNoticed]:
        """Count a report, or another revision of one, at its log time."""
        persons = sum(node.kind is NodeKind.PERSON for node in event.nodes)
        if self._persons.add(event.partner, at, persons) > self._policy.persons_a_minute_max:
            yield from self._tell(self._persons, event.partner, ProbingSignal.MANY_PERSONS, at)
        if event.revision > 1:
            yield from self._corrected(event.partner, event.report_id, at)

    def retracted(self, event: ReportRetracted, at: datetime) -> Iterator[ProbingNoticed]:
        """Count a withdrawal at its log time."""
        if self._withdrawals.add(event.partner, at, 1) > self._policy.withdrawals_a_day_max:
            signal = ProbingSignal.MANY_WITHDRAWALS
            yield from self._tell(self._withdrawals, event.partner, signal, at)

    def _corrected(self, partner: str, report_id: UUID, at: datetime) -> Iterator[ProbingNoticed]:
        key = f"{partner}/{report_id.hex}"
        if self._revisions.add(key, at, 1) > self._policy.revisions_a_day_max:
            signal = ProbingSignal.MANY_REVISIONS
            yield from self._tell(self._revisions, partner, signal, at, counted_as=key)

    def _tell(
        self,
        window: _Window,
        partner: str,
        signal: ProbingSignal,
        at: datetime,
        *,
        counted_as: str | None = None,
    ) -> Iterator[ProbingNoticed]:
        """Tell it once a window; what comes after is counted there and not told."""
        if window.tells(partner):
            yield ProbingNoticed(
                partner=partner,
                signal=signal,
                count=window.count(counted_as or partner),
                window_from=window.begin(at),
                policy_version=self._policy.version,
                noticed_at=at,
            )


class _Window:
    """Counts by key within windows of fixed length; a new one forgets the last."""

    def __init__(self, length: timedelta) -> None:
        self._length = length
        self._number = 0
        self._counts: Counter[str] = Counter()
        self._told: set[str] = set()

    def add(self, key: str, at: datetime, count: int) -> int:
        """Count, and return how many there are in this window."""
        self._turn(at)
        self._counts[key] += count
        return self._counts[key]

    def count(self, key: str) -> int:
        """Return how many there are in this window."""
        return self._counts[key]

    def tells(self, partner: str) -> bool:
        """Tell whether this is the first time in this window."""
        is_first = partner not in self._told
        self._told.add(partner)
        return is_first

    def begin(self, at: datetime) -> datetime:
        """Return when the window of `at` began."""
        return _EPOCH_BEGAN + (at - _EPOCH_BEGAN) // self._length * self._length

    def _turn(self, at: datetime) -> None:
        """Log time may step back a little; what comes late counts where we are."""
        number = (at - _EPOCH_BEGAN) // self._length
        if number > self._number:
            self._number = number
            self._counts.clear()
            self._told.clear()
