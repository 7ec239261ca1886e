"""How a row of `audit.operations` names the record that an operation was done on."""

from __future__ import annotations

import re
from typing import Final

_RECORD: Final = re.compile(r"record (?P<topic>[a-z0-9._-]+)/(?P<offset>0|[1-9]\d{0,18})")


def subject_of(topic: str, offset: int) -> str:
    """Return the subject of a row about one record of the log."""
    return f"record {topic}/{offset}"


def place_of(subject: str) -> tuple[str, int] | None:
    """Undo `subject_of`: topic and offset; None for a row about anything else."""
    found = _RECORD.fullmatch(subject)
    return None if found is None else (found["topic"], int(found["offset"]))
