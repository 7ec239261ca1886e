"""Alerts: one per rule and person, with the reason as ties and signs; not referrals."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias
from uuid import UUID, uuid5

from consumers.safeguarding.paths import PARENTAL, Path
from streams.shared import AlertRaised, AlertUpdated, SignSeen
from streams.taxonomy import RelationKind
from streams.values import Activity, AlertRule, NodeKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from consumers.network.entities import Standing
    from consumers.network.fold import NetworkFold, Touched
    from streams.codes import AlertSubject

_NAMESPACE: Final = UUID("8f2c5a1e-6d0b-5c34-9b77-5e1d0a4c2f63")
_CLOSE_KINDS: Final = PARENTAL | {RelationKind.SIBLING, RelationKind.FRIEND}
SIGNS_MAX: Final = 50
"""How many signs an alert names (the latest), so that it stays of bounded size."""

AlertKey: TypeAlias = tuple[str, str]
"""Rule id and person; of a standard rule its kind equals its id."""


@dataclass(frozen=True, slots=True)
class Sign:
    """A coded sign that counts: what, in which week, by which report."""

    activity: Activity
    week: str
    report_id: str

    def as_event(self) -> SignSeen:
        """Return the sign as an alert carries it."""
        return SignSeen(activity=self.activity, week=self.week, report_id=UUID(self.report_id))


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a rule alerts: the ties, the signs, or both."""

    path: Path = ()
    signs: tuple[Sign, ...] = ()


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert as it stands. `version` rises when the reason or its evidence changes.

    `child_id` is whom it is about by the id of today, an adult where `about` says so;
    `raised_for` is the id it was raised for, from which its own id was made. `rule` is the
    kind of the rule `rule_id`. `rule_version` is the version it was last judged anew by.
    Without support the last reason stays readable in the history; the alert itself is never
    closed here, a named human does that.
    """

    rule_id: str
    rule: AlertRule
    rule_version: int
    about: AlertSubject
    raised_for: str
    child_id: str
    version: int
    supported: bool
    path: Path
    signs: tuple[Sign, ...]
    raised_at: datetime
    updated_at: datetime

    @property
    def alert_id(self) -> UUID:
        """A hash of the rule and the id it was raised for, the same in every rebuild."""
        return alert_id_of(self.rule_id, self.raised_for)

    @property
    def key(self) -> AlertKey:
        """Rule id and person, as the book keeps it."""
        return self.rule_id, self.child_id


def alert_id_of(rule_id: str, person: str) -> UUID:
    """Return the id of the one alert of a rule for a person."""
    return uuid5(_NAMESPACE, f"{rule_id} {person}")


class AlertBook:
    """The alerts so far, at most one for each rule and person; none is ever taken out."""

    def __init__(self) -> None:
        self.alerts: dict[AlertKey, Alert] = {}
        #: By whom an alert is about and by whom it was raised for; both for most are one.
        self._keys_of: dict[str, set[AlertKey]] = {}

    def load(self, alerts: Iterable[Alert]) -> None:
        """Take the alerts of a store."""
        for alert in alerts:
            self.put(alert)

    def put(self, alert: Alert) -> None:
        """Keep an alert as it is now."""
        self.alerts[alert.key] = alert
        for person in (alert.child_id, alert.raised_for):
            self._keys_of.setdefault(person, set()).add(alert.key)

    def follow(self, people: Iterable[str], fold: NetworkFold) -> Iterator[tuple[str, Alert]]:
        """Let alerts follow people who go by another id now; yield where each came from, and it.

        An alert goes where the id that it was raised for has gone, unless that person has an
        alert of the same rule: then it stays where it is, without support, and a split finds it.
        """
        for person in people:
            for key in sorted(self._keys_of.get(person, ())):
                alert = self.alerts[key]
                home = fold.ledger.root(alert.raised_for)
                if home != alert.child_id and (alert.rule_id, home) not in self.alerts:
                    yield alert.child_id, self._move(alert, home)

    def _move(self, alert: Alert, home: str) -> Alert:
        del self.alerts[alert.key]
        for person in (alert.child_id, alert.raised_for):
            self._keys_of[person].discard(alert.key)
        moved = replace(alert, child_id=home)
        self.put(moved)
        return moved


class Neighbourhood:
    """Whom a change can concern: the people that could have a path through it."""

    def __init__(self, fold: NetworkFold, touched: Touched) -> None:
        self._fold = fold
        self._touched = touched
        self.moved = {
            entity for entity, (before, now) in touched.standings.items() if _differ(before, now)
        }

    def everybody(self) -> set[str]:
        """Return everybody of whom an alert, raised or possible, may have changed."""
        near = self.near_network()
        return near | self.close_to(near)

    def moved_people(self) -> set[str]:
        """Return the people that stand otherwise than before, where it can matter."""
        return self._people(self.moved)

    def near_network(self) -> set[str]:
        """Return people whose tie to a (suspected) nominal may have changed."""
        found: set[str] = set()
        for low, high in self._touched.pairs:
            found |= self._around_pair(low, high) | self._around_pair(high, low)
        for person in self.moved:
            found |= self._around(person)
        return self._people(found)

    def close_to(self, moved: Iterable[str]) -> set[str]:
        """Return people with a sibling or friend that may be involved now, or no longer."""
        ends = {entity for pair in self._touched.pairs for entity in pair}
        base = self._people(ends | self.moved) | set(moved)
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
    signs = tuple(sign.as_event() for sign in alert.signs)
    if alert.version == 1:
        return AlertRaised(
            alert_id=alert.alert_id,
            rule=alert.rule,
            rule_version=alert.rule_version,
            child_id=UUID(alert.child_id),
            path=path,
            raised_at=alert.raised_at,
            rule_id=alert.rule_id,
            about=alert.about,
            signs=signs,
        )
    return AlertUpdated(
        alert_id=alert.alert_id,
        version=alert.version,
        supported=alert.supported,
        path=path,
        updated_at=alert.updated_at,
        rule_version=alert.rule_version,
        signs=signs,
    )
