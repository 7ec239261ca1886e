"""`rivelin duty`: immediate risks, for the officer on duty."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.output import say, show_json, show_table, show_text, warn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from deploy.duty import DutyEntry
    from deploy.settings import Settings
    from streams.ports import Log

AsJson = Annotated[bool, typer.Option("--json", help="Answer as one JSON document.")]
POLL = timedelta(seconds=1)
POLL_LIMIT = 500


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(duty)


def duty(
    *,
    follow: Annotated[bool, typer.Option("--follow", help="Go on until Ctrl-C.")] = False,
    name: Annotated[str | None, typer.Option("--as", help="Who looks.")] = None,
    purpose: Annotated[
        str | None, typer.Option("--purpose", help="Why; SAFEGUARD_CHILDREN by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show immediate risks, newest last; those that could not be opened by partner and hour.

    The look is put on record before it is answered. With --follow and --json: one JSON document
    a line. Exit codes: 0 done, 3 no such purpose, 5 no broker.
    """
    from deploy.settings import Settings  # noqa: PLC0415 - keeps --help quick
    from deploy.views import asker_of  # noqa: PLC0415 - keeps --help quick

    settings = Settings()
    asker = asker_of(settings, name, purpose or settings.purpose or "SAFEGUARD_CHILDREN")
    try:
        asyncio.run(_duty(settings, asker, follow=follow, as_json=as_json))
    except KeyboardInterrupt:
        say("No longer looking.")


async def _duty(settings: Settings, asker: Any, *, follow: bool, as_json: bool) -> None:  # noqa: ANN401 - loaded when used
    from deploy.duty import group  # noqa: PLC0415 - keeps --help quick
    from deploy.views import connected, record  # noqa: PLC0415 - keeps --help quick

    async with connected(settings, "duty") as log:
        await record(log, asker, "duty list")
        risks, position = await _risks_so_far(log)
        entries = group(risks)
        if follow:
            await _follow(log, entries, position, as_json=as_json)
        elif as_json:
            show_json([_duty_facts(entry) for entry in entries])
        elif entries:
            show_table(_DUTY_COLUMNS, map(_duty_row, entries))
        else:
            say("No immediate risk was ever raised.")


async def _risks_so_far(log: Log) -> tuple[list[Any], int]:
    from streams.loop import read_to_end  # noqa: PLC0415 - keeps --help quick
    from streams.topics import DUTY  # noqa: PLC0415 - keeps --help quick

    records = [one async for batch in read_to_end(log, (DUTY,)) for one in batch]
    return list(_risks(records)), records[-1].offset + 1 if records else 0


def _risks(records: Iterable[Any]) -> Iterator[Any]:
    """What the records tell; one that cannot be read hides no other, and is told of."""
    from streams.codec import decode  # noqa: PLC0415 - keeps --help quick
    from streams.errors import DecodeError  # noqa: PLC0415 - keeps --help quick
    from streams.restricted import RiskRaised  # noqa: PLC0415 - keeps --help quick

    for record in records:
        try:
            yield decode(record.value or b"", RiskRaised)
        except DecodeError:
            warn(f"{record.topic} at {record.offset} is unreadable: tell the enclave's operator")


async def _follow(log: Log, entries: Sequence[DutyEntry], position: int, *, as_json: bool) -> None:
    """Print each risk as it comes; of unreadable ones the first, tenth, hundredth … of an hour."""
    from deploy.duty import group, group_of  # noqa: PLC0415 - keeps --help quick
    from streams.topics import DUTY  # noqa: PLC0415 - keeps --help quick

    for entry in entries:
        _tell_risk(entry, as_json=as_json)
    source = log.source()
    await source.start({DUTY: position})
    lines: dict[object, list[Any]] = {}
    try:
        while True:
            for risk in _risks(await source.poll(POLL_LIMIT, POLL)):
                risks = lines.setdefault(group_of(risk), [])
                risks.append(risk)
                if _is_power_of_ten(len(risks)):
                    _tell_risk(group(risks)[0], as_json=as_json)
    finally:
        await source.stop()


_DUTY_COLUMNS = ("raised", "partner", "report id", "revision", "count", "what")


def _tell_risk(entry: DutyEntry, *, as_json: bool) -> None:
    if as_json:
        show_text(json.dumps(_duty_facts(entry), default=str))
    else:
        show_text("  ".join("-" if one is None else str(one) for one in _duty_row(entry)))
    sys.stdout.flush()


def _duty_facts(entry: DutyEntry) -> dict[str, Any]:
    instants = {"first_at": entry.first_at.isoformat(), "last_at": entry.last_at.isoformat()}
    return {**asdict(entry), **instants}


def _duty_row(entry: DutyEntry) -> tuple[object, ...]:
    from deploy.duty import NOT_OPENED  # noqa: PLC0415 - keeps --help quick

    what = ", ".join(entry.reasons) or "immediate risk"
    return (
        f"{entry.last_at:%Y-%m-%d %H:%M:%S}Z",
        entry.partner,
        entry.report_id,
        entry.revision,
        entry.count,
        what if entry.readable else f"{what}; {NOT_OPENED}",
    )


def _is_power_of_ten(count: int) -> bool:
    return str(count).rstrip("0") == "1"
