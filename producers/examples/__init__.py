"""Example reports about visibly invented people, to start from."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from streams.json_form import parse

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

EXAMPLES: Final = ("welfare", "crime", "risk")


def example(name: str, report_id: UUID, reported_at: datetime) -> dict[str, Any]:
    """Return an example in JSON form, as if it had happened earlier in the hour of the report."""
    data: dict[str, Any] = parse(files(__name__).joinpath(f"{name}.json").read_bytes())
    reported_at = reported_at.replace(microsecond=0)
    event_at = reported_at.replace(minute=0, second=0)
    instants = {"event_at": _text(event_at), "reported_at": _text(reported_at)}
    return {**data, "report_id": str(report_id), **instants}


def _text(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
