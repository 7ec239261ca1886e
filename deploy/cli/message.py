"""`rivelin message`: what holders of a person want to say to each other; the hub lets it go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from deploy.cli.asking import AsJson, Name, PurposeCode, ask, asker, decide, hub, second, short
from deploy.cli.notice import hub_decision
from deploy.cli.output import say, show_json, show_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

MessageId = Annotated[str, typer.Argument(help="A message's id, or the beginning of one.")]
Waiting = Annotated[bool, typer.Option("--waiting", help="Only what nobody decided on.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(
        help="Messages between the holders of a person; police never read them.",
        no_args_is_help=True,
    )
    group.command("list")(message_list)
    group.command("release")(message_release)
    group.command("decline")(message_decline)
    app.add_typer(group, name="message")


def message_list(
    *,
    waiting: Waiting = False,
    name: Name = None,
    purpose: PurposeCode = None,
    as_json: AsJson = False,
) -> None:
    """Show what holders offered to say, and what was decided."""
    from consumers.safeguarding.bridge import messages  # noqa: PLC0415 - keeps --help quick

    question = hub("message list", lambda one, _: messages(one, waiting=waiting))
    found = ask(question, name, purpose, None)
    if as_json:
        show_json(found)
        return
    columns = ("message", "about", "says", "sector", "offered", "state", "by")
    show_table(columns, map(_row, found))


def message_release(
    message_id: MessageId, *, name: Name = None, purpose: PurposeCode = None
) -> None:
    """Let a message go to the other holders, each in its own reference."""
    who, found = _decide(message_id, name, purpose, is_released=True)
    say(f"Message {short(found)} is released by {who}; the other holders get it, police do not.")


def message_decline(
    message_id: MessageId, *, name: Name = None, purpose: PurposeCode = None
) -> None:
    """Let a message go to nobody; its sender is told that it was not released."""
    who, found = _decide(message_id, name, purpose, is_released=False)
    say(f"Message {short(found)} is declined by {who}.")


def _decide(
    typed: str, name: str | None, purpose: str | None, *, is_released: bool
) -> tuple[str, str]:
    from consumers.safeguarding.bridge import decide_message, find_message  # noqa: PLC0415 - quick
    from deploy.authority import Act  # noqa: PLC0415 - the same
    from streams.hub import PreventionMessageDecided  # noqa: PLC0415 - the same

    question = hub("message show", lambda _, one: one, find_message, typed)
    found = ask(question, name, purpose, None)
    settings, who = asker(name, purpose)

    def decided(records: Any, at: datetime) -> tuple[PreventionMessageDecided]:  # noqa: ANN401 - records
        event = PreventionMessageDecided(
            message_id=UUID(found), released=is_released, decided_by=who.name, decided_at=at
        )
        return decide_message(records, event)

    verb = "release" if is_released else "decline"
    decide(settings, who, hub_decision(Act.RELEASE_NOTICE, f"message {verb} {found}"), decided)
    return who.name, found


def _row(one: Mapping[str, Any]) -> tuple[object, ...]:
    return (
        short(one["message_id"]),
        short(one["person_id"]),
        one["code"],
        one["sector"] or "not told",
        second(one["offered_at"]),
        one["state"],
        one["decided_by"] or "",
    )
