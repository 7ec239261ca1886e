"""The bridge between police and the hub: a question, an answer, a protected place, adopted rules.

Police ask what the hub thinks of a lever at a place; the hub gets the place and the lever, not the
operation, and police get its view, not who lives there. The hub declares a place or thing
protected; police learn that a child is protected there, not which. Never a person: an id of one is
refused, for to name somebody is to tell who. Each side knows a request under an id of its own.

Either side hears only of places that it knows: what an audience may not have is kept from it and
counted, and goes over as soon as a report brings the place there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from anonymiser.gate.effects import Effect, Withheld, kept_back
from anonymiser.gate.relays import Relay
from streams.codes import DeadlineKind
from streams.hub import HubViewGiven, ProtectionDeclared, ProtectionEnded, RulesAdopted
from streams.ocg import DeadlinePassed, HubViewAsked
from streams.shared import (
    HubViewRelayed,
    HubViewWanted,
    PoliceReportShared,
    ProtectionRelayed,
    SafeguardingReportShared,
)
from streams.topics import HUB_DECISIONS, POLICE, SAFEGUARDING
from streams.values import Audience

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from anonymiser.gate.inputs import Input
    from anonymiser.gate.state import Seen
    from streams.codes import HubView
    from streams.ports import Record

_PERSON: Final = "a_person"
_UNKNOWN: Final = "not_known_there"


class Bridge(Relay):
    """What was asked, declared and told on either side; ids are those of the side that began it."""

    def __init__(self, police: Seen, hub: Seen) -> None:
        self._police = police
        self._hub = hub
        self._asked: dict[UUID, HubViewAsked] = {}
        self._wanted: set[UUID] = set()
        self._viewed: dict[UUID, HubView] = {}
        self._declared: dict[UUID, ProtectionDeclared] = {}
        self._relayed: dict[UUID, ProtectionRelayed] = {}

    # --- memory -----------------------------------------------------------------------

    def know(self, event: Input, record: Record) -> None:
        """Fold in what police asked and the hub declared."""
        match event:
            case HubViewAsked(request_id=request_id):
                if self._police.ids.request_at(self._hub.ids, request_id) not in self._wanted:
                    self._asked.setdefault(request_id, event)
            case ProtectionDeclared(declaration_id=declaration_id):
                self._declared[declaration_id] = event
            case ProtectionEnded(declaration_id=declaration_id):
                self._declared.pop(declaration_id, None)
            case DeadlinePassed(kind=DeadlineKind.PROTECTION_ENDED, subject_id=declaration_id):
                if record.topic == HUB_DECISIONS:
                    self._declared.pop(declaration_id, None)
            case _:
                return

    def remember(self, effect: Effect) -> None:
        """Fold one of the gate's own records in."""
        match effect.event:
            case HubViewWanted(request_id=request_id):
                self._wanted.add(request_id)
                self._asked.pop(self._hub.ids.request_at(self._police.ids, request_id), None)
            case HubViewRelayed(request_id=request_id, view=view):
                self._viewed[request_id] = view
            case ProtectionRelayed(declaration_id=declaration_id) as event:
                self._relayed[declaration_id] = event
            case _:
                return

    def counts(self) -> Mapping[str, int]:
        """Return how many questions wait for a view, or for their place to be known."""
        return {"hub_views_waiting": len(self._wanted) + len(self._asked) - len(self._viewed)}

    # --- reactions --------------------------------------------------------------------

    def take(self, event: Input, record: Record) -> Iterator[Effect]:
        """Carry over what one side said, or count that it does not go over."""
        at = record.appended_at
        match event:
            case HubViewAsked():
                yield from self._ask(event, at)
            case HubViewGiven() if event.request_id in self._wanted:
                yield from self._answer(event)
            case ProtectionDeclared():
                yield from self._protect(event, at)
            case ProtectionEnded():
                yield from self._end(event.declaration_id)
            case DeadlinePassed(kind=DeadlineKind.PROTECTION_ENDED):
                if record.topic == HUB_DECISIONS:
                    yield from self._end(event.subject_id)
            case RulesAdopted():
                yield Effect(SAFEGUARDING, event)
            case _:
                return

    def due(self, effects: Sequence[Effect], at: datetime) -> Iterator[Effect]:  # noqa: ARG002 - see Relay
        """Carry over what waited until a report brought its place to the other side."""
        for effect in effects:
            if isinstance(effect.event, SafeguardingReportShared) and self._asked:
                here = {self._hub.root(node.entity_id) for node in effect.event.nodes}
                for asked in tuple(self._asked.values()):
                    if self._place(asked.entity_id, self._police, self._hub) in here:
                        yield from self._want(asked)
            elif isinstance(effect.event, PoliceReportShared) and self._declared:
                there = {self._police.root(node.entity_id) for node in effect.event.nodes}
                for declared in tuple(self._declared.values()):
                    if self._place(declared.entity_id, self._hub, self._police) in there:
                        yield from self._relay(declared)

    # --- the hub's view ---------------------------------------------------------------

    def _ask(self, event: HubViewAsked, at: datetime) -> Iterator[Effect]:
        if event.request_id not in self._asked:
            return  # the hub has it, or it was asked about something else first
        if not self._police.is_thing(event.entity_id):
            del self._asked[event.request_id]
            yield kept_back(Audience.SAFEGUARDING, Withheld.HUB_VIEW, _PERSON, at)
        elif self._place(event.entity_id, self._police, self._hub) is None:
            yield kept_back(Audience.SAFEGUARDING, Withheld.HUB_VIEW, _UNKNOWN, at)
        else:
            yield from self._want(event)

    def _want(self, event: HubViewAsked) -> Iterator[Effect]:
        place = self._place(event.entity_id, self._police, self._hub)
        if place is not None:
            request_id = self._police.ids.request_at(self._hub.ids, event.request_id)
            wanted = HubViewWanted(request_id=request_id, entity_id=place, lever=event.lever)
            yield Effect(SAFEGUARDING, wanted)

    def _answer(self, event: HubViewGiven) -> Iterator[Effect]:
        request_id = self._hub.ids.request_at(self._police.ids, event.request_id)
        if self._viewed.get(request_id) is not event.view:
            yield Effect(POLICE, HubViewRelayed(request_id=request_id, view=event.view))

    # --- protection -------------------------------------------------------------------

    def _protect(self, event: ProtectionDeclared, at: datetime) -> Iterator[Effect]:
        if not self._hub.is_thing(event.entity_id):
            self._declared.pop(event.declaration_id, None)
            yield kept_back(Audience.POLICE, Withheld.PROTECTION, _PERSON, at)
        elif self._place(event.entity_id, self._hub, self._police) is None:
            yield kept_back(Audience.POLICE, Withheld.PROTECTION, _UNKNOWN, at)
        else:
            yield from self._relay(event)

    def _relay(self, event: ProtectionDeclared) -> Iterator[Effect]:
        place = self._place(event.entity_id, self._hub, self._police)
        if place is None:
            return
        told = ProtectionRelayed(
            declaration_id=self._hub.ids.request_at(self._police.ids, event.declaration_id),
            entity_id=place,
            until=event.until,
            ended=False,
        )
        if self._relayed.get(told.declaration_id) != told:
            yield Effect(POLICE, told)

    def _end(self, declaration_id: UUID) -> Iterator[Effect]:
        told = self._relayed.get(self._hub.ids.request_at(self._police.ids, declaration_id))
        if told is not None and not told.ended:
            yield Effect(POLICE, replace(told, ended=True))

    def _place(self, entity_id: UUID, here: Seen, there: Seen) -> UUID | None:
        """Return the id of a place or thing on the other side; None if it is not known there."""
        inner = here.ids.entity_behind(here.root(entity_id))
        if not here.is_thing(entity_id) or not there.has_entity(inner):
            return None
        return there.root(there.ids.entity(inner))
