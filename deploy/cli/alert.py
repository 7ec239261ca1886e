"""`rivelin alert`: safeguarding alerts; none of them is a referral."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from deploy.cli.asking import (
    AsJson,
    AsOf,
    Id,
    Name,
    PurposeCode,
    ask,
    handling_line,
    hub,
    second,
    short,
)
from deploy.cli.output import say, show_json, show_table, show_text

if TYPE_CHECKING:
    from collections.abc import Mapping


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(
        help="Safeguarding alerts; none of them is a referral.", no_args_is_help=True
    )
    group.command("list")(alert_list)
    group.command("show")(alert_show)
    app.add_typer(group, name="alert")


# --- alerts ------------------------------------------------------------------------


def alert_list(
    *,
    name: Name = None,
    purpose: PurposeCode = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show every safeguarding alert, and apart from them what is possible while a doubt is open."""
    from consumers.safeguarding.look import (  # noqa: PLC0415 - keeps --help quick
        NOT_A_REFERRAL,
        POSSIBLE,
        alerts,
        possible_alerts,
    )

    def both(connection: Any, _: str) -> Any:  # noqa: ANN401 - loaded when used
        return alerts(connection), possible_alerts(connection)

    raised, possible = ask(hub("alert list", both), name, purpose, as_of)
    if as_json:
        show_json([*raised, *possible])
        return
    columns = ("alert", "child", "why", "evidence", "version", "raised", "changed")
    show_table(columns, (_alert_row(one) for one in raised))
    say(NOT_A_REFERRAL)
    if possible:
        rows = map(_possible_row, possible)
        show_table(("state", "child", "may also be", "why"), rows, title="Possible")
        say(POSSIBLE)


def _possible_row(one: Mapping[str, Any]) -> tuple[object, ...]:
    others = " ".join(short(other) for other in one["may_also_be"])
    return ("possible", short(one["child_id"]), others, one["means"])


def _alert_row(one: Mapping[str, Any]) -> tuple[object, ...]:
    return (
        short(one["alert_id"]),
        short(one["child_id"]),
        one["means"],
        "stands" if one["supported"] else "none left",
        one["version"],
        second(one["raised_at"]),
        second(one["updated_at"]),
    )


def alert_show(
    alert_id: Id,
    *,
    name: Name = None,
    purpose: PurposeCode = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show one alert and its reason, tie by tie."""
    from consumers.safeguarding.look import alert, find_alert  # noqa: PLC0415 - keeps --help quick

    found = ask(hub("alert show", alert, find_alert, alert_id), name, purpose, as_of)
    if as_json:
        show_json(found)
    else:
        _show_alert(found)


def _show_alert(found: Mapping[str, Any]) -> None:
    show_text(f"Alert {found['alert_id']}, version {found['version']}: {found['means']}")
    show_text(f"Child {found['child_id']}")
    for other in found["may_also_be"]:
        show_text(f"Possibly the same child as {other}: the review desk has not decided")
    show_text(f"Raised {second(found['raised_at'])}, changed {second(found['updated_at'])}")
    show_text("Why:")
    for sentence in found["in_words"]:
        show_text(f"  {sentence}")
    for step in found["path"]:
        reports = " ".join(short(report) for report in step["report_ids"])
        show_text(f"  evidence of {step['kind']}: {reports}")
    show_text(handling_line(found["handling"]))
    show_text(found["note"])
