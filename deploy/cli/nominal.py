"""`rivelin nominal`: enrol a person as a nominal, or discharge one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import typer

from deploy.cli.asking import Id, Name, PurposeCode, ask, asker, decide, police
from deploy.cli.output import say, warn

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from deploy.decisions import Decision
    from deploy.settings import Settings
    from deploy.views import Asker


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(help="Enrol a person as a nominal, or discharge one.", no_args_is_help=True)
    group.command("enrol")(nominal_enrol)
    group.command("discharge")(nominal_discharge)
    app.add_typer(group, name="nominal")


# --- nominals ----------------------------------------------------------------------


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
    """Decide that a person is a nominal no longer."""
    person, _, who, settings = _person_for_decision(person_id, name, purpose)
    from streams.shared import NominalDischarged  # noqa: PLC0415 - keeps --help quick

    def discharged(_: object, at: datetime) -> list[NominalDischarged]:
        one = UUID(person["entity_id"])
        return [NominalDischarged(person_id=one, decided_by=who.name, decided_at=at)]

    decide(settings, who, _decision(f"nominal discharge {person['entity_id']}"), discharged)
    say(f"{person['entity_id']} is discharged by {who.name}.")


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
    from streams.errors import InvalidInputError  # noqa: PLC0415 - the same
    from streams.values import NodeKind  # noqa: PLC0415 - the same

    settings, who = asker(name, purpose)
    question = police("person show", person_with_position, find_entity, person_id)
    found = ask(question, name, purpose, None)
    if found["kind"] != NodeKind.PERSON:
        raise InvalidInputError("only a person can be a nominal")
    return found, found["seen"], who, settings
