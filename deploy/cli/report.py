"""`rivelin check` and `rivelin report`: what a partner's people type before anything is sent."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.output import complain, say, show_json, show_table
from deploy.cli.submit import (
    EXIT_INVALID,
    AsJson,
    File,
    refused,
    require_file,
    tell_notices,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.report_files import Item
    from producers.check import Problem


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(check)
    group = typer.Typer(help="Start a report.", no_args_is_help=True)
    group.command("new")(new)
    group.command("codes")(codes)
    app.add_typer(group, name="report")


def check(
    file: File,
    *,
    partner: Annotated[
        str | None, typer.Option("--partner", help="Who reports, where the file leaves it out.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find what to correct in reports, offline; nothing is sent and no value is shown.

    Exit codes: 0 nothing to correct, 3 something is.
    """
    from deploy.report_files import read_reports  # noqa: PLC0415 - keeps --help quick

    require_file(file)
    count, found, notices = 0, [], set()
    for count, item in enumerate(read_reports(file), start=1):  # noqa: B007 - the last count is the number
        problems, notice = _problems(item, partner)
        found += [(item.number, problem) for problem in problems]
        notices.add(notice)
    if as_json:
        show_json({"reports": count, "problems": [_problem_facts(*one) for one in found]})
    elif found:
        show_table(("report", "field", "problem", "what to do"), map(_problem_row, found))
    tell_notices(notices)
    _end_check(count, found)


def _end_check(count: int, found: Sequence[object]) -> None:
    if not count:
        complain("the file holds no report")
    elif not found:
        say(f"{count} {_reports(count)}, nothing to correct.")
    if found or not count:
        raise typer.Exit(EXIT_INVALID)


def _problems(item: Item, partner: str | None) -> tuple[tuple[Problem, ...], str | None]:
    from producers.check import InvalidReportError, read  # noqa: PLC0415 - keeps --help quick

    if item.problems:
        return item.problems, None
    data = item.data
    if partner is not None and isinstance(data, dict):
        data = {"partner": partner, **data}
    try:
        read(data, datetime.now(UTC))
    except InvalidReportError as error:
        return error.problems, error.notice
    return (), None


def _problem_facts(number: int, problem: Problem) -> dict[str, Any]:
    return {
        "report": number,
        "field": problem.field,
        "code": problem.code,
        "remedy": problem.remedy,
    }


def _problem_row(one: tuple[int, Problem]) -> tuple[object, ...]:
    return tuple(_problem_facts(*one).values())


def _reports(count: int) -> str:
    return "report" if count == 1 else "reports"


# --- a start for newcomers ---------------------------------------------------------------------


def new(
    kind: Annotated[
        str, typer.Argument(help="Which example to start from: welfare, crime or risk.")
    ] = "welfare",
    *,
    partner: Annotated[str | None, typer.Option("--partner", help="Who will report.")] = None,
) -> None:
    """Print a report about invented people, ready to be changed, checked and submitted.

    rivelin report new --partner ID > report.json && rivelin check report.json
    """
    from uuid import uuid4  # noqa: PLC0415 - keeps --help quick

    from producers.examples import EXAMPLES, example  # noqa: PLC0415 - the same

    if kind not in EXAMPLES:
        raise refused("example", f"there are {', '.join(EXAMPLES)}")
    data = example(kind, uuid4(), datetime.now(UTC))
    show_json({**data, "partner": partner or data["partner"]})
    say("Put in service, gateway and purpose as your agreement has them (`rivelin report codes`).")


def codes(*, as_json: AsJson = False) -> None:
    """List the codes that the fields of a report take."""
    from streams import taxonomy, values  # noqa: PLC0415 - keeps --help quick

    lists = {
        "nodes[].kind": values.NodeKind,
        "nodes[].person.sex": values.Sex,
        "nodes[].person.role": values.Role,
        "relations[].kind": taxonomy.RelationKind,
        "facts[].theme": values.Theme,
        "facts[].activity": values.Activity,
        "facts[].four_p": values.FourP,
        "source.access": values.SourceAccess,
        "grading.scheme": values.GradingScheme,
        "handling.code": values.HandlingCode,
        "handling.recipients[]": values.Audience,
        "handling.conditions[]": values.ConditionCode,
        "data_category": values.DataCategory,
        "gateway": values.Gateway,
        "purpose": values.Purpose,
    }
    listed = {field: [code.value for code in one] for field, one in lists.items()}
    if as_json:
        show_json(listed)
    else:
        show_table(("field", "codes"), ((field, ", ".join(one)) for field, one in listed.items()))
