"""How well reviewers decide: against planted pairs of known truth, and against each other."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import sqrt
from typing import TYPE_CHECKING, Final

from streams.values import LinkVerdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from anonymiser.desk.entries import Review

_Z: Final = 1.959964  # of a 95 % interval


@dataclass(frozen=True, slots=True)
class Share:
    """`hits` of `count`, with the Wilson interval of 95 %; of nothing the interval is all."""

    hits: int
    count: int

    @property
    def value(self) -> float | None:
        """The share itself, None of nothing."""
        return self.hits / self.count if self.count else None

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval after Wilson (1927), which also holds for few and for none."""
        if not self.count:
            return (0.0, 1.0)
        share, count, square = self.hits / self.count, self.count, _Z * _Z
        centre = (share + square / (2 * count)) / (1 + square / count)
        spread = _Z * sqrt(share * (1 - share) / count + square / (4 * count * count))
        spread /= 1 + square / count
        return (max(0.0, centre - spread), min(1.0, centre + spread))


@dataclass(frozen=True, slots=True)
class ReviewerMeasure:
    """One reviewer: how much, and how well where the truth is known.

    A false "same" joins two people, a false "different" leaves one child
    twice: the first is the graver, so they are counted apart. `unsure` of
    planted pairs is no error.
    """

    reviewer: str
    decisions: int
    today: int
    over_budget: int
    planted: int
    unsure: int
    errors: Share
    false_same: Share
    false_different: Share


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two reviewers who decided the same links: how often alike, and kappa beyond chance."""

    reviewers: tuple[str, str]
    alike: Share
    kappa: float | None


def measure(reviews: Sequence[Review], today: datetime) -> tuple[ReviewerMeasure, ...]:
    """Measure each reviewer by name; of several verdicts about one planted pair the first counts.

    The first, since a later one may follow a talk with a colleague. `today` is when the day began.
    """
    names = sorted({one.decided_by for one in reviews})
    return tuple(_measure_one(name, reviews, today) for name in names)


def _measure_one(name: str, reviews: Sequence[Review], today: datetime) -> ReviewerMeasure:
    own = [one for one in reviews if one.decided_by == name]
    planted = list(_firsts(one for one in own if one.truth is not None).values())
    decided = [one for one in planted if one.verdict is not LinkVerdict.UNSURE]
    wrong = [one for one in decided if one.verdict is not one.truth]
    said = {verdict: _count(wrong, verdict) for verdict in LinkVerdict}
    two = sum(one.truth is LinkVerdict.DIFFERENT for one in decided)
    return ReviewerMeasure(
        reviewer=name,
        decisions=len(own),
        today=sum(one.decided_at >= today for one in own),
        over_budget=sum(one.over_budget is not None for one in own),
        planted=len(planted),
        unsure=len(planted) - len(decided),
        errors=Share(len(wrong), len(decided)),
        false_same=Share(said[LinkVerdict.SAME], two),
        false_different=Share(said[LinkVerdict.DIFFERENT], len(decided) - two),
    )


def agreement(reviews: Sequence[Review]) -> tuple[Agreement, ...]:
    """Compare each two reviewers over the links, planted or not, that both decided."""
    names = sorted({one.decided_by for one in reviews})
    first = {
        name: {
            link: one.verdict
            for link, one in _firsts(one for one in reviews if one.decided_by == name).items()
            if one.verdict is not LinkVerdict.UNSURE
        }
        for name in names
    }
    pairs = (_agreement(pair, first) for pair in combinations(names, 2))
    return tuple(pair for pair in pairs if pair.alike.count)


def _agreement(pair: tuple[str, str], first: Mapping[str, Mapping[UUID, LinkVerdict]]) -> Agreement:
    left, right = first[pair[0]], first[pair[1]]
    both = left.keys() & right.keys()
    alike = sum(left[link] is right[link] for link in both)
    share = Share(alike, len(both))
    return Agreement(pair, share, _kappa(share, [left[x] for x in both], [right[x] for x in both]))


def _kappa(alike: Share, left: Sequence[LinkVerdict], right: Sequence[LinkVerdict]) -> float | None:
    """Cohen's kappa (1960); None where both always said one thing, and chance explains all."""
    if alike.value is None:
        return None
    count = alike.count
    chance = sum(left.count(one) * right.count(one) for one in LinkVerdict) / (count * count)
    return None if chance == 1 else (alike.value - chance) / (1 - chance)


def _firsts(reviews: Iterable[Review]) -> dict[UUID, Review]:
    firsts: dict[UUID, Review] = {}
    for one in reviews:
        firsts.setdefault(one.link_id, one)
    return firsts


def _count(reviews: Sequence[Review], verdict: LinkVerdict) -> int:
    return sum(one.verdict is verdict for one in reviews)
