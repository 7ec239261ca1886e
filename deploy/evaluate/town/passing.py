"""A log in memory for long runs: it lets go of what everybody has read."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from streams.instants import to_millisecond
from streams.memory import MemoryLog

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime


class RunningClock:
    """Starts at an instant and goes on as fast as real time does."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._began = time.perf_counter()

    def __call__(self) -> datetime:
        """Return the time now, in whole milliseconds like a broker."""
        spent = timedelta(seconds=time.perf_counter() - self._began)
        return to_millisecond(self._start + spent)


class PassingLog(MemoryLog):
    """Keeps offsets and forgets values; for readers that never go back."""

    def let_go(self, keep: Collection[str]) -> None:
        """Forget every record there is, but those of the topics to keep.

        What is forgotten reads like a transaction marker: an offset without a record. Call it
        only while every reader is at the end.
        """
        for topic in self.topics():
            if topic not in keep:
                slots = self._topics[topic]
                slots[:] = [None] * len(slots)
