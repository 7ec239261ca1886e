"""Who holds a confirmed role in a mapped OCG: a pure fold of `police.decisions`.

Consumers and the gate fold it alike, so that police and the hub mean the same people. It knows
one topic, whose order is total: what refers to an OCG that this topic did not name before is void
for good. What the intelligence topic adds (a split of the person, a merge) is laid over it by who
reads both: a change tells how much of that topic the confirmation had `seen`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

from streams.codes import DeadlineKind
from streams.instants import LONDON
from streams.ocg import (
    DeadlinePassed,
    OcgArchived,
    OcgMapped,
    OcgMerged,
    OcgReactivated,
    OcgSplit,
    RoleConfirmed,
    RoleEnded,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date
    from uuid import UUID

    from streams.codes import OcgRole

RoleEvent: TypeAlias = (
    OcgMapped
    | OcgMerged
    | OcgSplit
    | OcgArchived
    | OcgReactivated
    | RoleConfirmed
    | RoleEnded
    | DeadlinePassed
)
"""Every decision that can begin or end a confirmed role."""

ROLE_EVENTS: Final[tuple[type[RoleEvent], ...]] = (
    OcgMapped,
    OcgMerged,
    OcgSplit,
    OcgArchived,
    OcgReactivated,
    RoleConfirmed,
    RoleEnded,
    DeadlinePassed,
)


class OcgStatus(StrEnum):
    """Where an OCG is in its life; only a mapped one counts."""

    MAPPED = "MAPPED"
    ARCHIVED = "ARCHIVED"
    ABSORBED = "ABSORBED"


@dataclass(frozen=True, slots=True)
class HeldRole:
    """A confirmation as it stands; `at` is its offset, `seen` what it knew of the intelligence."""

    role: OcgRole
    seen: int
    expires_on: date
    at: int


@dataclass(frozen=True, slots=True)
class RoleChange:
    """From offset `at` on somebody holds a confirmed role, or none any longer.

    It tells all there is to tell of the person, so the latest replaces what was told before.
    `seen` is the most that any of the standing confirmations had seen of the intelligence topic:
    a split of the person at or after it voids them all. With `stands` false it says nothing.
    """

    person_id: UUID
    stands: bool
    seen: int
    at: int


@dataclass(slots=True)
class Frame:
    """One OCG as roles need it: its status, members in the order of mapping, and their roles."""

    members: dict[UUID, None]
    status: OcgStatus = OcgStatus.MAPPED
    absorbed_into: UUID | None = None
    roles: dict[UUID, HeldRole] = field(default_factory=dict)


def expiry_of(last_day: date) -> datetime:
    """Return the instant at which a role ends that lasts to the end of this day in London."""
    return datetime.combine(last_day + timedelta(days=1), time(), LONDON)


class ConfirmedRoles:
    """OCGs with their members and confirmed roles; updated in place.

    Rules of the fold (what may be *decided* is stricter, see `consumers.ocg_network.ocgs`):

    - an OCG that is mapped again has the members it is given; who is none any longer has no role;
    - a merge takes members and roles along; who had one in both keeps the later confirmation;
    - a split ends the roles of those who go: they are to be confirmed anew. Who stays keeps theirs;
    - roles in an archived OCG run on towards their last day, but nobody holds them meanwhile;
    - only a member of a mapped OCG is confirmed; confirmed again, the later word replaces the
      earlier, so a deadline of the earlier ends nothing;
    - everything else is void and changes nothing.
    """

    def __init__(self) -> None:
        self.ocgs: dict[UUID, Frame] = {}
        #: Offset of the last event that was not void; what comes again is known by it.
        self.last = -1
        self._of_person: dict[UUID, set[UUID]] = {}

    def apply(self, event: RoleEvent, offset: int) -> tuple[RoleChange, ...]:
        """Fold one event in; return the people for whom something changed, in order of their ids.

        Total. An event that was folded in before changes nothing.
        """
        if not self.accepts(event, offset):
            return ()
        self.last = offset
        people = self._concerned(event)
        before = {person: self.seen_for(person) for person in people}
        self._evolve(event, offset)
        return tuple(
            RoleChange(person, now is not None, -1 if now is None else now, offset)
            for person, was in sorted(before.items())
            if (now := self.seen_for(person)) != was
        )

    def accepts(self, event: RoleEvent, offset: int) -> bool:
        """Tell whether an event of this offset would change something; it is void otherwise."""
        return offset > self.last and self._fits(event)

    def is_mapped(self, ocg: UUID) -> bool:
        """Tell whether an OCG is known, and neither archived nor absorbed."""
        return ocg in self.ocgs and self.ocgs[ocg].status is OcgStatus.MAPPED

    def root(self, ocg: UUID) -> UUID:
        """Return the OCG an id stands for now; one that was absorbed leads to who took it in."""
        while ocg in self.ocgs and (into := self.ocgs[ocg].absorbed_into) is not None:
            ocg = into
        return ocg

    def role(self, ocg: UUID, person: UUID) -> HeldRole | None:
        """Return the confirmation of a person in an OCG, archived or not."""
        frame = self.ocgs.get(self.root(ocg))
        return None if frame is None else frame.roles.get(person)

    def seen_for(self, person: UUID) -> int | None:
        """Return the most that a standing role of this id had seen; None for one without a role."""
        mapped = (ocg for ocg in self._of_person.get(person, ()) if self.is_mapped(ocg))
        return max((self.ocgs[ocg].roles[person].seen for ocg in mapped), default=None)

    def holders(self) -> Mapping[UUID, int]:
        """Return everybody who holds a role now, and the most that it had seen."""
        held = ((person, self.seen_for(person)) for person in self._of_person)
        return {person: seen for person, seen in held if seen is not None}

    def load(self, ocg: UUID, frame: Frame) -> None:
        """Take an OCG as it stands from elsewhere; `last` is the caller's to set."""
        self.ocgs[ocg] = frame
        for person in frame.roles:
            self._of_person.setdefault(person, set()).add(ocg)

    # --- one event -------------------------------------------------------------------

    def _fits(self, event: RoleEvent) -> bool:
        match event:
            case OcgMapped(ocg_id=ocg):
                fits = ocg not in self.ocgs or self.is_mapped(ocg)
            case OcgMerged(kept_id=kept, absorbed_id=absorbed):
                fits = kept != absorbed and self.is_mapped(kept) and self.is_mapped(absorbed)
            case OcgSplit(ocg_id=ocg, new_ocg_id=new, members=members):
                fits = new not in self.ocgs and self._are_members(ocg, members)
            case OcgArchived(ocg_id=ocg):
                fits = self.is_mapped(ocg)
            case OcgReactivated(ocg_id=ocg):
                fits = ocg in self.ocgs and self.ocgs[ocg].status is OcgStatus.ARCHIVED
            case RoleConfirmed(ocg_id=ocg, person_id=person):
                fits = self._are_members(ocg, (person,))
            case RoleEnded(ocg_id=ocg, person_id=person):
                fits = self.role(ocg, person) is not None
            case DeadlinePassed():
                fits = self._ends(event)
            case _:
                assert_never(event)
        return fits

    def _evolve(self, event: RoleEvent, offset: int) -> None:
        match event:
            case OcgMapped(ocg_id=ocg, members=members):
                self._map(ocg, members)
            case OcgMerged(kept_id=kept, absorbed_id=absorbed):
                self._merge(kept, absorbed)
            case OcgSplit(ocg_id=ocg, new_ocg_id=new, members=members):
                self._leave(ocg, members)
                self.ocgs[new] = Frame(dict.fromkeys(members))
            case OcgArchived(ocg_id=ocg):
                self.ocgs[ocg].status = OcgStatus.ARCHIVED
            case OcgReactivated(ocg_id=ocg):
                self.ocgs[ocg].status = OcgStatus.MAPPED
            case RoleConfirmed(ocg_id=ocg, person_id=person):
                self._hold(ocg, person, _held(event, offset))
            case RoleEnded(ocg_id=ocg, person_id=person):
                self._drop(self.root(ocg), person)
            case DeadlinePassed(subject_id=ocg, person_id=person):
                if person is not None:
                    self._drop(self.root(ocg), person)
            case _:
                assert_never(event)

    def _map(self, ocg: UUID, members: Iterable[UUID]) -> None:
        wanted = dict.fromkeys(members)
        frame = self.ocgs.setdefault(ocg, Frame(wanted))
        self._leave(ocg, [person for person in frame.members if person not in wanted])
        frame.members = wanted

    def _merge(self, kept: UUID, absorbed: UUID) -> None:
        gone = self.ocgs[absorbed]
        for person, held in tuple(gone.roles.items()):
            known = self.ocgs[kept].roles.get(person)
            self._drop(absorbed, person)
            if known is None or known.at < held.at:
                self._hold(kept, person, held)
        self.ocgs[kept].members |= gone.members
        gone.members = {}
        gone.status, gone.absorbed_into = OcgStatus.ABSORBED, kept

    def _leave(self, ocg: UUID, people: Iterable[UUID]) -> None:
        for person in people:
            self.ocgs[ocg].members.pop(person, None)
            self._drop(ocg, person)

    def _hold(self, ocg: UUID, person: UUID, held: HeldRole) -> None:
        self.ocgs[ocg].roles[person] = held
        self._of_person.setdefault(person, set()).add(ocg)

    def _drop(self, ocg: UUID, person: UUID) -> None:
        if self.ocgs[ocg].roles.pop(person, None) is not None:
            self._of_person[person].discard(ocg)
            if not self._of_person[person]:
                del self._of_person[person]

    def _concerned(self, event: RoleEvent) -> set[UUID]:
        match event:
            case OcgMapped(ocg_id=ocg) if ocg not in self.ocgs:
                return set()
            case OcgMerged(kept_id=kept, absorbed_id=absorbed):
                return {*self.ocgs[kept].roles, *self.ocgs[absorbed].roles}
            case OcgMapped(ocg_id=ocg) | OcgSplit(ocg_id=ocg) | OcgArchived(ocg_id=ocg):
                return set(self.ocgs[ocg].roles)
            case OcgReactivated(ocg_id=ocg):
                return set(self.ocgs[ocg].roles)
            case RoleConfirmed(person_id=person) | RoleEnded(person_id=person):
                return {person}
            case DeadlinePassed(person_id=person):
                return set() if person is None else {person}
            case _:
                assert_never(event)

    def _are_members(self, ocg: UUID, people: Iterable[UUID]) -> bool:
        return self.is_mapped(ocg) and self.ocgs[ocg].members.keys() >= set(people)

    def _ends(self, event: DeadlinePassed) -> bool:
        """Tell whether a deadline is that of the confirmation as it stands, not of an earlier."""
        if event.kind is not DeadlineKind.ROLE_EXPIRED or event.person_id is None:
            return False
        held = self.role(event.subject_id, event.person_id)
        return held is not None and expiry_of(held.expires_on) <= event.due_at


def _held(event: RoleConfirmed, offset: int) -> HeldRole:
    return HeldRole(event.role, event.seen, event.expires_on, offset)
