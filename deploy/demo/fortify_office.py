"""Who decides in the Fortify story, and how: roles in the register, looks, decisions on the log.

Decisions go the way of everybody's (`deploy.decisions`): the role is checked, the topic is read to
its end, what may be decided is a pure function. Time is compressed: each carries a day of the
story's year.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Final, Protocol

from consumers.ocg_network.disruptions import DisruptionBook
from consumers.ocg_network.ocgs import OCG_EVENTS, OcgBook
from deploy.decisions import Decision, decide_on
from deploy.officers import agencies_of
from deploy.registry import registry_in
from deploy.views import Asker, now
from producers.town.partners import COUNCIL, FIRE, HOUSING, VOLUNTARY
from streams.codec import decode
from streams.codes import CommandLevel, StaffRole
from streams.errors import RivelinError, UnknownSchemaError
from streams.loop import read_to_end
from streams.shared import RoleAssigned
from streams.topics import DISRUPTIONS, POLICE_DECISIONS
from streams.values import Purpose

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import date

    from sqlalchemy import Connection

    from consumers.ocg_network.disruptions import DisruptionEvent
    from consumers.ocg_network.ocgs import OcgEvent
    from deploy.authority import Act
    from streams.codes import Agency
    from streams.ports import Log, Record

#: The invented year: reports lie before day 0, on which the groups are mapped.
YEAR_DAYS: Final = 300
SCORED_ON: Final = 10
BEFORE: Final = 12
ARCHIVED_ON: Final = 285
RESCORED_ON: Final = 290
AFTER: Final = 295
RELAY_SECONDS_MAX: Final = 60.0
_PROBE_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Calendar:
    """The story's year, which ends today: day 0 lies `YEAR_DAYS` before."""

    today: date

    @property
    def day_zero(self) -> date:
        """Return the day on which the groups are mapped."""
        return self.today - timedelta(days=YEAR_DAYS)

    def day(self, number: int) -> date:
        """Return a day of the story."""
        return self.day_zero + timedelta(days=number)

    def at(self, number: int, hour: int = 10) -> datetime:
        """Return an instant on a day of the story."""
        return datetime.combine(self.day(number), time(hour), UTC)


# --- who is who -------------------------------------------------------------------------------

ANALYSTS: Final = tuple(
    f"Analyst Invented {name}" for name in ("Don", "Loxley", "Porter", "Sheaf", "Shirebrook")
)
RATER: Final = "Rater Invented Wincobank"
LEAD_OFFICER: Final = "Inspector Invented Wicker"
COUNCIL_OFFICER: Final = "Officer Invented Arundel"
HOUSING_OFFICER: Final = "Officer Invented Birley"
FIRE_OFFICER: Final = "Officer Invented Crookes"
MENTOR: Final = "Mentor Invented Darnall"
ASSESSOR: Final = "Assessor Invented Ecclesall"
HUB_LEAD: Final = "Hub Lead Invented Fulwood"

_ROLES: Final[tuple[tuple[str, StaffRole, str], ...]] = (
    *((name, StaffRole.ANALYST, "police") for name in ANALYSTS),
    (RATER, StaffRole.RATER, "police"),
    (LEAD_OFFICER, StaffRole.LEAD_RESPONSIBLE_OFFICER, "police"),
    (COUNCIL_OFFICER, StaffRole.DISRUPTION_OFFICER, COUNCIL.partner),
    (HOUSING_OFFICER, StaffRole.DISRUPTION_OFFICER, HOUSING.partner),
    (FIRE_OFFICER, StaffRole.DISRUPTION_OFFICER, FIRE.partner),
    (MENTOR, StaffRole.DISRUPTION_OFFICER, VOLUNTARY.partner),
    (ASSESSOR, StaffRole.ASSESSOR, "police"),
    (HUB_LEAD, StaffRole.HUB_LEAD, "hub"),
)


def roles(decided_by: str, at: datetime) -> Iterator[RoleAssigned]:
    """Yield what lets the people of the story act, for a year from now."""
    for name, role, agency in _ROLES:
        yield RoleAssigned(
            name=name,
            role=role,
            agency=agency,
            level=CommandLevel.TACTICAL,
            expires_at=at + timedelta(days=365),
            decided_by=decided_by,
            decided_at=at,
        )


def writes_as(name: str) -> str:
    """Return the principal with which this person writes to `disruption.events`."""
    police = {one for one, _, agency in _ROLES if agency == "police"}
    return "police" if name in police else "disruption"


# --- looking and deciding ---------------------------------------------------------------------


class NotRelayedError(RivelinError):
    """The gate did not carry an event over in time; its log says why."""


class House(Protocol):
    """An installation that the story plays in: in memory, or on a broker."""

    def log(self, principal: str) -> Log:
        """Return the log as this principal enters it."""

    async def catch_up(self) -> None:
        """Wait until gate and projections have seen everything that was written."""

    def police(self) -> AbstractContextManager[Connection]:
        """Look at the police projection."""

    def hub(self) -> AbstractContextManager[Connection]:
        """Look at the hub's projection."""


class Office:
    """Lets named people decide in a house."""

    def __init__(self, house: House, calendar: Calendar) -> None:
        self.house = house
        self.calendar = calendar
        self.decisions = 0

    async def agencies(self) -> Mapping[str, frozenset[Agency] | None]:
        """Return for everybody of the story whose levers they may plan, by the register."""
        registry, at = await registry_in(self.house.log("police")), now()
        return {name: agencies_of(registry, name, at) for name, _, _ in _ROLES}

    async def ocg(
        self, name: str, act: Act, subject: str, choose: Callable[[OcgBook], Iterator[OcgEvent]]
    ) -> None:
        """Decide on `police.decisions`; each event is seen by the checks of the next."""

        def chosen(records: Sequence[Record], _: datetime) -> list[object]:
            book = ocg_book(records)
            offset = book.roles.last + 1
            events: list[object] = []
            for event in choose(book):
                book.apply(event, offset + len(events))
                events.append(event)
            return events

        await self.write(name, act, subject, "police", POLICE_DECISIONS, chosen)

    async def disruptions(
        self,
        name: str,
        act: Act,
        subject: str,
        choose: Callable[[DisruptionBook], Iterator[DisruptionEvent]],
    ) -> None:
        """Decide on `disruption.events`, likewise."""

        def chosen(records: Sequence[Record], _: datetime) -> list[object]:
            book = disruption_book(records)
            events: list[object] = []
            for event in choose(book):
                book.apply(event)
                events.append(event)
            return events

        await self.write(name, act, subject, writes_as(name), DISRUPTIONS, chosen)

    async def hear(self, topic: str, kind: type[object], count: int) -> None:
        """Wait until the gate has carried so many events of a kind onto a topic, and all see them.

        Raises: NotRelayedError.
        """
        log = self.house.log("supervisor")
        try:
            async with asyncio.timeout(RELAY_SECONDS_MAX):
                while await _count(log, topic, kind) < count:  # noqa: ASYNC110 - another process gives no event
                    await asyncio.sleep(_PROBE_SECONDS)
        except TimeoutError:
            raise NotRelayedError(f"the gate did not carry {kind.__name__} over in time") from None
        await self.house.catch_up()

    async def write(  # noqa: PLR0913, PLR0917 - what a decision is made of
        self,
        name: str,
        act: Act,
        subject: str,
        principal: str,
        topic: str,
        choose: Callable[[Sequence[Record], datetime], Sequence[object]],
        reads: tuple[str, ...] = (),
    ) -> None:
        """Decide on a topic, as everybody does; `reads` as in `deploy.decisions.Decision`."""
        asker = Asker(name, Purpose.DISRUPT_ORGANISED_CRIME)
        decision = Decision(act, subject, principal, topic, reads)
        events = await decide_on(self.house.log(principal), asker, decision, choose)
        self.decisions += len(events)


async def _count(log: Log, topic: str, kind: type[object]) -> int:
    found = 0
    async for records in read_to_end(log, (topic,)):
        for record in records:
            with suppress(UnknownSchemaError):  # of another event
                decode(record.value or b"", kind)
                found += 1
    return found


def ocg_book(records: Iterable[Record]) -> OcgBook:
    """Fold what police decided about OCGs; the rest of the topic is not about them."""
    book = OcgBook()
    for record in records:
        with suppress(UnknownSchemaError):  # of another event of the topic
            event = decode(record.value or b"", *OCG_EVENTS[POLICE_DECISIONS])
            book.apply(event, record.offset)
    return book


def disruption_book(records: Iterable[Record]) -> DisruptionBook:
    """Fold what was tried and what it brought."""
    book = DisruptionBook()
    for record in records:
        book.apply(decode(record.value or b"", *DisruptionBook.events[DISRUPTIONS]))
    return book
