"""`rivelin evaluate network`: a file of ties through every stage, and what came out of it."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.evaluate_linkage import figure_rows
from deploy.cli.output import counting, show_json, show_table
from streams.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deploy.evaluate.judge import NetworkEvaluation, Wanted
    from deploy.evaluate.ties import TieFile

_PAIR = 2


class Log(StrEnum):
    """Where the stages meet during an evaluation."""

    MEMORY = "memory"
    KAFKA = "kafka"


class Attack(StrEnum):
    """By which measure the next to be removed is chosen."""

    BETWEENNESS = "betweenness"
    DEGREE = "degree"


def network(  # noqa: PLR0913 - each is an option of the command
    ties: Annotated[
        Path,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help="CSV with a header line: source, target, optional weight, kind, at, phase.",
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
    measures: Annotated[
        bool,
        typer.Option(
            "--measures", help="Tell degree, betweenness, core and components of what came out."
        ),
    ] = False,
    attack: Annotated[
        Attack | None,
        typer.Option(help="Remove one node after the other by this measure; tell what is left."),
    ] = None,
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

    --measures adds "measures" to the answer: nodes, edges, density,
    components (sizes), core and core_number (innermost k-core), cuts
    (articulation points), and the first ten by degree and by betweenness
    (unweighted, normalised); of a membership list also "projection", the same
    for people who share an organisation. --attack adds "attack", the largest
    component as a share of the first one, before (1.0) and after each removal,
    and "removed"; the measure is computed anew each time, and of equals the
    node goes that the file names last. On a membership list people are removed
    from the projection.

    With a column of phases (whole numbers, in every row) rows are told phase
    by phase, and "phases" gives the state after each: phase, reports, people,
    pairs, candidate_networks, largest (people in the largest), and
    incremental_equals_rebuilt (the live stores against a replay).

    Exit codes: 0 done, 1 an identifier leaked, 3 the file does not hold what it must.
    """
    from deploy.evaluate.judge import Wanted  # noqa: PLC0415 - keeps --help quick
    from deploy.evaluate.ties import read_ties  # noqa: PLC0415 - the same

    file = read_ties(ties, _mapping(columns or []), _two(bipartite))
    wanted = Wanted(measures, None if attack is None else _by(attack))
    found = _evaluate(file, wanted, log, seed=seed, clean=clean)
    _answer(found, as_json=as_json)
    if found.leaks:
        raise typer.Exit(1)


def _by(attack: Attack) -> Any:  # noqa: ANN401 - loaded when used
    from consumers.network.measures import By  # noqa: PLC0415 - keeps --help quick

    return By(attack)


def _evaluate(
    file: TieFile, wanted: Wanted, log: Log, *, seed: int, clean: bool
) -> NetworkEvaluation:
    with counting("reports") as progress:
        options: dict[str, Any] = {"seed": seed, "clean": clean, "wanted": wanted}
        if log is Log.MEMORY:
            from deploy.evaluate.network import evaluate_in_memory  # noqa: PLC0415 - the same

            return asyncio.run(evaluate_in_memory(file, progress=progress, **options))
        from deploy.evaluate.live import evaluate_on_kafka  # noqa: PLC0415 - the same

        return asyncio.run(evaluate_on_kafka(file, progress=progress, **options))


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
        return
    measures, phases = figures.pop("measures", None), figures.pop("phases", None)
    shares, removed = figures.pop("attack", None), figures.pop("removed", ())
    show_table(("figure", "value"), figure_rows(figures))
    if measures:
        _show_measures(measures, "Network")
    if shares:
        rows = zip(range(len(shares)), ("", *removed), shares, strict=True)
        show_table(("removed", "last", "largest component"), rows, title="Attack")
    if phases:
        show_table(tuple(phases[0]), (tuple(one.values()) for one in phases), title="Phases")


def _show_measures(found: Mapping[str, Any], title: str) -> None:
    whole = ("nodes", "edges", "density", "components", "core_number", "core", "cuts")
    show_table((title, "value"), ((name, _text(found[name])) for name in whole))
    for name in ("degree", "betweenness"):
        rows = [(one["node"], one["value"]) for one in found[name]]
        show_table(("node", name), rows, title=f"{title}: first by {name}")
    if "projection" in found:
        _show_measures(found["projection"], "People who share an organisation")


def _text(value: object) -> object:
    return " ".join(map(str, value)) if isinstance(value, list) else value
