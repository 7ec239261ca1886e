"""What a person at police or at the hub would look at, in their own opaque ids."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anonymiser.gate.stage import OWN
from consumers.network import look
from consumers.network.tables import ENTITIES, MENTIONS, REPORTS
from consumers.safeguarding.tables import ALERTS_TABLE
from streams.codec import decode
from streams.json_form import to_json
from streams.loop import read_to_end
from streams.restricted import ReportSubmitted, WithdrawalSubmitted
from streams.shared import PoliceReportShared
from streams.taxonomy import RelationKind
from streams.topics import POLICE, submissions_of
from streams.values import AlertRule, NodeKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from consumers.store import Snapshot
    from streams.ports import Log


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkGlimpse:
    """One candidate network: whom it holds, by police id, and where it was seen.

    Who is at risk, a child or a victim only, is in neither core nor periphery.
    """

    network_id: str
    core: Sequence[str]
    periphery: Sequence[str]
    at_risk: Sequence[str]
    things: int
    reports: int
    districts: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertGlimpse:
    """One alert: the rule, the child, and the reason tie by tie."""

    alert_id: str
    rule: AlertRule
    child_id: str
    path: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedGlimpse:
    """One report as the broker holds it: what is readable, and how much is not."""

    partner: str
    report_id: UUID
    revision: int
    epoch: int
    parts: int
    bytes: int


async def a_sealed_report(log: Log, partner: str) -> SealedGlimpse | None:
    """Return the first report on a partner's topic."""
    async for records in read_to_end(log, (submissions_of(partner),)):
        for record in records:
            event = decode(record.value or b"", ReportSubmitted, WithdrawalSubmitted)
            if isinstance(event, ReportSubmitted):
                return _sealed(event)
    return None


def _sealed(event: ReportSubmitted) -> SealedGlimpse:
    return SealedGlimpse(
        partner=event.partner,
        report_id=event.report_id,
        revision=event.revision,
        epoch=event.key_epoch,
        parts=len(event.parts),
        bytes=len(event.sealed_keys) + sum(len(part.ciphertext) for part in event.parts),
    )


async def a_police_report(log: Log) -> dict[str, Any] | None:
    """Return the first report in which a child is exploited, as police get it."""
    async for records in read_to_end(log, (POLICE,)):
        for record in records:
            event = decode(record.value or b"", *OWN[POLICE])
            if isinstance(event, PoliceReportShared) and _shows_exploitation(event):
                return to_json(event)
    return None


def _shows_exploitation(event: PoliceReportShared) -> bool:
    return any(relation.kind is RelationKind.EXPLOITS for relation in event.relations)


def networks(view: Snapshot) -> list[NetworkGlimpse]:
    """Return the candidate networks of police, the largest first."""
    members: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in view.rows(ENTITIES):
        if row["network_id"]:
            members[row["network_id"]].append(row)
    seen = [_network(view, network_id, rows) for network_id, rows in members.items()]
    return sorted(seen, key=lambda one: len(one.core) + len(one.periphery), reverse=True)


def _network(view: Snapshot, network_id: str, rows: Sequence[Mapping[str, Any]]) -> NetworkGlimpse:
    people = [row for row in rows if row["kind"] == NodeKind.PERSON.value]
    shown = look.network(view.connection, network_id)
    reports = _reports_of(view, {row["entity_id"] for row in people})
    return NetworkGlimpse(
        network_id=network_id,
        core=[one["entity_id"] for one in shown["core"]],
        periphery=[one["entity_id"] for one in shown["periphery"]],
        at_risk=[one["entity_id"] for one in shown["at_risk"]],
        things=len(rows) - len(people),
        reports=len(reports),
        districts=_districts(view, reports),
    )


def _reports_of(view: Snapshot, people: set[str]) -> set[str]:
    return {row["report_id"] for row in view.rows(MENTIONS) if row["entity_id"] in people}


def _districts(view: Snapshot, reports: set[str]) -> list[str]:
    counts = Counter(
        row["district"]
        for row in view.rows(REPORTS)
        if row["report_id"] in reports and row["district"]
    )
    return [district for district, _ in counts.most_common(4)]


def alerts(view: Snapshot) -> list[AlertGlimpse]:
    """Return the alerts of the hub that evidence supports, the longest reason first."""
    found = [
        AlertGlimpse(
            alert_id=row["alert_id"],
            rule=AlertRule(row["rule"]),
            child_id=row["child_id"],
            path=json.loads(row["path"]),
        )
        for row in view.rows(ALERTS_TABLE)
        if row["supported"]
    ]
    return sorted(found, key=lambda alert: (-len(alert.path), alert.alert_id))
