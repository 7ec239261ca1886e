"""The threshold laboratory: what other rules would have raised, from the same evidence.

One picture of the evidence, two judges. Each judges from the beginning of the log, so that neither
starts with a backlog; a rule that both versions share is judged once. Nothing is raised, sent or
stored here.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from consumers.safeguarding.engine import Judge
from consumers.safeguarding.picture import Picture
from streams.instants import london_day

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, datetime

    from consumers.network.evidence import NetworkEvent
    from consumers.safeguarding.alerts import Alert, AlertKey
    from consumers.safeguarding.rules import Rule, Rules

_MOMENT: Final = timedelta.resolution
#: What a rule is called and who reads it does not change whom it finds.
_WORDS: Final = frozenset({"title", "reason", "source", "never", "recipients", "examples"})
_TIDY_EVENTS: Final = 10_000


class Trial:
    """Judges one log by the adopted rules and by those under trial."""

    def __init__(self, adopted: Rules, trial: Rules) -> None:
        shared = {rule.id for rule in trial.enabled if _is_same(adopted.rule(rule.id), rule)}
        self._shared = frozenset(shared)
        self._picture = Picture()
        self._adopted = Judge(adopted)
        own = tuple(rule for rule in trial.enabled if rule.id not in shared)
        self._trial = Judge(trial.model_copy(update={"rules": own}))
        self._judges = (self._adopted, self._trial) if own else (self._adopted,)
        self.events = 0

    def hear(self, event: NetworkEvent, offset: int, at: datetime) -> None:
        """Fold one event in; `at` is its log time."""
        for judge in self._judges:
            judge.before(self._picture, at)
        change = self._picture.apply(event, offset, at)
        for judge in self._judges:
            judge.after(self._picture, change, at)
        self.events += 1
        if not self.events % _TIDY_EVENTS:
            self._tidy()

    def close(self, until: datetime) -> Outcome:
        """Let fall due what is due by an instant, and tell what both have raised."""
        for judge in self._judges:
            judge.before(self._picture, until + _MOMENT)
        adopted = self._adopted.alerts
        shared = {key: one for key, one in adopted.items() if key[0] in self._shared}
        return Outcome(adopted, shared | dict(self._trial.alerts))

    def _tidy(self) -> None:
        """Drop what a store would write; there is none here."""
        self._picture.fold.take_changes()
        self._picture.signs.take_changed()
        for judge in self._judges:
            judge.take_changed()
            judge.take_pending()


def _is_same(adopted: Rule | None, trial: Rule) -> bool:
    """Tell whether two rules find the same people."""
    if adopted is None or not adopted.enabled:
        return False
    return adopted.model_dump(exclude=set(_WORDS)) == trial.model_dump(exclude=set(_WORDS))


@dataclass(frozen=True, slots=True)
class Outcome:
    """All alerts by the adopted rules, and all by those under trial."""

    adopted: Mapping[AlertKey, Alert]
    trial: Mapping[AlertKey, Alert]


@dataclass(frozen=True, slots=True)
class Window:
    """From an instant to another, both included."""

    start: datetime
    end: datetime

    def holds(self, alert: Alert) -> bool:
        """Tell whether an alert was raised within."""
        return self.start <= alert.raised_at <= self.end

    @property
    def days(self) -> int:
        """Return how many days of London it touches."""
        return (london_day(self.end) - london_day(self.start)).days + 1


@dataclass(frozen=True, slots=True)
class Moved:
    """An alert of both, at other times; `by` is negative where the trial is earlier."""

    adopted: Alert
    by: timedelta


@dataclass(frozen=True, slots=True)
class Comparison:
    """Alerts that one of the two raised within the window, told apart.

    `lost` are raised by the adopted rules and never by those under trial, `gained` the other way
    round. An alert is one of a rule for a person, whatever its reason.
    """

    window: Window
    gained: tuple[Alert, ...]
    lost: tuple[Alert, ...]
    earlier: tuple[Moved, ...]
    later: tuple[Moved, ...]
    same: tuple[Alert, ...]
    adopted_load: Mapping[date, int]
    trial_load: Mapping[date, int]
    people_adopted: frozenset[str]
    people_trial: frozenset[str]


def compare(outcome: Outcome, window: Window) -> Comparison:
    """Tell what the rules under trial would have changed within a window."""
    adopted, trial = outcome.adopted, outcome.trial
    both = [
        Moved(one, trial[key].raised_at - one.raised_at)
        for key, one in sorted(adopted.items())
        if key in trial and (window.holds(one) or window.holds(trial[key]))
    ]
    lost = _only(adopted, trial, window)
    gained = _only(trial, adopted, window)
    kept = [one.adopted.child_id for one in both]
    return Comparison(
        window=window,
        gained=gained,
        lost=lost,
        earlier=tuple(one for one in both if one.by < timedelta()),
        later=tuple(one for one in both if one.by > timedelta()),
        same=tuple(one.adopted for one in both if not one.by),
        adopted_load=_load(adopted.values(), window),
        trial_load=_load(trial.values(), window),
        people_adopted=frozenset([*kept, *(one.child_id for one in lost)]),
        people_trial=frozenset([*kept, *(one.child_id for one in gained)]),
    )


def _only(
    these: Mapping[AlertKey, Alert], others: Mapping[AlertKey, Alert], window: Window
) -> tuple[Alert, ...]:
    found = (one for key, one in sorted(these.items()) if key not in others)
    return tuple(one for one in found if window.holds(one))


def _load(alerts: Iterable[Alert], window: Window) -> Mapping[date, int]:
    return Counter(london_day(one.raised_at) for one in alerts if window.holds(one))


@dataclass(frozen=True, slots=True)
class Load:
    """Alerts a day: on how many days more than the capacity, and the worst day."""

    days: int
    days_over: int | None
    worst: int
    worst_day: date | None
    p50: int
    p95: int


def load_of(by_day: Mapping[date, int], window: Window, capacity: int | None) -> Load:
    """Sum up the load of a window; days without an alert count too."""
    counts = sorted([*by_day.values(), *[0] * (window.days - len(by_day))])
    worst = max(by_day, key=lambda day: (by_day[day], -day.toordinal()), default=None)
    over = None if capacity is None else sum(count > capacity for count in counts)
    return Load(
        days=window.days,
        days_over=over,
        worst=counts[-1],
        worst_day=worst,
        p50=_quantile(counts, 0.5),
        p95=_quantile(counts, 0.95),
    )


def _quantile(ordered: Sequence[int], share: float) -> int:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
