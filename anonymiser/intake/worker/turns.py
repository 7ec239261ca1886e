"""Fair turns: beside others a topic is read only so fast, however much its partner has written.

What intake passes on is one row for all, so a flood in it is everybody's wait.
A topic that alone has something is read as fast as it goes; once another is
read as well, each has its rate, with a burst that no ordinary partner uses up.
Pure: the time is handed in. Who is held loses nothing: it waits on its topic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

RECORDS_A_SECOND: Final = 150.0
BURST_RECORDS: Final = 300.0
#: What was read above the burst is owed, but for no longer than this.
HELD_SECONDS_MAX: Final = 5.0
#: So long after its last record a topic counts as one that others hold up.
BESIDE_SECONDS: Final = 10.0


@dataclass(slots=True)
class _Allowance:
    """How many records a topic may still be read of at once, as of `at`."""

    left: float
    at: float
    is_held: bool = False


class Turns:
    """Which topics are to be left alone for a moment, by what was read of each."""

    def __init__(self) -> None:
        self._allowances: dict[str, _Allowance] = {}

    def took(self, topic: str, now: float) -> None:
        """Count one record of a topic."""
        one = self._allowances.get(topic)
        if one is None:
            one = self._allowances[topic] = _Allowance(BURST_RECORDS, now)
        _refill(one, now)
        one.left = max(one.left - 1, -RECORDS_A_SECOND * HELD_SECONDS_MAX)

    def held(self, now: float) -> frozenset[str]:
        """Return the topics that have had more than their turn while others were read too.

        One that is held is let go when half its burst is there again.
        """
        read = [topic for topic, one in self._allowances.items() if now - one.at < BESIDE_SECONDS]
        return frozenset(self._held(read, now)) if len(read) > 1 else self._none_held()

    def _held(self, read: Iterable[str], now: float) -> Iterable[str]:
        for topic in read:
            one = self._allowances[topic]
            left = one.left + (now - one.at) * RECORDS_A_SECOND
            one.is_held = left < (BURST_RECORDS / 2 if one.is_held else 0)
            if one.is_held:
                yield topic

    def _none_held(self) -> frozenset[str]:
        for one in self._allowances.values():
            one.is_held = False
        return frozenset()


def _refill(one: _Allowance, now: float) -> None:
    one.left = min(one.left + (now - one.at) * RECORDS_A_SECOND, BURST_RECORDS)
    one.at = now
