"""What every answer to an immediate risk says, a refusal too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from streams.restricted import Report

NOTICE_999: Final = "This is not a 999 call. If someone is in danger now, ring 999."


def notice_for(*, immediate_risk: bool) -> str | None:
    """Return the notice if the sender says that somebody is in danger."""
    return NOTICE_999 if immediate_risk else None


def notice_in(report: object) -> str | None:
    """Return the notice for a report or its JSON form, unless it plainly says there is no risk.

    What cannot be read might be one, so it gets the notice.
    """
    if isinstance(report, Report):
        claimed: object = report.immediate_risk
    else:
        claimed = report.get("immediate_risk", False) if isinstance(report, Mapping) else None
    return notice_for(immediate_risk=claimed is not False)
