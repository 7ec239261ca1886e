"""What police know of a target, read from the rows: who lives there, and what the hub has said.

The connection comes from the caller; nothing is written. A day is an argument, for a protection
ends and no clock is read here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from consumers.network.tables import ENTITIES, MENTIONS, REDIRECTS, REPORTS, SPLITS, TIES
from consumers.ocg_network.disruption_decisions import AskedView, Target
from consumers.ocg_network.disruption_tables import (
    HUB_ANSWERS_TABLE,
    HUB_REQUESTS_TABLE,
    PROTECTIONS_TABLE,
)
from consumers.ocg_network.disruptions import HubRequest, Protection
from consumers.ocg_network.levers import TARGET_OF
from streams.codes import HubView, Lever
from streams.taxonomy import RelationKind
from streams.values import ChildAtEvent, NodeKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from sqlalchemy import Connection, Select

_DWELLS: Final = (RelationKind.LIVES_AT.value, RelationKind.CUCKOOED_AT.value)
_IN_MAX: Final = 500  # SQLite bounds the number of parameters of one statement


def live_reports(connection: Connection, report_ids: Iterable[str]) -> frozenset[str]:
    """Return those of the reports that police hold and that are not withdrawn."""
    held = select(REPORTS.c.report_id).where(REPORTS.c.is_withdrawn.is_(False))
    return frozenset(_in(connection, held, REPORTS.c.report_id, report_ids))


def aliases(connection: Connection, entity_id: str) -> frozenset[str]:
    """Return an id and every id that was merged into it."""
    known, fresh = {entity_id}, {entity_id}
    while fresh:
        absorbed = select(REDIRECTS.c.absorbed_id)
        fresh = set(_in(connection, absorbed, REDIRECTS.c.kept_id, fresh)) - known
        known |= fresh
    return frozenset(known)


def root(connection: Connection, entity_id: str) -> str:
    """Return the id that an id stands for now."""
    kept = select(REDIRECTS.c.kept_id)
    while found := connection.scalar(kept.where(REDIRECTS.c.absorbed_id == entity_id)):
        entity_id = found
    return entity_id


def last_splits(connection: Connection, ids: Iterable[str]) -> Mapping[str, int]:
    """Return the offset of the last split of each of these people who was split."""
    rows = rows_in(connection, select(SPLITS), SPLITS.c.person_id, ids)
    return {row["person_id"]: row["last_at"] for row in rows}


def target_of(connection: Connection, entity_id: str, day: str) -> Target | None:
    """Return a person or thing as a target on a day (ISO date); None if no live report names it."""
    now = root(connection, entity_id)
    return targets_of(connection, [now], day).get(now)


def targets_of(connection: Connection, entity_ids: Iterable[str], day: str) -> Mapping[str, Target]:
    """Return entities as targets by id; those that no live report names are left out."""
    wanted = set(entity_ids)
    dwellers = _dwellers(connection, wanted)
    concerned = wanted.union(*dwellers.values())
    rows = rows_in(connection, select(ENTITIES), ENTITIES.c.entity_id, concerned)
    standing = {row["entity_id"]: row for row in rows}
    adults = _known_adults(connection, concerned)
    protected = _protected(connection, day)
    found: dict[str, Target] = {}
    for one in sorted(wanted & standing.keys()):
        home = [standing[person] for person in dwellers.get(one, ()) if person in standing]
        protects = one in protected or any(_may_be_child(person, adults) for person in home)
        found[one] = _target(standing[one], home, said_adult=one in adults, protects_child=protects)
    return found


def _target(
    row: Mapping[str, Any],
    home: Sequence[Mapping[str, Any]],
    *,
    said_adult: bool,
    protects_child: bool,
) -> Target:
    sheltered = (person["is_child"] or is_victim_only(person) for person in home)
    is_person = row["kind"] == NodeKind.PERSON.value
    return Target(
        entity_id=row["entity_id"],
        kind=TARGET_OF.get(NodeKind(row["kind"])),
        is_child=bool(row["is_child"]),
        is_victim_only=is_victim_only(row),
        protects_child=protects_child,
        shelters_victim=bool(home) and all(sheltered),
        age_known=not is_person or said_adult or bool(row["is_child"]),
    )


def views_about(connection: Connection, entity_id: str) -> Mapping[Lever, AskedView]:
    """Return the latest that the hub was asked about a place or thing, by lever."""
    same = aliases(connection, root(connection, entity_id))
    rows = rows_in(connection, select(HUB_REQUESTS_TABLE), HUB_REQUESTS_TABLE.c.entity_id, same)
    asked = sorted((HubRequest(**row) for row in rows), key=_when_asked)
    ids = [one.request_id for one in asked]
    told = rows_in(connection, select(HUB_ANSWERS_TABLE), HUB_ANSWERS_TABLE.c.request_id, ids)
    answers = {row["request_id"]: HubView(row["view"]) for row in told}
    return {
        Lever(one.lever): AskedView(request_id=one.request_id, view=answers.get(one.request_id))
        for one in asked
    }


def _when_asked(request: HubRequest) -> tuple[str, str]:
    return request.asked_at, request.request_id


def is_victim_only(entity: Mapping[str, Any]) -> bool:
    """Tell whether reports call somebody a victim and none a suspect, whoever enrolled them."""
    return bool(entity["is_victim"] and not entity["is_suspect"])


def _may_be_child(row: Mapping[str, Any], adults: AbstractSet[str]) -> bool:
    """A child, or somebody of whom no report says that they were none."""
    return bool(row["is_child"]) or row["entity_id"] not in adults


def _dwellers(connection: Connection, places: AbstractSet[str]) -> Mapping[str, set[str]]:
    dwells = select(TIES).where(TIES.c.kind.in_(_DWELLS))
    found: dict[str, set[str]] = {}
    for row in rows_in(connection, dwells, TIES.c.object_id, places):
        found.setdefault(row["object_id"], set()).add(row["subject_id"])
    return found


def _known_adults(connection: Connection, people: AbstractSet[str]) -> frozenset[str]:
    told = select(MENTIONS.c.entity_id).where(
        MENTIONS.c.child_at_event == ChildAtEvent.NO.value,
    )
    return frozenset(_in(connection, told, MENTIONS.c.entity_id, people))


def _protected(connection: Connection, day: str) -> frozenset[str]:
    rows = connection.execute(select(PROTECTIONS_TABLE)).mappings()
    standing = (Protection(**row) for row in rows)
    return frozenset(root(connection, one.entity_id) for one in standing if one.holds_on(day))


def _in(
    connection: Connection,
    query: Select[Any],
    column: Any,  # noqa: ANN401 - a column of any table
    ids: Iterable[str],
) -> list[str]:
    return [next(iter(row.values())) for row in rows_in(connection, query, column, ids)]


def rows_in(
    connection: Connection,
    query: Select[Any],
    column: Any,  # noqa: ANN401 - a column of any table
    ids: Iterable[str],
) -> list[dict[str, Any]]:
    """Return the rows of a query whose column is one of the ids."""
    ordered = sorted(set(ids))
    rows: list[dict[str, Any]] = []
    for start in range(0, len(ordered), _IN_MAX):
        part = query.where(column.in_(ordered[start : start + _IN_MAX]))
        rows += [dict(row) for row in connection.execute(part).mappings()]
    return rows
