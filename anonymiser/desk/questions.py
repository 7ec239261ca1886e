"""Fixed questions to the holders of both sides of a possible link, and the decoys beside them.

A reviewer picks one of a closed list; there is no free text in which a name
could travel. Each holder is asked about its own record alone, in words that
fit any record, under a question id that no other holder gets. With each
holder some records that nobody doubts are asked about, picked at random: so a
partner that is asked cannot tell a doubt from a routine, and two partners
that compare what they were asked learn nothing. A planted pair has no holder;
its question puts decoys only, so that the number of questions tells a reviewer
nothing either.

Answers decide nothing. The linker records them, the desk shows how many of
each side said what, and a human decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.errors import InvalidInputError
from streams.restricted import AskedHolder, QuestionAsked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from uuid import UUID

    from anonymiser.desk.cases import Case
    from anonymiser.desk.policy import DeskPolicy
    from streams.restricted import EnclaveMention
    from streams.values import LinkQuestion


class AlreadyAskedError(InvalidInputError):
    """The holders were asked this a short while ago. Wait for their answers."""


def ask(  # noqa: PLR0913 - one argument for each thing that matters
    case: Case,
    question: LinkQuestion,
    holders: Sequence[Sequence[EnclaveMention]],
    decoys: Sequence[EnclaveMention],
    *,
    reviewer: str,
    new_id: Callable[[], UUID],
    policy: DeskPolicy,
    at: datetime,
) -> tuple[QuestionAsked, ...]:
    """Return one event for each side; the holders of an event are of the side it names first.

    Of a planted pair `holders` are empty. Decoys are dealt out to both.

    Raises: AlreadyAskedError, InvalidInputError.
    """
    if not case.is_open:
        raise InvalidInputError(f"the link is {case.state.value.lower()}: nobody need be asked")
    _refuse_again(case, question, policy, at)
    sides = ((case.left_id, case.right_id), (case.right_id, case.left_id))
    return tuple(
        QuestionAsked(
            kind=case.kind,
            left_id=asked,
            right_id=other,
            question=question,
            holders=_in_random_order(_holders(held, decoys[side::2], new_id)),
            asked_by=reviewer,
            asked_at=at,
        )
        for side, ((asked, other), held) in enumerate(zip(sides, holders, strict=True))
    )


def decoys_wanted(case: Case, policy: DeskPolicy) -> int:
    """Return how many records that nobody doubts to ask about beside the doubted ones."""
    holders = sum(side.partners for side in case.sides)
    return holders * policy.decoys_per_holder + (holders if case.planted else 0)


def _refuse_again(case: Case, question: LinkQuestion, policy: DeskPolicy, at: datetime) -> None:
    for asked in case.asked:
        is_fresh = at - asked.asked_at < policy.answer_after
        if asked.question is question and is_fresh:
            raise AlreadyAskedError(
                f"{question.value} was asked on {asked.asked_at:%Y-%m-%d} by {asked.asked_by};"
                f" it may be asked again after {policy.answer_after.days} days"
            )


def _holders(
    held: Sequence[EnclaveMention], decoys: Sequence[EnclaveMention], new_id: Callable[[], UUID]
) -> list[AskedHolder]:
    return [
        AskedHolder(question_id=new_id(), mention=mention, decoy=is_decoy)
        for mentions, is_decoy in ((held, False), (decoys, True))
        for mention in mentions
    ]


def _in_random_order(holders: list[AskedHolder]) -> tuple[AskedHolder, ...]:
    """Question ids are random, so sorting by them shuffles doubted records and decoys."""
    return tuple(sorted(holders, key=lambda holder: holder.question_id))
