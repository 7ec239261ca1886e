"""The broker's time of day, as far as its records tell it: never the clock of this machine.

A record's append time is the broker's, and lies before the moment we read it; from then on the
monotonic clock counts. So the newest of these is never ahead of the broker, and right up to the
time a record took to reach us whenever one has just come. A machine whose clock is two hours off,
or is set while it runs, changes nothing.
"""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class LogTime:
    """Told of append times, it tells the time."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._ahead_seconds = -math.inf

    def saw(self, appended_at_ms: int) -> None:
        """Take note that a record of that time has come."""
        ahead = appended_at_ms / 1000 - self._monotonic()
        self._ahead_seconds = max(self._ahead_seconds, ahead)

    def now(self) -> datetime | None:
        """Return the time, None before the first record."""
        if self._ahead_seconds == -math.inf:
            return None
        return datetime.fromtimestamp(self._ahead_seconds + self._monotonic(), UTC)
