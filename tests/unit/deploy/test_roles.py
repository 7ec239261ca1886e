"""A role ends as soon as one of its parts fails, whatever the other part is doing."""

from __future__ import annotations

import asyncio

import pytest

from deploy.roles import _work
from deploy.settings import Settings
from streams.errors import LogError
from streams.memory import MemoryLog


class DeafLog(MemoryLog):
    """Swallows the first cancellation, as a client library can."""

    async def ends(self, topics):
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(60)


class Failing:
    async def start(self) -> None:
        """Nothing to connect."""

    async def run_forever(self, stop) -> None:
        await asyncio.sleep(0.1)
        raise LogError("the store is full")

    def positions(self):
        return {}

    async def stop(self) -> None:
        """Nothing to close."""


async def test_a_role_that_fails_does_not_wait_for_its_heartbeat(tmp_path):
    settings = Settings(home=tmp_path)
    settings.make_folders()

    with pytest.raises(LogError):
        async with asyncio.timeout(1):
            await _work("linker", settings, DeafLog(), Failing(), asyncio.Event())
