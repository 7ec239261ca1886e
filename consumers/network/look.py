"""What people see of a network, read from the rows of a store and computed when it is asked for.

The connection comes from the caller; nothing is written.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import func, or_, select

from consumers.network import handling
from consumers.network.cores import core_of
from consumers.network.tables import (
    ENTITIES,
    MENTIONS,
    NETWORKS,
    PAIRS,
    REDIRECTS,
    RELATIONS,
    REPORTS,
    TIES,
)
from consumers.projection import POSITIONS
from streams.errors import InvalidInputError
from streams.taxonomy import RELATIONS as TAXONOMY
from streams.taxonomy import Bond, RelationKind
from streams.topics import POLICE
from streams.values import NodeKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, Select

Facts: TypeAlias = dict[str, Any]

_HEX = frozenset("0123456789abcdef-")
_AFTER_HEX = "g"  # sorts after every hexadecimal digit


def find(connection: Connection, column: ColumnElement[str], prefix: str, what: str) -> str:
    """Return the one id that begins with `prefix`.

    Raises: InvalidInputError if none does, or several do.
    """
    return _only(_matches(connection, column, prefix), prefix, what)


def find_entity(connection: Connection, prefix: str) -> str:
    """Return the entity an id stands for now; one that was merged leads to who it is merged into.

    Raises: InvalidInputError.
    """
    found = _matches(connection, ENTITIES.c.entity_id, prefix)
    if found:
        return _only(found, prefix, "person")
    entity = _only(_matches(connection, REDIRECTS.c.absorbed_id, prefix), prefix, "person")
    merged = select(REDIRECTS.c.kept_id)
    while kept := connection.scalar(merged.where(REDIRECTS.c.absorbed_id == entity)):
        entity = kept
    return _only(_matches(connection, ENTITIES.c.entity_id, entity), entity, "person")


def _matches(connection: Connection, column: ColumnElement[str], prefix: str) -> Sequence[str]:
    wanted = prefix.strip().lower()
    if not wanted or not _HEX.issuperset(wanted):
        raise InvalidInputError("an id is hexadecimal, or the beginning of such an id")
    matches = select(column).where(column >= wanted, column < wanted + _AFTER_HEX)
    return connection.execute(matches.limit(2)).scalars().all()


def _only(found: Sequence[str], prefix: str, what: str) -> str:
    if len(found) != 1:
        many = "more than one" if found else "no"
        raise InvalidInputError(f"{many} {what} id begins with {prefix.strip().lower()}")
    return found[0]


def networks(connection: Connection) -> list[Facts]:
    """Return every candidate network, the largest first."""
    weeks = _weeks_by_network(connection)
    rows = connection.execute(
        select(NETWORKS).order_by(NETWORKS.c.people.desc(), NETWORKS.c.network_id)
    )
    return [{**row, **weeks.get(row["network_id"], {})} for row in rows.mappings()]


def _weeks_by_network(connection: Connection) -> Mapping[str, Facts]:
    spans = (
        select(
            ENTITIES.c.network_id,
            func.min(PAIRS.c.first_week).label("first_week"),
            func.max(PAIRS.c.last_week).label("last_week"),
            func.count().label("pairs"),
        )
        .join(PAIRS, PAIRS.c.low_id == ENTITIES.c.entity_id)
        .where(ENTITIES.c.network_id.is_not(None))
        .group_by(ENTITIES.c.network_id)
    )
    return {row.pop("network_id"): row for row in map(dict, connection.execute(spans).mappings())}


def network(connection: Connection, network_id: str) -> Facts:
    """Return one candidate network: core, periphery, ties, footprint, and how it is handled.

    The core is the innermost k-core over the network's pairs, persons and
    what joins them alike; in a tree nobody stands out, so there is none.
    Children and victims are in neither: nobody at risk is ranked.
    """
    members = _rows(connection, select(ENTITIES).where(ENTITIES.c.network_id == network_id))
    ids = {member["entity_id"] for member in members}
    pairs = _among(connection, select(PAIRS), ids, PAIRS.c.low_id, PAIRS.c.high_id)
    core = core_of(_links(pairs))
    placed = _placed(members, core)
    return {
        "network_id": network_id,
        **placed,
        "pairs": pairs,
        "ties": _network_ties(connection, ids),
        "footprint": footprint(connection, ids),
        "handling": handling.of_entities(connection, ids),
    }


def _placed(members: Sequence[Facts], core: Iterable[str]) -> Mapping[str, list[Facts]]:
    innermost = set(core)
    places: dict[str, list[Facts]] = {"core": [], "periphery": [], "at_risk": [], "others": []}
    for member in members:
        places[_place(member, innermost)].append(member)
    return places


def _place(member: Facts, core: set[str]) -> str:
    if member["kind"] != NodeKind.PERSON:
        return "others"
    if member["is_child"] or (member["is_victim"] and not member["is_suspect"]):
        return "at_risk"
    return "core" if member["entity_id"] in core else "periphery"


def _links(pairs: Iterable[Facts]) -> Mapping[str, set[str]]:
    links: dict[str, set[str]] = {}
    for pair in pairs:
        links.setdefault(pair["low_id"], set()).add(pair["high_id"])
        links.setdefault(pair["high_id"], set()).add(pair["low_id"])
    return links


def _network_ties(connection: Connection, ids: set[str]) -> list[Facts]:
    ties = _among(connection, select(TIES), ids, TIES.c.subject_id, TIES.c.object_id)
    evidence = tie_evidence(connection, ids)
    return [
        {**tie, "report_ids": evidence.get((tie["subject_id"], tie["object_id"], tie["kind"]), [])}
        for tie in ties
        if TAXONOMY[RelationKind(tie["kind"])].bond in {Bond.NETWORK, Bond.CONDITIONAL}
    ]


def ties_of(connection: Connection, entity_id: str) -> list[Facts]:
    """Return every tie of one entity, with the reports that say so."""
    mine = or_(TIES.c.subject_id == entity_id, TIES.c.object_id == entity_id)
    ties = _rows(connection, select(TIES).where(mine))
    evidence = tie_evidence(connection, {entity_id})
    return [
        {**tie, "report_ids": evidence.get((tie["subject_id"], tie["object_id"], tie["kind"]), [])}
        for tie in ties
    ]


def tie_evidence(connection: Connection, ids: set[str]) -> Mapping[tuple[str, str, str], list[str]]:
    """Return for each tie that one of `ids` has the live reports that state it."""
    subject, target = MENTIONS.alias(), MENTIONS.alias()
    stated = (
        select(
            RELATIONS.c.report_id,
            RELATIONS.c.kind,
            subject.c.entity_id.label("subject_id"),
            target.c.entity_id.label("object_id"),
        )
        .join(subject, _same_node(subject, RELATIONS.c.subject))
        .join(target, _same_node(target, RELATIONS.c.object))
        .order_by(RELATIONS.c.report_id)
    )
    found: dict[tuple[str, str, str], dict[str, None]] = {}
    for column in (subject.c.entity_id, target.c.entity_id):
        for row in _in(connection, stated, column, ids):
            found.setdefault(_tie_key(row), {})[row["report_id"]] = None
    return {key: sorted(reports) for key, reports in found.items()}


def _same_node(mention: Any, number: ColumnElement[int]) -> ColumnElement[bool]:  # noqa: ANN401 - an alias has no type of its own
    same: ColumnElement[bool] = (mention.c.report_id == RELATIONS.c.report_id) & (
        mention.c.node == number
    )
    return same


def _tie_key(row: Facts) -> tuple[str, str, str]:
    subject, target, kind = row["subject_id"], row["object_id"], row["kind"]
    if TAXONOMY[RelationKind(kind)].symmetric and target < subject:
        subject, target = target, subject
    return subject, target, kind


def footprint(connection: Connection, ids: set[str]) -> dict[str, int]:
    """Return in how many reports about these entities each postcode district stands."""
    told = (
        select(REPORTS.c.report_id, REPORTS.c.district)
        .join(MENTIONS, MENTIONS.c.report_id == REPORTS.c.report_id)
        .where(REPORTS.c.district.is_not(None))
    )
    rows = _in(connection, told, MENTIONS.c.entity_id, ids)
    districts = Counter({row["report_id"]: row["district"] for row in rows}.values())
    return dict(sorted(districts.items(), key=lambda item: (-item[1], item[0])))


def persons(connection: Connection) -> list[Facts]:
    """Return every person that a live report mentions, those most reported first."""
    people = select(ENTITIES).where(ENTITIES.c.kind == NodeKind.PERSON.value)
    return _rows(connection, people.order_by(ENTITIES.c.reports.desc(), ENTITIES.c.entity_id))


def person(connection: Connection, person_id: str) -> Facts:
    """Return one person (or other entity): standing, ties, and the reports that mention it."""
    (standing,) = _rows(connection, select(ENTITIES).where(ENTITIES.c.entity_id == person_id))
    mentions = (
        select(
            REPORTS.c.report_id,
            REPORTS.c.event_week,
            REPORTS.c.district,
            MENTIONS.c.role,
            MENTIONS.c.child_at_event,
            REPORTS.c.scheme,
            REPORTS.c.source,
            REPORTS.c.assessment,
        )
        .join(MENTIONS, MENTIONS.c.report_id == REPORTS.c.report_id)
        .where(MENTIONS.c.entity_id == person_id)
        .order_by(REPORTS.c.event_week, REPORTS.c.report_id)
    )
    return {
        **standing,
        "ties": ties_of(connection, person_id),
        "mentions": _rows(connection, mentions),
        "handling": handling.of_entities(connection, [person_id]),
    }


def person_with_position(connection: Connection, person_id: str) -> Facts:
    """Return one person, and as `seen` how much of the police topic that rests on."""
    position = select(POSITIONS.c.position).where(POSITIONS.c.topic == POLICE)
    return {**person(connection, person_id), "seen": connection.scalar(position) or 0}


def _rows(connection: Connection, query: Select[Any]) -> list[Facts]:
    return [dict(row) for row in connection.execute(query).mappings()]


_IN_MAX = 500  # SQLite bounds the number of parameters of one statement


def _in(
    connection: Connection, query: Select[Any], column: ColumnElement[str], ids: set[str]
) -> list[Facts]:
    ordered = sorted(ids)
    rows: list[Facts] = []
    for start in range(0, len(ordered), _IN_MAX):
        rows += _rows(connection, query.where(column.in_(ordered[start : start + _IN_MAX])))
    return rows


def _among(
    connection: Connection,
    query: Select[Any],
    ids: set[str],
    one: ColumnElement[str],
    other: ColumnElement[str],
) -> list[Facts]:
    """Return the rows both ends of which are in `ids`."""
    return [row for row in _in(connection, query, one, ids) if row[other.name] in ids]
