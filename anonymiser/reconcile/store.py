"""What the reconciler has folded so far, in one small file, so that a start is short.

The log stays the truth: a file that is missing, damaged or of another log is made anew from it.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

_FILE: Final = "reconciler.json"
_VERSION: Final = 1


class ReconcilerStore:
    """One file, replaced as a whole."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / _FILE

    def read(self) -> tuple[dict[str, int], dict[str, Any]] | None:
        """Return positions and facts as last written; None if there is nothing sound."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
            kept = json.loads(self._file.read_text())
            if kept["version"] == _VERSION:
                positions = {str(topic): int(at) for topic, at in kept["positions"].items()}
                return positions, dict(kept["outcomes"])
        return None

    def write(self, positions: dict[str, int], outcomes: dict[str, Any]) -> None:
        """Replace the file; a full disk only makes the next start longer."""
        draft = self._file.with_suffix(f".{os.getpid()}.draft")
        kept = {"version": _VERSION, "positions": positions, "outcomes": outcomes}
        with contextlib.suppress(OSError):
            draft.write_text(json.dumps(kept))
            draft.replace(self._file)
