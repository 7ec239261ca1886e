"""`rivelin nrm`: prompts about suspected modern slavery, to first responder organisations only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID, uuid4

import typer

from deploy.cli.asking import AsJson, AsOf, Id, Name, PurposeCode, ask, hub, second, short
from deploy.cli.hub_deciding import NOTE, decide_as_hub, said
from deploy.cli.output import say, show_json, show_table, show_text

if TYPE_CHECKING:
    from collections.abc import Mapping

To = Annotated[
    str,
    typer.Option(
        "--to",
        help="The first responder: POLICE, LOCAL_AUTHORITY, NATIONAL_CRIME_AGENCY,"
        " GANGMASTERS_AND_LABOUR_ABUSE_AUTHORITY, HOME_OFFICE or NAMED_CHARITY."
        " For another organisation you are told where to route it.",
    ),
]
Consent = Annotated[
    bool | None,
    typer.Option("--consent/--no-consent", help="Of an adult; for a child none is needed."),
]
Show = Annotated[bool, typer.Option("--dry-run", help="Print the form, and record nothing.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(help="Prompts about suspected modern slavery.", no_args_is_help=True)
    group.command("prompt")(nrm_prompt)
    group.command("list")(nrm_list)
    app.add_typer(group, name="nrm")


def nrm_prompt(  # noqa: PLR0913 - each is one option of the command
    alert_id: Id,
    *,
    to: To,
    consent: Consent = None,
    dry_run: Show = False,
    name: Name = None,
    purpose: PurposeCode = None,
    as_json: AsJson = False,
) -> None:
    """Prompt a first responder and print what the form holds; MS1 identifies nobody.

    A child is referred by the NRM form, consent or not; an adult with consent too; without it the
    form is MS1. Exit codes: 0 done, 3 no first responder, consent not told, or prompted already,
    4 no role allows it.
    """
    from consumers.safeguarding.hub_look import slavery_facts  # noqa: PLC0415 - keeps --help quick
    from consumers.safeguarding.look import find_alert  # noqa: PLC0415 - the same
    from consumers.safeguarding.slavery import (  # noqa: PLC0415 - the same
        content,
        first_responder,
        form_for,
    )
    from deploy.authority import Act  # noqa: PLC0415 - the same
    from streams.codes import AlertSubject  # noqa: PLC0415 - the same
    from streams.hub import SlaveryNotified  # noqa: PLC0415 - the same

    responder = first_responder(to)
    told = ask(hub("nrm prompt", slavery_facts, find_alert, alert_id), name, purpose, None)
    about = AlertSubject(told["about"])
    form = form_for(about, consent=consent)
    said_of_form = content(form, responder, told)
    if dry_run:
        _show_form(said_of_form, as_json=as_json)
        return
    event, who = decide_as_hub(
        Act.NOTIFY_SLAVERY,
        f"nrm prompt {told['alert_id']}",
        lambda _, who, at: SlaveryNotified(
            notification_id=uuid4(),
            alert_id=UUID(told["alert_id"]),
            form=form,
            consent=consent if about is AlertSubject.ADULT else None,
            first_responder=responder.value,
            decided_by=who.name,
            decided_at=at,
        ),
        name,
        purpose,
    )
    if as_json:
        show_json({**said(event), "content": said_of_form})
        return
    _show_form(said_of_form, as_json=False)
    say(f"{form} is prompted of {responder} by {who.name}. The form itself they fill in.")
    say(NOTE)


def nrm_list(
    *,
    name: Name = None,
    purpose: PurposeCode = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show every prompt that was made."""
    from consumers.safeguarding.hub_look import notifications  # noqa: PLC0415 - keeps --help quick

    found = ask(hub("nrm list", lambda one, _: notifications(one)), name, purpose, as_of)
    if as_json:
        show_json({"notifications": found, "note": NOTE})
        return
    columns = ("alert", "form", "first responder", "consent", "by", "at")
    show_table(columns, map(_row, found))
    say(NOTE)


def _row(one: Mapping[str, Any]) -> tuple[object, ...]:
    consent = {None: "not needed", True: "given", False: "not given"}[one["consent"]]
    return (
        short(one["alert_id"]),
        one["form"],
        one["first_responder"],
        consent,
        one["decided_by"],
        second(one["notified_at"]),
    )


def _show_form(form: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json({**form, "note": NOTE})
        return
    show_text(f"Form {form['form']}, to {form['first_responder']}")
    duty = "yes" if form["duty_to_notify"] else "no, it is asked to"
    show_text(f"  duty to notify (Modern Slavery Act 2015, s52): {duty}")
    for name in ("indicators", "weeks", "districts"):
        show_text(f"  {name}: {', '.join(form[name]) or 'none told'}")
    show_text(f"  identifiers: {form['identifiers']}")
