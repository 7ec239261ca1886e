"""What must have become of each submission: the rules of admission, written anew."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from streams.restricted import (
    ApprovalSubmitted,
    WithdrawalSubmitted,
)
from streams.topics import (
    submissions_of,
)
from streams.values import (
    Outcome,
)
from tests.crash.findings import Key, Run, Violation
from tests.crash.reading import Named
from tests.crash.story import (
    PARTNERS,
    Action,
    Flaw,
    Step,
    Story,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from tests.crash.reading import Told


@dataclass(slots=True)
class Fate:
    """One record of a partner's topic, and what the rules make of it."""

    record: Told
    step: Step
    outcome: Outcome
    passed_intake: bool = True
    admitted: bool = False
    is_shown: bool = False
    withdraws: bool = False

    @property
    def name(self) -> Key:
        """Report id and revision; None for a withdrawal."""
        return (self.step.report_id, self.step.revision)


@dataclass(slots=True)
class History:
    revisions: set[int] = field(default_factory=set)
    withdrawn: bool = False
    held: int | None = None
    shown: list[Fate] = field(default_factory=list)


class Fates:
    """The fold of every partner's topic by the rules of admission.

    A revision is known once it was admitted; the same again is a duplicate, a lower one or one
    that replaces nothing that came this far is refused, and so is all after a withdrawal.
    """

    def __init__(self, run: Run) -> None:
        self.violations: list[Violation] = []
        self.by_partner: dict[str, list[Fate]] = {}
        self.histories: dict[tuple[str, UUID], History] = defaultdict(History)
        self._steps = _steps_by_name(run.story)
        for partner in PARTNERS:
            records = run.topics.get(submissions_of(partner), [])
            found = [self._fate(partner, record) for record in records]
            self.by_partner[partner] = [fate for fate in found if fate is not None]

    def all(self) -> Iterator[Fate]:
        """Yield all, partner by partner."""
        for fates in self.by_partner.values():
            yield from fates

    def _fate(self, partner: str, record: Told) -> Fate | None:
        step = self._steps.get((partner, *_submitted_name(record.event)))
        if step is None:
            self.violations.append(Violation("I2", "nobody sent it", record.topic, (record.name,)))
            return None
        history = self.histories[partner, step.report_id]
        fate = Fate(record, step, Outcome.SHARED)
        match step.action:
            case Action.SUBMIT:
                _submit(fate, history, record.event)
            case Action.WITHDRAW:
                _withdraw(fate, history)
            case Action.APPROVE:
                _approve(fate, history)
        return fate


def _submit(fate: Fate, history: History, event: Named) -> None:
    step = fate.step
    if step.flaw in {Flaw.SPOILT, Flaw.UNKNOWN_SERVICE}:
        fate.passed_intake = False
        spoilt = step.flaw is Flaw.SPOILT
        fate.outcome = Outcome.QUARANTINED if spoilt else Outcome.REFUSED
        return
    assert event.revision is not None
    refused = _refused(history, event.revision, event.supersedes)
    if refused is not None:
        fate.outcome = refused
        return
    fate.admitted = True
    history.revisions.add(event.revision)
    if step.flaw is Flaw.NEEDS_APPROVAL:
        fate.outcome, history.held = Outcome.HELD, event.revision
    else:
        fate.is_shown = True
        history.shown.append(fate)


def _refused(history: History, revision: int, supersedes: int | None) -> Outcome | None:
    if history.withdrawn:
        return Outcome.REFUSED
    if revision in history.revisions:
        return Outcome.DUPLICATE
    if not history.revisions:
        return None
    latest = max(history.revisions)
    in_order = supersedes is not None and latest <= supersedes < revision
    return None if in_order else Outcome.REFUSED


def _withdraw(fate: Fate, history: History) -> None:
    if not history.revisions:
        fate.outcome = Outcome.REFUSED
    elif history.withdrawn:
        fate.outcome = Outcome.DUPLICATE
    else:
        fate.outcome, fate.admitted = Outcome.WITHDRAWN, True
        fate.withdraws = bool(history.shown)
        history.withdrawn, history.held = True, None


def _approve(fate: Fate, history: History) -> None:
    if history.held != fate.step.revision:
        fate.outcome = Outcome.DUPLICATE
        return
    history.held = None
    fate.is_shown = True
    history.shown.append(fate)


def _steps_by_name(story: Story) -> dict[Key, Step]:
    found: dict[Key, Step] = {}
    for step in story.steps:
        found.setdefault(name_of(step), step)
    return found


def name_of(step: Step) -> Key:
    return (step.partner, step.action, step.report_id, step.revision)


def _submitted_name(event: Any) -> Key:
    match event:
        case Named():
            return (Action.SUBMIT, event.report_id, event.revision)
        case WithdrawalSubmitted():
            return (Action.WITHDRAW, event.report_id, None)
        case ApprovalSubmitted():
            return (Action.APPROVE, event.report_id, event.revision)
        case _:
            return (None, None, None)
