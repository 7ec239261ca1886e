"""Rows as a function of signs, adopted rules and deadlines, and back."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

from consumers.projection import Rewrite
from consumers.safeguarding import rules
from consumers.safeguarding.alerts import Sign
from consumers.safeguarding.rule_tables import PENDING_TABLE, RULES_TABLE, SIGNS_TABLE
from streams.values import Activity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from consumers.projection import Read
    from consumers.safeguarding.rules import Rules
    from consumers.safeguarding.signs import Told
    from streams.hub import RulesAdopted


def rewrite_of_signs(report_id: str, told: Told) -> Rewrite:
    """Return the row of a report's signs; none where it tells of none."""
    key = {"report_id": report_id}
    if not told:
        return Rewrite(SIGNS_TABLE, key)
    text = json.dumps([[sign, at.isoformat()] for sign, at in told], separators=(",", ":"))
    return Rewrite(SIGNS_TABLE, key, ({**key, "told": text},))


def signs_from(read: Read) -> Mapping[str, Told]:
    """Return the signs of a store, by report."""
    return {
        row["report_id"]: tuple(
            (Activity(sign), datetime.fromisoformat(at)) for sign, at in json.loads(row["told"])
        )
        for row in read(SIGNS_TABLE)
    }


def rewrite_of_rules(event: RulesAdopted, at: datetime) -> Rewrite:
    """Return the row of rules that were adopted, at their log time."""
    key = {"version": event.version}
    rest = {
        "document": event.document,
        "reviewed_by": event.reviewed_by,
        "decided_by": event.decided_by,
        "adopted_at": at.isoformat(),
    }
    return Rewrite(RULES_TABLE, key, ({**key, **rest},))


def rules_from(read: Read) -> Rules:
    """Return the rules that hold: those adopted last, or the standard ones."""
    documents = [row["document"] for row in read(RULES_TABLE)]  # by version
    return rules.parse(documents[-1], "the adopted rules") if documents else rules.standard()


def rewrites_of_pending(
    keys: Iterable[tuple[str, str]], due: Mapping[tuple[str, str], datetime]
) -> Iterator[Rewrite]:
    """Yield the rows of deadlines that changed; none for one that no longer runs."""
    for rule_id, person in keys:
        key = {"rule_id": rule_id, "person_id": person}
        at = due.get((rule_id, person))
        yield Rewrite(
            PENDING_TABLE, key, () if at is None else ({**key, "due_at": at.isoformat()},)
        )


def pending_from(read: Read) -> Mapping[tuple[str, str], datetime]:
    """Return the deadlines of a store, by rule id and person."""
    return {
        (row["rule_id"], row["person_id"]): datetime.fromisoformat(row["due_at"])
        for row in read(PENDING_TABLE)
    }


def signs_text(signs: Iterable[Sign]) -> str:
    """Return the signs of an alert as JSON."""
    rows = [[sign.activity, sign.week, sign.report_id] for sign in signs]
    return json.dumps(rows, separators=(",", ":"))


def signs_of(text: str) -> tuple[Sign, ...]:
    """Read the signs of an alert from their JSON."""
    return tuple(Sign(Activity(sign), week, report) for sign, week, report in json.loads(text))
