"""Zombies: a process stands still past its session, is replaced, and goes on as before.

    python -m tests.crash.zombies --rounds 20 [--session 6] [--json]

Twice: the anonymiser's shell with its lane, whom the group replaces by the other slot, and the
loop of linker and gate, which is replaced by hand. No record may come from whoever was replaced:
in the output, each hold of the partition must form one run.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.crash.cluster import Cluster
from tests.crash.shown import hush, show
from tests.crash.trial import Plan, Trial

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.crash.trial import Outcome

WAYS = {"lane": 2, "runner": 1}


async def stand_still(cluster: Cluster, way: str, folder: Path, plan: Plan) -> Outcome:
    """Let the writers of one way stand still as often as the plan says."""
    async with Trial(cluster, way, folder, WAYS[way.partition("-")[0]], plan) as trial:
        return await trial.outcome()


def is_sound(outcome: Outcome) -> bool:
    """Nothing lost, doubled or out of order, nobody wrote who was replaced, and each noticed."""
    whole = outcome.is_finished and not outcome.unsent
    return whole and outcome.verdict.is_sound and not outcome.undead


async def run(rounds: int, session: float, seed: int) -> dict[str, Outcome]:
    """Run both ways on a node of their own."""
    plan = Plan(kills=0, stops=rounds, seed=seed, session=session, records_min=0)
    with tempfile.TemporaryDirectory(prefix="rivelin-zombies-") as home:
        cluster = await Cluster(Path(home, "node")).start()
        try:
            folder = Path(home)
            return {way: await stand_still(cluster, way, folder, plan) for way in WAYS}
        finally:
            await cluster.stop()


def main(arguments: Sequence[str]) -> int:
    """Return 0 if no record came from a process that was replaced."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.zombies")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--session", type=float, default=6.0, help="seconds of the group's session")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    hush()
    outcomes = asyncio.run(run(options.rounds, options.session, options.seed))
    show("zombies", outcomes, as_json=options.json, seed=options.seed)
    return 0 if all(map(is_sound, outcomes.values())) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
