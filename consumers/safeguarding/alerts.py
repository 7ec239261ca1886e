"""Alerts, rules version 1: one per rule and child, with the reason as a path; not referrals."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias
from uuid import UUID, uuid5

from consumers.safeguarding.paths import PARENTAL, Path, Paths
from streams.shared import AlertRaised, AlertUpdated
from streams.taxonomy import RelationKind
from streams.values import AlertRule, NodeKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from consumers.network.entities import Standing
    from consumers.network.fold import NetworkFold, Touched

RULE_VERSION: Final = 1
_NAMESPACE: Final = UUID("8f2c5a1e-6d0b-5c34-9b77-5e1d0a4c2f63")
_FIND: Final[Mapping[AlertRule, Callable[[Paths, str], Path | None]]] = {
    AlertRule.CHILD_TIED_TO_NOMINAL: Paths.to_nominal,
    AlertRule.SIBLING_OF_INVOLVED: Paths.through_sibling,
    AlertRule.FRIEND_OF_INVOLVED: Paths.through_friend,
}
_CLOSE_KINDS: Final = PARENTAL | {RelationKind.SIBLING, RelationKind.FRIEND}

AlertKey: TypeAlias = tuple[AlertRule, str]


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert as it stands. `version` rises when the path or its evidence changes.

    Without support the last path stays readable in the history; the alert
    itself is never closed here, a named human does that.
    """

    rule: AlertRule
    child_id: str
    version: int
    supported: bool
    path: Path
    raised_at: datetime
    updated_at: datetime

    @property
    def alert_id(self) -> UUID:
        """A hash of rule and child, the same in every rebuild."""
        return alert_id_of(self.rule, self.child_id)


def alert_id_of(rule: AlertRule, child_id: str) -> UUID:
    """Return the id of the one alert of a rule for a child."""
    return uuid5(_NAMESPACE, f"{rule.value} {child_id}")


class AlertBook:
    """The alerts so far, and which of them one event of the fold changes.

    It is asked after every event, so that batches do not matter, and looks
    only around what the event touched.
    """

    def __init__(self) -> None:
        self.alerts: dict[AlertKey, Alert] = {}

    def evaluate(self, fold: NetworkFold, around: Neighbourhood, at: datetime) -> list[Alert]:
        """Bring the alerts up to date; return those raised or changed, in a fixed order."""
        paths = Paths(fold)
        tied = self._settle(AlertRule.CHILD_TIED_TO_NOMINAL, around.near_network(), paths, at)
        close = around.close_to(alert.child_id for alert in tied)
        siblings = self._settle(AlertRule.SIBLING_OF_INVOLVED, close, paths, at)
        friends = self._settle(AlertRule.FRIEND_OF_INVOLVED, close, paths, at)
        return [*tied, *siblings, *friends]

    def _settle(
        self, rule: AlertRule, people: Iterable[str], paths: Paths, at: datetime
    ) -> list[Alert]:
        changed: list[Alert] = []
        for child in sorted(people):
            path = _FIND[rule](paths, child) if paths.is_child(child) else None
            alert = self._next(rule, child, path, at)
            if alert is not None:
                self.alerts[rule, child] = alert
                changed.append(alert)
        return changed

    def _next(self, rule: AlertRule, child: str, path: Path | None, at: datetime) -> Alert | None:
        """Return the alert as it becomes, None if nothing changes."""
        known = self.alerts.get((rule, child))
        if known is None:
            if path is None:
                return None
            return Alert(rule, child, 1, True, path, at, at)  # noqa: FBT003 - supported
        if (path or ()) == (known.path if known.supported else ()):
            return None
        return replace(
            known,
            version=known.version + 1,
            supported=path is not None,
            path=path or (),
            updated_at=at,
        )


class Neighbourhood:
    """Whom a change can concern: the people that could have a path through it."""

    def __init__(self, fold: NetworkFold, touched: Touched) -> None:
        self._fold = fold
        self._touched = touched
        self._moved = {
            entity for entity, (before, now) in touched.standings.items() if _differ(before, now)
        }

    def everybody(self) -> set[str]:
        """Return everybody of whom an alert, raised or possible, may have changed."""
        near = self.near_network()
        return near | self.close_to(near)

    def near_network(self) -> set[str]:
        """Return people whose tie to a (suspected) nominal may have changed."""
        found: set[str] = set()
        for low, high in self._touched.pairs:
            found |= self._around_pair(low, high) | self._around_pair(high, low)
        for person in self._moved:
            found |= self._around(person)
        return self._people(found)

    def close_to(self, moved: Iterable[str]) -> set[str]:
        """Return people with a sibling or friend that may be involved now, or no longer."""
        ends = {entity for pair in self._touched.pairs for entity in pair}
        base = self._people(ends | self._moved) | set(moved)
        found = set(base)
        for person in base:
            for near in self._close(person):
                found.add(near)
                found |= self._children_of(near)
        return self._people(found)

    def _around_pair(self, one: str, other: str) -> set[str]:
        """Return one end, and who meets the other end there if that end is of concern."""
        if self._is_person(one) or not self._is_of_concern(other):
            return {one}
        return {one, *self._fold.links(one)}

    def _around(self, person: str) -> set[str]:
        found = {person}
        for near in self._fold.links(person):
            found.add(near)
            if not self._is_person(near):
                found.update(self._fold.links(near))
        return found

    def _close(self, person: str) -> Iterator[str]:
        for near, pair in self._fold.near(person).items():
            if any(tie.kind in _CLOSE_KINDS for tie in pair.ties):
                yield near

    def _children_of(self, carer: str) -> set[str]:
        return {
            near
            for near, pair in self._fold.near(carer).items()
            if any(tie.kind in PARENTAL and tie.subject_id == carer for tie in pair.ties)
        }

    def _people(self, entities: Iterable[str]) -> set[str]:
        return {entity for entity in entities if self._is_person(entity)}

    def _is_person(self, entity: str) -> bool:
        before, now = self._standings(entity)
        return any(one is not None and one.kind is NodeKind.PERSON for one in (before, now))

    def _is_of_concern(self, entity: str) -> bool:
        return any(one is not None and one.is_of_concern for one in self._standings(entity))

    def _standings(self, entity: str) -> tuple[Standing | None, Standing | None]:
        """Return how an entity stood before the event and stands now."""
        now = self._fold.standing(entity)
        return self._touched.standings.get(entity, (now, now))


def _differ(before: Standing | None, now: Standing | None) -> bool:
    """Tell whether a change of standing can matter to an alert; the name of a network cannot."""
    if before is None or now is None:
        return True
    return (before.is_child, before.is_of_concern) != (now.is_child, now.is_of_concern)


def event_of(alert: Alert) -> AlertRaised | AlertUpdated:
    """Return the event that tells of an alert's latest version."""
    path = tuple(step.as_event() for step in alert.path)
    if alert.version == 1:
        return AlertRaised(
            alert_id=alert.alert_id,
            rule=alert.rule,
            rule_version=RULE_VERSION,
            child_id=UUID(alert.child_id),
            path=path,
            raised_at=alert.raised_at,
        )
    return AlertUpdated(
        alert_id=alert.alert_id,
        version=alert.version,
        supported=alert.supported,
        path=path,
        updated_at=alert.updated_at,
    )
