"""What the commands that look and decide have in common: options, asking, and how things are shown.

Every look names a purpose, needs a role, and is an event on `audit.operations` before it is
answered.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.output import progress, show_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from deploy.decisions import Choose, Decision
    from deploy.moments import Moment
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
    typer.Option(
        "--as-of",
        help="As it stood at an instant, such as 2026-11-25T09:30Z, or below a position of the"
        " view's topic, such as police.intelligence:12345 or safeguarding.intelligence:12345.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as one JSON document.")]
Id = Annotated[str, typer.Argument(help="An id, or the beginning of one.")]


# --- asking and deciding -----------------------------------------------------------------


def police(
    subject: str,
    read: Callable[..., Any],
    find: Callable[[Any, str], str] | None = None,
    typed: str = "",
) -> Question:
    """Return a question to the police projection; see `deploy.views.Question`."""
    from consumers.ocg_network import OcgNetwork  # noqa: PLC0415 - keeps --help quick
    from deploy.views import Question  # noqa: PLC0415 - the same

    return Question(OcgNetwork(), subject, read, find, typed)


def hub(
    subject: str,
    read: Callable[[Any, str], Any],
    find: Callable[[Any, str], str] | None = None,
    typed: str = "",
) -> Question:
    """Return a question to the hub's projection; see `deploy.views.Question`."""
    from consumers.safeguarding import Safeguarding  # noqa: PLC0415 - keeps --help quick
    from deploy.views import Question  # noqa: PLC0415 - the same

    return Question(Safeguarding(), subject, read, find, typed)


def asker(name: str | None, purpose: str | None) -> tuple[Settings, Asker]:
    """Return who asks, by the options or else by the settings.

    Raises: DeniedError without a purpose, InvalidInputError for one outside the register.
    """
    from deploy.settings import Settings  # noqa: PLC0415 - keeps --help quick
    from deploy.views import asker_of  # noqa: PLC0415 - the same

    settings = Settings()
    return settings, asker_of(settings, name, purpose)


def ask(question: Question, name: str | None, purpose: str | None, as_of: str | None) -> Any:  # noqa: ANN401 - plain values of whatever was asked
    """Ask for a person whose role allows it; the look goes on the record before the answer.

    `as_of` is an instant or a position, as it was typed.

    Raises: DeniedError, InvalidInputError, NoStoreError, BrokerUnreachableError.
    """
    from deploy.moments import moment  # noqa: PLC0415 - keeps --help quick

    settings, who = asker(name, purpose)
    at = None if as_of is None else moment(as_of, question.projection.topics)
    with progress("looking …"):
        return asyncio.run(_answer(settings, question, who, at))


async def _answer(settings: Settings, question: Question, who: Asker, at: Moment | None) -> Any:  # noqa: ANN401 - see _ask
    from deploy.roles import principal_of  # noqa: PLC0415 - keeps --help quick
    from deploy.views import answer, connected  # noqa: PLC0415 - the same

    async with connected(settings, principal_of(question.projection.name)) as log:
        return await answer(question, who, log, settings.stores_dir, at)


def ask_between(
    question: Question, name: str | None, purpose: str | None, since: str, until: str | None
) -> Any:  # noqa: ANN401 - plain values of whatever was asked
    """Ask what changed from one moment to another, or to now; each as it was typed.

    Raises: as `ask`.
    """
    from deploy.moments import moment  # noqa: PLC0415 - keeps --help quick

    settings, who = asker(name, purpose)
    topics = question.projection.topics
    moments = (moment(since, topics), None if until is None else moment(until, topics))
    with progress("looking …"):
        return asyncio.run(_answer_between(settings, question, who, moments))


async def _answer_between(
    settings: Settings, question: Question, who: Asker, moments: tuple[Moment, Moment | None]
) -> Any:  # noqa: ANN401 - see ask
    from deploy.roles import principal_of  # noqa: PLC0415 - keeps --help quick
    from deploy.views import answer_between, connected  # noqa: PLC0415 - the same

    async with connected(settings, principal_of(question.projection.name)) as log:
        return await answer_between(question, who, log, settings.stores_dir, moments)


def decide(
    settings: Settings, who: Asker, decision: Decision, choose: Choose
) -> tuple[object, ...]:
    """Decide on the log; return the events that were written. See `deploy.decisions.decide`."""
    from deploy.decisions import decide as decide_on_log  # noqa: PLC0415 - keeps --help quick

    with progress("deciding …"):
        return asyncio.run(decide_on_log(settings, who, decision, choose))


# --- how things are shown ----------------------------------------------------------------


def table(columns: Sequence[str], found: Iterable[Mapping[str, Any]]) -> None:
    """Show these columns of what was found; ids are cut short."""
    rows = ([_cell(name, one.get(name)) for name in columns] for one in found)
    show_table([name.removesuffix("_id").replace("_", " ") for name in columns], rows)


def _cell(column: str, value: object) -> object:
    return short(str(value)) if column.endswith("_id") and value is not None else value


def second(instant: object) -> str:
    """Show an ISO instant in UTC as people write it, to the second."""
    return f"{str(instant)[:19].replace('T', ' ')}Z"


def short(identity: str) -> str:
    """Show the beginning of an id, enough to type."""
    return identity[:SHORT]


def standing(entity: Mapping[str, Any]) -> str:
    """Say in words how an entity stands."""
    words = {
        "is_child": "child",
        "is_victim": "victim",
        "is_nominal": "nominal",
        "is_suspected_nominal": "suspected nominal",
        "is_deal_line": "deal line",
        "is_cuckooed": "cuckooed address",
    }
    return ", ".join(word for flag, word in words.items() if entity.get(flag))


def show_ties(ties: Iterable[Mapping[str, Any]]) -> None:
    """Show ties, each with its grade and evidence; those that rest on no grade apart."""
    known = list(ties)
    columns = ["from", "kind", "to", "weight", "valid", "weakest grade", "doubts", "reports"]
    if any("strength" in tie for tie in known):
        columns.append("strength")
    for title, tentative in (("Ties", False), ("Tentative ties: nobody has graded them", True)):
        if chosen := [tie for tie in known if bool(tie.get("tentative")) is tentative]:
            show_table(columns, map(_tie, chosen), title=title)


def _tie(tie: Mapping[str, Any]) -> Sequence[object]:
    told = (
        short(tie["subject_id"]),
        tie["kind"],
        short(tie["object_id"]),
        tie["weight"],
        f"{tie['first_week']} to {tie['last_week']}",
        grade_text(tie["weakest_scheme"], tie["weakest_source"], tie["weakest_assessment"]),
        tie.get("doubted") or "",
        " ".join(short(report) for report in tie["report_ids"]),
    )
    return (*told, tie["strength"]["value"]) if "strength" in tie else told


def handling_line(handling: Mapping[str, Any]) -> str:
    """Tell how a view is to be handled: as the strictest report that went into it."""
    if handling["code"] == "NONE":
        return "Handling: no code given; for the readers of this view, not to be passed on"
    conditions = ", ".join(handling["conditions"])
    return f"Handling: {handling['code']}" + (f" ({conditions})" if conditions else "")


def grade_text(scheme: str, source: str | None, assessment: str | None) -> str:
    """Show a grade with its scheme, since the schemes swap letters and digits."""
    if source is None and assessment is None:
        return "ungraded"
    return f"{source or '-'}{assessment or '-'} ({scheme.removeprefix('SCHEME_').lower()})"
