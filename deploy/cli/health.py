"""`rivelin health`: is it alive, is it ready, what is wrong; for people, probes and Prometheus."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.output import complain, show_json, show_table, show_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.health import Facts, Level, RoleFacts, Verdict

_COLUMNS = ("level", "about", "reason", "what")
_NOT_KNOWN = 3


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(health)


def health(
    *,
    role: Annotated[str | None, typer.Option(help="Judge this role and what it needs.")] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Only: would a restart mend something?")
    ] = False,
    ready: Annotated[bool, typer.Option("--ready", help="Only: is the work being done?")] = False,
    metrics: Annotated[
        bool, typer.Option("--metrics", help="The same facts as Prometheus text.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as one JSON document.")] = False,
) -> None:
    """Judge what runs here. Exit code 0 well, 1 warning, 2 critical, 3 not known.

    With --live and --ready it is 0 or 2: a probe fails or does not.
    """
    try:
        facts, verdicts = _looked(role, ask_broker=not live)
    except OSError as error:  # code 1 would read as a warning
        complain(f"it cannot be looked at: {error.filename}: {error.strerror}")
        sys.exit(_NOT_KNOWN)
    if metrics:
        from deploy.metrics import exposition  # noqa: PLC0415 - keeps --help quick

        show_text(exposition(facts, verdicts))
    elif as_json:
        show_json(_as_dict(facts, verdicts))
    else:
        _show(facts, verdicts)
    sys.exit(_exit_code(verdicts, live=live, ready=ready, metrics=metrics))


def _looked(role: str | None, *, ask_broker: bool) -> tuple[Facts, Sequence[Verdict]]:
    import asyncio  # noqa: PLC0415 - keeps --help quick

    from deploy.health import Thresholds, judge  # noqa: PLC0415 - the same
    from deploy.health_facts import gather  # noqa: PLC0415 - the same
    from deploy.roles import ROLES  # noqa: PLC0415 - the same
    from deploy.settings import Settings  # noqa: PLC0415 - the same
    from streams.errors import InvalidInputError  # noqa: PLC0415 - the same

    if role is not None and role not in ROLES:
        raise InvalidInputError(f"no such role; there are {', '.join(ROLES)}")
    settings = Settings()
    facts = asyncio.run(gather(settings, role, ask_broker=ask_broker))
    return facts, judge(facts, Thresholds(settings.health, settings.watch))


def _exit_code(verdicts: Sequence[Verdict], *, live: bool, ready: bool, metrics: bool) -> Level:
    from deploy.health import Level, is_live, is_ready, worst  # noqa: PLC0415 - keeps --help quick

    if metrics:  # whoever scrapes judges by itself
        return Level.OK
    if live or ready:
        holds = (not live or is_live(verdicts)) and (not ready or is_ready(verdicts))
        return Level.OK if holds else Level.CRITICAL
    return worst(verdicts)


def _as_dict(facts: Facts, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    from dataclasses import asdict  # noqa: PLC0415 - keeps --help quick

    from deploy.health import is_live, is_ready, worst  # noqa: PLC0415 - the same

    return {
        "level": worst(verdicts).name,
        "live": is_live(verdicts),
        "ready": is_ready(verdicts),
        "verdicts": [{**asdict(one), "level": one.level.name} for one in verdicts],
        "facts": asdict(facts),
    }


def _show(facts: Facts, verdicts: Sequence[Verdict]) -> None:
    from deploy.health import worst  # noqa: PLC0415 - keeps --help quick

    roles = ", ".join(f"{one.name} {_state_of(one)}" for one in facts.roles)
    show_text(f"{worst(verdicts).name}: {roles or 'no role'}")
    if verdicts:
        rows = [(one.level.name, one.about, one.reason, one.words) for one in verdicts]
        show_table(_COLUMNS, rows)


def _state_of(role: RoleFacts) -> str:
    return (role.state or "starting") if role.lives else "gone"
