"""`rivelin reconcile`: has every submission an outcome? One look at the log itself."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.output import progress, say, show_json, show_table, show_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from deploy.reconcile import Count, Missing
    from deploy.settings import Settings

_SHOWN_MAX = 50


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(reconcile)


def reconcile(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as one JSON document.")] = False,
) -> None:
    """Count every partner's submissions by what became of them, and name those without outcome.

    Counted from partners' topics and receipts, apart from the reconciler's own process.
    Exit codes: 0 every submission has an outcome or is younger than the bound, 1 some have none,
    5 no broker.
    """
    from deploy.settings import Settings  # noqa: PLC0415 - keeps --help quick
    from deploy.views import now  # noqa: PLC0415 - the same

    settings = Settings()
    with progress("counting …"):
        counts = asyncio.run(_counted(settings))
    at = now()
    late = [one for count in counts for one in count.missing if _is_late(one, at, settings)]
    if as_json:
        show_json({"partners": [_facts(one, at) for one in counts], "late": len(late)})
    else:
        _show(counts, late, at)
    sys.exit(1 if late else 0)


async def _counted(settings: Settings) -> Sequence[Count]:
    from deploy.reconcile import count_all  # noqa: PLC0415 - keeps --help quick
    from deploy.views import connected  # noqa: PLC0415 - the same

    async with connected(settings, "reconciler") as log:
        return await count_all(log)


def _is_late(one: Missing, at: datetime, settings: Settings) -> bool:
    return (at - one.since).total_seconds() > settings.reconcile.outcome_seconds_max


def _show(counts: Sequence[Count], late: Sequence[Missing], at: datetime) -> None:
    from streams.values import Outcome  # noqa: PLC0415 - keeps --help quick

    if not counts:
        say("No partner was ever onboarded.")
        return
    columns = ("partner", "sent", *(one.value.lower() for one in Outcome), "told otherwise",
               "without outcome")  # fmt: skip
    rows = [
        (
            one.partner,
            one.submissions,
            *(one.outcomes.get(outcome, 0) for outcome in Outcome),
            one.unanswered,
            len(one.missing),
        )
        for one in counts
    ]
    show_table(columns, rows)
    for one in late[:_SHOWN_MAX]:
        report = f"report {one.report_id} revision {one.revision or '-'}"
        show_text(f"{one.partner} at {one.offset}: {report if one.report_id else 'unreadable'},"
                  f" for {_age(one, at)} s")  # fmt: skip
    if len(late) > _SHOWN_MAX:
        show_text(f"and {len(late) - _SHOWN_MAX} more")
    say(_verdict(sum(len(one.missing) for one in counts), len(late)))


def _verdict(missing: int, late: int) -> str:
    if late:
        return f"{late} {'has' if late == 1 else 'have'} none."
    if missing:
        return f"Still on its way: {missing}, none for too long."
    return "Every submission has its outcome."


def _facts(count: Count, at: datetime) -> dict[str, Any]:
    return {
        "partner": count.partner,
        "submissions": count.submissions,
        "outcomes": {outcome.value: number for outcome, number in sorted(count.outcomes.items())},
        "told_otherwise": count.unanswered,
        "missing": [
            {
                "offset": one.offset,
                "report_id": one.report_id and str(one.report_id),
                "revision": one.revision,
                "since": one.since.isoformat(),
                "age_seconds": _age(one, at),
            }
            for one in count.missing
        ],
    }


def _age(one: Missing, at: datetime) -> int:
    return max(0, round((at - one.since).total_seconds()))
