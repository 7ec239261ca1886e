"""`rivelin replay`: fold the log anew, in this process and without keys, and compare."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.output import counting, say, show_json, show_table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from consumers.audit.replay import Replayed
    from deploy.settings import Settings

Until = Annotated[
    str | None,
    typer.Option(
        help="An instant (2026-11-25T09:30Z), or TOPIC:OFFSET for what lies below that offset, and "
        "elsewhere up to that moment. Prints the state; compares nothing."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as one JSON document.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(replay)


def replay(*, until: Until = None, as_json: AsJson = False) -> None:
    """Fold the whole log again and compare with the live stores, table by table.

    Ends with code 6 if a live store holds anything but what the log says.
    """
    from deploy.settings import Settings  # noqa: PLC0415 - keeps --help quick

    with counting("records") as tell:
        found = asyncio.run(_replay(Settings(), until, tell))
    if as_json:
        show_json([_facts(one, compared=until is None) for one in found])
        return
    for one in found:
        positions = ", ".join(f"{topic}:{place}" for topic, place in one.positions.items())
        show_table(("table", "rows"), one.rows.items(), title=f"{one.name} at {positions}")
        say(f"state {one.state_hash}" + (" equals the live store" if until is None else ""))


def _facts(replayed: Replayed, *, compared: bool) -> dict[str, Any]:
    return {**asdict(replayed), **({"equal": True} if compared else {})}


async def _replay(
    settings: Settings, until: str | None, tell: Callable[[int, int], None]
) -> Sequence[Replayed]:
    from deploy.replay import compare_with_live, replay_until  # noqa: PLC0415 - keeps --help quick
    from deploy.views import connected  # noqa: PLC0415 - the same

    async with connected(settings, "audit") as log:
        if until is not None:
            return await replay_until(log, until, tell)
        return await compare_with_live(log, settings.stores_dir, tell)
