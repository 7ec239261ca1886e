"""What the Fortify story shows: every figure comes from the result, none stands here."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from deploy.demo.screen import Reporting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import Console

    from deploy.demo.fortify_result import Result
    from producers.town.town import Town

#: Beyond it a line is folded, also where no terminal says how wide it is.
COLUMNS_MAX = 100


class FortifyScreen:
    """Tells the story to a person, part by part."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._width = min(console.width, COLUMNS_MAX)
        self._began = time.monotonic()

    def starting(self, town: Town) -> None:
        """Say who reports."""
        self._say("Fortify: a year of one partnership, invented, with time compressed", "bold")
        names = ", ".join(body.name for body in town.bodies)
        self._say(f"{len(town.bodies)} partner bodies: {names}")
        self._say("starting a broker and every stage …")

    def reporting(self, total: int) -> Reporting:
        """Show how many of so many reports have been answered."""
        self._say(f"{total} reports go sealed through the enclave")
        return Reporting(self._console, total)

    def told(self, title: str) -> None:
        """Say which part of the year comes, and when."""
        self._say(f"{time.monotonic() - self._began:5.0f} s  {title}")

    def end(self, result: Result) -> None:
        """Show what came of the year."""
        self._figures(result)
        self._moved(result.explained)
        self._table(
            ("strand", "planned", "executed", "failed", "agencies"), map(_strand, result.balance)
        )
        self._beside(result)
        for wrong in result.undoings():
            self._say(f"not as it must be: {wrong}", "red")
        if not result.undoings():
            self._say(f"as expected, in {result.seconds:.0f} s", "green")

    def _figures(self, result: Result) -> None:
        counted, sums = result.counted, result.counted.totals["all"]
        without = result.without
        rows = (
            ("community areas", len(counted.areas)),
            ("partner bodies heard", result.partner_bodies),
            ("mapped OCGs", f"{counted.mapped[0]} to {counted.mapped[1]}"),
            (
                "total MoRiLE-style score",
                f"{counted.score[0]} to {counted.score[1]} ({counted.change_percent} %)",
            ),
            ("guns", sums["guns"]),
            ("sentences", f"{sums['sentences']} of {sums['sentenced']} people"),
            ("custody", f"{sums['months']} months"),
            ("arrests", sums["arrests"]),
            ("places closed", sums["closures"]),
            (
                f"the log folded without one {without.event}",
                f"mapped OCGs {without.counted.mapped[0]} to {without.counted.mapped[1]}",
            ),
        )
        self._table(("counted from the log", ""), rows)

    def _moved(self, explained: Mapping[str, Any]) -> None:
        beside = explained["beside"]
        self._say(
            f"The score moved by {explained['change']}: {explained['by_archiving']} with OCGs"
            f" archived, {explained['by_rating_anew']} with OCGs rated anew."
        )
        self._say(
            f"Of {beside['ocgs_down']} OCGs whose score fell, {beside['of_them_disrupted']} had a"
            " disruption executed in between: beside the change, not said to be its cause."
        )

    def _beside(self, result: Result) -> None:
        gaps, course = result.gaps, result.course
        self._say(
            f"Lever gaps of {gaps['ocgs']} OCGs still mapped: {gaps['gaps']}, {gaps['civil']} of"
            f" them civil, held by {', '.join(map(_word, gaps['by_agency']))}."
        )
        self._say(
            f"Homes with children: {course.refused_without_view} plans refused until the hub was"
            f" asked, {course.held} held for the child."
        )
        for spike in result.spikes:
            self._say(f"Concern stood out: {spike}.")
        told = ", ".join(f"{count} {_word(rule)}" for rule, count in result.alerts.items())
        self._say(f"Beside it, at the hub, children: {told}. An alert is not a referral.")
        unjudged = result.impact.get("not assessed", 0)
        self._say(f"{unjudged} executed disruptions are not assessed.")

    def _table(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        table = Table(box=None, pad_edge=False)
        for column in columns:
            table.add_column(Text(column), overflow="fold")
        for row in rows:
            table.add_row(*(Text(str(cell)) for cell in row))
        self._console.print(table)

    def _say(self, text: str, style: str = "") -> None:
        self._console.print(text, style=style, markup=False, width=self._width)


def _strand(one: Mapping[str, Any]) -> Sequence[object]:
    agencies = ", ".join(map(_word, one["agencies"])) or "nobody"
    return (_word(one["four_p"]), one["planned"], one["executed"], one["failed"], agencies)


def _word(code: object) -> str:
    return str(code).lower().replace("_", " ")
