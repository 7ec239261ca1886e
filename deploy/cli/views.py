"""`rivelin network`, `alert`, `person` and `nominal`: looking, and deciding who is a nominal.

Every look names a purpose and is an event on `audit.operations` before it is answered.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from deploy.cli.output import progress, say, show_json, show_table, show_text, warn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from deploy.settings import Settings
    from deploy.views import Asker, Question

SHORT = 8

Name = Annotated[
    str | None, typer.Option("--as", help="Who looks; by default RIVELIN_NAME, or who you are.")
]
PurposeCode = Annotated[
    str | None, typer.Option("--purpose", help="Why, a code of the register (RIVELIN_PURPOSE).")
]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", help="As it stood at an instant, such as 2026-11-25T09:30Z."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as one JSON document.")]
Id = Annotated[str, typer.Argument(help="An id, or the beginning of one.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    groups = {
        "network": ("Candidate networks; a named human decides what is an OCG.", _NETWORK),
        "alert": ("Safeguarding alerts; none of them is a referral.", _ALERT),
        "person": ("People under their police ids.", _PERSON),
        "nominal": ("Enrol a person as a nominal, or discharge one.", _NOMINAL),
    }
    for name, (text, commands) in groups.items():
        group = typer.Typer(help=text, no_args_is_help=True)
        for command, function in commands.items():
            group.command(command)(function)
        app.add_typer(group, name=name)


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

    question = _police("network list", lambda connection, _: networks(connection))
    found = _ask(question, name, purpose, as_of)
    if as_json:
        show_json(found)
        return
    columns = ("network_id", "people", "children", "others", "pairs", "first_week", "last_week")
    _table(columns, found)
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

    found = _ask(_police("network show", network, find_network, network_id), name, purpose, as_of)
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
    _show_ties(found["ties"])
    districts = ", ".join(f"{name} ({count})" for name, count in found["footprint"].items())
    show_text(f"Seen in: {districts or 'no district told'}")
    show_text(_handling(found["handling"]))


_PLACES = {
    "core": "Core (innermost k-core)",
    "periphery": "Periphery",
    "at_risk": "At risk: children and victims, never ranked",
    "others": "Organisations and phone lines",
}


def _member(entity: Mapping[str, Any]) -> Sequence[object]:
    return (_short(entity["entity_id"]), entity["kind"], _standing(entity), entity["reports"])


def _standing(entity: Mapping[str, Any]) -> str:
    words = {
        "is_child": "child",
        "is_victim": "victim",
        "is_nominal": "nominal",
        "is_suspected_nominal": "suspected nominal",
    }
    return ", ".join(word for flag, word in words.items() if entity[flag])


def _show_ties(ties: Iterable[Mapping[str, Any]]) -> None:
    columns = ("from", "kind", "to", "weight", "valid", "weakest grade", "reports")
    show_table(columns, map(_tie, ties), title="Ties")


def _tie(tie: Mapping[str, Any]) -> Sequence[object]:
    return (
        _short(tie["subject_id"]),
        tie["kind"],
        _short(tie["object_id"]),
        tie["weight"],
        f"{tie['first_week']} to {tie['last_week']}",
        _grade(tie["weakest_scheme"], tie["weakest_source"], tie["weakest_assessment"]),
        " ".join(_short(report) for report in tie["report_ids"]),
    )


def _handling(handling: Mapping[str, Any]) -> str:
    """Tell how a view is to be handled: as the strictest report that went into it."""
    if handling["code"] == "NONE":
        return "Handling: no code given; for the readers of this view, not to be passed on"
    conditions = ", ".join(handling["conditions"])
    return f"Handling: {handling['code']}" + (f" ({conditions})" if conditions else "")


def _grade(scheme: str, source: str | None, assessment: str | None) -> str:
    if source is None and assessment is None:
        return "ungraded"
    return f"{source or '-'}{assessment or '-'} ({scheme.removeprefix('SCHEME_').lower()})"


# --- alerts ------------------------------------------------------------------------


def alert_list(
    *,
    name: Name = None,
    purpose: PurposeCode = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show every safeguarding alert, and apart from them what is possible while a doubt is open."""
    from consumers.safeguarding.look import (  # noqa: PLC0415 - keeps --help quick
        NOT_A_REFERRAL,
        POSSIBLE,
        alerts,
        possible_alerts,
    )

    def both(connection: Any, _: str) -> Any:  # noqa: ANN401 - loaded when used
        return alerts(connection), possible_alerts(connection)

    raised, possible = _ask(_hub("alert list", both), name, purpose, as_of)
    if as_json:
        show_json([*raised, *possible])
        return
    columns = ("alert", "child", "why", "evidence", "version", "raised", "changed")
    show_table(columns, (_alert_row(one) for one in raised))
    say(NOT_A_REFERRAL)
    if possible:
        rows = map(_possible_row, possible)
        show_table(("state", "child", "may also be", "why"), rows, title="Possible")
        say(POSSIBLE)


def _possible_row(one: Mapping[str, Any]) -> tuple[object, ...]:
    others = " ".join(_short(other) for other in one["may_also_be"])
    return ("possible", _short(one["child_id"]), others, one["means"])


def _alert_row(one: Mapping[str, Any]) -> tuple[object, ...]:
    return (
        _short(one["alert_id"]),
        _short(one["child_id"]),
        one["means"],
        "stands" if one["supported"] else "none left",
        one["version"],
        _second(one["raised_at"]),
        _second(one["updated_at"]),
    )


def alert_show(
    alert_id: Id,
    *,
    name: Name = None,
    purpose: PurposeCode = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show one alert and its reason, tie by tie."""
    from consumers.safeguarding.look import alert, find_alert  # noqa: PLC0415 - keeps --help quick

    found = _ask(_hub("alert show", alert, find_alert, alert_id), name, purpose, as_of)
    if as_json:
        show_json(found)
    else:
        _show_alert(found)


def _show_alert(found: Mapping[str, Any]) -> None:
    show_text(f"Alert {found['alert_id']}, version {found['version']}: {found['means']}")
    show_text(f"Child {found['child_id']}")
    for other in found["may_also_be"]:
        show_text(f"Possibly the same child as {other}: the review desk has not decided")
    show_text(f"Raised {_second(found['raised_at'])}, changed {_second(found['updated_at'])}")
    show_text("Why:")
    for sentence in found["in_words"]:
        show_text(f"  {sentence}")
    for step in found["path"]:
        reports = " ".join(_short(report) for report in step["report_ids"])
        show_text(f"  evidence of {step['kind']}: {reports}")
    show_text(_handling(found["handling"]))
    show_text(found["note"])


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

    question = _police("person list", lambda connection, _: persons(connection))
    found = _ask(question, name, purpose, as_of)
    if as_json:
        show_json(found)
        return
    rows = (
        (
            _short(one["entity_id"]),
            _standing(one),
            one["network_id"] and _short(one["network_id"]),
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

    found = _ask(_police("person show", person, find_entity, person_id), name, purpose, as_of)
    if as_json:
        show_json(found)
    else:
        _show_person(found)


def _show_person(found: Mapping[str, Any]) -> None:
    show_text(f"Person {found['entity_id']}  {_standing(found)}")
    show_text(f"Candidate network {found['network_id'] or 'none'}")
    _show_ties(found["ties"])
    rows = (
        (
            _short(one["report_id"]),
            one["event_week"],
            one["district"],
            one["role"],
            one["child_at_event"],
            _grade(one["scheme"], one["source"], one["assessment"]),
        )
        for one in found["mentions"]
    )
    columns = ("report", "week", "district", "role", "child at event", "grade")
    show_table(columns, rows, title="Mentions")
    show_text(_handling(found["handling"]))


# --- nominals ----------------------------------------------------------------------


def nominal_enrol(person_id: Id, *, name: Name = None, purpose: PurposeCode = None) -> None:
    """Decide that a person is a nominal."""
    person, seen, asker, settings = _person_for_decision(person_id, name, purpose)
    if person["is_child"]:
        warn("This person counts as a child: first of all a potential victim.")
    from streams.shared import NominalEnrolled  # noqa: PLC0415 - keeps --help quick

    def enrolled(at: Any) -> NominalEnrolled:  # noqa: ANN401 - a datetime, loaded when used
        who = UUID(person["entity_id"])
        return NominalEnrolled(person_id=who, seen=seen, decided_by=asker.name, decided_at=at)

    _decide(settings, asker, f"nominal enrol {person['entity_id']}", enrolled)
    say(f"{person['entity_id']} is enrolled as a nominal by {asker.name}.")


def nominal_discharge(person_id: Id, *, name: Name = None, purpose: PurposeCode = None) -> None:
    """Decide that a person is a nominal no longer."""
    person, _, asker, settings = _person_for_decision(person_id, name, purpose)
    from streams.shared import NominalDischarged  # noqa: PLC0415 - keeps --help quick

    def discharged(at: Any) -> NominalDischarged:  # noqa: ANN401 - a datetime, loaded when used
        who = UUID(person["entity_id"])
        return NominalDischarged(person_id=who, decided_by=asker.name, decided_at=at)

    _decide(settings, asker, f"nominal discharge {person['entity_id']}", discharged)
    say(f"{person['entity_id']} is discharged by {asker.name}.")


def _person_for_decision(
    person_id: str, name: str | None, purpose: str | None
) -> tuple[Mapping[str, Any], int, Asker, Settings]:
    """Look the person up, and how much of the log that look covers: a later split voids it."""
    from consumers.network.look import find_entity, person_with_position  # noqa: PLC0415 - quick
    from streams.errors import InvalidInputError  # noqa: PLC0415 - the same
    from streams.values import NodeKind  # noqa: PLC0415 - the same

    settings, asker = _asker(name, purpose)
    question = _police("person show", person_with_position, find_entity, person_id)
    found = _ask(question, name, purpose, None)
    if found["kind"] != NodeKind.PERSON:
        raise InvalidInputError("only a person can be a nominal")
    return found, found["seen"], asker, settings


def _decide(
    settings: Settings, asker: Asker, subject: str, event_at: Callable[[Any], object]
) -> None:
    asyncio.run(_decide_on_log(settings, asker, subject, event_at))


async def _decide_on_log(
    settings: Settings, asker: Asker, subject: str, event_at: Callable[[Any], object]
) -> None:
    from deploy.views import connected, now, record  # noqa: PLC0415 - keeps --help quick
    from streams.codec import encode  # noqa: PLC0415 - the same
    from streams.ports import Outgoing  # noqa: PLC0415 - the same
    from streams.topics import POLICE_DECISIONS  # noqa: PLC0415 - the same
    from streams.values import Operation  # noqa: PLC0415 - the same

    async with connected(settings, "police") as log:
        await record(log, asker, subject, Operation.ALTERATION)
        await log.append([Outgoing(POLICE_DECISIONS, encode(event_at(now())))])


# --- asking --------------------------------------------------------------------------


def _police(
    subject: str,
    read: Callable[[Any, str], Any],
    find: Callable[[Any, str], str] | None = None,
    typed: str = "",
) -> Question:
    from consumers.ocg_network import OcgNetwork  # noqa: PLC0415 - keeps --help quick
    from deploy.views import Question  # noqa: PLC0415 - the same

    return Question(OcgNetwork(), subject, read, find, typed)


def _hub(
    subject: str,
    read: Callable[[Any, str], Any],
    find: Callable[[Any, str], str] | None = None,
    typed: str = "",
) -> Question:
    from consumers.safeguarding import Safeguarding  # noqa: PLC0415 - keeps --help quick
    from deploy.views import Question  # noqa: PLC0415 - the same

    return Question(Safeguarding(), subject, read, find, typed)


def _asker(name: str | None, purpose: str | None) -> tuple[Settings, Asker]:
    from deploy.settings import Settings  # noqa: PLC0415 - keeps --help quick
    from deploy.views import asker_of  # noqa: PLC0415 - the same

    settings = Settings()
    return settings, asker_of(settings, name, purpose)


def _ask(question: Question, name: str | None, purpose: str | None, as_of: str | None) -> Any:  # noqa: ANN401 - plain values of whatever was asked
    from deploy.views import instant  # noqa: PLC0415 - keeps --help quick

    settings, asker = _asker(name, purpose)
    moment = None if as_of is None else instant(as_of)
    with progress("looking …"):
        return asyncio.run(_answer(settings, question, asker, moment))


async def _answer(settings: Settings, question: Question, asker: Asker, moment: Any) -> Any:  # noqa: ANN401 - see _ask
    from deploy.roles import principal_of  # noqa: PLC0415 - keeps --help quick
    from deploy.views import answer, connected  # noqa: PLC0415 - the same

    async with connected(settings, principal_of(question.projection.name)) as log:
        return await answer(question, asker, log, settings.stores_dir, moment)


def _table(columns: Sequence[str], found: Iterable[Mapping[str, Any]]) -> None:
    rows = ([_cell(name, one.get(name)) for name in columns] for one in found)
    show_table([name.removesuffix("_id").replace("_", " ") for name in columns], rows)


def _cell(column: str, value: object) -> object:
    return _short(str(value)) if column.endswith("_id") and value is not None else value


def _second(instant: object) -> str:
    """Show an ISO instant in UTC as people write it, to the second."""
    return f"{str(instant)[:19].replace('T', ' ')}Z"


def _short(identity: str) -> str:
    return identity[:SHORT]


_NETWORK: Mapping[str, Callable[..., None]] = {"list": network_list, "show": network_show}
_ALERT: Mapping[str, Callable[..., None]] = {"list": alert_list, "show": alert_show}
_PERSON: Mapping[str, Callable[..., None]] = {"list": person_list, "show": person_show}
_NOMINAL: Mapping[str, Callable[..., None]] = {
    "enrol": nominal_enrol,
    "discharge": nominal_discharge,
}
