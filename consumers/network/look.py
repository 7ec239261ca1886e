"""What people see of a network, read from the rows of a store and computed when it is asked for.

The connection comes from the caller; nothing is written.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlalchemy import func, or_, select

from consumers.network import handling
from consumers.network.measures import MeasureBook
from consumers.network.tables import (
    ENTITIES,
    FACTS,
    MENTIONS,
    NETWORKS,
    PAIRS,
    REDIRECTS,
    RELATIONS,
    REPORTS,
    TIES,
)
from consumers.past import iso_of, moment_before
from consumers.projection import POSITIONS
from streams.errors import InvalidInputError
from streams.taxonomy import RELATIONS as TAXONOMY
from streams.taxonomy import Bond, Ends, RelationKind
from streams.topics import POLICE
from streams.values import NodeKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, Select

    from consumers.network.measures import Measures

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


#: Measures of the networks that were looked at last, in this process.
_MEASURED: Final = MeasureBook()


def network(connection: Connection, network_id: str) -> Facts:
    """Return one candidate network: core, periphery, ties, measures, reach, and its handling.

    The core is the innermost k-core over the network's pairs, persons and
    what joins them alike; in a tree nobody stands out, so there is none.
    Children and victims are in neither, and in no order: nobody at risk is ranked.
    """
    members = _rows(connection, select(ENTITIES).where(ENTITIES.c.network_id == network_id))
    ids = {member["entity_id"] for member in members}
    pairs = _among(connection, select(PAIRS), ids, PAIRS.c.low_id, PAIRS.c.high_id)
    measured = _measured(network_id, members, pairs)
    return {
        "network_id": network_id,
        "known_until": known_until(connection),
        **_placed(members, measured.core),
        "pairs": pairs,
        "ties": _network_ties(connection, ids),
        "measures": measured.as_facts(),
        "brokers": _brokers(measured),
        "footprint": footprint(connection, ids),
        "reach": reach(connection, network_id, ids),
        "handling": handling.of_entities(connection, ids),
    }


def _measured(network_id: str, members: Sequence[Facts], pairs: Sequence[Facts]) -> Measures:
    edges = [(pair["low_id"], pair["high_id"]) for pair in pairs]
    ranked = {one["entity_id"] for one in members if _place(one, frozenset()) == "periphery"}
    nodes = sorted(member["entity_id"] for member in members)
    return _MEASURED.measures(network_id, edges, nodes, ranked)


def _brokers(measured: Measures) -> list[Facts]:
    """Return who stands between others: the first by betweenness, and whose loss parts them."""
    return [
        {
            "entity_id": one.node,
            "betweenness": one.value,
            "holds_apart": one.node in measured.cuts,
        }
        for one in measured.betweenness
        if one.value > 0
    ]


def _placed(members: Sequence[Facts], core: Iterable[str]) -> Mapping[str, list[Facts]]:
    innermost = frozenset(core)
    places: dict[str, list[Facts]] = {"core": [], "periphery": [], "at_risk": [], "others": []}
    for member in members:
        places[_place(member, innermost)].append(member)
    return places


def _place(member: Facts, core: frozenset[str]) -> str:
    if member["kind"] != NodeKind.PERSON:
        return "others"
    if member["is_child"] or (member["is_victim"] and not member["is_suspect"]):
        return "at_risk"
    return "core" if member["entity_id"] in core else "periphery"


def known_until(connection: Connection) -> str | None:
    """Return the log time of the last record that the rows rest on, None before the first."""
    read = connection.execute(select(POSITIONS.c.topic, POSITIONS.c.position)).all()
    moments = [moment_before(connection, row.topic, row.position) for row in read]
    return iso_of(max((one for one in moments if one is not None), default=None))


# --- reach -------------------------------------------------------------------------------


def reach(connection: Connection, network_id: str, ids: set[str]) -> Facts:
    """Return how far a network reaches: districts, themes, other networks, and what it shares.

    Another network is reached by a person in it whom a tie of any kind joins to somebody here,
    or by a thing (address, line, vehicle, account) that people of both are tied to. Numbers of
    people only, for who is outside may be a child.
    """
    outward = _outward(connection, ids)
    things = _described(connection, {one for one, kind in outward.items() if kind["is_thing"]})
    people = _described(connection, set(outward) - set(things))
    shared = _sharing(connection, set(things), ids)
    reached: Counter[str] = Counter(
        one["network_id"]
        for one in {**people, **shared}.values()
        if one["network_id"] not in {None, network_id}
    )
    return {
        "districts": footprint(connection, ids),
        "themes": themes(connection, ids),
        "networks": dict(sorted(reached.items(), key=lambda item: (-item[1], item[0]))),
        "people_outside": len(people),
        "things": [_thing(one) for one in things.values()],
    }


_ENDS: Final = (TIES.c.subject_id, TIES.c.object_id)


def _outward(connection: Connection, ids: set[str]) -> Mapping[str, Facts]:
    """Return the other end of every tie that leaves the network, and whether it is a thing."""
    found: dict[str, Facts] = {}
    for mine, other in (
        (TIES.c.subject_id, TIES.c.object_id),
        (TIES.c.object_id, TIES.c.subject_id),
    ):
        ends = select(other.label("entity_id"), TIES.c.kind).distinct()
        for row in _in(connection, ends, mine, ids):
            if row["entity_id"] not in ids:
                ends_of = TAXONOMY[RelationKind(row["kind"])].ends
                found[row["entity_id"]] = {"is_thing": ends_of is not Ends.PERSON_PERSON}
    return found


def _described(connection: Connection, ids: set[str]) -> Mapping[str, Facts]:
    rows = _in(connection, select(ENTITIES), ENTITIES.c.entity_id, ids)
    return {row["entity_id"]: row for row in rows}


def _sharing(connection: Connection, things: set[str], ids: set[str]) -> Mapping[str, Facts]:
    """Return who else is tied to these things."""
    query = select(TIES.c.subject_id)
    subjects = {row["subject_id"] for row in _in(connection, query, TIES.c.object_id, things)}
    return _described(connection, subjects - ids)


def _thing(entity: Facts) -> Facts:
    wanted = ("entity_id", "kind", "is_deal_line", "is_cuckooed", "network_id", "reports")
    return {name: entity[name] for name in wanted}


def themes(connection: Connection, ids: set[str]) -> dict[str, int]:
    """Return in how many reports about these entities each theme is coded."""
    told = (
        select(FACTS.c.report_id, FACTS.c.theme)
        .join(MENTIONS, MENTIONS.c.report_id == FACTS.c.report_id)
        .distinct()
    )
    rows = _in(connection, told, MENTIONS.c.entity_id, ids)
    counted = Counter(theme for _, theme in {(row["report_id"], row["theme"]) for row in rows})
    return dict(sorted(counted.items(), key=lambda item: (-item[1], item[0])))


# --- ties --------------------------------------------------------------------------------


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
