"""One JSON object per log line; an exception is told by class and place, never by its words.

What a library says of itself is kept (names of topics, hosts, counts); what it was handed by us or
by a partner is not: an exception or an object among the arguments of its line is named by class.
Whatever nobody catches, in any thread, task or destructor, is told the same way.
"""

from __future__ import annotations

import errno
import json
import logging
import re
import sys
import threading
import time
import traceback
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy.unprintable import escaped
from streams.errors import RivelinError
from streams.line_rate import LineRate

if TYPE_CHECKING:
    from types import TracebackType

_FRAMES_MAX: Final = 8
_OWN: Final = ("rivelin", "anonymiser", "consumers", "deploy", "producers", "streams")
_REPR: Final = re.compile(r"[(<]")
_SIMPLE: Final = (str, int, float, bool, type(None))


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object with the facts that were logged with it."""

    def __init__(self, role: str) -> None:
        super().__init__()
        self._role = role

    def format(self, record: logging.LogRecord) -> str:
        """Return the line. Foreign messages are kept; their exceptions lose their words."""
        facts = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "role": self._role,
            "level": record.levelname.lower(),
            "event": record.getMessage() if _is_own(record) else _foreign_message(record),
            **getattr(record, "facts", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            facts |= describe(record.exc_info[1])
        return escaped(json.dumps(facts, default=str, ensure_ascii=False))


def _is_own(record: logging.LogRecord) -> bool:
    return record.name.partition(".")[0] in _OWN


def _foreign_message(record: logging.LogRecord) -> str:
    """Return a library's first line, with what it was handed named by class.

    Further lines are reprs of tasks and futures, which quote the exception; asyncio quotes a
    callback with its arguments in the first line already.
    """
    args = record.args
    if isinstance(args, tuple):
        args = tuple(map(_named, args))
    elif args:
        args = {name: _named(value) for name, value in args.items()}
    try:
        message = str(record.msg) % args if args else str(record.msg)
    except (TypeError, ValueError):  # made for another type than a name
        message = str(record.msg)
    if record.name == "asyncio":
        message = _REPR.split(message)[0]
    return message.partition("\n")[0]


def _named(value: object) -> object:
    if isinstance(value, _SIMPLE):
        return value
    if isinstance(value, OSError) and value.errno:
        return f"{type(value).__name__} {errno.errorcode.get(value.errno, value.errno)}"
    if isinstance(value, tuple) and all(isinstance(one, _SIMPLE) for one in value):
        return value  # a topic with its partition
    return type(value).__name__


def describe(error: BaseException) -> dict[str, object]:
    """Tell an error without a value in it: only our own errors are known to hold none."""
    facts: dict[str, object] = {"error": type(error).__name__}
    if reason := _reason(error):
        facts["reason"] = reason
    return {**facts, "frames": _frames(error.__traceback__)}


def _reason(error: BaseException) -> str | None:
    """Our own words, or the name that the system or SQLite has for it, such as ENOSPC."""
    if isinstance(error, RivelinError):
        return str(error)
    if isinstance(error, OSError):
        return errno.errorcode.get(error.errno or 0)
    return getattr(getattr(error, "orig", error), "sqlite_errorname", None)


def _frames(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)[-_FRAMES_MAX:]
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]


def write_json_lines(role: str) -> None:
    """Send every log line of this process to stderr as JSON, warnings and our own news.

    What would reach stderr past the log (an exception that nobody caught, in any thread, task or
    destructor; a warning) is told there too, by class and place.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(role))
    handler.addFilter(LineRate(time.monotonic, exempt=_OWN))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("rivelin").setLevel(logging.INFO)
    logging.raiseExceptions = False  # a line that cannot be formatted would be printed as it is
    sys.excepthook = lambda _, error, __: _tell_uncaught("uncaught", error)
    threading.excepthook = lambda args: _tell_uncaught("uncaught in a thread", args.exc_value)
    sys.unraisablehook = lambda args: _tell_uncaught("uncaught in a destructor", args.exc_value)
    warnings.showwarning = _tell_warning


def _tell_uncaught(what: str, error: BaseException | None) -> None:
    if error is not None and not isinstance(error, (SystemExit, KeyboardInterrupt)):
        tell_error(what, error)


def _tell_warning(  # noqa: PLR0913, PLR0917 - as the standard library calls it
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: object = None,
    line: str | None = None,
) -> None:
    """Name class and place; the words may quote a value."""
    del message, file, line
    place = f"{Path(filename).name}:{lineno}"
    facts = {"warning": category.__name__, "place": place}
    logging.getLogger("rivelin").warning("warning", extra={"facts": facts})


def tell(event: str, **facts: object) -> None:
    """Log one event in the life of this process. Facts are counts, names and times."""
    logging.getLogger("rivelin").info(event, extra={"facts": facts})


def tell_alarm(code: str, **facts: object) -> None:
    """Log what an operator must know; `code` stands in docs/OPERATIONS.md with what to do."""
    logging.getLogger("rivelin").error(code, extra={"facts": facts})


def tell_error(event: str, error: BaseException) -> None:
    """Log what ended something."""
    logging.getLogger("rivelin").error(event, extra={"facts": describe(error)})
