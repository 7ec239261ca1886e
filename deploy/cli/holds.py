"""`rivelin holds` and `rivelin quarantine`: what waits at the gate, and who lets it go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.codes import code_of
from deploy.cli.links import age, at_desk, named
from deploy.cli.output import say, show_json, show_table, show_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from anonymiser.desk.entries import Hold, Quarantine, Ruling

Who = Annotated[str | None, typer.Option("--as", help="Who looks; goes on the record.")]
Decider = Annotated[str | None, typer.Option("--as", help="Who decides; a name is required.")]
Body = Annotated[
    str,
    typer.Option(
        "--body", help="Whom that person works for: the desk, or a partner that did not report."
    ),
]
PurposeCode = Annotated[
    str | None, typer.Option("--purpose", help="Why; OPERATE_SERVICE by default.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as one JSON document.")]
ReportId = Annotated[str, typer.Argument(help="The report's id, or the beginning of it.")]
Number = Annotated[int, typer.Argument(help="The record's number, as listed.")]
Why = Annotated[str, typer.Option("--reason", help="Why, as a code; a wrong one lists them.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    holds = typer.Typer(help="Reports that the gate holds, and decisions about them.",
                        no_args_is_help=True)  # fmt: skip
    holds.command("list")(list_held)
    holds.command("show")(show_held)
    holds.command("approve")(approve)
    holds.command("release")(release)
    holds.command("refuse")(refuse)
    app.add_typer(holds, name="holds")
    kept = typer.Typer(help="Quarantined records: reasons and age, never content.",
                       no_args_is_help=True)  # fmt: skip
    kept.command("list")(list_kept)
    kept.command("show")(show_kept)
    kept.command("close")(close)
    kept.command("redrive")(redrive)
    app.add_typer(kept, name="quarantine")


# --- holds -------------------------------------------------------------------------------


def list_held(*, name: Who = None, purpose: PurposeCode = None, as_json: AsJson = False) -> None:
    """Show every report that the gate holds, the oldest first, and what each waits for."""
    found = at_desk(name, purpose, lambda desk: desk.holds())
    if as_json:
        show_json([_hold_facts(one) for one in found])
    elif found:
        columns = ("report", "revision", "partner", "waits", "for")
        show_table(columns, map(_hold_row, found))
    else:
        say("The gate holds nothing.")


def show_held(
    report_id: ReportId, *, name: Who = None, purpose: PurposeCode = None, as_json: AsJson = False
) -> None:
    """Show one held report: what it waits for and what was said of it; never what it says."""
    hold, rulings = at_desk(name, purpose, lambda desk: desk.hold(report_id))
    if as_json:
        show_json({**_hold_facts(hold), "decisions": [_ruling_facts(one) for one in rulings]})
        return
    show_text(f"Report {hold.report_id} revision {hold.revision} of {hold.partner}")
    show_text(f"Held since {_second(hold.held_at)}, {_waited(hold.held_at)}")
    for code, path in hold.reasons:
        where = "" if path is None else f" ({path})"
        show_text(f"  waits for {code}{where}: {_HOW.get(code, 'the gate releases it by itself')}")
    for one in rulings:
        why = "" if one.reason is None else f" ({one.reason})"
        show_text(f"  {one.verdict}{why} by {one.decided_by} of {one.decided_for},"
                  f" {_second(one.decided_at)}")  # fmt: skip


_HOW = {
    "originator_approval_required": "the partner approves with `rivelin partner approve`, or a"
    " named person of it tells the desk: `rivelin holds approve`",
    "small_cell": "too few people share what it says; a revision that says less may go on, or"
    " `rivelin holds refuse`",
    "conflict_of_interest": "somebody of another body decides: `rivelin holds release` or `refuse`",
}


def approve(
    report_id: ReportId,
    *,
    by: Annotated[
        str, typer.Option("--by", help="The person of the partner who gave the approval.")
    ],
    name: Decider = None,
    purpose: PurposeCode = None,
) -> None:
    """Record that the originator, by a named person of its own, lets the report go on (S2).

    Exit codes: 0 recorded, 3 no such report or it waits for something else.
    """
    person = named(by)
    hold = at_desk(named(name), purpose, lambda desk: desk.approve(report_id, person))
    say(f"{hold.report_id} is approved by {person} of {hold.partner}; the gate judges it anew.")


def release(
    report_id: ReportId,
    *,
    reason: Why,
    name: Decider = None,
    body: Body = "desk",
    purpose: PurposeCode = None,
) -> None:
    """Let a report about the partner's own staff go on, after somebody of another body looked.

    Exit codes: 0 recorded, 3 no such report or reason, 4 somebody of the body that reported.
    """
    hold, by = _ruled("RELEASE", report_id, reason, name, body, purpose)
    say(f"{hold.report_id} is released by {by}; the gate judges it anew.")


def refuse(
    report_id: ReportId,
    *,
    reason: Why,
    name: Decider = None,
    body: Body = "desk",
    purpose: PurposeCode = None,
) -> None:
    """Refuse a held report; the partner gets a receipt with the reason.

    Exit codes: 0 recorded, 3 no such report or reason, 4 somebody of the body that reported.
    """
    hold, by = _ruled("REFUSE", report_id, reason, name, body, purpose)
    say(f"{hold.report_id} is refused by {by}; {hold.partner} gets a receipt.")


def _ruled(  # noqa: PLR0913, PLR0917 - the options of the two commands
    verdict: str, report_id: str, reason: str, name: str | None, body: str, purpose: str | None
) -> tuple[Any, str]:
    """Rule at the desk; return the hold, and who ruled for which body."""
    from streams.values import HoldReason, HoldVerdict  # noqa: PLC0415 - keeps --help quick

    why, ruling = code_of(HoldReason, reason, "--reason"), HoldVerdict(verdict)
    who, whose = named(name), body.strip()
    hold = at_desk(who, purpose, lambda desk: desk.rule(report_id, ruling, why, whose))
    return hold, f"{who} of {whose}"


# --- quarantine -----------------------------------------------------------------------------


def list_kept(*, name: Who = None, purpose: PurposeCode = None, as_json: AsJson = False) -> None:
    """Show quarantined records that nobody closed and no later revision replaced."""
    found = at_desk(name, purpose, lambda desk: desk.quarantined())
    if as_json:
        show_json([_kept_facts(one) for one in found])
    elif found:
        columns = ("number", "partner", "report", "revision", "stage", "waits", "urgent", "reasons")
        show_table(columns, map(_kept_row, found))
    else:
        say("Nothing is quarantined that still waits.")


def show_kept(
    number: Number, *, name: Who = None, purpose: PurposeCode = None, as_json: AsJson = False
) -> None:
    """Show one quarantined record: why, since when, where; its content stays sealed."""
    kept = at_desk(name, purpose, lambda desk: desk.kept(number))
    if as_json:
        show_json(_kept_facts(kept))
        return
    show_text(f"Record {kept.offset} of {kept.partner}, stopped by {kept.stage}")
    show_text(f"Report {kept.report_id or 'unreadable'} revision {kept.revision or '-'}")
    show_text(f"Since {_second(kept.quarantined_at)}, {_waited(kept.quarantined_at)}")
    show_text(f"{kept.size_bytes} bytes are kept, sealed as they came")
    if kept.immediate_risk:
        show_text("It may be an immediate risk; the duty officer was told at once (`rivelin duty`)")
    for code, path in kept.reasons:
        show_text(f"  {code}{'' if path is None else f' ({path})'}")
    say("The partner has a receipt with these reasons; a corrected revision takes it off the list.")


def close(
    number: Number,
    *,
    reason: Why,
    name: Decider = None,
    body: Body = "desk",
    purpose: PurposeCode = None,
) -> None:
    """Close the case of a quarantined record; nothing is deleted and nothing goes out.

    Exit codes: 0 recorded, 3 no such record or reason, 4 somebody of the body that reported.
    """
    from streams.values import HoldReason  # noqa: PLC0415 - keeps --help quick

    why = code_of(HoldReason, reason, "--reason")
    who = named(name)
    kept = at_desk(who, purpose, lambda desk: desk.close(number, why, body.strip()))
    say(f"Record {kept.offset} is closed by {who} of {body.strip()}.")


def redrive(
    number: Number, *, name: Decider = None, body: Body = "desk", purpose: PurposeCode = None
) -> None:
    """Have a quarantined submission processed once more, after what stopped it is mended.

    It is read anew from its partner's own topic, and its partner gets the new outcome. What was
    shared, withdrawn or erased meanwhile stays so. What is stopped again is a new record here.
    Exit codes: 0 recorded, 3 no such record or it cannot be, 4 somebody of the body that reported.
    """
    who = named(name)
    kept = at_desk(who, purpose, lambda desk: desk.redrive(number, body.strip()))
    say(f"Record {kept.offset} is processed once more for {who}; {kept.partner} gets the outcome.")


# --- what is shown ------------------------------------------------------------------------------


def _hold_row(hold: Hold) -> tuple[object, ...]:
    waits_for = ", ".join(dict.fromkeys(code for code, _ in hold.reasons))
    return (hold.report_id, hold.revision, hold.partner, _waited(hold.held_at), waits_for)


def _hold_facts(hold: Hold) -> dict[str, Any]:
    return {
        "partner": hold.partner,
        "report_id": str(hold.report_id),
        "revision": hold.revision,
        "reasons": _reason_facts(hold.reasons),
        "held_at": hold.held_at.isoformat(),
    }


def _ruling_facts(one: Ruling) -> dict[str, Any]:
    return {
        "verdict": one.verdict,
        "reason": one.reason,
        "decided_by": one.decided_by,
        "decided_for": one.decided_for,
        "decided_at": one.decided_at.isoformat(),
    }


def _kept_row(kept: Quarantine) -> tuple[object, ...]:
    return (
        kept.offset,
        kept.partner,
        kept.report_id,
        kept.revision,
        kept.stage,
        _waited(kept.quarantined_at),
        "urgent" if kept.immediate_risk else "",
        ", ".join(dict.fromkeys(code for code, _ in kept.reasons)),
    )


def _kept_facts(kept: Quarantine) -> dict[str, Any]:
    return {
        "number": kept.offset,
        "partner": kept.partner,
        "report_id": kept.report_id and str(kept.report_id),
        "revision": kept.revision,
        "stage": kept.stage,
        "reasons": _reason_facts(kept.reasons),
        "immediate_risk": kept.immediate_risk,
        "bytes": kept.size_bytes,
        "quarantined_at": kept.quarantined_at.isoformat(),
    }


def _reason_facts(reasons: Sequence[tuple[str, str | None]]) -> list[dict[str, str | None]]:
    return [{"code": code, "field": path} for code, path in reasons]


def _waited(since: datetime) -> str:
    from deploy.views import now  # noqa: PLC0415 - keeps --help quick

    return age(now() - since)


def _second(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}Z"
