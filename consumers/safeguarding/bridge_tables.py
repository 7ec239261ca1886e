"""The rows of notices, messages of holders and questions of police; instants are ISO 8601."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Boolean, Column, Integer, MetaData, String, Table

METADATA: Final = MetaData()


def _table(name: str, key: str, *columns: Column[str] | Column[int] | Column[bool]) -> Table:
    identity: Column[str] = Column(key, String, primary_key=True)
    return Table(name, METADATA, identity, *columns, sqlite_with_rowid=False)


def _is(name: str) -> Column[str]:
    return Column(name, String, nullable=False)


NOTICES: Final = _table(
    "notices",
    "notice_id",
    _is("alert_id"),
    _is("person_id"),
    _is("recipients"),  # JSON
    _is("wording"),
    _is("released_by"),
    _is("released_at"),
)
"""Each notice that was released."""

NOTICES_WITHDRAWN: Final = _table(
    "notices_withdrawn", "notice_id", _is("withdrawn_by"), _is("withdrawn_at")
)
"""Notices that were released in error."""

NOTICES_TOLD: Final = _table(
    "notices_told",
    "notice_id",
    Column("holders", Integer, nullable=False),
    _is("stopped"),  # JSON
)
"""What the gate told last of each notice: how many holders have it, and what stopped it."""

MESSAGES: Final = _table(
    "messages",
    "message_id",
    _is("person_id"),
    _is("code"),
    Column("sector", String),
    _is("offered_at"),
)
"""What holders offered to say to the other holders."""

MESSAGES_DECIDED: Final = _table(
    "messages_decided",
    "message_id",
    Column("released", Boolean, nullable=False),
    _is("decided_by"),
    _is("decided_at"),
)
"""Which of it the hub let go."""

VIEWS_WANTED: Final = _table("views_wanted", "request_id", _is("entity_id"), _is("lever"))
"""Places about which police asked the hub's view on a lever."""

VIEWS: Final = _table("views_given", "request_id", _is("view"), _is("given_by"), _is("given_at"))
"""The hub's view as it was given last."""

TOLD_TABLES: Final = (NOTICES_TOLD, VIEWS_WANTED)
OFFERED_TABLES: Final = (MESSAGES,)
DECIDED_TABLES: Final = (NOTICES, NOTICES_WITHDRAWN, MESSAGES_DECIDED, VIEWS)
