"""The register of partners as a pure fold of `registry.events`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias, assert_never

from streams.codec import decode
from streams.shared import (
    LinkWeightsPublished,
    PartnerOnboarded,
    PartnerSuspended,
    ReferencePopulationSet,
    RoleAssigned,
    RoleRevoked,
    TokenKeySettled,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from streams.codes import StaffRole
    from streams.ports import Record
    from streams.shared import LawfulGateway, Service
    from streams.values import Gateway, PartnerType, Purpose

RegistryEvent: TypeAlias = (
    PartnerOnboarded
    | PartnerSuspended
    | ReferencePopulationSet
    | LinkWeightsPublished
    | TokenKeySettled
    | RoleAssigned
    | RoleRevoked
)
EVENTS: Final = (
    *(PartnerOnboarded, PartnerSuspended, ReferencePopulationSet, LinkWeightsPublished),
    *(TokenKeySettled, RoleAssigned, RoleRevoked),
)


class Standing(StrEnum):
    """Whether a partner's reports are taken at an instant; only ACTIVE ones are."""

    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    EXPIRED = "EXPIRED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerEntry:
    """What the register says of one partner now. The agreement ends at `expires_at`."""

    partner: str
    name: str
    type: PartnerType
    services: tuple[Service, ...]
    agreement: str
    gateways: tuple[LawfulGateway, ...]
    narrative_permitted: bool
    expires_at: datetime
    suspended: bool

    def lists(self, gateway: Gateway, purpose: Purpose) -> bool:
        """Tell whether the agreement names this gateway for this purpose."""
        return any(one.gateway is gateway and purpose in one.purposes for one in self.gateways)

    def service(self, name: str) -> Service | None:
        """Return the service of this name, None if the partner has none."""
        return next((service for service in self.services if service.name == name), None)

    def standing(self, at: datetime) -> Standing:
        """Return the standing at an instant; a suspension weighs more than the expiry."""
        if self.suspended:
            return Standing.SUSPENDED
        return Standing.EXPIRED if at >= self.expires_at else Standing.ACTIVE


class Registry:
    """Every partner that was ever onboarded, as the events so far say."""

    def __init__(self) -> None:
        self._entries: dict[str, PartnerEntry] = {}
        #: The population that small cells are counted in; None until one was set.
        self.population: ReferencePopulationSet | None = None
        self._weights: dict[int, LinkWeightsPublished] = {}
        #: The token key that every record lies under; 0 while none was ever rotated.
        self.token_epoch = 0
        self._roles: dict[tuple[str, StaffRole], RoleAssigned] = {}

    def apply(self, event: RegistryEvent) -> None:
        """Fold one event in: onboarding replaces the entry and lifts a suspension."""
        match event:
            case PartnerOnboarded():
                self._entries[event.partner] = _entry_of(event, suspended=False)
            case PartnerSuspended():
                self._suspend(event.partner)
            case ReferencePopulationSet():
                self.population = event
            case LinkWeightsPublished():
                self._weights.setdefault(event.version, event)
            case TokenKeySettled():
                self.token_epoch = max(self.token_epoch, event.token_epoch)
            case RoleAssigned():
                self._roles[event.name, event.role] = event
            case RoleRevoked():
                self._roles.pop((event.name, event.role), None)
            case _:
                assert_never(event)

    def learn(self, records: Iterable[Record]) -> None:
        """Fold records of `registry.events` in.

        Raises: DecodeError. A register that cannot be read must not be guessed at: a
        suspension could be missed.
        """
        for record in records:
            if record.value is not None:
                self.apply(decode(record.value, *EVENTS))

    @property
    def weights(self) -> LinkWeightsPublished | None:
        """The newest version of the weights of linking; None while none was published."""
        return self._weights[max(self._weights)] if self._weights else None

    def weight_versions(self) -> tuple[LinkWeightsPublished, ...]:
        """Return every version of the weights, in order; of two events of one the first stands."""
        return tuple(self._weights[version] for version in sorted(self._weights))

    def roles_of(self, name: str, at: datetime) -> tuple[RoleAssigned, ...]:
        """Return the roles that a named person holds at an instant, in the order of their codes."""
        held = (one for (who, _), one in self._roles.items() if who == name and at < one.expires_at)
        return tuple(sorted(held, key=lambda one: one.role))

    def roles(self) -> tuple[RoleAssigned, ...]:
        """Return every role that was assigned and not revoked, expired ones too, by name."""
        return tuple(sorted(self._roles.values(), key=lambda one: (one.name, one.role)))

    def entry(self, partner: str) -> PartnerEntry | None:
        """Return the entry of a partner, None if it was never onboarded."""
        return self._entries.get(partner)

    def standing(self, partner: str, at: datetime) -> Standing:
        """Return the partner's standing at an instant."""
        entry = self._entries.get(partner)
        return Standing.UNKNOWN if entry is None else entry.standing(at)

    def partners(self) -> tuple[str, ...]:
        """Return every partner ever onboarded, suspended and expired ones too, in name order."""
        return tuple(sorted(self._entries))

    def _suspend(self, partner: str) -> None:
        if (entry := self._entries.get(partner)) is not None:
            self._entries[partner] = _entry_of(entry, suspended=True)


def _entry_of(facts: PartnerOnboarded | PartnerEntry, *, suspended: bool) -> PartnerEntry:
    return PartnerEntry(
        partner=facts.partner,
        name=facts.name,
        type=facts.type,
        services=facts.services,
        agreement=facts.agreement,
        gateways=facts.gateways,
        narrative_permitted=facts.narrative_permitted,
        expires_at=facts.expires_at,
        suspended=suspended,
    )
