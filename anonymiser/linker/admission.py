"""Is this revision of a report news? Decided before anything is linked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.parts import Reason
from streams.values import Outcome

if TYPE_CHECKING:
    from anonymiser.linker.state import Report
    from streams.restricted import ReportTokenised

Refusal = tuple[Outcome, tuple[Reason, ...]]


def refusal(report: Report | None, event: ReportTokenised) -> Refusal | None:
    """Return the receipt for a revision that is not to be taken in, None for one that is.

    `supersedes` must name the latest revision that came this far, or a later
    one: a revision that was refused on the way must not block the partner.
    """
    if report is None:
        return None
    if report.is_withdrawn:
        return _refused("report_withdrawn", "report_id")
    known = report.digest_of(event.revision)
    if known is not None:
        is_same = known == event.content_digest
        return (Outcome.DUPLICATE, ()) if is_same else _refused("revision_used", "revision")
    if event.revision < report.latest:
        return _refused("revision_superseded", "revision")
    if event.supersedes is None or not report.latest <= event.supersedes < event.revision:
        return _refused("supersedes_mismatch", "supersedes")
    return None


def is_standing(report: Report, event: ReportTokenised) -> bool:
    """Tell whether this very content is the revision of the report that stands now."""
    return (
        not report.is_withdrawn
        and report.latest == event.revision
        and report.digest_of(event.revision) == event.content_digest
    )


def _refused(code: str, field: str) -> Refusal:
    return Outcome.REFUSED, (Reason(code=code, field=field),)
