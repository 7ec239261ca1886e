"""In which districts and weeks a candidate network is seen: reports that name one of its people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from consumers.network.evidence import is_suspected_false
from consumers.safeguarding.signs import CONCERNED, week_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consumers.network.entities import Standing
    from consumers.network.fold import NetworkFold, Touched
    from consumers.safeguarding.signs import Cell


class Areas:
    """Counts, for each district and week, the reports that name somebody of a candidate network.

    A child does not count, whose own report would otherwise make an area of a network; nor does
    a witness or a carer, nor a report that is suspected false.
    """

    def __init__(self) -> None:
        self._counts: dict[Cell, int] = {}
        self._counted: dict[str, Cell] = {}

    def is_seen(self, cell: Cell) -> bool:
        """Tell whether a network is seen in this district and week."""
        return cell in self._counts

    def settle(self, fold: NetworkFold, touched: Touched) -> set[Cell]:
        """Count anew what an event touched; return the cells that changed their answer."""
        changed: set[Cell] = set()
        for report_id in {*touched.reports, *_of_moved(fold, touched)}:
            before, now = self._counted.get(report_id), _cell(fold, report_id)
            if before != now:
                changed ^= self._recount(report_id, before, now)
        return changed

    def load(self, fold: NetworkFold) -> None:
        """Count every live report."""
        for report_id in fold.ledger.reports:
            cell = _cell(fold, report_id)
            if cell is not None:
                self._recount(report_id, None, cell)

    def _recount(self, report_id: str, before: Cell | None, now: Cell | None) -> set[Cell]:
        changed: set[Cell] = set()
        if before is not None:
            del self._counted[report_id]
            self._counts[before] -= 1
            if not self._counts[before]:
                del self._counts[before]
                changed.add(before)
        if now is not None:
            self._counted[report_id] = now
            self._counts[now] = self._counts.get(now, 0) + 1
            if self._counts[now] == 1:
                changed.add(now)
        return changed


def _cell(fold: NetworkFold, report_id: str) -> Cell | None:
    """Return the district and week in which a report sees a network, if it does."""
    evidence = fold.ledger.reports.get(report_id)
    if (
        evidence is None
        or evidence.district is None
        or is_suspected_false(evidence.shape.grading)
        or not any(
            node.role in CONCERNED and _is_network(fold.standing(entity))
            for node, entity in zip(evidence.shape.nodes, evidence.entities, strict=True)
        )
    ):
        return None
    return evidence.district, week_number(evidence.week)


def _of_moved(fold: NetworkFold, touched: Touched) -> Iterator[str]:
    for entity, (before, now) in touched.standings.items():
        if _is_network(before) is not _is_network(now):
            yield from fold.reports_of(entity)


def _is_network(standing: Standing | None) -> bool:
    return standing is not None and standing.network is not None and not standing.is_child
