"""What the commands about disruptions have in common: looking first, then deciding on the topic."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from deploy.cli.asking import ask, asker, decide, police

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from consumers.ocg_network.disruption_decisions import Ground
    from consumers.ocg_network.disruptions import DisruptionBook
    from deploy.authority import Act
    from deploy.decisions import Decision
    from deploy.officers import Officer
    from deploy.views import Question
    from streams.disruptions import CausedBy
    from streams.ports import Record

Ocg = Annotated[str, typer.Argument(help="An OCG: its reference, or the beginning of its id.")]
OcgOption = Annotated[str | None, typer.Option("--ocg", help="An OCG: reference or id.")]
Report = Annotated[
    str | None, typer.Option("--report", help="The report it is owed to, id or beginning of it.")
]
Disruption = Annotated[
    str | None, typer.Option("--disruption", help="The disruption it is owed to, likewise.")
]
On = Annotated[str | None, typer.Option("--on", help="The day, YYYY-MM-DD; by default today.")]


def look(
    subject: str,
    read: Callable[[Any, str], Any],
    find: Callable[[Any, str], str] | None = None,
    typed: str = "",
) -> Question:
    """Return a look that every role may take that has to do with disruptions."""
    from deploy.authority import Act  # noqa: PLC0415 - keeps --help quick

    return replace(police(subject, read, find, typed), wants=Act.LOOK_AT_DISRUPTIONS)


def today() -> str:
    """Return the day in London, as an ISO date."""
    from deploy.views import now  # noqa: PLC0415 - keeps --help quick
    from streams.instants import london_day  # noqa: PLC0415 - the same

    return london_day(now()).isoformat()


def day_of(typed: str | None, option: str) -> date:
    """Return the day that was typed, today by default.

    Raises: InvalidInputError.
    """
    from streams.errors import InvalidInputError  # noqa: PLC0415 - keeps --help quick

    try:
        return date.fromisoformat(typed or today())
    except ValueError:
        raise InvalidInputError(f"{option} is a day such as 2026-11-30") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a command was told, found in the police view: ids in full, and the ground under them."""

    ground: Ground
    ocg: UUID | None
    target: UUID | None
    reports: tuple[UUID, ...]


def facts(  # noqa: PLR0913 - one argument for each thing that was typed
    subject: str,
    name: str | None,
    purpose: str | None,
    *,
    ocg: str | None = None,
    target: str | None = None,
    reports: Sequence[str] = (),
) -> Facts:
    """Look up what was typed, on the record; a target by its whole id may be one that is gone.

    Raises: InvalidInputError, DeniedError, NoStoreError, BrokerUnreachableError.
    """
    from consumers.ocg_network import disruption_look  # noqa: PLC0415 - keeps --help quick

    day = today()

    def read(connection: Connection, _: str) -> Facts:
        ocg_id = None if ocg is None else disruption_look.find_ocg(connection, ocg)
        target_id = None if target is None else _entity(connection, target)
        report_ids = [disruption_look.find_report(connection, one) for one in reports]
        found = disruption_look.ground(
            connection, day, ocg_id=ocg_id, target_id=target_id, report_ids=report_ids
        )
        return Facts(
            ground=found,
            ocg=None if ocg_id is None else UUID(ocg_id),
            target=None if target_id is None else UUID(target_id),
            reports=tuple(map(UUID, report_ids)),
        )

    found: Facts = ask(look(subject, read), name, purpose, None)
    return found


def _entity(connection: Connection, typed: str) -> str:
    from consumers.network.look import find_entity  # noqa: PLC0415 - keeps --help quick
    from consumers.ocg_network.ground import root  # noqa: PLC0415 - the same

    try:
        return root(connection, str(UUID(typed)))
    except ValueError:
        return find_entity(connection, typed)


def cause(found: Facts, disruption: str | None) -> CausedBy | None:
    """Return what an outcome is owed to: the report that was found, or a disruption by its id.

    Raises: InvalidInputError if both were named.
    """
    from streams.codes import Cause  # noqa: PLC0415 - keeps --help quick
    from streams.disruptions import CausedBy  # noqa: PLC0415 - the same
    from streams.errors import InvalidInputError  # noqa: PLC0415 - the same

    if disruption is not None and found.reports:
        raise InvalidInputError("name a report or a disruption, not both")
    if disruption is not None:
        return CausedBy(cause=Cause.DISRUPTION, cause_id=UUID(disruption))
    if found.reports:
        return CausedBy(cause=Cause.REPORT, cause_id=found.reports[0])
    return None


def find_disruption(typed: str, name: str | None, purpose: str | None) -> str:
    """Return the full id of a disruption, on the record.

    Raises: InvalidInputError, DeniedError, NoStoreError, BrokerUnreachableError.
    """
    from consumers.ocg_network.disruption_look import find_disruption as find  # noqa: PLC0415

    found: str = ask(
        look("disruption find", lambda _connection, one: one, find, typed), name, purpose, None
    )
    return found


def settle(
    act: Act,
    subject: str,
    name: str | None,
    purpose: str | None,
    choose: Callable[[DisruptionBook, str, datetime], Sequence[object]],
) -> Any:  # noqa: ANN401 - whichever event was written
    """Decide on `disruption.events` as it stands; return the event that was written.

    `choose` gets the book, who decides and when. Raises: whatever it raises, DeniedError,
    SomebodyElseDecidesError, BrokerUnreachableError.
    """
    from streams.topics import DISRUPTIONS  # noqa: PLC0415 - keeps --help quick

    settings, who = asker(name, purpose)
    principal = officer(name, purpose).principal

    def chosen(records: Sequence[Record], at: datetime) -> Sequence[object]:
        return choose(book_of(records), who.name, at)

    (event,) = decide(settings, who, _decision(act, subject, principal, DISRUPTIONS), chosen)
    return event


def officer(name: str | None, purpose: str | None) -> Officer:
    """Return for whom the asker acts, by the register as it is now.

    Raises: BrokerUnreachableError.
    """
    from deploy.officers import officer_of  # noqa: PLC0415 - keeps --help quick

    settings, who = asker(name, purpose)
    return asyncio.run(officer_of(settings, who.name))


def _decision(act: Act, subject: str, principal: str, topic: str) -> Decision:
    from deploy.decisions import Decision  # noqa: PLC0415 - keeps --help quick

    return Decision(act, subject, principal, topic)


def book_of(records: Sequence[Record]) -> DisruptionBook:
    """Fold the topic; what is no event of it is not for a decision to judge."""
    from consumers.ocg_network.disruptions import DisruptionBook  # noqa: PLC0415 - keeps --help quick
    from streams.codec import decode  # noqa: PLC0415 - the same
    from streams.errors import DecodeError  # noqa: PLC0415 - the same
    from streams.topics import DISRUPTIONS  # noqa: PLC0415 - the same

    book = DisruptionBook()
    for record in records:
        if record.topic == DISRUPTIONS and record.value is not None:
            try:
                event = decode(record.value, *DisruptionBook.events[DISRUPTIONS])
            except DecodeError:
                continue
            book.apply(event)
    return book
