"""`rivelin bridge`: what the hub tells police: a view on a lever, a protected place; no person."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID, uuid4

import typer

from deploy.cli.asking import (
    AsJson,
    Id,
    Name,
    PurposeCode,
    ask,
    asker,
    decide,
    hub,
    short,
)
from deploy.cli.codes import code_of
from deploy.cli.notice import hub_decision
from deploy.cli.output import progress, say, show_json, show_table

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping
    from datetime import datetime

    from deploy.settings import Settings
    from deploy.views import Asker

RequestId = Annotated[str, typer.Argument(help="The id of a question, or the beginning of one.")]
View = Annotated[
    str,
    typer.Argument(
        help="NO_OBJECTION, WITH_A_SOCIAL_WORKER, IN_SCHOOL_HOURS or HOLD_UNTIL_CHILD_SAFE."
    ),
]
Until = Annotated[str, typer.Option("--until", help="The last day, such as 2026-12-31.")]
DeclarationId = Annotated[str, typer.Argument(help="A declaration's id, or its beginning.")]
NOT_WHO = "Police learn that a child is protected there, not who, and not why."


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(
        help="What the hub tells police: a view on a lever, a protected place; never a person.",
        no_args_is_help=True,
    )
    group.command("views")(bridge_views)
    group.command("give")(bridge_give)
    group.command("protect")(bridge_protect)
    group.command("end")(bridge_end)
    group.command("list")(bridge_list)
    group.command("withheld")(bridge_withheld)
    app.add_typer(group, name="bridge")


# --- views --------------------------------------------------------------------------


def bridge_views(
    *, name: Name = None, purpose: PurposeCode = None, as_json: AsJson = False
) -> None:
    """Show the places about which police asked, and the view that was given."""
    from consumers.safeguarding.bridge import views  # noqa: PLC0415 - keeps --help quick

    found = ask(hub("bridge views", lambda one, _: views(one)), name, purpose, None)
    if as_json:
        show_json(found)
        return
    columns = ("question", "place", "kind", "lever", "view", "given by")
    show_table(columns, map(_view_row, found))


def bridge_give(
    request_id: RequestId, view: View, *, name: Name = None, purpose: PurposeCode = None
) -> None:
    """Give the hub's view on a lever at a place; given again, the later one counts."""
    from consumers.safeguarding.bridge import find_request  # noqa: PLC0415 - keeps --help quick
    from deploy.authority import Act  # noqa: PLC0415 - the same
    from streams.codes import HubView  # noqa: PLC0415 - the same
    from streams.hub import HubViewGiven  # noqa: PLC0415 - the same

    said = code_of(HubView, view, "VIEW")
    question = hub("bridge show", lambda _, one: one, find_request, request_id)
    found = ask(question, name, purpose, None)
    settings, who = asker(name, purpose)

    def given(_: object, at: datetime) -> list[HubViewGiven]:
        request = UUID(found)
        return [HubViewGiven(request_id=request, view=said, decided_by=who.name, decided_at=at)]

    decide(settings, who, hub_decision(Act.GIVE_HUB_VIEW, f"bridge give {found}"), given)
    say(f"{said.value} is given by {who.name}; police are told it and nothing else.")


# --- protection ---------------------------------------------------------------------


def bridge_protect(
    entity_id: Id, *, until: Until, name: Name = None, purpose: PurposeCode = None
) -> None:
    """Let police know that a child is protected at a place or thing that they know, until a day.

    If police do not know the place, they are told as soon as a report brings it to them.
    """
    from consumers.network.look import find_entity  # noqa: PLC0415 - keeps --help quick
    from consumers.safeguarding.bridge import declare, place  # noqa: PLC0415 - the same
    from deploy.authority import Act  # noqa: PLC0415 - the same
    from streams.hub import ProtectionDeclared  # noqa: PLC0415 - the same
    from streams.instants import london_day  # noqa: PLC0415 - the same

    last_day = _day(until)
    found = ask(hub("bridge place", place, find_entity, entity_id), name, purpose, None)
    settings, who = asker(name, purpose)

    def declared(records: Any, at: datetime) -> tuple[ProtectionDeclared]:  # noqa: ANN401 - records
        event = ProtectionDeclared(
            declaration_id=uuid4(),
            entity_id=UUID(found["entity_id"]),
            until=last_day,
            decided_by=who.name,
            decided_at=at,
        )
        return declare(records, event, london_day(at))

    subject = f"bridge protect {found['entity_id']}"
    (event,) = decide(settings, who, hub_decision(Act.GIVE_HUB_VIEW, subject), declared)
    declaration = short(str(event.declaration_id))  # type: ignore[attr-defined] # as `declared` made it
    say(f"Declaration {declaration} by {who.name}, until {last_day}. {NOT_WHO}")


def bridge_end(
    declaration_id: DeclarationId, *, name: Name = None, purpose: PurposeCode = None
) -> None:
    """End a protection before its day."""
    from consumers.safeguarding.bridge import end_protection, find_protection  # noqa: PLC0415 - quick
    from deploy.authority import Act  # noqa: PLC0415 - the same
    from streams.hub import ProtectionEnded  # noqa: PLC0415 - the same

    question = hub("bridge show", lambda _, one: one, find_protection, declaration_id)
    found = ask(question, name, purpose, None)
    settings, who = asker(name, purpose)

    def ended(records: Any, at: datetime) -> tuple[ProtectionEnded]:  # noqa: ANN401 - records
        event = ProtectionEnded(declaration_id=UUID(found), decided_by=who.name, decided_at=at)
        return end_protection(records, event)

    decide(settings, who, hub_decision(Act.GIVE_HUB_VIEW, f"bridge end {found}"), ended)
    say(f"Declaration {short(found)} is ended by {who.name}.")


def bridge_list(*, name: Name = None, purpose: PurposeCode = None, as_json: AsJson = False) -> None:
    """Show the places and things that were declared, those in force first."""
    from consumers.safeguarding.bridge import protections  # noqa: PLC0415 - keeps --help quick

    found = ask(hub("bridge list", lambda one, _: protections(one)), name, purpose, None)
    if as_json:
        show_json(found)
        return
    rows = ((short(one["declaration_id"]), short(one["entity_id"]), *_term(one)) for one in found)
    show_table(("declaration", "place", "until", "state"), rows)
    say(NOT_WHO)


# --- what was withheld ----------------------------------------------------------------


def bridge_withheld(
    *, name: Name = None, purpose: PurposeCode = None, as_json: AsJson = False
) -> None:
    """Count, for the auditor, what the gate kept from an audience, by kind and reason.

    Counts alone: what it was, and of whom, is on no record.
    """
    settings, who = asker(name, purpose)
    with progress("counting …"):
        counts = asyncio.run(_count_withheld(settings, who))
    rows = [
        {"recipient": recipient, "what": what, "reason": reason, "count": count}
        for (recipient, what, reason), count in sorted(counts.items())
    ]
    if as_json:
        show_json(rows)
        return
    show_table(("kept from", "what", "why", "how often"), (tuple(one.values()) for one in rows))


async def _count_withheld(settings: Settings, who: Asker) -> Counter[tuple[str, str, str]]:
    from deploy.views import connected  # noqa: PLC0415 - keeps --help quick
    from deploy.withheld import count_withheld  # noqa: PLC0415 - the same

    async with connected(settings, "audit") as log:
        return await count_withheld(log, who)


def _view_row(one: Mapping[str, Any]) -> tuple[object, ...]:
    place = (short(one["request_id"]), short(one["entity_id"]), one["kind"] or "not known here")
    return (*place, one["lever"], one["view"] or "waits for you", one["given_by"] or "")


def _term(one: Mapping[str, Any]) -> tuple[object, ...]:
    return one["until"], "ended" if one["ended"] else "in force"


def _day(text: str) -> date:
    from streams.errors import InvalidInputError  # noqa: PLC0415 - keeps --help quick

    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInputError("--until: write a day, such as 2026-12-31") from None
