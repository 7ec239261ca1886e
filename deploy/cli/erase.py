"""`rivelin erase`: data keys are destroyed for ever, on the record of a named person."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.codes import code_of
from deploy.cli.links import named
from deploy.cli.output import progress, say, show_json, show_table, show_text, warn

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from deploy.erasure import Decision, Plan, State
    from deploy.settings import Settings
    from streams.ports import Log

ReportId = Annotated[str, typer.Argument(help="The partner's report id, or the beginning of it.")]
Node = Annotated[int, typer.Argument(help="The number of the subject in the report, from 0.")]
Decider = Annotated[str | None, typer.Option("--as", help="Who decides; a name is required.")]
Second = Annotated[
    str | None, typer.Option("--second", help="The second person, where two decide.")
]
Why = Annotated[str, typer.Option("--reason", help="Why, as a code; a wrong one lists them.")]
OfPartner = Annotated[
    str | None, typer.Option("--partner", help="Whose report, where two begin alike.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask once more.")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as one JSON document.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    erase = typer.Typer(help="Destroy data keys, prove it, and take the ledger along.",
                        no_args_is_help=True)  # fmt: skip
    erase.command("report")(erase_report)
    erase.command("subject")(erase_subject)
    erase.command("list")(list_erasures)
    erase.command("certify")(certify)
    erase.command("export")(export)
    app.add_typer(erase, name="erase")


def erase_report(  # noqa: PLR0913 - its options
    report_id: ReportId,
    *,
    reason: Why,
    name: Decider = None,
    second: Second = None,
    partner: OfPartner = None,
    yes: Yes = False,
) -> None:
    """Destroy all data keys of a report, in every revision; its id is never taken in again.

    Shows what will go and asks. What audiences were shown stays until the report is withdrawn.
    Exit codes: 0 recorded, 1 not confirmed, 3 no such report or reason, 5 no broker.
    """
    from deploy.erasure import plan_report  # noqa: PLC0415 - keeps --help quick

    async def plan(log: Log) -> Plan:
        return await plan_report(log, report_id, partner)

    _erase(plan, reason, name, second, yes=yes)


def erase_subject(  # noqa: PLR0913 - its options
    report_id: ReportId,
    node: Node,
    *,
    reason: Why,
    name: Decider = None,
    second: Second = None,
    partner: OfPartner = None,
    revision: Annotated[
        int | None, typer.Option("--revision", help="In which revision; the last if not said.")
    ] = None,
    yes: Yes = False,
) -> None:
    """Destroy the data keys of one subject of a report, in every revision that has it.

    The report itself stays. It takes no further revision: its partner reports anew under another
    id, without that subject.
    Exit codes: 0 recorded, 1 not confirmed, 3 no such subject or reason, 5 no broker.
    """
    from deploy.erasure import plan_report, plan_subject  # noqa: PLC0415 - keeps --help quick

    async def plan(log: Log) -> Plan:
        found = await plan_report(log, report_id, partner)
        return await plan_subject(log, found, node, revision)

    _erase(plan, reason, name, second, yes=yes)


def _erase(
    plan: Callable[[Log], Awaitable[Plan]],
    reason: str,
    name: str | None,
    second: str | None,
    *,
    yes: bool,
) -> None:
    from deploy.settings import Settings  # noqa: PLC0415 - keeps --help quick

    settings = Settings()
    decision = _decision(reason, name, second)
    found = _with_log(settings, plan)
    _show_plan(found)
    if not yes and not _is_confirmed():
        say("Nothing was erased.")
        sys.exit(1)
    with progress("taking the keys from the log …"):
        changed, is_gone = _with_log(settings, lambda log: _do(log, found, decision))
    say(f"Recorded; {changed} records of stored keys are without them.")
    if not is_gone:
        warn("the broker still delivers old bytes; `rivelin erase certify` has it clean again")
    until = _states(settings)[-1].certifiable_at
    say(f"It can be certified from {until:%Y-%m-%d} (`rivelin erase certify`): until then the key"
        " that its submission was sealed to still exists.")  # fmt: skip


async def _do(log: Log, plan: Plan, decision: Decision) -> tuple[int, bool]:
    from deploy.erasure import Cleaning, erase  # noqa: PLC0415 - keeps --help quick
    from deploy.views import Asker, record  # noqa: PLC0415 - the same
    from streams.values import Operation, Purpose  # noqa: PLC0415 - the same

    asker = Asker(decision.decided_by, Purpose.OPERATE_SERVICE)
    subjects = "".join(f" {revision}.{node}" for revision, node in plan.subjects)
    subject = f"erase report {plan.report_id}{subjects} {decision.reason.value}"
    await record(log, asker, subject, Operation.ERASURE)
    changed = await erase(log, plan, decision)
    return changed, await Cleaning(log).until_gone()


def _decision(reason: str, name: str | None, second: str | None) -> Decision:
    from deploy.erasure import Decision  # noqa: PLC0415 - keeps --help quick
    from deploy.views import now  # noqa: PLC0415 - the same
    from streams.errors import InvalidInputError  # noqa: PLC0415 - the same
    from streams.values import ErasureReason  # noqa: PLC0415 - the same

    why, who = code_of(ErasureReason, reason, "--reason"), named(name)
    other = None if second is None else named(second)
    if other == who:
        raise InvalidInputError("--second: that is the same person")
    return Decision(why, who, other, now())


def _show_plan(plan: Plan) -> None:
    revisions = ", ".join(map(str, plan.revisions))
    show_text(f"Report {plan.report_id} of {plan.partner}, revisions {revisions}")
    if plan.is_whole:
        show_text(f"All of it goes: the keys of {plan.sealings} sealed submissions.")
    for revision, node in plan.subjects:
        show_text(f"Node {node} of revision {revision} goes.")
    show_text("Nothing brings it back: no key ring, no backup, no rotation, no submission.")


def _is_confirmed() -> bool:
    if not sys.stdin.isatty():
        warn("give --yes to go on without a terminal")
        return False
    return typer.confirm("Erase it?", err=True)


# --- looking ------------------------------------------------------------------------------------


def list_erasures(*, as_json: AsJson = False) -> None:
    """Show every erasure: recorded, or certified; and from when on the former can be.

    Exit codes: 0 done, 5 no broker.
    """
    from deploy.settings import Settings  # noqa: PLC0415 - keeps --help quick

    _show_states(_states(Settings()), as_json=as_json)


def certify(*, name: Decider = None, as_json: AsJson = False) -> None:
    """Look once more, have the broker clean, and certify what nothing opens any longer.

    Exit codes: 0 done, 3 no name, 5 no broker.
    """
    from deploy.erasure import certify as look  # noqa: PLC0415 - keeps --help quick
    from deploy.keys import key_ring  # noqa: PLC0415 - the same
    from deploy.settings import Settings  # noqa: PLC0415 - the same
    from deploy.views import now  # noqa: PLC0415 - the same

    settings, who = Settings(), named(name)
    with progress("looking …"):
        found = _with_log(settings, lambda log: look(log, key_ring(settings), who, now()))
    _show_states(found, as_json=as_json)


def export(file: Annotated[Path, typer.Argument(help="Where to write it; replaced.")]) -> None:
    """Write the ledger for backups, one line an erasure; a restore is given the newest.

    Keep it apart from the backups: an old backup knows nothing of what was erased later.
    Exit codes: 0 done, 3 it cannot be written there, 5 no broker.
    """
    from deploy.erasure import ledger_in  # noqa: PLC0415 - keeps --help quick
    from deploy.settings import Settings  # noqa: PLC0415 - the same
    from streams.erasure import export_lines, head_of  # noqa: PLC0415 - the same
    from streams.errors import InvalidInputError  # noqa: PLC0415 - the same

    ledger = _with_log(Settings(), ledger_in)
    lines = list(export_lines(ledger.entries()))
    try:
        _write(file, "".join(f"{line}\n" for line in lines))
    except OSError as error:
        raise InvalidInputError(f"{file} cannot be written: {error.strerror}") from None
    erasures = "erasure" if len(lines) == 1 else "erasures"
    say(f"{len(lines)} {erasures} in {file}; the hash of the ledger is {head_of(lines)}")


def _write(file: Path, text: str) -> None:
    """Whole or not at all: half of a ledger would bring back what the other half erased."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        draft.write_text(text)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def _states(settings: Settings) -> Sequence[State]:
    from deploy.erasure import states  # noqa: PLC0415 - keeps --help quick
    from deploy.keys import key_ring  # noqa: PLC0415 - the same

    found: list[State] = _with_log(settings, lambda log: states(log, key_ring(settings)))
    return found


def _show_states(found: Sequence[State], *, as_json: bool) -> None:
    if as_json:
        show_json([_facts(one) for one in found])
    elif found:
        columns = ("number", "partner", "report", "subject", "reason", "by", "decided", "state")
        show_table(columns, map(_row, found))
    else:
        say("Nothing was ever erased.")


def _state_of(one: State) -> str:
    if one.certifiable_at is None:
        return "certified"
    if one.stored or one.delivered:
        return "recorded; its keys are not gone yet: `rivelin erase certify`"
    return f"recorded; can be certified from {one.certifiable_at:%Y-%m-%d}"


def _row(one: State) -> tuple[object, ...]:
    event = one.erasure.event
    subject = "all" if event.subject is None else f"{event.revision}.{event.subject}"
    by = " and ".join(filter(None, (event.decided_by, event.confirmed_by)))
    decided = f"{event.decided_at:%Y-%m-%d}"
    facts = (one.erasure.offset, event.partner, event.report_id, subject, event.reason.value)
    return (*facts, by, decided, _state_of(one))


def _facts(one: State) -> dict[str, Any]:
    event, certified = one.erasure.event, one.erasure.certified
    return {
        "number": one.erasure.offset,
        "partner": event.partner,
        "report_id": str(event.report_id),
        "revision": event.revision,
        "subject": event.subject,
        "reason": event.reason.value,
        "decided_by": event.decided_by,
        "confirmed_by": event.confirmed_by,
        "decided_at": event.decided_at.isoformat(),
        "keys_stored": one.stored,
        "old_bytes_delivered": one.delivered,
        "certifiable_from": one.certifiable_at and one.certifiable_at.isoformat(),
        "certified_at": certified and certified.certified_at.isoformat(),
        "certified_by": certified and certified.certified_by,
    }


def _with_log(settings: Settings, work: Callable[[Log], Awaitable[Any]]) -> Any:  # noqa: ANN401 - whatever it answers
    from deploy.views import connected  # noqa: PLC0415 - keeps --help quick

    async def run() -> Any:  # noqa: ANN401 - the same
        async with connected(settings, "eraser") as log:
            return await work(log)

    return asyncio.run(run())
