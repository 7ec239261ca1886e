"""`rivelin evaluate linkage`: how well records of one person find each other, and nobody else."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.output import counting, progress, say, show_json, show_table, show_text, warn
from streams.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from anonymiser.linker.match import LinkPolicy
    from deploy.evaluate.linkage.evaluation import Trial
    from deploy.evaluate.linkage.records import RecordFile
    from deploy.evaluate.linkage.truth import Truth


FieldMap = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="FIELD=COLUMN",
        help="Name the column of a field, or several as COLUMN+COLUMN.",
    ),
]
Use = Annotated[str | None, typer.Option(metavar="FIELD,FIELD…", help="Use these fields only.")]
Origin = Annotated[
    str | None,
    typer.Option(metavar="COLUMN", help="The column that tells where a record's names are from."),
]
Surnames = Annotated[
    list[Path] | None,
    typer.Option(
        exists=True,
        dir_okay=False,
        help="CSV of family names by origin (surname and origin, country or locale), instead.",
    ),
]

Households = Annotated[
    int, typer.Option(help="How many invented households of each kind.", min=1, max=10_000)
]


class Beside(StrEnum):
    """Another tool that links the same records."""

    SPLINK = "splink"


class Half(StrEnum):
    """One half of the people, by the last digit or the letters of the entity's name."""

    EVEN = "even"
    ODD = "odd"


def linkage(  # noqa: PLR0913 - each is an option of the command
    records: Annotated[
        list[Path],
        typer.Argument(
            exists=True,
            dir_okay=False,
            help="CSV files with a header line: record, and what is told of each person.",
        ),
    ],
    *,
    truth: Annotated[
        Path,
        typer.Option(exists=True, dir_okay=False, help="CSV with the columns record and entity."),
    ],
    columns: FieldMap = None,
    use: Use = None,
    half: Annotated[
        Half | None,
        typer.Option(help="Link one half of the people only: weights are trained on even ones."),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="What `rivelin weights train` wrote."),
    ] = None,
    origin: Origin = None,
    surnames: Surnames = None,
    households: Households = 500,
    beside: Annotated[
        Beside | None,
        typer.Option(help="Link the same records with another tool too, on plain text."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as one JSON document.")] = False,
) -> None:
    """Send records through the product's own linker and tell how many pairs it found.

    Fields are those of a report's identity, sex, and strong_id: an identifier
    without check rules. A value that a partner would be asked to correct counts
    as missing. `auto` is what was linked without a human, `auto_review` counts
    what a human was asked as found too, `queue_share` is the share of records
    that put a question to a human when they came in, and `household` the share
    of invented households of each kind whose two people were taken for one.

    Exit codes: 0 done, 1 the other tool is not installed, 3 a file does not hold what it must.
    """
    from deploy.evaluate.linkage.evaluation import evaluate  # noqa: PLC0415 - keeps --help quick

    file = read_told(records, columns or [], use, origin)
    trial = _trial(file, truth, half, surnames)
    policy = None if weights is None else _policy(weights)
    peer = {} if beside is None else {"beside": {beside.value: _peer(file, trial, households)}}
    with counting("records") as done:
        found = evaluate(trial, policy, done, households)
    figures = {**found.as_dict(), **peer}
    if as_json:
        show_json(figures)
    else:
        show_table(("figure", "value"), figure_rows(figures))


def _trial(file: RecordFile, path: Path, half: Half | None, surnames: list[Path] | None) -> Trial:
    from deploy.evaluate.linkage.evaluation import Trial  # noqa: PLC0415 - keeps --help quick
    from deploy.evaluate.linkage.origins import origins_of, read_surnames  # noqa: PLC0415 - the same
    from deploy.evaluate.linkage.training import in_half  # noqa: PLC0415 - the same
    from deploy.evaluate.linkage.truth import read_truth  # noqa: PLC0415 - the same

    truth = read_truth(path, (person.record for person in file.people))
    _tell_untold(file, truth)
    people = file.people if half is None else in_half(file.people, truth, half is Half.ODD)
    is_told = surnames or any(person.origin for person in people)
    origins = origins_of(people, read_surnames(surnames or ())) if is_told else None
    return Trial(people, file.fields, truth, origins)


def _policy(path: Path) -> LinkPolicy:
    from anonymiser.linker.match import LinkPolicy  # noqa: PLC0415 - keeps --help quick
    from deploy.weights import read_weights_file  # noqa: PLC0415 - the same

    return LinkPolicy(weights=read_weights_file(path).for_trial())


def generate(
    folder: Annotated[
        Path, typer.Argument(file_okay=False, help="Where records.csv and truth.csv go.")
    ],
    *,
    people: Annotated[int, typer.Option(help="How many people.", min=1, max=1_000_000)] = 2_000,
    seed: Annotated[int, typer.Option(help="The same seed tells the same.", min=0)] = 1,
) -> None:
    """Invent people told several times with mistakes, and the truth about them.

    The shape of the mistakes is FEBRL's; names are of many origins, and some
    people live with a twin, a sibling or a parent of the same name. Nothing is
    written over.

    Exit codes: 0 done, 3 the folder holds such files.
    """
    from deploy.evaluate.linkage.generator import generate as invented  # noqa: PLC0415 - heavy
    from deploy.evaluate.linkage.generator import write  # noqa: PLC0415 - the same

    for path in write(invented(people, seed), folder):
        show_text(str(path))


def _peer(file: RecordFile, trial: Trial, households: int) -> dict[str, Any]:
    from deploy.evaluate.linkage.beside import run_splink  # noqa: PLC0415 - need not be installed

    with progress("splink"):
        found = run_splink(trial, is_foreign=file.foreign_postcodes, households_each=households)
    return found.as_dict()


def read_told(
    paths: list[Path], columns: list[str], use: str | None, origin: str | None = None
) -> RecordFile:
    """Read record files, and tell which column became which field."""
    from deploy.evaluate.linkage.columns import field_named, fields_named  # noqa: PLC0415 - heavy
    from deploy.evaluate.linkage.records import read_records  # noqa: PLC0415 - the same

    mapped: dict[str, str] = {}
    for column in columns:
        name, _, there = column.partition("=")
        if not (name and there):
            raise InvalidInputError("--map takes FIELD=COLUMN")
        mapped[field_named(name)] = there
    used = fields_named(filter(None, map(str.strip, (use or "").split(","))))
    with counting("rows") as done:
        file = read_records(paths, mapped, used, origin, done)
    _tell_columns(file)
    return file


def _tell_columns(file: RecordFile) -> None:
    for name, reading in file.readings.items():
        used = (
            f"{'+'.join(columns)} is {field}"
            for field, columns in sorted(reading.columns.items())
            if field in file.fields
        )
        unused = [
            *reading.left_out,
            *(
                column
                for field, columns in reading.columns.items()
                if field not in file.fields
                for column in columns
            ),
        ]
        left_out = f"; left out: {', '.join(unused)}" if unused else ""
        say(f"{name}: {', '.join(used)}{left_out}")
    if file.foreign_postcodes:
        say("postcodes are not British: taken as they are")
    counts = {field: count for field, count in sorted(file.unreadable.items()) if count}
    if counts:
        told = ", ".join(f"{count} of {field}" for field, count in counts.items())
        warn(f"unreadable values count as missing: {told}")


def _tell_untold(file: RecordFile, truth: Truth) -> None:
    untold = sum(1 for person in file.people if person.record not in truth)
    if untold:
        warn(f"{untold} records are not in the truth: each counts as a person of its own")


def figure_rows(figures: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """Return figures for people: one row each, nested ones by both names."""
    for name, figure in figures.items():
        told = name.replace("_", " ")
        if isinstance(figure, dict):
            yield from ((f"{told} {part}", one) for part, one in figure_rows(figure))
        else:
            yield told, figure
