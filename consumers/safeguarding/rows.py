"""Rows as a function of the alerts, and the alerts again from their rows."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from consumers.projection import Notice, Rewrite
from consumers.safeguarding.alerts import Alert, event_of
from consumers.safeguarding.paths import Path, Step
from consumers.safeguarding.possible import Doubt, PossibleAlert
from consumers.safeguarding.rounds import AlertVersion
from consumers.safeguarding.rule_rows import signs_of, signs_text
from consumers.safeguarding.tables import (
    ALERTS_TABLE,
    POSSIBLE_ALERTS,
    POSSIBLE_LINKS,
    VERSIONS,
)
from streams.codec import decode, encode
from streams.codes import AlertSubject
from streams.shared import AlertRaised, AlertUpdated
from streams.taxonomy import RelationKind
from streams.topics import ALERTS
from streams.values import AlertRule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from consumers.projection import Read, Row


def rewrites_of(alert: Alert) -> tuple[Rewrite, Rewrite]:
    """Return the rows of an alert's latest version: as it stands, and in its history."""
    key = {"alert_id": str(alert.alert_id)}
    latest = {
        "version": alert.version,
        "supported": alert.supported,
        "path": _text_of(alert.path),
        "signs": signs_text(alert.signs),
    }
    stands = {
        **key,
        "rule": alert.rule.value,
        "rule_id": alert.rule_id,
        "rule_version": alert.rule_version,
        "about": alert.about.value,
        "child_id": alert.child_id,
        "raised_for": alert.raised_for,
        **latest,
        "raised_at": alert.raised_at.isoformat(),
        "updated_at": alert.updated_at.isoformat(),
    }
    version = {**key, "version": alert.version}
    told = {**key, **latest, "at": alert.updated_at.isoformat()}
    return Rewrite(ALERTS_TABLE, key, (stands,)), Rewrite(VERSIONS, version, (told,))


def notice_of(alert: Alert) -> Notice:
    """Return the event to publish for an alert's latest version."""
    event = event_of(alert)
    return Notice(ALERTS, _notice_id(event), encode(event))


def notice_id_of(value: bytes) -> str:
    """Tell which notice a record of the alerts topic is."""
    return _notice_id(decode(value, AlertRaised, AlertUpdated))


def alerts_from(read: Read) -> Iterator[Alert]:
    """Yield the alerts of a store."""
    for row in read(ALERTS_TABLE):
        yield Alert(
            rule_id=row["rule_id"],
            rule=AlertRule(row["rule"]),
            rule_version=row["rule_version"],
            about=AlertSubject(row["about"]),
            raised_for=row["raised_for"],
            child_id=row["child_id"],
            version=row["version"],
            supported=row["supported"],
            path=path_of(row["path"]),
            signs=signs_of(row["signs"]),
            raised_at=datetime.fromisoformat(row["raised_at"]),
            updated_at=datetime.fromisoformat(row["updated_at"]),
        )


def versions_from(read: Read) -> Iterator[tuple[UUID, AlertVersion]]:
    """Yield every version of every alert of a store, each alert's in order."""
    for row in read(VERSIONS):
        at = datetime.fromisoformat(row["at"])
        yield UUID(row["alert_id"]), AlertVersion(row["version"], row["supported"], at)


def path_of(text: str) -> Path:
    """Read a path from its JSON."""
    return tuple(
        Step(row["from"], RelationKind(row["kind"]), row["to"], tuple(row["reports"]))
        for row in json.loads(text)
    )


def rewrites_of_doubt(link: tuple[str, str], doubt: Doubt | None) -> tuple[Rewrite, Rewrite]:
    """Return the rows of a possible link and of what would follow; none once it is decided."""
    key = {"left_id": link[0], "right_id": link[1]}
    if doubt is None:
        return Rewrite(POSSIBLE_LINKS, key), Rewrite(POSSIBLE_ALERTS, key)
    stands = {**key, "left_now": doubt.roots[0], "right_now": doubt.roots[1]}
    follow = tuple(
        {
            **key,
            "rule": one.rule.value,
            "child_id": one.child_id,
            "path": _text_of(one.path),
        }
        for one in doubt.alerts
    )
    return Rewrite(POSSIBLE_LINKS, key, (stands,)), Rewrite(POSSIBLE_ALERTS, key, follow)


def doubts_from(read: Read) -> Iterator[Doubt]:
    """Yield the open possible links of a store."""
    follow: dict[tuple[str, str], list[PossibleAlert]] = {}
    for row in read(POSSIBLE_ALERTS):
        one = PossibleAlert(AlertRule(row["rule"]), row["child_id"], path_of(row["path"]))
        follow.setdefault((row["left_id"], row["right_id"]), []).append(one)
    for row in read(POSSIBLE_LINKS):
        link = (row["left_id"], row["right_id"])
        roots = (row["left_now"], row["right_now"])
        yield Doubt(link, roots, tuple(follow.get(link, ())))


def _text_of(path: Path) -> str:
    return json.dumps([_step_row(step) for step in path], separators=(",", ":"))


def _step_row(step: Step) -> Row:
    return {
        "from": step.from_id,
        "kind": step.kind.value,
        "to": step.to_id,
        "reports": step.report_ids,
    }


def _notice_id(event: AlertRaised | AlertUpdated) -> str:
    version = 1 if isinstance(event, AlertRaised) else event.version
    return f"{event.alert_id} {version}"
