"""`rivelin evaluate linkage`: records and households through the linker, and the figures."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from anonymiser.linker.match import LinkPolicy
from anonymiser.linker.stage import Linker
from deploy.evaluate.linkage.households import HOUSEHOLDS, Kind, households
from deploy.evaluate.linkage.linking import link
from deploy.evaluate.linkage.score import by_origin, falsely_merged, score, share

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from deploy.evaluate.linkage.records import Person
    from deploy.evaluate.linkage.score import LinkageScore, OriginScore, PairCount
    from deploy.evaluate.linkage.truth import Truth

    Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class LinkageEvaluation:
    """The figures of one run. `seconds` is the time to tokenise and link the records alone."""

    records: int
    score: LinkageScore
    household: Mapping[Kind, float]
    weights: int
    seconds: float
    origins: tuple[OriginScore, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the figures by name, shares between 0 and 1; origins only where they are known."""
        auto, review = self.score.auto, self.score.auto_review
        figures = {
            "records": self.records,
            "pairs_true": auto.true,
            "auto": {**_shares(auto), "f1": share(auto.f1)},
            "auto_review": _shares(review),
            "queue_share": share(self.score.queue_share),
            "household": {kind.value: share(one) for kind, one in self.household.items()},
            "weights": self.weights,
            "seconds": round(self.seconds, 2),
        }
        if self.origins:
            figures["origins"] = {one.origin: _origin(one) for one in self.origins}
        return figures


def _shares(count: PairCount) -> dict[str, float]:
    return {"precision": share(count.precision), "recall": share(count.recall)}


def _origin(one: OriginScore) -> dict[str, Any]:
    return {
        "records": one.records,
        "pairs_true": one.auto.true,
        "auto": _shares(one.auto),
        "auto_review": _shares(one.auto_review),
    }


@dataclass(frozen=True, slots=True)
class Trial:
    """What is linked: people told by some fields, and if it is known where their names are from."""

    people: Sequence[Person]
    fields: frozenset[str]
    truth: Truth
    origins: Mapping[str, str] | None = None


def evaluate(
    trial: Trial,
    policy: LinkPolicy | None = None,
    progress: Progress | None = None,
    households_each: int = HOUSEHOLDS,
) -> LinkageEvaluation:
    """Link the records, and invented households told by the same fields."""
    chosen = LinkPolicy() if policy is None else policy
    linker = partial(Linker, policy=chosen)
    began = time.perf_counter()
    linked = link(trial.people, linker, progress)
    seconds = time.perf_counter() - began
    return LinkageEvaluation(
        records=len(trial.people),
        score=score(linked, trial.truth),
        household={kind: _merged(kind, trial.fields, households_each, linker) for kind in Kind},
        weights=chosen.weights.version,
        seconds=seconds,
        origins=by_origin(linked, trial.truth, trial.origins) if trial.origins else (),
    )


def _merged(kind: Kind, fields: frozenset[str], count: int, linker: Callable[..., Linker]) -> float:
    homes = households(kind, fields, count)
    return falsely_merged(homes.pairs, link(homes.people, linker).clusters)
