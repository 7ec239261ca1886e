"""The crash rig: does anything get lost, or told twice, while everything is killed?

    python -m tests.crash run --seeds 1 --kills 20 --reports 5000
    python -m tests.crash release --minutes 60      rounds until 1,000 kills and 1,000,000 reports
    python -m tests.crash release --status
    python -m tests.crash bugs                      planted bugs, each of which a run must find
    python -m tests.crash cluster | zombies | delayed | forgetful | side-by-side | controls …

Exit codes: 0 nothing violated and everything happened, 1 a violation or less than was planned,
2 wrong usage, 130 and 143 ended by a signal.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from tests.crash.bugs import BUGS
from tests.crash.release import default_ledger, reached, record, round_plan
from tests.crash.run import Plan, run
from tests.crash.screen import Live, show_json, show_reached, show_results
from tests.crash.system import ROOT, CrashSystemError

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Each of these modules has a `main(arguments) -> int` of its own.
OTHERS = {
    "cluster": "tests.crash.cluster",
    "zombies": "tests.crash.zombies",
    "delayed": "tests.crash.delayed",
    "forgetful": "tests.crash.forgetful",
    "partitions": "tests.crash.partitions",
    "side-by-side": "tests.crash.side_by_side",
    "controls": "tests.crash.controls",
}


def main(arguments: Sequence[str]) -> int:
    """Run a command; return the exit code."""
    signal.signal(signal.SIGTERM, _end)
    try:
        if arguments and arguments[0] in OTHERS:
            return int(import_module(OTHERS[arguments[0]]).main(list(arguments[1:])))
        options = _parser().parse_args(arguments)
        return int(options.do(options))
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except CrashSystemError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _end(number: int, _: object) -> None:
    signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.crash", description=__doc__.split("\n\n")[0]
    )
    commands = parser.add_subparsers(
        required=True, metavar=f"run | bugs | release | {' | '.join(OTHERS)}"
    )
    once = commands.add_parser("run", help="one run for each seed, each in a new home")
    once.set_defaults(do=_run)
    once.add_argument("--seeds", type=_seeds, default=(1,), help="such as 1 or 1,2,3 (default 1)")
    once.add_argument("--kills", type=int, default=20, help="SIGKILLs and SIGSTOPs a seed")
    once.add_argument(
        "--reports", type=int, default=20_000, help="submissions a seed, at the least"
    )
    once.add_argument("--rate", type=float, default=100.0, help="submissions a second, open loop")
    once.add_argument("--each", type=int, default=5, help="how often each failpoint must fire")
    once.add_argument("--full-disk", action="store_true", help="fill the disk once (may mount)")
    once.add_argument("--json", action="store_true", help="answer as one JSON document")
    once.add_argument("--keep", action="store_true", help="keep the home though all is well")
    bugs = commands.add_parser("bugs", help="runs with a planted bug, which must be found")
    bugs.set_defaults(do=_bugs)
    bugs.add_argument("--only", choices=tuple(BUGS), help="one of them")
    bugs.add_argument("--reports", type=int, default=600, help="submissions a bug, at the least")
    bugs.add_argument("--rate", type=float, default=20.0, help="submissions a second, open loop")
    release = commands.add_parser("release", help="rounds that add up in a ledger")
    release.set_defaults(do=_release)
    release.add_argument("--ledger", type=Path, help="where rounds add up")
    release.add_argument(
        "--rate", type=float, default=120.0, help="submissions a second, open loop"
    )
    release.add_argument("--kills", type=int, default=20, help="kills a round")
    release.add_argument("--reports", type=int, default=20_000, help="submissions a round")
    release.add_argument("--minutes", type=float, help="begin no round after so long")
    release.add_argument("--rounds", type=int, help="so many rounds and no more")
    release.add_argument("--status", action="store_true", help="say what has been reached, and end")
    release.add_argument("--json", action="store_true", help="answer as one JSON document")
    return parser


def _seeds(text: str) -> tuple[int, ...]:
    return tuple(int(one) for one in text.split(","))


def _run(options: argparse.Namespace) -> int:

    say, results = Live(), []
    for seed in options.seeds:
        plan = Plan(
            seed=seed,
            kills=options.kills,
            reports=options.reports,
            per_second=options.rate,
            each=options.each,
            full_disk=options.full_disk,
        )
        results.append(asyncio.run(run(plan, say, keep=options.keep)))
    if options.json:
        show_json([one.facts() for one in results])
    else:
        show_results(results)
    return 0 if all(one.is_green for one in results) else 1


def _bugs(options: argparse.Namespace) -> int:
    say, missed = Live(), []
    for number, name in enumerate(BUGS if options.only is None else (options.only,)):
        plan = Plan(
            seed=number,
            kills=0,
            reports=options.reports,
            per_second=options.rate,
            each=3,
            bug=name,
            only=BUGS[name].shows_at,
        )
        result = asyncio.run(run(plan, say))
        found = result.violations[0] if result.violations else "NOT FOUND"
        say(f"{name}: {len(result.violations)} violations, the first: {found}")
        missed += [] if result.violations else [name]
    told = f"not found: {', '.join(missed)}" if missed else "every planted bug was found"
    sys.stdout.write(f"{told}\n")
    return 1 if missed else 0


def _release(options: argparse.Namespace) -> int:

    ledger = options.ledger or default_ledger()
    say, began, done, green = Live(), time.monotonic(), 0, True
    say(f"rounds add up in {ledger}")
    while not options.status and green and not reached(ledger).is_enough:
        if options.minutes is not None and time.monotonic() - began > options.minutes * 60:
            break
        if options.rounds is not None and done >= options.rounds:
            break
        plan = round_plan(
            reached(ledger).rounds,
            per_second=options.rate,
            kills=options.kills,
            reports=options.reports,
        )
        result = asyncio.run(run(plan, say))
        record(ledger, result, _commit())
        done, green = done + 1, result.is_green
    found = reached(ledger)
    if options.json:
        show_json(found.facts())
    else:
        show_reached(found)
    return 1 if found.violations or not green else 0


def _commit() -> str:
    done = subprocess.run(
        ("git", "describe", "--always", "--dirty"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
