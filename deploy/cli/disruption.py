"""`rivelin disruption`: what is tried against OCGs, what may be tried, and what it brought."""

from __future__ import annotations

from dataclasses import replace
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
    short,
    table,
)
from deploy.cli.codes import code_of
from deploy.cli.disrupting import (
    Ocg,
    OcgOption,
    On,
    day_of,
    facts,
    find_disruption,
    look,
    officer,
    settle,
    today,
)
from deploy.cli.output import say, show_json, show_table, show_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from consumers.ocg_network.disruption_decisions import Ground
    from consumers.ocg_network.disruptions import DisruptionBook
    from consumers.ocg_network.levers import CatalogueEntry
    from streams.codes import Agency
    from streams.ocg import HubViewAsked

LeverCode = Annotated[
    str, typer.Option("--lever", help="A lever of the catalogue: `rivelin disruption levers`.")
]
Until = Annotated[
    str | None, typer.Option("--until", help="As of the end of a day, YYYY-MM-DD of the events.")
]
SHARE = "{:.0%}"


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(
        help="What is tried against OCGs, what may be tried, and what it brought.",
        no_args_is_help=True,
    )
    for name, command in (
        ("plan", plan),
        ("execute", execute),
        ("fail", fail),
        ("assess", assess),
        ("ask-view", ask_view),
        ("views", views),
        ("list", list_all),
        ("show", show),
        ("totals", totals),
        ("balance", balance),
        ("levers", levers),
        ("gaps", gaps),
        ("simulate", simulate),
    ):
        group.command(name)(command)
    app.add_typer(group, name="disruption")


# --- deciding ---------------------------------------------------------------------------------


def plan(  # noqa: PLR0913 - each is one option of the command
    ocg: Ocg,
    *,
    lever: LeverCode,
    target: Annotated[
        str | None, typer.Option("--target", help="The person or thing of it, by id.")
    ] = None,
    agency: Annotated[
        str | None,
        typer.Option("--agency", help="Who uses it; by default you, or its usual holder."),
    ] = None,
    strand: Annotated[
        str | None,
        typer.Option("--strand", help="PURSUE, PREVENT, PROTECT, PREPARE or PARTNERSHIP."),
    ] = None,
    report: Annotated[
        list[str] | None, typer.Option("--report", help="A report it rests on; may be repeated.")
    ] = None,
    planned_for: Annotated[
        str | None, typer.Option("--for", help="The day it is planned for; by default today.")
    ] = None,
    name: Name = None,
    purpose: PurposeCode = None,
    as_json: AsJson = False,
) -> None:
    """Plan a lever against a mapped OCG, or against one adult or thing of it.

    Exit codes: 0 done, 3 an option does not hold, 4 not your role, a child or victim, or the
    hub's view is missing, 5 no broker.
    """
    from consumers.ocg_network.disruption_decisions import decide_plan  # noqa: PLC0415 - quick help
    from consumers.ocg_network.levers import catalogue  # noqa: PLC0415 - the same
    from deploy.authority import Act  # noqa: PLC0415 - the same
    from streams.codes import Agency, Lever  # noqa: PLC0415 - the same
    from streams.disruptions import DisruptionPlanned  # noqa: PLC0415 - the same
    from streams.values import FourP  # noqa: PLC0415 - the same

    entry = catalogue().entries[code_of(Lever, lever, "--lever")]
    day = day_of(planned_for, "--for")
    found = facts(
        "disruption plan", name, purpose, ocg=ocg, target=target, reports=tuple(report or ())
    )
    ground = replace(found.ground, acts_for=officer(name, purpose).agencies)
    asked = ground.views.get(entry.lever)

    def choose(book: DisruptionBook, by: str, at: datetime) -> Sequence[object]:
        event = DisruptionPlanned(
            disruption_id=uuid4(),
            ocg_id=found.ocg or UUID(int=0),
            target_id=found.target,
            lever=entry.lever,
            agency=code_of(Agency, agency, "--agency") if agency else _holder(entry, ground),
            four_p=code_of(FourP, strand, "--strand") if strand else entry.four_p,
            report_ids=found.reports,
            request_id=None if asked is None else UUID(asked.request_id),
            planned_for=day,
            decided_by=by,
            decided_at=at,
        )
        return decide_plan(event, book, ground)

    subject = f"disruption plan {found.ocg} {entry.lever}"
    event = settle(Act.PLAN_DISRUPTION, subject, name, purpose, choose)
    told = {"disruption_id": str(event.disruption_id), "lever": entry.lever.value}
    if as_json:
        show_json(told)
    else:
        say(f"{event.disruption_id}: {entry.lever} is planned for {day} by {event.decided_by}.")


def _holder(entry: CatalogueEntry, ground: Ground) -> Agency:
    """Return the first holder of a lever whom the officer acts for; for police its usual one."""
    mine = entry.holders if ground.acts_for is None else ground.acts_for
    return next((one for one in entry.holders if one in mine), entry.agency)


def execute(
    disruption_id: Id, *, on: On = None, name: Name = None, purpose: PurposeCode = None
) -> None:
    """Tell that a planned disruption was executed; at a home the hub's view is checked anew.

    Exit codes: 0 done, 3 no such plan, or told before, 4 denied, 5 no broker.
    """
    from consumers.ocg_network.disruption_decisions import decide_execute  # noqa: PLC0415 - quick
    from deploy.authority import Act  # noqa: PLC0415 - the same
    from streams.disruptions import DisruptionExecuted  # noqa: PLC0415 - the same

    day = day_of(on, "--on")
    whole = _shown(disruption_id, name, purpose)
    found = facts("disruption execute", name, purpose, target=whole["target_id"])
    ground = replace(found.ground, acts_for=officer(name, purpose).agencies)

    def choose(book: DisruptionBook, by: str, at: datetime) -> Sequence[object]:
        event = DisruptionExecuted(
            disruption_id=UUID(whole["disruption_id"]),
            executed_on=day,
            decided_by=by,
            decided_at=at,
        )
        return decide_execute(event, book, ground)

    subject = f"disruption execute {whole['disruption_id']}"
    event = settle(Act.PLAN_DISRUPTION, subject, name, purpose, choose)
    say(f"{event.disruption_id} was executed on {day}, says {event.decided_by}. Not assessed yet.")


def fail(
    disruption_id: Id,
    *,
    because: Annotated[
        str,
        typer.Option(
            "--because",
            help="TARGET_AWAY, NOT_AUTHORISED, COURT_REFUSED, NO_RESOURCES, STOPPED_FOR_A_CHILD,"
            " COMPROMISED or OVERTAKEN.",
        ),
    ],
    name: Name = None,
    purpose: PurposeCode = None,
) -> None:
    """Tell that a planned disruption came to nothing: a lesson, not blame."""
    from consumers.ocg_network.disruption_decisions import decide_fail  # noqa: PLC0415 - quick help
    from deploy.authority import Act  # noqa: PLC0415 - the same
    from streams.codes import DisruptionFailure  # noqa: PLC0415 - the same
    from streams.disruptions import DisruptionFailed  # noqa: PLC0415 - the same

    reason = code_of(DisruptionFailure, because, "--because")
    whole = find_disruption(disruption_id, name, purpose)
    acts_for = officer(name, purpose).agencies

    def choose(book: DisruptionBook, by: str, at: datetime) -> Sequence[object]:
        event = DisruptionFailed(
            disruption_id=UUID(whole), reason=reason, decided_by=by, decided_at=at
        )
        return decide_fail(event, book, acts_for)

    event = settle(Act.PLAN_DISRUPTION, f"disruption fail {whole}", name, purpose, choose)
    say(f"{event.disruption_id} failed: {reason}.")


def assess(
    disruption_id: Id,
    *,
    impact: Annotated[str, typer.Option("--impact", help="MAJOR, MODERATE, MINOR or NO_IMPACT.")],
    why: Annotated[list[str], typer.Option("--why", help="A rationale code; may be repeated.")],
    name: Name = None,
    purpose: PurposeCode = None,
) -> None:
    """Say what an executed disruption did. Nobody assesses what they planned or executed.

    Exit codes: 0 done, 3 not executed, 4 not your role or your own disruption, 5 no broker.
    """
    from consumers.ocg_network.disruption_decisions import decide_assess  # noqa: PLC0415 - quick
    from deploy.authority import Act  # noqa: PLC0415 - the same
    from streams.codes import Impact, Rationale  # noqa: PLC0415 - the same
    from streams.disruptions import ImpactAssessed  # noqa: PLC0415 - the same

    verdict = code_of(Impact, impact, "--impact")
    reasons = tuple(code_of(Rationale, one, "--why") for one in why)
    whole = find_disruption(disruption_id, name, purpose)

    def choose(book: DisruptionBook, by: str, at: datetime) -> Sequence[object]:
        event = ImpactAssessed(
            disruption_id=UUID(whole),
            impact=verdict,
            reasons=reasons,
            decided_by=by,
            decided_at=at,
        )
        return decide_assess(event, book)

    event = settle(Act.ASSESS_IMPACT, f"disruption assess {whole}", name, purpose, choose)
    say(f"{event.disruption_id}: {verdict}, assessed by {event.decided_by}.")


def ask_view(
    entity_id: Id, *, lever: LeverCode, name: Name = None, purpose: PurposeCode = None
) -> None:
    """Ask the hub's view before a lever is used at a home where a child lives or may live.

    The hub learns the lever and the place, not the operation; you learn its view, not who lives
    there. Look for the answer with `rivelin disruption views`.
    """
    from consumers.ocg_network.levers import TargetKind  # noqa: PLC0415 - keeps --help quick
    from deploy.authority import Act  # noqa: PLC0415 - the same
    from deploy.decisions import Decision  # noqa: PLC0415 - the same
    from streams.codes import Lever  # noqa: PLC0415 - the same
    from streams.errors import InvalidInputError  # noqa: PLC0415 - the same
    from streams.ocg import HubViewAsked  # noqa: PLC0415 - the same
    from streams.topics import POLICE_DECISIONS  # noqa: PLC0415 - the same

    code = code_of(Lever, lever, "--lever")
    found = facts("disruption ask-view", name, purpose, target=entity_id)
    target = found.ground.target
    if found.target is None or target is None or target.kind in {None, TargetKind.PERSON}:
        raise InvalidInputError("the hub's view is asked about a place or thing that police know")
    place, request_id = found.target, uuid4()
    settings, who = asker(name, purpose)

    def choose(_: object, at: datetime) -> list[HubViewAsked]:
        return [
            HubViewAsked(
                request_id=request_id,
                entity_id=place,
                lever=code,
                decided_by=who.name,
                decided_at=at,
            )
        ]

    subject = f"disruption ask-view {place} {code}"
    decide(settings, who, Decision(Act.ASK_HUB_VIEW, subject, "police", POLICE_DECISIONS), choose)
    say(f"{request_id}: the hub is asked about {code} at {short(str(place))}.")


# --- looking ----------------------------------------------------------------------------------


def views(*, name: Name = None, purpose: PurposeCode = None, as_json: AsJson = False) -> None:
    """Show what the hub was asked about places, and what it said."""
    from consumers.ocg_network.disruption_look import hub_views  # noqa: PLC0415 - quick help

    found = ask(look("disruption views", lambda one, _: hub_views(one)), name, purpose, None)
    if as_json:
        show_json(found)
        return
    told = [{**one, "view": one["view"] or "not answered yet"} for one in found]
    table(("request_id", "entity_id", "lever", "asked_by", "view"), told)


def list_all(  # noqa: PLR0913 - each is one option of the command
    *,
    ocg: OcgOption = None,
    until: Until = None,
    name: Name = None,
    purpose: PurposeCode = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show every disruption, the latest plan first; what nobody assessed says so."""
    from consumers.ocg_network import disruption_look as looking  # noqa: PLC0415 - keeps --help quick

    day = None if until is None else day_of(until, "--until").isoformat()

    def read(connection: Connection, _: str) -> Any:  # noqa: ANN401 - plain values
        ocg_id = None if ocg is None else looking.find_ocg(connection, ocg)
        return _named(connection, looking.disruptions(connection, ocg_id, day))

    found = ask(look("disruption list", read), name, purpose, as_of)
    if as_json:
        show_json(found)
        return
    columns = ("disruption_id", "ocg", "lever", "agency", "four_p", "state", "impact")
    table((*columns, "planned_for", "executed_on", "failure"), found)


def show(
    disruption_id: Id,
    *,
    name: Name = None,
    purpose: PurposeCode = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show one disruption, who decided what, and what it brought."""
    found = _shown(disruption_id, name, purpose, as_of)
    if as_json:
        show_json(found)
        return
    show_text(f"Disruption {found['disruption_id']}: {found['lever']} by {found['agency']}")
    show_text(f"Against OCG {found['ocg']}, target {found['target_id'] or 'the group as a whole'}")
    show_text(f"Planned by {found['planned_by']} for {found['planned_for']} ({found['four_p']})")
    if found["executed_on"]:
        show_text(f"Executed on {found['executed_on']}, says {found['executed_by']}")
    if found["failure"]:
        show_text(f"Failed on {found['failed_on']}: {found['failure']}, says {found['failed_by']}")
    by = f", assessed by {found['assessed_by']}" if found["assessed_by"] else ""
    why = f" ({', '.join(found['impact_reasons'])})" if found["impact_reasons"] else ""
    show_text(f"Impact: {found['impact']}{by}{why}")
    show_text(f"Rests on reports: {' '.join(map(short, found['report_ids'])) or 'none named'}")
    if found["outcomes"]:
        columns = ("kind", "occurred_on", "item", "quantity", "offence", "months", "until")
        table(columns, found["outcomes"])


def totals(
    *,
    until: Until = None,
    name: Name = None,
    purpose: PurposeCode = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Count what was tried and what it brought: per OCG, per lever, per strand."""
    from consumers.ocg_network.disruption_look import all_totals  # noqa: PLC0415 - quick help

    day = None if until is None else day_of(until, "--until").isoformat()
    found = ask(
        look("disruption totals", lambda one, _: all_totals(one, day)), name, purpose, as_of
    )
    if as_json:
        show_json(found)
        return
    _show_totals("All", {"all": found["all"]})
    for title, part in (("OCG", "by_ocg"), ("Lever", "by_lever"), ("Strand", "by_four_p")):
        _show_totals(title, found[part])


_SUMS = (
    *("planned", "executed", "failed", "guns", "arrests", "offences", "sentences", "months"),
    "closures",
)


def _show_totals(title: str, part: Mapping[str, Mapping[str, Any]]) -> None:
    rows = ([key, *(one[name] for name in _SUMS)] for key, one in part.items())
    show_table((title.lower(), *_SUMS), rows, title=title)


def balance(
    *,
    until: Until = None,
    name: Name = None,
    purpose: PurposeCode = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show the balance of the 4P plan and Partnership; a strand nobody uses shows as none."""
    from consumers.ocg_network.disruption_look import strands  # noqa: PLC0415 - quick help

    day = None if until is None else day_of(until, "--until").isoformat()
    found = ask(look("disruption balance", lambda one, _: strands(one, day)), name, purpose, as_of)
    if as_json:
        show_json(found)
        return
    told = [
        {**one, "share": SHARE.format(one["share"]), "agencies": ", ".join(one["agencies"]) or "-"}
        for one in found
    ]
    table(("four_p", "planned", "executed", "failed", "share", "agencies"), told)


def levers(*, as_json: AsJson = False) -> None:
    """Show the catalogue of levers: who holds each, under which law, against what."""
    from consumers.ocg_network.levers import catalogue  # noqa: PLC0415 - keeps --help quick

    known = catalogue()
    if as_json:
        told = [one.as_dict() for one in known.entries.values()]
        show_json({"version": known.version, "reviewed_on": known.reviewed_on, "levers": told})
        return
    rows = (
        (
            one.lever,
            ", ".join(one.holders),
            one.four_p,
            "civil" if one.civil else "criminal",
            f"{one.law.act} {one.law.section}",
            ", ".join(one.targets),
        )
        for one in known.entries.values()
    )
    columns = ("lever", "held by", "strand", "kind", "law", "against")
    show_table(columns, rows, title=f"Lever catalogue, version {known.version}")
    say("Sections are starting points and not legal advice.")


def gaps(  # noqa: PLR0913 - each is one option of the command
    ocg: Ocg,
    *,
    every: Annotated[
        bool, typer.Option("--all", help="Also levers that are planned or were executed.")
    ] = False,
    civil: Annotated[bool, typer.Option("--civil", help="Civil levers only.")] = False,
    name: Name = None,
    purpose: PurposeCode = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show levers not tried yet against an OCG, or failed and why, and which agency holds each."""
    from consumers.ocg_network.disruption_look import find_ocg, lever_gaps  # noqa: PLC0415 - quick

    day = today()
    question = look(
        "disruption gaps", lambda one, ocg_id: lever_gaps(one, ocg_id, day), find_ocg, ocg
    )
    found = ask(question, name, purpose, as_of)
    found["levers"] = [
        one
        for one in found["levers"]
        if (every or one["is_gap"]) and (not civil or one["entry"]["civil"])
    ]
    if as_json:
        show_json(found)
        return
    columns = ("lever", "stands", "held by", "law", "against", "hub's view first")
    show_table(columns, map(_gap_row, found["levers"]), title=f"Lever gaps of {found['reference']}")
    say(found["note"])


def _gap_row(one: Mapping[str, Any]) -> Sequence[object]:
    entry, chances = one["entry"], one["chances"]
    first = [chance for chance in chances if chance["view_state"] != "NOT_NEEDED"]
    failures = f" ({', '.join(one['failures'])})" if one["failures"] else ""
    return (
        entry["lever"],
        one["tried"].replace("_", " ").lower() + failures,
        ", ".join((entry["agency"], *entry["also_held_by"])),
        f"{entry['law']['act']} {entry['law']['section']}",
        " ".join(map(_chance, chances)),
        " ".join(f"{_chance(chance)}:{chance['view_state']}" for chance in first) or "-",
    )


def _chance(chance: Mapping[str, Any]) -> str:
    doubt = "" if chance["age_known"] else " (age not known)"
    return short(chance["entity_id"] or "group") + doubt


def simulate(  # noqa: PLR0913 - each is one option of the command
    typed: Annotated[
        str, typer.Argument(help="An OCG (reference or id), or a candidate network by id.")
    ],
    *,
    without: Annotated[
        list[str] | None, typer.Option("--without", help="An adult by id; may be repeated.")
    ] = None,
    top: Annotated[
        int | None, typer.Option("--top", help="So many adults, the highest by a measure.")
    ] = None,
    by: Annotated[str, typer.Option("--by", help="betweenness or degree.")] = "betweenness",
    name: Name = None,
    purpose: PurposeCode = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show on paper what a network would be without some of its adults. Never a list of targets.

    Children and victims are never taken out; they stay in the picture.
    """
    from consumers.network.measures import By  # noqa: PLC0415 - keeps --help quick
    from consumers.ocg_network import disruption_look as looking  # noqa: PLC0415 - the same
    from deploy.cli.asking import police  # noqa: PLC0415 - the same
    from streams.errors import InvalidInputError  # noqa: PLC0415 - the same

    try:
        measure = By(by.strip().lower())
    except ValueError:
        raise InvalidInputError("--by: there are betweenness and degree") from None

    def read(connection: Connection, _: str) -> Any:  # noqa: ANN401 - plain values
        nodes = looking.nodes_of(connection, typed)
        return looking.removal(
            connection, nodes, without=tuple(without or ()), top=top, measure=measure
        )

    found = ask(police("disruption simulate", read), name, purpose, as_of)
    if as_json:
        show_json(found)
        return
    columns = ("", "nodes", "ties", "largest", "share of largest", "reach", "density")
    show_table(columns, [_shape("before", found["before"]), _shape("after", found["after"])])
    show_text(f"Taken out on paper: {' '.join(map(short, found['removed']))}")
    for limit in found["limits"]:
        show_text(f"  {limit}")


def _shape(when: str, shape: Mapping[str, Any]) -> Sequence[object]:
    return (
        when,
        shape["nodes"],
        shape["ties"],
        shape["largest"],
        SHARE.format(shape["largest_share"]),
        SHARE.format(shape["reach"]),
        f"{shape['density']:.3f}",
    )


def _shown(typed: str, name: str | None, purpose: str | None, as_of: str | None = None) -> Any:  # noqa: ANN401 - plain values
    from consumers.ocg_network import disruption_look as looking  # noqa: PLC0415 - keeps --help quick

    def read(connection: Connection, disruption_id: str) -> Any:  # noqa: ANN401 - plain values
        (one,) = _named(connection, [looking.disruption(connection, disruption_id)])
        return one

    question = look("disruption show", read, looking.find_disruption, typed)
    return ask(question, name, purpose, as_of)


def _named(connection: Connection, found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    from consumers.ocg_network.disruption_look import references  # noqa: PLC0415 - quick help

    names = references(connection)
    return [{**one, "ocg": names.get(str(one["ocg_id"]), one["ocg_id"])} for one in found]
