"""What an analyst sees who grades a report without seeing its source.

The connection comes from the caller; nothing is written.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlalchemy import func, select

from consumers.network import handling
from consumers.network.evidence import tie_key
from consumers.network.look import find
from consumers.network.tables import FACTS, MENTIONS, RELATIONS, REPORTS, TIES
from consumers.ocg_network.disruption_tables import DISRUPTIONS_TABLE
from consumers.ocg_network.ground import rows_in
from consumers.ocg_network.ocg_look import gradings_now
from consumers.ocg_network.tables import DECISION_REPORTS, GRADINGS, OCGS, SOURCE_HISTORIES
from streams.codes import ShareBand
from streams.taxonomy import RelationKind
from streams.values import CountBand, GradingScheme

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Select

Facts: TypeAlias = dict[str, Any]

#: Said of a report whose source has no history that could be told.
NO_HISTORY: Final = "too little is known of this source to say anything that is about no one report"
_COUNTS: Final = {
    CountBand.BELOW_5: "fewer than five",
    CountBand.FROM_5: "five or more",
    CountBand.FROM_20: "twenty or more",
    CountBand.FROM_100: "a hundred or more",
}
_SHARES: Final = {
    ShareBand.FEW: "fewer than a quarter",
    ShareBand.SOME: "a quarter to a half",
    ShareBand.MOST: "a half to three quarters",
    ShareBand.NEARLY_ALL: "three quarters and more",
}


def find_report(connection: Connection, typed: str) -> str:
    """Return the report whose id begins so.

    Raises: InvalidInputError.
    """
    return find(connection, REPORTS.c.report_id, typed, "report")


def revision_of(connection: Connection, report_id: str) -> int | None:
    """Return which revision stands; None for a report that was withdrawn."""
    wanted = select(REPORTS.c.revision).where(
        REPORTS.c.report_id == report_id, REPORTS.c.is_withdrawn.is_(False)
    )
    return connection.scalar(wanted)


def waiting(connection: Connection) -> Facts:
    """Return the live reports that nobody has graded, the oldest week first, and how many are done.

    A grade is of one revision: a correction waits again.
    """
    live = _rows(connection, select(REPORTS).where(REPORTS.c.is_withdrawn.is_(False)))
    given = gradings_now(connection, [row["report_id"] for row in live])
    undone = [row for row in live if _is_ungraded(row) and row["report_id"] not in given]
    ids = [row["report_id"] for row in undone]
    about = {
        "facts": _grouped(connection, FACTS, ids),
        "people": _grouped(connection, MENTIONS, ids),
        "relations": Counter(
            row["report_id"]
            for row in rows_in(connection, select(RELATIONS), RELATIONS.c.report_id, ids)
        ),
    }
    found = [_in_line(row, about) for row in undone]
    found.sort(key=lambda one: (one["event_week"], one["report_id"]))
    return {"waiting": found, "graded": len(live) - len(undone), "reports": len(live)}


def next_waiting(connection: Connection) -> Facts:
    """Return the report that has waited longest, None if all are graded, and how many are done."""
    found = waiting(connection)
    first = next(iter(found["waiting"]), None)
    told = None if first is None else report(connection, first["report_id"])
    return {"report": told, "graded": found["graded"], "reports": found["reports"]}


def _is_ungraded(row: Facts) -> bool:
    return bool(row["scheme"] == GradingScheme.UNGRADED)


def _grouped(connection: Connection, table: Any, ids: Sequence[str]) -> Mapping[str, list[Facts]]:  # noqa: ANN401 - a table of the library
    grouped: dict[str, list[Facts]] = {}
    for row in rows_in(connection, select(table), table.c.report_id, ids):
        grouped.setdefault(row["report_id"], []).append(row)
    return grouped


def _in_line(row: Facts, about: Mapping[str, Mapping[str, Any]]) -> Facts:
    report_id = row["report_id"]
    facts = about["facts"].get(report_id, ())
    return {
        "report_id": report_id,
        "revision": row["revision"],
        "event_week": row["event_week"],
        "district": row["district"],
        "activities": sorted({one["activity"] for one in facts}),
        "entities": len(about["people"].get(report_id, ())),
        "relations": about["relations"].get(report_id, 0),
    }


def report(connection: Connection, report_id: str) -> Facts:
    """Return one report: its facts, its grades, how its source fared before, who relies on it."""
    (row,) = _rows(connection, select(REPORTS).where(REPORTS.c.report_id == report_id))
    if row["is_withdrawn"]:
        return {**row, "is_withdrawn": True, **_relied_on(connection, report_id)}
    mine = _rows(connection, select(GRADINGS).where(GRADINGS.c.report_id == report_id))
    grades = sorted(mine, key=lambda one: -one["number"])
    return {
        **row,
        "graded": gradings_now(connection, [report_id]).get(report_id),
        "handling": handling.of_reports(connection, [report_id]),
        "facts": _of(connection, FACTS, report_id),
        "mentions": _of(connection, MENTIONS, report_id),
        "relations": _of(connection, RELATIONS, report_id),
        "gradings": [{**one, "basis": json.loads(one["basis"])} for one in grades],
        "source_history": source_history(connection, report_id),
        **_relied_on(connection, report_id),
    }


def source_history(connection: Connection, report_id: str) -> Facts:
    """Return how earlier reports of the same unseen source fared, in bands and in words."""
    told = select(SOURCE_HISTORIES).where(SOURCE_HISTORIES.c.report_id == report_id)
    rows = _rows(connection, told)
    if not rows:
        return {"known": False, "in_words": NO_HISTORY}
    (row,) = rows
    return {**row, "known": True, "in_words": _in_words(row)}


def _in_words(row: Facts) -> str:
    shares = [
        f"{word}: {_SHARES[ShareBand(row[name])] if row[name] else 'not enough to say'}"
        for name, word in (("corroborated", "corroborated"), ("reliable", "found reliable"))
    ]
    return f"earlier reports: {_COUNTS[CountBand(row['reports'])]}; {'; '.join(shares)}"


def _relied_on(connection: Connection, report_id: str) -> Facts:
    return {
        "ties": _ties(connection, report_id),
        "decisions": _decisions(connection, report_id),
        "disruptions": _disruptions(connection, report_id),
    }


def _ties(connection: Connection, report_id: str) -> list[Facts]:
    """Return the ties that it states, and how many reports state each in all."""
    who = {one["node"]: one["entity_id"] for one in _of(connection, MENTIONS, report_id)}
    keys = {
        tie_key(who[one["subject"]], who[one["object"]], RelationKind(one["kind"]))
        for one in _of(connection, RELATIONS, report_id)
    }
    rows = rows_in(connection, select(TIES), TIES.c.subject_id, {subject for subject, _, _ in keys})
    return [row for row in rows if (row["subject_id"], row["object_id"], row["kind"]) in keys]


def _decisions(connection: Connection, report_id: str) -> list[Facts]:
    rests = (
        select(DECISION_REPORTS, OCGS.c.reference)
        .join(OCGS, OCGS.c.ocg_id == DECISION_REPORTS.c.ocg_id)
        .where(DECISION_REPORTS.c.report_id == report_id)
        .order_by(DECISION_REPORTS.c.number)
    )
    return _rows(connection, rests)


def _disruptions(connection: Connection, report_id: str) -> list[str]:
    named = func.instr(DISRUPTIONS_TABLE.c.report_ids, report_id) > 0
    found = select(DISRUPTIONS_TABLE.c.disruption_id).where(named)
    return list(connection.execute(found.order_by(DISRUPTIONS_TABLE.c.disruption_id)).scalars())


def _of(connection: Connection, table: Any, report_id: str) -> list[Facts]:  # noqa: ANN401 - a table of the library
    return _rows(connection, select(table).where(table.c.report_id == report_id))


def _rows(connection: Connection, query: Select[Any]) -> list[Facts]:
    return [dict(row) for row in connection.execute(query).mappings()]
