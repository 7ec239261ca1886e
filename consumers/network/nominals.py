"""Who is a nominal: decisions of police, and the splits that void them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

NEVER: Final = -1


@dataclass(frozen=True, slots=True)
class Decision:
    """The last word of police on one id, as offsets of the topic they decide on.

    `seen` is the next offset of the intelligence topic when they enrolled.
    """

    enrolled: int = NEVER
    seen: int = NEVER
    discharged: int = NEVER


class Nominals:
    """Decisions by person id, which may come before the person does, and the last split of each.

    A role does not survive a split, it is confirmed again (ARCHITECTURE.md,
    rule 4): a split voids what was decided before it on the person and on
    every id merged into it. Decisions and splits stand on two topics, so both
    are kept and compared by offset; the order of reading does not matter.
    """

    def __init__(self) -> None:
        self.decisions: dict[str, Decision] = {}
        self.splits: dict[str, int] = {}

    def enrol(self, person: str, seen: int, at: int) -> None:
        """Take an enrolment in; of two, the one that saw more stands."""
        known = self.decisions.get(person, Decision())
        if known.enrolled <= known.discharged or seen >= known.seen:
            self.decisions[person] = replace(known, enrolled=at, seen=seen)

    def discharge(self, person: str, at: int) -> None:
        """Take a discharge in."""
        known = self.decisions.get(person, Decision())
        self.decisions[person] = replace(known, discharged=at)

    def split(self, ids: Iterable[str], at: int) -> None:
        """Remember that the person behind these ids was split."""
        for person in ids:
            self.splits[person] = max(at, self.splits.get(person, NEVER))

    def holds(self, ids: Iterable[str]) -> bool:
        """Tell whether the person behind these ids is a nominal.

        A discharge of any of the ids ends every earlier enrolment.
        """
        known = [(person, self.decisions[person]) for person in ids if person in self.decisions]
        discharged = max((decision.discharged for _, decision in known), default=NEVER)
        return any(
            decision.enrolled > discharged and decision.seen > self.splits.get(person, NEVER)
            for person, decision in known
        )
