"""What the hub sees of the alerts, read from the rows of a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlalchemy import or_, select

from consumers.network import handling
from consumers.network.look import find
from consumers.network.tables import ENTITIES
from consumers.safeguarding.rows import path_of
from consumers.safeguarding.tables import (
    ALERTS_TABLE,
    POSSIBLE_ALERTS,
    POSSIBLE_LINKS,
    VERSIONS,
)
from streams.taxonomy import RelationKind
from streams.values import AlertRule, NodeKind

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
SHORT: Final = 8

_RULES: Final = {
    AlertRule.CHILD_TIED_TO_NOMINAL: "a child with a network tie to a (suspected) nominal",
    AlertRule.SIBLING_OF_INVOLVED: "a child whose sibling is involved",
    AlertRule.FRIEND_OF_INVOLVED: "a child whose friend is involved",
}
_SAYS: Final = {
    RelationKind.SIBLING: "is a sibling of",
    RelationKind.PARENT: "is a parent of",
    RelationKind.KINSHIP_CARER: "is the kinship carer of",
    RelationKind.FOSTER_CARER: "is the foster carer of",
    RelationKind.FRIEND: "is a friend of",
    RelationKind.ASSOCIATE: "associates with",
    RelationKind.CO_OFFENDER: "is reported offending together with",
    RelationKind.MEMBER_OF: "is reported as a member of",
    RelationKind.EXPLOITS: "is reported as exploiting",
    RelationKind.RUNS_LINE: "is reported as running the line",
    RelationKind.USES_LINE: "is reported as using the line",
    RelationKind.LIVES_AT: "lives at",
    RelationKind.CUCKOOED_AT: "is cuckooed at",
    RelationKind.ATTENDS: "attends",
    RelationKind.USES: "uses",
}


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
    facts = _alert(dict(connection.execute(chosen).mappings().one()))
    steps = path_of(_path_text(connection, alert_id))
    return {
        **facts,
        "in_words": in_words(connection, facts["child_id"], steps),
        "versions": _versions(connection, alert_id),
        "may_also_be": may_also_be(connection, facts["child_id"]),
        "handling": handling.of_reports(
            connection, {report for step in steps for report in step.report_ids}
        ),
        "note": NOT_A_REFERRAL,
    }


def possible_alerts(connection: Connection) -> list[Facts]:
    """Return what would be an alert if a possible link were one person; state POSSIBLE, by child.

    None of them was raised: none has an alert id, and none is supported.
    """
    by_child = select(POSSIBLE_ALERTS).order_by(
        POSSIBLE_ALERTS.c.child_id, POSSIBLE_ALERTS.c.rule, POSSIBLE_ALERTS.c.left_id
    )
    rows = connection.execute(by_child).mappings()
    return [_possible(connection, dict(row)) for row in rows]


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
        "means": _RULES[AlertRule(row["rule"])],
        "child_id": row["child_id"],
        "if_one": [row["left_id"], row["right_id"]],
        "path": _path(steps),
        "in_words": [_sentence(step) for step in steps],
        "may_also_be": may_also_be(connection, row["child_id"]),
    }


def in_words(connection: Connection, child: str, steps: Sequence[Step]) -> list[str]:
    """Return the reason, a sentence for each tie, and at the end why it ends there."""
    if not steps:
        return ["No live report supports this alert any longer."]
    told = [_sentence(step) for step in steps]
    end = _end_of(child, steps)
    return [*told, f"{end[:SHORT]} is {_standing(connection, end)}."]


def _sentence(step: Step) -> str:
    count = len(step.report_ids)
    reports = f"{count} report{'s' if count > 1 else ''}"
    return f"{step.from_id[:SHORT]} {_SAYS[step.kind]} {step.to_id[:SHORT]} ({reports})."


def _end_of(child: str, steps: Sequence[Step]) -> str:
    """Walk the ties from the child; each shares an end with the one before."""
    here = child
    for step in steps:
        here = step.to_id if step.from_id == here else step.from_id
    return here


def _standing(connection: Connection, person: str) -> str:
    chosen = select(ENTITIES).where(ENTITIES.c.entity_id == person)
    row = connection.execute(chosen).mappings().one_or_none()
    if row is None or row["kind"] != NodeKind.PERSON:
        return "no longer reported"
    if row["is_nominal"]:
        return "a nominal"
    return "a suspected nominal" if row["is_suspected_nominal"] else "no longer of concern"


def _alert(row: Facts) -> Facts:
    means = _RULES[AlertRule(row["rule"])]
    return {**row, "state": "RAISED", "means": means, "path": _path(path_of(row["path"]))}


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


def _path_text(connection: Connection, alert_id: str) -> str:
    chosen = select(ALERTS_TABLE.c.path).where(ALERTS_TABLE.c.alert_id == alert_id)
    return str(connection.execute(chosen).scalar_one())


def _versions(connection: Connection, alert_id: str) -> list[Facts]:
    chosen = select(VERSIONS.c.version, VERSIONS.c.supported, VERSIONS.c.at)
    rows = connection.execute(chosen.where(VERSIONS.c.alert_id == alert_id))
    return [dict(row) for row in rows.mappings()]
