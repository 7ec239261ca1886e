"""What became of networks between two moments, and why: read from the versions of the rows.

Costs what changed meanwhile, not what there is. The evidence is one topic, so a moment is a
position in it: a change came with an event that lies from the first position on and below the
second. The connection comes from the caller; nothing is written.
"""

from __future__ import annotations

from collections import defaultdict
from enum import StrEnum
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlalchemy import ColumnElement, literal_column, or_, select

from consumers.network.reading import Facts, one_of, rows
from consumers.network.tables import (
    ENTITIES,
    GRADES,
    HISTORY,
    REDIRECTS,
    REPORTS,
    SPLITS,
    TIES,
)
from consumers.past import MOMENTS, OPEN, iso_of, past_of
from streams.evidence import event_named
from streams.taxonomy import RELATIONS as TAXONOMY
from streams.taxonomy import Bond, RelationKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import Connection, Select, Table

    Key: TypeAlias = tuple[Any, ...]

Window: TypeAlias = tuple[int, int]
"""From a position, below another one."""

_JOINING: Final = frozenset({Bond.NETWORK, Bond.CONDITIONAL})


class Become(StrEnum):
    """What happened to a person or thing, or to a tie."""

    JOINED = "JOINED"
    LEFT = "LEFT"
    LINKED = "LINKED"  # a child, or a victim only: near a network, never called one of it
    UNLINKED = "UNLINKED"
    APPEARED = "APPEARED"
    VANISHED = "VANISHED"
    STRENGTHENED = "STRENGTHENED"  # more distinct origins
    WEAKENED = "WEAKENED"
    CONFIRMED = "CONFIRMED"  # tentative no longer
    TENTATIVE = "TENTATIVE"  # again
    REGRADED = "REGRADED"  # its weakest grade is another


# --- a network's own history ---------------------------------------------------------------


def history(connection: Connection, topic: str, network_id: str) -> Facts:
    """Return all that happened to a network, in order, with the event behind each change."""
    mine = or_(HISTORY.c.network_id == network_id, HISTORY.c.other_id == network_id)
    query = select(HISTORY).where(mine).order_by(HISTORY.c.offset, HISTORY.c.number)
    happened = rows(connection, query)
    causes = causes_at(connection, topic, {row["offset"] for row in happened})
    return {
        "network_id": network_id,
        "changes": [{**row, "because": causes[row["offset"]]} for row in happened],
    }


# --- between two moments ---------------------------------------------------------------------


def difference(
    connection: Connection, topic: str, window: Window, network_id: str | None = None
) -> Facts:
    """Return who joined and left networks, which ties changed, and what each change came with.

    With a network only what concerns it: people who joined or left it, ties within it.
    """
    people = [
        one
        for one in _moves(connection, window)
        if network_id is None or network_id in {one["from_network"], one["to_network"]}
    ]
    ties = list(_tie_changes(connection, window, network_id))
    happened = _happened(connection, window, network_id)
    _explain(connection, topic, window, people, ties)
    causes = causes_at(connection, topic, {one["offset"] for one in happened})
    return {
        "topic": topic,
        "from_position": window[0],
        "to_position": window[1],
        "network_id": network_id,
        "networks": [{**one, "because": causes[one["offset"]]} for one in happened],
        "people": people,
        "ties": ties,
    }


def _happened(connection: Connection, window: Window, network_id: str | None) -> list[Facts]:
    query = select(HISTORY).where(HISTORY.c.offset >= window[0], HISTORY.c.offset < window[1])
    if network_id is not None:
        mine = (HISTORY.c.network_id == network_id, HISTORY.c.other_id == network_id)
        query = query.where(or_(*mine))
    return rows(connection, query.order_by(HISTORY.c.offset, HISTORY.c.number))


def _moves(connection: Connection, window: Window) -> Iterator[Facts]:
    """Yield whoever is in another network than before, or in one and not before, or no more."""
    for (entity_id,), before, after in _changed(connection, ENTITIES, window):
        was, now = _network(before), _network(after)
        if was != now:
            known: Facts = after or before or {}
            yield {
                "entity_id": entity_id,
                "kind": known["kind"],
                "change": _move(known, now),
                "from_network": was,
                "to_network": now,
            }


def _move(entity: Facts, now: str | None) -> Become:
    if entity["is_child"] or (entity["is_victim"] and not entity["is_suspect"]):
        return Become.UNLINKED if now is None else Become.LINKED
    return Become.LEFT if now is None else Become.JOINED


def _tie_changes(connection: Connection, window: Window, network_id: str | None) -> Iterator[Facts]:
    found = [
        (key, before, after, become)
        for key, before, after in _changed(connection, TIES, window)
        if TAXONOMY[RelationKind(key[2])].bond in _JOINING
        and (become := list(_become(before, after)))
    ]
    ends = {end for key, *_ in found for end in key[:2]}
    homes = [_networks_at(connection, ends, position) for position in window]
    for key, before, after, become in found:
        within = {home.get(end) for home in homes for end in key[:2]} - {None}
        if within and (network_id is None or network_id in within):
            yield {
                **dict(zip(("subject_id", "object_id", "kind"), key, strict=True)),
                "changes": become,
                "weight_before": before["weight"] if before else 0,
                "weight_after": after["weight"] if after else 0,
                "networks": sorted(within),
            }


def _become(before: Facts | None, after: Facts | None) -> Iterator[Become]:
    if before is None:
        yield Become.APPEARED
    elif after is None:
        yield Become.VANISHED
    else:
        yield from _altered(before, after)


def _altered(before: Facts, after: Facts) -> Iterator[Become]:
    if after["weight"] != before["weight"]:
        more = after["weight"] > before["weight"]
        yield Become.STRENGTHENED if more else Become.WEAKENED
    if after["tentative"] != before["tentative"]:
        yield Become.TENTATIVE if after["tentative"] else Become.CONFIRMED
    grade = ("weakest_scheme", "weakest_source", "weakest_assessment")
    if any(after[name] != before[name] for name in grade):
        yield Become.REGRADED


def _changed(
    connection: Connection, table: Table, window: Window
) -> Iterator[tuple[Key, Facts | None, Facts | None]]:
    """Yield each key whose row is another at the end than at the beginning, and both rows."""
    past = past_of(table)
    low, high = window
    over: ColumnElement[int] = literal_column(str(OPEN))  # as the index says it, or it is not taken
    ended = select(past).where(
        past.c.held_until >= low,
        past.c.held_until < high,
        past.c.held_until < over,
        past.c.held_since + 0 < low,  # not by its own index: most versions began earlier
    )
    begun = select(past).where(
        past.c.held_since >= low, past.c.held_since < high, past.c.held_until >= high
    )
    keys = [column.name for column in table.primary_key.columns]
    before = {tuple(row[name] for name in keys): row for row in rows(connection, ended)}
    after = {tuple(row[name] for name in keys): row for row in rows(connection, begun)}
    for key in sorted({*before, *after}):
        yield key, before.get(key), after.get(key)


def _networks_at(connection: Connection, entities: set[str], position: int) -> Mapping[str, str]:
    past = past_of(ENTITIES)
    held = select(past.c.entity_id, past.c.network_id).where(
        past.c.held_since < position, past.c.held_until >= position
    )
    return {
        row["entity_id"]: row["network_id"]
        for row in _in(connection, held, past.c.entity_id, entities)
    }


# --- why -------------------------------------------------------------------------------------


def _explain(
    connection: Connection,
    topic: str,
    window: Window,
    people: Sequence[Facts],
    ties: Sequence[Facts],
) -> None:
    """Add to each change the events with which it came."""
    moved, tied = _moved_at(connection, people, window), _tied_at(connection, ties, window)
    found = [moved[one["entity_id"]] for one in people] + [tied[_tie_key(one)] for one in ties]
    causes = causes_at(connection, topic, {at for some in found for at in some})
    for one, offsets in zip((*people, *ties), found, strict=True):
        one["because"] = [cause for at in sorted(offsets) for cause in causes[at]]


def _moved_at(
    connection: Connection, people: Sequence[Facts], window: Window
) -> Mapping[str, set[int]]:
    """Return the offsets at which somebody's network changed, not just any fact about them."""
    past = past_of(ENTITIES)
    query = select(past.c.entity_id, past.c.network_id, past.c.held_since, past.c.held_until)
    within = query.where(past.c.held_until >= window[0], past.c.held_since < window[1])
    ordered = within.order_by(past.c.entity_id, past.c.held_since)
    versions = _in(connection, ordered, past.c.entity_id, (one["entity_id"] for one in people))
    return {
        entity: {
            at
            for at, was, now in _turns(tuple(some))
            if window[0] <= at < window[1] and _network(was) != _network(now)
        }
        for entity, some in groupby(versions, itemgetter("entity_id"))
    }


def _network(version: Facts | None) -> str | None:
    return None if version is None else version["network_id"]


def _turns(versions: Sequence[Facts]) -> Iterator[tuple[int, Facts | None, Facts | None]]:
    """Yield each offset at which the row became another, and both."""
    last: Facts | None = None
    for version in versions:
        if last is not None and last["held_until"] < version["held_since"]:
            yield last["held_until"], last, None
            last = None
        yield version["held_since"], last, version
        last = version
    if last is not None:
        yield last["held_until"], last, None


def _tied_at(
    connection: Connection, ties: Sequence[Facts], window: Window
) -> Mapping[Key, set[int]]:
    """Return the offsets at which each tie became another one, not just was told of again.

    A version is compared with the one before it: what was written twice, the same both times, is
    one version or two, as its records came in one batch or in two.
    """
    past = past_of(TIES)
    within = select(past).where(past.c.held_until >= window[0], past.c.held_since < window[1])
    key = (past.c.subject_id, past.c.object_id, past.c.kind)
    ordered = within.order_by(*key, past.c.held_since)
    versions = _in(connection, ordered, past.c.subject_id, (one["subject_id"] for one in ties))
    return {
        tie: {
            at
            for at, was, now in _turns(tuple(some))
            if window[0] <= at < window[1] and any(_become(was, now))
        }
        for tie, some in groupby(versions, _tie_key)
    }


def _tie_key(tie: Facts) -> Key:
    return tie["subject_id"], tie["object_id"], tie["kind"]


def causes_at(
    connection: Connection, topic: str, offsets: Iterable[int]
) -> Mapping[int, list[Facts]]:
    """Return for each offset which event lies there, when it came, and what it is about."""
    wanted = set(offsets)
    about: defaultdict[int, Facts] = defaultdict(dict)
    for table, column, name in _ABOUT:
        past = past_of(table)
        for row in _in(
            connection, select(past.c[column], past.c.held_since), past.c.held_since, wanted
        ):
            about[row["held_since"]].setdefault(name, row[column])
    moments = select(MOMENTS).where(MOMENTS.c.topic == topic)
    return defaultdict(
        list,
        {
            row["offset"]: [_cause(row, about[row["offset"]])]
            for row in _in(connection, moments, MOMENTS.c.offset, wanted)
        },
    )


#: What an event is about is what it left behind at its offset.
_ABOUT: Final = (
    (REPORTS, "report_id", "report_id"),
    (GRADES, "report_id", "report_id"),
    (REDIRECTS, "absorbed_id", "absorbed_id"),
    (REDIRECTS, "kept_id", "kept_id"),
    (SPLITS, "person_id", "split_id"),
)
#: Merges and splits rewrite reports too; they are not about them.
_OF_REPORTS: Final = ("report_id",)
_OF_PEOPLE: Final = {"PersonsMerged": ("kept_id", "absorbed_id"), "PersonSplit": ("split_id",)}


def _cause(moment: Facts, about: Facts) -> Facts:
    event = event_named(moment["schema_id"])
    names = _OF_PEOPLE.get(event, _OF_REPORTS)
    told = {name: about[name] for name in names if name in about}
    return {
        "event": event,
        "offset": moment["offset"],
        "at": iso_of(moment["appended_at"]),
        **told,
    }


def _in(
    connection: Connection, query: Select[Any], column: ColumnElement[Any], values: Iterable[Any]
) -> list[Facts]:
    return rows(connection, query.where(column.in_(one_of(set(values)))))
