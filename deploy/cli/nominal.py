"""`rivelin nominal`: who is one and why; enrol a person, or discharge one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

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
    police,
    short,
)
from deploy.cli.output import say, show_json, show_table, warn

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from deploy.decisions import Decision
    from deploy.settings import Settings
    from deploy.views import Asker


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(
        help="Nominals: enrolled by police, or in a confirmed role of a mapped OCG.",
        no_args_is_help=True,
    )
    group.command("list")(nominal_list)
    group.command("enrol")(nominal_enrol)
    group.command("discharge")(nominal_discharge)
    app.add_typer(group, name="nominal")


# --- nominals ----------------------------------------------------------------------


def nominal_list(
    *,
    name: Name = None,
    purpose: PurposeCode = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show every nominal and why they are one."""
    from consumers.ocg_network.ocg_look import nominals  # noqa: PLC0415 - keeps --help quick

    found = ask(police("nominal list", lambda one, _: nominals(one)), name, purpose, as_of)
    if as_json:
        show_json(found)
        return
    rows = (
        (
            short(one["person_id"]),
            "child: a potential victim first" if one["is_child"] else "",
            "enrolled" if one["is_enrolled"] else "",
            "; ".join(_role(role) for role in one["roles"]),
            one["reports"],
        )
        for one in found
    )
    show_table(("person", "", "enrolled", "confirmed roles", "reports"), rows)


def _role(one: Mapping[str, Any]) -> str:
    return f"{one['role'].lower()} in {one['reference']} until {one['expires_on']}"


def nominal_enrol(person_id: Id, *, name: Name = None, purpose: PurposeCode = None) -> None:
    """Decide that a person is a nominal."""
    person, seen, who, settings = _person_for_decision(person_id, name, purpose)
    if person["is_child"]:
        warn("This person counts as a child: first of all a potential victim.")
    from streams.shared import NominalEnrolled  # noqa: PLC0415 - keeps --help quick

    def enrolled(_: object, at: datetime) -> list[NominalEnrolled]:
        one = UUID(person["entity_id"])
        return [NominalEnrolled(person_id=one, seen=seen, decided_by=who.name, decided_at=at)]

    decide(settings, who, _decision(f"nominal enrol {person['entity_id']}"), enrolled)
    say(f"{person['entity_id']} is enrolled as a nominal by {who.name}.")


def nominal_discharge(person_id: Id, *, name: Name = None, purpose: PurposeCode = None) -> None:
    """End an enrolment; a confirmed role in a mapped OCG goes on until it ends by itself."""
    person, _, who, settings = _person_for_decision(person_id, name, purpose)
    from streams.shared import NominalDischarged  # noqa: PLC0415 - keeps --help quick

    def discharged(_: object, at: datetime) -> list[NominalDischarged]:
        one = UUID(person["entity_id"])
        return [NominalDischarged(person_id=one, decided_by=who.name, decided_at=at)]

    decide(settings, who, _decision(f"nominal discharge {person['entity_id']}"), discharged)
    say(f"{person['entity_id']} is discharged by {who.name}.")
    if person["is_in_role"]:
        warn("Still a nominal by a confirmed role: `rivelin ocg role end` ends it.")


def _decision(subject: str) -> Decision:
    from deploy.authority import Act  # noqa: PLC0415 - keeps --help quick
    from deploy.decisions import Decision  # noqa: PLC0415 - the same
    from streams.topics import POLICE_DECISIONS  # noqa: PLC0415 - the same

    return Decision(Act.DECIDE_ON_NOMINAL, subject, "police", POLICE_DECISIONS)


def _person_for_decision(
    person_id: str, name: str | None, purpose: str | None
) -> tuple[Mapping[str, Any], int, Asker, Settings]:
    """Look the person up, and how much of the log that look covers: a later split voids it."""
    from consumers.network.look import find_entity, person_with_position  # noqa: PLC0415 - quick
    from consumers.ocg_network.ocg_look import roles_of  # noqa: PLC0415 - the same
    from streams.errors import InvalidInputError  # noqa: PLC0415 - the same
    from streams.values import NodeKind  # noqa: PLC0415 - the same

    def read(connection: Any, found: str) -> Any:  # noqa: ANN401 - loaded when used
        held = bool(roles_of(connection, found))
        return {**person_with_position(connection, found), "is_in_role": held}

    settings, who = asker(name, purpose)
    question = police("person show", read, find_entity, person_id)
    found = ask(question, name, purpose, None)
    if found["kind"] != NodeKind.PERSON:
        raise InvalidInputError("only a person can be a nominal")
    return found, found["seen"], who, settings
