"""How a product is to be handled: as strictly as the strictest report it was made from.

Computed when somebody looks, from the handling that each report keeps beside
its evidence. Source: domain.md section 8, rule 17.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from consumers.network.reading import one_of
from consumers.network.tables import MENTIONS, REPORTS
from streams.handling import strictest
from streams.parts import Handling
from streams.values import Audience, ConditionCode, HandlingCode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection, Select


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
    return _told(_texts(connection, one_of(report_ids)))


def of_entities(connection: Connection, entity_ids: Iterable[str]) -> dict[str, Any]:
    """Return how a view of these entities is to be handled: as all their reports."""
    about = select(MENTIONS.c.report_id).where(MENTIONS.c.entity_id.in_(one_of(entity_ids)))
    return _told(_texts(connection, about))


def _texts(connection: Connection, report_ids: Select[Any]) -> set[str]:
    told = select(REPORTS.c.handling).where(REPORTS.c.report_id.in_(report_ids)).distinct()
    return {text for text in connection.execute(told).scalars() if text is not None}


def _told(texts: set[str]) -> dict[str, Any]:
    product = strictest(from_text(text) for text in sorted(texts))
    return {
        "code": product.code.value,
        "recipients": [one.value for one in product.recipients],
        "conditions": [one.value for one in product.conditions],
    }
