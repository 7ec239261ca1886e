"""Reading rows: as plain facts by name, and for however many ids in one statement."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import func, select

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection, Select

Facts: TypeAlias = dict[str, Any]


def rows(connection: Connection, query: Select[Any]) -> list[Facts]:
    """Return the rows of a query by the names of its columns."""
    found = connection.execute(query)
    names = tuple(found.keys())
    return [dict(zip(names, row, strict=True)) for row in found]


def one_of(values: Iterable[str] | Iterable[int]) -> Select[Any]:
    """Return values as a query: SQLite bounds the parameters of a statement, not this."""
    listed = func.json_each(json.dumps(sorted(values))).table_valued("value")
    return select(listed.c.value)
