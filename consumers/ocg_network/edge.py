"""Who stands at the edge of an OCG: adults who are tied to its members and are none themselves.

Read from the rows when it is asked for. Children, and who is a victim only, are never listed: they
are counted, and are for the hub.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import select

from consumers.network.tables import PAIRS
from consumers.ocg_network.ground import rows_in
from consumers.ocg_network.people import Entity, counts, entities_of
from streams.values import NodeKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from collections.abc import Set as AbstractSet

    from sqlalchemy import Connection

Facts: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Bond:
    """That somebody is tied to a member: since which week, through which thing if through one.

    `tentative`: nobody has graded any of the reports that say so.
    """

    since: str
    tentative: bool
    through: str | None = None


_Bonds: TypeAlias = "Mapping[str, Mapping[str, _Bond]]"


def edge(
    connection: Connection, members: AbstractSet[str], known: AbstractSet[str], mapped_at: str
) -> Facts:
    """Return adults who are tied to `members` and not in `known`, and since when; newest first.

    Directly, or by one thing that both are tied to (a line, a group). `new` are those whose first
    tie was reported for the week of the mapping or later.
    """
    bonds = _bonds(connection, members)
    outside = {one: by for one, by in bonds.items() if one not in known}
    entities = entities_of(connection, outside)
    people = [row for row in entities.values() if row["kind"] == NodeKind.PERSON.value]
    adults = [_at_edge(row, outside[row["entity_id"]], mapped_at) for row in filter(counts, people)]
    adults.sort(key=lambda one: (one["since"], one["person_id"]), reverse=True)
    return {"people": adults, "left_out": len(people) - len(adults)}


def _bonds(connection: Connection, members: AbstractSet[str]) -> _Bonds:
    """Return who is tied to a member: directly, or through one thing."""
    direct = _neighbours(connection, members)
    things = {
        one
        for one, row in entities_of(connection, direct).items()
        if row["kind"] != NodeKind.PERSON.value
    }
    found: dict[str, dict[str, _Bond]] = {
        one: dict(by) for one, by in direct.items() if one not in things
    }
    for person, by in _neighbours(connection, things).items():
        for thing, beyond in by.items():
            for member, near in direct[thing].items():
                known = found.setdefault(person, {})
                known.setdefault(member, _through(thing, near, beyond))
    return found


def _through(thing: str, near: _Bond, beyond: _Bond) -> _Bond:
    return _Bond(
        since=max(near.since, beyond.since),
        tentative=near.tentative or beyond.tentative,
        through=thing,
    )


def _neighbours(connection: Connection, ids: AbstractSet[str]) -> _Bonds:
    """Return what is tied to these and none of them: the other end, then which of these."""
    found: dict[str, dict[str, _Bond]] = defaultdict(dict)
    ends = ((PAIRS.c.low_id, PAIRS.c.high_id), (PAIRS.c.high_id, PAIRS.c.low_id))
    for inner, outer in ends:
        for row in rows_in(connection, select(PAIRS), inner, ids):
            if row[outer.name] not in ids:
                bond = _Bond(row["first_week"], bool(row["tentative"]))
                found[row[outer.name]][row[inner.name]] = bond
    return found


def _at_edge(entity: Entity, tied: Mapping[str, _Bond], mapped_at: str) -> Facts:
    since = min(bond.since for bond in tied.values())
    return {
        "person_id": entity["entity_id"],
        "since": since,
        "new": since >= _iso_week(mapped_at),
        "tentative": all(bond.tentative for bond in tied.values()),
        "tied_to": sorted(tied),
        "through": sorted(_things(tied.values())),
        "is_nominal": bool(entity["is_nominal"]),
        "reports": entity["reports"],
    }


def _things(bonds: Iterable[_Bond]) -> set[str]:
    return {bond.through for bond in bonds if bond.through is not None}


def _iso_week(instant: str) -> str:
    year, week, _ = datetime.fromisoformat(instant).isocalendar()
    return f"{year}-W{week:02}"
