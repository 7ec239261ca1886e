"""`rivelin network` and `person`: candidate networks, and people under their police ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from deploy.cli.asking import (
    AsJson,
    AsOf,
    Id,
    Name,
    PurposeCode,
    ask,
    grade_text,
    handling_line,
    police,
    short,
    show_ties,
    standing,
    table,
)
from deploy.cli.output import say, show_json, show_table, show_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    networks = typer.Typer(
        help="Candidate networks; a named human decides what is an OCG.", no_args_is_help=True
    )
    networks.command("list")(network_list)
    networks.command("show")(network_show)
    app.add_typer(networks, name="network")
    people = typer.Typer(help="People under their police ids.", no_args_is_help=True)
    people.command("list")(person_list)
    people.command("show")(person_show)
    app.add_typer(people, name="person")


# --- networks --------------------------------------------------------------------


def network_list(
    *,
    name: Name = None,
    purpose: PurposeCode = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show every candidate network."""
    from consumers.network.look import networks  # noqa: PLC0415 - keeps --help quick

    question = police("network list", lambda connection, _: networks(connection))
    found = ask(question, name, purpose, as_of)
    if as_json:
        show_json(found)
        return
    columns = ("network_id", "people", "children", "others", "pairs", "first_week", "last_week")
    table(columns, found)
    say("Candidate networks, not mapped OCGs: a named human decides that.")


def network_show(
    network_id: Id,
    *,
    name: Name = None,
    purpose: PurposeCode = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show one candidate network: core, periphery, ties and where it was seen."""
    from consumers.network.look import find, network  # noqa: PLC0415 - keeps --help quick
    from consumers.network.tables import NETWORKS  # noqa: PLC0415 - the same

    def find_network(connection: Any, typed: str) -> str:  # noqa: ANN401 - loaded when used
        return find(connection, NETWORKS.c.network_id, typed, "network")

    found = ask(police("network show", network, find_network, network_id), name, purpose, as_of)
    if as_json:
        show_json(found)
    else:
        _show_network(found)


def _show_network(found: Mapping[str, Any]) -> None:
    show_text(f"Candidate network {found['network_id']}; a named human decides what is an OCG.")
    for place, title in _PLACES.items():
        if found[place]:
            show_table(
                ("id", "kind", "standing", "reports"), map(_member, found[place]), title=title
            )
    show_ties(found["ties"])
    districts = ", ".join(f"{name} ({count})" for name, count in found["footprint"].items())
    show_text(f"Seen in: {districts or 'no district told'}")
    show_text(handling_line(found["handling"]))


_PLACES = {
    "core": "Core (innermost k-core)",
    "periphery": "Periphery",
    "at_risk": "At risk: children and victims, never ranked",
    "others": "Organisations and phone lines",
}


def _member(entity: Mapping[str, Any]) -> Sequence[object]:
    return (short(entity["entity_id"]), entity["kind"], standing(entity), entity["reports"])


# --- people ------------------------------------------------------------------------


def person_list(
    *,
    name: Name = None,
    purpose: PurposeCode = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show every person that a live report mentions."""
    from consumers.network.look import persons  # noqa: PLC0415 - keeps --help quick

    question = police("person list", lambda connection, _: persons(connection))
    found = ask(question, name, purpose, as_of)
    if as_json:
        show_json(found)
        return
    rows = (
        (
            short(one["entity_id"]),
            standing(one),
            one["network_id"] and short(one["network_id"]),
            one["reports"],
        )
        for one in found
    )
    show_table(("person", "standing", "network", "reports"), rows)


def person_show(
    person_id: Id,
    *,
    name: Name = None,
    purpose: PurposeCode = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show one person: standing, ties, and the reports that say so."""
    from consumers.network.look import find_entity, person  # noqa: PLC0415 - keeps --help quick

    found = ask(police("person show", person, find_entity, person_id), name, purpose, as_of)
    if as_json:
        show_json(found)
    else:
        _show_person(found)


def _show_person(found: Mapping[str, Any]) -> None:
    show_text(f"Person {found['entity_id']}  {standing(found)}")
    show_text(f"Candidate network {found['network_id'] or 'none'}")
    show_ties(found["ties"])
    rows = (
        (
            short(one["report_id"]),
            one["event_week"],
            one["district"],
            one["role"],
            one["child_at_event"],
            grade_text(one["scheme"], one["source"], one["assessment"]),
        )
        for one in found["mentions"]
    )
    columns = ("report", "week", "district", "role", "child at event", "grade")
    show_table(columns, rows, title="Mentions")
    show_text(handling_line(found["handling"]))
