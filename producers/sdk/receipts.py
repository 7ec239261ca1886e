"""What a partner is answered, and which submission an answer belongs to; pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeAlias, TypeVar

from producers.notice import notice_for
from streams.values import Outcome

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from streams.parts import Reason
    from streams.shared import FeedbackGiven


@dataclass(frozen=True, slots=True)
class Receipt:
    """The outcome of a submission, or news of it. `position` is its place among all feedback.

    `submitted_at_offset` is the place of the submission on the partner's own
    topic, where the enclave still knew it.
    """

    report_id: UUID | None
    revision: int | None
    outcome: Outcome
    reasons: tuple[Reason, ...]
    immediate_risk: bool
    given_at: datetime
    submitted_at_offset: int | None
    position: int
    notice: str | None

    @classmethod
    def of(cls, given: FeedbackGiven, position: int) -> Receipt:
        """Make the receipt of a feedback event that lies at `position`."""
        return cls(
            report_id=given.report_id,
            revision=given.revision,
            outcome=given.outcome,
            reasons=given.reasons,
            immediate_risk=given.immediate_risk,
            given_at=given.given_at,
            submitted_at_offset=given.offset,
            position=position,
            notice=notice_for(immediate_risk=given.immediate_risk),
        )

    @property
    def is_final(self) -> bool:
        """Whether nothing more will come by itself: a held report is told of again."""
        return self.outcome is not Outcome.HELD


Key: TypeAlias = "tuple[UUID | None, int | None]"
"""Report id and revision; a withdrawal takes back every revision and has None."""


class Awaiting(Protocol):
    """A submission as far as correlation needs it."""

    @property
    def report_id(self) -> UUID:
        """The partner's id of the report."""

    @property
    def revision(self) -> int | None:
        """The revision; None for a withdrawal."""

    @property
    def offset(self) -> int | None:
        """Where it lies on the partner's topic; None until the broker has said so."""

    @property
    def last(self) -> Receipt | None:
        """The latest receipt it got."""


Submitted = TypeVar("Submitted", bound=Awaiting)


class Unanswered(Generic[Submitted]):
    """Submissions that still wait for their final receipt.

    The same id and revision may be sent again, and each sending gets an answer:
    an answer that names its offset goes there, others go in the order of sending.
    """

    def __init__(self) -> None:
        self._waiting: defaultdict[Key, list[Submitted]] = defaultdict(list)

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def add(self, submission: Submitted) -> None:
        """Expect an answer to this submission."""
        self._waiting[submission.report_id, submission.revision].append(submission)

    def forget(self, submission: Submitted) -> None:
        """Expect none any longer; harmless when none was expected."""
        key = (submission.report_id, submission.revision)
        left = [one for one in self._waiting.pop(key, []) if one is not submission]
        if left:
            self._waiting[key] = left

    def waiting_for(self, report_id: UUID, revision: int) -> Submitted | None:
        """Return the submission of a revision that still waits, the first if there are several."""
        return next(iter(self._waiting.get((report_id, revision), ())), None)

    def match(self, receipt: Receipt) -> Submitted | None:
        """Return the submission a receipt answers, None when another process sent it."""
        waiting = self._candidates(receipt)
        at_offset = [one for one in waiting if one.offset is not None]
        named = [one for one in at_offset if one.offset == receipt.submitted_at_offset]
        if named:
            return named[0]
        preferred = [one for one in waiting if _prefers(one, receipt)]
        return next(iter(preferred or waiting), None)

    def _candidates(self, receipt: Receipt) -> list[Submitted]:
        exact = self._waiting.get((receipt.report_id, receipt.revision), [])
        if exact and receipt.outcome is not Outcome.WITHDRAWN:
            return exact
        return self._waiting.get((receipt.report_id, None), [])


def _prefers(submission: Awaiting, receipt: Receipt) -> bool:
    """A duplicate was never held; what was held is told of again before a later sending is."""
    waits_anew = submission.last is None
    return waits_anew if receipt.outcome is Outcome.DUPLICATE else not waits_anew
