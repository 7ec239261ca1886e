"""The release run: rounds of crash runs that add up in a ledger outside the repository.

Each round is a run of its own, with a seed of its own, in a new home. Its outcome is one line of
the ledger, on the disk once the round is over; a round that is cut short counts for nothing and
its seed is used again.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.crash.failpoints import BY_NAME
from tests.crash.ledger import lines, note
from tests.crash.run import Plan

if TYPE_CHECKING:
    from tests.crash.run import Result

KILLS, REPORTS = 1_000, 1_000_000
FIRST_SEED = 1_001


def default_ledger() -> Path:
    """Return where rounds add up unless another file is named."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "rivelin" / "crash-release.jsonl"


def round_plan(
    number: int,
    *,
    per_second: float,
    kills: int = 20,
    reports: int = 20_000,
    full_disk: bool = True,
) -> Plan:
    """Return the plan of a round, by its number from 0."""
    return Plan(
        seed=FIRST_SEED + number,
        kills=kills,
        reports=reports,
        per_second=per_second,
        each=1,
        full_disk=full_disk,
    )


@dataclass(slots=True)
class Reached:
    """What all rounds so far came to."""

    rounds: int = 0
    green: int = 0
    kills: int = 0
    reports: int = 0
    seconds: float = 0.0
    failpoints: Counter[str] = field(default_factory=Counter)
    deeds: Counter[str] = field(default_factory=Counter)
    seeds: list[int] = field(default_factory=list)
    violations: list[tuple[int, str]] = field(default_factory=list)
    shortfalls: list[tuple[int, str]] = field(default_factory=list)

    @property
    def is_enough(self) -> bool:
        """Whether the bar of a release is reached; violations do not count against it here."""
        return self.kills >= KILLS and self.reports >= REPORTS

    def facts(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "rounds": self.rounds,
            "green": self.green,
            "kills": self.kills,
            "of_kills": KILLS,
            "reports": self.reports,
            "of_reports": REPORTS,
            "hours": round(self.seconds / 3600, 2),
            "deeds": dict(self.deeds),
            "failpoints": {name: self.failpoints[name] for name in BY_NAME},
            "seeds": self.seeds,
            "violations": self.violations,
            "shortfalls": self.shortfalls,
        }


def reached(ledger: Path) -> Reached:
    """Add up the rounds of a ledger."""
    found = Reached()
    for line in lines(ledger):
        found.rounds += 1
        found.green += line["green"]
        found.kills += line["kills"]
        found.reports += line["sent"]
        found.seconds += line["seconds"]
        found.failpoints.update(line["failpoints"])
        found.deeds.update(line["deeds"])
        seed = line["plan"]["seed"]
        found.seeds.append(seed)
        found.violations += [(seed, one) for one in line["violations"]]
        found.shortfalls += [(seed, one) for one in line["shortfalls"]]
    return found


def record(ledger: Path, result: Result, commit: str) -> None:
    """Add a round that is over; `commit` names the code that ran."""
    ledger.parent.mkdir(parents=True, exist_ok=True)
    note(ledger, commit=commit, **result.facts())
