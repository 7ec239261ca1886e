"""The rows of what police decided: OCGs, members and roles, history, scores, grades."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Column, Index, Integer, MetaData, String, Table

if TYPE_CHECKING:
    from sqlalchemy.types import TypeEngine

_METADATA: Final = MetaData()


def _key(name: str, kind: type[TypeEngine[Any]] = String) -> Column[Any]:
    return Column(name, kind, primary_key=True)


def _texts(*names: str, optional: bool = False) -> tuple[Column[Any], ...]:
    return tuple(Column(name, String, nullable=optional) for name in names)


def _numbers(*names: str, optional: bool = False) -> tuple[Column[Any], ...]:
    return tuple(Column(name, Integer, nullable=optional) for name in names)


def _table(name: str, *parts: Column[Any]) -> Table:
    return Table(name, _METADATA, *parts, sqlite_with_rowid=False)


# Instants are ISO 8601 in UTC; lists are JSON; `number` is the offset of the decision.

OCGS: Final = _table(
    "ocgs",
    _key("ocg_id"),
    *_texts("reference", "status"),
    *_texts("absorbed_into", "network_id", optional=True),
    *_texts("areas", "mapped_at", "changed_at", "changed_by"),
)
OCG_MEMBERS: Final = _table(
    "ocg_members",
    _key("ocg_id"),
    _key("person_id"),  # the id at the decision; it may be merged into another since
    *_texts("since"),
    *_numbers("seen"),  # a split at or after this offset of police.intelligence came later
    *_texts("role", optional=True),  # and what belongs to it; empty without a confirmed role
    *_numbers("role_seen", "role_at", optional=True),
    *_texts("expires_on", "confirmed_by", "confirmed_at", optional=True),
    *_texts("reasons", "report_ids", optional=True),
)
OCG_HISTORY: Final = _table(
    "ocg_history",
    _key("ocg_id"),
    _key("number", Integer),
    *_texts("decided", "decided_at"),
    *_texts("decided_by", optional=True),  # of an expiry nobody
    *_texts("person_id", "role", "other_ocg_id", "reason", optional=True),
    *_texts("reasons", "members", "report_ids"),
    *_numbers("seen", optional=True),
)
OCG_SCORES: Final = _table(
    "ocg_scores",
    _key("score_id"),
    *_texts("ocg_id"),
    *_numbers("number", "model"),
    *_texts("harm", "likelihood", "position"),  # JSON: factor to value
    *_numbers("confidence"),
    *_texts("reasons", "report_ids", "decided_by", "decided_at"),
)
DECISION_REPORTS: Final = _table(
    "decision_reports", _key("report_id"), _key("number", Integer), *_texts("ocg_id", "decided")
)
GRADINGS: Final = _table(
    "gradings",
    _key("report_id"),
    _key("revision", Integer),
    _key("number", Integer),
    *_texts("scheme"),
    *_texts("source", "assessment", optional=True),
    *_texts("basis", "decided_by", "decided_at"),
)
SOURCE_HISTORIES: Final = _table(
    "source_histories",
    _key("report_id"),
    *_texts("reports"),
    *_texts("corroborated", "reliable", optional=True),
)

Index("ocg_scores_by_ocg", OCG_SCORES.c.ocg_id)
Index("ocg_members_by_person", OCG_MEMBERS.c.person_id)

OCG_TABLES: Final = (
    OCGS,
    OCG_MEMBERS,
    OCG_HISTORY,
    OCG_SCORES,
    DECISION_REPORTS,
    GRADINGS,
    SOURCE_HISTORIES,
)
