"""`rivelin lab`: what other safeguarding rules would have raised; nothing of it is an alert."""

from __future__ import annotations

import asyncio
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.asking import AsJson, Id, Name, PurposeCode, asker, decide, second, short
from deploy.cli.evaluate_linkage import figure_rows
from deploy.cli.output import counting, say, show_json, show_table
from streams.codes import FindingReason, FindingVerdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from consumers.safeguarding.lab_findings import Finding
    from deploy.lab import Experiment
    from deploy.settings import Settings
    from deploy.views import Asker
    from streams.ports import Record

NOT_AN_ALERT = (
    "No alert was raised, sent or stored. An alert that is lost is one that a named person"
    " would not have seen: read the outcomes before you adopt anything."
)
Reason = Annotated[FindingReason, typer.Option(help="Why, a code.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(
        help="The threshold laboratory: what other rules would have raised.",
        invoke_without_command=True,
    )
    group.callback()(lab)
    group.command()(findings)
    group.command("take-up")(take_up)
    group.command()(decline)
    app.add_typer(group, name="lab")


def lab(  # noqa: PLR0913 - each is an option of the command
    context: typer.Context,
    *,
    rules: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="The rule file under trial."),
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="INSTANT", help="Such as 2026-01-01T00:00Z.")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", metavar="INSTANT", help="By default now.")
    ] = None,
    capacity: Annotated[
        int | None, typer.Option(help="How many alerts a day the hub can look at.", min=0)
    ] = None,
    raise_findings: Annotated[
        bool,
        typer.Option(
            "--raise-findings",
            help="Put what of the last 90 days only these rules flag before the hub lead.",
        ),
    ] = False,
    name: Name = None,
    purpose: PurposeCode = None,
    as_json: AsJson = False,
) -> None:
    """Replay the hub's log under other rules, and tell what would have been otherwise.

    Compared are the rules adopted at the end of the window and those of the file, both from the
    beginning of the log: alerts gained, lost, earlier and later, the load a day against a
    capacity, and what people made of those they saw. Counts of one to four are told as "<5", and
    others with them where they would give these away.

    The look is recorded and needs a role of the hub. Nothing is raised or sent; only with
    --raise-findings the hub lead gets findings to take up or decline, each once.
    """
    if context.invoked_subcommand is not None:
        return
    settings, who = asker(name, purpose)
    one = _experiment(rules, start, end, capacity)
    with counting("events") as progress:
        report, raised = asyncio.run(_run(settings, who, one, progress, is_raising=raise_findings))
    told = {**report, "findings_raised": raised}
    show_json(told) if as_json else _show(told)


def _experiment(
    rules: Path | None, start: str | None, end: str | None, capacity: int | None
) -> Experiment:
    from consumers.safeguarding.rules import parse  # noqa: PLC0415 - keeps --help quick
    from deploy.lab import Experiment, window_of  # noqa: PLC0415 - the same
    from deploy.moments import instant  # noqa: PLC0415 - the same
    from deploy.views import now  # noqa: PLC0415 - the same

    if rules is None or start is None:
        raise typer.BadParameter("a trial wants --rules FILE and --from INSTANT")
    window = window_of(instant(start), now() if end is None else instant(end))
    return Experiment(parse(read_rules(rules), rules.name), window, capacity)


def read_rules(path: Path) -> str:
    """Return the text of a rule file.

    Raises: InvalidRulesError.
    """
    from consumers.safeguarding.rules import InvalidRulesError  # noqa: PLC0415 - keeps --help quick

    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise InvalidRulesError(f"{path.name}: cannot be read as text in UTF-8") from None


async def _run(
    settings: Settings,
    who: Asker,
    one: Experiment,
    progress: Callable[[int, int], None],
    *,
    is_raising: bool,
) -> tuple[dict[str, Any], int | None]:
    from deploy.lab import put_before_lead, run  # noqa: PLC0415 - keeps --help quick
    from deploy.views import connected  # noqa: PLC0415 - the same

    async with connected(settings, "safeguarding") as log:
        result = await run(log, who, one, progress)
        raised = await put_before_lead(log, who, one, result.outcome) if is_raising else None
    return result.report, raised


# --- findings -------------------------------------------------------------------------------


def findings(name: Name = None, purpose: PurposeCode = None, *, as_json: AsJson = False) -> None:
    """Show what the laboratory put before the hub lead, and what was decided."""
    settings, who = asker(name, purpose)
    found = asyncio.run(_findings(settings, who))
    rows = [_finding(one) for one in found]
    if as_json:
        show_json(rows)
        return
    show_table(
        ("finding", "person", "rule", "reports", "raised", "state", "reason"),
        [
            (
                short(row["finding_id"]),
                short(row["person_id"]),
                row["rule_id"],
                len(row["report_ids"]),
                second(row["raised_at"]),
                row["state"],
                row["reason"],
            )
            for row in rows
        ],
    )
    say("A finding is no alert: only the rules under trial flag it. The hub lead decides.")


async def _findings(settings: Settings, who: Asker) -> Sequence[Finding]:
    from consumers.safeguarding.lab_findings import Findings  # noqa: PLC0415 - keeps --help quick
    from deploy.authority import Act, allow  # noqa: PLC0415 - the same
    from deploy.views import connected, now, record  # noqa: PLC0415 - the same
    from streams.loop import read_to_end  # noqa: PLC0415 - the same
    from streams.topics import HUB_DECISIONS  # noqa: PLC0415 - the same

    async with connected(settings, "safeguarding") as log:
        await allow(log, who.name, Act.LOOK_AT_HUB_VIEW, "lab findings", now())
        await record(log, who, "lab findings")
        records = [one async for some in read_to_end(log, (HUB_DECISIONS,)) for one in some]
    return list(Findings.of(records).by_id.values())


def _finding(one: Finding) -> dict[str, Any]:
    raised, decided = one.raised, one.decided
    return {
        "finding_id": str(raised.finding_id),
        "person_id": str(raised.person_id),
        "rule_id": raised.rule_id,
        "rules_digest": raised.rules_digest,
        "report_ids": [str(report) for report in raised.report_ids],
        "raised_by": raised.decided_by,
        "raised_at": one.raised_at.isoformat(),
        "state": "OPEN" if decided is None else decided.verdict.value,
        "reason": None if decided is None else decided.reason.value,
        "decided_by": None if decided is None else decided.decided_by,
    }


def take_up(
    finding: Id,
    *,
    reason: Reason = FindingReason.CHILD_AT_RISK,
    name: Name = None,
    purpose: PurposeCode = None,
    as_json: AsJson = False,
) -> None:
    """Take a finding up (hub lead): somebody looks at the person as at an alert."""
    _decide(finding, FindingVerdict.TAKEN_UP, reason, name, purpose, as_json=as_json)


def decline(
    finding: Id,
    *,
    reason: Reason,
    name: Name = None,
    purpose: PurposeCode = None,
    as_json: AsJson = False,
) -> None:
    """Decline a finding (hub lead), with a reason."""
    _decide(finding, FindingVerdict.DECLINED, reason, name, purpose, as_json=as_json)


def _decide(  # noqa: PLR0913 - what a decision is made of
    typed: str,
    verdict: FindingVerdict,
    reason: FindingReason,
    name: str | None,
    purpose: str | None,
    *,
    as_json: bool,
) -> None:
    from consumers.safeguarding.lab_findings import (  # noqa: PLC0415 - keeps --help quick
        Findings,
        decide_on_finding,
    )
    from deploy.authority import Act  # noqa: PLC0415 - the same
    from deploy.decisions import Decision  # noqa: PLC0415 - the same
    from streams.topics import HUB_DECISIONS  # noqa: PLC0415 - the same

    settings, who = asker(name, purpose)

    def choose(records: Sequence[Record], at: datetime) -> Sequence[object]:
        found = Findings.of(records)
        return [decide_on_finding(found, typed, verdict, reason, who.name, at)]

    subject = f"lab finding {verdict.value.lower()}"
    decision = Decision(Act.DECIDE_ON_FINDING, subject, "safeguarding", HUB_DECISIONS)
    (event,) = decide(settings, who, decision, choose)
    told = {"finding_id": str(getattr(event, "finding_id")), "verdict": verdict.value}  # noqa: B009
    if as_json:
        show_json(told)
    else:
        say(f"finding {short(told['finding_id'])}: {verdict.value.lower().replace('_', ' ')}")


# --- the answer -------------------------------------------------------------------------------


def _show(told: Mapping[str, Any]) -> None:
    columns = ("adopted", "trial", "gained", "lost", "earlier", "later", "same")
    rows = [("all alerts", *(told["alerts"][name] for name in columns))]
    rows += [(rule, *(row[name] for name in columns)) for rule, row in told["rules"].items()]
    show_table(("alerts", *columns), rows)
    say("")
    show_table(("people", "count"), told["people"].items())
    say("")
    outcomes = told["outcomes"]
    show_table(
        ("what people made of it", "lost", "gained"),
        [(one, outcomes["lost"][one], outcomes["gained"][one]) for one in outcomes["lost"]],
    )
    say("")
    rest = {name: told[name] for name in ("load", "shift_days", "events", "seconds")}
    show_table(("figure", "value"), figure_rows(rest))
    if told["findings_raised"] is not None:
        say(f"new findings before the hub lead: {told['findings_raised']}")
    say(NOT_AN_ALERT)
