"""Looking at a long past: a view as of any moment, and a network of two thousand with its measures.

Invented people of many small groups and one large one are reported, corrected, graded, merged and
split, so many events that a year might hold. The store that keeps every version of every row is
filled once, which is what a replay of that log costs too, and then looked at.

CPU time of the process is what counts, of all its threads, so that other work on the machine does
not; the best of five, but for a network measured for the first time.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from consumers.network import look
from consumers.network.change import difference
from consumers.ocg_network import OcgNetwork
from consumers.store import ProjectionStore
from consumers.worker import take
from deploy.bench.meter import peak_memory_mb
from streams.codec import encode
from streams.parts import CodedFact, Grading, Handling
from streams.ports import Record
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
from streams.topics import POLICE
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
    from collections.abc import Callable, Iterator, Mapping, Sequence

    Say = Callable[[str], None]

LARGE: Final = 2_000
GROUP: Final = 10
#: Events for each person of the small groups: as many reports as a known group collects.
EVENTS_PER_PERSON: Final = 3
BATCH: Final = 500
#: Reports of the large group for each person in it: enough for nearly all to hang together.
PAIRS_OF_LARGE: Final = 6
SHARES: Final = (0.1, 0.5, 0.9, 1.0)
ROUNDS: Final = 5
#: As many as a terminal shows.
LISTED: Final = 100
SAY_EVERY: Final = 100_000
_START: Final = datetime(2026, 1, 5, 9, tzinfo=UTC)
_GRADE: Final = Grading(scheme=GradingScheme.SCHEME_3X5X2, source="2", assessment="B")
_FACT: Final = CodedFact(theme=Theme.DRUGS, activity=Activity.SUPPLY, four_p=FourP.PURSUE)


def measure_views(events: int, say: Say) -> dict[str, Any]:
    """Fill a store with so many events of one topic, and time looks at it."""
    with TemporaryDirectory(prefix="rivelin-bench-") as folder:
        path = Path(folder) / "views.sqlite"
        with closing(ProjectionStore.open(path, OcgNetwork())) as store:
            say(f"folding {events} events into a store that keeps their past")
            filled = _fill(store, events, say)
            bare = _rate_without_past(Path(folder) / "bare.sqlite", min(events, 20_000))
            say("looking")
            return {
                "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
                "events": events,
                **filled,
                "events_per_cpu_second_without_past": bare,
                "megabytes": round(_size(path) / 1e6),
                "peak_memory_mb": peak_memory_mb(),
                "network_of_2000": _live(store),
                "as_of": [_as_of(store, events, share) for share in SHARES],
                "difference": _difference(store, events),
            }


def _fill(store: ProjectionStore, events: int, say: Say) -> dict[str, Any]:
    began, cpu = time.perf_counter(), time.process_time()
    projection = OcgNetwork()
    for done, batch in _batches(_Town(events).events(events)):
        take(projection, store, batch, {POLICE: batch[-1].offset + 1})
        if done % SAY_EVERY < BATCH:
            say(f"{done} events after {time.perf_counter() - began:.0f} s")
    spent = time.process_time() - cpu
    return {
        "seconds_to_fold": round(time.perf_counter() - began, 1),
        "events_per_cpu_second": round(events / spent),
    }


def _rate_without_past(path: Path, events: int) -> int:
    """Return the rate of the same beginning with nothing kept of the past, for a ratio."""
    projection = OcgNetwork()
    with closing(ProjectionStore.open(path, projection)) as store:
        store.past = {}
        cpu = time.process_time()
        for _, batch in _batches(_Town(events).events(events)):
            take(projection, store, batch, {POLICE: batch[-1].offset + 1})
        return round(events / (time.process_time() - cpu))


def _size(path: Path) -> int:
    return sum(one.stat().st_size for one in path.parent.glob(f"{path.name}*"))


def _batches(records: Iterator[Record]) -> Iterator[tuple[int, list[Record]]]:
    batch: list[Record] = []
    done = 0
    for record in records:
        batch.append(record)
        if len(batch) == BATCH:
            done += len(batch)
            yield done, batch
            batch = []
    if batch:
        yield done + len(batch), batch


# --- looking -----------------------------------------------------------------------------


def _live(store: ProjectionStore) -> dict[str, Any]:
    """Time `network show` of the large network, measured for the first time and once more."""
    with store.snapshot() as snapshot:
        (largest,) = look.networks(snapshot.connection, 1)
        network = largest["network_id"]
        look.MEASURED.forget()  # as in a process that has just begun
        first = _milliseconds(lambda: look.network(snapshot.connection, network))
        again = _best(lambda: look.network(snapshot.connection, network))
        shown = look.network(snapshot.connection, network)
    return {
        "nodes": shown["measures"]["nodes"],
        "pairs": shown["measures"]["edges"],
        "first_cpu_ms": first,
        "again_cpu_ms": again,
    }


def _as_of(store: ProjectionStore, events: int, share: float) -> dict[str, Any]:
    """Time whole looks at a moment: which position it is, the views laid over, and the answer."""
    at = _START + timedelta(milliseconds=int(events * share) - 1)
    with store.as_of(store.positions_until(at)) as then:
        listed = look.networks(then.connection, LISTED)
        count = look.network_count(then.connection)
        largest = listed[0]["network_id"]
        (one,) = then.connection.exec_driver_sql(
            "SELECT entity_id FROM entities WHERE network_id IS NOT NULL LIMIT 1"
        ).one()
    return {
        "share": share,
        "networks": count,
        "list_cpu_ms": _best(lambda: _look(store, at, lambda c: look.networks(c, LISTED))),
        "show_largest_cpu_ms": _best(lambda: _look(store, at, lambda c: look.network(c, largest))),
        "person_cpu_ms": _best(lambda: _look(store, at, lambda c: look.person(c, one))),
    }


def _look(store: ProjectionStore, at: datetime, read: Callable[[Any], Any]) -> None:
    with store.as_of(store.positions_until(at)) as then:
        read(then.connection)


def _difference(store: ProjectionStore, events: int) -> dict[str, Any]:
    """Time what changed over the last thousand events."""
    window = (events - 1_000, events)
    with store.snapshot() as snapshot:
        found = difference(snapshot.connection, POLICE, window)
        took = _best(lambda: difference(snapshot.connection, POLICE, window))
    return {"people": len(found["people"]), "ties": len(found["ties"]), "cpu_ms": took}


def _best(run: Callable[[], Any]) -> float:
    return min(_milliseconds(run) for _ in range(ROUNDS))


def _milliseconds(run: Callable[[], Any]) -> float:
    began = time.process_time()
    run()
    return round(1e3 * (time.process_time() - began), 1)


# --- what is told ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Told:
    serial: int
    people: tuple[int, int]


class _Town:
    """Invented events in order, the same for the same number of them."""

    def __init__(self, events: int) -> None:
        self._dice = Random(events)  # noqa: S311 - invented events
        self._people = max(GROUP, events // EVENTS_PER_PERSON)
        self._large_share = min(0.5, PAIRS_OF_LARGE * LARGE / events)
        self._told: list[_Told] = []
        self._merged: list[tuple[int, int, int]] = []

    def events(self, count: int) -> Iterator[Record]:
        """Yield so many records of the police topic, a millisecond apart."""
        for offset in range(count):
            at = _START + timedelta(milliseconds=offset)
            yield Record(POLICE, offset, at, None, encode(self._next(offset)))

    def _next(self, serial: int) -> object:
        roll = self._dice.random()
        if roll < 0.94 or len(self._told) < GROUP:  # noqa: PLR2004 - shares of a mixed log
            return self._report(serial)
        told = self._told[self._dice.randrange(len(self._told))]
        if roll < 0.96:  # noqa: PLR2004 - the same
            return GradeRelayed(report_id=_id(1, told.serial), revision=1, grading=_GRADE)
        if roll < 0.97:  # noqa: PLR2004 - the same
            return ReportWithdrawn(report_id=_id(1, told.serial))
        if self._merged and roll < 0.98:  # noqa: PLR2004 - the same
            return self._split(*self._merged.pop())
        self._merged.append((told.serial, *told.people))
        kept, absorbed = (_id(3, person) for person in told.people)
        return PersonsMerged(kind=NodeKind.PERSON, kept_id=kept, absorbed_id=absorbed)

    def _split(self, serial: int, kept: int, absorbed: int) -> PersonSplit:
        mention = Mention(report_id=_id(1, serial), node=1)
        return PersonSplit(
            kind=NodeKind.PERSON,
            entity_id=_id(3, kept),
            new_entity_id=_id(3, absorbed),
            mentions=(mention,),
        )

    def _report(self, serial: int) -> PoliceReportShared:
        people = self._pair()
        self._told.append(_Told(serial, people))
        return PoliceReportShared(
            report_id=_id(1, serial),
            revision=1,
            origin_id=_id(2, serial),
            immediate_risk=False,
            purpose=Purpose.DISRUPT_ORGANISED_CRIME,
            event_week=f"2026-W{1 + serial % 50:02}",
            district=f"S{serial % 20 + 1}",
            nodes=tuple(_node(number, person) for number, person in enumerate(people)),
            relations=(SharedRelation(subject=0, kind=RelationKind.CO_OFFENDER, object=1),),
            facts=(_FACT,),
            grading=_GRADE,
            handling=Handling(code=HandlingCode.P),
        )

    def _pair(self) -> tuple[int, int]:
        """Return neighbours of the large group, or two of a small one."""
        if self._dice.random() < self._large_share:
            one = self._dice.randrange(LARGE)
            other = (one + self._dice.choice((1, 1, 2, 3))) % LARGE
            return self._people + one, self._people + other
        group = self._dice.randrange(self._people // GROUP) * GROUP
        one, other = self._dice.sample(range(GROUP), 2)
        return group + one, group + other


def _node(number: int, person: int) -> PoliceNode:
    return PoliceNode(
        node=number,
        kind=NodeKind.PERSON,
        entity_id=_id(3, person),
        sex=Sex.UNKNOWN,
        child_at_event=ChildAtEvent.NO,
        role=Role.SUSPECT,
    )


def _id(kind: int, number: int) -> UUID:
    """Return an id that is as spread as the real ones are."""
    return UUID(int=((kind * 2**64 + number + 1) * 0x9E3779B97F4A7C15F39CC0605CEDC835) % 2**128)


def as_markdown(figures: Mapping[str, Any]) -> str:
    """Return the figures as tables."""
    shown, changed = figures["network_of_2000"], figures["difference"]
    head = (
        f"{figures['events']} events on the police topic, {figures['measured_at']}: folded and"
        f" written with their past in {figures['seconds_to_fold']} s"
        f" ({figures['events_per_cpu_second']} events a CPU second;"
        f" {figures['events_per_cpu_second_without_past']} without the past),"
        f" {figures['megabytes']} MB on disk, {figures['peak_memory_mb']} MB peak resident."
    )
    looks = (
        f"In CPU time: `network show` of {shown['nodes']} nodes and {shown['pairs']} pairs"
        f" {shown['first_cpu_ms']} ms measured for the first time, {shown['again_cpu_ms']} again."
        f" `network diff` over the last 1,000 events, {changed['people']} people and"
        f" {changed['ties']} ties: {changed['cpu_ms']} ms."
    )
    lines = [head, "", looks, ""]
    rows: Sequence[dict[str, Any]] = figures["as_of"]
    lines += [f"|{'|'.join(rows[0])}|", f"|{'|'.join('---' for _ in rows[0])}|"]
    lines += [f"|{'|'.join(str(value) for value in row.values())}|" for row in rows]
    return "\n".join(lines)
