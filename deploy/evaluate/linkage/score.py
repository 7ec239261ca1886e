"""Counting pairs: what was linked, what was asked, and how much of either was right."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import combinations, product
from typing import TYPE_CHECKING, Final

from deploy.evaluate.linkage.linking import clusters_of
from deploy.evaluate.linkage.truth import pairs_between, pairs_within

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

    from deploy.evaluate.linkage.linking import Linked
    from deploy.evaluate.linkage.truth import Truth

_PLACES: Final = 4


@dataclass(frozen=True, slots=True)
class PairCount:
    """Pairs of records: truly one person, said to be one, and both."""

    true: int
    found: int
    right: int

    @property
    def precision(self) -> float:
        """Share of what was found that is right; 1 if nothing was found."""
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """Share of what is true that was found; 1 if nothing is true."""
        return self.right / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        total = self.true + self.found
        return 2 * self.right / total if total else 1.0


@dataclass(frozen=True, slots=True)
class LinkageScore:
    """How well records were linked. Pairs are unordered pairs of different records.

    `auto` counts a pair as found if both records lie in one cluster.
    `auto_review` counts it as found also if an open question stands between
    the two clusters they lie in, so that a human who answers right can still
    unite them; a wrong pair between two such clusters counts against its
    precision, though a human can still say no. Two clusters that meet only
    through a third one are not counted.
    `queue_share` is the share of records that, when they came in, put a
    question to a human.
    """

    auto: PairCount
    auto_review: PairCount
    queue_share: float


def score(linked: Linked, truth: Truth) -> LinkageScore:
    """Compare; a record that the truth does not tell of is a person of its own."""
    entity = {record: truth.get(record, f"\0{record}") for record in linked.clusters}
    auto = PairCount(
        true=pairs_within(entity.values()),
        found=pairs_within(linked.clusters.values()),
        right=pairs_within((linked.clusters[record], entity[record]) for record in entity),
    )
    right, asked = _asked(linked, entity)
    return LinkageScore(
        auto,
        PairCount(auto.true, auto.found + asked, auto.right + right),
        len(linked.askers) / len(linked.clusters) if linked.clusters else 0.0,
    )


def _asked(linked: Linked, entity: Mapping[str, str]) -> tuple[int, int]:
    members = {
        cluster: [entity[record] for record in records]
        for cluster, records in clusters_of(linked.clusters).items()
    }
    counts = [
        pairs_between(members.get(left, ()), members.get(right, ()))
        for left, right in linked.questions
    ]
    return sum(right for right, _ in counts), sum(asked for _, asked in counts)


@dataclass(frozen=True, slots=True)
class OriginScore:
    """How well the people of one origin of names are linked; a pair counts for both its sides."""

    origin: str
    records: int
    auto: PairCount
    auto_review: PairCount


def by_origin(linked: Linked, truth: Truth, origins: Mapping[str, str]) -> tuple[OriginScore, ...]:
    """Score each origin by itself, the most records first: is linkage fair to all names?

    `origins` is record to origin. A pair is counted for an origin if one of
    its two records is of it, so that a false link is everybody's.
    """
    entity = {record: truth.get(record, f"\0{record}") for record in linked.clusters}
    found = _pairs_in(linked.clusters)
    asked = found | _pairs_asked(linked)
    true = _pairs_in(entity)
    counts = Counter(origins[record] for record in linked.clusters)
    return tuple(
        OriginScore(
            origin,
            records,
            _count_of(origin, origins, true, found),
            _count_of(origin, origins, true, asked),
        )
        for origin, records in counts.most_common()
    )


def _pairs_in(groups: Mapping[str, Hashable]) -> frozenset[frozenset[str]]:
    members: defaultdict[Hashable, list[str]] = defaultdict(list)
    for record, group in groups.items():
        members[group].append(record)
    return frozenset(
        frozenset(pair) for records in members.values() for pair in combinations(records, 2)
    )


def _pairs_asked(linked: Linked) -> frozenset[frozenset[str]]:
    members = clusters_of(linked.clusters)
    return frozenset(
        frozenset(pair)
        for left, right in linked.questions
        for pair in product(members.get(left, ()), members.get(right, ()))
    )


def _count_of(
    origin: str,
    origins: Mapping[str, str],
    true: frozenset[frozenset[str]],
    found: frozenset[frozenset[str]],
) -> PairCount:
    def of_it(pairs: Iterable[frozenset[str]]) -> int:
        return sum(any(origins[record] == origin for record in pair) for pair in pairs)

    return PairCount(of_it(true), of_it(found), of_it(true & found))


def share(value: float) -> float:
    """Round a share for people and programs alike."""
    return round(value, _PLACES)


def falsely_merged(pairs: Iterable[tuple[str, str]], clusters: Mapping[str, Hashable]) -> float:
    """Return the share of pairs of two people whose records lie in one cluster."""
    merged = [clusters[left] == clusters[right] for left, right in pairs]
    return sum(merged) / len(merged) if merged else 0.0
