"""How far intake is, in a file that `rivelin status` and `rivelin partner add` read."""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ROLE: Final = "anonymiser"
WAITING: Final = "waiting for a partner"
JOINING: Final = "joining"
CATCHING_UP: Final = "catching up"
RUNNING: Final = "running"


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicStatus:
    """One partner's topic. `end` and `lag` are None until the broker has told."""

    position: int
    end: int | None
    lag: int | None
    committed_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One look. `topics` are those served by this process, `alarms` what somebody must mend.

    `still_seconds` is how long records of some topic have waited untouched; `beat_at_seconds`
    is CLOCK_MONOTONIC, so that the age of this look needs no time of day.
    """

    slot: str
    state: str
    written_at: str
    beat_at_seconds: float = field(default_factory=time.monotonic)
    still_seconds: float = 0.0
    pid: int = field(default_factory=os.getpid)
    role: str = ROLE
    topics: Mapping[str, TopicStatus] = field(default_factory=dict)
    alarms: tuple[str, ...] = ()

    @property
    def _is_unknown(self) -> bool:
        """Whether nobody can say how much waits: between joining and opening a topic, too."""
        opens = not self.topics and self.state in {JOINING, CATCHING_UP}
        return opens or any(topic.lag is None for topic in self.topics.values())

    def to_json(self) -> str:
        """Return the file's content, with the facts that every role's file has."""
        lags = [topic.lag for topic in self.topics.values()]
        moved = [topic.committed_at for topic in self.topics.values() if topic.committed_at]
        facts = asdict(self) | {
            "positions": {name: topic.position for name, topic in self.topics.items()},
            "lag": None if self._is_unknown else sum(lag or 0 for lag in lags),
            "moved_at": max(moved, default=None),
        }
        return json.dumps(facts)


def write_status(file: Path, status: Status) -> None:
    """Replace the file atomically. A full disk must not end a role that still works.

    Nor may it look dead: what cannot be written anew is at least marked as looked after.
    """
    draft = file.with_suffix(f".{os.getpid()}.draft")
    try:
        draft.write_text(status.to_json())
        draft.replace(file)
    except OSError:
        with contextlib.suppress(OSError):
            os.utime(file)


def instant(seconds: float) -> str:
    """Return seconds since 1970 as text."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
