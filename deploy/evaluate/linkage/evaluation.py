"""`rivelin evaluate linkage`: records and households through the linker, and the figures."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anonymiser.linker.match import LinkPolicy
from deploy.evaluate.linkage.households import HOUSEHOLDS, Kind, households
from deploy.evaluate.linkage.linking import link
from deploy.evaluate.linkage.score import falsely_merged, score, share

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deploy.evaluate.linkage.records import RecordFile
    from deploy.evaluate.linkage.score import LinkageScore
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

    def as_dict(self) -> dict[str, Any]:
        """Return the figures by name, shares between 0 and 1."""
        auto, review = self.score.auto, self.score.auto_review
        return {
            "records": self.records,
            "pairs_true": auto.true,
            "auto": {
                "precision": share(auto.precision),
                "recall": share(auto.recall),
                "f1": share(auto.f1),
            },
            "auto_review": {
                "precision": share(review.precision),
                "recall": share(review.recall),
            },
            "queue_share": share(self.score.queue_share),
            "household": {kind.value: share(one) for kind, one in self.household.items()},
            "weights": self.weights,
            "seconds": round(self.seconds, 2),
        }


def evaluate(
    file: RecordFile,
    truth: Truth,
    *,
    progress: Progress | None = None,
    households_each: int = HOUSEHOLDS,
) -> LinkageEvaluation:
    """Link the records of a file, and invented households told by the same fields."""
    began = time.perf_counter()
    linked = link(file.people, progress=progress)
    seconds = time.perf_counter() - began
    return LinkageEvaluation(
        records=len(file.people),
        score=score(linked, truth),
        household={kind: _merged(kind, file.fields, households_each) for kind in Kind},
        weights=LinkPolicy().version,
        seconds=seconds,
    )


def _merged(kind: Kind, fields: frozenset[str], count: int) -> float:
    homes = households(kind, fields, count)
    return falsely_merged(homes.pairs, link(homes.people).clusters)
