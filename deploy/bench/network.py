"""The network fold alone: what one event costs in a graph of a hundred thousand people.

Invented people meet in invented reports, mostly people who live close by, now and then somebody
from anywhere, until so many pairs are tied. At a tenth, a half and all of that, events of every
kind are folded one at a time: reports, corrections, grades, withdrawals, merges and their undoing.
Timed is the fold of one event, and beside it the making of the rows that it changed.

In the same run stands what one would write instead: all ties into a fresh networkx graph and its
connected components, once for each batch of a hundred events.

CPU time of the thread is what counts, so that other work on the machine does not.
"""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from consumers.network import NetworkFold
from consumers.network.rows import take_rewrites
from deploy.bench.meter import memory_mb, peak_memory_mb
from deploy.bench.run import machine
from streams.errors import RivelinError
from streams.parts import CodedFact, Grading, Handling
from streams.shared import (
    GradeRelayed,
    Mention,
    PersonsMerged,
    PersonSplit,
    PoliceNode,
    PoliceReportShared,
    ReportWithdrawn,
    SharedRelation,
)
from streams.taxonomy import RelationKind
from streams.values import (
    Activity,
    ChildAtEvent,
    FourP,
    GradingScheme,
    HandlingCode,
    NodeKind,
    Purpose,
    Role,
    Sex,
    Theme,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from consumers.network import NetworkEvent

    Say = Callable[[str], None]

SHARES: Final = (0.1, 0.5, 1.0)
EVENTS_MEASURED: Final = 10_000
_WARMED: Final = 500
#: As `consumers.worker`: so often the collector is told that what lives is there to stay.
_COLLECT_EVERY: Final = 1_000
_REBUILT_EVERY: Final = 100
_REBUILDS: Final = 3
_PEOPLE_IN_A_REPORT: Final = (2, 3, 3, 4, 5)
_NEAR: Final = 30
_FAR_SHARE: Final = 0.05
_REPEATED_SHARE: Final = 0.1
_CHILD_SHARE: Final = 0.08
_MS: Final = 1_000_000
#: How many of a thousand measured events are of each kind; the rest are new reports.
_MIX: Final = {"correction": 40, "grade": 100, "withdrawal": 40, "merge": 4, "split": 2}
_KINDS: Final = (
    RelationKind.CO_OFFENDER,
    RelationKind.CO_OFFENDER,
    RelationKind.ASSOCIATE,
    RelationKind.EXPLOITS,
)
_FACTS: Final = tuple(
    CodedFact(theme=theme, activity=Activity.SUPPLY, four_p=FourP.PURSUE)
    for theme in (Theme.DRUGS, Theme.COUNTY_LINES, Theme.SERIOUS_VIOLENCE)
)
_GRADES: Final = (
    Grading(),
    Grading(),
    Grading(scheme=GradingScheme.SCHEME_3X5X2, source="1", assessment="B"),
    Grading(scheme=GradingScheme.SCHEME_3X5X2, source="2", assessment="D"),
    Grading(scheme=GradingScheme.SCHEME_3X5X2, source="3", assessment="E"),
)
_HANDLING: Final = Handling(code=HandlingCode.P)
_PERSONS, _REPORTS, _ORIGINS = 1 << 96, 2 << 96, 3 << 96


def as_markdown(figures: Mapping[str, Any]) -> str:
    """Return the figures as a table, a row for each mark."""
    head = (
        f"One event in the network fold, {figures['measured_at']}, Python {figures['python']} (load"
        f" average {figures['load_average']}), CPU milliseconds; {figures['peak_mb']} MB resident"
        f" at most, {figures['base_mb']} before the first event. Networkx: all ties into a fresh"
        f" graph and its components, once for {_REBUILT_EVERY} events."
    )
    rows = [_row(mark) for mark in figures["marks"]]
    lines = [tuple(rows[0]), ["---"] * len(rows[0]), *(tuple(row.values()) for row in rows)]
    return "\n".join((head, "", *(f"|{'|'.join(map(str, line))}|" for line in lines)))


def _row(mark: Mapping[str, Any]) -> Mapping[str, Any]:
    kinds = {kind: f"{of['p50']} / {of['p99']}" for kind, of in mark["by_kind_ms"].items()}
    return {
        "ties": mark["ties"],
        "people": mark["people"],
        "reports": mark["reports"],
        "MB": mark["memory_mb"],
        "fold p50": mark["fold_ms"]["p50"],
        "fold p99": mark["fold_ms"]["p99"],
        "with rows p99": mark["fold_and_rows_ms"]["p99"],
        **{f"{kind} p50 / p99": told for kind, told in kinds.items()},
        "networkx an event": mark["networkx_rebuilt_ms_per_event"],
        "times the fold": mark["networkx_to_fold"],
    }


class NoNetworkxError(RivelinError):
    """The comparison needs networkx, which is no part of the product. Install the dev extras."""


@dataclass(frozen=True, slots=True)
class Writing:
    """A report as it was last written: revision, and who stands in it."""

    revision: int
    people: tuple[int, ...]


class Story:
    """Makes events one after the other, the same for the same seed; knows what it told."""

    def __init__(self, people: int, seed: int = 1) -> None:
        self._people = people
        self._random = Random(seed)  # noqa: S311 - nothing secret is benchmarked
        self._written: list[Writing | None] = []
        self._merged: list[tuple[int, int, tuple[Mention, ...]]] = []
        self._of: dict[int, list[int]] = {}

    @property
    def reports(self) -> int:
        """How many reports were told."""
        return len(self._written)

    def report(self) -> PoliceReportShared:
        """Return a new report."""
        number = len(self._written)
        self._written.append(Writing(0, ()))
        return self._write(number)

    def next(self) -> tuple[str, NetworkEvent]:
        """Return an event of any kind, and its kind."""
        draw = self._random.randrange(1_000)
        for kind, share in _MIX.items():
            draw -= share
            if draw < 0:
                event = getattr(self, f"_{kind}")()
                return (kind, event) if event is not None else ("report", self.report())
        return "report", self.report()

    def _correction(self) -> NetworkEvent | None:
        number = self._some_report()
        return None if number is None else self._write(number)

    def _grade(self) -> NetworkEvent | None:
        number = self._some_report()
        if number is None:
            return None
        return GradeRelayed(
            report_id=UUID(int=_REPORTS + number),
            revision=self._writing(number).revision,
            grading=self._random.choice(_GRADES),
        )

    def _withdrawal(self) -> NetworkEvent | None:
        number = self._some_report()
        if number is None:
            return None
        self._written[number] = None
        return ReportWithdrawn(report_id=UUID(int=_REPORTS + number))

    def _merge(self) -> NetworkEvent:
        kept = self._random.randrange(self._people)
        absorbed = self._neighbour(kept)
        mentions = tuple(
            Mention(report_id=UUID(int=_REPORTS + number), node=node)
            for number in self._of.get(absorbed, ())
            if (writing := self._written[number]) is not None
            for node, person in enumerate(writing.people)
            if person == absorbed
        )
        self._merged.append((kept, absorbed, mentions))
        return PersonsMerged(
            kind=NodeKind.PERSON, kept_id=_person(kept), absorbed_id=_person(absorbed)
        )

    def _split(self) -> NetworkEvent | None:
        if not self._merged:
            return None
        kept, absorbed, mentions = self._merged.pop()
        return PersonSplit(
            kind=NodeKind.PERSON,
            entity_id=_person(kept),
            new_entity_id=_person(absorbed),
            mentions=mentions,
        )

    def _some_report(self) -> int | None:
        number = self._random.randrange(len(self._written))
        return None if self._written[number] is None else number

    def _writing(self, number: int) -> Writing:
        writing = self._written[number]
        if writing is None:
            raise LookupError(number)
        return writing

    def _write(self, number: int) -> PoliceReportShared:
        people = self._company()
        revision = self._writing(number).revision + 1
        self._written[number] = Writing(revision, people)
        for person in people:
            self._of.setdefault(person, []).append(number)
        origin = number if self._random.random() > _REPEATED_SHARE else number // 2
        return PoliceReportShared(
            report_id=UUID(int=_REPORTS + number),
            revision=revision,
            origin_id=UUID(int=_ORIGINS + origin),
            immediate_risk=False,
            purpose=Purpose.DISRUPT_ORGANISED_CRIME,
            event_week=f"{self._random.randrange(2023, 2027)}-W{self._random.randrange(1, 53):02}",
            district=f"S{self._random.randrange(1, 37)}",
            nodes=tuple(self._node(*numbered) for numbered in enumerate(people)),
            relations=self._relations(len(people)),
            facts=(self._random.choice(_FACTS),),
            grading=self._random.choice(_GRADES),
            handling=_HANDLING,
        )

    def _company(self) -> tuple[int, ...]:
        first = self._random.randrange(self._people)
        found = {first: None}
        while len(found) < self._random.choice(_PEOPLE_IN_A_REPORT):
            found[self._neighbour(first)] = None
        return tuple(found)

    def _neighbour(self, person: int) -> int:
        if self._random.random() < _FAR_SHARE:
            other = self._random.randrange(self._people)
        else:
            other = (person + self._random.randrange(1, _NEAR)) % self._people
        return other if other != person else (person + 1) % self._people

    def _relations(self, people: int) -> tuple[SharedRelation, ...]:
        """Tie the first to everybody, and each to the one named after it."""
        ends = {(0, other) for other in range(1, people)}
        ends |= {(one, one + 1) for one in range(people - 1)}
        return tuple(
            SharedRelation(subject=one, object=other, kind=self._random.choice(_KINDS))
            for one, other in sorted(ends)
        )

    def _node(self, node: int, person: int) -> PoliceNode:
        is_child = person % 100 < 100 * _CHILD_SHARE
        return PoliceNode(
            node=node,
            kind=NodeKind.PERSON,
            entity_id=_person(person),
            sex=Sex.UNKNOWN,
            child_at_event=ChildAtEvent.YES if is_child else ChildAtEvent.NO,
            role=Role.VICTIM if is_child else self._random.choice((Role.SUSPECT, Role.OTHER)),
        )


def _person(number: int) -> UUID:
    """Return an id as random ids are: no order of people is an order of ids."""
    return UUID(int=(number * 0x9E3779B97F4A7C15F39CC0605CEDC835 + _PERSONS) % (1 << 128))


class Bench:
    """Grows one fold and measures it at the marks."""

    def __init__(self, people: int, ties: int, say: Say) -> None:
        self._ties = ties
        self._say = say
        self._story = Story(people)
        self._fold = NetworkFold()
        self._at = 0

    def run(self) -> dict[str, Any]:
        """Return the figures of every mark."""
        base = memory_mb()
        marks = [self._mark(share) for share in SHARES]
        return {"base_mb": base, "peak_mb": peak_memory_mb(), "marks": marks}

    def _mark(self, share: float) -> dict[str, Any]:
        pairs = self._grow(round(share * self._ties))
        self._say(f"{len(pairs)} ties of {self._story.reports} reports: measuring")
        rebuilt = rebuild_ms(pairs)
        del pairs
        _spare_the_collector()
        self._fold_in(_WARMED)
        told, with_rows = self._fold_in(EVENTS_MEASURED)
        every = [ms for times in told.values() for ms in times]
        mean = sum(every) / len(every)
        return {
            "share_of_log": share,
            "reports": self._story.reports,
            "people": sum(1 for _ in self._fold.entity_ids()),
            "ties": sum(1 for _ in self._fold.network_pairs()),
            "memory_mb": memory_mb(),
            "fold_ms": quantiles(every),
            "fold_and_rows_ms": quantiles(with_rows),
            "by_kind_ms": {kind: quantiles(times) for kind, times in sorted(told.items())},
            "networkx_rebuilt_ms_per_event": round(rebuilt / _REBUILT_EVERY, 3),
            "networkx_to_fold": round(rebuilt / _REBUILT_EVERY / mean, 1),
        }

    def _grow(self, ties: int) -> list[tuple[str, str]]:
        """Tell reports until so many pairs are tied; return the pairs."""
        while True:
            pairs = [(low, high) for low, high, _ in self._fold.network_pairs()]
            if len(pairs) >= ties:
                return pairs
            missing = ties - len(pairs)
            del pairs
            for _ in range(max(100, missing // 5)):
                self._apply(self._story.report())
                self._fold.take_changes()

    def _fold_in(self, count: int) -> tuple[dict[str, list[float]], list[float]]:
        """Fold so many events; return the milliseconds of each, by kind, and those with rows."""
        told: dict[str, list[float]] = {}
        with_rows: list[float] = []
        for number in range(count):
            kind, event = self._story.next()
            if number % _COLLECT_EVERY == 0:
                _spare_the_collector()
            began = time.thread_time_ns()
            self._apply(event)
            folded = time.thread_time_ns()
            take_rewrites(self._fold)
            ended = time.thread_time_ns()
            told.setdefault(kind, []).append((folded - began) / _MS)
            with_rows.append((ended - began) / _MS)
        return told, with_rows

    def _apply(self, event: NetworkEvent) -> None:
        self._fold.apply(event, self._at)
        self._at += 1


def measure_network(people: int, ties: int, say: Say) -> dict[str, Any]:
    """Return what one event costs among so many people and ties.

    Raises: NoNetworkxError before anything is measured.
    """
    rebuild_ms([])
    return {**machine(), **Bench(people, ties, say).run()}


def rebuild_ms(pairs: Sequence[tuple[str, str]]) -> float:
    """Return what a fresh networkx graph of all ties and its components cost, the least of three.

    Raises: NoNetworkxError.
    """
    try:
        import networkx as nx  # noqa: PLC0415 - a tool of development, asked for here alone
    except ImportError:
        raise NoNetworkxError(
            "the comparison needs networkx: install it with `pip install networkx`"
        ) from None
    found: list[float] = []
    for _ in range(_REBUILDS):
        began = time.thread_time_ns()
        graph: nx.Graph[str] = nx.Graph()
        graph.add_edges_from(pairs)
        components = list(nx.connected_components(graph))
        found.append((time.thread_time_ns() - began) / _MS)
        del graph, components
    return min(found)


def quantiles(times: Sequence[float]) -> dict[str, float]:
    """Return count, median, 99th percentile and maximum of milliseconds."""
    ordered = sorted(times)
    places = {"p50": 0.5, "p99": 0.99, "p999": 0.999, "max": 1.0}
    last = len(ordered) - 1
    at = {name: round(ordered[min(last, int(p * len(ordered)))], 3) for name, p in places.items()}
    return {"count": len(ordered), **at}


def _spare_the_collector() -> None:
    """Do as the worker does, see there."""
    gc.collect(1)
    gc.freeze()
