"""Which submissions have an outcome: a pure fold of the audit's collections and the receipts.

Intake writes one row of `audit.operations` for each submission, in the transaction that takes it
in; the gate tells its partner the outcome, naming the submission by its position. What has a row
and no receipt waits. A position without a row was not taken in (yet). The two topics have no
order between them, so a receipt may be read before the row.

Rows before a partner's first are not missed: a log may be older than the rows are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from streams.codec import decode
from streams.operations import place_of
from streams.restricted import OutcomeFound, OutcomeMissing, ProbingNoticed, RedriveRequested
from streams.shared import ON_FEEDBACK, ON_OPERATIONS, FeedbackGiven, OperationRecorded
from streams.topics import ALARMS, OPERATIONS, REDRIVES, partner_of, submissions_of
from streams.values import Operation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streams.ports import Record
    from streams.values import Outcome

_FEEDBACK: Final = ".feedback"
_ALARMS: Final = (ProbingNoticed, OutcomeMissing, OutcomeFound)


@dataclass(frozen=True, slots=True, order=True)
class Waiting:
    """A submission that was taken in and has no outcome yet; `since` is its log-append time."""

    since: datetime
    partner: str
    offset: int

    @property
    def place(self) -> tuple[str, int]:
        """Whose topic, and where on it."""
        return self.partner, self.offset


@dataclass(slots=True)
class Collected:
    """One partner. Every position below `floor`, from the first row on, has a row.

    `ahead` are rows above a gap, `early` receipts whose row has not been read yet.
    """

    floor: int | None = None
    ahead: set[int] = field(default_factory=set)
    waiting: dict[int, datetime] = field(default_factory=dict)
    early: set[int] = field(default_factory=set)

    def take(self, offset: int, since: datetime) -> None:
        """Note a row; the same one again changes nothing."""
        if self.has(offset):
            return
        if self.floor is None:
            self.floor = offset
            self.early = {one for one in self.early if one >= offset}
        self.ahead.add(offset)
        while self.floor in self.ahead:
            self.ahead.discard(self.floor)
            self.floor += 1
        if offset in self.early:
            self.early.discard(offset)
        else:
            self.waiting[offset] = since

    def settle(self, offset: int) -> None:
        """Note an outcome; a further one for the same submission changes nothing."""
        if self.waiting.pop(offset, None) is None and not self.has(offset):
            self.early.add(offset)

    def has(self, offset: int) -> bool:
        """Tell whether a position has its row, or lies before the first."""
        return offset in self.ahead or (self.floor is not None and offset < self.floor)

    def skip(self, offset: int) -> None:
        """Note that no submission lies at a position."""
        self.early.add(offset)
        self.take(offset, datetime.max.replace(tzinfo=UTC))

    def gaps(self, end: int) -> Iterator[int]:
        """Yield the positions below `end` that have no row, from the first row on."""
        if self.floor is not None:
            yield from (one for one in range(self.floor, end) if one not in self.ahead)


class Outcomes:
    """Every partner's submissions, and what was told and asked about those without an outcome."""

    def __init__(self) -> None:
        self._partners: dict[str, Collected] = {}
        #: What is told of as missing and not found yet.
        self.open: dict[tuple[str, int], OutcomeMissing] = {}
        self.found: dict[tuple[str, int], Outcome] = {}
        self.redriven: set[tuple[str, int]] = set()

    def apply(self, record: Record) -> None:
        """Fold one record in: the audit, a partner's feedback, alarms, requests.

        Raises: DecodeError for what our own processes could not have written.
        """
        if record.topic == OPERATIONS:
            self._collect(decode(record.value or b"", *ON_OPERATIONS))
        elif record.topic == ALARMS:
            self.remember(decode(record.value or b"", *_ALARMS))
        elif record.topic == REDRIVES:
            self.remember(decode(record.value or b"", RedriveRequested))
        else:
            partner = record.topic.removeprefix("partner.").removesuffix(_FEEDBACK)
            told = decode(record.value or b"", *ON_FEEDBACK)
            if isinstance(told, FeedbackGiven) and told.offset is not None:
                self._settle(partner, told.offset, told.outcome)

    def remember(self, event: object) -> None:
        """Take in what the reconciler itself has told or asked for."""
        match event:
            case OutcomeMissing():
                self.open[event.partner, event.offset] = event
            case OutcomeFound():
                self.open.pop((event.partner, event.offset), None)
                self.found.pop((event.partner, event.offset), None)
            case RedriveRequested():
                self.redriven.add((event.partner, event.offset))
            case _:
                return

    def of(self, partner: str) -> Collected:
        """Return what is known of a partner."""
        return self._partners.setdefault(partner, Collected())

    def pass_over(self, partner: str, offset: int) -> None:
        """Wait no longer for what every stage is past and what is told by no receipt of its own."""
        self.of(partner).waiting.pop(offset, None)

    def waiting(self) -> list[Waiting]:
        """Return everything that waits for an outcome, the oldest first."""
        return sorted(
            Waiting(since, partner, offset)
            for partner, one in self._partners.items()
            for offset, since in one.waiting.items()
        )

    def waits(self, one: Waiting) -> bool:
        """Tell whether it still waits."""
        return one.offset in self.of(one.partner).waiting

    def count_waiting(self) -> int:
        """Return how many wait."""
        return sum(len(one.waiting) for one in self._partners.values())

    def _collect(self, event: object) -> None:
        if not isinstance(event, OperationRecorded) or event.operation is not Operation.COLLECTION:
            return
        place = place_of(event.subject)
        partner = None if place is None else partner_of(place[0])
        if place is not None and partner is not None and submissions_of(partner) == place[0]:
            self.of(partner).take(place[1], event.at)

    def _settle(self, partner: str, offset: int, outcome: Outcome) -> None:
        self.of(partner).settle(offset)
        if (partner, offset) in self.open:
            self.found[partner, offset] = outcome

    # --- a snapshot ----------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """Return what is folded of rows and receipts; alarms and requests are read anew."""
        return {
            partner: {
                "floor": one.floor,
                "ahead": sorted(one.ahead),
                "early": sorted(one.early),
                "waiting": {str(k): at.isoformat() for k, at in sorted(one.waiting.items())},
            }
            for partner, one in sorted(self._partners.items())
        }

    def restore(self, facts: Mapping[str, Any]) -> None:
        """Undo `to_json`.

        Raises: KeyError, TypeError, ValueError for anything else.
        """
        self._partners = {
            partner: Collected(
                floor=None if one["floor"] is None else int(one["floor"]),
                ahead=set(map(int, one["ahead"])),
                early=set(map(int, one["early"])),
                waiting={int(k): datetime.fromisoformat(at) for k, at in one["waiting"].items()},
            )
            for partner, one in facts.items()
        }
