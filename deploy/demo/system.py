"""A whole installation in a folder of its own, started and stopped through the supervisor."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import TYPE_CHECKING, Final

from deploy.keys import fingerprint
from deploy.processes import Child, ProcessSpec, last_lines
from deploy.supervisor import Phase, read_report
from producers.sdk import Partner
from streams.errors import RivelinError

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.settings import Settings

READY_SECONDS_MAX: Final = 180.0  # the first start of a user fetches the broker
STOP_SECONDS_MAX: Final = 15.0
_PROBE_SECONDS: Final = 0.05


class SystemStartError(RivelinError):
    """The system did not start; the message ends with what it said last."""


class System:
    """Broker and roles of one home, in processes of their own that cannot outlive us."""

    def __init__(self, settings: Settings) -> None:
        """Start nothing yet."""
        self.settings = settings
        self._child: Child | None = None

    async def start(self) -> None:
        """Start everything and wait until it runs.

        Raises: SystemStartError.
        """
        self.settings.make_folders()
        argv = (sys.executable, "-m", "deploy", "up")
        spec = ProcessSpec("supervisor", argv, env={"RIVELIN_HOME": str(self.settings.home)})
        self._child = Child.spawn(spec, self._log)
        try:
            async with asyncio.timeout(READY_SECONDS_MAX):
                await self._ready(self._child)
        except TimeoutError:
            raise SystemStartError(f"no start in time:\n{last_lines(self._log)}") from None

    @property
    def bootstrap(self) -> str:
        """Where its broker listens."""
        return self.settings.bootstrap

    @property
    def fingerprint(self) -> str:
        """What partners pin."""
        return fingerprint(self.settings)

    def partner(self, partner_id: str) -> Partner:
        """Return a partner's connection, pinned and with its own credentials."""
        access = self.settings.access(f"partner:{partner_id}")
        return Partner(
            partner_id, access.bootstrap, self.fingerprint, credentials=access.credentials
        )

    def stop(self) -> None:
        """Stop everything; harmless when nothing runs."""
        child, self._child = self._child, None
        if child is None:
            return
        if child.is_running:
            child.signal(signal.SIGTERM)
        if child.wait_sync(STOP_SECONDS_MAX) is None:
            child.kill_sync()

    async def _ready(self, child: Child) -> None:
        while (report := read_report(self.settings)) is None or report.phase is not Phase.READY:
            if not child.is_running:
                raise SystemStartError(f"the start failed:\n{last_lines(self._log)}")
            await asyncio.sleep(_PROBE_SECONDS)

    @property
    def _log(self) -> Path:
        return self.settings.logs_dir / "supervisor.log"
