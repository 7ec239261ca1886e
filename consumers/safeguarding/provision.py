"""Help below the threshold: what is listed, offered and taken up, and who was offered nothing.

A fold of `safeguarding.decisions` alone. A place is taken by an open offer and by one that was
taken up; a refused offer gives it back. Nobody is ranked for a place: a named person offers it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from consumers.safeguarding.lifecycle import UnknownAlertError
from streams.errors import InvalidInputError
from streams.hub import ProvisionAnswered, ProvisionListed, ProvisionOffered

if TYPE_CHECKING:
    from collections.abc import Container, Iterator
    from datetime import datetime
    from uuid import UUID

    from streams.codes import ProvisionKind
    from streams.values import PartnerType

ProvisionEvent: TypeAlias = ProvisionListed | ProvisionOffered | ProvisionAnswered
PROVISION_EVENTS: Final = (ProvisionListed, ProvisionOffered, ProvisionAnswered)
PLACES_MAX: Final = 10_000


class UnknownProvisionError(InvalidInputError):
    """No such provision is listed. Look again: `rivelin provision list`."""


class ProvisionEndedError(InvalidInputError):
    """The provision has ended. List it anew with places, or offer another."""


class NoPlaceError(InvalidInputError):
    """Every place is offered or taken. Offer another provision, or list this one with more."""


class BadPlacesError(InvalidInputError):
    """Places are a whole number, not below what is offered or taken; 0 ends the provision."""


class OfferedAlreadyError(InvalidInputError):
    """This provision was offered for this alert, and the offer waits for its answer or stands."""


class UnknownOfferError(InvalidInputError):
    """No such offer was made. Look again: `rivelin provision list`."""


class AnsweredAlreadyError(InvalidInputError):
    """The offer was answered already; make a new one if things have changed."""


@dataclass(frozen=True, slots=True)
class Provision:
    """Help that somebody has, and how many of its places are offered or taken."""

    provision_id: UUID
    kind: ProvisionKind
    sector: PartnerType
    area: str
    places: int
    used: int = 0

    @property
    def has_ended(self) -> bool:
        """Tell whether no place is offered any longer."""
        return self.places == 0

    @property
    def free(self) -> int:
        """Return how many places can be offered; never below zero."""
        return max(0, self.places - self.used)


@dataclass(frozen=True, slots=True)
class Offer:
    """A place offered for an alert, and the answer; instants are log times."""

    offer_id: UUID
    provision_id: UUID
    alert_id: UUID
    offered_by: str
    offered_at: datetime
    taken_up: bool | None = None
    answered_at: datetime | None = None


@dataclass(slots=True)
class Provisions:
    """All that is listed and offered; `changed` are ids of rows to write anew."""

    listed: dict[UUID, Provision] = field(default_factory=dict)
    offers: dict[UUID, Offer] = field(default_factory=dict)
    changed: set[UUID] = field(default_factory=set)

    def apply(self, event: ProvisionEvent, at: datetime) -> None:
        """Take an event in at its log time; one that `refusal` stands against changes nothing."""
        if refusal(self, event) is not None:
            return
        match event:
            case ProvisionListed():
                self._list(event)
            case ProvisionOffered():
                offer = Offer(
                    event.offer_id, event.provision_id, event.alert_id, event.decided_by, at
                )
                self._keep(offer, used=1)
            case ProvisionAnswered(offer_id=offer_id, taken_up=taken_up):
                answered = replace(self.offers[offer_id], taken_up=taken_up, answered_at=at)
                self._keep(answered, used=0 if taken_up else -1)

    def of_alert(self, alert_id: UUID) -> Iterator[Offer]:
        """Yield the offers that were made for an alert."""
        return (one for one in self.offers.values() if one.alert_id == alert_id)

    def _list(self, event: ProvisionListed) -> None:
        known = self.listed.get(event.provision_id)
        self.listed[event.provision_id] = Provision(
            event.provision_id,
            event.kind,
            event.sector,
            event.area,
            event.places,
            0 if known is None else known.used,
        )
        self.changed.add(event.provision_id)

    def _keep(self, offer: Offer, *, used: int) -> None:
        self.offers[offer.offer_id] = offer
        provision = self.listed[offer.provision_id]
        self.listed[offer.provision_id] = replace(provision, used=provision.used + used)
        self.changed |= {offer.offer_id, offer.provision_id}


def decide(
    provisions: Provisions, known: Container[UUID], event: ProvisionEvent
) -> tuple[ProvisionEvent, ...]:
    """Return the event of a decision that may be made now; `known` holds the alerts raised.

    Raises: what `refusal` returns, UnknownAlertError.
    """
    if isinstance(event, ProvisionOffered) and event.alert_id not in known:
        raise UnknownAlertError("no such alert was raised; `rivelin alert list` shows those")
    if (against := refusal(provisions, event)) is not None:
        raise against
    return (event,)


def refusal(provisions: Provisions, event: ProvisionEvent) -> InvalidInputError | None:
    """Return what stands against an event by those so far, None if nothing does."""
    match event:
        case ProvisionListed():
            return _against_listing(provisions.listed.get(event.provision_id), event.places)
        case ProvisionOffered():
            return _against_offer(provisions, event)
        case ProvisionAnswered(offer_id=offer_id):
            return _against_answer(provisions.offers.get(offer_id))


def _against_listing(known: Provision | None, places: int) -> InvalidInputError | None:
    if not 0 <= places <= PLACES_MAX:
        return BadPlacesError(f"places are a number from 0 (it ends) to {PLACES_MAX}")
    if known is None:
        return BadPlacesError("a provision begins with at least one place") if not places else None
    if 0 < places < known.used:
        return BadPlacesError(f"{known.used} places are offered or taken: list that many or more")
    return None


def _against_offer(provisions: Provisions, event: ProvisionOffered) -> InvalidInputError | None:
    provision = provisions.listed.get(event.provision_id)
    if provision is None:
        return UnknownProvisionError("no such provision is listed; see `rivelin provision list`")
    if provision.has_ended:
        return ProvisionEndedError("this provision has ended: offer another")
    stands = (one for one in provisions.of_alert(event.alert_id) if one.taken_up is not False)
    if event.offer_id in provisions.offers or any(
        one.provision_id == event.provision_id for one in stands
    ):
        return OfferedAlreadyError("this was offered for the alert already; the offer stands")
    if not provision.free:
        return NoPlaceError("every place of it is offered or taken")
    return None


def _against_answer(offer: Offer | None) -> InvalidInputError | None:
    if offer is None:
        return UnknownOfferError("no such offer was made; see `rivelin provision list`")
    if offer.taken_up is not None:
        return AnsweredAlreadyError("this offer was answered already")
    return None
