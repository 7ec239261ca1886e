"""The lever gap finder: what was not tried yet against an OCG, or failed, and who could do it.

It offers what the OCG's present people and things make possible, never against a child or a victim
only, and says where the hub's view comes first. It proposes and decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from consumers.network.tables import ENTITIES, MENTIONS, TIES
from consumers.ocg_network.disruptions import State
from consumers.ocg_network.ground import rows_in, targets_of, views_about
from consumers.ocg_network.levers import TargetKind, catalogue
from consumers.ocg_network.people import counts
from streams.codes import HubView
from streams.taxonomy import RelationKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from sqlalchemy import Connection

    from consumers.ocg_network.disruption_decisions import AskedView, Target
    from consumers.ocg_network.disruptions import Disruption
    from consumers.ocg_network.levers import CatalogueEntry
    from streams.codes import Lever

#: Ties from a member to a thing that a lever may be used against.
_HAS: Final = frozenset(
    {
        *(RelationKind.LIVES_AT.value, RelationKind.CUCKOOED_AT.value, RelationKind.USES.value),
        RelationKind.MEMBER_OF.value,
    }
)
NOT_AN_ORDER: Final = (
    "What could be tried, not what should be: a named officer of the agency decides. No lever is"
    " offered against a child or a victim only."
)


class Tried(StrEnum):
    """How a lever stands with an OCG."""

    NOT_TRIED = "NOT_TRIED"
    FAILED = "FAILED"
    PLANNED = "PLANNED"
    EXECUTED = "EXECUTED"


class ViewState(StrEnum):
    """Whether the hub's view is needed at a target, and what it is."""

    NOT_NEEDED = "NOT_NEEDED"
    ASK_FIRST = "ASK_FIRST"
    ASKED = "ASKED"
    GIVEN = "GIVEN"
    HOLD = "HOLD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """One target that a lever fits. `view` is what the hub said, where it was asked."""

    entity_id: str | None
    kind: TargetKind
    view_state: ViewState
    view: HubView | None
    age_known: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """One lever and the targets it fits that it was not executed against. `failures` are codes."""

    entry: CatalogueEntry
    tried: Tried
    failures: tuple[str, ...]
    chances: tuple[Chance, ...]

    @property
    def is_gap(self) -> bool:
        """Whether it was never tried, or failed and can be tried again."""
        return self.tried in {Tried.NOT_TRIED, Tried.FAILED} and bool(self.chances)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What a lever could be used against, and what the hub was asked about each of it."""

    targets: tuple[Target, ...]
    views: Mapping[str, Mapping[Lever, AskedView]]


def reach_of(connection: Connection, members: AbstractSet[str], day: str) -> Reach:
    """Return the people and things of an OCG as they stand, on a day (ISO date)."""
    entities = entities_of(connection, members)
    targets = targets_of(connection, entities, day)
    views = {
        one: views_about(connection, one)
        for one, target in targets.items()
        if target.protects_child
    }
    usable = (one for one in targets.values() if not (one.is_child or one.is_victim_only))
    return Reach(targets=tuple(usable), views=views)


def entities_of(connection: Connection, members: AbstractSet[str]) -> AbstractSet[str]:
    """Return members and what those of them have who count, and homes that were taken over.

    What a child or a victim has alone is no target: a lever against it is one against them.
    """
    known = rows_in(connection, select(ENTITIES), ENTITIES.c.entity_id, members)
    counted = {row["entity_id"] for row in known if counts(row)}
    return members | _owned(connection, counted) | _taken_over(connection, members)


def gaps(reach: Reach, disruptions: Sequence[Disruption]) -> list[Gap]:
    """Return every lever of the catalogue that fits a target, or was tried, in its order."""
    found = [_gap(entry, reach, disruptions) for entry in catalogue().entries.values()]
    return [gap for gap in found if gap.chances or gap.tried is not Tried.NOT_TRIED]


def _gap(entry: CatalogueEntry, reach: Reach, disruptions: Sequence[Disruption]) -> Gap:
    mine = [one for one in disruptions if one.lever == entry.lever.value]
    done = {one.target_id for one in mine if one.state is State.EXECUTED}
    fitting = (one for one in reach.targets if _fits(entry, one) and one.entity_id not in done)
    chances = [_chance(entry, one, reach.views.get(one.entity_id, {})) for one in fitting]
    if TargetKind.GROUP in entry.targets and None not in done:
        chances.append(_GROUP)
    return Gap(
        entry=entry,
        tried=_tried(mine),
        failures=tuple(one.failure for one in mine if one.failure is not None),
        chances=tuple(chances),
    )


_GROUP: Final = Chance(
    entity_id=None,
    kind=TargetKind.GROUP,
    view_state=ViewState.NOT_NEEDED,
    view=None,
    age_known=True,
)


def _fits(entry: CatalogueEntry, target: Target) -> bool:
    return target.kind in entry.targets and not (entry.takes_the_home and target.shelters_victim)


def _chance(entry: CatalogueEntry, target: Target, asked: Mapping[Lever, AskedView]) -> Chance:
    request = asked.get(entry.lever) if target.protects_child else None
    return Chance(
        entity_id=target.entity_id,
        kind=target.kind or TargetKind.GROUP,
        view_state=_view_state(target, request),
        view=None if request is None else request.view,
        age_known=target.age_known,
    )


def _view_state(target: Target, request: AskedView | None) -> ViewState:
    if not target.protects_child:
        return ViewState.NOT_NEEDED
    if request is None:
        return ViewState.ASK_FIRST
    if request.view is None:
        return ViewState.ASKED
    hold = request.view is HubView.HOLD_UNTIL_CHILD_SAFE
    return ViewState.HOLD if hold else ViewState.GIVEN


def _tried(mine: Iterable[Disruption]) -> Tried:
    states = {one.state for one in mine}
    for state, tried in (
        (State.EXECUTED, Tried.EXECUTED),
        (State.PLANNED, Tried.PLANNED),
        (State.FAILED, Tried.FAILED),
    ):
        if state in states:
            return tried
    return Tried.NOT_TRIED


def _owned(connection: Connection, people: AbstractSet[str]) -> set[str]:
    ties = rows_in(connection, select(TIES), TIES.c.subject_id, people)
    return {row["object_id"] for row in ties if row["kind"] in _HAS}


def _taken_over(connection: Connection, members: AbstractSet[str]) -> set[str]:
    """Return the homes that reports about members say were taken over."""
    told = select(MENTIONS.c.report_id)
    reports = {row["report_id"] for row in rows_in(connection, told, MENTIONS.c.entity_id, members)}
    beside = select(MENTIONS.c.entity_id)
    near = {row["entity_id"] for row in rows_in(connection, beside, MENTIONS.c.report_id, reports)}
    taken = select(TIES.c.object_id).where(TIES.c.kind == RelationKind.CUCKOOED_AT.value)
    return {row["object_id"] for row in rows_in(connection, taken, TIES.c.object_id, near)}
