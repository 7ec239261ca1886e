"""`rivelin evaluate`: measure the product by its own code, on files it has never seen."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.evaluate_alerts import alerts
from deploy.cli.evaluate_intruder import intruder
from deploy.cli.evaluate_linkage import figure_rows, generate, linkage
from deploy.cli.evaluate_narrative import narrative
from deploy.cli.evaluate_town import safeguarding, town
from deploy.cli.output import counting, show_json, show_table
from streams.errors import InvalidInputError

if TYPE_CHECKING:
    from deploy.evaluate.judge import NetworkEvaluation

_PAIR = 2


class Log(StrEnum):
    """Where the stages meet during an evaluation."""

    MEMORY = "memory"
    KAFKA = "kafka"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    evaluate = typer.Typer(
        help="Measure the product by its own code, on files it has never seen.",
        no_args_is_help=True,
    )
    evaluate.callback()(lambda: None)
    evaluate.command()(network)
    evaluate.command()(linkage)
    evaluate.command()(generate)
    evaluate.command()(narrative)
    evaluate.command()(intruder)
    evaluate.command()(alerts)
    evaluate.command()(safeguarding)
    evaluate.command()(town)
    app.add_typer(evaluate, name="evaluate")


def network(  # noqa: PLR0913 - each is an option of the command
    ties: Annotated[
        Path,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help="CSV with a header line: source, target, optional weight, kind, at.",
        ),
    ],
    *,
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="FIELD=COLUMN", help="Name the column of a field."),
    ] = None,
    bipartite: Annotated[
        str | None,
        typer.Option(metavar="PERSONS,ORGANISATIONS", help="The columns of a membership list."),
    ] = None,
    clean: Annotated[
        bool,
        typer.Option("--clean", help="Give every mention its strong identifier, make no mistakes."),
    ] = False,
    seed: Annotated[int, typer.Option(help="The same seed tells the same.", min=0)] = 1,
    log: Annotated[
        Log, typer.Option(help="memory: in one process; kafka: a broker and every role.")
    ] = Log.MEMORY,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as one JSON document.")] = False,
) -> None:
    """Send a network of ties through every stage and tell what came out of it.

    Every node becomes an invented person (or organisation), every tie is told
    by several partners. A row of weight n has n origins, a row without a kind
    is a co-offence; rows of both directions add up. Without --clean more than
    half of the mentions lack a strong identifier, 15 % hold a mistake, and one
    person in twenty shares a name or a birth date with somebody else.

    Exit codes: 0 done, 1 an identifier leaked, 3 the file does not hold what it must.
    """
    from deploy.evaluate.ties import read_ties  # noqa: PLC0415 - keeps --help quick

    file = read_ties(ties, _mapping(columns or []), _two(bipartite))
    with counting("reports") as progress:
        if log is Log.MEMORY:
            from deploy.evaluate.network import evaluate_in_memory  # noqa: PLC0415 - the same

            found = asyncio.run(evaluate_in_memory(file, seed=seed, clean=clean, progress=progress))
        else:
            from deploy.evaluate.live import evaluate_on_kafka  # noqa: PLC0415 - the same

            found = asyncio.run(evaluate_on_kafka(file, seed=seed, clean=clean, progress=progress))
    _answer(found, as_json=as_json)
    if found.leaks:
        raise typer.Exit(1)


def _mapping(columns: list[str]) -> dict[str, str]:
    pairs = [column.partition("=") for column in columns]
    if any(not (field and name) for field, _, name in pairs):
        raise InvalidInputError("--map takes FIELD=COLUMN")
    return {field: name for field, _, name in pairs}


def _two(bipartite: str | None) -> tuple[str, str] | None:
    if bipartite is None:
        return None
    names = tuple(name.strip() for name in bipartite.split(","))
    if len(names) != _PAIR or not all(names):
        raise InvalidInputError("--bipartite takes two column names with a comma between them")
    return names[0], names[1]


def _answer(found: NetworkEvaluation, *, as_json: bool) -> None:
    figures = found.as_dict()
    if as_json:
        show_json(figures)
    else:
        show_table(("figure", "value"), figure_rows(figures))
