"""How this process ends before its time: at once, and with a code that says what to do next."""

from __future__ import annotations

import logging
import os
import sys
from typing import Final, NoReturn

from streams.errors import RivelinError

#: sysexits.h EX_SOFTWARE: start anew from what was committed.
EXIT_FATAL: Final = 70
#: Asks the supervisor to be started again at once, with another list of topics.
EXIT_RESTART: Final = 75

LOG: Final = logging.getLogger("rivelin.intake")


def fatal(why: str, error: BaseException | None = None) -> NoReturn:
    """End at once: nothing may go on after an outcome that is not known.

    Only our own errors are quoted; another's words might hold a value.
    """
    told = f"{why}: {_named(error)}" if error is not None else why
    LOG.critical("fatal: %s", told)
    leave(EXIT_FATAL)


def leave(code: int) -> NoReturn:
    """End this process without the farewells of a library; what is committed is committed."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _named(error: BaseException) -> str:
    return str(error) if isinstance(error, RivelinError) else type(error).__name__
