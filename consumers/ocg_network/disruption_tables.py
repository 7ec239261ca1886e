"""The rows of disruptions, of what they brought, and of what the hub has said about places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Boolean, Column, Integer, MetaData, String, Table

if TYPE_CHECKING:
    from sqlalchemy.types import TypeEngine

_METADATA: Final = MetaData()


def _table(name: str, key: str, *rest: Column[Any]) -> Table:
    first = Column(key, String, primary_key=True)
    return Table(name, _METADATA, first, *rest, sqlite_with_rowid=False)


def _columns(*names: str, kind: type[TypeEngine[Any]] = String) -> tuple[Column[Any], ...]:
    """What is not known (yet) is null: an event may come before the one it refers to."""
    return tuple(Column(name, kind) for name in names)


DISRUPTIONS_TABLE: Final = _table(
    "disruptions",
    "disruption_id",
    *_columns("ocg_id", "target_id", "lever", "agency", "four_p"),
    *_columns("report_ids", "request_id", "planned_for", "planned_by", "planned_on"),
    *_columns("executed_on", "executed_by", "failure", "failed_on", "failed_by"),
    *_columns("impact", "impact_reasons", "assessed_by", "assessed_on"),
)
OUTCOMES_TABLE: Final = _table(
    "outcomes",
    "outcome_id",
    *_columns("kind", "ocg_id", "person_id", "entity_id", "item"),
    *_columns("quantity", "months", kind=Integer),
    *_columns("offence", "string_id", "until", "cause", "cause_id", "occurred_on", "decided_by"),
)
INTERVENTIONS_TABLE: Final = _table(
    "interventions",
    "intervention_id",
    *_columns("ocg_id", "person_id", "kind", "agency", "outcome", "cause", "cause_id"),
    *_columns("occurred_on", "decided_by"),
)
CONCERNS_TABLE: Final = _table(
    "concerns",
    "concern_id",
    *_columns("kind", "area", "theme", "week", "ocg_id", "cause", "cause_id", "decided_by"),
    *_columns("count", kind=Integer),
)
# Question and answer stand on two topics, so on two tables: each is a function of one topic alone.
HUB_REQUESTS_TABLE: Final = _table(
    "hub_requests", "request_id", *_columns("entity_id", "lever", "asked_by", "asked_at")
)
HUB_ANSWERS_TABLE: Final = _table("hub_answers", "request_id", *_columns("view"))
PROTECTIONS_TABLE: Final = _table(
    "protections",
    "declaration_id",
    *_columns("entity_id", "until"),
    *_columns("ended", kind=Boolean),
)

DISRUPTION_TABLES: Final = (
    DISRUPTIONS_TABLE,
    OUTCOMES_TABLE,
    INTERVENTIONS_TABLE,
    CONCERNS_TABLE,
    HUB_REQUESTS_TABLE,
    HUB_ANSWERS_TABLE,
    PROTECTIONS_TABLE,
)
