"""What was begun and not ended in time: starts, ends, and a time within which an end must come.

Used by the rule UNANSWERED and by `rivelin evaluate alerts` alike. Pure: time is handed in.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime, timedelta


#: What moments of one matter are ordered by: the instant, or week and instant.
OrderT = TypeVar("OrderT", bound="datetime | tuple[Any, ...]")


@dataclass(frozen=True, slots=True)
class Moment(Generic[OrderT]):
    """A start or an end: `order` places it among the others, `at` is when it came.

    The two are the same where every event carries its own instant. Of reports only the week of
    what they tell is known: they are ordered by that week and then by their place in the log.
    """

    order: OrderT
    at: datetime
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Verdict(Generic[OrderT]):
    """The starts whose time ran out without an end, and those whose time still runs."""

    unanswered: tuple[Moment[OrderT], ...]
    pending: tuple[Moment[OrderT], ...]


def judge(
    starts: Iterable[Moment[OrderT]],
    ends: Iterable[Moment[OrderT]],
    within: timedelta,
    is_over: Callable[[datetime], bool],
) -> Verdict[OrderT]:
    """Judge each start on its own: is there an end that is not before it, and came in time?

    An end at the same moment as the start, and one at the very end of the time, are in time.
    One end answers every start before it. `is_over` tells of a deadline whether it has passed.
    """
    answers = _Answers(sorted(ends, key=lambda one: (one.order, one.at)))
    unanswered: list[Moment[OrderT]] = []
    pending: list[Moment[OrderT]] = []
    for start in sorted(starts, key=lambda one: (one.order, one.at, one.reference)):
        due = start.at + within
        first = answers.first_from(start.order)
        if first is None or first > due:
            (unanswered if is_over(due) else pending).append(start)
    return Verdict(tuple(unanswered), tuple(pending))


class _Answers(Generic[OrderT]):
    """For each place in the order the earliest arrival of an end that stands there or later."""

    def __init__(self, ends: Sequence[Moment[OrderT]]) -> None:
        self._orders = [one.order for one in ends]
        self._earliest: list[datetime] = [one.at for one in ends]
        for place in range(len(ends) - 2, -1, -1):
            self._earliest[place] = min(self._earliest[place], self._earliest[place + 1])

    def first_from(self, order: OrderT) -> datetime | None:
        place = bisect_left(self._orders, order)
        return self._earliest[place] if place < len(self._earliest) else None
