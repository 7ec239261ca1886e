"""What a command says: data on stdout, everything else on stderr.

Colour follows NO_COLOR and the terminal; progress shows on a terminal only.
"""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from deploy.unprintable import REPLACEMENT, escaped, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence


@cache
def _console(*, stderr: bool) -> Console:
    return Console(stderr=stderr, soft_wrap=True, highlight=False)


def say(text: str) -> None:
    """Tell the person at the terminal something that is not the answer."""
    _console(stderr=True).print(shown(text), markup=False)


def warn(text: str) -> None:
    """Tell something that should not be overlooked."""
    _console(stderr=True).print(shown(text), style="yellow", markup=False)


def complain(text: str) -> None:
    """Tell why the command failed."""
    _console(stderr=True).print(f"rivelin: {shown(text)}", style="red", markup=False)


def show_json(value: object) -> None:
    """Answer for programs: one JSON document on stdout. Instants and ids become text."""
    told = json.dumps(value, indent=2, default=str, ensure_ascii=False)
    sys.stdout.write(f"{escaped(told)}\n")


def show_text(text: str) -> None:
    """Answer with plain text on stdout, never folded or coloured."""
    sys.stdout.write(f"{shown(text)}\n")


def show_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None
) -> None:
    """Answer for people. Data can smuggle in neither markup nor terminal codes.

    On a terminal cells fold to its width; elsewhere a row is one line, for `grep` and for logs.
    """
    console = _console(stderr=False)
    cells = [[_printable(value) for value in row] for row in rows]
    if console.is_terminal:
        console.print(_folding(columns, cells, title))
    else:
        _show_lines([columns, *cells], title)


def _folding(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str | None) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        table.add_column(Text(column), overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _show_lines(rows: Sequence[Sequence[str]], title: str | None) -> None:
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    if title is not None:
        show_text(title)
    for row in rows:
        filled = (set_cell_size(cell, width) for cell, width in zip(row, widths, strict=True))
        show_text("  ".join(filled).rstrip())


def _printable(value: object) -> str:
    return "" if value is None else shown(str(value)).replace("\n", REPLACEMENT)


@contextmanager
def progress(text: str) -> Iterator[None]:
    """Show that work goes on, if someone is watching."""
    console = _console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(text):
        yield


@contextmanager
def counting(things: str) -> Iterator[Callable[[int, int], None]]:
    """Show how many of how many are done, if someone is watching: call it with both numbers."""
    console = _console(stderr=True)
    if not console.is_terminal:
        yield lambda _done, _all: None
        return
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task(things, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
