"""`rivelin bench`: figures of the whole system on this machine; nothing in it can fail a build."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.cli.output import say, show_json, show_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from typer import Typer

    Figures = Mapping[str, Any]


class What(StrEnum):
    """What is measured."""

    SYSTEM = "system"
    INTAKE = "intake"
    LINKING = "linking"
    RECOVERY = "recovery"
    REPLAY = "replay"
    SECURITY = "security"


def register(app: Typer) -> None:
    """Add the command."""
    app.command()(bench)


def bench(  # noqa: PLR0913 - one argument an option
    what: Annotated[
        What,
        typer.Argument(
            help="system: throughput and latency (some minutes); intake, linking: CPU of one stage,"
            " no broker; recovery: after SIGKILLs; replay: a long log through every projection;"
            " security: mutual TLS beside plain text, as a ratio."
        ),
    ] = What.SYSTEM,
    *,
    reports: Annotated[
        int, typer.Option(help="system, replay: how many reports the log holds.", min=1_000)
    ] = 20_000,
    latency_rate: Annotated[
        float, typer.Option(help="system: reports a second when timing.")
    ] = 100.0,
    sustained_rate: Annotated[
        float, typer.Option(help="system: reports a second to sustain.")
    ] = 300.0,
    seconds: Annotated[float, typer.Option(help="system: for how long, each.")] = 60.0,
    people: Annotated[
        int, typer.Option(help="linking: among how many, at most.", min=1_000)
    ] = 1_000_000,
    rounds: Annotated[
        int, typer.Option(help="recovery: kills of each process; security: rounds.", min=1)
    ] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as one JSON document.")] = False,
) -> None:
    """Measure, with a broker of its own where one is needed."""
    import asyncio  # noqa: PLC0415 - keeps --help quick

    from deploy.bench import run, show  # noqa: PLC0415 - the same
    from deploy.bench.replay import measure_replay  # noqa: PLC0415 - the same
    from deploy.bench.security import measure_security  # noqa: PLC0415 - the same

    plan = run.Plan(
        latency_rate=latency_rate, sustained_rate=sustained_rate, seconds=seconds, reports=reports
    )
    measured: dict[What, tuple[Callable[[], Figures], Callable[[Figures], str]]] = {
        What.SYSTEM: (lambda: asyncio.run(run.measure(plan, say)), show.as_markdown),
        What.INTAKE: (run.intake_alone, show.intake_as_markdown),
        What.LINKING: (lambda: run.linking_alone(people, say), show.linking_as_markdown),
        What.RECOVERY: (
            lambda: asyncio.run(run.recovery(rounds, say)),
            show.recovery_as_markdown,
        ),
        What.REPLAY: (
            lambda: asyncio.run(measure_replay(reports, say)),
            show.replay_as_markdown,
        ),
        What.SECURITY: (lambda: measure_security(rounds, say), show.security_as_markdown),
    }
    measure, shown = measured[what]
    figures = measure()
    show_json(figures) if as_json else show_text(shown(figures))
