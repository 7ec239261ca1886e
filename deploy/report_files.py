"""Files of reports: one JSON object, a list of them, or JSON Lines; read piece by piece."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from producers.check import Problem, problems_of
from streams.json_form import MalformedInputError, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

STDIN: Final = Path("-")
_LINES: Final = frozenset({".jsonl", ".ndjson"})


@dataclass(frozen=True, slots=True)
class Item:
    """One report of a file, by its line (or its place in the list), counted from 1."""

    number: int
    data: Any = field(repr=False)
    problems: tuple[Problem, ...] = ()


def read_reports(file: Path) -> Iterator[Item]:
    """Yield every report; one that is no JSON comes with a problem and stops none.

    `-` is standard input. Raises: OSError.
    """
    if file == STDIN:
        yield from _items(iter(sys.stdin.buffer), are_lines=False)
        return
    with file.open("rb") as lines:
        yield from _items(lines, are_lines=file.suffix in _LINES)


def _items(lines: Iterable[bytes], *, are_lines: bool) -> Iterator[Item]:
    numbered = ((number, line) for number, line in enumerate(lines, start=1) if line.strip())
    first = next(numbered, None)
    if first is None:
        return
    if are_lines or _is_whole(first[1]):
        yield from (_item(number, line) for number, line in chain([first], numbered))
        return
    document = _item(1, b"".join(line for _, line in chain([first], numbered)))
    if isinstance(document.data, list):
        yield from (Item(number, one) for number, one in enumerate(document.data, start=1))
    else:
        yield document


def _is_whole(line: bytes) -> bool:
    """A first line that is an object by itself begins JSON Lines, or is all there is."""
    try:
        return isinstance(parse(line), dict)
    except MalformedInputError:
        return False


def _item(number: int, text: bytes) -> Item:
    try:
        return Item(number, parse(text))
    except MalformedInputError as error:
        return Item(number, None, problems_of(error.problems))
