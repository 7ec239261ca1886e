"""How a product is to be handled: as strictly as the strictest report it was made from.

Computed when somebody looks, from the handling that each report keeps beside
its evidence. Source: domain.md section 8, rule 17.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from consumers.network.tables import MENTIONS, REPORTS
from streams.handling import strictest
from streams.parts import Handling
from streams.values import Audience, ConditionCode, HandlingCode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement, Connection

_IN_MAX: Final = 500  # SQLite bounds the number of parameters of one statement


def to_text(handling: Handling) -> str:
    """Write a handling as it stands in a row."""
    return json.dumps([handling.code, handling.recipients, handling.conditions])


def from_text(text: str) -> Handling:
    """Undo `to_text`."""
    code, recipients, conditions = json.loads(text)
    return Handling(
        code=HandlingCode(code),
        recipients=tuple(map(Audience, recipients)),
        conditions=tuple(map(ConditionCode, conditions)),
    )


def of_reports(connection: Connection, report_ids: Iterable[str]) -> dict[str, Any]:
    """Return how what was made from these reports is to be handled."""
    return _told(_texts(connection, REPORTS.c.report_id, report_ids))


def of_entities(connection: Connection, entity_ids: Iterable[str]) -> dict[str, Any]:
    """Return how a view of these entities is to be handled: as all their reports."""
    return _told(_texts(connection, MENTIONS.c.entity_id, entity_ids))


def _texts(connection: Connection, column: ColumnElement[str], ids: Iterable[str]) -> set[str]:
    wanted = sorted(set(ids))
    told = (
        select(REPORTS.c.handling)
        .join(MENTIONS, MENTIONS.c.report_id == REPORTS.c.report_id)
        .where(REPORTS.c.handling.is_not(None))
        .distinct()
    )
    found: set[str] = set()
    for start in range(0, len(wanted), _IN_MAX):
        some = told.where(column.in_(wanted[start : start + _IN_MAX]))
        found.update(text for text in connection.execute(some).scalars() if text is not None)
    return found


def _told(texts: set[str]) -> dict[str, Any]:
    product = strictest(from_text(text) for text in sorted(texts))
    return {
        "code": product.code.value,
        "recipients": [one.value for one in product.recipients],
        "conditions": [one.value for one in product.conditions],
    }
