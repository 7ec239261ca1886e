"""Keeps a register or a ledger fresh from a log, where the main loop is not ours (Faust)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from streams.evidence import evidence
from streams.registry import Registry
from streams.topics import REGISTRY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streams.ports import Log, Record

_LIMIT: Final = 500
_POLL: Final = timedelta(milliseconds=100)
NO_WAIT: Final = timedelta(0)


class Follower:
    """Folds one topic into `learn`, up to date after `start` and again after each `refresh`."""

    def __init__(self, log: Log, topic: str, learn: Callable[[Sequence[Record]], None]) -> None:
        self._topic = topic
        self._learn = learn
        self._source = log.source()

    async def start(self) -> None:
        """Read every event there is so far."""
        await self._source.start({self._topic: 0})
        end = (await self._source.ends())[self._topic]
        while self._source.position(self._topic) < end:
            await self.refresh(_POLL)

    async def refresh(self, wait: timedelta = NO_WAIT) -> bool:
        """Fold in what has come, waiting up to `wait` for something; tell whether any did.

        Raises: LogError, DecodeError; both end the process, for what it knows would go stale.
        """
        records = await self._source.poll(_LIMIT, wait)
        with evidence(records):
            self._learn(records)
        return bool(records)

    async def stop(self) -> None:
        """Close the reader."""
        await self._source.stop()


class RegistryFollower(Follower):
    """A `registry` that is up to date after `start`, and again after each `refresh`."""

    def __init__(self, log: Log) -> None:
        self.registry = Registry()
        super().__init__(log, REGISTRY, self.registry.learn)
