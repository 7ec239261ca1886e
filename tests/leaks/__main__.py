"""`python -m tests.leaks [--reports N] [--seed N] [--json]`: the deep run of the canary test.

Exit code 1 if anything is found, or if the control does not find all.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

from deploy.demo.system import System
from deploy.settings import Settings
from producers.town.town import build_town
from tests.leaks.search import run


def main() -> int:
    """Play towns until there are enough reports, search, tell."""
    parser = argparse.ArgumentParser(prog="python -m tests.leaks")
    parser.add_argument("--reports", type=int, default=3_000)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rivelin-leaks-") as folder:
        system = System(Settings(home=Path(folder) / "home"))
        try:
            asyncio.run(system.start())
            found = run(system, seeds_for(given.reports, given.seed), thorough=True)
        finally:
            system.stop()
    facts = {
        "reports": len(found.played.reports),
        "canaries": found.canaries,
        "outcomes": {str(name): count for name, count in sorted(found.played.outcomes.items())},
        "happened": sorted(found.happened),
        "searched_bytes": found.searched_bytes,
        "leaks": found.leaks,
        "control_passed": found.control_passed,
        "control_missing": found.control_missing,
        "seconds": round(found.seconds, 1),
    }
    if given.json:
        sys.stdout.write(json.dumps(facts, indent=2) + "\n")
    else:
        for name, value in facts.items():
            sys.stdout.write(f"{name:16} {value}\n")
    return 1 if found.leaks or found.control_missing or not found.control_passed else 0


def seeds_for(reports: int, first: int) -> list[int]:
    """Return as many towns as it takes for so many reports."""
    seeds, count = [], 0
    while count < reports:
        seeds.append(first + len(seeds))
        count += len(build_town(seeds[-1], 60, 1).submissions)
    return seeds


if __name__ == "__main__":
    sys.exit(main())
