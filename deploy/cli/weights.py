"""`rivelin weights`: train, show, publish and list what an agreement of fields is worth."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.evaluate_linkage import (
    FieldMap,
    Households,
    Origin,
    Surnames,
    Use,
    figure_rows,
    read_told,
)
from deploy.cli.output import progress, say, show_json, show_table, warn
from streams.errors import InvalidInputError

if TYPE_CHECKING:
    from deploy.evaluate.linkage.evaluation import Trial
    from deploy.evaluate.linkage.records import RecordFile
    from deploy.evaluate.linkage.training import Trained
    from deploy.weights import WeightsFile
    from streams.shared import LinkWeightsPublished

AsJson = Annotated[bool, typer.Option("--json", help="Answer as one JSON document.")]
_BIT = 100
_ORIGIN_COLUMNS = ("auto precision", "auto recall", "with review: precision", "recall")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(
        help="Train, publish and show what an agreement of fields is worth.", no_args_is_help=True
    )
    group.command("train")(train)
    group.command("publish")(publish)
    group.command("show")(show)
    group.command("list")(list_all)
    app.add_typer(group, name="weights")


def train(  # noqa: PLR0913 - each is an option of the command
    records: Annotated[
        list[Path], typer.Argument(exists=True, dir_okay=False, help="CSV files of records.")
    ],
    *,
    truth: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="CSV with the columns record and entity."),
    ] = None,
    unsupervised: Annotated[
        bool, typer.Option("--unsupervised", help="Train without the truth, by EM.")
    ] = False,
    columns: FieldMap = None,
    use: Use = None,
    origin: Origin = None,
    surnames: Surnames = None,
    households: Households = 500,
    out: Annotated[
        Path | None, typer.Option(help="Write the weights here, for `rivelin weights publish`.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train weights on a partner's own files; nothing is published.

    With a truth half of the people is trained on and the other half reported
    on, beside the standard weights and by origin of names. With --unsupervised
    the truth, if there is one, is for the report alone; without any, all
    records are trained on and nothing can be reported.

    Exit codes: 0 done, 3 a file does not hold what it must or is too small.
    """
    from deploy.weights import WeightsFile  # noqa: PLC0415 - heavy

    if truth is None and not unsupervised:
        raise InvalidInputError("--truth TRUTH.csv, or --unsupervised to train without one")
    file = read_told(records, columns or [], use, origin)
    with progress("training"):
        trained, trial = _train(file, truth, surnames or [], unsupervised=unsupervised)
        report = {} if trial is None else _report(trained, trial, households)
    ready = WeightsFile.of(trained.weights, trained.told)
    if out is not None:
        _write(out, ready)
    if as_json:
        show_json({"weights": _plain(ready), **report})
        return
    _show_trained(trained)
    if report:
        _show_report(report)


def _train(
    file: RecordFile, path: Path | None, surnames: list[Path], *, unsupervised: bool
) -> tuple[Trained, Trial | None]:
    """Train on one half and return the other to try the weights on; without a truth, on all."""
    from anonymiser.linker.standard import WEIGHTS  # noqa: PLC0415 - heavy
    from deploy.evaluate.linkage.evaluation import Trial  # noqa: PLC0415 - the same
    from deploy.evaluate.linkage.origins import origins_of, read_surnames  # noqa: PLC0415 - the same
    from deploy.evaluate.linkage.training import in_half, train  # noqa: PLC0415 - the same
    from deploy.evaluate.linkage.truth import read_truth  # noqa: PLC0415 - the same

    version = WEIGHTS.version + 1
    if path is None:
        return train(file.people, None, version), None
    truth = read_truth(path, (person.record for person in file.people))
    half, people = (in_half(file.people, truth, which) for which in (0, 1))
    trained = train(half, None if unsupervised else truth, version)
    return trained, Trial(people, file.fields, truth, origins_of(people, read_surnames(surnames)))


def _report(trained: Trained, trial: Trial, households: int) -> dict[str, Any]:
    """What trained and standard weights make of the half that was not trained on."""
    from anonymiser.linker.match import LinkPolicy  # noqa: PLC0415 - heavy
    from deploy.evaluate.linkage.evaluation import evaluate  # noqa: PLC0415 - the same

    policies = {"trained": LinkPolicy(weights=trained.weights), "standard": LinkPolicy()}
    return {
        name: evaluate(trial, policy, households_each=households).as_dict()
        for name, policy in policies.items()
    }


def publish(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="What `train --out` wrote.")
    ],
    *,
    by: Annotated[
        str | None, typer.Option("--by", help="Who decides; by default who you are.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Publish weights as the next version: new reports are linked by it, old decisions stand.

    Exit codes: 0 done, 1 somebody else published at the same moment, 3 the file does not hold,
    5 no broker.
    """
    from deploy import weights  # noqa: PLC0415 - keeps --help quick
    from deploy.settings import Settings  # noqa: PLC0415 - the same

    ready = weights.read_weights_file(file)
    settings = Settings()
    event = asyncio.run(weights.publish(settings, ready, by or settings.name, _now()))
    if as_json:
        show_json({"version": event.version})
    else:
        say(f"version {event.version} links reports from here on")


def show(
    version: Annotated[
        int | None, typer.Argument(help="The version; by default the newest, 1 is the standard.")
    ] = None,
    *,
    file: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Show a file that is not published."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what each level of each field is worth, in bits.

    Exit codes: 0 done, 3 no such version or a file that does not hold, 5 no broker.
    """
    from deploy.weights import read_weights_file  # noqa: PLC0415 - keeps --help quick

    found = read_weights_file(file) if file is not None else _version(version)
    if as_json:
        show_json(_plain(found))
        return
    rows = ((one.field, one.level, _bits(one.centibits)) for one in found.weights)
    show_table(("field", "level", "bits"), rows)
    say(
        f"accepted from {_bits(found.threshold_centibits)} bits, asked from"
        f" {_bits(found.review_threshold_centibits)}, among {found.population} people;"
        f" trained on {found.trained_on}"
    )


def list_all(*, as_json: AsJson = False) -> None:
    """List every published version of the weights.

    Exit codes: 0 done, 5 no broker.
    """
    from deploy import weights  # noqa: PLC0415 - keeps --help quick
    from deploy.settings import Settings  # noqa: PLC0415 - the same

    found = asyncio.run(weights.published(Settings()))
    if as_json:
        show_json([_listed(one) for one in found])
        return
    columns = ("version", "decided by", "decided at", "trained on")
    rows = ((one.version, one.decided_by, one.decided_at, one.trained_on) for one in found)
    show_table(columns, rows)
    if not found:
        say("none was published: the standard weights, version 1, link")


def _listed(one: LinkWeightsPublished) -> dict[str, Any]:
    return {
        "version": one.version,
        "decided_by": one.decided_by,
        "decided_at": one.decided_at,
        "trained_on": one.trained_on,
    }


def _version(version: int | None) -> WeightsFile | LinkWeightsPublished:
    from anonymiser.linker.standard import WEIGHTS  # noqa: PLC0415 - heavy
    from deploy import weights  # noqa: PLC0415 - the same
    from deploy.settings import Settings  # noqa: PLC0415 - the same

    standard = weights.WeightsFile.of(WEIGHTS, "public files (the standard weights)")
    if version == WEIGHTS.version:
        return standard
    versions = asyncio.run(weights.published(Settings()))
    if version is None:
        return versions[-1] if versions else standard
    for one in versions:
        if one.version == version:
            return one
    raise InvalidInputError(f"there is no version {version}; see `rivelin weights list`")


def _show_trained(trained: Trained) -> None:
    from anonymiser.linker.standard import WEIGHTS  # noqa: PLC0415 - heavy

    standard = WEIGHTS.table
    rows = (
        (
            one.field,
            one.level,
            _rate(trained.m(one)),
            _rate(trained.u(one)),
            _bits(one.centibits),
            _bits(standard.get((one.field, one.level), 0)),
        )
        for one in trained.weights.levels
    )
    show_table(("field", "level", "m", "u", "bits", "standard"), rows)
    weights = trained.weights
    say(
        f"accepted from {_bits(weights.threshold)} bits, asked from"
        f" {_bits(weights.review_threshold)}, among {weights.population} people;"
        f" trained on {trained.told}"
    )


def _show_report(report: dict[str, Any]) -> None:
    """Two tables: trained weights beside the standard ones, then both by origin of names."""
    trained, standard = report["trained"], report["standard"]
    figures = ("records", "pairs_true", "auto", "auto_review", "queue_share", "household")
    mine = dict(figure_rows({name: trained[name] for name in figures}))
    theirs = dict(figure_rows({name: standard[name] for name in figures}))
    rows = ((name, value, theirs[name]) for name, value in mine.items())
    show_table(("on the other half", "trained", "standard"), rows)
    columns = ("names", "records", "pairs", *_ORIGIN_COLUMNS, "standard: auto recall")
    show_table(columns, (_origin_row(name, report) for name in trained["origins"]))


def _origin_row(name: str, report: dict[str, Any]) -> tuple[object, ...]:
    trained, standard = (report[which]["origins"][name] for which in ("trained", "standard"))
    auto, review = trained["auto"], trained["auto_review"]
    return (
        name,
        trained["records"],
        trained["pairs_true"],
        auto["precision"],
        auto["recall"],
        review["precision"],
        review["recall"],
        standard["auto"]["recall"],
    )


def _rate(share: float | None) -> str:
    return "" if share is None else f"{share:.5f}"


def _bits(centibits: int) -> str:
    return f"{centibits / _BIT:.1f}"


def _write(path: Path, file: WeightsFile) -> None:
    try:
        with path.open("x", encoding="utf-8") as lines:
            json.dump(_plain(file), lines, indent=2)
            lines.write("\n")
    except FileExistsError:
        raise InvalidInputError(f"{path} is there already") from None
    warn(f"{path} holds the weights; `rivelin weights publish {path}` makes them a version")


def _plain(file: WeightsFile | LinkWeightsPublished) -> dict[str, Any]:
    from streams.json_form import to_json  # noqa: PLC0415 - heavy

    return to_json(file)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
