"""People as a decision about an OCG needs them: who they are now, and whether they count.

Read from the rows of a store; nothing is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

from sqlalchemy import select

from consumers.network.look import find_entity
from consumers.network.tables import ENTITIES
from consumers.ocg_network.deciding import PersonFacts
from consumers.ocg_network.ground import is_victim_only, root, rows_in
from streams.values import NodeKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import Connection

Entity: TypeAlias = "Mapping[str, Any]"
"""A row of the table of entities."""


def entities_of(connection: Connection, ids: Iterable[str]) -> Mapping[str, Entity]:
    """Return what is known of these ids; one that no live report mentions is left out."""
    found = rows_in(connection, select(ENTITIES), ENTITIES.c.entity_id, set(ids))
    return {row["entity_id"]: row for row in found}


def counts(entity: Entity) -> bool:
    """Tell whether somebody can count in an OCG: a person, no child, and no victim only."""
    is_person = entity["kind"] == NodeKind.PERSON.value
    return is_person and not entity["is_child"] and not is_victim_only(entity)


def people(connection: Connection, ids: Iterable[str]) -> dict[UUID, PersonFacts]:
    """Return who these ids stand for now; one that no live report mentions is left out."""
    roots = {one: root(connection, one) for one in ids}
    entities = entities_of(connection, roots.values())
    return {
        UUID(one): PersonFacts(
            root=UUID(now),
            is_person=entities[now]["kind"] == NodeKind.PERSON.value,
            is_child=bool(entities[now]["is_child"]),
            is_victim_only=is_victim_only(entities[now]),
        )
        for one, now in roots.items()
        if now in entities
    }


def find_people(connection: Connection, typed: Iterable[str]) -> list[str]:
    """Return the entities that ids, or the beginnings of ids, stand for.

    Raises: InvalidInputError.
    """
    return [find_entity(connection, one) for one in typed]
