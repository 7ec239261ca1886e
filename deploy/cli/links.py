"""`rivelin links`: possible links, at the review desk; a human decides, never a merge by itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.output import progress, say, show_json, show_table, show_text, warn

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from datetime import datetime, timedelta

    from anonymiser.desk.cases import Asked, Case, Side
    from anonymiser.desk.measure import Agreement, ReviewerMeasure, Share
    from deploy.desk import Desk

SHORT = 8

Who = Annotated[str | None, typer.Option("--as", help="Who looks; goes on the record.")]
Reviewer = Annotated[str | None, typer.Option("--as", help="Who decides; a name is required.")]
PurposeCode = Annotated[
    str | None, typer.Option("--purpose", help="Why; OPERATE_SERVICE by default.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as one JSON document.")]
Id = Annotated[str, typer.Argument(help="The link's id, or the beginning of it.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(
        help="Review possible links: two ids that may be one person.", no_args_is_help=True
    )
    group.command("list")(list_open)
    group.command("show")(show)
    group.command("decide")(decide)
    group.command("ask")(ask)
    group.command("measure")(measure)
    app.add_typer(group, name="links")


def list_open(
    *,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 50,
    name: Who = None,
    purpose: PurposeCode = None,
    as_json: AsJson = False,
) -> None:
    """Show what is open: overdue first, then what touches a child, then the oldest."""
    cases, policy = at_desk(name, purpose, lambda desk: _queue(desk, limit))
    if as_json:
        show_json([case_facts(case) for case in cases])
        return
    if not cases:
        say("No possible link is open.")
        return
    columns = ("link", "waits", "child", "score", "asked because", "contradicts", "agrees", "notes")
    show_table(columns, map(_row, cases))
    say(
        "Overdue after"
        f" {policy.escalate_after.days} days. Look with `rivelin links show`, before you decide."
    )


async def _queue(desk: Desk, limit: int) -> Any:  # noqa: ANN401 - a queue and the policy
    return await desk.queue(limit), desk.policy


def show(
    link_id: Id, *, name: Who = None, purpose: PurposeCode = None, as_json: AsJson = False
) -> None:
    """Show one link: how each field compares, who stands on each side, what was asked and said."""
    from anonymiser.desk.waterfall import waterfall  # noqa: PLC0415 - keeps --help quick

    async def look(desk: Desk) -> tuple[Case, int | None]:
        case = await desk.case(link_id)
        return case, await desk.threshold(case)

    case, threshold = at_desk(name, purpose, look)
    if as_json:
        bits = None if threshold is None else threshold / 100
        show_json({**case_facts(case), "threshold_bits": bits})
        return
    show_text(f"Possible link {case.link_id}  {_standing(case)}")
    show_text(f"{_kind(case)}, noticed {_day(case.noticed_at)}, waits {age(_waited(case))}")
    if case.touches_child:
        show_text("Touches a child.")
    show_text("")
    for line in waterfall(case, threshold):
        show_text(line)
    show_text("")
    show_table(("side", "reports", "agencies", "child"), map(_side, "AB", case.sides))
    _show_asked(case.asked)
    for one in case.opinions:
        show_text(f"{one.verdict.value} said {one.decided_by}, {_day(one.decided_at)}")
    if case.taken_over is not None:
        show_text(f"The linker took over: {case.taken_over}")


def decide(  # noqa: PLR0913 - each is one option of the command
    link_id: Id,
    verdict: Annotated[str, typer.Argument(help="same, different or unsure.")],
    *,
    name: Reviewer = None,
    over_budget: Annotated[
        str | None,
        typer.Option(
            "--over-budget",
            help="Decide beyond the day's budget, and why: CHILD_AT_RISK, BACKLOG_ORDERED or"
            " COVER_FOR_COLLEAGUE.",
        ),
    ] = None,
    purpose: PurposeCode = None,
    as_json: AsJson = False,
) -> None:
    """Say of a possible link that it is one person, two, or that you cannot tell.

    "unsure" leaves it open for a second reviewer. The other verdict about a decided link undoes
    what was decided, everywhere and exactly.
    Exit codes: 0 recorded, 3 no such link or nothing to decide, 4 the day's budget is spent.
    """
    from deploy.cli.codes import code_of  # noqa: PLC0415 - keeps --help quick
    from streams.values import LinkVerdict, OverBudgetReason  # noqa: PLC0415 - the same

    said = code_of(LinkVerdict, verdict, "VERDICT")
    why = None if over_budget is None else code_of(OverBudgetReason, over_budget, "--over-budget")
    done = at_desk(named(name), purpose, lambda desk: desk.decide(link_id, said, why))
    facts = {
        "link_id": str(done.case.link_id),
        "verdict": said.value,
        "decided_today": done.decided_today,
        "budget": done.budget,
    }
    if as_json:
        show_json(facts)
        return
    say(f"{done.case.link_id} is recorded as {said.value}; verdict {done.decided_today} of"
        f" {done.budget} today.")  # fmt: skip
    if done.case.is_open and not done.case.asked and said.value != "UNSURE":
        warn("Nobody was asked about it. `rivelin links ask` puts a fixed question to both sides.")


def ask(
    link_id: Id,
    *,
    question: Annotated[
        str,
        typer.Option("--question", help="TWIN, NHS_NUMBER, BIRTH_DATE, MOVED or OTHER_NAME."),
    ],
    name: Reviewer = None,
    purpose: PurposeCode = None,
    as_json: AsJson = False,
) -> None:
    """Put a fixed question to the holders of both sides; answers decide nothing by themselves.

    Each holder is asked about its own record only, and records that nobody doubts are asked about
    as well, so that being asked tells a partner nothing.
    Exit codes: 0 asked, 3 no such link or question, or asked a short while ago.
    """
    from deploy.cli.codes import code_of  # noqa: PLC0415 - keeps --help quick
    from streams.values import LinkQuestion  # noqa: PLC0415 - the same

    which = code_of(LinkQuestion, question, "--question")
    case = at_desk(named(name), purpose, lambda desk: desk.ask(link_id, which))
    holders = sum(side.partners for side in case.sides)
    if as_json:
        show_json({"link_id": str(case.link_id), "question": which.value, "holders": holders})
        return
    say(f"{which.value} is put to the holders of both sides; see `rivelin links show`.")


def measure(*, name: Who = None, purpose: PurposeCode = None, as_json: AsJson = False) -> None:
    """Show each reviewer's verdicts, errors on planted pairs of known truth, and agreement."""
    measures, agreements = at_desk(name, purpose, lambda desk: desk.measures())
    if as_json:
        show_json(
            {
                "reviewers": [_measure_facts(one) for one in measures],
                "agreement": [_agreement_facts(one) for one in agreements],
            }
        )
        return
    if not measures:
        say("Nobody has decided anything yet.")
        return
    show_table(_MEASURES, map(_measure_row, measures), title="Reviewers")
    if agreements:
        columns = ("reviewers", "both decided", "alike", "kappa")
        show_table(columns, map(_agreement_row, agreements), title="Agreement of two")
    say(
        "Errors are those on planted pairs, whose truth is known, with 95 % intervals: few pairs"
        " tell little."
    )


# --- the desk ------------------------------------------------------------------------


def at_desk(name: str | None, purpose: str | None, work: Callable[[Desk], Awaitable[Any]]) -> Any:  # noqa: ANN401 - whatever the work gives
    """Do something at the desk for one person, whose look or decision goes on the record."""
    from deploy.settings import Settings  # noqa: PLC0415 - keeps --help quick
    from deploy.views import asker_of  # noqa: PLC0415 - the same

    settings = Settings()
    asker = asker_of(settings, name, purpose or settings.purpose or "OPERATE_SERVICE")

    async def sit_down() -> Any:  # noqa: ANN401 - see above
        from deploy.desk import at_the_desk  # noqa: PLC0415 - keeps --help quick

        async with at_the_desk(settings, asker) as desk:
            return await work(desk)

    with progress("looking …"):
        return asyncio.run(sit_down())


def named(name: str | None) -> str:
    """Return the name of who decides.

    Raises: InvalidInputError if none is given.
    """
    from anonymiser.desk.decisions import reviewer_name  # noqa: PLC0415 - keeps --help quick

    return reviewer_name(name)


# --- what is shown -----------------------------------------------------------------------


def case_facts(case: Case) -> dict[str, Any]:
    """Return a link for programs: no id of a person, no partner, no count that would tell one."""
    return {
        "link_id": str(case.link_id),
        "kind": case.kind.value,
        "state": case.state.value,
        "noticed_at": case.noticed_at.isoformat(),
        "waits_hours": round(_waited(case).total_seconds() / 3600, 1),
        "escalated_at": case.escalated_at and case.escalated_at.isoformat(),
        "touches_child": case.touches_child,
        "asked_because": case.doubt,
        "score_bits": None if case.score_centibits is None else case.score_centibits / 100,
        "weights_version": case.weights_version,
        "agreed": list(case.agreed),
        "contradicted": list(case.contradicted),
        "levels": [
            {"field": bar.field, "level": bar.level, "bits": bar.centibits / 100}
            for bar in case.bars
        ],
        "sides": [_side_facts(side) for side in case.sides],
        "questions": [_asked_facts(one) for one in case.asked],
        "opinions": [
            {
                "verdict": one.verdict.value,
                "decided_by": one.decided_by,
                "decided_at": one.decided_at.isoformat(),
            }
            for one in case.opinions
        ],
        "taken_over": case.taken_over,
    }


def _side_facts(side: Side) -> dict[str, Any]:
    from anonymiser.desk.cases import band  # noqa: PLC0415 - keeps --help quick

    return {
        "reports": band(side.reports),
        "partners": band(side.partners),
        "is_child": side.is_child,
    }


def _asked_facts(asked: Asked) -> dict[str, Any]:
    return {
        "question": asked.question.value,
        "asked_by": asked.asked_by,
        "asked_at": asked.asked_at.isoformat(),
        "waiting": asked.is_waiting,
        "answers": [[answer.value for answer in side] for side in asked.answers],
    }


def _row(case: Case) -> tuple[object, ...]:
    return (
        str(case.link_id)[:SHORT],
        age(_waited(case)),
        "child" if case.touches_child else "",
        _bits(case.score_centibits),
        (case.doubt or "").lower(),
        ", ".join(case.contradicted) or "-",
        ", ".join(one for one in case.agreed if one not in case.contradicted),
        "; ".join(_notes(case)),
    )


def _notes(case: Case) -> Iterable[str]:
    if case.escalated_at is not None:
        yield "OVERDUE"
    unsure = [one.decided_by for one in case.opinions]
    if unsure:
        yield f"unsure: {', '.join(unsure)}"
    for asked in case.asked:
        yield f"{asked.question.value} {'asked' if asked.is_waiting else 'answered'}"


def _standing(case: Case) -> str:
    words = [case.state.value.lower()]
    if case.is_open and case.escalated_at is not None:
        words.append("OVERDUE")
    return ", ".join(words)


def _kind(case: Case) -> str:
    why = "" if case.doubt is None else f" ({case.doubt.lower()})"
    return f"Two {case.kind.value.lower()} ids that may be one{why}"


def _side(letter: str, side: Side) -> tuple[object, ...]:
    facts = _side_facts(side)
    return (letter, facts["reports"], facts["partners"], "child" if side.is_child else "-")


def _show_asked(asked: Iterable[Asked]) -> None:
    rows = [
        (
            one.question.value,
            _day(one.asked_at),
            one.asked_by,
            _answers(one, 0),
            _answers(one, 1),
        )
        for one in asked
    ]
    if rows:
        show_table(("question", "asked", "by", "side A", "side B"), rows)


def _answers(asked: Asked, side: int) -> str:
    """Tell what was said, in order of the alphabet: whose answer it is nobody shall see."""
    said = sorted(answer.value.lower() for answer in asked.answers[side])
    missing = asked.holders[side] - len(said)
    return ", ".join([*said, *(["no answer yet"] if missing else [])]) or "nobody to ask"


def _bits(centibits: int | None) -> str:
    return "-" if centibits is None else f"{centibits / 100:.1f}"


def _waited(case: Case) -> timedelta:
    from deploy.views import now  # noqa: PLC0415 - keeps --help quick

    return case.age(now())


def age(waited: timedelta) -> str:
    """Tell days and hours; below an hour minutes."""
    minutes = max(0, int(waited.total_seconds() // 60))
    if minutes < 60:  # noqa: PLR2004 - minutes of an hour
        return f"{minutes} min"
    days, hours = divmod(minutes // 60, 24)
    return f"{days} d {hours} h" if days else f"{hours} h"


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}Z"


# --- measures ----------------------------------------------------------------------------

_MEASURES = (
    "reviewer",
    "verdicts",
    "today",
    "over budget",
    "planted",
    "unsure",
    "errors",
    "false same",
    "false different",
)


def _measure_row(one: ReviewerMeasure) -> tuple[object, ...]:
    return (
        one.reviewer,
        one.decisions,
        one.today,
        one.over_budget,
        one.planted,
        one.unsure,
        _share(one.errors),
        _share(one.false_same),
        _share(one.false_different),
    )


def _agreement_row(one: Agreement) -> tuple[object, ...]:
    kappa = "-" if one.kappa is None else f"{one.kappa:.2f}"
    return (" and ".join(one.reviewers), one.alike.count, _share(one.alike), kappa)


def _share(share: Share) -> str:
    if share.value is None:
        return "-"
    low, high = share.interval
    return f"{share.hits} of {share.count} ({low:.0%} to {high:.0%})"


def _share_facts(share: Share) -> dict[str, Any]:
    low, high = share.interval
    return {"hits": share.hits, "count": share.count, "share": share.value, "interval": [low, high]}


def _measure_facts(one: ReviewerMeasure) -> dict[str, Any]:
    return {
        "reviewer": one.reviewer,
        "decisions": one.decisions,
        "today": one.today,
        "over_budget": one.over_budget,
        "planted": one.planted,
        "unsure": one.unsure,
        "errors": _share_facts(one.errors),
        "false_same": _share_facts(one.false_same),
        "false_different": _share_facts(one.false_different),
    }


def _agreement_facts(one: Agreement) -> dict[str, Any]:
    return {
        "reviewers": list(one.reviewers),
        "alike": _share_facts(one.alike),
        "kappa": one.kappa,
    }
