"""Keeps a `Registry` fresh from a log, for processes whose main loop is not ours (Faust)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from streams.evidence import evidence
from streams.registry import Registry
from streams.topics import REGISTRY

if TYPE_CHECKING:
    from streams.ports import Log

_LIMIT: Final = 500
_POLL: Final = timedelta(milliseconds=100)
NO_WAIT: Final = timedelta(0)


class RegistryFollower:
    """A `registry` that is up to date after `start`, and again after each `refresh`."""

    def __init__(self, log: Log) -> None:
        self.registry = Registry()
        self._source = log.source()

    async def start(self) -> None:
        """Read every event there is so far."""
        await self._source.start({REGISTRY: 0})
        end = (await self._source.ends())[REGISTRY]
        while self._source.position(REGISTRY) < end:
            await self.refresh(_POLL)

    async def refresh(self, wait: timedelta = NO_WAIT) -> bool:
        """Fold in what has come, waiting up to `wait` for something; tell whether any did.

        Raises: LogError, DecodeError; both end the process, for the register would go stale.
        """
        records = await self._source.poll(_LIMIT, wait)
        with evidence(records):
            self.registry.learn(records)
        return bool(records)

    async def stop(self) -> None:
        """Close the reader."""
        await self._source.stop()
