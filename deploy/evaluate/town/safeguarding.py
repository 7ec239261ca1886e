"""`rivelin evaluate safeguarding`: are the children found who must be, and only they?"""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from deploy.demo.findings import Identities, find, sibling_pairs
from deploy.evaluate.town.run import start
from producers.town.completion import completed_by
from producers.town.crowd import Size, build_crowd
from producers.town.truth import Exposure, truth_of
from streams.values import AlertRule, Audience, LinkVerdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from deploy.demo.findings import Findings
    from deploy.evaluate.town.run import Progress, Run
    from producers.town.cases import Case, CaseKind
    from producers.town.crowd import Crowd
    from producers.town.truth import Truth

BATCH: Final = 10
"""Reports that arrive together: the wait for the others of a batch counts as time to the alert."""


#: Rules that a child is found by for the sake of somebody else, which is what cases are about.
_BY_OTHERS: Final = frozenset(
    {
        AlertRule.CHILD_TIED_TO_NOMINAL,
        AlertRule.SIBLING_OF_INVOLVED,
        AlertRule.FRIEND_OF_INVOLVED,
        AlertRule.HOUSEHOLD_OF_INVOLVED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What became of the cases of one kind.

    `spared` are children whom nothing ties to anybody, `alerted` those with such an alert, and
    `taken_for_kin` pairs that the case says are none.
    """

    cases: int
    expected: int
    found: int
    spared: int
    alerted: int
    taken_for_kin: int

    @property
    def is_right(self) -> bool:
        """Tell whether everybody was found, and nobody else."""
        return self.found == self.expected and not self.alerted and not self.taken_for_kin


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The figures. Children count once, alerts each.

    `came_of_age` counts alerts that are not expected although a report says so: the person has
    come of age since, and the hub knows (the enclave tells where the small cells let it).
    """

    people: int
    reports: int
    expected: frozenset[Exposure] = field(repr=False)
    found: frozenset[Exposure] = field(repr=False)
    came_of_age: int
    findings: Findings = field(repr=False)
    cases: Mapping[CaseKind, Tally]
    waits: Sequence[float] = field(repr=False)
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return the form of issue 6, and more."""
        found = self.found
        must, have = ({one.child for one in some} for some in (self.expected, found))
        whole = {child for child in must if self._alerts_of(child) <= found}
        return {
            "exposed_children": {"expected": len(must), "found": len(whole)},
            "false_kin": self.findings.false_kin,
            "missed": len(must - whole),
            "seconds_to_alert": {
                "p50": quantile(self.waits, 0.5),
                "p99": quantile(self.waits, 0.99),
                "alerts": len(self.waits),
            },
            "unexpected": len(have - must),
            "alerts": {
                "expected": len(self.expected),
                "found": len(found & self.expected),
                "missed": len(self.expected - found),
                "unexpected": len(found - self.expected),
            },
            "cases": {kind.value: _told(tally) for kind, tally in self.cases.items()},
            "came_of_age": self.came_of_age,
            "merged": self.findings.merged,
            "split": self.findings.split,
            "questions": self.findings.questions,
            "people": self.people,
            "reports": self.reports,
            "seconds": round(self.seconds, 1),
        }

    def _alerts_of(self, child: int) -> frozenset[Exposure]:
        return frozenset(one for one in self.expected if one.child == child)


async def evaluate(people: int, seed: int, progress: Progress) -> Evaluation:
    """Build a town with cases, tell it to every stage in this process, and judge by its truth."""
    began = time.perf_counter()
    crowd = build_crowd(seed, Size(people=people))
    truth = truth_of(crowd.town)
    run = await start(crowd.town)
    try:
        await run.tell(BATCH, progress)
        await _mistake(run, crowd.cases)
        return _judged(run, crowd, truth, began)
    finally:
        await run.pipeline.stop()


async def _mistake(run: Run, cases: Sequence[Case]) -> None:
    """Let a reviewer take two for one, and then part them again."""
    pairs = [
        (left, right)
        for case in cases
        if case.mistaken
        for left in run.ids_of(case.mistaken[0])
        for right in run.ids_of(case.mistaken[1])
    ]
    for verdict in (LinkVerdict.SAME, LinkVerdict.DIFFERENT):
        for left, right in pairs:
            await run.review(left, right, verdict)


def _judged(run: Run, crowd: Crowd, truth: Truth, began: float) -> Evaluation:
    pipeline = run.pipeline
    with pipeline.networks.snapshot() as police, pipeline.alerts.snapshot() as hub:
        views = {Audience.POLICE: police, Audience.SAFEGUARDING: hub}
        findings = find(crowd.town, truth, run.keys, run.resolved, views)
        who = Identities.of(crowd.town, run.resolved, run.keys, Audience.SAFEGUARDING)
        kin = frozenset(sibling_pairs(hub, who))
    published = _published(run, who)
    grown = {one.number for one in crowd.town.people if not one.is_child_on(run.clock().date())}
    raised = {one for one in published if one in truth.exposures and one.child in grown}
    found = findings.exposures | raised  # who was a child then: the alert exists, and stays
    not_due = {one for one in truth.exposures - found if one.child in grown}
    return Evaluation(
        people=len(crowd.town.people),
        reports=len(crowd.town.submissions),
        expected=truth.exposures - not_due,
        found=found,
        came_of_age=len(not_due),
        findings=findings,
        cases=_tallies(crowd.cases, found, kin),
        waits=_waits(run, published, completed_by(crowd.town, truth)),
        seconds=time.perf_counter() - began,
    )


def _tallies(
    cases: Sequence[Case], found: frozenset[Exposure], kin: frozenset[frozenset[int]]
) -> Mapping[CaseKind, Tally]:
    by_kind: defaultdict[CaseKind, list[Case]] = defaultdict(list)
    for case in cases:
        by_kind[case.kind].append(case)
    return {kind: _tally(some, found, kin) for kind, some in by_kind.items()}


def _tally(
    cases: Sequence[Case], found: frozenset[Exposure], kin: frozenset[frozenset[int]]
) -> Tally:
    must = {one for case in cases for one in case.must}
    spared = {child for case in cases for child in case.spared}
    return Tally(
        cases=len(cases),
        expected=len(must),
        found=len(must & found),
        spared=len(spared),
        alerted=len(spared & {one.child for one in found if one.rule in _BY_OTHERS}),
        taken_for_kin=len({pair for case in cases for pair in case.strangers} & kin),
    )


def _told(tally: Tally) -> dict[str, int]:
    return {
        "cases": tally.cases,
        "expected": tally.expected,
        "found": tally.found,
        "spared": tally.spared,
        "alerted": tally.alerted,
        "taken_for_kin": tally.taken_for_kin,
    }


def _published(run: Run, who: Identities) -> Mapping[Exposure, datetime]:
    """Return when each alert was published first, by the town's own people."""
    known = who.with_absorbed(run.resolved, run.keys, Audience.SAFEGUARDING)
    published: dict[Exposure, datetime] = {}
    for raised in run.raised:
        for child in known.behind(str(raised.event.child_id)):
            published.setdefault(Exposure(child, raised.event.rule), raised.at)
    return published


def _waits(
    run: Run, published: Mapping[Exposure, datetime], completed: Mapping[Exposure, int]
) -> list[float]:
    """Return the seconds from the report that completed the reason to the published alert."""
    return [
        (published[exposure] - run.sent_at[place]).total_seconds()
        for exposure, place in completed.items()
        if exposure in published
    ]


def quantile(values: Sequence[float], share: float) -> float | None:
    """Return the value that this share lies at or below, None of nothing."""
    ordered = sorted(values)
    if not ordered:
        return None
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 4)
