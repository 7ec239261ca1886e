"""A grade by a named analyst goes to each audience that has the report, under its own report id.

There it has one place among the evidence (ADR on one order). An audience that has no such report,
or only an earlier revision, hears nothing: a grade would tell it that there is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from anonymiser.gate.effects import Effect
from anonymiser.gate.handling import TOPIC_OF
from anonymiser.gate.relays import Relay
from streams.ocg import ReportGraded
from streams.shared import GradeRelayed
from streams.values import Audience

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from anonymiser.gate.inputs import Input
    from anonymiser.gate.state import Seen
    from streams.ports import Record


class GradeRelay(Relay):
    """Carries grades; stateless but for a count of those of reports that nobody has."""

    def __init__(self, seen: Mapping[Audience, Seen]) -> None:
        self._seen = seen
        self._ignored = 0

    def take(self, event: Input, record: Record) -> Iterator[Effect]:  # noqa: ARG002 - see Relay
        """Tell of a grade wherever that revision of the report is, or a later one."""
        if not isinstance(event, ReportGraded):
            return
        told = list(self._told(event))
        self._ignored += not told
        yield from told

    def _told(self, event: ReportGraded) -> Iterator[Effect]:
        police = self._seen[Audience.POLICE].ids
        for audience, seen in self._seen.items():
            report_id = police.report_at(seen.ids, event.report_id)
            if seen.revision_shown(report_id) >= event.revision:
                told = GradeRelayed(
                    report_id=report_id, revision=event.revision, grading=event.grading
                )
                yield Effect(TOPIC_OF[audience], told)

    def counts(self) -> Mapping[str, int]:
        """Return how many grades were of reports, or revisions, that nobody has."""
        return {"grades_ignored": self._ignored}
