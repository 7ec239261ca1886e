"""`rivelin notice`: let the holders of a person know, each in its own reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID, uuid4

import typer

from deploy.cli.asking import (
    AsJson,
    AsOf,
    Id,
    Name,
    PurposeCode,
    ask,
    asker,
    decide,
    hub,
    second,
    short,
)
from deploy.cli.codes import code_of
from deploy.cli.output import say, show_json, show_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from deploy.authority import Act
    from deploy.decisions import Decision

To = Annotated[
    list[str] | None,
    typer.Option(
        "--to",
        help="Which holders: CHILDRENS_SOCIAL_CARE (default), SCHOOL, HEALTH, YOUTH_JUSTICE,"
        " HOUSING or VOLUNTARY; give it again for more.",
    ),
]
Wording = Annotated[
    str,
    typer.Option("--wording", help="CHECK_YOUR_RECORD, SPEAK_TO_THE_HUB or EXTRA_CARE."),
]
NoticeId = Annotated[str, typer.Argument(help="A notice's id, or the beginning of one.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(
        help="Let holders of a person know, each in its own reference; nobody learns a name.",
        no_args_is_help=True,
    )
    group.command("release")(notice_release)
    group.command("withdraw")(notice_withdraw)
    group.command("list")(notice_list)
    app.add_typer(group, name="notice")


def hub_decision(act: Act, subject: str) -> Decision:
    """Return a decision on `safeguarding.decisions`, made on what stands there."""
    from deploy.decisions import Decision  # noqa: PLC0415 - keeps --help quick
    from streams.topics import HUB_DECISIONS  # noqa: PLC0415 - the same

    return Decision(act, subject, "safeguarding", HUB_DECISIONS)


def notice_release(  # noqa: PLR0913 - each is one option of the command
    alert_id: Id,
    *,
    to: To = None,
    wording: Wording = "CHECK_YOUR_RECORD",
    name: Name = None,
    purpose: PurposeCode = None,
    as_json: AsJson = False,
) -> None:
    """Let holders of the person of an alert know that they should look at their own record.

    What became of it comes back within seconds: `rivelin notice list`. A report that protects the
    person, or that is about somebody's own staff, stops it; so does a split since you looked.
    """
    from consumers.safeguarding.bridge import NUMBERS, alert_for_notice  # noqa: PLC0415 - quick
    from consumers.safeguarding.look import find_alert  # noqa: PLC0415 - the same
    from deploy.authority import Act  # noqa: PLC0415 - the same
    from streams.codes import NoticeRecipient, NoticeWording  # noqa: PLC0415 - the same
    from streams.hub import NoticeReleased  # noqa: PLC0415 - the same

    kinds = [code_of(NoticeRecipient, one, "--to") for one in to or ["CHILDRENS_SOCIAL_CARE"]]
    words = code_of(NoticeWording, wording, "--wording")
    question = hub("notice release", alert_for_notice, find_alert, alert_id)
    found = ask(question, name, purpose, None)
    settings, who = asker(name, purpose)

    def released(_: object, at: datetime) -> list[NoticeReleased]:
        return [
            NoticeReleased(
                notice_id=uuid4(),
                alert_id=UUID(found["alert_id"]),
                person_id=UUID(found["person_id"]),
                recipients=tuple(dict.fromkeys(kinds)),
                wording=words,
                seen=found["seen"],
                decided_by=who.name,
                decided_at=at,
            )
        ]

    decision = hub_decision(Act.RELEASE_NOTICE, f"notice release {found['alert_id']}")
    (event,) = decide(settings, who, decision, released)
    notice_id = str(event.notice_id)  # type: ignore[attr-defined] # as `released` made it
    if as_json:
        show_json({"notice_id": notice_id, "alert_id": found["alert_id"], "recipients": kinds})
        return
    say(f"Notice {short(notice_id)} is released by {who.name} to {', '.join(kinds)}.")
    say(NUMBERS)


def notice_withdraw(notice_id: NoticeId, *, name: Name = None, purpose: PurposeCode = None) -> None:
    """Take a notice back that was released in error: whoever got it is told so."""
    from consumers.safeguarding.bridge import find_notice, withdraw  # noqa: PLC0415 - quick
    from deploy.authority import Act  # noqa: PLC0415 - the same
    from streams.hub import NoticeWithdrawn  # noqa: PLC0415 - the same

    found = ask(hub("notice show", _itself, find_notice, notice_id), name, purpose, None)
    settings, who = asker(name, purpose)

    def withdrawn(records: Any, at: datetime) -> tuple[NoticeWithdrawn]:  # noqa: ANN401 - records
        event = NoticeWithdrawn(notice_id=UUID(found), decided_by=who.name, decided_at=at)
        return withdraw(records, event)

    decide(settings, who, hub_decision(Act.RELEASE_NOTICE, f"notice withdraw {found}"), withdrawn)
    say(f"Notice {short(found)} is withdrawn by {who.name}; whoever got it is told so.")


def notice_list(
    *,
    name: Name = None,
    purpose: PurposeCode = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show every notice, how many holders have it, and what stopped the others."""
    from consumers.safeguarding.bridge import NUMBERS, notices  # noqa: PLC0415 - quick help

    found = ask(hub("notice list", lambda one, _: notices(one)), name, purpose, as_of)
    if as_json:
        show_json(found)
        return
    columns = ("notice", "alert", "released", "by", "to", "wording", "holders", "what became of it")
    show_table(columns, map(_row, found))
    say(NUMBERS)


def _itself(_: Any, found: str) -> str:  # noqa: ANN401 - a connection, loaded when used
    return found


def _row(one: Mapping[str, Any]) -> tuple[object, ...]:
    means = one["means"] if one["withdrawn_at"] is None else "withdrawn"
    return (
        short(one["notice_id"]),
        short(one["alert_id"]),
        second(one["released_at"]),
        one["released_by"],
        " ".join(one["recipients"]),
        one["wording"],
        "" if one["holders"] is None else one["holders"],
        means,
    )
