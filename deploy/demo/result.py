"""What the demo found, as figures: each beside what the town's truth wants."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from streams.values import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from deploy.demo.agencies import Answer
    from deploy.demo.findings import Findings
    from deploy.leaks import Leak
    from producers.town.reports import Step
    from producers.town.town import Town
    from producers.town.truth import Truth


@dataclass(frozen=True, slots=True)
class Replay:
    """The live stores against what the log alone gives; both projections in one hash."""

    live_hash: str
    replayed_hash: str

    @property
    def is_equal(self) -> bool:
        """Whether the log tells the whole state."""
        return self.live_hash == self.replayed_hash


@dataclass(frozen=True, slots=True)
class Difference:
    """One step whose outcome is not the one it must have; no report is quoted."""

    partner: str
    step: Step
    story: str
    wanted: Outcome | None
    given: Outcome | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Everything there is to say; `seconds` from the first start to the last comparison."""

    town: Town = field(repr=False)
    truth: Truth = field(repr=False)
    answers: Sequence[Answer] = field(repr=False)
    findings: Findings = field(repr=False)
    leaks: Sequence[Leak]
    searched_bytes: int
    replay: Replay
    misreported_alerts: int
    seconds: float

    def count(self, outcome: Outcome) -> int:
        """Count reports and corrections that came to this outcome."""
        return sum(answer.step.counts and answer.outcome is outcome for answer in self.answers)

    @property
    def submitted(self) -> int:
        """Reports and corrections that were sent: what the door stopped never was."""
        return sum(answer.step.counts and answer.outcome is not None for answer in self.answers)

    def differences(self) -> list[Difference]:
        """Return each step that was not answered as it must be."""
        given: dict[int, Outcome | None] = {id(a.step): a.outcome for a in self.answers}
        pairs = zip(self.town.submissions, self.truth.outcomes, strict=True)
        return [
            Difference(step.partner, step.step, step.story, wanted, given.get(id(step)))
            for step, wanted in pairs
            if given.get(id(step)) is not wanted
        ]

    def undoings(self) -> list[str]:
        """Return in words what is not as it must be; empty when all is well."""
        wrong = [
            f"{one.partner}: {one.story} came to {one.given}, not {one.wanted}"
            for one in self.differences()
        ]
        findings, truth = self.findings, self.truth
        if findings.networks != truth.networks:
            wrong.append("the networks found are not those of the town")
        if findings.exposures != truth.exposures:
            wrong.append("the exposed children found are not those of the town")
        if findings.false_kin:
            wrong.append(f"{findings.false_kin} pairs are taken for siblings and are none")
        wrong += [f"{leak.path} is in {leak.document} ({leak.form})" for leak in self.leaks]
        if self.misreported_alerts:
            wrong.append(f"{self.misreported_alerts} alerts are not on their topic exactly once")
        if not self.replay.is_equal:
            wrong.append("the replay gives another state than the live stores")
        return wrong

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form of issue 3."""
        return {
            "submitted": self.submitted,
            "shared": self.count(Outcome.SHARED),
            "quarantined": self.count(Outcome.QUARANTINED),
            "refused": self.count(Outcome.REFUSED),
            "held": self.count(Outcome.HELD),
            "duplicates": self.count(Outcome.DUPLICATE),
            "persons": self.findings.persons,
            "networks": _compared(self.truth.networks, self.findings.networks),
            "exposed_children": _compared(
                {one.child for one in self.truth.exposures},
                {one.child for one in self.findings.exposures},
            ),
            "false_kin": self.findings.false_kin,
            "leaks": len(self.leaks),
            "replay": {
                "live_hash": self.replay.live_hash,
                "replayed_hash": self.replay.replayed_hash,
                "equal": self.replay.is_equal,
            },
            "seconds": round(self.seconds, 1),
            "possible_links": self.findings.questions,
            "alerts_of_untold_age": len(self.findings.of_untold_age),
            "seed": self.town.seed,
            "stopped_at_the_door": sum(bool(answer.stopped) for answer in self.answers),
            "searched_bytes": self.searched_bytes,
            "as_expected": not self.undoings(),
        }


def _compared(wanted: AbstractSet[object], found: AbstractSet[object]) -> dict[str, int]:
    """Count both and what only one has: two sets of equal size may still differ."""
    return {
        "expected": len(wanted),
        "found": len(found),
        "missing": len(wanted - found),
        "unexpected": len(found - wanted),
    }
