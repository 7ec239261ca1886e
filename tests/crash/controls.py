"""Controls: the kill test again with one protection taken out, and the wrong must be seen.

    python -m tests.crash.controls --kills 12 --stops 6 [--json]

A kill test that finds nothing proves little until it has found something. The protections are
taken out in `tests.crash.variants`, in the test's own processes; the product has no switch.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.crash.cluster import Cluster
from tests.crash.shown import hush, show
from tests.crash.trial import Plan
from tests.crash.zombies import is_sound, stand_still

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.crash.trial import Outcome

SOUND = ("lane", "runner")
CONTROLS = (
    "lane-no-fence",
    "lane-apart",
    "lane-no-drain",
    "runner-no-fence",
    "runner-apart",
)


async def run(plan: Plan, ways: Sequence[str]) -> dict[str, Outcome]:
    """Run each way under the same plan, one after the other on one node."""
    with tempfile.TemporaryDirectory(prefix="rivelin-controls-") as home:
        cluster = await Cluster(Path(home, "node")).start()
        try:
            return {
                way: await stand_still(cluster, way, Path(home), plan_of(way, plan)) for way in ways
            }
        finally:
            await cluster.stop()


def plan_of(way: str, plan: Plan) -> Plan:
    """Draining matters when a topic is taken from a process that lives and has much in hand.

    Nobody stands still there: who did would end by itself in the sound way too.
    """
    if way != "lane-no-drain":
        return plan
    return replace(plan, stops=0, per_second=500, writer_share=0.3)


def is_as_expected(way: str, outcome: Outcome) -> bool:
    """The sound ways lose and double nothing; a control must lose or double something.

    But for the drain: without it fence and floor still hold, and what it costs is processes in
    good health, which find themselves fenced.
    """
    if way in SOUND:
        return is_sound(outcome)
    if way == "lane-no-drain":
        return outcome.given_up > 0
    return bool(outcome.verdict.lost or outcome.verdict.doubled)


def main(arguments: Sequence[str]) -> int:
    """Return 0 if every control failed and what is sound did not."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.controls")
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--stops", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=[*SOUND, *CONTROLS])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    hush()
    plan = Plan(kills=options.kills, stops=options.stops, seed=options.seed, records_min=0)
    outcomes = asyncio.run(run(plan, options.only))
    show("controls", outcomes, as_json=options.json, seed=options.seed)
    wrong = [way for way, one in outcomes.items() if not is_as_expected(way, one)]
    for way in wrong:
        sys.stderr.write(f"{way}: not as expected\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
