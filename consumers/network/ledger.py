"""The reports as they stand: latest revisions, withdrawals, grades, who each mention is now."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from consumers.network.evidence import graded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from consumers.network.evidence import Evidence
    from streams.parts import Grading


class Ledger:
    """Reports by id; `redirects` of absorbed ids; what waits for its report; ages that were told.

    `grades` holds by report and revision what police graded, of the revision that stands and of
    those still to come; the report's evidence already carries it. One revision's grade says
    nothing of the next, which may tell something else: that has its own until it is graded.
    A merge stands as a redirect until a split gives the absorbed id back. So a
    report that still says the absorbed id, because it was held longer than the
    merge took, is read as one of the kept id.
    """

    def __init__(self) -> None:
        self.reports: dict[str, Evidence] = {}
        self.withdrawn: set[str] = set()
        self.redirects: dict[str, str] = {}
        self.waiting: dict[tuple[str, int], str] = {}
        self.grades: dict[str, dict[int, Grading]] = {}
        self.ages: dict[str, tuple[str, ...]] = {}
        self._absorbed: dict[str, set[str]] = {}
        self._waiting_nodes: dict[str, set[int]] = {}

    def accepts(self, report_id: str, revision: int) -> bool:
        """Tell whether this revision is news: higher than the last, and not withdrawn."""
        if report_id in self.withdrawn:
            return False
        known = self.reports.get(report_id)
        return known is None or revision > known.revision

    def root(self, entity: str) -> str:
        """Return the id that an entity goes by now."""
        while entity in self.redirects:
            entity = self.redirects[entity]
        return entity

    def aliases(self, entity: str) -> Iterator[str]:
        """Yield the id and every id that was merged into it."""
        yield entity
        for absorbed in self._absorbed.get(entity, ()):
            yield from self.aliases(absorbed)

    def resolve(self, evidence: Evidence) -> Evidence:
        """Put the ids as they stand in place of those the report was written with.

        And the grade that police gave this revision in place of its own.
        """
        waiting = self.take_waiting(evidence.report_id)
        grading = self.grades.get(evidence.report_id, {}).get(evidence.revision)
        if grading is not None:
            evidence = graded(evidence, grading)
        entities = tuple(
            self.root(waiting.get(node.number, entity))
            for node, entity in zip(evidence.shape.nodes, evidence.entities, strict=True)
        )
        return evidence if entities == evidence.entities else replace(evidence, entities=entities)

    def waiting_keys(self, report_id: str) -> set[tuple[str, int]]:
        """Return the keys in `waiting` that belong to a report."""
        return {(report_id, number) for number in self._waiting_nodes.get(report_id, ())}

    def take_waiting(self, report_id: str) -> Mapping[int, str]:
        """Remove and return the splits that waited for this report, by node number."""
        numbers = self._waiting_nodes.pop(report_id, ())
        return {number: self.waiting.pop((report_id, number)) for number in numbers}

    def wait(self, report_id: str, number: int, entity: str) -> None:
        """Keep a split for a report that has not come yet."""
        self.waiting[report_id, number] = entity
        self._waiting_nodes.setdefault(report_id, set()).add(number)

    def redirect(self, absorbed: str, kept: str) -> None:
        """Let `absorbed` be read as `kept` from here on; both are roots, and different."""
        self.redirects[absorbed] = kept
        self._absorbed.setdefault(kept, set()).add(absorbed)

    def release(self, entity: str) -> None:
        """Let an absorbed id stand for itself again; harmless for one that does."""
        kept = self.redirects.pop(entity, None)
        if kept is None:
            return
        self._absorbed[kept].discard(entity)
        if not self._absorbed[kept]:
            del self._absorbed[kept]

    def grade(self, report_id: str, revision: int, grading: Grading) -> bool:
        """Note a grade; return whether it changes anything.

        It does not for a withdrawn report and for a revision that another has replaced.
        """
        known = self.reports.get(report_id)
        if report_id in self.withdrawn or (known is not None and revision < known.revision):
            return False
        grades = self.grades.setdefault(report_id, {})
        if grades.get(revision) == grading:
            return False
        grades[revision] = grading
        return True

    def drop_grades(self, report_id: str, before: int | None = None) -> set[tuple[str, int]]:
        """Forget the grades of revisions below `before`, of all for None; return their keys."""
        grades = self.grades.get(report_id, {})
        gone = {number for number in grades if before is None or number < before}
        for number in gone:
            del grades[number]
        if gone and not grades:
            del self.grades[report_id]
        return {(report_id, number) for number in gone}

    def tell_age(self, person: str, age: str) -> bool:
        """Note an age that was told of a person; return whether it was news.

        Of two things told of one week the younger stands.
        """
        known = {one[:-1]: one for one in self.ages.get(person, ())}
        if age <= known.get(age[:-1], ""):
            return False
        known[age[:-1]] = age
        self.ages[person] = tuple(sorted(known.values()))
        return True

    def take_back_ages(self, person: str) -> bool:
        """Forget every age that was told of a person; return whether there was one."""
        return self.ages.pop(person, None) is not None

    def told_age(self, entity: str) -> str:
        """Return the age that counts of those told of a person, "" if none was."""
        if not self.ages:
            return ""
        told = (self.ages[name][-1] for name in self.aliases(entity) if name in self.ages)
        return max(told, default="")
