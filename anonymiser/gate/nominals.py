"""Safeguarding is told who is a nominal: enrolled by police, or in a confirmed role in an OCG.

The end of one does not end the other. Neither survives a split that police are told of, it is
decided again (ARCHITECTURE.md, rule 4): a split of mentions that they never saw parts nobody whom
they decided about. Which people police mean is reckoned as `consumers.network.nominals` does it, so
that both audiences mean the same. And so is what the hub makes of what it was told, for a merge or
a split in its own fold may have ended that; what it is told is the difference.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from anonymiser.gate.effects import Effect
from anonymiser.gate.relays import Relay
from anonymiser.gate.splits import NEVER
from streams.roles import ROLE_EVENTS, ConfirmedRoles
from streams.shared import (
    NominalDischarged,
    NominalEnrolled,
    NominalRelayed,
    PersonsMerged,
    PersonSplit,
    PoliceReportShared,
)
from streams.topics import POLICE_DECISIONS, SAFEGUARDING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from anonymiser.gate.inputs import Input
    from anonymiser.gate.splits import Splits
    from anonymiser.gate.state import Seen
    from streams.ports import Record

_ROLES: Final = tuple(ROLE_EVENTS)


@dataclass(frozen=True, slots=True)
class _Enrolment:
    """The last word of police on one id; offsets of `police.decisions`, `seen` of their own."""

    enrolled: int = NEVER
    seen: int = NEVER
    discharged: int = NEVER


class NominalRelay(Relay):
    """Who is a nominal, as police decided, and as the hub was told. `splits` are those of police.

    A fold of all that was decided from the start of the topic: no table of its own.
    """

    def __init__(self, police: Seen, hub: Seen, splits: Splits, hub_splits: Splits) -> None:
        self._police = police
        self._hub = hub
        self._splits = splits
        self._heard = _Heard(hub_splits)
        self._enrolments: dict[UUID, _Enrolment] = {}
        self._roles = ConfirmedRoles()
        self._held: dict[UUID, int] = {}
        self._unsettled: dict[UUID, None] = {}

    def know(self, event: Input, record: Record) -> None:
        """Fold a decision of police in."""
        if record.topic != POLICE_DECISIONS:
            return
        if isinstance(event, NominalEnrolled):
            self._enrol(event, record.offset)
        elif isinstance(event, NominalDischarged):
            known = self._enrolments.get(event.person_id, _Enrolment())
            self._enrolments[event.person_id] = replace(known, discharged=record.offset)
            self._unsettled[event.person_id] = None
        elif isinstance(event, _ROLES):
            self._change_roles(event, record.offset)

    def remember(self, effect: Effect) -> None:
        """Fold in what the hub was told."""
        self._heard.remember(effect)

    def take(self, event: Input, record: Record) -> Iterator[Effect]:  # noqa: ARG002 - see Relay
        """Tell the hub whose standing is not what it was told."""
        if record.topic == POLICE_DECISIONS:
            yield from self._settle_all()

    def due(self, effects: Sequence[Effect], at: datetime) -> Iterator[Effect]:  # noqa: ARG002 - see Relay
        """Tell what follows once police know somebody, or either has a merge or a split."""
        renamed = {one: None for effect in effects for one in self._renamed(effect)}
        self._unsettled |= renamed
        if renamed or any(isinstance(effect.event, PoliceReportShared) for effect in effects):
            yield from self._settle_all()

    def _renamed(self, effect: Effect) -> Iterator[UUID]:
        """Yield whom a merge or a split is about, by the ids of police, if they know them."""
        match effect.event:
            case PersonsMerged(kept_id=one, absorbed_id=other):
                ids = (one, other)
            case PersonSplit(entity_id=one, new_entity_id=other):
                ids = (one, other)
            case _:
                return
        if effect.topic == SAFEGUARDING:
            ids = (self._at_police(one), self._at_police(other))
        yield from filter(self._police.knows, ids)

    def _at_police(self, person_id: UUID) -> UUID:
        return self._police.ids.entity(self._hub.ids.entity_behind(person_id))

    def _settle_all(self) -> Iterator[Effect]:
        """Settle everybody whose decisions changed; whom police do not know yet waits."""
        unsettled, self._unsettled = self._unsettled, {}
        roots: dict[UUID, None] = {}
        for person in unsettled:
            if self._police.knows(person):
                roots[self._police.root(person)] = None
            else:
                self._unsettled[person] = None
        for root in roots:
            yield from self._settle(root)

    def _enrol(self, event: NominalEnrolled, at: int) -> None:
        """Of two enrolments the one that saw more stands."""
        known = self._enrolments.get(event.person_id, _Enrolment())
        if known.enrolled <= known.discharged or event.seen >= known.seen:
            self._enrolments[event.person_id] = replace(known, enrolled=at, seen=event.seen)
        self._unsettled[event.person_id] = None

    def _change_roles(self, event: Input, at: int) -> None:
        for change in self._roles.apply(event, at):  # type: ignore[arg-type] # one of ROLE_EVENTS
            self._held.pop(change.person_id, None)
            if change.stands:
                self._held[change.person_id] = change.seen
            self._unsettled[change.person_id] = None

    def _settle(self, root: UUID) -> Iterator[Effect]:
        person_id = self._hub.ids.entity(self._police.ids.entity_behind(root))
        same = self._heard.names(person_id)
        roots = {root, *(self._police.root(self._at_police(one)) for one in same)}
        stands = any(self._stands(self._splits.names(one)) for one in roots)
        if stands and not self._heard.is_nominal(same):
            yield _told(person_id, is_nominal=True)
        elif not stands and self._heard.was_told(same):
            yield _told(person_id, is_nominal=False)

    def _stands(self, ids: Collection[UUID]) -> bool:
        return self._is_enrolled(ids) or any(
            not self._splits.is_void(one, self._held[one]) for one in ids if one in self._held
        )

    def _is_enrolled(self, ids: Collection[UUID]) -> bool:
        return _is_enrolled(ids, self._enrolments, self._splits.parted)


class _Heard:
    """What the hub makes of what it was told, as its own fold does it; `splits` are those it knows.

    The time of an event is its number among those that are folded in here.
    """

    def __init__(self, splits: Splits) -> None:
        self._splits = splits
        self._enrolments: dict[UUID, _Enrolment] = {}
        self._parted: dict[UUID, int] = {}
        self._count = 0

    def remember(self, effect: Effect) -> None:
        """Fold in a record of the hub's topic, before `splits` does."""
        if effect.topic != SAFEGUARDING:
            return
        self._count += 1
        match effect.event:
            case NominalRelayed(person_id=person, is_nominal=is_nominal):
                known, at = self._enrolments.get(person, _Enrolment()), self._count
                news = replace(known, enrolled=at, seen=at)
                self._enrolments[person] = news if is_nominal else replace(known, discharged=at)
            case PersonSplit(entity_id=entity):
                self._parted |= dict.fromkeys(self.names(entity), self._count)
            case _:
                return

    def names(self, person: UUID) -> frozenset[UUID]:
        """Return every id that the hub reads as this person now."""
        return self._splits.names(person)

    def is_nominal(self, ids: Collection[UUID]) -> bool:
        """Tell whether the person behind these ids is a nominal to the hub."""
        return _is_enrolled(ids, self._enrolments, lambda one: self._parted.get(one, NEVER))

    def was_told(self, ids: Collection[UUID]) -> bool:
        """Tell whether that was said and not taken back, a split or not."""
        return _is_enrolled(ids, self._enrolments, lambda _: NEVER)


def _is_enrolled(
    ids: Collection[UUID],
    enrolments: Mapping[UUID, _Enrolment],
    parted: Callable[[UUID], int],
) -> bool:
    """A discharge of any of the ids ends every earlier enrolment, a split what it had not seen."""
    known = [(one, enrolments[one]) for one in ids if one in enrolments]
    discharged = max((decision.discharged for _, decision in known), default=NEVER)
    return any(
        decision.enrolled > discharged and decision.seen > parted(one) for one, decision in known
    )


def _told(person_id: UUID, *, is_nominal: bool) -> Effect:
    event = NominalRelayed(person_id=person_id, is_nominal=is_nominal)
    return Effect(SAFEGUARDING, event)
