"""What a person reads while runs go on, and at their end."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from tests.crash.failpoints import FAILPOINTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.crash.release import Reached
    from tests.crash.run import Result

_SHOWN = 40


class Live:
    """One short line now and then, on standard error."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self, line: str) -> None:
        """Say it, with the seconds since the start."""
        sys.stderr.write(f"{time.monotonic() - self._began:6.0f} s  {line}\n")
        sys.stderr.flush()


def show_json(facts: object) -> None:
    """Write one JSON document on standard output."""
    sys.stdout.write(json.dumps(facts, indent=2) + "\n")


def show_results(results: Sequence[Result]) -> None:
    """Show the runs side by side, what fired, and every violation by its ids."""
    console = Console(highlight=False, soft_wrap=True)
    table = Table("", *(f"seed {one.plan.seed}" for one in results), title="crash runs")
    for name, value in _ROWS.items():
        table.add_row(name, *(value(one) for one in results))
    console.print(table)
    show_failpoints(console, _sum(results))
    for one in results:
        for line in (*one.violations[:_SHOWN], *one.shortfalls):
            console.print(f"seed {one.plan.seed}: {line}", markup=False)
        if len(one.violations) > _SHOWN:
            console.print(f"seed {one.plan.seed}: and {len(one.violations) - _SHOWN} more")
        if one.kept:
            console.print(f"seed {one.plan.seed}: kept in {one.kept}", markup=False)
    console.print(_verdict(results), style="bold")


def _verdict(results: Sequence[Result]) -> str:
    if any(one.violations for one in results):
        return "VIOLATED: see above; the same seed plans the same faults."
    if any(one.shortfalls for one in results):
        return "NOT PROVED: less happened than was planned, see above."
    return "Nothing lost, nothing twice, nothing out of order."


_ROWS: Mapping[str, Callable[[Result], str]] = {
    "submissions sent": lambda one: f"{one.sent}",
    "acknowledged": lambda one: f"{one.acknowledged}",
    "nobody knows": lambda one: f"{one.unknown}",
    "records at police": lambda one: f"{one.shared_police}",
    "records at the hub": lambda one: f"{one.shared_safeguarding}",
    "alerts": lambda one: f"{one.alerts}",
    "kills and the like": lambda one: f"{one.kills}",
    "of these": lambda one: told(one.deeds),
    "deaths at failpoints": lambda one: f"{sum(one.failpoints.values())}",
    "restarts": lambda one: told(one.restarts),
    "at rest after": lambda one: f"{one.rest_seconds:.0f} s",
    "took": lambda one: f"{one.seconds:.0f} s",
    "violations": lambda one: f"{len(one.violations)}",
    "of these ADR 0011": lambda one: f"{one.explained}",
}


def told(counts: Mapping[str, int]) -> str:
    """Write counts in one line."""
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()) if count) or "none"


def _sum(results: Sequence[Result]) -> dict[str, int]:
    return {
        point.name: sum(one.failpoints.get(point.name, 0) for one in results)
        for point in FAILPOINTS
    }


def show_failpoints(console: Console, counts: Mapping[str, int]) -> None:
    """Show how often a process died at each named place."""
    table = Table(title="deaths at failpoints")
    table.add_column("failpoint")
    table.add_column("fired", justify="right")
    table.add_column("what has happened there")
    for point in FAILPOINTS:
        table.add_row(point.name, str(counts.get(point.name, 0)), point.what)
    console.print(table)


def show_reached(found: Reached) -> None:
    """Show what a release run has come to."""
    console = Console(highlight=False, soft_wrap=True)
    facts = found.facts()
    table = Table(title="release run", show_header=False)
    for name, value in (
        ("rounds", f"{found.rounds}, {found.green} green, {facts['hours']} h"),
        ("kills", f"{found.kills} of {facts['of_kills']}"),
        ("reports", f"{found.reports} of {facts['of_reports']}"),
        ("deeds", told(found.deeds)),
        ("seeds", f"{min(found.seeds)} to {max(found.seeds)}" if found.seeds else "none yet"),
        ("violations", str(len(found.violations))),
        ("not as planned", str(len(found.shortfalls))),
    ):
        table.add_row(name, value)
    console.print(table)
    show_failpoints(console, found.failpoints)
    for seed, line in (*found.violations[:_SHOWN], *found.shortfalls[:_SHOWN]):
        console.print(f"seed {seed}: {line}", markup=False)
