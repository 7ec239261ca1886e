"""`rivelin evaluate safeguarding` and `town`: a synthetic town through every stage, judged."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.evaluate_linkage import figure_rows
from deploy.cli.output import counting, say, show_json, show_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deploy.evaluate.town.ground import GroundScore

People = Annotated[
    int, typer.Option(help="About how many people the town has.", min=300, max=800_000)
]
Seed = Annotated[int, typer.Option(help="The same seed tells the same town.", min=0)]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as one JSON document.")]


def safeguarding(people: People = 2_000, seed: Seed = 1, *, as_json: AsJson = False) -> None:
    """Tell a town with labelled cases to every stage, and count which children were found.

    The cases: twins, foster homes, hostels, children's homes, unknown ages, a wrong merge that
    the review desk undoes, a child told of before the network, births on 29 February, kinship
    care, siblings by one parent only, half- and step-siblings of other names, friends, children
    exploited and also suspect. `found` counts children with every alert they must have, `missed`
    the others, `unexpected` children with an alert and no reason, `false_kin` pairs taken for
    siblings who are none.

    `seconds_to_alert` runs from the log time of the report that completes the reason to the
    publication of the alert. Everything runs in one process and without release batches, so it
    is time of processing: ten reports come at a time.
    """
    from deploy.evaluate.town.safeguarding import evaluate  # noqa: PLC0415 - keeps --help quick

    with counting("reports") as progress:
        found = asyncio.run(evaluate(people, seed, progress))
    _answer(found.as_dict(), as_json=as_json)


def _answer(figures: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(figures)
        return
    plain = {name: figure for name, figure in figures.items() if name != "cases"}
    show_table(("figure", "value"), figure_rows(plain))
    cases = figures["cases"]
    columns = ("cases", "expected", "found", "spared", "alerted", "taken_for_kin")
    say("")
    show_table(
        ("case", *(column.replace("_", " ") for column in columns)),
        [(kind, *(tally[column] for column in columns)) for kind, tally in cases.items()],
    )


def town(
    people: People = 20_000,
    reports: Annotated[
        int, typer.Option(help="How many reports its partners write.", min=500, max=1_000_000)
    ] = 8_000,
    seed: Seed = 1,
    *,
    each: Annotated[
        bool,
        typer.Option("--each-mistake", help="Also tell what each kind of mistake costs alone."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Tell a large town to every stage with 15 % of all mentions wrong, and count what is found.

    `membership` counts people in a candidate network, `together` pairs of people in one and the
    same network, `whole` networks with exactly their people, `children` the exposed ones,
    `alerts` each alert; `merged` ids stand for several people, `split` people have several ids,
    `questions` wait for a reviewer, who decides nothing here. With --each-mistake the town is
    told again without mistakes, and with the same share of one kind alone, kind by kind.
    """
    from deploy.evaluate.town import ground  # noqa: PLC0415 - keeps --help quick
    from producers.town.crowd import Size  # noqa: PLC0415 - the same

    size = Size(people=people, reports=reports, with_cases=False)
    with counting("reports") as bar:
        if each:
            scores = asyncio.run(ground.ablation(size, seed, _told_by_twentieths(bar), _tell))
        else:
            one = asyncio.run(
                ground.evaluate(size, seed, ground.ALL_KINDS, _told_by_twentieths(bar))
            )
            scores = {"all": one}
    figures = {name: score.as_dict() for name, score in scores.items()}
    _answer_ground(figures, as_json=as_json)


def _told_by_twentieths(bar: Callable[[int, int], None]) -> Callable[[int, int], None]:
    """Show progress on a terminal, and say it in a log where there is none."""
    said = -1

    def progress(done: int, total: int) -> None:
        nonlocal said
        bar(done, total)
        twentieth = 20 * done // total
        if twentieth != said and not sys.stderr.isatty():
            said = twentieth
            say(f"{done} of {total} reports")

    return progress


def _tell(name: str, score: GroundScore) -> None:
    say(f"{name}: {score.seconds} s")


def _answer_ground(figures: Mapping[str, Mapping[str, Any]], *, as_json: bool) -> None:
    if as_json:
        show_json(figures["all"] if len(figures) == 1 else figures)
    elif len(figures) == 1:
        show_table(("figure", "value"), figure_rows(figures["all"]))
    else:
        _show_ablation(figures)


def _show_ablation(figures: Mapping[str, Mapping[str, Any]]) -> None:
    wholes = ("membership", "together", "children")
    columns = [f"{name} {what}" for name in wholes for what in ("recall", "precision")]
    rows = [
        (
            name,
            f"{100 * score['wrong']:.1f} %",
            *(score[whole][what] for whole in wholes for what in ("recall", "precision")),
            score["merged"],
            score["split"],
        )
        for name, score in figures.items()
    ]
    show_table(("mistakes", "of mentions", *columns, "merged", "split"), rows)
