"""Coded signs, person by person: who a report's facts are about, and in which week and district.

Facts stand on a report, not on a person. They count for every person whom the report names in the
role of victim, suspect or other, and not for witnesses and carers. A report that is suspected
false counts for nobody. Whatever is taken back, corrected, graded, merged or split is undone
exactly: what a report says of whom is looked up in the ledger whenever the fold touched it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

from consumers.network.evidence import claims_of, is_suspected_false
from streams.taxonomy import RelationKind
from streams.values import Activity, ChildAtEvent, NodeKind, Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from consumers.network.evidence import Evidence, TieKey
    from consumers.network.fold import NetworkFold
    from streams.shared import SafeguardingReportShared

#: Roles that a report's facts are about.
CONCERNED: Final = frozenset({Role.VICTIM, Role.SUSPECT, Role.OTHER})
_WEEKS_KEPT: Final = 8_192

Told: TypeAlias = tuple[tuple[Activity, "datetime"], ...]
"""The signs of a report, each with the log time at which the report first said so."""

Cell: TypeAlias = tuple[str, int]
"""A district and a week by number."""


@lru_cache(maxsize=_WEEKS_KEPT)
def week_number(week: str) -> int:
    """Return a number that rises by one with each ISO week ("2026-W47"), over years too."""
    year, _, number = week.partition("-W")
    return date.fromisocalendar(int(year), int(number), 1).toordinal() // 7


@dataclass(frozen=True, slots=True)
class Seen:
    """What one report says of one person.

    `cuckooed` are the ties by which the report says that an address is cuckooed.
    """

    report_id: str
    origin_id: str
    week: str
    week_number: int
    district: str | None
    child: ChildAtEvent
    told: Told
    cuckooed: tuple[TieKey, ...]


class SignBook:
    """The signs of the live reports, by person; rules decide what they add up to."""

    def __init__(self) -> None:
        self.told: dict[str, Told] = {}
        self.changed: set[str] = set()
        self._seen: dict[str, dict[str, Seen]] = {}
        self._people: dict[str, tuple[str, ...]] = {}
        self._missing: dict[Cell, dict[str, int]] = {}

    def hear(self, event: SafeguardingReportShared, at: datetime) -> None:
        """Take in the facts of a revision that the fold has accepted; `at` is its log time.

        A correction that says the same sign again does not make it any later.
        """
        report_id = str(event.report_id)
        before = dict(self.told.get(report_id, ()))
        said = dict.fromkeys(fact.activity for fact in event.facts)
        told = tuple((one, before.get(one, at)) for one in said if one is not Activity.NONE)
        self._keep(report_id, told)

    def settle(self, reports: Iterable[str], fold: NetworkFold) -> set[str]:
        """Bring up to date what touched reports say of whom; return whom that concerns."""
        people: set[str] = set()
        for report_id in reports:
            evidence = fold.ledger.reports.get(report_id)
            if evidence is None:
                self._keep(report_id, ())
            people |= self._replace(report_id, evidence)
        return people

    def of(self, person: str) -> Iterable[Seen]:
        """Return what reports say of a person, in no order."""
        return self._seen.get(person, _NOTHING).values()

    def missing_at(self, cell: Cell) -> Iterable[str]:
        """Return whom a report of this district and week calls missing."""
        return self._missing.get(cell, ())

    def people(self) -> Iterator[str]:
        """Yield everybody of whom a report says something."""
        yield from self._seen

    def load(self, told: Mapping[str, Told], fold: NetworkFold) -> None:
        """Take the signs of a store; the fold must be filled. Nothing counts as changed."""
        self.told.update(told)
        for report_id, evidence in fold.ledger.reports.items():
            self._replace(report_id, evidence)
        self.changed.clear()

    def take_changed(self) -> AbstractSet[str]:
        """Return the reports whose signs changed since the last call."""
        changed, self.changed = self.changed, set()
        return changed

    def _keep(self, report_id: str, told: Told) -> None:
        if told == self.told.get(report_id, ()):
            return
        self.changed.add(report_id)
        if told:
            self.told[report_id] = told
        else:
            del self.told[report_id]

    def _replace(self, report_id: str, evidence: Evidence | None) -> set[str]:
        before = self._people.pop(report_id, ())
        for person in before:
            self._count(person, self._seen[person].pop(report_id), -1)
            if not self._seen[person]:
                del self._seen[person]
        told = self.told.get(report_id, ())
        if evidence is None or is_suspected_false(evidence.shape.grading):
            return set(before)
        cuckooed = _cuckooed(evidence)
        if told or cuckooed:
            self._people[report_id] = tuple(self._put(evidence, told, cuckooed))
        return {*before, *self._people.get(report_id, ())}

    def _put(self, evidence: Evidence, told: Told, cuckooed: tuple[TieKey, ...]) -> Iterator[str]:
        for person, child in _concerned(evidence).items():
            seen = Seen(
                evidence.report_id,
                evidence.origin_id,
                evidence.week,
                week_number(evidence.week),
                evidence.district,
                child,
                told,
                cuckooed,
            )
            self._seen.setdefault(person, {})[evidence.report_id] = seen
            self._count(person, seen, 1)
            yield person

    def _count(self, person: str, seen: Seen, by: int) -> None:
        if seen.district is None or all(one is not Activity.MISSING for one, _ in seen.told):
            return
        cell = (seen.district, seen.week_number)
        people = self._missing.setdefault(cell, {})
        people[person] = people.get(person, 0) + by
        if not people[person]:
            del people[person]
        if not people:
            del self._missing[cell]


_NOTHING: Final[Mapping[str, Seen]] = {}


def _concerned(evidence: Evidence) -> dict[str, ChildAtEvent]:
    """Return the people that the facts are about, and whether each was a child then.

    Who is named twice was a child if one of the mentions says so.
    """
    found: dict[str, ChildAtEvent] = {}
    for node, entity in zip(evidence.shape.nodes, evidence.entities, strict=True):
        if (
            node.kind is NodeKind.PERSON
            and node.role in CONCERNED
            and found.get(entity) is not ChildAtEvent.YES
        ):
            found[entity] = node.child
    return found


def _cuckooed(evidence: Evidence) -> tuple[TieKey, ...]:
    stated = evidence.shape.relations
    if all(relation.kind is not RelationKind.CUCKOOED_AT for relation in stated):
        return ()
    return tuple(key for key in claims_of(evidence) if key[2] is RelationKind.CUCKOOED_AT)
