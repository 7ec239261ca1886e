"""What the meters measured goes to whom it is for: an agency's own, and a source's history.

The history of a report's source goes to police in bands, for a report that they have. Nothing is
remembered: what was measured once is told once, in the transaction that commits past it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from anonymiser.gate.effects import Effect
from anonymiser.gate.relays import Relay
from streams.restricted import MeterMeasured, SourceHistoryMeasured
from streams.shared import MeterTold, SourceHistoryTold
from streams.topics import POLICE, feedback_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anonymiser.gate.inputs import Input
    from anonymiser.gate.state import Seen
    from streams.ports import Record


class MeterRelay(Relay):
    """Tells partners their meters, and police how reports of an unseen source fared."""

    def __init__(self, police: Seen) -> None:
        self._police = police

    def take(self, event: Input, record: Record) -> Iterator[Effect]:
        """Tell what was measured; the time is that of its place on the log."""
        if isinstance(event, MeterMeasured):
            told = MeterTold(
                week=event.week,
                days=event.days,
                own=event.own,
                others=event.others,
                told_at=record.appended_at,
            )
            yield Effect(feedback_of(event.partner), told)
        elif isinstance(event, SourceHistoryMeasured):
            yield from self._history(event)

    def _history(self, event: SourceHistoryMeasured) -> Iterator[Effect]:
        report_id = self._police.ids.report(event.partner, event.report_id)
        if self._police.revision_shown(report_id):
            told = SourceHistoryTold(
                report_id=report_id,
                reports=event.reports,
                corroborated=event.corroborated,
                reliable=event.reliable,
            )
            yield Effect(POLICE, told)
