"""Rows as a function of what the hub decided, and that again from its rows."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import asdict, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from consumers.projection import Rewrite
from consumers.safeguarding.hub_tables import (
    HISTORY,
    LIVES,
    NOTIFICATIONS,
    OFFERS,
    PROVISIONS,
    REFERRALS,
)
from consumers.safeguarding.lifecycle import AlertState, Entry, Life, Referral
from consumers.safeguarding.provision import Offer, Provision
from consumers.safeguarding.slavery import Notification
from streams.codes import (
    CloseReason,
    NeedReason,
    ProvisionKind,
    ReferralRefusal,
    ReferralRoute,
    SlaveryForm,
)
from streams.values import PartnerType

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from consumers.projection import Read, Row
    from consumers.safeguarding.provision import Provisions

_OF_THE_ROW = frozenset({"alert_id", "decided_by", "decided_at"})


def rewrites_of_life(life: Life) -> Iterator[Rewrite]:
    """Yield the rows of an alert's life and of its referrals."""
    key = {"alert_id": str(life.alert_id)}
    yield Rewrite(LIVES, key, (_life_row(life),))
    for number, referral in enumerate(life.referrals, 1):
        row = {**_plain(asdict(referral)), "number": number}
        yield Rewrite(REFERRALS, {"referral_id": row["referral_id"]}, (row,))


def rewrite_of_entry(entry: Entry) -> Rewrite:
    """Return the row of one line of the history."""
    key = {"alert_id": str(entry.alert_id), "number": entry.number}
    row = {
        **key,
        "what": type(entry.event).__name__,
        "decided_by": getattr(entry.event, "decided_by", None),
        "at": entry.at.isoformat(),
        "counted": entry.counted,
        "facts": json.dumps(_facts(entry), separators=(",", ":"), sort_keys=True),
    }
    return Rewrite(HISTORY, key, (row,))


def rewrites_of_provisions(provisions: Provisions) -> Iterator[Rewrite]:
    """Yield the rows of what changed, and take note that they are written."""
    for one in sorted(provisions.changed):
        if one in provisions.listed:
            row = _plain(asdict(provisions.listed[one]))
            yield Rewrite(PROVISIONS, {"provision_id": str(one)}, (row,))
        if one in provisions.offers:
            row = _plain(asdict(provisions.offers[one]))
            yield Rewrite(OFFERS, {"offer_id": str(one)}, (row,))
    provisions.changed.clear()


def rewrite_of_notification(one: Notification) -> Rewrite:
    """Return the row of a prompt."""
    row = _plain(asdict(one))
    return Rewrite(NOTIFICATIONS, {"notification_id": row["notification_id"]}, (row,))


def lives_from(read: Read) -> Iterator[Life]:
    """Yield the lives of a store, each with its referrals."""
    referrals: defaultdict[str, list[Row]] = defaultdict(list)
    for row in read(REFERRALS):
        referrals[row["alert_id"]].append(row)
    for row in read(LIVES):
        made = sorted(referrals[row["alert_id"]], key=lambda one: int(one["number"]))
        yield _life(row, tuple(map(_referral, made)))


def provisions_from(read: Read, provisions: Provisions) -> None:
    """Take what is listed and offered from the rows."""
    for row in read(PROVISIONS):
        listed = Provision(
            UUID(row["provision_id"]),
            ProvisionKind(row["kind"]),
            PartnerType(row["sector"]),
            row["area"],
            row["places"],
            row["used"],
        )
        provisions.listed[listed.provision_id] = listed
    for row in read(OFFERS):
        offer = Offer(
            UUID(row["offer_id"]),
            UUID(row["provision_id"]),
            UUID(row["alert_id"]),
            row["offered_by"],
            datetime.fromisoformat(row["offered_at"]),
            row["taken_up"],
            _instant(row["answered_at"]),
        )
        provisions.offers[offer.offer_id] = offer


def notifications_from(read: Read) -> Iterator[Notification]:
    """Yield the prompts of a store."""
    for row in read(NOTIFICATIONS):
        yield Notification(
            UUID(row["notification_id"]),
            UUID(row["alert_id"]),
            SlaveryForm(row["form"]),
            row["consent"],
            row["first_responder"],
            row["decided_by"],
            datetime.fromisoformat(row["notified_at"]),
        )


def _life_row(life: Life) -> Row:
    facts = {one.name: getattr(life, one.name) for one in fields(life) if one.name != "referrals"}
    return {**_plain(facts), "reasons": json.dumps([reason.value for reason in life.reasons])}


def _life(row: Row, referrals: tuple[Referral, ...]) -> Life:
    return Life(
        alert_id=UUID(row["alert_id"]),
        state=AlertState(row["state"]),
        owner=row["owner"],
        owned_since=_instant(row["owned_since"]),
        level=row["level"],
        continuum=row["continuum"],
        reasons=tuple(map(NeedReason, json.loads(row["reasons"]))),
        referrals=referrals,
        looked_at=_instant(row["looked_at"]),
        close_reason=None if row["close_reason"] is None else CloseReason(row["close_reason"]),
        closed_by=row["closed_by"],
        closed_at=_instant(row["closed_at"]),
        seen=row["seen"],
        escalated_at=_instant(row["escalated_at"]),
        decisions=row["decisions"],
    )


def _referral(row: Row) -> Referral:
    return Referral(
        UUID(row["referral_id"]),
        UUID(row["alert_id"]),
        ReferralRoute(row["route"]),
        row["made_by"],
        datetime.fromisoformat(row["made_at"]),
        row["accepted"],
        row["answered_by"],
        _instant(row["answered_at"]),
        None if row["reason"] is None else ReferralRefusal(row["reason"]),
    )


def _facts(entry: Entry) -> Mapping[str, Any]:
    said = asdict(entry.event)
    return _plain({name: value for name, value in said.items() if name not in _OF_THE_ROW})


def _plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _one(value) for name, value in facts.items()}


def _one(value: Any) -> Any:  # noqa: ANN401 - the value of any field
    if isinstance(value, tuple):
        return [_one(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else getattr(value, "value", value)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
