"""Fixed questions to the holders of both sides of a possible link, and the decoys beside them.

A reviewer picks one of a closed list; there is no free text in which a name
could travel. Each holder is asked about its own record alone, in words that
fit any record, under a question id that no other holder gets. With it go
questions about other records of the same partner that nobody doubts, picked at
random. So a partner that is asked cannot tell a doubt from a routine: one in
five of the questions it gets is put because of a doubt, however few records it
has and however often it is asked, and about so many records are doubted anyway.
Asked about again is the same record, beside the same others. Two partners that
compare what they were asked find no question in common. A partner with too few
other records to hide a question among is not asked.

A planted pair has no holder; its question puts decoys only, so that being
asked less often tells neither a partner nor a reviewer anything.

Answers decide nothing. The linker records them, the desk shows how many of
each side said what, and a human decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from streams.errors import InvalidInputError
from streams.restricted import AskedHolder, QuestionAsked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    from anonymiser.desk.cases import Case
    from anonymiser.desk.policy import DeskPolicy
    from streams.restricted import EnclaveMention
    from streams.values import LinkQuestion


class AlreadyAskedError(InvalidInputError):
    """The holders were asked this a short while ago. Wait for their answers."""


class NobodyToAskError(InvalidInputError):
    """No holder has enough other records to hide the question among. Decide without it."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A partner's record of one side, None for a planted pair; and records to hide it among."""

    mention: EnclaveMention | None
    decoys: tuple[EnclaveMention, ...]

    def is_hidden(self, policy: DeskPolicy) -> bool:
        """Tell whether a question to this holder would be one among enough others."""
        return len(self.decoys) >= policy.decoys_per_holder


def ask(  # noqa: PLR0913 - one argument for each thing that matters
    case: Case,
    question: LinkQuestion,
    holders: Sequence[Sequence[Holder]],
    *,
    reviewer: str,
    new_id: Callable[[], UUID],
    policy: DeskPolicy,
    at: datetime,
) -> tuple[QuestionAsked, ...]:
    """Return one event for each side; the holders of an event are of the side it names first.

    Raises: AlreadyAskedError, NobodyToAskError, InvalidInputError.
    """
    if not case.is_open:
        raise InvalidInputError(f"the link is {case.state.value.lower()}: nobody need be asked")
    _refuse_again(case, question, policy, at)
    hidden = [[one for one in side if one.is_hidden(policy)] for side in holders]
    if not any(hidden):
        raise NobodyToAskError(
            "no holder has enough other records to hide a question among: it would learn from it"
        )
    sides = ((case.left_id, case.right_id), (case.right_id, case.left_id))
    return tuple(
        QuestionAsked(
            kind=case.kind,
            left_id=asked,
            right_id=other,
            question=question,
            holders=_in_random_order(_asked(held, new_id)),
            asked_by=reviewer,
            asked_at=at,
        )
        for (asked, other), held in zip(sides, hidden, strict=True)
    )


def _refuse_again(case: Case, question: LinkQuestion, policy: DeskPolicy, at: datetime) -> None:
    for asked in case.asked:
        is_fresh = at - asked.asked_at < policy.answer_after
        if asked.question is question and is_fresh:
            raise AlreadyAskedError(
                f"{question.value} was asked on {asked.asked_at:%Y-%m-%d} by {asked.asked_by};"
                f" it may be asked again after {policy.answer_after.days} days"
            )


def _asked(holders: Iterable[Holder], new_id: Callable[[], UUID]) -> Iterable[AskedHolder]:
    for holder in holders:
        if holder.mention is not None:
            yield AskedHolder(question_id=new_id(), mention=holder.mention, decoy=False)
        for mention in holder.decoys:
            yield AskedHolder(question_id=new_id(), mention=mention, decoy=True)


def _in_random_order(holders: Iterable[AskedHolder]) -> tuple[AskedHolder, ...]:
    """Question ids are random, so sorting by them shuffles doubted records and decoys."""
    return tuple(sorted(holders, key=lambda holder: holder.question_id))
