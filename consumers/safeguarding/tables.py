"""The rows of the alerts, beside those of the network."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Boolean, Column, Index, Integer, MetaData, String, Table

METADATA: Final = MetaData()

ALERTS_TABLE: Final = Table(
    "alerts",
    METADATA,
    Column("alert_id", String, primary_key=True),
    Column("rule", String, nullable=False),
    Column("rule_version", Integer, nullable=False),
    Column("child_id", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("supported", Boolean, nullable=False),
    Column("path", String, nullable=False),
    Column("raised_at", String, nullable=False),
    Column("updated_at", String, nullable=False),
    sqlite_with_rowid=False,
)
"""Each alert as it stands; `path` is JSON, instants are ISO 8601 in UTC."""

VERSIONS: Final = Table(
    "alert_versions",
    METADATA,
    Column("alert_id", String, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("supported", Boolean, nullable=False),
    Column("path", String, nullable=False),
    Column("at", String, nullable=False),
    sqlite_with_rowid=False,
)
"""Every version an alert had: what was told, and when."""

Index("alerts_by_child", ALERTS_TABLE.c.child_id)
