"""What the hub sees of the alerts, read from the rows of a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlalchemy import or_, select

from consumers.network import handling
from consumers.network.look import find
from consumers.safeguarding import words
from consumers.safeguarding.rows import path_of
from consumers.safeguarding.rule_rows import signs_of
from consumers.safeguarding.tables import (
    ALERTS_TABLE,
    POSSIBLE_ALERTS,
    POSSIBLE_LINKS,
    VERSIONS,
)
from streams.codes import AlertSubject
from streams.values import AlertRule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from consumers.safeguarding.paths import Step

Facts: TypeAlias = dict[str, Any]

NOT_A_REFERRAL: Final = (
    "This alert is not a referral. A named person decides whether to make one;"
    " the alert is never closed by the system."
)
POSSIBLE: Final = (
    "Possible: two records may be one child, nobody has decided yet. Nothing of this is an alert;"
    " it goes, or is raised as one, when the review desk decides."
)


def find_alert(connection: Connection, prefix: str) -> str:
    """Return the one alert whose id begins with `prefix`.

    Raises: InvalidInputError.
    """
    return find(connection, ALERTS_TABLE.c.alert_id, prefix, "alert")


def alerts(connection: Connection) -> list[Facts]:
    """Return every alert as it stands, the latest news first."""
    latest = ALERTS_TABLE.c.updated_at.desc()
    rows = connection.execute(select(ALERTS_TABLE).order_by(latest, ALERTS_TABLE.c.alert_id))
    return [_alert(dict(row)) for row in rows.mappings()]


def alert(connection: Connection, alert_id: str) -> Facts:
    """Return one alert with its reason in words, and every version it had."""
    chosen = select(ALERTS_TABLE).where(ALERTS_TABLE.c.alert_id == alert_id)
    row = connection.execute(chosen).mappings().one()
    facts, steps, signs = _alert(dict(row)), path_of(row["path"]), signs_of(row["signs"])
    reports = {report for step in steps for report in step.report_ids}
    return {
        **facts,
        **_rule(connection, facts),
        "in_words": words.in_words(
            connection,
            AlertRule(facts["rule"]),
            (AlertSubject(facts["about"]), facts["child_id"]),
            steps,
            signs,
        ),
        "versions": _versions(connection, alert_id),
        "may_also_be": may_also_be(connection, facts["child_id"]),
        "handling": handling.of_reports(connection, reports | {sign.report_id for sign in signs}),
        "note": NOT_A_REFERRAL,
    }


def version(connection: Connection, alert_id: str) -> tuple[str, int]:
    """Return the id of an alert, and the version that is in view."""
    chosen = select(ALERTS_TABLE.c.version).where(ALERTS_TABLE.c.alert_id == alert_id)
    return alert_id, int(connection.execute(chosen).scalar_one())


def possible_alerts(connection: Connection) -> list[Facts]:
    """Return what would be an alert if a possible link were one person; state POSSIBLE, by child.

    None of them was raised: none has an alert id, and none is supported. What no rule in force
    would raise is left out.
    """
    kinds = {rule.kind for rule in words.rules_of(connection).enabled}
    by_child = select(POSSIBLE_ALERTS).order_by(
        POSSIBLE_ALERTS.c.child_id, POSSIBLE_ALERTS.c.rule, POSSIBLE_ALERTS.c.left_id
    )
    rows = connection.execute(by_child).mappings()
    return [_possible(connection, dict(row)) for row in rows if row["rule"] in kinds]


def may_also_be(connection: Connection, person: str) -> list[str]:
    """Return the ids that may be the same person as this one; undecided."""
    table = POSSIBLE_LINKS
    stands = select(table).where(or_(table.c.left_now == person, table.c.right_now == person))
    rows = connection.execute(stands).mappings()
    found = (one["right_now"] if one["left_now"] == person else one["left_now"] for one in rows)
    return sorted({one for one in found if one != person})


def _possible(connection: Connection, row: Facts) -> Facts:
    steps = path_of(row["path"])
    return {
        "alert_id": None,
        "state": "POSSIBLE",
        "supported": False,
        "rule": row["rule"],
        "means": words.MEANS[AlertRule(row["rule"])],
        "child_id": row["child_id"],
        "if_one": [row["left_id"], row["right_id"]],
        "path": _path(steps),
        "in_words": [words.sentence(step) for step in steps],
        "may_also_be": may_also_be(connection, row["child_id"]),
    }


def _alert(row: Facts) -> Facts:
    return {
        **row,
        "state": "RAISED",
        "means": words.MEANS[AlertRule(row["rule"])],
        "path": _path(path_of(row["path"])),
        "signs": [
            {"sign": sign.activity.value, "week": sign.week, "report_id": sign.report_id}
            for sign in signs_of(row["signs"])
        ],
    }


def _path(steps: Sequence[Step]) -> list[Facts]:
    return [
        {
            "from_id": step.from_id,
            "kind": step.kind.value,
            "to_id": step.to_id,
            "report_ids": list(step.report_ids),
        }
        for step in steps
    ]


def _rule(connection: Connection, facts: Facts) -> Facts:
    """Return what the rule says of itself and whom its alerts are for, as it holds now."""
    rule = words.rule_in_force(connection, facts["rule_id"])
    if rule is None or not rule.enabled:
        return {"rule_title": None, "rule_reason": None, "recipients": []}
    recipients = rule.recipients.get(AlertSubject(facts["about"]), ())
    return {
        "rule_title": rule.title,
        "rule_reason": rule.reason,
        "recipients": [one.value for one in recipients],
    }


def _versions(connection: Connection, alert_id: str) -> list[Facts]:
    chosen = select(VERSIONS.c.version, VERSIONS.c.supported, VERSIONS.c.at)
    rows = connection.execute(chosen.where(VERSIONS.c.alert_id == alert_id))
    return [dict(row) for row in rows.mappings()]
