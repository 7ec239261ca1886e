"""`rivelin evaluate intruder`: who can still be recognised in what leaves, and by whom."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.output import counting, say, show_json, show_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy.evaluate.intruder.evaluation import IntruderEvaluation

_PEOPLE_MIN = 20_000


def intruder(
    people: Annotated[
        int,
        typer.Option(
            min=_PEOPLE_MIN, max=2_000_000, help="How many live in the city, 22,700 a district."
        ),
    ] = 250_000,
    targets: Annotated[
        int, typer.Option(min=20, help="How many children are reported about and looked for.")
    ] = 2_000,
    seed: Annotated[int, typer.Option(help="The same seed builds the same city.", min=0)] = 1,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as one JSON document.")] = False,
) -> None:
    """Build a city, let partners report about its children, and attack what leaves.

    The reports go through every stage of the product, with the city's own
    census as reference population. Then four kinds of intruder look for the
    children in each view: one with a full register of the city, one with the
    register of three households in ten, one who knows a tenth of the nominals
    and their families, and one who holds seven in ten of all ties. `correct`
    is the share of the children whom he recognises, `precision` the share of
    his claims that are right; the worse view counts.

    `below_k` counts the people in all views whom fewer than five residents
    could be. Of clean reports, `released_at_district` is the share that left
    with the postcode district in every view, `quarantined_…` the share held or
    quarantined.

    Exit codes: 0 done.
    """
    from deploy.evaluate.intruder.evaluation import evaluate_intruder  # noqa: PLC0415 - quick help

    with counting("reports") as progress:
        found = asyncio.run(
            evaluate_intruder(people=people, targets=targets, seed=seed, progress=progress)
        )
    if as_json:
        show_json(found.as_dict())
        return
    show_table(("view", "intruder", "correct", "precision", "claims"), _rows(found))
    for line in _lines(found):
        say(line)


def _rows(found: IntruderEvaluation) -> Iterator[tuple[str, str, str, str, int]]:
    for view, intruders in found.views.items():
        for name, hits in intruders.items():
            yield view, name, f"{hits.correct:.2%}", f"{hits.precision:.0%}", hits.claims


def _lines(found: IntruderEvaluation) -> Iterator[str]:
    utility = found.utility
    yield f"{found.below_k} people in a cell below five, over everything that left."
    yield (
        f"Of {found.reports} reports, clean ones left at district for"
        f" {utility['released_at_district']:.1%}; held or quarantined were"
        f" {utility['quarantined_clean']:.1%} of clean ones and"
        f" {utility['quarantined_noisy']:.1%} of those with mistakes."
    )
