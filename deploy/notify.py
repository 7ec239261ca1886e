"""Telling systemd that a service is ready and lives: the protocol of sd_notify(3), over its socket.

A datagram of `NAME=value` lines to the socket that `NOTIFY_SOCKET` names, nothing where there is
none. No library: the kept ones bind libsystemd, which a container lacks.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from typing import TYPE_CHECKING, Final

from deploy.progress import read_beat
from deploy.pulse import IN_START

if TYPE_CHECKING:
    from deploy.pulse import Beat
    from deploy.settings import Settings

READY: Final = "READY=1"
ALIVE: Final = "WATCHDOG=1"
STOPPING: Final = "STOPPING=1"
_LOOK_SECONDS: Final = 1.0


def notify(*lines: str) -> bool:
    """Tell the manager; False where none listens, or it does not read: it never holds us up."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address[:1] not in {"/", "@"}:
        return False
    name = f"\0{address[1:]}" if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as wire:
            wire.setblocking(False)  # noqa: FBT003 - as in socket
            wire.connect(name)
            wire.sendall("\n".join(lines).encode())
    except OSError:
        return False
    return True


def watchdog_seconds() -> float | None:
    """Return within how many seconds the manager wants a sign of life, None if it does not."""
    asked = os.environ.get("WATCHDOG_USEC", "")
    is_ours = os.environ.get("WATCHDOG_PID") in {None, "", str(os.getpid())}
    return int(asked) / 1_000_000 if asked.isdecimal() and is_ours else None


class PulseRelay:
    """Passes the pulse of a role, its progress file, on to the manager.

    It runs in a thread and yet cannot hide a loop that hangs: only the loop writes the file.
    """

    def __init__(self, role: str, settings: Settings, start_seconds_max: float) -> None:
        self._role = role
        self._settings = settings
        self._start_micros = round(start_seconds_max * 1_000_000)
        self._last: Beat | None = None
        self._is_ready = False

    def start(self) -> None:
        """Relay in the background; nothing where no manager listens."""
        if os.environ.get("NOTIFY_SOCKET"):
            threading.Thread(target=self._run, name="pulse", daemon=True).start()

    def _run(self) -> None:
        while True:
            self.look()
            time.sleep(_LOOK_SECONDS)

    def look(self) -> None:
        """Tell the manager what is new in the file."""
        beat = read_beat(self._settings, self._role)
        if beat is None or beat.pid != os.getpid() or beat == self._last:
            return
        self._last = beat
        if beat.state in IN_START and not self._is_ready:
            # A rebuild that moves may take longer than TimeoutStartSec.
            notify(ALIVE, f"EXTEND_TIMEOUT_USEC={self._start_micros}", f"STATUS={beat.state}")
            return
        ready = () if self._is_ready else (READY,)
        self._is_ready = True
        notify(*ready, ALIVE, f"STATUS={beat.state}")
