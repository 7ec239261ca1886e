"""The rows of what the hub decides: lives of alerts, referrals, provision, prompts, protections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Boolean, Column, Index, Integer, MetaData, String, Table

from consumers.deadlines import DEADLINES_PASSED

if TYPE_CHECKING:
    from sqlalchemy.types import TypeEngine

METADATA: Final = MetaData()


def _key(name: str, kind: type[TypeEngine[Any]] = String) -> Column[Any]:
    return Column(name, kind, primary_key=True)


def _is(name: str, kind: type[TypeEngine[Any]] = String) -> Column[Any]:
    return Column(name, kind, nullable=False)


def _may(name: str, kind: type[TypeEngine[Any]] = String) -> Column[Any]:
    return Column(name, kind, nullable=True)


def _table(name: str, *columns: Column[Any]) -> Table:
    return Table(name, METADATA, *columns, sqlite_with_rowid=False)


LIVES: Final = _table(
    "alert_lives",
    _key("alert_id"),
    _is("state"),
    _may("owner"),
    _may("owned_since"),
    _may("level", Integer),
    _may("continuum", Integer),
    _is("reasons"),  # JSON
    _may("looked_at"),
    _may("close_reason"),
    _may("closed_by"),
    _may("closed_at"),
    _is("seen", Integer),
    _may("escalated_at"),
    _is("decisions", Integer),
)
"""Each alert that anybody decided on, also one that is not raised yet; instants are log times."""

HISTORY: Final = _table(
    "alert_history",
    _key("alert_id"),
    _key("number", Integer),
    _is("what"),
    _may("decided_by"),  # none for a deadline that passed
    _is("at"),
    _is("counted", Boolean),
    _is("facts"),  # JSON
)
"""Every decision on an alert in order, and what passed; `counted` is false where none followed."""

REFERRALS: Final = _table(
    "referrals",
    _key("referral_id"),
    _is("alert_id"),
    _is("number", Integer),
    _is("route"),
    _is("made_by"),
    _is("made_at"),
    _may("accepted", Boolean),
    _may("answered_by"),
    _may("answered_at"),
    _may("reason"),
)
"""Referrals and their answers. When the decision is due is in no row: see `clocks`."""

PROVISIONS: Final = _table(
    "provisions",
    _key("provision_id"),
    _is("kind"),
    _is("sector"),
    _is("area"),
    _is("places", Integer),
    _is("used", Integer),
)
OFFERS: Final = _table(
    "offers",
    _key("offer_id"),
    _is("provision_id"),
    _is("alert_id"),
    _is("offered_by"),
    _is("offered_at"),
    _may("taken_up", Boolean),
    _may("answered_at"),
)
NOTIFICATIONS: Final = _table(
    "slavery_notifications",
    _key("notification_id"),
    _is("alert_id"),
    _is("form"),
    _may("consent", Boolean),
    _is("first_responder"),
    _is("decided_by"),
    _is("notified_at"),
)
PROTECTIONS: Final = _table(
    "protections", _key("declaration_id"), _is("entity_id"), _is("until"), _is("ended", Boolean)
)
"""Places and things of which police are told that a child is protected there, until a day."""

Index("referrals_by_alert", REFERRALS.c.alert_id)
Index("offers_by_alert", OFFERS.c.alert_id)

HUB_TABLES: Final = (
    LIVES,
    HISTORY,
    REFERRALS,
    PROVISIONS,
    OFFERS,
    NOTIFICATIONS,
    PROTECTIONS,
    DEADLINES_PASSED,
)
