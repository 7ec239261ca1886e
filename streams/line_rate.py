"""A limit on how often a library may say the same thing; an outage logs 1,100 lines."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: So many messages are told apart; of a library that makes up new ones the oldest are forgotten.
_KINDS_MAX: Final = 256
#: And of those that differ each time (they hold a number, say) so many a logger and interval.
_LINES_OF_ONE_LOGGER_MAX: Final = 10


@dataclass(slots=True)
class _Held:
    """From when on the next line may go, and how many did not since the last."""

    open_at: float
    kept_back: int = 0


@dataclass(slots=True)
class _Budget:
    """How many lines a logger may still write until then."""

    ends_at: float
    left: int


class LineRate(logging.Filter):
    """Lets one line of each logger and message through per interval, and counts the rest.

    The next one that may be written says how many were not. `now` gives seconds that only grow.
    Loggers below `exempt` are let through; so is what another of these filters has let through.
    """

    def __init__(
        self, now: Callable[[], float], interval_seconds: float = 1.0, exempt: Sequence[str] = ()
    ) -> None:
        super().__init__()
        self._now = now
        self._interval = interval_seconds
        self._exempt = frozenset(exempt)
        self._held: dict[tuple[str, str], _Held] = {}
        self._budgets: dict[str, _Budget] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether the line may be written."""
        if record.name.partition(".")[0] in self._exempt or hasattr(record, "kept_back"):
            return True
        now = self._now()
        held = self._of(record.name, str(record.msg))
        if now < held.open_at or not self._spend(record.name, now):
            held.kept_back += 1
            return False
        record.kept_back = held.kept_back
        if held.kept_back:  # the arguments stay apart: whoever formats the line looks at them
            record.msg = f"{record.msg} ({held.kept_back} lines kept back)"
        held.open_at, held.kept_back = now + self._interval, 0
        return True

    def _of(self, name: str, message: str) -> _Held:
        held = self._held.setdefault((name, message), _Held(open_at=0.0))
        if len(self._held) > _KINDS_MAX:
            del self._held[next(iter(self._held))]
        return held

    def _spend(self, name: str, now: float) -> bool:
        budget = self._budgets.get(name)
        if budget is None or now >= budget.ends_at:
            budget = _Budget(now + self._interval, _LINES_OF_ONE_LOGGER_MAX)
            self._budgets[name] = budget
        budget.left -= 1
        return budget.left >= 0
