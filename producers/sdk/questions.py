"""Routine questions about the quality of a partner's own records, and how they read; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streams.values import LinkQuestion

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from uuid import UUID

    from streams.shared import QuestionPut

WORDS: Final[Mapping[LinkQuestion, str]] = {
    LinkQuestion.TWIN: "Does your own record show a brother or sister born on the same day?",
    LinkQuestion.NHS_NUMBER: "Does the NHS number you sent match the one on your own record?",
    LinkQuestion.BIRTH_DATE: "Is the birth date you sent as it stands on your own record?",
    LinkQuestion.MOVED: "Does your own record show that the household has moved?",
    LinkQuestion.OTHER_NAME: "Does your own record show another name for the same person?",
}
ROUTINE: Final = (
    "Records are asked about as a routine, many of them picked at random: a question says nothing"
    " about the person, and nothing about whether anybody else reported. Look in your own record"
    " only, do not ask the family, and answer YES, NO or UNKNOWN."
)
"""What is said with every question, in the same words."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question that waits for an answer. `node` counts the nodes of that report from 0."""

    question_id: UUID
    report_id: UUID
    node: int
    question: LinkQuestion
    asked_at: datetime

    @property
    def text(self) -> str:
        """The question as a person reads it."""
        return WORDS[self.question]


def open_questions(told: Iterable[QuestionPut]) -> tuple[Question, ...]:
    """Return what was put and not answered yet, oldest first; a question told twice is one."""
    waiting: dict[UUID, Question] = {}
    for one in told:
        if one.answered:
            waiting.pop(one.question_id, None)
        else:
            waiting[one.question_id] = Question(
                question_id=one.question_id,
                report_id=one.report_id,
                node=one.node,
                question=one.question,
                asked_at=one.told_at,
            )
    return tuple(waiting.values())
