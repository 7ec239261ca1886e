"""`rivelin outcome`, `concern` and `intervention`: what came of it, each with its cause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID, uuid4

import typer

from deploy.cli.asking import AsJson, AsOf, Id, Name, PurposeCode, ask, table
from deploy.cli.codes import code_of
from deploy.cli.disrupting import (
    Disruption,
    OcgOption,
    On,
    Report,
    cause,
    day_of,
    facts,
    find_disruption,
    look,
    settle,
)
from deploy.cli.output import say, show_json, show_table, show_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from consumers.ocg_network.disruptions import DisruptionBook
    from deploy.cli.disrupting import Facts
    from streams.disruptions import CausedBy

OffenceCode = Annotated[
    str,
    typer.Option(
        "--offence",
        help="DRUGS, FIREARMS, VIOLENCE, EXPLOITATION, MODERN_SLAVERY, FRAUD_AND_MONEY, THEFT,"
        " PUBLIC_ORDER or OTHER.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    outcome = typer.Typer(
        help="What a disruption or a report led to; a cause nobody knows is refused.",
        no_args_is_help=True,
    )
    for name, command in (
        ("seizure", seizure),
        ("arrest", arrest),
        ("offence", offence),
        ("sentence", sentence),
        ("closure", closure),
        ("list", list_outcomes),
    ):
        outcome.command(name)(command)
    app.add_typer(outcome, name="outcome")
    concern = typer.Typer(
        help="Voices of concern from an area, and weeks that stand out.", no_args_is_help=True
    )
    concern.command("record")(record_concern)
    concern.command("list")(list_concerns)
    app.add_typer(concern, name="concern")
    intervention = typer.Typer(
        help="Ways out for people at the edge of a network.", no_args_is_help=True
    )
    intervention.command("record")(record_intervention)
    intervention.command("list")(list_interventions)
    app.add_typer(intervention, name="intervention")


# --- outcomes ---------------------------------------------------------------------------------


def seizure(  # noqa: PLR0913 - each is one option of the command
    item: Annotated[
        str,
        typer.Argument(
            help="FIREARM, AMMUNITION, KNIFE, CLASS_A_DRUGS, CLASS_B_DRUGS, CASH, VEHICLE, PHONE"
            " or COUNTERFEIT_GOODS."
        ),
    ],
    *,
    quantity: Annotated[
        int, typer.Option("--quantity", help="Pieces; of drugs grams, of cash whole pounds.")
    ] = 1,
    ocg: OcgOption = None,
    report: Report = None,
    disruption: Disruption = None,
    on: On = None,
    name: Name = None,
    purpose: PurposeCode = None,
) -> None:
    """Record that something was seized.

    Exit codes: 0 done, 3 an option does not hold or the cause is unknown, 4 denied, 5 no broker.
    """
    from streams.codes import SeizedItem  # noqa: PLC0415 - keeps --help quick
    from streams.disruptions import SeizureMade  # noqa: PLC0415 - the same

    what = code_of(SeizedItem, item, "ITEM")

    def made(told: Mapping[str, Any]) -> SeizureMade:
        return SeizureMade(item=what, quantity=quantity, **told)

    _record("seizure", made, name, purpose, _Told(ocg, None, report, disruption, on))


def arrest(  # noqa: PLR0913 - each is one option of the command
    person_id: Id,
    *,
    offence: OffenceCode,
    ocg: OcgOption = None,
    report: Report = None,
    disruption: Disruption = None,
    on: On = None,
    name: Name = None,
    purpose: PurposeCode = None,
) -> None:
    """Record that an adult was arrested; a child's arrest is no outcome against an OCG."""
    from streams.codes import OffenceClass  # noqa: PLC0415 - keeps --help quick
    from streams.disruptions import ArrestMade  # noqa: PLC0415 - the same

    what = code_of(OffenceClass, offence, "--offence")

    def made(told: Mapping[str, Any]) -> ArrestMade:
        return ArrestMade(offence=what, **told)

    _record("arrest", made, name, purpose, _Told(ocg, person_id, report, disruption, on))


def offence(  # noqa: PLR0913 - each is one option of the command
    offence_class: Annotated[str, typer.Argument(help="The class of offence, as of --offence.")],
    *,
    string: Annotated[
        str | None,
        typer.Option("--string", help="Id of the string of linked offences that it belongs to."),
    ] = None,
    ocg: OcgOption = None,
    report: Report = None,
    disruption: Disruption = None,
    on: On = None,
    name: Name = None,
    purpose: PurposeCode = None,
) -> None:
    """Record an offence; those of one string are linked offences."""
    from streams.codes import OffenceClass  # noqa: PLC0415 - keeps --help quick
    from streams.disruptions import OffenceRecorded  # noqa: PLC0415 - the same

    what = code_of(OffenceClass, offence_class, "CLASS")
    string_id = None if string is None else _whole(string)

    def made(told: Mapping[str, Any]) -> OffenceRecorded:
        return OffenceRecorded(offence=what, string_id=string_id, **told)

    _record("offence", made, name, purpose, _Told(ocg, None, report, disruption, on))


def sentence(  # noqa: PLR0913 - each is one option of the command
    person_id: Id,
    *,
    offence: OffenceCode,
    months: Annotated[int, typer.Option("--months", help="Of custody; 0 for none.")],
    ocg: OcgOption = None,
    report: Report = None,
    disruption: Disruption = None,
    on: On = None,
    name: Name = None,
    purpose: PurposeCode = None,
) -> None:
    """Record that an adult was sentenced."""
    from streams.codes import OffenceClass  # noqa: PLC0415 - keeps --help quick
    from streams.disruptions import SentencePassed  # noqa: PLC0415 - the same

    what = code_of(OffenceClass, offence, "--offence")

    def made(told: Mapping[str, Any]) -> SentencePassed:
        return SentencePassed(offence=what, months=months, **told)

    _record("sentence", made, name, purpose, _Told(ocg, person_id, report, disruption, on))


def closure(  # noqa: PLR0913 - each is one option of the command
    entity_id: Id,
    *,
    until: Annotated[str, typer.Option("--until", help="The last day it stays closed.")],
    ocg: OcgOption = None,
    report: Report = None,
    disruption: Disruption = None,
    on: On = None,
    name: Name = None,
    purpose: PurposeCode = None,
) -> None:
    """Record that a place was closed."""
    from streams.disruptions import ClosureMade  # noqa: PLC0415 - keeps --help quick

    last = day_of(until, "--until")

    def made(told: Mapping[str, Any]) -> ClosureMade:
        return ClosureMade(entity_id=told["person_id"], until=last, **_without(told, "person_id"))

    _record("closure", made, name, purpose, _Told(ocg, entity_id, report, disruption, on))


def list_outcomes(
    *,
    ocg: OcgOption = None,
    name: Name = None,
    purpose: PurposeCode = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show every outcome with its cause; one whose cause is gone since says so."""
    from consumers.ocg_network import disruption_look as looking  # noqa: PLC0415 - keeps --help quick

    def read(connection: Connection, _: str) -> Any:  # noqa: ANN401 - plain values
        ocg_id = None if ocg is None else looking.find_ocg(connection, ocg)
        return looking.outcomes(connection, ocg_id)

    found = ask(look("outcome list", read), name, purpose, as_of)
    if as_json:
        show_json(found)
        return
    told = [{**one, "cause": _cause_shown(one)} for one in found]
    table(
        ("outcome_id", "kind", "occurred_on", "item", "quantity", "offence", "months", "cause"),
        told,
    )


def _cause_shown(one: Mapping[str, Any]) -> str:
    gone = "" if one.get("cause_known", True) else " (no longer known)"
    return f"{one['cause']} {str(one['cause_id'])[:8]}{gone}" if one["cause"] else "-"


# --- concerns ---------------------------------------------------------------------------------


def record_concern(  # noqa: PLR0913 - each is one option of the command
    area: Annotated[str, typer.Argument(help="The area, such as S5.")],
    *,
    kind: Annotated[str, typer.Option("--kind", help="PUBLIC, MEDIA, COUNCILLOR or PRACTITIONER.")],
    theme: Annotated[str, typer.Option("--theme", help="A theme of the taxonomy: DRUGS …")],
    week: Annotated[str, typer.Option("--week", help="The ISO week, such as 2026-W47.")],
    count: Annotated[int, typer.Option("--count", help="How many voices.")] = 1,
    ocg: OcgOption = None,
    report: Report = None,
    disruption: Disruption = None,
    name: Name = None,
    purpose: PurposeCode = None,
) -> None:
    """Record voices of concern from an area in a week: counts and codes, no words of anybody."""
    from consumers.ocg_network.disruption_decisions import decide_concern  # noqa: PLC0415 - quick
    from deploy.authority import Act  # noqa: PLC0415 - the same
    from streams.codes import ConcernKind  # noqa: PLC0415 - the same
    from streams.disruptions import ConcernRecorded  # noqa: PLC0415 - the same
    from streams.values import Theme  # noqa: PLC0415 - the same

    who, what = code_of(ConcernKind, kind, "--kind"), code_of(Theme, theme, "--theme")
    place = _area(area, name, purpose)
    found, caused_by = _ground("concern", name, purpose, _Told(ocg, None, report, disruption, None))

    def choose(book: DisruptionBook, by: str, at: datetime) -> Sequence[object]:
        event = ConcernRecorded(
            concern_id=uuid4(),
            kind=who,
            area=place,
            theme=what,
            count=count,
            week=week,
            ocg_id=found.ocg,
            caused_by=caused_by,
            decided_by=by,
            decided_at=at,
        )
        return decide_concern(event, book, found.ground)

    event = settle(Act.RECORD_OUTCOME, f"concern record {place}", name, purpose, choose)
    say(f"{event.concern_id}: {count} from {place} in {week}.")


def list_concerns(
    *,
    name: Name = None,
    purpose: PurposeCode = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show concerns by week, and which weeks stand out against an area's earlier weeks, and why."""
    from consumers.ocg_network.disruption_look import concerns  # noqa: PLC0415 - quick help

    found = ask(look("concern list", lambda one, _: concerns(one)), name, purpose, as_of)
    if as_json:
        show_json(found)
        return
    table(("week", "area", "kind", "theme", "count"), found["concerns"])
    rows = (
        (one["area"], "SPIKE" if one["is_spike"] else "-", one["in_words"])
        for one in found["weeks"]
    )
    show_table(("area", "verdict", "why"), rows, title="Weeks")
    show_text("A spike counts voices, not truth; it says nothing of anybody.")


# --- interventions ----------------------------------------------------------------------------


def record_intervention(  # noqa: PLR0913 - each is one option of the command
    person_id: Id,
    *,
    kind: Annotated[
        str,
        typer.Option(
            "--kind",
            help="MENTORING, NAVIGATOR, HOME_VISIT, EDUCATION_OR_WORK, HOUSING_SUPPORT,"
            " DRUG_TREATMENT, FAMILY_SUPPORT or CEASE_AND_DESIST_TALK.",
        ),
    ],
    agency: Annotated[str, typer.Option("--agency", help="Who offered it, a kind of body.")],
    result: Annotated[
        str,
        typer.Option("--outcome", help="ACCEPTED, REFUSED, NOT_REACHED, COMPLETED or BROKEN_OFF."),
    ],
    ocg: OcgOption = None,
    report: Report = None,
    disruption: Disruption = None,
    on: On = None,
    name: Name = None,
    purpose: PurposeCode = None,
) -> None:
    """Record a way out that somebody at the edge was offered; for a child or victim: support.

    Exit codes: 0 done, 3 an option does not hold, 4 a principal, no support, or denied, 5 no
    broker.
    """
    from consumers.ocg_network.disruption_decisions import decide_intervention  # noqa: PLC0415
    from deploy.authority import Act  # noqa: PLC0415 - keeps --help quick
    from streams.codes import Agency, InterventionKind, InterventionOutcome  # noqa: PLC0415
    from streams.disruptions import InterventionAttempted  # noqa: PLC0415 - the same

    what = code_of(InterventionKind, kind, "--kind")
    body = code_of(Agency, agency, "--agency")
    ended = code_of(InterventionOutcome, result, "--outcome")
    day = day_of(on, "--on")
    told = _Told(ocg, person_id, report, disruption, on)
    found, caused_by = _ground("intervention", name, purpose, told)

    def choose(book: DisruptionBook, by: str, at: datetime) -> Sequence[object]:
        event = InterventionAttempted(
            intervention_id=uuid4(),
            ocg_id=found.ocg,
            person_id=found.target or UUID(int=0),
            kind=what,
            agency=body,
            outcome=ended,
            caused_by=caused_by,
            occurred_on=day,
            decided_by=by,
            decided_at=at,
        )
        return decide_intervention(event, book, found.ground)

    event = settle(Act.RECORD_OUTCOME, "intervention record", name, purpose, choose)
    say(f"{event.intervention_id}: {what} by {body}, {ended}.")


def list_interventions(
    *,
    name: Name = None,
    purpose: PurposeCode = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show every intervention, the latest first."""
    from consumers.ocg_network.disruption_look import interventions  # noqa: PLC0415 - quick help

    found = ask(look("intervention list", lambda one, _: interventions(one)), name, purpose, as_of)
    if as_json:
        show_json(found)
        return
    table(("occurred_on", "person_id", "kind", "agency", "outcome"), found)


# --- what they have in common -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Told:
    """What was typed of an outcome, as it was typed."""

    ocg: str | None
    target: str | None
    report: str | None
    disruption: str | None
    on: str | None


def _record(
    what: str,
    made: Callable[[Mapping[str, Any]], Any],
    name: str | None,
    purpose: str | None,
    told: _Told,
) -> None:
    from consumers.ocg_network.disruption_decisions import decide_outcome  # noqa: PLC0415 - quick
    from deploy.authority import Act  # noqa: PLC0415 - the same
    from streams.errors import InvalidInputError  # noqa: PLC0415 - the same

    day = day_of(told.on, "--on")
    found, caused_by = _ground(what, name, purpose, told)
    if caused_by is None:
        raise InvalidInputError("--report or --disruption: every outcome names what it is owed to")

    def choose(book: DisruptionBook, by: str, at: datetime) -> Sequence[object]:
        common = {
            "outcome_id": uuid4(),
            "ocg_id": found.ocg,
            "caused_by": caused_by,
            "occurred_on": day,
            "decided_by": by,
            "decided_at": at,
        }
        mine = {} if told.target is None else {"person_id": found.target}
        return decide_outcome(made({**common, **mine}), book, found.ground)

    event = settle(Act.RECORD_OUTCOME, f"outcome {what}", name, purpose, choose)
    say(f"{event.outcome_id}: {what} on {day}, owed to {caused_by.cause} {caused_by.cause_id}.")


def _ground(
    what: str, name: str | None, purpose: str | None, told: _Told
) -> tuple[Facts, CausedBy | None]:
    whole = None
    if told.disruption is not None:
        whole = find_disruption(told.disruption, name, purpose)
    reports = () if told.report is None else (told.report,)
    found = facts(
        f"{what} record", name, purpose, ocg=told.ocg, target=told.target, reports=reports
    )
    return found, cause(found, whole)


def _without(told: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    return {name: value for name, value in told.items() if name != key}


def _whole(typed: str) -> UUID:
    from streams.errors import InvalidInputError  # noqa: PLC0415 - keeps --help quick

    try:
        return UUID(typed)
    except ValueError:
        raise InvalidInputError("--string is the whole id of a string of offences") from None


def _area(typed: str, name: str | None, purpose: str | None) -> str:
    """Return a postcode district, or an area that an OCG was mapped with; never a text.

    Raises: InvalidInputError, which repeats nothing of what was typed.
    """
    import re  # noqa: PLC0415 - keeps --help quick

    from consumers.ocg_network.disruption_look import areas  # noqa: PLC0415 - the same
    from streams.errors import InvalidInputError  # noqa: PLC0415 - the same

    area = typed.strip().upper()
    if re.fullmatch(r"[A-Z]{1,2}[0-9][0-9A-Z]?", area):
        return area
    if area not in ask(look("concern record", lambda one, _: areas(one)), name, purpose, None):
        raise InvalidInputError("AREA is a postcode district such as S5, or an area of an OCG")
    return area
