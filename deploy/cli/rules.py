"""`rivelin rules`: show the safeguarding rules, check a file of them, compare it, adopt it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.asking import AsJson, Name, PurposeCode, ask, asker, decide, hub
from deploy.cli.output import say, show_json, show_table, show_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from consumers.safeguarding.rules import Rule, Rules
    from streams.hub import RulesAdopted
    from streams.ports import Record

File = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, help="A rule file (JSON); see docs/RULES.md.")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(
        help="The safeguarding rules: show, check, compare and adopt them.", no_args_is_help=True
    )
    group.command("show")(show)
    group.command("check")(check)
    group.command("diff")(diff)
    group.command("adopt")(adopt)
    app.add_typer(group, name="rules")


# --- showing ---------------------------------------------------------------------------------


def show(
    *,
    version: Annotated[
        int | None,
        typer.Option("--version", help="A version that was adopted; by default today's."),
    ] = None,
    standard: Annotated[
        bool, typer.Option("--standard", help="The rules of the package; asks nobody.")
    ] = False,
    name: Name = None,
    purpose: PurposeCode = None,
    as_json: AsJson = False,
) -> None:
    """Show the rules in force: what each looks for, why, its numbers, whom its alerts are for.

    Exit codes: 0 done, 3 there is no such version, 4 no role or purpose, 5 no broker.
    """
    rules = _standard() if standard else _in_force(version, name, purpose)
    if as_json:
        show_json(rules.model_dump(mode="json"))
        return
    show_text(f"Rules version {rules.version}: {rules.title}")
    for rule in rules.rules:
        _show_rule(rule)


def _show_rule(rule: Rule) -> None:
    show_text(f"\n{rule.id}: {rule.title}{'' if rule.enabled else '  (OFF)'}")
    show_text(f"  Why: {rule.reason}")
    show_text(f"  {rule.never}")
    for name, value in _numbers(rule):
        show_text(f"  {name}: {value}")
    for about, recipients in rule.recipients.items():
        show_text(f"  Alerts about {_article(about)} are for: {', '.join(recipients)}")


def _article(about: str) -> str:
    return {"CHILD": "a child", "ADULT": "an adult"}[about]


def _numbers(rule: Rule) -> Iterator[tuple[str, str]]:
    """Yield what can be changed of a rule: weights, thresholds, windows, lists of signs."""
    known = {"id", "kind", "enabled", "title", "reason", "source", "never", "about"}
    parts = rule.model_dump(mode="json", exclude={*known, "recipients", "examples"})
    for name, value in parts.items():
        if isinstance(value, dict):
            yield name, ", ".join(f"{sign} {weight}" for sign, weight in value.items())
        elif isinstance(value, list):
            yield name, ", ".join(map(str, value))
        else:
            yield name, str(value).lower() if isinstance(value, bool) else str(value)


# --- checking and comparing ---------------------------------------------------------------


def check(file: File, *, as_json: AsJson = False) -> None:
    """Read a rule file strictly and run the examples beside its rules. Nothing is changed.

    Exit codes: 0 it holds, 1 an example comes out otherwise, 3 the file does not hold (the place
    is named).
    """
    from consumers.safeguarding.examples import failures  # noqa: PLC0415 - keeps --help quick

    rules = _read(file)
    wrong = list(failures(rules))
    run = sum(len(rule.examples) for rule in rules.rules)
    without = [rule.id for rule in rules.rules if not rule.examples]
    if as_json:
        show_json(_checked(rules, run, without, wrong))
    else:
        show_table(
            ("rule", "example", "expected", "found"),
            ((one.rule_id, one.story, _people(one.expected), _people(one.found)) for one in wrong),
        )
        say(f"{len(rules.rules)} rules, {run} examples, {len(wrong)} come out otherwise.")
        if without:
            say(f"Without an example: {', '.join(without)}.")
    if wrong:
        raise typer.Exit(1)


def _checked(
    rules: Rules, run: int, without: Sequence[str], wrong: Sequence[Any]
) -> Mapping[str, Any]:
    return {
        "version": rules.version,
        "digest": rules.digest,
        "rules": len(rules.rules),
        "examples": run,
        "without_example": without,
        "failures": [
            {
                "rule_id": one.rule_id,
                "story": one.story,
                "expected": one.expected,
                "found": one.found,
            }
            for one in wrong
        ],
    }


def diff(
    file: File,
    *,
    standard: Annotated[
        bool, typer.Option("--standard", help="Compare with the rules of the package.")
    ] = False,
    name: Name = None,
    purpose: PurposeCode = None,
    as_json: AsJson = False,
) -> None:
    """Show what a rule file would change, field by field, against the rules in force.

    What it would have meant for last year's alerts tells `rivelin lab`.

    Exit codes: 0 done, 3 the file does not hold, 4 no role or purpose, 5 no broker.
    """
    from consumers.safeguarding.rules import differences  # noqa: PLC0415 - keeps --help quick

    new = _read(file)
    old = _standard() if standard else _in_force(None, name, purpose)
    found = list(differences(old, new))
    if as_json:
        names = ("rule_id", "field", "old", "new")
        show_json([dict(zip(names, one, strict=True)) for one in found])
        return
    show_table(("rule", "field", f"version {old.version}", f"version {new.version}"), found)
    say(f"{len(found)} fields differ.")


# --- adopting --------------------------------------------------------------------------------


def adopt(
    file: File,
    *,
    reviewed_by: Annotated[
        str, typer.Option("--reviewed-by", help="Who reviewed the file: another person of the hub.")
    ],
    name: Name = None,
    purpose: PurposeCode = None,
    as_json: AsJson = False,
) -> None:
    """Bring a rule file into force, as the hub lead, reviewed by somebody else of the hub.

    From its place in the log on alerts are judged by it. Alerts that it would not raise stay,
    marked as without support; nothing is closed. Its version must be above the one in force, and
    every example beside its rules must come out as it says.

    Exit codes: 0 done, 3 the file does not hold or its version is not new, 4 the role is
    missing, 5 no broker.
    """
    from deploy.authority import Act  # noqa: PLC0415 - keeps --help quick
    from deploy.decisions import Decision  # noqa: PLC0415 - the same
    from streams.topics import HUB_DECISIONS, REGISTRY  # noqa: PLC0415 - the same

    rules = _read(file)
    settings, who = asker(name, purpose)

    def choose(records: Sequence[Record], at: datetime) -> Sequence[RulesAdopted]:
        return [_adopted(rules, records, reviewed_by, who.name, at)]

    subject = f"rules adopt version {rules.version}"
    reads = (HUB_DECISIONS, REGISTRY)
    decision = Decision(Act.ADOPT_RULES, subject, "safeguarding", HUB_DECISIONS, reads)
    decide(settings, who, decision, choose)
    if as_json:
        show_json({"version": rules.version, "digest": rules.digest, "reviewed_by": reviewed_by})
        return
    say(
        f"Version {rules.version} of the rules is adopted by {who.name}, reviewed by {reviewed_by}."
    )
    say("It judges alerts from its place in the evidence on, once the gate has carried it there.")


def _adopted(
    rules: Rules, records: Sequence[Record], reviewed_by: str, decided_by: str, at: datetime
) -> RulesAdopted:
    from consumers.safeguarding.adoption import adopted  # noqa: PLC0415 - keeps --help quick
    from deploy.authority import Act, require  # noqa: PLC0415 - the same
    from streams.codec import decode  # noqa: PLC0415 - the same
    from streams.errors import DecodeError, DeniedError, InvalidInputError  # noqa: PLC0415
    from streams.hub import RulesAdopted  # noqa: PLC0415 - the same
    from streams.registry import Registry  # noqa: PLC0415 - the same
    from streams.topics import HUB_DECISIONS, REGISTRY  # noqa: PLC0415 - the same

    registry, earlier = Registry(), []
    registry.learn([one for one in records if one.topic == REGISTRY])
    try:
        require(registry, reviewed_by, Act.RUN_LABORATORY, at)
    except DeniedError:
        raise InvalidInputError(
            "--reviewed-by: the register gives this name no role in the hub today"
        ) from None
    for record in records:
        if record.topic == HUB_DECISIONS:
            try:
                earlier.append(decode(record.value or b"", RulesAdopted))
            except DecodeError:  # another decision of the hub
                continue
    return adopted(rules, earlier, reviewed_by=reviewed_by, decided_by=decided_by, at=at)


# --- reading ---------------------------------------------------------------------------------


def _read(file: Path) -> Rules:
    from consumers.safeguarding.rules import InvalidRulesError, parse  # noqa: PLC0415 - quick

    try:
        return parse(file.read_text("utf-8-sig"), file.name)
    except UnicodeDecodeError:
        raise InvalidRulesError(f"{file.name}: not UTF-8") from None


def _standard() -> Rules:
    from consumers.safeguarding.rules import standard  # noqa: PLC0415 - keeps --help quick

    return standard()


def _in_force(version: int | None, name: str | None, purpose: str | None) -> Rules:
    from consumers.safeguarding.words import rules_of  # noqa: PLC0415 - keeps --help quick

    def read(connection: Connection, _: str) -> Rules:
        return rules_of(connection, version)

    found: Rules = ask(hub("rules show", read), name, purpose, None)
    return found


def _people(names: Sequence[str]) -> str:
    return ", ".join(names) or "nobody"
