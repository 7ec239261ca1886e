"""Ties between entities: evidence, origins, validity, weakest grade; kept pair by pair."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from consumers.network.bag import Bag
from consumers.network.evidence import (
    claims_of,
    is_network,
    is_ungraded,
    weakness,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from consumers.network.evidence import Evidence, TieKey
    from streams.parts import Grading


PairKey: TypeAlias = tuple[str, str]
"""Two entity ids, the smaller first."""


class Tie:
    """One kind of tie between two entities, with everything that says so.

    `evidence` holds report ids, `origins` the origin of each report that
    supports the tie; the distinct ones are its weight. A report that is
    suspected false is evidence without support, and a tie without any support
    does not stand. `network_…` counts the same among reports that state it as a
    network tie, which of an associate not all do.
    """

    __slots__ = (
        "evidence",
        "first_week",
        "graded",
        "kind",
        "last_week",
        "network_graded",
        "network_origins",
        "network_stated",
        "object_id",
        "origins",
        "subject_id",
        "weakest",
    )

    def __init__(self, key: TieKey) -> None:
        self.subject_id, self.object_id, self.kind = key
        self.evidence = Bag()
        self.origins = Bag()
        always = is_network(self.kind, criminal=False)
        self.network_origins = self.origins if always else Bag()
        self.graded = 0  # supporting reports that somebody graded
        self.network_graded = 0
        self.network_stated = 0  # reports, supporting or not
        self.first_week = ""
        self.last_week = ""
        self.weakest: Grading | None = None

    @property
    def key(self) -> TieKey:
        """Subject, object, kind."""
        return (self.subject_id, self.object_id, self.kind)

    @property
    def stands(self) -> bool:
        """Whether a report that is not suspected false says so."""
        return bool(self.origins)

    @property
    def weight(self) -> int:
        """Distinct origins that say so."""
        return self.origins.distinct

    @property
    def tentative(self) -> bool:
        """Whether the tie rests on ungraded reports alone."""
        return self.stands and not self.graded

    @property
    def doubted(self) -> int:
        """How many of its reports are suspected false."""
        return len(self.evidence) - len(self.origins)

    @property
    def network_doubted(self) -> int:
        """How many of those that state it as a network tie are."""
        return self.network_stated - len(self.network_origins)

    def add(self, evidence: Evidence, *, network: bool) -> None:
        """Take in a report that states the tie."""
        grading = evidence.shape.grading
        self.evidence.add(evidence.report_id)
        self.network_stated += network
        self._weaken(grading)
        if not evidence.shape.is_false:
            self._count(grading, 1, network=network)
            self._widen(evidence.week)
            for origins in self._origins(network=network):
                origins.add(evidence.origin_id)

    def remove(self, evidence: Evidence, reports: Mapping[str, Evidence], *, network: bool) -> None:
        """Take a report back; `reports` holds the others that state the tie."""
        grading = evidence.shape.grading
        self.evidence.take(evidence.report_id)
        self.network_stated -= network
        if not evidence.shape.is_false:
            self._count(grading, -1, network=network)
            for origins in self._origins(network=network):
                origins.take(evidence.origin_id)
            self._narrow(evidence.week, reports)
        if grading == self.weakest:
            self._strengthen(reports)

    def _count(self, grading: Grading, by: int, *, network: bool) -> None:
        if not is_ungraded(grading):
            self.graded += by
            self.network_graded += by * network

    def _origins(self, *, network: bool) -> tuple[Bag, ...]:
        if network and self.network_origins is not self.origins:
            return (self.origins, self.network_origins)
        return (self.origins,)

    def _weaken(self, grading: Grading) -> None:
        if self.weakest is None or weakness(grading) > weakness(self.weakest):
            self.weakest = grading

    def _widen(self, week: str) -> None:
        self.first_week = min(self.first_week or week, week)
        self.last_week = max(self.last_week, week)

    def _narrow(self, week: str, reports: Mapping[str, Evidence]) -> None:
        """Take back a week in which a report supported the tie."""
        if week not in {self.first_week, self.last_week}:
            return
        if any(other == week for other in self._weeks(reports)):
            return
        weeks = set(self._weeks(reports))
        self.first_week, self.last_week = min(weeks, default=""), max(weeks, default="")

    def _weeks(self, reports: Mapping[str, Evidence]) -> Iterator[str]:
        for report_id in self.evidence:
            evidence = reports[report_id]
            if not evidence.shape.is_false:
                yield evidence.week

    def _strengthen(self, reports: Mapping[str, Evidence]) -> None:
        """Take back the weakest grade, which another report may have too."""
        if any(reports[one].shape.grading == self.weakest for one in self.evidence):
            return
        grades = {reports[one].shape.grading for one in self.evidence}
        self.weakest = max(grades, key=weakness, default=None)


class Pair:
    """All ties between two entities."""

    __slots__ = ("high", "low", "ties")

    def __init__(self, key: PairKey) -> None:
        self.low, self.high = key
        self.ties: tuple[Tie, ...] = ()

    @property
    def weight(self) -> int:
        """Distinct origins over the network ties, both directions together."""
        origins = [tie.network_origins for tie in self.ties if tie.network_origins]
        if len(origins) <= 1:
            return origins[0].distinct if origins else 0
        return len(set().union(*origins))

    @property
    def tentative(self) -> bool:
        """Whether the network ties rest on ungraded reports alone."""
        return not any(tie.network_graded for tie in self.ties)

    @property
    def doubted(self) -> int:
        """How many statements of network ties between the two are suspected false."""
        return sum(tie.network_doubted for tie in self.ties)

    @property
    def weeks(self) -> tuple[str, str]:
        """First and last week over the network ties that stand."""
        ties = [tie for tie in self.ties if tie.network_origins]
        return min(tie.first_week for tie in ties), max(tie.last_week for tie in ties)


class TieBook:
    """Every tie, by pair and by entity; notes which pairs one event touched."""

    def __init__(self, reports: Mapping[str, Evidence]) -> None:
        self._reports = reports
        self._near: dict[str, dict[str, Pair]] = {}
        self.touched: dict[PairKey, int] = {}
        self.touched_ties: set[TieKey] = set()

    def add(self, evidence: Evidence) -> None:
        """Take in what a report states."""
        for key, network in claims_of(evidence).items():
            self._tie(key).add(evidence, network=network)

    def remove(self, evidence: Evidence) -> None:
        """Take it back; the ledger still holds the other reports."""
        for key, network in claims_of(evidence).items():
            self._tie(key).remove(evidence, self._reports, network=network)

    def rename(self, before: Evidence, after: Evidence) -> None:
        """Take in that mentions of a report are of other entities; what it says is the same."""
        was, now = claims_of(before), claims_of(after)
        for key in was.keys() - now.keys():
            self._tie(key).remove(before, self._reports, network=was[key])
        for key in now.keys() - was.keys():
            self._tie(key).add(after, network=now[key])

    def settle(self) -> Iterator[tuple[PairKey, int, int]]:
        """Yield each touched pair with its weight before and now, and drop what is empty."""
        for key, before in self.touched.items():
            pair = self._near[key[0]][key[1]]
            pair.ties = tuple(tie for tie in pair.ties if tie.evidence)
            yield key, before, pair.weight
            if not pair.ties:
                self._drop(key)

    def clear(self) -> None:
        """Forget what was touched."""
        self.touched.clear()
        self.touched_ties.clear()

    def pair(self, one: str, other: str) -> Pair | None:
        """Return all ties between two entities, if there are any."""
        return self._near.get(one, {}).get(other)

    def tie(self, key: TieKey) -> Tie | None:
        """Return one tie, if a report states it."""
        pair = self.pair(key[0], key[1])
        return None if pair is None else _find(pair, key)

    def near(self, entity: str) -> Mapping[str, Pair]:
        """Return the pairs of an entity by the other end."""
        return self._near.get(entity, {})

    def pairs(self) -> Iterator[Pair]:
        """Yield every pair once."""
        for entity, near in self._near.items():
            yield from (pair for pair in near.values() if pair.low == entity)

    def _tie(self, key: TieKey) -> Tie:
        pair = self._touch(key)
        self.touched_ties.add(key)
        tie = _find(pair, key)
        if tie is None:
            tie = Tie(key)
            pair.ties = (*pair.ties, tie)
        return tie

    def _touch(self, key: TieKey) -> Pair:
        low, high = pair_key(key[0], key[1])
        pair = self.pair(low, high)
        if pair is None:
            pair = Pair((low, high))
            self._near.setdefault(low, {})[high] = pair
            self._near.setdefault(high, {})[low] = pair
        if (low, high) not in self.touched:
            self.touched[low, high] = pair.weight
        return pair

    def _drop(self, key: PairKey) -> None:
        for one, other in (key, key[::-1]):
            del self._near[one][other]
            if not self._near[one]:
                del self._near[one]


def pair_key(one: str, other: str) -> PairKey:
    """Return the key of a pair."""
    return (one, other) if one < other else (other, one)


def _find(pair: Pair, key: TieKey) -> Tie | None:
    subject, _, kind = key
    return next((t for t in pair.ties if t.kind is kind and t.subject_id == subject), None)
