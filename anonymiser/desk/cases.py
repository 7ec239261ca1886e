"""A possible link as the desk sees it: two sides, a comparison, and what was said of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid5

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from streams.values import Answer, LinkQuestion, LinkVerdict, NodeKind

_NAMESPACE: Final = UUID("0d5a8a5e-5c5e-5f0e-8d0c-3b1f7a9c2e41")
#: How many stand on a side is told in bands: an exact count could tell a reviewer which agencies.
_BANDS: Final = ((1, "1"), (4, "2-4"), (9, "5-9"))
_MANY: Final = "10 or more"


class CaseState(StrEnum):
    """How a possible link stands."""

    OPEN = "OPEN"
    SAME = "SAME"
    DIFFERENT = "DIFFERENT"
    UNITED = "UNITED"
    """Later evidence made the two one person; nobody need decide."""
    UNSUPPORTED = "UNSUPPORTED"
    """A correction took away what made the two alike."""
    GONE = "GONE"
    """No live report is left on one side."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of the waterfall: the field's level and its worth in hundredths of a bit."""

    field: str
    level: str
    centibits: int


@dataclass(frozen=True, slots=True)
class Side:
    """Who stands on one side of a link: numbers only, no partner and no report is named."""

    reports: int
    partners: int
    is_child: bool


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one reviewer said, and when."""

    verdict: LinkVerdict
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to the holders, and the answers so far: for each side how often which.

    `holders` counts those that were asked on each side, decoys not.
    """

    question: LinkQuestion
    asked_by: str
    asked_at: datetime
    holders: tuple[int, int]
    answers: tuple[tuple[Answer, ...], tuple[Answer, ...]]

    @property
    def is_waiting(self) -> bool:
        """Whether some holder has not answered yet."""
        return sum(self.holders) > sum(map(len, self.answers))


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A possible link with everything the desk knows of it.

    Ids are the enclave's and never shown; `link_id` is what people type.
    `planted` is for the desk's own measurement and never shown either.
    `score` and `bars` are missing for links noticed before comparisons were recorded.
    `doubt` says why the linker asks, `taken_over` what it made of the last verdict.
    """

    link_id: UUID
    kind: NodeKind
    left_id: UUID = field(repr=False)
    right_id: UUID = field(repr=False)
    agreed: tuple[str, ...]
    contradicted: tuple[str, ...]
    score_centibits: int | None
    weights_version: int | None
    bars: tuple[Bar, ...]
    noticed_at: datetime
    escalated_at: datetime | None
    sides: tuple[Side, Side]
    state: CaseState
    opinions: tuple[Opinion, ...]
    asked: tuple[Asked, ...]
    planted: bool = field(repr=False)
    doubt: str | None = None
    taken_over: str | None = None

    @property
    def touches_child(self) -> bool:
        """Whether some live report on either side is about a child."""
        return any(side.is_child for side in self.sides)

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to decide."""
        return self.state is CaseState.OPEN

    def age(self, now: datetime) -> timedelta:
        """Return how long ago the link was noticed."""
        return now - self.noticed_at


def link_id_of(left_id: UUID, right_id: UUID) -> UUID:
    """Return the id of a pair, whichever way round; it tells nothing of the two."""
    low, high = sorted((left_id, right_id))
    return uuid5(_NAMESPACE, f"{low} {high}")


def band(count: int) -> str:
    """Return the band that a number of reports or partners falls into."""
    return next((name for most, name in _BANDS if count <= most), _MANY)


def in_order(cases: list[Case]) -> list[Case]:
    """Sort a queue: what was escalated, then what touches a child, then the oldest."""
    return sorted(
        cases,
        key=lambda case: (
            case.escalated_at is None,
            not case.touches_child,
            case.noticed_at,
            case.link_id,
        ),
    )
