"""Safeguarding is told who is a nominal: enrolled by police, or in a confirmed role in an OCG.

The end of one does not end the other. Neither survives a split that police are told of, it is
decided again (ARCHITECTURE.md, rule 4): a split of mentions that they never saw parts nobody whom
they decided about. Which people police mean is reckoned as `consumers.network.nominals`
does it, so that both audiences mean the same; the hub is told the difference to what it was told.
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
    PersonSplit,
    PoliceReportShared,
)
from streams.topics import POLICE, POLICE_DECISIONS, SAFEGUARDING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
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

    def __init__(self, police: Seen, hub: Seen, splits: Splits) -> None:
        self._police = police
        self._hub = hub
        self._splits = splits
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

    def take(self, event: Input, record: Record) -> Iterator[Effect]:  # noqa: ARG002 - see Relay
        """Tell the hub whose standing is not what it was told."""
        if record.topic == POLICE_DECISIONS:
            yield from self._settle_all()

    def due(self, effects: Sequence[Effect], at: datetime) -> Iterator[Effect]:  # noqa: ARG002 - see Relay
        """Tell what follows once police know somebody, or know that a person is two."""
        told = [effect.event for effect in effects if effect.topic == POLICE]
        for event in told:
            if isinstance(event, PersonSplit):
                self._unsettled |= dict.fromkeys((event.entity_id, event.new_entity_id))
        if any(isinstance(event, PoliceReportShared | PersonSplit) for event in told):
            yield from self._settle_all()

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
        inner = self._police.ids.entity_behind(root)
        person_id = self._hub.ids.entity(inner)
        told = self._hub.nominals_at(self._hub.root(person_id))
        if self._stands(self._splits.names(root)):
            if not told:
                yield _told(person_id, is_nominal=True)
            return
        for one in told:
            yield _told(one, is_nominal=False)

    def _stands(self, ids: Collection[UUID]) -> bool:
        return self._is_enrolled(ids) or any(
            not self._splits.is_void(one, self._held[one]) for one in ids if one in self._held
        )

    def _is_enrolled(self, ids: Collection[UUID]) -> bool:
        """A discharge of any of the ids ends every earlier enrolment."""
        known = [(one, self._enrolments[one]) for one in ids if one in self._enrolments]
        discharged = max((decision.discharged for _, decision in known), default=NEVER)
        return any(
            decision.enrolled > discharged and not self._splits.is_void(one, decision.seen)
            for one, decision in known
        )


def _told(person_id: UUID, *, is_nominal: bool) -> Effect:
    event = NominalRelayed(person_id=person_id, is_nominal=is_nominal)
    return Effect(SAFEGUARDING, event)
