"""What the hub decides on: alerts as they were published and decisions so far, from the log.

The door of every decision of the hub. It reads the topics themselves, not a store, which may lag.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from consumers.safeguarding import lifecycle, provision, slavery
from consumers.safeguarding.hub import HUB_EVENTS, HubBook
from consumers.safeguarding.rounds import AlertVersion
from streams.codec import decode
from streams.errors import DecodeError
from streams.hub import ReferralMade, SlaveryNotified
from streams.shared import AlertRaised, AlertUpdated
from streams.topics import ALERTS, HUB_DECISIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

    from streams.ports import Record

#: The topics that a decision of the hub is made on.
READS: Final = (ALERTS, HUB_DECISIONS)
_EVENTS: Final[dict[str, tuple[type[Any], ...]]] = {
    ALERTS: (AlertRaised, AlertUpdated),
    HUB_DECISIONS: HUB_EVENTS,
}


def book_of(records: Iterable[Record]) -> HubBook:
    """Fold the records of `READS`; what cannot be read, or is of no matter here, is left out."""
    book = HubBook()
    for record in records:
        try:
            event = decode(record.value or b"", *_EVENTS[record.topic])
        except DecodeError:
            continue
        match event:
            case AlertRaised(alert_id=alert_id, raised_at=at):
                book.found(alert_id, AlertVersion(1, True, at))  # noqa: FBT003 - supported
            case AlertUpdated(alert_id=alert_id, version=number, supported=supported):
                book.found(alert_id, AlertVersion(number, supported, event.updated_at))
            case _:
                book.apply(event, record.appended_at)
    return book


def choose(
    make: Callable[[HubBook, datetime], object],
) -> Callable[[Sequence[Record], datetime], Sequence[object]]:
    """Return what decides on the log: `make` gives the event that somebody wants at a time.

    What it returns raises what stands against the event; see `lifecycle`, `provision`, `slavery`.
    """

    def on(records: Sequence[Record], at: datetime) -> Sequence[object]:
        book = book_of(records)
        return decide(book, make(book, at))

    return on


def decide(book: HubBook, event: Any) -> Sequence[object]:  # noqa: ANN401 - an event of the hub
    """Return the event if it may be decided now.

    Raises: InvalidInputError or DeniedError by the class named for the rule that was broken.
    """
    if isinstance(event, lifecycle.DECIDED):
        events = lifecycle.decide(book.lives, book.facts, event)
        if isinstance(event, ReferralMade):
            slavery.require_prompt(book.notifications.values(), event)
        return events
    if isinstance(event, provision.PROVISION_EVENTS):
        return provision.decide(book.provisions, book.facts, event)
    if isinstance(event, SlaveryNotified):
        return slavery.decide(book.notifications.values(), book.facts, event)
    raise TypeError(type(event).__name__)
