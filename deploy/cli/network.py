"""`rivelin network` and `person`: candidate networks, and people under their police ids."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.asking import (
    AsJson,
    AsOf,
    Id,
    Name,
    PurposeCode,
    ask,
    ask_between,
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
    networks.command("history")(network_history)
    networks.command("diff")(network_diff)
    app.add_typer(networks, name="network")
    people = typer.Typer(help="People under their police ids.", no_args_is_help=True)
    people.command("list")(person_list)
    people.command("show")(person_show)
    app.add_typer(people, name="person")


# --- networks --------------------------------------------------------------------


def network_list(
    *,
    top: Annotated[
        int | None,
        typer.Option(help="Only the first so many; on the screen 100.", min=1, show_default=False),
    ] = None,
    name: Name = None,
    purpose: PurposeCode = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show the candidate networks, the largest first."""
    from consumers.network.look import network_count, networks  # noqa: PLC0415 - keeps --help quick

    first = top or (None if as_json else _ON_SCREEN)

    def read(connection: Any, _: str) -> Any:  # noqa: ANN401 - loaded when used
        return networks(connection, first), network_count(connection)

    found, count = ask(police("network list", read), name, purpose, as_of)
    if as_json:
        show_json(found)
        return
    columns = ("network_id", "people", "children", "others", "pairs", "first_week", "last_week")
    table(columns, found)
    if count > len(found):
        say(f"The {len(found)} largest of {count}; --top shows more.")
    say("Candidate networks, not mapped OCGs: a named human decides that.")


#: Nobody reads more at a terminal; a file of all is one --json away.
_ON_SCREEN = 100


def network_show(  # noqa: PLR0913 - each is an option of the command
    network_id: Id,
    *,
    explain: Annotated[
        bool, typer.Option("--explain", help="Tell what each tie's strength is made of.")
    ] = False,
    name: Name = None,
    purpose: PurposeCode = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show one candidate network: core, periphery, brokers, reach, ties and where it was seen.

    Measures are computed now, over every link; children and victims are links
    and have no number. A tie's strength fades with its age, by the moment of
    looking, and with its grade; it decides nothing.
    """
    from consumers.network.decay import faded  # noqa: PLC0415 - keeps --help quick
    from consumers.network.look import find, network  # noqa: PLC0415 - the same
    from consumers.network.tables import NETWORKS  # noqa: PLC0415 - the same

    def find_network(connection: Any, typed: str) -> str:  # noqa: ANN401 - loaded when used
        return find(connection, NETWORKS.c.network_id, typed, "network")

    found = ask(police("network show", network, find_network, network_id), name, purpose, as_of)
    found["ties"] = faded(found["ties"], looked_at(as_of, found["known_until"]))
    if as_json:
        show_json(found)
        return
    _show_network(found)
    if explain:
        _explain(found["ties"])


def looked_at(as_of: str | None, known_until: str | None) -> date:
    """Return the day of looking: today, or that of the moment asked for."""
    if as_of is None or known_until is None:
        return datetime.now(UTC).date()
    from deploy.moments import instant  # noqa: PLC0415 - keeps --help quick

    return instant(known_until if as_of[:1].isalpha() else as_of).date()


def _show_network(found: Mapping[str, Any]) -> None:
    show_text(f"Candidate network {found['network_id']}; a named human decides what is an OCG.")
    for place, title in _PLACES.items():
        if found[place]:
            show_table(
                ("id", "kind", "standing", "reports"), map(_member, found[place]), title=title
            )
    _show_measures(found["measures"], found["brokers"])
    show_ties(found["ties"])
    _show_reach(found["reach"])
    show_text(handling_line(found["handling"]))


def _show_measures(measures: Mapping[str, Any], brokers: Sequence[Mapping[str, Any]]) -> None:
    show_text(
        f"{measures['nodes']} nodes, {measures['edges']} pairs, density {measures['density']:.3f},"
        f" innermost core {measures['core_number']}-core (measures version {measures['version']})"
    )
    rows = (
        (
            short(one["entity_id"]),
            f"{one['betweenness']:.3f}",
            "yes" if one["holds_apart"] else "",
        )
        for one in brokers
    )
    if brokers:
        title = "Brokers: who stands between others, by what was reported"
        show_table(("id", "betweenness", "network parts without"), rows, title=title)


def _show_reach(reach: Mapping[str, Any]) -> None:
    for title, counts in (("Seen in", reach["districts"]), ("Themes", reach["themes"])):
        told = ", ".join(f"{name} ({count})" for name, count in counts.items())
        show_text(f"{title}: {told or 'none told'}")
    others = ", ".join(f"{short(one)} ({count})" for one, count in reach["networks"].items())
    show_text(f"Reaches into other networks: {others or 'none'}")
    if reach["things"]:
        rows = ((short(one["entity_id"]), one["kind"], standing(one)) for one in reach["things"])
        show_table(("id", "kind", "standing"), rows, title="Places and things it uses")


def _explain(ties: Sequence[Mapping[str, Any]]) -> None:
    rows = (
        (
            short(tie["subject_id"]),
            tie["kind"],
            short(tie["object_id"]),
            tie["strength"]["value"],
            "; ".join(
                f"{one['name']} {one['value']} ({one['because']})"
                for one in tie["strength"]["factors"]
            ),
        )
        for tie in ties
    )
    version = ties[0]["strength"]["version"] if ties else ""
    title = f"Why the strength (version {version}): the product of"
    show_table(("from", "kind", "to", "strength", "factors"), rows, title=title)


_PLACES = {
    "core": "Core (innermost k-core)",
    "periphery": "Periphery",
    "at_risk": "At risk: children and victims, never ranked",
    "others": "Organisations and phone lines",
}


def _member(entity: Mapping[str, Any]) -> Sequence[object]:
    return (short(entity["entity_id"]), entity["kind"], standing(entity), entity["reports"])


# --- through time ----------------------------------------------------------------

Since = Annotated[
    str, typer.Option("--from", help="An instant with its time zone, or TOPIC:OFFSET.")
]
Until = Annotated[str | None, typer.Option("--to", help="The same; by default now.")]


def network_history(
    network_id: Id,
    *,
    name: Name = None,
    purpose: PurposeCode = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show what happened to a network: formed, grew, absorbed another, parted; and by what."""
    from consumers.network.change import history  # noqa: PLC0415 - keeps --help quick
    from streams.topics import POLICE  # noqa: PLC0415 - the same

    def read(connection: Any, found: str) -> Any:  # noqa: ANN401 - loaded when used
        return history(connection, POLICE, found)

    question = police("network history", read, _find_ever, network_id)
    found = ask(question, name, purpose, as_of)
    if as_json:
        show_json(found)
        return
    show_text(f"Candidate network {found['network_id']}; a named human decides what is an OCG.")
    _show_happened(found["changes"])


def network_diff(  # noqa: PLR0913 - each is an option of the command
    since: Since,
    network_id: Annotated[
        str | None, typer.Argument(help="An id, or the beginning of one; by default all.")
    ] = None,
    *,
    until: Until = None,
    name: Name = None,
    purpose: PurposeCode = None,
    as_json: AsJson = False,
) -> None:
    """Show what changed between two moments: who joined or left, which tie, and why.

    Why is the event with which it came: a report, a withdrawal, a grade, a
    merge or a split, with its position in the log.
    """
    from consumers.network.change import difference  # noqa: PLC0415 - keeps --help quick
    from streams.topics import POLICE  # noqa: PLC0415 - the same

    def read(connection: Any, found: str, window: tuple[int, int]) -> Any:  # noqa: ANN401 - loaded when used
        return difference(connection, POLICE, window, found or None)

    find = None if network_id is None else _find_ever
    question = police("network diff", read, find, network_id or "")
    found = ask_between(question, name, purpose, since, until)
    if as_json:
        show_json(found)
        return
    _show_difference(found)


def _find_ever(connection: Any, typed: str) -> str:  # noqa: ANN401 - loaded when used
    """Find a network that is, or was."""
    from consumers.network.look import find  # noqa: PLC0415 - keeps --help quick
    from consumers.network.tables import NAMES  # noqa: PLC0415 - the same

    return find(connection, NAMES.c.network_id, typed, "network")


def _show_difference(found: Mapping[str, Any]) -> None:
    show_text(
        f"{found['topic']} from {found['from_position']} to {found['to_position']};"
        " candidate networks, not mapped OCGs"
    )
    _show_happened(found["networks"])
    people = (
        (short(one["entity_id"]), one["kind"], one["change"], _move(one), _because(one))
        for one in found["people"]
    )
    show_table(
        ("id", "kind", "change", "network", "because"),
        people,
        title="Who joined and left, and who at risk is linked",
    )
    ties = (
        (
            short(one["subject_id"]),
            one["kind"],
            short(one["object_id"]),
            ", ".join(one["changes"]),
            f"{one['weight_before']} to {one['weight_after']}",
            _because(one),
        )
        for one in found["ties"]
    )
    show_table(("from", "kind", "to", "change", "weight", "because"), ties, title="Ties")


def _show_happened(changes: Sequence[Mapping[str, Any]]) -> None:
    rows = (
        (
            short(one["network_id"]),
            one["change"],
            one["other_id"] and short(one["other_id"]),
            one["people"],
            _because(one),
        )
        for one in changes
    )
    show_table(("network", "change", "other", "people after", "because"), rows, title="Networks")


def _move(one: Mapping[str, Any]) -> str:
    was, now = (one[name] and short(one[name]) for name in ("from_network", "to_network"))
    return f"{was} to {now}" if was and now else was or now


def _because(one: Mapping[str, Any]) -> str:
    return "; ".join(
        " ".join(
            (
                cause["event"],
                *(short(cause[name]) for name in _ABOUT if name in cause),
                f"at {cause['offset']}",
            )
        )
        for cause in one["because"]
    )


_ABOUT = ("report_id", "kept_id", "absorbed_id", "split_id")


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
