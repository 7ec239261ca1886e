"""The engine: judges by the rules, after each event, whom that event touched.

A judge holds alerts and deadlines, the picture holds the evidence; several judges, each with
rules of its own, can look at one picture. Pure and deterministic: the only time is the log's.

    picture, judge = Picture(), Judge(standard())
    raised = judge.before(picture, at)                  # what fell due before this event
    change = picture.apply(event, offset, at)
    raised += judge.after(picture, change, at)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from heapq import heappop, heappush
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from consumers.safeguarding.alerts import Alert, AlertBook
from consumers.safeguarding.reasons import NOTHING, Finder
from consumers.safeguarding.rules import (
    FriendRule,
    HouseholdRule,
    MissingRule,
    SiblingRule,
    TieRule,
    UnansweredRule,
)
from streams.codes import AlertSubject

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from consumers.safeguarding.alerts import AlertKey, Reason
    from consumers.safeguarding.picture import Change, Picture
    from consumers.safeguarding.reasons import Finding
    from consumers.safeguarding.rules import Rule, Rules

_NEAR: Final = (TieRule,)
_CLOSE: Final = (SiblingRule, FriendRule, HouseholdRule)
_MOMENT: Final = timedelta.resolution


@dataclass(frozen=True, slots=True)
class Pending:
    """An alert that will be raised at `due_at` if nothing answers the matter before."""

    rule_id: str
    person_id: str
    due_at: datetime


class Judge:
    """Alerts by one version of the rules. Alerts of rules that are gone or off stay, marked."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.book = AlertBook()
        self._rules: Mapping[str, Rule] = {rule.id: rule for rule in rules.enabled}
        self._due: dict[AlertKey, datetime] = {}
        self._queue: list[tuple[datetime, str, str]] = []
        self._changed: dict[str, Alert] = {}
        self._moved_due: set[AlertKey] = set()

    # --- what can be asked -----------------------------------------------------------------

    @property
    def alerts(self) -> Mapping[AlertKey, Alert]:
        """Return the alerts by rule id and person, also those without support."""
        return self.book.alerts

    def pending(self) -> list[Pending]:
        """Return what will be raised unless it is answered, the soonest first."""
        found = (Pending(rule, person, due) for (rule, person), due in self._due.items())
        return sorted(found, key=lambda one: (one.due_at, one.rule_id, one.person_id))

    def take_changed(self) -> Sequence[Alert]:
        """Return every alert whose row is another since the last call, by alert id.

        More than was published: an alert that follows its person has no new version.
        """
        changed, self._changed = self._changed, {}
        return [changed[alert_id] for alert_id in sorted(changed)]

    def take_pending(self) -> tuple[AbstractSet[AlertKey], Mapping[AlertKey, datetime]]:
        """Return which deadlines changed since the last call, and all that run."""
        moved, self._moved_due = self._moved_due, set()
        return moved, self._due

    # --- one event -------------------------------------------------------------------------

    def before(self, picture: Picture, at: datetime) -> list[Alert]:
        """Raise what fell due before an instant, each at the instant it fell due.

        Before an event is folded this must be told its log time: an event that comes after the
        deadline must not answer what had been unanswered at it.
        """
        raised: list[Alert] = []
        while self._queue and self._queue[0][0] < at:
            due, rule_id, person = heappop(self._queue)
            if self._due.get((rule_id, person)) == due:
                finder = Finder(picture, picture.paths(), due + _MOMENT)
                raised += self._settle(self._rules[rule_id], (person,), finder, due)
        return raised

    def after(self, picture: Picture, change: Change, at: datetime) -> list[Alert]:
        """Judge whom an event touched; return the alerts raised or changed, in a fixed order."""
        if change.renamed:
            change = replace(change, renamed=self._follow(picture, change.renamed))
        finder = Finder(picture, picture.paths(), at)
        raised: list[Alert] = []
        for rule in self._rules.values():
            people = self._concerned(rule, picture, change)
            if people:
                raised += self._settle(rule, people, finder, at)
        return raised

    def adopt(self, rules: Rules, picture: Picture, at: datetime) -> list[Alert]:
        """Judge everybody by other rules from here on; return the alerts raised or changed.

        Costs as much as there are people. An alert that the new rules would raise too stays as
        it is, with the version of the rules that last changed it.
        """
        self.rules = rules
        self._rules = {rule.id: rule for rule in rules.enabled}
        self._moved_due.update(self._due)
        self._due.clear()
        self._queue.clear()
        raised = [self._unsupport(key, at) for key in sorted(self._without_rule())]
        finder = Finder(picture, picture.paths(), at)
        people = {*picture.people(), *(person for _, person in self.alerts)}
        for rule in self._rules.values():
            raised += self._settle(rule, people, finder, at)
        return raised

    def load(self, alerts: Iterable[Alert], due: Mapping[AlertKey, datetime]) -> None:
        """Take alerts and deadlines of a store; nothing counts as changed."""
        self.book.load(alerts)
        for (rule_id, person), at in due.items():
            self._due[rule_id, person] = at
            heappush(self._queue, (at, rule_id, person))

    # --- whom ------------------------------------------------------------------------------

    def _concerned(self, rule: Rule, picture: Picture, change: Change) -> AbstractSet[str]:
        if isinstance(rule, _NEAR):
            return change.near | change.renamed
        if isinstance(rule, _CLOSE):
            return change.close | change.renamed
        people = set(change.local | change.renamed)
        if isinstance(rule, MissingRule):
            for district, week in change.cells:
                for near in range(week - rule.window_weeks, week + rule.window_weeks + 1):
                    people.update(picture.signs.missing_at((district, near)))
        return people

    def _follow(self, picture: Picture, renamed: frozenset[str]) -> frozenset[str]:
        """Let alerts follow their people; return these and whom an alert came from or went to."""
        places: set[str] = set()
        for place, alert in self.book.follow(sorted(renamed), picture.fold):
            self._changed[str(alert.alert_id)] = alert
            places |= {place, alert.child_id}
        return renamed | places

    def _without_rule(self) -> Iterator[AlertKey]:
        for key, alert in self.alerts.items():
            if alert.supported and key[0] not in self._rules:
                yield key

    # --- one alert -------------------------------------------------------------------------

    def _settle(
        self, rule: Rule, people: Iterable[str], finder: Finder, at: datetime
    ) -> list[Alert]:
        changed: list[Alert] = []
        is_timed, rule_id, about = isinstance(rule, UnansweredRule), rule.id, rule.about
        for person in people:
            if finder.subject(person) in about:
                finding = finder.find(rule, person)
            elif (rule_id, person) in self.book.alerts or is_timed:
                finding = NOTHING
            else:
                continue
            if is_timed:
                self._watch(rule, person, finding)
            alert = self._next(rule, person, finding, finder, at)
            if alert is not None:
                self._put(alert)
                changed.append(alert)
        return sorted(changed, key=attrgetter("child_id")) if len(changed) > 1 else changed

    def _watch(self, rule: Rule, person: str, finding: Finding) -> None:
        key, due = (rule.id, person), finding.look_again_at
        if due == self._due.get(key):
            return
        self._moved_due.add(key)
        if due is None:
            del self._due[key]
        else:
            self._due[key] = due
            heappush(self._queue, (due, rule.id, person))

    def _next(
        self, rule: Rule, person: str, finding: Finding, finder: Finder, at: datetime
    ) -> Alert | None:
        """Return the alert as it becomes, None if nothing changes."""
        reason = finding.reason
        known = self.alerts.get((rule.id, person))
        if reason is None:
            return self._without_reason(known, at) if known and known.supported else None
        about = finder.subject(person) or AlertSubject.CHILD
        if known is None:
            return self._first(rule, person, about, reason, at)
        stands = (known.about, known.path, known.signs) == (about, reason.path, reason.signs)
        if known.supported and stands:
            return None
        return replace(
            known,
            version=known.version + 1,
            rule_version=self.rules.version,
            about=about,
            supported=True,
            path=reason.path,
            signs=reason.signs,
            updated_at=at,
        )

    def _first(
        self, rule: Rule, person: str, about: AlertSubject, reason: Reason, at: datetime
    ) -> Alert:
        return Alert(
            rule_id=rule.id,
            rule=rule.kind,
            rule_version=self.rules.version,
            about=about,
            raised_for=person,
            child_id=person,
            version=1,
            supported=True,
            path=reason.path,
            signs=reason.signs,
            raised_at=at,
            updated_at=at,
        )

    def _unsupport(self, key: AlertKey, at: datetime) -> Alert:
        alert = self._without_reason(self.alerts[key], at)
        self._put(alert)
        return alert

    def _without_reason(self, alert: Alert, at: datetime) -> Alert:
        return replace(
            alert,
            version=alert.version + 1,
            rule_version=self.rules.version,
            supported=False,
            path=(),
            signs=(),
            updated_at=at,
        )

    def _put(self, alert: Alert) -> None:
        self.book.put(alert)
        self._changed[str(alert.alert_id)] = alert
