"""Why the total risk changed between two instants, as plain values, from the rows of a store.

The connection comes from the caller; nothing is written.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlalchemy import select

from consumers.ocg_network.disruption_look import ocg_now
from consumers.ocg_network.disruption_tables import DISRUPTIONS_TABLE
from consumers.ocg_network.ocg_look import lives
from consumers.ocg_network.scoring import Executed, explain, percent
from streams.codes import Impact, Lever

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from fractions import Fraction

    from sqlalchemy import Connection

    from consumers.ocg_network.scoring import OcgChange, Totals
    from streams.codes import Factor

Facts: TypeAlias = dict[str, Any]

#: Stands under every explanation.
BESIDE: Final = (
    "Disruptions and organisational position stand beside the change: what came before it is not"
    " therefore its cause."
)


def executed(connection: Connection) -> Iterator[Executed]:
    """Yield the disruptions that were executed, under the OCG that their OCG is now."""
    now = ocg_now(connection)
    for row in connection.execute(select(DISRUPTIONS_TABLE)):
        if row.executed_on is not None and row.ocg_id is not None:
            yield Executed(
                disruption_id=row.disruption_id,
                ocg_id=now(row.ocg_id),
                executed_on=date.fromisoformat(row.executed_on),
                lever=Lever(row.lever),
                impact=None if row.impact is None else Impact(row.impact),
            )


def explained(connection: Connection, start: datetime, end: datetime) -> Facts:
    """Return totals at two instants, and what moved them: OCG by OCG and factor by factor.

    Raises: InvalidInputError if the end lies before the start.
    """
    told = explain(lives(connection), start, end, executed(connection))
    return {
        "from": _totals(told.start),
        "to": _totals(told.end),
        "percent": {
            "mapped": percent(told.start.mapped, told.end.mapped),
            "risk": percent(told.start.risk, told.end.risk),
        },
        "change": told.change,
        "factors": _parts(told.factors),
        "ocgs": [_one(one) for one in told.ocgs],
        "note": BESIDE,
    }


def _totals(one: Totals) -> Facts:
    return {**asdict(one), "at": one.at.isoformat()}


def _one(one: OcgChange) -> Facts:
    return {
        "ocg_id": one.ocg_id,
        "reference": one.reference,
        "moved": one.moved.value,
        "before": one.before,
        "after": one.after,
        "change": one.change,
        "whole": _number(one.whole),
        "factors": _parts(one.factors),
        "position": {factor.value: list(ends) for factor, ends in one.position.items()},
        "confidence": list(one.confidence),
        "disruptions": [_disruption(each) for each in one.disruptions],
    }


def _disruption(one: Executed) -> Facts:
    return {
        "disruption_id": one.disruption_id,
        "executed_on": one.executed_on.isoformat(),
        "lever": one.lever.value,
        "impact": None if one.impact is None else one.impact.value,
    }


def _parts(parts: Mapping[Factor, Fraction]) -> Facts:
    """Return the parts, the largest first; all are halves, which a float holds exactly."""
    ordered = sorted(parts.items(), key=lambda item: (-abs(item[1]), item[0]))
    return {factor.value: _number(part) for factor, part in ordered}


def _number(part: Fraction) -> int | float:
    return int(part) if part.denominator == 1 else float(part)
