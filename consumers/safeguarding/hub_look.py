"""What the hub sees of what it decided: states, owners, clocks, queues, provision and the rate.

Clocks are computed when somebody looks: `at` is the time of the look, or the moment looked back
to. Lists are in the order of what is due, or of time; nobody is ranked.
"""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from uuid import UUID

from sqlalchemy import select

from consumers.network.look import find
from consumers.network.tables import ENTITIES, FACTS, MENTIONS, REPORTS
from consumers.safeguarding import hub_rows, look
from consumers.safeguarding.clocks import (
    CALENDAR,
    DECISION_RULE,
    HubClocks,
    decision_due,
    in_london,
    time_left,
)
from consumers.safeguarding.continuum import BELOW_THRESHOLD, name_of
from consumers.safeguarding.hub_tables import (
    HISTORY,
    NOTIFICATIONS,
    OFFERS,
    PROVISIONS,
    REFERRALS,
)
from consumers.safeguarding.lifecycle import AlertState, Life
from consumers.safeguarding.rounds import (
    AlertFacts,
    AlertVersion,
    is_new_since_closed,
    triage_due,
    waits_for_claim,
)
from consumers.safeguarding.rows import path_of
from consumers.safeguarding.rule_rows import rules_from, signs_of
from consumers.safeguarding.tables import ALERTS_TABLE, VERSIONS
from streams.codes import AlertSubject
from streams.instants import LONDON
from streams.values import AgeBand, ChildAtEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import Column, Connection, Select, Table

    from consumers.projection import Row

Facts: TypeAlias = dict[str, Any]

#: Below this many children a month's numbers are not shown: they could point at one.
CHILDREN_MIN: Final = 5
FEWER: Final = f"fewer than {CHILDREN_MIN}"


def find_referral(connection: Connection, prefix: str) -> str:
    """Return the one referral whose id begins with `prefix`.

    Raises: InvalidInputError.
    """
    return find(connection, REFERRALS.c.referral_id, prefix, "referral")


def find_provision(connection: Connection, prefix: str) -> str:
    """Return the one provision whose id begins with `prefix`.

    Raises: InvalidInputError.
    """
    return find(connection, PROVISIONS.c.provision_id, prefix, "provision")


def find_offer(connection: Connection, prefix: str) -> str:
    """Return the one offer whose id begins with `prefix`.

    Raises: InvalidInputError.
    """
    return find(connection, OFFERS.c.offer_id, prefix, "offer")


# --- alerts ---------------------------------------------------------------------------------


def alerts(connection: Connection, at: datetime) -> list[Facts]:
    """Return every alert with its life, its clocks and the ages, the latest news first."""
    lives, versions, targets = _lives(connection), _versions(connection), _targets(connection)
    found = look.alerts(connection)
    ages = _Ages(connection, found)
    return [
        {
            **one,
            **_standing(lives.get(one["alert_id"]), versions[one["alert_id"]], targets, at),
            **ages.of(one),
        }
        for one in found
    ]


def alert(connection: Connection, alert_id: str, at: datetime) -> Facts:
    """Return one alert: the reason in words, life, clocks, ages, referrals, offers and history."""
    told = look.alert(connection, alert_id)
    lives, versions = _lives(connection, alert_id), _versions(connection, alert_id)
    return {
        **told,
        **_standing(lives.get(alert_id), versions[alert_id], _targets(connection), at),
        **_Ages(connection, [told]).of(told),
        "offers": _offers(connection, alert_id),
        "notifications": _notifications(connection, alert_id),
        "history": _history(connection, alert_id),
        "clock_rule": rule_of_clocks(connection),
    }


def queue(connection: Connection, at: datetime) -> list[Facts]:
    """Return what waits for somebody to take it on, the soonest due first."""
    waiting = [one for one in alerts(connection, at) if one["waits_for_claim"]]
    return sorted(waiting, key=lambda one: str(one["triage"] and one["triage"]["due_at"]))


def escalated(connection: Connection, at: datetime) -> list[Facts]:
    """Return the hub lead's list: what nobody took on in time, told as such by the scheduler."""
    told = [one for one in alerts(connection, at) if one["escalated_at"] is not None]
    return sorted(told, key=lambda one: (one["escalated_at"], one["alert_id"]))


def rule_of_clocks(connection: Connection) -> str:
    """Say by which versions the clocks run."""
    targets = _targets(connection)
    triage, claim = (one.total_seconds() / 3600 for one in (targets.triage, targets.claim))
    return (
        f"Triage within {triage:g} hours, taken on within {claim:g} (local targets, rules version"
        f" {targets.version}); decision after one working day ({DECISION_RULE}; {CALENDAR})."
    )


def _targets(connection: Connection) -> HubClocks:
    return rules_from(_reading(connection, None)).clocks


def clocks(connection: Connection, at: datetime) -> list[Facts]:
    """Return every clock that runs, the soonest due first."""
    running = [
        {"alert_id": one["alert_id"], "state": one["state"], "owner": one["owner"], **clock}
        for one in alerts(connection, at)
        for clock in (one["triage"], one["decision"])
        if clock is not None
    ]
    return sorted(running, key=lambda one: (one["due_at"], one["alert_id"], one["clock"]))


def _standing(known: Life | None, facts: AlertFacts, targets: HubClocks, at: datetime) -> Facts:
    life = known or Life(facts.alert_id)
    return {
        "state": life.state.value,
        "owner": life.owner,
        "level": life.level,
        "level_name": name_of(life.level, life.continuum),
        "continuum": life.continuum,
        "reasons": [one.value for one in life.reasons],
        "referrals": [_referral(one) for one in life.referrals],
        "closed": _closed(life),
        "escalated_at": None if life.escalated_at is None else life.escalated_at.isoformat(),
        "new_since_closed": is_new_since_closed(life, facts),
        "waits_for_claim": waits_for_claim(life, facts),
        **_clocks(life, facts, targets, at),
    }


def _clocks(life: Life, facts: AlertFacts, targets: HubClocks, at: datetime) -> Facts:
    triage = _clock("triage", triage_due(life, facts, targets), at)
    waiting = life.open_referral
    due = None if waiting is None else decision_due(waiting.made_at)
    decision = _clock("decision", due, at)
    overdue = any(one is not None and one["overdue"] for one in (triage, decision))
    return {"triage": triage, "decision": decision, "overdue": overdue}


def _clock(name: str, due_at: datetime | None, at: datetime) -> Facts | None:
    if due_at is None:
        return None
    return {
        "clock": name,
        "due_at": due_at.isoformat(),
        "london": in_london(due_at),
        "left": time_left(due_at, at),
        "overdue": due_at <= at,
    }


def _referral(one: Any) -> Facts:  # noqa: ANN401 - a Referral, its fields one by one
    state = {None: "OPEN", True: "ACCEPTED", False: "DECLINED"}[one.accepted]
    return {
        "referral_id": str(one.referral_id),
        "route": one.route.value,
        "state": state,
        "made_by": one.made_by,
        "made_at": one.made_at.isoformat(),
        "answered_by": one.answered_by,
        "answered_at": None if one.answered_at is None else one.answered_at.isoformat(),
        "reason": None if one.reason is None else one.reason.value,
    }


def _closed(life: Life) -> Facts | None:
    """Return how it was closed, also of an alert that is looked at again by now."""
    if life.closed_at is None or life.close_reason is None:
        return None
    return {
        "reason": life.close_reason.value,
        "by": life.closed_by,
        "at": life.closed_at.isoformat(),
        "seen_version": life.seen,
    }


class _Ages:
    """The age bands of whom alerts are about, read in two queries however many alerts there are."""

    def __init__(self, connection: Connection, found: Sequence[Mapping[str, Any]]) -> None:
        people = sorted({one["child_id"] for one in found})
        self._now = {
            row["entity_id"]: _band(row["age_band"], is_child=row["is_child"])
            for row in _in_parts(connection, _AGE_NOW, ENTITIES.c.entity_id, people)
        }
        self._then: defaultdict[str, list[Row]] = defaultdict(list)
        for row in _in_parts(connection, _AGE_THEN, MENTIONS.c.entity_id, people):
            self._then[row["entity_id"]].append(row)

    def of(self, one: Mapping[str, Any]) -> Facts:
        """Return the band at the earliest event of the reason, and the one that is told now."""
        reports = {report for step in one["path"] for report in step["report_ids"]}
        reports |= {sign["report_id"] for sign in one["signs"]}
        told = [row for row in self._then[one["child_id"]] if row["report_id"] in reports]
        first = min(told, key=lambda row: (row["event_week"], row["report_id"]), default=None)
        then = None if first is None else _band_then(first)
        return {"age_at_event": then, "age_now": self._now.get(one["child_id"])}


_AGE_NOW: Final = select(ENTITIES.c.entity_id, ENTITIES.c.age_band, ENTITIES.c.is_child)
_AGE_THEN: Final = select(
    MENTIONS.c.entity_id,
    MENTIONS.c.report_id,
    MENTIONS.c.age_band,
    MENTIONS.c.child_at_event,
    REPORTS.c.event_week,
).join(REPORTS, REPORTS.c.report_id == MENTIONS.c.report_id)
_KEYS_AT_ONCE: Final = 500  # SQLite takes no more than so many values in one statement


def _in_parts(
    connection: Connection, query: Select[Any], column: Column[Any], keys: Sequence[str]
) -> Iterator[Row]:
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        part = query.where(column.in_(keys[start : start + _KEYS_AT_ONCE]))
        yield from (dict(row) for row in connection.execute(part).mappings())


def _band_then(row: Row) -> str:
    child = ChildAtEvent(row["child_at_event"])
    if child is ChildAtEvent.UNKNOWN:
        return str(AgeBand(row["age_band"]))
    return _band(row["age_band"], is_child=True) if child is ChildAtEvent.YES else AgeBand.ADULT


def _band(band: str, *, is_child: bool) -> str:
    """Return the band; CHILD where nothing finer was told."""
    return "CHILD" if band == AgeBand.UNKNOWN and is_child else band


def _offers(connection: Connection, alert_id: str) -> list[Facts]:
    kinds = select(OFFERS, PROVISIONS.c.kind, PROVISIONS.c.area).join(
        PROVISIONS, PROVISIONS.c.provision_id == OFFERS.c.provision_id
    )
    chosen = kinds.where(OFFERS.c.alert_id == alert_id).order_by(OFFERS.c.offered_at)
    return [dict(row) for row in connection.execute(chosen).mappings()]


def _notifications(connection: Connection, alert_id: str) -> list[Facts]:
    chosen = select(NOTIFICATIONS).where(NOTIFICATIONS.c.alert_id == alert_id)
    rows = connection.execute(chosen.order_by(NOTIFICATIONS.c.notified_at)).mappings()
    return [dict(row) for row in rows]


def _history(connection: Connection, alert_id: str) -> list[Facts]:
    chosen = select(HISTORY).where(HISTORY.c.alert_id == alert_id).order_by(HISTORY.c.number)
    rows = connection.execute(chosen).mappings()
    return [{**row, "facts": json.loads(row["facts"])} for row in rows]


# --- below the threshold ------------------------------------------------------------------


def provisions(connection: Connection) -> list[Facts]:
    """Return what is listed, with the places that are free; ended ones last."""
    order = (PROVISIONS.c.places == 0, PROVISIONS.c.area, PROVISIONS.c.kind)
    chosen = select(PROVISIONS).order_by(*order, PROVISIONS.c.provision_id)
    return [
        {**row, "free": max(0, row["places"] - row["used"]), "ended": row["places"] == 0}
        for row in connection.execute(chosen).mappings()
    ]


def offers(connection: Connection) -> list[Facts]:
    """Return every offer, the latest first."""
    chosen = select(OFFERS).order_by(OFFERS.c.offered_at.desc(), OFFERS.c.offer_id)
    return [dict(row) for row in connection.execute(chosen).mappings()]


def without_offer(connection: Connection, at: datetime) -> list[Facts]:
    """Return alerts assessed below the threshold to whom nothing was offered, oldest first."""
    offered = set(connection.execute(select(OFFERS.c.alert_id)).scalars())
    found = (
        one
        for one in alerts(connection, at)
        if one["level"] in BELOW_THRESHOLD
        and one["state"] != AlertState.CLOSED
        and one["alert_id"] not in offered
    )
    return sorted(found, key=lambda one: (one["raised_at"], one["alert_id"]))


def notifications(connection: Connection) -> list[Facts]:
    """Return every prompt about suspected modern slavery, the latest first."""
    order = (NOTIFICATIONS.c.notified_at.desc(), NOTIFICATIONS.c.notification_id)
    return [
        dict(row) for row in connection.execute(select(NOTIFICATIONS).order_by(*order)).mappings()
    ]


def referral_rate(connection: Connection) -> list[Facts]:
    """Return month by month how many children have a supported alert, and how many were referred.

    A child counts in the month (London) in which the first of their supported alerts was raised,
    and as referred once any alert of theirs was. Where a number or what is left of it is below
    five it is not shown, and then there is no rate.
    """
    by_child = _supported_children(connection)
    referred = _referred_children(connection)
    months: defaultdict[str, set[str]] = defaultdict(set)
    for child, month in by_child.items():
        months[month].add(child)
    return [_month(month, months[month], referred) for month in sorted(months)]


def _month(month: str, children: set[str], referred: set[str]) -> Facts:
    exposed, sent = len(children), len(children & referred)
    if exposed < CHILDREN_MIN:
        return {"month": month, "children": FEWER, "referred": None, "rate": None}
    hidden = 0 < sent < CHILDREN_MIN or 0 < exposed - sent < CHILDREN_MIN
    if hidden:
        return {"month": month, "children": exposed, "referred": "not shown", "rate": None}
    return {"month": month, "children": exposed, "referred": sent, "rate": sent / exposed}


def _supported_children(connection: Connection) -> dict[str, str]:
    """Return each child with a supported alert, and the month of the first."""
    table = ALERTS_TABLE
    chosen = select(table.c.child_id, table.c.raised_at).where(
        table.c.supported.is_(True), table.c.about == AlertSubject.CHILD.value
    )
    first: dict[str, str] = {}
    for row in connection.execute(chosen.order_by(table.c.raised_at)).mappings():
        raised = datetime.fromisoformat(row["raised_at"]).astimezone(LONDON)
        first.setdefault(row["child_id"], f"{raised:%Y-%m}")
    return first


def _referred_children(connection: Connection) -> set[str]:
    chosen = select(ALERTS_TABLE.c.child_id).join(
        REFERRALS, REFERRALS.c.alert_id == ALERTS_TABLE.c.alert_id
    )
    return set(connection.execute(chosen).scalars())


# --- rows as the fold knows them ------------------------------------------------------------


def _lives(connection: Connection, alert_id: str | None = None) -> dict[str, Life]:
    read = _reading(connection, alert_id)
    return {str(life.alert_id): life for life in hub_rows.lives_from(read)}


def _versions(connection: Connection, alert_id: str | None = None) -> dict[str, AlertFacts]:
    found: defaultdict[str, list[AlertVersion]] = defaultdict(list)
    for row in _reading(connection, alert_id)(VERSIONS):
        found[row["alert_id"]].append(version_of(row))
    return {one: AlertFacts(UUID(one), tuple(some)) for one, some in found.items()}


def _reading(connection: Connection, alert_id: str | None) -> Callable[[Table], Iterable[Row]]:
    """Return what reads the rows of a table, of all alerts or of one."""

    def read(table: Table) -> Iterator[Row]:
        chosen = select(table).order_by(*table.primary_key.columns)
        if alert_id is not None:
            chosen = chosen.where(table.c.alert_id == alert_id)
        return (dict(row) for row in connection.execute(chosen).mappings())

    return read


def version_of(row: Row) -> AlertVersion:
    """Return a version of an alert from its row."""
    return AlertVersion(row["version"], row["supported"], datetime.fromisoformat(row["at"]))


def chosen(
    found: Sequence[Facts],
    *,
    owner: str | None = None,
    state: str | None = None,
    rule: str | None = None,
    overdue: bool = False,
) -> list[Facts]:
    """Return of these alerts those of an owner, a state or a rule, or with a clock that ran out."""
    return [
        one
        for one in found
        if (owner is None or one["owner"] == owner)
        and (state is None or one["state"] == state)
        and (rule is None or rule in {one["rule"], one.get("rule_id")})
        and (not overdue or one["overdue"])
    ]


# --- modern slavery ------------------------------------------------------------------------


def slavery_facts(connection: Connection, alert_id: str) -> Facts:
    """Return whom an alert is about, and what its reports say in codes, for a form."""
    row = connection.execute(select(ALERTS_TABLE).where(ALERTS_TABLE.c.alert_id == alert_id))
    one = dict(row.mappings().one())
    reports = _reports_of(one)
    told = select(REPORTS.c.event_week, REPORTS.c.district).where(REPORTS.c.report_id.in_(reports))
    rows = connection.execute(told).mappings().all()
    facts = select(FACTS.c.activity).where(FACTS.c.report_id.in_(reports))
    return {
        "alert_id": alert_id,
        "about": one["about"],
        "indicators": sorted(set(connection.execute(facts).scalars())),
        "weeks": sorted({one["event_week"] for one in rows if one["event_week"]}),
        "districts": sorted({one["district"] for one in rows if one["district"]}),
    }


def _reports_of(one: Row) -> list[str]:
    """Return the reports that an alert rests on, by its row."""
    steps = {report for step in path_of(one["path"]) for report in step.report_ids}
    return sorted(steps | {sign.report_id for sign in signs_of(one["signs"])})
