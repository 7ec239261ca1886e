"""What must not reach a terminal, a log or a spreadsheet as it is.

A control character moves the cursor or rewrites a line, a bidirectional one turns a name round, one
without width hides in it; a cell that begins like a formula is one. Source: OWASP ASVS 5.0, 1.2.10;
Unicode TR 36.
"""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

REPLACEMENT: Final = "\ufffd"
#: How a spreadsheet tells a formula, or is led past the start of a cell.
_FORMULA: Final = re.compile(r"\s*[=+\-@\t\r\n\0]")
_NUMBER: Final = re.compile(r"[+-]?\d+(?:\.\d+)?")


def shown(text: str) -> str:
    """Return a text for people: what does not print is a sign that says so; lines stay."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or letter == "\n" else REPLACEMENT for letter in text
    )


def escaped(json_text: str) -> str:
    """Return the same JSON with what does not print as escapes: it reads back as it was."""
    if json_text.isprintable():
        return json_text
    return "".join(
        letter if letter.isprintable() or letter == "\n" else _escape(letter)
        for letter in json_text
    )


def _escape(letter: str) -> str:
    units = letter.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def cell(value: object) -> object:
    """Return a cell that a spreadsheet takes for text: a quote stands before what is none.

    Numbers stay as they are, negative ones too: they calculate nothing.
    """
    if not isinstance(value, str) or _NUMBER.fullmatch(value):
        return value
    return f"'{value}" if _FORMULA.match(value) else value


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
    """Write every CSV file of ours; return how many rows.

    Raises: OSError.
    """
    written = 0
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow(map(cell, row))
            written += 1
    return written
