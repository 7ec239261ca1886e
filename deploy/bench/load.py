"""Twenty partners with the public SDK, in one process, sending at a given rate."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final, Self

from deploy.bench.cases import PARTNERS, partner_name, report
from streams.errors import RivelinError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from deploy.bench.watch import Watch
    from deploy.demo.system import System

_BURST: Final = 60
_LOOK_SECONDS: Final = 0.01


class LoadError(RivelinError):
    """The broker did not take what was sent: the machine is too busy, or it failed."""


class Load:
    """Sends the reports of `cases` in the order of their serial numbers."""

    def __init__(self, system: System) -> None:
        self.sent = 0
        self._partners = [system.partner(partner_name(number)) for number in range(PARTNERS)]
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for partner in self._partners:
            await self._open.enter_async_context(partner)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._open.aclose()

    async def at_rate(self, per_second: float, seconds: float, watch: Watch) -> None:
        """Send one report at a time at an even rate, each timed by `watch`.

        Raises: LoadError.
        """
        began, count = time.monotonic(), round(per_second * seconds)
        sending = []
        for number in range(count):
            ahead = began + number / per_second - time.monotonic()
            if ahead > 0:
                await asyncio.sleep(ahead)
            sending.append(asyncio.create_task(self._send_timed(self._next(), watch)))
        results = await asyncio.gather(*sending, return_exceptions=True)
        if failed := [one for one in results if isinstance(one, BaseException)]:
            what = type(failed[0]).__name__
            raise LoadError(f"{len(failed)} of {count} reports were not taken, the first: {what}")

    async def flood(self, count: int, watch: Watch, backlog_max: int) -> None:
        """Send `count` reports as fast as they come out, at most `backlog_max` ahead of that."""
        left = count
        while left:
            burst = min(left, _BURST)
            await until(partial(self._is_near, watch, backlog_max - burst))
            await self._send_burst([self._next() for _ in range(burst)])
            left -= burst

    def _is_near(self, watch: Watch, ahead_max: int) -> bool:
        return self.sent - watch.released <= ahead_max

    def _next(self) -> int:
        self.sent += 1
        return self.sent - 1

    async def _send_timed(self, serial: int, watch: Watch) -> None:
        now = _now()
        one = report(serial, now)
        watch.expect(serial, now, time.time())
        await self._partners[serial % PARTNERS].submit(one)

    async def _send_burst(self, serials: list[int]) -> None:
        now = _now()
        by_partner = [serials[start::PARTNERS] for start in range(PARTNERS)]
        await asyncio.gather(*[self._send_some(some, now) for some in by_partner if some])

    async def _send_some(self, serials: list[int], now: datetime) -> None:
        partner = self._partners[serials[0] % PARTNERS]
        async for _ in partner.submit_many(report(serial, now) for serial in serials):
            pass


async def until(condition: Callable[[], bool]) -> None:
    """Look again and again until something that tells nobody has happened."""
    while not condition():  # noqa: ASYNC110 - the other processes have no event to set
        await asyncio.sleep(_LOOK_SECONDS)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
