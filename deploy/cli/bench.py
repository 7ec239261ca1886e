"""`rivelin bench`: figures of the whole system on this machine; nothing in it can fail a build."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from deploy.cli.output import say, show_json, show_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from typer import Typer

    Figures = Mapping[str, Any]


_TIES_OF_A_PERSON: Final = 10


class What(StrEnum):
    """What is measured."""

    SYSTEM = "system"
    INTAKE = "intake"
    LINKING = "linking"
    RECOVERY = "recovery"
    REPLAY = "replay"
    SECURITY = "security"
    LAB = "lab"
    BESIDE = "beside"
    NETWORK = "network"
    VIEWS = "views"


def register(app: Typer) -> None:
    """Add the command."""
    app.command()(bench)


def bench(  # noqa: PLR0913 - one argument an option
    what: Annotated[
        What,
        typer.Argument(
            help="system: throughput and latency (some minutes); intake, linking: CPU of one stage,"
            " no broker; recovery: after SIGKILLs; replay: a long log through every projection;"
            " security: mutual TLS beside plain text, as a ratio; lab: the threshold laboratory"
            " over a long log; beside: the whole way beside Splink and networkx in batch, as"
            " ratios; network: one event into a large network; views: looks at any"
            " moment of a long past."
        ),
    ] = What.SYSTEM,
    *,
    reports: Annotated[
        int,
        typer.Option(
            help="system, replay, lab, beside: how many reports; views: how many events.", min=1_000
        ),
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
    ties: Annotated[
        int, typer.Option(help="network: how many, among a tenth as many people.", min=10_000)
    ] = 1_000_000,
    rounds: Annotated[
        int, typer.Option(help="recovery: kills of each process; security: rounds.", min=1)
    ] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as one JSON document.")] = False,
) -> None:
    """Measure, with a broker of its own where one is needed."""
    import asyncio  # noqa: PLC0415 - keeps --help quick

    from deploy.bench import beside, lab, network, run, show, views  # noqa: PLC0415 - the same
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
        What.VIEWS: (lambda: views.measure_views(reports, say), views.as_markdown),
        What.SECURITY: (lambda: measure_security(rounds, say), show.security_as_markdown),
        What.LAB: (lambda: lab.measure_lab(reports, say), lab.as_markdown),
        What.BESIDE: (lambda: beside.measure_beside(reports, say), beside.as_markdown),
        What.NETWORK: (
            lambda: network.measure_network(ties // _TIES_OF_A_PERSON, ties, say),
            network.as_markdown,
        ),
    }
    measure, shown = measured[what]
    figures = measure()
    show_json(figures) if as_json else show_text(shown(figures))
