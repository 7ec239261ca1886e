"""`rivelin bench`: figures of the whole system on this machine; nothing in it can fail a build."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.output import say, show_json, show_text

if TYPE_CHECKING:
    from typer import Typer


def register(app: Typer) -> None:
    """Add the command."""
    app.command()(bench)


def bench(  # noqa: PLR0913 - one argument an option
    *,
    reports: Annotated[
        int, typer.Option(help="How many reports the log holds at the end.", min=1_000)
    ] = 20_000,
    latency_rate: Annotated[float, typer.Option(help="Reports a second when timing.")] = 100.0,
    sustained_rate: Annotated[float, typer.Option(help="Reports a second to sustain.")] = 300.0,
    seconds: Annotated[float, typer.Option(help="For how long, each.")] = 60.0,
    only_intake: Annotated[
        bool, typer.Option("--intake", help="Time intake alone, without a broker (seconds).")
    ] = False,
    only_linking: Annotated[
        bool, typer.Option("--linking", help="Time linking alone, without a broker (minutes).")
    ] = False,
    people: Annotated[
        int, typer.Option(help="With --linking: among how many, at most.", min=1_000)
    ] = 1_000_000,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as one JSON document.")] = False,
) -> None:
    """Measure throughput, latency, CPU and memory with a broker of its own (some minutes)."""
    import asyncio  # noqa: PLC0415 - keeps --help quick

    from deploy.bench.run import (  # noqa: PLC0415 - the same
        Plan,
        intake_alone,
        linking_alone,
        measure,
    )
    from deploy.bench.show import (  # noqa: PLC0415 - the same
        as_markdown,
        intake_as_markdown,
        linking_as_markdown,
    )

    if only_intake:
        intake = intake_alone()
        show_json(intake) if as_json else show_text(intake_as_markdown(intake))
        return
    if only_linking:
        linking = linking_alone(people, say)
        show_json(linking) if as_json else show_text(linking_as_markdown(linking))
        return
    plan = Plan(
        latency_rate=latency_rate, sustained_rate=sustained_rate, seconds=seconds, reports=reports
    )
    figures = asyncio.run(measure(plan, say))
    if as_json:
        show_json(figures)
    else:
        show_text(as_markdown(figures))
