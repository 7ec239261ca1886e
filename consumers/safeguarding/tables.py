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
    Column("rule_id", String, nullable=False),
    Column("rule_version", Integer, nullable=False),
    Column("about", String, nullable=False),
    Column("child_id", String, nullable=False),
    Column("raised_for", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("supported", Boolean, nullable=False),
    Column("path", String, nullable=False),
    Column("signs", String, nullable=False),
    Column("raised_at", String, nullable=False),
    Column("updated_at", String, nullable=False),
    sqlite_with_rowid=False,
)
"""Each alert as it stands; `path` and `signs` are JSON, instants are ISO 8601 in UTC.

`rule` is the kind of the rule `rule_id`; `child_id` whom it is about, by the id of today, an
adult where `about` says so; `raised_for` the id it was raised for.
"""

VERSIONS: Final = Table(
    "alert_versions",
    METADATA,
    Column("alert_id", String, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("supported", Boolean, nullable=False),
    Column("path", String, nullable=False),
    Column("signs", String, nullable=False),
    Column("at", String, nullable=False),
    sqlite_with_rowid=False,
)
"""Every version an alert had: what was told, and when."""

Index("alerts_by_child", ALERTS_TABLE.c.child_id)

POSSIBLE_LINKS: Final = Table(
    "possible_links",
    METADATA,
    Column("left_id", String, primary_key=True),
    Column("right_id", String, primary_key=True),
    Column("left_now", String, nullable=False),
    Column("right_now", String, nullable=False),
    sqlite_with_rowid=False,
)
"""Two ids that may be one person, undecided; as they were told, and who they are by now."""

POSSIBLE_ALERTS: Final = Table(
    "possible_alerts",
    METADATA,
    Column("left_id", String, primary_key=True),
    Column("right_id", String, primary_key=True),
    Column("rule", String, primary_key=True),
    Column("child_id", String, primary_key=True),
    Column("path", String, nullable=False),
    sqlite_with_rowid=False,
)
"""What would be an alert if a possible link were decided as one person; never an alert itself."""

Index("possible_links_by_left", POSSIBLE_LINKS.c.left_now)
Index("possible_links_by_right", POSSIBLE_LINKS.c.right_now)
Index("possible_alerts_by_child", POSSIBLE_ALERTS.c.child_id)
