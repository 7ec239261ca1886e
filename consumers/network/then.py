"""Who was a nominal at a moment: what police had decided, laid over the people of that moment.

Enrolments and roles stand on one topic, merges and splits on another, so that no single position
tells; both are small, and are put together when somebody looks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from consumers.network.tables import ENTITIES, REDIRECTS, SPLITS
from consumers.projection import Flag

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Connection, Table

    from consumers.network.fold import NetworkFold
    from consumers.projection import Read, Row

#: What merges and splits leave behind that decides whom a decision is about.
_IDENTITY: Final = (REDIRECTS, SPLITS)


def only(read: Read, tables: Iterable[Table]) -> Read:
    """Read these tables and what tells who is who, and nothing of any other."""
    wanted = {table.name for table in (*_IDENTITY, *tables)}

    def rows(table: Table) -> Iterable[Row]:
        return read(table) if table.name in wanted else ()

    return rows


def nominals(fold: NetworkFold, connection: Connection) -> Flag:
    """Return who is a nominal; `fold` knows decisions, merges and splits, the rows the people.

    The rule is that of the fold: enrolled, or in a confirmed role, which of a child or of a victim
    only does not count.
    """
    decided = {*fold.nominals.decisions, *fold.nominals.roles}
    people = {fold.ledger.root(person) for person in decided}
    return Flag(ENTITIES, "is_nominal", frozenset(_nominals(fold, connection, people)))


def _nominals(fold: NetworkFold, connection: Connection, people: Iterable[str]) -> Iterator[str]:
    for person in people:
        ids = tuple(fold.ledger.aliases(person))
        if fold.nominals.is_enrolled(ids) or (
            fold.nominals.holds_role(ids) and not _is_at_risk(connection, person)
        ):
            yield person


def _is_at_risk(connection: Connection, person: str) -> bool:
    query = select(ENTITIES.c.is_child, ENTITIES.c.is_victim, ENTITIES.c.is_suspect)
    row = connection.execute(query.where(ENTITIES.c.entity_id == person)).one_or_none()
    return row is not None and (row.is_child or (row.is_victim and not row.is_suspect))
