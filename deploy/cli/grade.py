"""`rivelin grade`: a named analyst grades reports, without seeing their source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
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
    grade_text,
    handling_line,
    police,
    second,
    short,
)
from deploy.cli.codes import code_of
from deploy.cli.output import say, show_json, show_table, show_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

#: How many reports a page of the list holds unless somebody says otherwise.
PAGE = 50


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(
        help="Grade reports; you do not see their source, but how it fared.", no_args_is_help=True
    )
    group.command("list")(grade_list)
    group.command("next")(grade_next)
    group.command("show")(grade_show)
    group.command("report")(grade_report)
    app.add_typer(group, name="grade")


def grade_list(
    *,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many to show.")] = PAGE,
    name: Name = None,
    purpose: PurposeCode = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show the reports that nobody has graded, the oldest first, and how many are done."""
    from consumers.ocg_network.grade_look import waiting  # noqa: PLC0415 - keeps --help quick

    found = ask(police("grade list", lambda one, _: waiting(one)), name, purpose, as_of)
    page = found["waiting"][:limit]
    if as_json:
        show_json({**found, "waiting": page})
        return
    columns = ("report", "revision", "week", "district", "told of", "entities", "relations")
    show_table(columns, map(_in_line, page))
    say(_progress(found))


def _in_line(one: Mapping[str, Any]) -> Sequence[object]:
    return (
        short(one["report_id"]),
        one["revision"],
        one["event_week"],
        one["district"],
        ", ".join(one["activities"]),
        one["entities"],
        one["relations"],
    )


def _progress(found: Mapping[str, Any]) -> str:
    graded, every = found["graded"], found["reports"]
    if graded == every:
        return f"All {every} reports are graded."
    return f"{graded} of {every} reports are graded, {every - graded} wait."


def grade_next(
    *,
    name: Name = None,
    purpose: PurposeCode = None,
    as_json: AsJson = False,
) -> None:
    """Show the report that has waited longest for a grade, as `grade show` does."""
    from consumers.ocg_network.grade_look import next_waiting  # noqa: PLC0415 - keeps --help quick

    found = ask(police("grade next", lambda one, _: next_waiting(one)), name, purpose, None)
    if as_json:
        show_json(found)
        return
    if found["report"] is not None:
        _show(found["report"])
    say(_progress(found))


def grade_show(
    report_id: Id,
    *,
    name: Name = None,
    purpose: PurposeCode = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
) -> None:
    """Show what a report says, how its source fared before, its grades, and who relies on it."""
    from consumers.ocg_network.grade_look import find_report, report  # noqa: PLC0415 - keeps it quick

    found = ask(police("grade show", report, find_report, report_id), name, purpose, as_of)
    show_json(found) if as_json else _show(found)


def _show(found: Mapping[str, Any]) -> None:
    if found["is_withdrawn"]:
        show_text(f"Report {found['report_id']} was withdrawn; there is nothing to grade.")
        _relies(found)
        return
    standing = found["graded"] or found  # ours at once; the evidence, when the gate has relayed it
    grade = grade_text(standing["scheme"], standing["source"], standing["assessment"])
    show_text(f"Report {found['report_id']}, revision {found['revision']}: {grade}")
    show_text(f"Week {found['event_week']}, {found['district'] or 'no district told'}")
    for fact in found["facts"]:
        show_text(f"  {_words(fact['theme'])}: {_words(fact['activity'])} ({fact['four_p']})")
    _mentions(found)
    show_text(f"The source, unseen: {found['source_history']['in_words']}")
    columns = ("graded", "revision", "grade", "by", "on the basis of")
    show_table(columns, map(_grading, found["gradings"]), title="Grades, the latest first")
    _relies(found)
    show_text(handling_line(found["handling"]))


def _mentions(found: Mapping[str, Any]) -> None:
    rows = (
        (one["node"], one["kind"], short(one["entity_id"]), one["role"], one["child_at_event"])
        for one in found["mentions"]
    )
    show_table(("node", "kind", "id", "role", "child at event"), rows, title="Mentions")
    ties = ((one["subject"], one["kind"], one["object"]) for one in found["relations"])
    show_table(("node", "relation", "node"), ties, title="Relations")


def _grading(one: Mapping[str, Any]) -> Sequence[object]:
    return (
        second(one["decided_at"]),
        one["revision"],
        grade_text(one["scheme"], one["source"], one["assessment"]),
        one["decided_by"],
        ", ".join(one["basis"]),
    )


def _relies(found: Mapping[str, Any]) -> None:
    alone = sum(tie["reports"] == 1 for tie in found["ties"])
    show_text(f"It states {len(found['ties'])} ties; {alone} of them nothing else supports.")
    for one in found["decisions"]:
        show_text(f"{one['reference']} rests on it: {_words(one['decided'])}")
    for one in found["disruptions"]:
        show_text(f"Disruption {short(one)} rests on it.")


def _words(code: str) -> str:
    return code.replace("_", " ").lower()


def grade_report(  # noqa: PLR0913 - each is one option of the command
    report_id: Id,
    *,
    source: Annotated[str, typer.Option("--source", help="3x5x2: 1, 2 or 3; 5x5x5: A to E.")],
    assessment: Annotated[str, typer.Option("--assessment", help="3x5x2: A to E; 5x5x5: 1 to 5.")],
    basis: Annotated[
        list[str],
        typer.Option("--basis", help="What it rests on, such as SOURCE_HISTORY; may be repeated."),
    ],
    scheme: Annotated[str, typer.Option("--scheme", help="3x5x2 or 5x5x5.")] = "3x5x2",
    name: Name = None,
    purpose: PurposeCode = None,
    as_json: AsJson = False,
) -> None:
    """Grade the revision of a report that stands. A later grade of it replaces this one.

    Letters and digits must be those of the scheme; nothing is converted.
    """
    from consumers.ocg_network.deciding import decide_grade  # noqa: PLC0415 - keeps --help quick
    from consumers.ocg_network.grade_look import find_report, revision_of  # noqa: PLC0415 - the same
    from deploy.authority import Act  # noqa: PLC0415 - the same
    from deploy.decisions import Decision  # noqa: PLC0415 - the same
    from streams.codes import GradeBasis  # noqa: PLC0415 - the same
    from streams.parts import Grading  # noqa: PLC0415 - the same
    from streams.topics import POLICE_DECISIONS  # noqa: PLC0415 - the same
    from streams.values import GradingScheme  # noqa: PLC0415 - the same

    grading = Grading(
        scheme=code_of(GradingScheme, f"SCHEME_{scheme}", "--scheme"),
        source=source.strip().upper(),
        assessment=assessment.strip().upper(),
    )
    codes = tuple(code_of(GradeBasis, one, "--basis") for one in basis)

    def standing(connection: Any, found: str) -> Any:  # noqa: ANN401 - loaded when used
        return found, revision_of(connection, found)

    question = police("grade report", standing, find_report, report_id)
    report, revision = ask(question, name, purpose, None)
    settings, who = asker(name, purpose)

    def graded(_: object, at: datetime) -> Any:  # noqa: ANN401 - see above
        return decide_grade(
            report_id=UUID(report),
            revision=revision,
            grading=grading,
            basis=codes,
            by=who.name,
            at=at,
        )

    decision = Decision(Act.GRADE_REPORT, f"grade report {report}", "police", POLICE_DECISIONS)
    decide(settings, who, decision, graded)
    told = grade_text(grading.scheme, grading.source, grading.assessment)
    if as_json:
        facts = {"report_id": report, "revision": revision, "source": grading.source}
        more = {"assessment": grading.assessment, "scheme": grading.scheme.value}
        show_json({**facts, **more, "decided_by": who.name})
    else:
        say(f"Report {short(report)}, revision {revision}, is graded {told} by {who.name}.")
