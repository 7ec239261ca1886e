"""Who is a nominal: enrolments and confirmed roles of police, and the splits that void them."""

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

    A nominal is enrolled, or holds a confirmed role in a mapped OCG (`streams.roles`); the end of
    one does not end the other. Neither survives a split, it is decided again (ARCHITECTURE.md,
    rule 4): a split voids what was decided before it on the person and on every id merged into
    it. Decisions and splits stand on two topics, so both are kept and compared by offset; the
    order of reading does not matter.
    """

    def __init__(self) -> None:
        self.decisions: dict[str, Decision] = {}
        self.splits: dict[str, int] = {}
        #: Who holds a confirmed role, and the most that a standing confirmation had seen.
        self.roles: dict[str, int] = {}

    def enrol(self, person: str, seen: int, at: int) -> None:
        """Take an enrolment in; of two, the one that saw more stands."""
        known = self.decisions.get(person, Decision())
        if known.enrolled <= known.discharged or seen >= known.seen:
            self.decisions[person] = replace(known, enrolled=at, seen=seen)

    def discharge(self, person: str, at: int) -> None:
        """Take a discharge in."""
        known = self.decisions.get(person, Decision())
        self.decisions[person] = replace(known, discharged=at)

    def confirm(self, person: str, seen: int | None) -> None:
        """Take in whether an id holds a confirmed role; it tells all there is of that id's roles.

        `seen` is the most that a standing confirmation had seen, None without a role.
        """
        if seen is None:
            self.roles.pop(person, None)
        else:
            self.roles[person] = seen

    def split(self, ids: Iterable[str], at: int) -> None:
        """Remember that the person behind these ids was split."""
        for person in ids:
            self.splits[person] = max(at, self.splits.get(person, NEVER))

    def is_enrolled(self, ids: Iterable[str]) -> bool:
        """Tell whether police enrolled the person behind these ids.

        A discharge of any of the ids ends every earlier enrolment.
        """
        known = [(person, self.decisions[person]) for person in ids if person in self.decisions]
        discharged = max((decision.discharged for _, decision in known), default=NEVER)
        return any(
            decision.enrolled > discharged and decision.seen > self.splits.get(person, NEVER)
            for person, decision in known
        )

    def holds_role(self, ids: Iterable[str]) -> bool:
        """Tell whether the person behind these ids holds a role that no split has voided."""
        return any(self.roles.get(person, NEVER) > self.splits.get(person, NEVER) for person in ids)
