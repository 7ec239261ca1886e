"""One JSON object per log line; an exception is told by class and place, never by its words."""

from __future__ import annotations

import errno
import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from streams.errors import RivelinError

if TYPE_CHECKING:
    from types import TracebackType

_FRAMES_MAX: Final = 8


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
            "event": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            facts |= describe(record.exc_info[1])
        return json.dumps(facts, default=str, ensure_ascii=False)


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
    """Send every log line of this process to stderr as JSON, warnings and our own news."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(role))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("rivelin").setLevel(logging.INFO)


def tell(event: str, **facts: object) -> None:
    """Log one event in the life of this process. Facts are counts, names and times."""
    logging.getLogger("rivelin").info(event, extra={"facts": facts})


def tell_error(event: str, error: BaseException) -> None:
    """Log what ended something."""
    logging.getLogger("rivelin").error(event, extra={"facts": describe(error)})
