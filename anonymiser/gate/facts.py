"""Compare what the partner wrote with what a stage made of it, by the gate's own reckoning.

Whatever decides about sharing, and whatever of the submission leaves in plain
form, must be the partner's word or this module's generalisation of it. It
shares no code with intake: the week, the district and the ages are worked out
anew, so that a stage that passes on a birth date, a postcode or an exact time
is noticed by what it should have said instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streams.restricted import Report, ReportLinked

#: What must be the same, word for word.
SAME = (
    "partner",
    "report_id",
    "revision",
    "immediate_risk",
    "service",
    "data_category",
    "gateway",
    "purpose",
    "handling",
)


def difference(report: Report, linked: ReportLinked) -> str | None:
    """Name the first fact in which the opened submission and what became of it differ.

    What decides about sharing must be what the partner wrote, not what a stage made of it.
    """
    for path in SAME:
        if getattr(report, path) != getattr(linked, path):
            return path
    flags = [(node.kind, node.protected, node.conflict) for node in report.nodes]
    linked_flags = [(node.kind, node.protected, node.conflict) for node in linked.nodes]
    return None if flags == linked_flags else "nodes"
