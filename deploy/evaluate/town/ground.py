"""`rivelin evaluate town`: a large town with mistakes in a declared share of all mentions.

Nothing is kept readable here: whoever writes makes mistakes, about whomever. So this tells what
the mistakes of partners cost; `ablation` tells which kind costs what.
"""

from __future__ import annotations

import resource
import time
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

from consumers.network.tables import ENTITIES
from deploy.demo.findings import Identities, find
from deploy.evaluate.town.run import start
from producers.town.crowd import Size, build_crowd
from producers.town.errors import GROUND_RATES, GROUND_SHARE, Mistake
from producers.town.reports import Ground
from producers.town.truth import truth_of
from streams.values import Audience, NodeKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from collections.abc import Set as AbstractSet

    from consumers.store import Snapshot
    from deploy.evaluate.town.run import Progress, Run
    from producers.town.town import Town
    from producers.town.truth import Truth

BATCH: Final = 500
ALL_KINDS: Final = Ground(GROUND_SHARE, GROUND_RATES)
NO_MISTAKES: Final = Ground(0.0, {})


@dataclass(frozen=True, slots=True)
class Share:
    """How many there are, how many were found, and how many of these are right."""

    expected: int
    found: int
    right: int

    def as_dict(self) -> dict[str, float]:
        """Return the counts with recall and precision; of nothing both are 1."""
        return {
            **asdict(self),
            "recall": _ratio(self.right, self.expected),
            "precision": _ratio(self.right, self.found),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundScore:
    """The figures of one run.

    `membership` counts people who are in a candidate network at all; `together` pairs of people
    in one and the same network, which a network that falls apart or two that run together cost;
    `whole` networks with exactly their people. `wrong` is the share of mentions with a mistake.
    """

    people: int
    reports: int
    mentions: int
    wrong: float
    mistakes: Mapping[str, int]
    membership: Share
    together: Share
    whole: Share
    children: Share
    alerts: Share
    false_kin: int
    merged: int
    split: int
    questions: int
    seconds: float
    memory_mb: int

    def as_dict(self) -> dict[str, Any]:
        """Return the figures by name."""
        shares = ("membership", "together", "whole", "children", "alerts")
        told: dict[str, Any] = {name: getattr(self, name).as_dict() for name in shares}
        rest = {name: one for name, one in asdict(self).items() if name not in shares}
        return {**told, **rest}


async def evaluate(size: Size, seed: int, ground: Ground, progress: Progress) -> GroundScore:
    """Build the town, tell it to every stage in this process, and judge by its truth."""
    began = time.perf_counter()
    town = build_crowd(seed, size, ground=ground).town
    truth = truth_of(town)
    run = await start(town)
    try:
        await run.tell(BATCH, progress)
        return _scored(run, town, truth, began)
    finally:
        await run.pipeline.stop()


async def ablation(
    size: Size, seed: int, progress: Progress, tell: Callable[[str, GroundScore], None]
) -> dict[str, GroundScore]:
    """Return what each kind of mistake costs alone, at the share of all kinds together.

    The first entry is the town without any, the second with all kinds as they come.
    """
    rounds = {"none": NO_MISTAKES, "all": ALL_KINDS}
    rounds |= {kind.value: Ground(GROUND_SHARE, {kind: 1.0}) for kind in Mistake}
    scores: dict[str, GroundScore] = {}
    for name, ground in rounds.items():
        scores[name] = await evaluate(size, seed, ground, progress)
        tell(name, scores[name])
    return scores


def _scored(run: Run, town: Town, truth: Truth, began: float) -> GroundScore:
    with run.pipeline.networks.snapshot() as police, run.pipeline.alerts.snapshot() as hub:
        views = {Audience.POLICE: police, Audience.SAFEGUARDING: hub}
        findings = find(town, truth, run.keys, run.resolved, views)
        who = Identities.of(town, run.resolved, run.keys, Audience.POLICE)
        networks = _members(police, who)
    mentions = sum(len(step.who) for step in town.submissions)
    mistakes = Counter(one.value for step in town.submissions for one in step.mistakes)
    found, must = findings.exposures, truth.exposures
    return GroundScore(
        people=len(town.people),
        reports=len(town.submissions),
        mentions=mentions,
        wrong=_ratio(mistakes.total(), mentions),
        mistakes=dict(mistakes),
        membership=_share(_all(truth.networks), _all(networks)),
        together=together(truth.networks, networks),
        whole=_share(truth.networks, set(networks)),
        children=_share({one.child for one in must}, {one.child for one in found}),
        alerts=_share(must, found),
        false_kin=findings.false_kin,
        merged=findings.merged,
        split=findings.split,
        questions=findings.questions,
        seconds=round(time.perf_counter() - began, 1),
        memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    )


def together(expected: Iterable[frozenset[int]], found: Iterable[frozenset[int]]) -> Share:
    """Count pairs of people of one network: those there are, those found, those found rightly.

    Nobody is in two true networks; somebody met as two may be in several found ones.
    """
    true_of: dict[int, int] = {}
    pairs: set[tuple[int, int]] = set()
    for number, people in enumerate(expected):
        true_of |= dict.fromkeys(people, number)
        pairs.update(combinations(sorted(people), 2))
    found_count, right = 0, set[tuple[int, int]]()
    for people in found:
        found_count += len(people) * (len(people) - 1) // 2
        by_true: defaultdict[int, list[int]] = defaultdict(list)
        for person in sorted(people & true_of.keys()):
            by_true[true_of[person]].append(person)
        for known in by_true.values():
            right.update(combinations(known, 2))
    return Share(len(pairs), max(found_count, len(right)), len(right))


def _members(police: Snapshot, who: Identities) -> list[frozenset[int]]:
    members: defaultdict[str, set[int]] = defaultdict(set)
    for row in police.rows(ENTITIES):
        if row["network_id"] and row["kind"] == NodeKind.PERSON.value:
            members[row["network_id"]] |= who.behind(row["entity_id"])
    return [frozenset(people) for people in members.values()]


def _all(networks: Iterable[frozenset[int]]) -> set[int]:
    return set[int]().union(*networks)


def _share(expected: AbstractSet[Any], found: AbstractSet[Any]) -> Share:
    return Share(len(expected), len(found), len(expected & found))


def _ratio(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 1.0
