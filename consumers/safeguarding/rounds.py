"""Rounds of an alert: from when it is news until somebody has looked; its deadlines follow.

The first round begins with the alert. Closed and then supported by newer evidence than the person
saw who closed it, the alert is news again: it asks to be looked at, on a clock of its own. What
is here joins decisions with what the machine found, in whatever order both came.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from consumers.deadlines import Deadline
from consumers.safeguarding.clocks import CLOCKS, HubClocks, decision_due
from consumers.safeguarding.lifecycle import AlertState, Life, is_triaged
from streams.codes import DeadlineKind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from uuid import UUID

    from consumers.deadlines import Deadlines
    from consumers.safeguarding.alerts import Alert


@dataclass(frozen=True, slots=True)
class AlertVersion:
    """A version of an alert, and whether any live report supports it; `at` is the log time."""

    number: int
    supported: bool
    at: datetime

    @classmethod
    def of(cls, alert: Alert) -> AlertVersion:
        """Return the latest version of an alert as the machine keeps it."""
        return cls(alert.version, alert.supported, alert.updated_at)


@dataclass(frozen=True, slots=True)
class AlertFacts:
    """What the machine found so far: every version of an alert, in order."""

    alert_id: UUID
    versions: tuple[AlertVersion, ...]

    @property
    def raised_at(self) -> datetime:
        """Return the log time of what raised it: the triage clock runs from it."""
        return self.versions[0].at

    @property
    def latest(self) -> AlertVersion:
        """Return the version as it stands."""
        return self.versions[-1]

    def and_then(self, version: AlertVersion) -> AlertFacts:
        """Return the facts with one more version; one that is known changes nothing."""
        if version.number <= self.latest.number:
            return self
        return AlertFacts(self.alert_id, (*self.versions, version))

    def news_since(self, seen: int) -> AlertVersion | None:
        """Return the first version after `seen`, if evidence supports the alert now."""
        if not self.latest.supported:
            return None
        later = (one for one in self.versions if one.number > seen and one.supported)
        return next(later, None)


def is_new_since_closed(life: Life, facts: AlertFacts) -> bool:
    """Tell whether a closed alert asks to be looked at again."""
    return life.state is AlertState.CLOSED and facts.news_since(life.seen) is not None


def waits_for_claim(life: Life, facts: AlertFacts) -> bool:
    """Tell whether somebody should take it on: it is new, or new since it was closed."""
    return life.state is AlertState.RAISED or is_new_since_closed(life, facts)


def triage_began(life: Life, facts: AlertFacts) -> datetime | None:
    """Return from when the triage clock runs; None when it has stopped."""
    if life.state is AlertState.CLOSED:
        news = facts.news_since(life.seen)
        return None if news is None else news.at
    if is_triaged(life):
        return None
    if life.closed_at is None:
        return facts.raised_at
    news = facts.news_since(life.seen)
    return life.owned_since if news is None else news.at


def triage_due(life: Life, facts: AlertFacts, clocks: HubClocks = CLOCKS) -> datetime | None:
    """Return when triage is due; None when it is done."""
    began = triage_began(life, facts)
    return None if began is None else began + clocks.triage


def deadlines_of(
    life: Life, facts: AlertFacts, told: Deadlines, clocks: HubClocks = CLOCKS
) -> Iterator[Deadline]:
    """Yield what is open of an alert. A matter that passed in this round is not due again.

    So a change of the targets, or of the table of bank holidays, tells nothing a second time.
    """
    began = triage_began(life, facts)
    if began is not None:
        due = [(DeadlineKind.TRIAGE_DUE, began + clocks.triage)]
        if waits_for_claim(life, facts):
            due.append((DeadlineKind.CLAIM_ESCALATED, began + clocks.claim))
        for kind, at in due:
            if not told.was_told(kind, life.alert_id, since=began):
                yield Deadline(kind, life.alert_id, None, at)
    waiting = life.open_referral
    if waiting is not None and not told.was_told(DeadlineKind.DECISION_DUE, waiting.referral_id):
        at = decision_due(waiting.made_at)
        yield Deadline(DeadlineKind.DECISION_DUE, waiting.referral_id, None, at)
