"""The rows of what the rules are judged on: signs of reports, adopted rules, what is pending."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Index, Integer, MetaData, String, Table

_METADATA: Final = MetaData()

SIGNS_TABLE: Final = Table(
    "signs",
    _METADATA,
    Column("report_id", String, primary_key=True),
    Column("told", String, nullable=False),
    sqlite_with_rowid=False,
)
"""The coded signs of each live report, as JSON: sign, and the log time that first said so."""

RULES_TABLE: Final = Table(
    "rules",
    _METADATA,
    Column("version", Integer, primary_key=True),
    Column("document", String, nullable=False),
    Column("reviewed_by", String, nullable=False),
    Column("decided_by", String, nullable=False),
    Column("adopted_at", String, nullable=False),
    sqlite_with_rowid=False,
)
"""The versions of the rules that were adopted; the highest holds. None: those of the package."""

PENDING_TABLE: Final = Table(
    "pending_alerts",
    _METADATA,
    Column("rule_id", String, primary_key=True),
    Column("person_id", String, primary_key=True),
    Column("due_at", String, nullable=False),
    sqlite_with_rowid=False,
)
"""What will be raised at `due_at` unless it is answered. Overdue is whatever is due by now."""

Index("pending_alerts_by_due", PENDING_TABLE.c.due_at)

RULE_TABLES: Final = (SIGNS_TABLE, RULES_TABLE, PENDING_TABLE)
