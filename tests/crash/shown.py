"""What trials showed, for a person and for a machine."""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import asdict
from statistics import median, quantiles
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.crash.trial import Outcome

_COLUMNS = ("records", "lost", "doubled", "behind", "returned", "undead", "gave up", "deeds")
WIDTH = 120
LEGEND = (
    "behind: copies that stand behind one of a later record. returned: holders that wrote again"
    " after another. undead: processes that did not notice that they had been replaced. gave up:"
    " processes that ended by themselves, to start anew."
)


def hush() -> None:
    """Keep what aiokafka says of every outage off the screen; the outages are made on purpose."""
    library = logging.getLogger("aiokafka")
    library.addHandler(logging.NullHandler())
    library.propagate = False


def facts(outcome: Outcome) -> dict[str, object]:
    """Return an outcome as plain values, the recoveries by their spread."""
    spread = {deed: _spread(seconds) for deed, seconds in outcome.recoveries.items() if seconds}
    return {**asdict(outcome), "recoveries": spread}


def _spread(seconds: Sequence[float]) -> dict[str, float]:
    p95 = quantiles(seconds, n=20, method="inclusive")[-1] if len(seconds) > 1 else seconds[0]
    found = {"p50": median(seconds), "p95": p95, "max": max(seconds)}
    return {name: round(value, 2) for name, value in found.items()}


def show(title: str, outcomes: Mapping[str, Outcome], *, as_json: bool, **more: object) -> None:
    """Write one JSON document, or a table with a row for each way."""
    if as_json:
        found = {name: facts(outcome) for name, outcome in outcomes.items()}
        sys.stdout.write(json.dumps({"ways": found, **more}, indent=2) + "\n")
        return
    console = Console(highlight=False, width=WIDTH)
    table = Table("", *_COLUMNS, "recovery p50 / p95 s", title=title)
    for name, one in outcomes.items():
        verdict = one.verdict
        counts = (
            verdict.records,
            verdict.lost + one.unsent,
            verdict.doubled,
            verdict.disordered,
            verdict.returned,
            one.undead,
            one.given_up,
        )
        deeds = one.stood_still + sum(map(len, one.recoveries.values()))
        table.add_row(name, *map(str, (*counts, deeds)), _recoveries(one))
    console.print(table)
    console.print(LEGEND)


def _recoveries(outcome: Outcome) -> str:
    spreads = ((deed, _spread(found)) for deed, found in outcome.recoveries.items() if found)
    return "  ".join(f"{deed} {one['p50']} / {one['p95']}" for deed, one in spreads)
