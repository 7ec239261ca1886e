"""`rivelin meters`: the black hole as a number, the clock to action, and who contributes."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.asking import AsJson, Name, PurposeCode, asker
from deploy.cli.output import progress, say, show_json, show_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anonymiser.meters.figures import Meters
    from deploy.settings import Settings
    from deploy.views import Asker

_ROWS = {
    "reports": "reports",
    "old": "older than the window",
    "untriaged": "… that nobody looked at",
    "unlinked": "… that name nobody whom another names",
    "without_outcome": "… that nothing came of",
    "acted_on": "… that an action rests on",
    "hours_to_action_p50": "hours from report to action, half",
    "hours_to_action_p90": "hours from report to action, nine in ten",
    "submissions": "submissions answered",
    "refused": "… refused (format, law)",
    "duplicates": "… duplicates, counted once",
}


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(
        help="What became of reports: black hole, clock to action, contribution.",
        no_args_is_help=True,
    )
    group.callback()(lambda: None)
    group.command("show")(show)
    app.add_typer(group, name="meters")


def show(
    *,
    partner: Annotated[
        str | None, typer.Option("--partner", help="The agency whose own meters are wanted.")
    ] = None,
    days: Annotated[
        int,
        typer.Option(
            "--days",
            min=1,
            max=3650,
            help="After so many days a report is old; shares are told for the usual 28 only.",
        ),
    ] = 28,
    name: Name = None,
    purpose: PurposeCode = None,
    as_json: AsJson = False,
) -> None:
    """Show an agency its own meters beside all others, or the whole partnership.

    An agency's own are shown to people who act for it, and to auditors. Others are shown together
    only, from five reports and three agencies on. What tells of people is shown as a share, from
    twenty reports on. Exit codes: 0 done, 4 not your agency, 5 no broker.
    """
    settings, who = asker(name, purpose)
    with progress("reading the log …"):
        found = asyncio.run(_look(settings, who, partner, days))
    if as_json:
        show_json(found)
        return
    columns = [one for one in ("own", "others", "all") if one in found]
    rows = ([text, *(_cell(found[one], key) for one in columns)] for key, text in _ROWS.items())
    show_table(["", *columns], rows)
    if found.get("reasons"):
        told = ", ".join(f"{code} ({count})" for code, count in found["reasons"].items())
        say(f"Refused because of: {told}")
    if (balance := found.get("balance")) is not None:
        say(
            f"{balance['agencies']} agencies report; the most active gives"
            f" {balance['largest_percent']} % of it (Gini {balance['gini_percent']} %)."
        )
    say("A dash is too little to tell without pointing at somebody.")


def _cell(figures: Mapping[str, Any] | None, key: str) -> object:
    value = None if figures is None else figures[key]
    return "-" if value is None else value


async def _look(settings: Settings, who: Asker, partner: str | None, days: int) -> dict[str, Any]:
    from anonymiser.meters.figures import Meters  # noqa: PLC0415 - keeps --help quick
    from deploy.authority import allow_meters  # noqa: PLC0415 - the same
    from deploy.keys import key_ring  # noqa: PLC0415 - the same
    from deploy.meters import read_book  # noqa: PLC0415 - the same
    from deploy.views import connected, now, record  # noqa: PLC0415 - the same

    keys = key_ring(settings).load()
    async with connected(settings, "meters") as log:
        await allow_meters(log, who.name, partner, now())
        await record(log, who, f"meters show {partner or 'all'}")
        meters = Meters(await read_book(log), keys, now(), days)
    return _told(meters, partner, days)


def _told(meters: Meters, partner: str | None, days: int) -> dict[str, Any]:
    if partner is None:
        whole, balance = meters.all(), meters.balance()
        return {
            "days": days,
            "all": None if whole is None else asdict(whole),
            "balance": None if balance is None else asdict(balance),
        }
    others = meters.others(partner)
    return {
        "days": days,
        "partner": partner,
        "own": asdict(meters.own(partner)),
        "others": None if others is None else asdict(others),
        "reasons": dict(meters.reasons(partner)),
    }
