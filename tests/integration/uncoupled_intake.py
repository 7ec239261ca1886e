"""A control, never a part of Rivelin: the anonymiser with output and offset in two transactions.

It is killed between the two, once.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from deploy.roles import run_role
from deploy.settings import Settings
from streams.kafka.sink import KafkaSink

_transact = KafkaSink._transact


async def _in_two_steps(sink, outgoing, positions) -> None:
    await _transact(sink, outgoing, {})
    if len(outgoing) > 2:
        _die_once()
    await _transact(sink, [], positions)


def _die_once() -> None:
    if not DIED.exists():
        DIED.touch()
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    settings = Settings()
    DIED = Path(settings.home, "control-has-died")
    KafkaSink._transact = _in_two_steps
    sys.exit(run_role("anonymiser", settings))
