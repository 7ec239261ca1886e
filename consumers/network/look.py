"""What people see of a network, read from the rows of a store and computed when it is asked for.

The connection comes from the caller; nothing is written.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select

from consumers.network import handling
from consumers.network.measures import MeasureBook
from consumers.network.reading import Facts, one_of, rows
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


def networks(connection: Connection, top: int | None = None) -> list[Facts]:
    """Return every candidate network, or the first so many, the largest first."""
    query = select(NETWORKS).order_by(NETWORKS.c.people.desc(), NETWORKS.c.network_id)
    found = rows(connection, query.limit(top))
    weeks = _weeks_by_network(connection, {row["network_id"] for row in found})
    return [{**row, **weeks.get(row["network_id"], {})} for row in found]


def network_count(connection: Connection) -> int:
    """Return how many candidate networks there are."""
    return connection.scalar(select(func.count()).select_from(NETWORKS)) or 0


def _weeks_by_network(connection: Connection, networks: set[str]) -> Mapping[str, Facts]:
    spans = (
        select(
            ENTITIES.c.network_id,
            func.min(PAIRS.c.first_week).label("first_week"),
            func.max(PAIRS.c.last_week).label("last_week"),
            func.count().label("pairs"),
        )
        .join(PAIRS, PAIRS.c.low_id == ENTITIES.c.entity_id)
        .where(ENTITIES.c.network_id.in_(one_of(networks)))
        .group_by(ENTITIES.c.network_id)
    )
    return {row.pop("network_id"): row for row in rows(connection, spans)}


#: Measures of the networks that were looked at last, in this process.
MEASURED: Final = MeasureBook()


def network(connection: Connection, network_id: str) -> Facts:
    """Return one candidate network: core, periphery, ties, measures, reach, and its handling.

    The core is the innermost k-core over the network's pairs, persons and
    what joins them alike; in a tree nobody stands out, so there is none.
    Children and victims are in neither, and in no order: nobody at risk is ranked.
    """
    members = rows(connection, select(ENTITIES).where(ENTITIES.c.network_id == network_id))
    ids = {member["entity_id"] for member in members}
    pairs = _among(connection, select(PAIRS), ids, PAIRS.c.low_id, PAIRS.c.high_id)
    measured = _measured(network_id, members, pairs)
    reached = reach(connection, network_id, ids)
    return {
        "network_id": network_id,
        "known_until": known_until(connection),
        **_placed(members, measured.core),
        "pairs": pairs,
        "ties": _network_ties(connection, ids),
        "measures": measured.as_facts(),
        "brokers": _brokers(measured),
        "footprint": reached["districts"],
        "reach": reached,
        "handling": handling.of_entities(connection, ids),
    }


def _measured(network_id: str, members: Sequence[Facts], pairs: Sequence[Facts]) -> Measures:
    edges = [(pair["low_id"], pair["high_id"]) for pair in pairs]
    ranked = {one["entity_id"] for one in members if _place(one, frozenset()) == "periphery"}
    nodes = sorted(member["entity_id"] for member in members)
    return MEASURED.measures(network_id, edges, nodes, ranked)


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
    for mine, other in (_ENDS, _ENDS[::-1]):
        leaving = select(other, TIES.c.kind).where(mine.in_(one_of(ids)), other.not_in(one_of(ids)))
        for entity_id, kind in connection.execute(leaving.distinct()):
            is_thing = TAXONOMY[RelationKind(kind)].ends is not Ends.PERSON_PERSON
            found[entity_id] = {"is_thing": is_thing}
    return found


def _described(connection: Connection, ids: set[str]) -> Mapping[str, Facts]:
    found = _in(connection, select(ENTITIES), ENTITIES.c.entity_id, ids)
    return {row["entity_id"]: row for row in found}


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
        select(FACTS.c.theme, func.count(FACTS.c.report_id.distinct()))
        .where(FACTS.c.report_id.in_(_reports_about(ids)))
        .group_by(FACTS.c.theme)
    )
    return _counted(connection, told)


# --- ties --------------------------------------------------------------------------------


_BONDS: Final = frozenset({Bond.NETWORK, Bond.CONDITIONAL})
_JOINING: Final = tuple(kind.value for kind, rule in TAXONOMY.items() if rule.bond in _BONDS)


def _network_ties(connection: Connection, ids: set[str]) -> list[Facts]:
    query = select(TIES).where(TIES.c.kind.in_(_JOINING))
    ties = _among(connection, query, ids, TIES.c.subject_id, TIES.c.object_id)
    evidence = _evidence(connection, _STATED.where(_SUBJECT.c.entity_id.in_(one_of(ids))))
    return [{**tie, "report_ids": evidence.get(_key_of(tie), [])} for tie in ties]


def ties_of(connection: Connection, entity_id: str) -> list[Facts]:
    """Return every tie of one entity, with the reports that say so."""
    ties = [tie for one in _ENDS for tie in rows(connection, select(TIES).where(one == entity_id))]
    evidence = tie_evidence(connection, {entity_id})
    return [
        {**tie, "report_ids": evidence.get(_key_of(tie), [])} for tie in sorted(ties, key=_key_of)
    ]


def tie_evidence(connection: Connection, ids: set[str]) -> Mapping[tuple[str, str, str], list[str]]:
    """Return for each tie that one of `ids` has the live reports that state it."""
    ends = (_SUBJECT.c.entity_id, _OBJECT.c.entity_id)
    either = [_STATED.where(end.in_(one_of(ids))) for end in ends]
    return _evidence(connection, *either)


def _evidence(
    connection: Connection, *queries: Select[Any]
) -> Mapping[tuple[str, str, str], list[str]]:
    found: dict[tuple[str, str, str], dict[str, None]] = {}
    for query in queries:
        for report_id, kind, subject_id, object_id in connection.execute(query):
            key = _normal(subject_id, object_id, kind)
            found.setdefault(key, {})[report_id] = None
    return {key: sorted(reports) for key, reports in found.items()}


def _same_node(mention: Any, number: ColumnElement[int]) -> ColumnElement[bool]:  # noqa: ANN401 - an alias has no type of its own
    same: ColumnElement[bool] = (mention.c.report_id == RELATIONS.c.report_id) & (
        mention.c.node == number
    )
    return same


_SUBJECT: Final = MENTIONS.alias()
_OBJECT: Final = MENTIONS.alias()
_STATED: Final = (
    select(
        RELATIONS.c.report_id,
        RELATIONS.c.kind,
        _SUBJECT.c.entity_id.label("subject_id"),
        _OBJECT.c.entity_id.label("object_id"),
    )
    .join(_SUBJECT, _same_node(_SUBJECT, RELATIONS.c.subject))
    .join(_OBJECT, _same_node(_OBJECT, RELATIONS.c.object))
)
_SYMMETRIC: Final = frozenset(kind.value for kind, rule in TAXONOMY.items() if rule.symmetric)


def _normal(subject: str, target: str, kind: str) -> tuple[str, str, str]:
    """Return the one key of a tie, whichever way round a symmetric one was told."""
    if target < subject and kind in _SYMMETRIC:
        subject, target = target, subject
    return subject, target, kind


def _key_of(tie: Facts) -> tuple[str, str, str]:
    return tie["subject_id"], tie["object_id"], tie["kind"]


def footprint(connection: Connection, ids: set[str]) -> dict[str, int]:
    """Return in how many reports about these entities each postcode district stands."""
    told = (
        select(REPORTS.c.district, func.count())
        .where(REPORTS.c.report_id.in_(_reports_about(ids)), REPORTS.c.district.is_not(None))
        .group_by(REPORTS.c.district)
    )
    return _counted(connection, told)


def _reports_about(ids: set[str]) -> Select[Any]:
    return select(MENTIONS.c.report_id).where(MENTIONS.c.entity_id.in_(one_of(ids)))


def _counted(connection: Connection, query: Select[Any]) -> dict[str, int]:
    counts = connection.execute(query).all()
    return dict(sorted(((name, number) for name, number in counts), key=lambda it: (-it[1], it[0])))


def persons(connection: Connection) -> list[Facts]:
    """Return every person that a live report mentions, those most reported first.

    Children and victims only stand last, by their ids: nobody at risk is ranked.
    """
    people = select(ENTITIES).where(ENTITIES.c.kind == NodeKind.PERSON.value)
    return sorted(rows(connection, people), key=_person_order)


def _person_order(one: Facts) -> tuple[bool, int, str]:
    at_risk = _place(one, frozenset()) == "at_risk"
    return at_risk, 0 if at_risk else -one["reports"], one["entity_id"]


def person(connection: Connection, person_id: str) -> Facts:
    """Return one person (or other entity): standing, ties, and the reports that mention it."""
    (standing,) = rows(connection, select(ENTITIES).where(ENTITIES.c.entity_id == person_id))
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
        "mentions": rows(connection, mentions),
        "handling": handling.of_entities(connection, [person_id]),
    }


def person_with_position(connection: Connection, person_id: str) -> Facts:
    """Return one person, and as `seen` how much of the police topic that rests on."""
    position = select(POSITIONS.c.position).where(POSITIONS.c.topic == POLICE)
    return {**person(connection, person_id), "seen": connection.scalar(position) or 0}


def _in(
    connection: Connection, query: Select[Any], column: ColumnElement[str], ids: Iterable[str]
) -> list[Facts]:
    return rows(connection, query.where(column.in_(one_of(ids))))


def _among(
    connection: Connection,
    query: Select[Any],
    ids: set[str],
    one: ColumnElement[str],
    other: ColumnElement[str],
) -> list[Facts]:
    """Return the rows both ends of which are in `ids`, in the order of their ends."""
    return sorted(
        (row for row in _in(connection, query, one, ids) if row[other.name] in ids),
        key=lambda row: (row[one.name], row[other.name], row.get("kind", "")),
    )
