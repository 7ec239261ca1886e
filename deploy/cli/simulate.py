"""`rivelin simulate faults`: the product's commit loops over a broker that fails in every way."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.output import counting, say, show_json, show_table, show_text, warn
from streams.errors import InvalidInputError, RivelinError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.simulate.run import Caught, Outcome

_SHOWN_MAX = 10

Seeds = Annotated[int, typer.Option(min=1, help="How many seeds to run.")]
First = Annotated[int, typer.Option("--from", min=0, help="The first of them.")]
Seed = Annotated[int | None, typer.Option(min=0, help="Run this seed alone.")]
Trace = Annotated[bool, typer.Option(help="Tell everything that happens in that one seed.")]
Mutants = Annotated[
    bool, typer.Option(help="Plant one known bug after the other, and tell which seed shows it.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer as one JSON document.")]


class SimulationFailedError(RivelinError):
    """Something did not hold in a simulated run. Replay the seed with `--seed N --trace`."""


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    simulate = typer.Typer(no_args_is_help=True, help="Try what no test bench can wait for.")
    simulate.callback()(_group)
    simulate.command()(faults)
    app.add_typer(simulate, name="simulate")


def _group() -> None:
    """Keep the group a group although it has one command."""


def faults(  # noqa: PLR0913 - what can be asked for
    *,
    seeds: Seeds = 10_000,
    first: First = 0,
    seed: Seed = None,
    trace: Trace = False,
    mutants: Mutants = False,
    as_json: AsJson = False,
) -> None:
    """Run the product's own commit loops in virtual time, killed and cut off at every step.

    A seed decides all that happens, so any run can be had again, byte for byte.

    Uses two processes. Ends with code 1 if anything was lost, doubled, out of order or stale.
    """
    if trace and seed is None:
        raise InvalidInputError("--trace tells of one run: name it with --seed")
    if mutants:
        _hunt(as_json=as_json)
    elif seed is not None:
        _replay(seed, trace=trace, as_json=as_json)
    else:
        _run(range(first, first + seeds), as_json=as_json)


def _run(seeds: range, *, as_json: bool) -> None:
    from deploy.simulate.run import run_seeds  # noqa: PLC0415 - keeps --help quick

    began = time.monotonic()
    with counting("seeds") as tell:
        outcome = run_seeds(seeds, tell)
    _tell(outcome, time.monotonic() - began, as_json=as_json)


def _tell(outcome: Outcome, seconds: float, *, as_json: bool) -> None:
    facts = {
        "seeds": outcome.seeds,
        "violations": outcome.violations,
        "kills": outcome.kills,
        "seconds": round(seconds, 1),
    }
    if as_json:
        failed = [asdict(one) for one in outcome.failures]
        show_json({**facts, **({"failed": failed} if failed else {})})
    else:
        show_table(tuple(facts), [tuple(facts.values())])
        for one in outcome.failures[:_SHOWN_MAX]:
            warn(f"seed {one.seed} ({one.scene}): {one.violations[0]}")
    if outcome.failures:
        replays = ", ".join(str(one.seed) for one in outcome.failures[:_SHOWN_MAX])
        raise SimulationFailedError(
            f"{len(outcome.failures)} seeds break a promise: replay"
            f" `rivelin simulate faults --seed N --trace`, N = {replays}"
        )


def _replay(seed: int, *, trace: bool, as_json: bool) -> None:
    from deploy.simulate.run import Failure, Outcome, play  # noqa: PLC0415 - keeps --help quick

    began = time.monotonic()
    world = play(seed, traced=trace)
    for line in world.trace or ():
        show_text(line)
    failures = [Failure(seed, world.scene.name, tuple(world.violations))]
    outcome = Outcome(1, world.kills, failures if world.violations else [])
    if not trace:
        _tell(outcome, time.monotonic() - began, as_json=as_json)
    elif world.violations:
        raise SimulationFailedError("; ".join(world.violations))


def _hunt(*, as_json: bool) -> None:
    from deploy.simulate.planted import read_planted  # noqa: PLC0415 - keeps --help quick
    from deploy.simulate.run import MUTANT_SEEDS_MAX, hunt_all  # noqa: PLC0415 - the same

    planted = read_planted()
    with counting("planted bugs") as tell:
        caught = hunt_all(planted, tell)
    if as_json:
        show_json([{**asdict(one), "caught": one.seed is not None} for one in caught])
    else:
        show_table(("planted bug", "first seed", "it shows as"), _rows(caught))
    if alive := [one.name for one in caught if one.seed is None]:
        raise SimulationFailedError(
            f"not caught within {MUTANT_SEEDS_MAX} seeds: {', '.join(alive)}"
        )
    say(f"all {len(caught)} planted bugs are caught within {MUTANT_SEEDS_MAX} seeds")


def _rows(caught: Sequence[Caught]) -> Sequence[tuple[object, ...]]:
    return [
        (one.name, "never" if one.seed is None else one.seed, one.violation or "") for one in caught
    ]
