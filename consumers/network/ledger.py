"""The reports as they stand: latest revisions, withdrawals, and who each mention is now."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from consumers.network.evidence import Evidence


class Ledger:
    """Reports by id; `redirects` of absorbed ids; splits that wait for their report.

    A merge stands as a redirect until a split gives the absorbed id back. So a
    report that still says the absorbed id, because it was held longer than the
    merge took, is read as one of the kept id.
    """

    def __init__(self) -> None:
        self.reports: dict[str, Evidence] = {}
        self.withdrawn: set[str] = set()
        self.redirects: dict[str, str] = {}
        self.waiting: dict[tuple[str, int], str] = {}
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
        """Put the ids as they stand in place of those the report was written with."""
        waiting = self.take_waiting(evidence.report_id)
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
