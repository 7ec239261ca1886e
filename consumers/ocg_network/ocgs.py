"""OCGs as named people decided them: a pure fold, with who decided what, when and on what evidence.

A candidate network follows from reports; an OCG exists because a named human says so. Everything
here stands on `police.decisions`, whose order is total: what does not fit its state is void
(`streams.roles`). Whether a member is a child, or was split since, is looked up when it is read.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeAlias
from uuid import UUID

from consumers.deadlines import DEADLINES_PASSED, Deadline, Deadlines
from consumers.ocg_network.tables import (
    DECISION_REPORTS,
    GRADINGS,
    OCG_HISTORY,
    OCG_MEMBERS,
    OCG_SCORES,
    OCG_TABLES,
    OCGS,
    SOURCE_HISTORIES,
)
from consumers.projection import Rewrite
from streams.codec import decode
from streams.codes import DeadlineKind, OcgRole
from streams.errors import DecodeError
from streams.ocg import (
    DeadlinePassed,
    OcgArchived,
    OcgMapped,
    OcgMerged,
    OcgReactivated,
    OcgScored,
    OcgSplit,
    ReportGraded,
    RoleConfirmed,
    RoleEnded,
)
from streams.roles import (
    ROLE_EVENTS,
    ConfirmedRoles,
    Frame,
    HeldRole,
    OcgStatus,
    RoleEvent,
    expiry_of,
)
from streams.shared import SourceHistoryTold
from streams.topics import POLICE, POLICE_DECISIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Table

    from consumers.projection import Read, Row
    from streams.codes import Rationale
    from streams.ocg import FactorScore
    from streams.ports import Record
    from streams.roles import RoleChange

OcgEvent: TypeAlias = RoleEvent | OcgScored | ReportGraded | SourceHistoryTold
OCG_EVENTS: Final[Mapping[str, tuple[type[Any], ...]]] = {
    POLICE_DECISIONS: (*ROLE_EVENTS, OcgScored, ReportGraded),
    POLICE: (SourceHistoryTold,),
}


class Decided(StrEnum):
    """What was decided about an OCG, as its history tells it."""

    MAPPED = "MAPPED"
    MAPPED_AGAIN = "MAPPED_AGAIN"
    TOOK_IN = "TOOK_IN"
    ABSORBED = "ABSORBED"
    SPLIT = "SPLIT"
    SPLIT_OFF = "SPLIT_OFF"
    ARCHIVED = "ARCHIVED"
    REACTIVATED = "REACTIVATED"
    ROLE_CONFIRMED = "ROLE_CONFIRMED"
    ROLE_RENEWED = "ROLE_RENEWED"
    ROLE_ENDED = "ROLE_ENDED"
    ROLE_EXPIRED = "ROLE_EXPIRED"
    SCORED = "SCORED"


#: Which of them set the status of the OCG in whose history they stand.
STATUS_AFTER: Final[Mapping[Decided, OcgStatus]] = {
    Decided.MAPPED: OcgStatus.MAPPED,
    Decided.SPLIT_OFF: OcgStatus.MAPPED,
    Decided.REACTIVATED: OcgStatus.MAPPED,
    Decided.ARCHIVED: OcgStatus.ARCHIVED,
    Decided.ABSORBED: OcgStatus.ABSORBED,
}


@dataclass(frozen=True, slots=True)
class Ocg:
    """What names an OCG; members, roles and status stand in `OcgBook.roles`."""

    ocg_id: UUID
    reference: str
    network_id: UUID | None
    areas: tuple[str, ...]
    mapped_at: str
    changed_at: str
    changed_by: str


@dataclass(frozen=True, slots=True)
class Joined:
    """Since when somebody is a member, and what was seen of the intelligence topic then."""

    since: str
    seen: int


@dataclass(frozen=True, slots=True)
class Word:
    """Who confirmed a role, and why; the lists are JSON."""

    confirmed_by: str
    confirmed_at: str
    reasons: str
    report_ids: str


class OcgBook:
    """Every OCG by id. Plugs into a projection: `events`, `tables`, `apply`, rows, `restore`.

    Updated in place; an event costs what the OCG it is about holds, not what the log holds.
    """

    events: ClassVar[Mapping[str, tuple[type[Any], ...]]] = OCG_EVENTS
    tables: ClassVar[tuple[Table, ...]] = (*OCG_TABLES, DEADLINES_PASSED)

    def __init__(self) -> None:
        self.roles = ConfirmedRoles()
        self.ocgs: dict[UUID, Ocg] = {}
        self.deadlines = Deadlines(POLICE_DECISIONS)
        self.scored: set[UUID] = set()
        self._joined: dict[UUID, dict[UUID, Joined]] = {}
        self._words: dict[int, Word] = {}
        self._changed: set[UUID] = set()
        self._rewrites: list[Rewrite] = []

    def apply(self, event: OcgEvent, offset: int) -> tuple[RoleChange, ...]:
        """Fold one event in; return who began or ceased to hold a role. Total.

        An event that came before changes nothing.
        """
        match event:
            case OcgScored():
                self._score(event, offset)
            case ReportGraded():
                self._rewrites.append(_grading_row(event, offset))
            case SourceHistoryTold():
                self._rewrites.append(_source_row(event))
            case _:
                if isinstance(event, DeadlinePassed):
                    self.deadlines.tell(event)
                if self.roles.accepts(event, offset):
                    return self._decide(event, offset)
        return ()

    # --- what can be asked -------------------------------------------------------

    def by_reference(self, reference: str) -> Ocg | None:
        """Return the OCG of a reference, also one that is archived or absorbed: none is reused."""
        return next((one for one in self.ocgs.values() if one.reference == reference), None)

    def status(self, ocg_id: UUID) -> OcgStatus | None:
        """Return the status of an OCG; None for one that nobody mapped."""
        frame = self.roles.ocgs.get(ocg_id)
        return None if frame is None else frame.status

    def members(self, ocg_id: UUID) -> tuple[UUID, ...]:
        """Return the members of an OCG under the ids they were mapped by."""
        frame = self.roles.ocgs.get(ocg_id)
        return () if frame is None else tuple(frame.members)

    # --- rows ----------------------------------------------------------------------

    def take_rewrites(self) -> Sequence[Rewrite]:
        """Return what the rows have become since the last call."""
        changed, self._changed = self._changed, set()
        rewrites, self._rewrites = self._rewrites, []
        for ocg_id in sorted(changed):
            key = {"ocg_id": str(ocg_id)}
            rewrites.append(Rewrite(OCGS, key, (self._ocg_row(ocg_id),)))
            rewrites.append(Rewrite(OCG_MEMBERS, key, tuple(self._member_rows(ocg_id))))
        return [*rewrites, *self.deadlines.take_rewrites()]

    def restore(self, read: Read) -> None:
        """Take the state from the rows."""
        self.deadlines.restore(read)
        frames = {UUID(row["ocg_id"]): self._ocg_from(row) for row in read(OCGS)}
        for row in read(OCG_MEMBERS):
            self._member_from(row, frames[UUID(row["ocg_id"])])
        for ocg_id, frame in frames.items():
            self.roles.load(ocg_id, frame)
            self._offer(ocg_id)
        self.roles.last = max((row["number"] for row in read(OCG_HISTORY)), default=-1)
        self.scored = {UUID(row["score_id"]) for row in read(OCG_SCORES)}

    # --- one event ---------------------------------------------------------------------

    def _decide(self, event: RoleEvent, offset: int) -> tuple[RoleChange, ...]:
        entries = dict(self._entries(event))
        before = self._confirmations(entries)
        changes = self.roles.apply(event, offset)
        self._name(event)
        if isinstance(event, RoleConfirmed):
            self._words[offset] = _word_of(event)
        for forgotten in before - self._confirmations(entries):
            del self._words[forgotten]
        for ocg_id, entry in entries.items():
            self._enter(ocg_id, offset, entry)
            self._offer(ocg_id)
        return changes

    def _score(self, event: OcgScored, offset: int) -> None:
        """A score of an OCG that is not mapped is void, and so is one that was given before."""
        is_news = offset > self.roles.last and event.score_id not in self.scored
        if not is_news or not self.roles.is_mapped(event.ocg_id):
            return
        self.scored.add(event.score_id)
        self._rewrites.append(_score_row(event, offset))
        self._enter(event.ocg_id, offset, _entry(event, Decided.SCORED))

    def _name(self, event: RoleEvent) -> None:
        """Keep what names an OCG, and since when its members are in it."""
        match event:
            case OcgMapped(ocg_id=ocg, members=members, seen=seen):
                before = self.ocgs.get(ocg)
                mapped_at = before.mapped_at if before else _instant(event.decided_at)
                self.ocgs[ocg] = _ocg_of(event, mapped_at)
                known = self._joined.get(ocg, {})
                since = _instant(event.decided_at)
                self._joined[ocg] = {
                    one: Joined(known[one].since if one in known else since, seen)
                    for one in members
                }
            case OcgMerged(kept_id=kept, absorbed_id=absorbed):
                self._joined[kept] = {**self._joined.pop(absorbed), **self._joined[kept]}
            case OcgSplit(ocg_id=ocg, new_ocg_id=new, members=members, seen=seen):
                joined = Joined(_instant(event.decided_at), seen)
                self._joined[new] = dict.fromkeys(members, joined)
                for one in members:
                    del self._joined[ocg][one]
                self.ocgs[new] = _ocg_off(event, self.ocgs[ocg])
            case _:
                pass

    def _entries(self, event: RoleEvent) -> Iterator[tuple[UUID, Row]]:
        """Yield what goes into whose history; before the event is folded in."""
        match event:
            case OcgMapped(ocg_id=ocg):
                again = ocg in self.ocgs
                yield ocg, _entry(event, Decided.MAPPED_AGAIN if again else Decided.MAPPED)
            case OcgMerged(kept_id=kept, absorbed_id=absorbed):
                yield kept, _entry(event, Decided.TOOK_IN, other=absorbed)
                yield absorbed, _entry(event, Decided.ABSORBED, other=kept)
            case OcgSplit(ocg_id=ocg, new_ocg_id=new):
                yield ocg, _entry(event, Decided.SPLIT, other=new)
                yield new, _entry(event, Decided.SPLIT_OFF, other=ocg)
            case OcgArchived(ocg_id=ocg):
                yield ocg, _entry(event, Decided.ARCHIVED)
            case OcgReactivated(ocg_id=ocg):
                yield ocg, _entry(event, Decided.REACTIVATED)
            case RoleConfirmed(ocg_id=ocg, person_id=person, role=role):
                held = self.roles.role(ocg, person)
                renewed = held is not None and held.role is role
                yield ocg, _entry(event, Decided.ROLE_RENEWED if renewed else _CONFIRMED)
            case RoleEnded(ocg_id=ocg):
                yield self.roles.root(ocg), _entry(event, Decided.ROLE_ENDED)
            case DeadlinePassed(subject_id=ocg):
                yield self.roles.root(ocg), _entry(event, Decided.ROLE_EXPIRED)

    def _confirmations(self, ocg_ids: Iterable[UUID]) -> set[int]:
        """Return the offsets of the confirmations that stand in these OCGs."""
        frames = (self.roles.ocgs[one] for one in ocg_ids if one in self.roles.ocgs)
        return {held.at for frame in frames for held in frame.roles.values()}

    def _enter(self, ocg_id: UUID, offset: int, entry: Row) -> None:
        """Write a line into the history of an OCG, and that it changed."""
        one = self.ocgs[ocg_id]
        by = entry["decided_by"] or one.changed_by
        self.ocgs[ocg_id] = replace(one, changed_at=entry["decided_at"], changed_by=by)
        self._changed.add(ocg_id)
        key = {"ocg_id": str(ocg_id), "number": offset}
        self._rewrites.append(Rewrite(OCG_HISTORY, key, ({**key, **entry},)))
        for report_id in json.loads(entry["report_ids"]):
            about = {"report_id": report_id, "number": offset}
            row = {**about, "ocg_id": str(ocg_id), "decided": entry["decided"]}
            self._rewrites.append(Rewrite(DECISION_REPORTS, about, (row,)))

    def _offer(self, ocg_id: UUID) -> None:
        """Let the scheduler know the last day of every role; they run while it is archived too."""
        roles = self.roles.ocgs[ocg_id].roles.items()
        self.deadlines.offer(
            str(ocg_id),
            *(
                Deadline(DeadlineKind.ROLE_EXPIRED, ocg_id, person, expiry_of(held.expires_on))
                for person, held in roles
            ),
        )

    # --- rows and back -------------------------------------------------------------------

    def _ocg_row(self, ocg_id: UUID) -> Row:
        one, frame = self.ocgs[ocg_id], self.roles.ocgs[ocg_id]
        return {
            "ocg_id": str(ocg_id),
            "reference": one.reference,
            "status": frame.status.value,
            "absorbed_into": _text(frame.absorbed_into),
            "network_id": _text(one.network_id),
            "areas": json.dumps(one.areas),
            "mapped_at": one.mapped_at,
            "changed_at": one.changed_at,
            "changed_by": one.changed_by,
        }

    def _member_rows(self, ocg_id: UUID) -> Iterator[Row]:
        frame = self.roles.ocgs[ocg_id]
        for person in frame.members:
            joined, held = self._joined[ocg_id][person], frame.roles.get(person)
            yield {
                "ocg_id": str(ocg_id),
                "person_id": str(person),
                "since": joined.since,
                "seen": joined.seen,
                **(_NO_ROLE if held is None else _role_row(held, self._words[held.at])),
            }

    def _ocg_from(self, row: Row) -> Frame:
        ocg_id = UUID(row["ocg_id"])
        self.ocgs[ocg_id] = Ocg(
            ocg_id=ocg_id,
            reference=row["reference"],
            network_id=_uuid(row["network_id"]),
            areas=tuple(json.loads(row["areas"])),
            mapped_at=row["mapped_at"],
            changed_at=row["changed_at"],
            changed_by=row["changed_by"],
        )
        self._joined[ocg_id] = {}
        return Frame({}, OcgStatus(row["status"]), _uuid(row["absorbed_into"]))

    def _member_from(self, row: Row, frame: Frame) -> None:
        ocg_id, person = UUID(row["ocg_id"]), UUID(row["person_id"])
        frame.members[person] = None
        self._joined[ocg_id][person] = Joined(row["since"], row["seen"])
        if row["role"] is not None:
            frame.roles[person] = HeldRole(
                OcgRole(row["role"]),
                row["role_seen"],
                date.fromisoformat(row["expires_on"]),
                row["role_at"],
            )
            self._words[row["role_at"]] = Word(
                row["confirmed_by"], row["confirmed_at"], row["reasons"], row["report_ids"]
            )


_CONFIRMED: Final = Decided.ROLE_CONFIRMED
_NO_ROLE: Final = dict.fromkeys(
    (
        *("role", "role_seen", "role_at", "expires_on"),
        *("confirmed_by", "confirmed_at", "reasons", "report_ids"),
    )
)


def book_of(records: Iterable[Record]) -> OcgBook:
    """Return the book as these records of `police.decisions` tell it, all from the first on."""
    book = OcgBook()
    for record in records:
        try:
            event: OcgEvent = decode(record.value or b"", *OCG_EVENTS[POLICE_DECISIONS])
        except DecodeError:
            continue  # a decision about something else
        book.apply(event, record.offset)
    return book


# --- events to values and rows ----------------------------------------------------------------


def _ocg_of(event: OcgMapped, mapped_at: str) -> Ocg:
    return Ocg(
        ocg_id=event.ocg_id,
        reference=event.reference,
        network_id=event.network_id,
        areas=event.areas,
        mapped_at=mapped_at,
        changed_at=_instant(event.decided_at),
        changed_by=event.decided_by,
    )


def _ocg_off(event: OcgSplit, parent: Ocg) -> Ocg:
    at = _instant(event.decided_at)
    return replace(
        parent,
        ocg_id=event.new_ocg_id,
        reference=event.new_reference,
        mapped_at=at,
        changed_at=at,
        changed_by=event.decided_by,
    )


def _word_of(event: RoleConfirmed) -> Word:
    return Word(
        event.decided_by,
        _instant(event.decided_at),
        _codes(event.reasons),
        _ids(event.report_ids),
    )


def _role_row(held: HeldRole, word: Word) -> Row:
    return {
        "role": held.role.value,
        "role_seen": held.seen,
        "role_at": held.at,
        "expires_on": held.expires_on.isoformat(),
        "confirmed_by": word.confirmed_by,
        "confirmed_at": word.confirmed_at,
        "reasons": word.reasons,
        "report_ids": word.report_ids,
    }


def _entry(event: RoleEvent | OcgScored, decided: Decided, other: UUID | None = None) -> Row:
    """Return one line of a history; what an event does not say is empty."""
    role, reason = getattr(event, "role", None), getattr(event, "reason", None)
    if isinstance(event, DeadlinePassed):  # nobody decided: the last day was over
        by, at = None, event.due_at
    else:
        by, at = event.decided_by, event.decided_at
    return {
        "decided": decided.value,
        "decided_at": _instant(at),
        "decided_by": by,
        "person_id": _text(getattr(event, "person_id", None)),
        "role": None if role is None else role.value,
        "other_ocg_id": _text(other),
        "reason": None if reason is None else reason.value,
        "reasons": _codes(getattr(event, "reasons", ())),
        "members": _ids(getattr(event, "members", ())),
        "report_ids": _ids(getattr(event, "report_ids", ())),
        "seen": getattr(event, "seen", None),
    }


def _score_row(event: OcgScored, offset: int) -> Rewrite:
    key = {"score_id": str(event.score_id)}
    row = {
        **key,
        "ocg_id": str(event.ocg_id),
        "number": offset,
        "model": event.model,
        "harm": _values(event.harm),
        "likelihood": _values(event.likelihood),
        "position": _values(event.organisational_position),
        "confidence": event.confidence,
        "reasons": _codes(event.reasons),
        "report_ids": _ids(event.report_ids),
        "decided_by": event.decided_by,
        "decided_at": _instant(event.decided_at),
    }
    return Rewrite(OCG_SCORES, key, (row,))


def _grading_row(event: ReportGraded, offset: int) -> Rewrite:
    key = {"report_id": str(event.report_id), "revision": event.revision, "number": offset}
    row = {
        **key,
        "scheme": event.grading.scheme.value,
        "source": event.grading.source,
        "assessment": event.grading.assessment,
        "basis": json.dumps([one.value for one in event.basis]),
        "decided_by": event.decided_by,
        "decided_at": _instant(event.decided_at),
    }
    return Rewrite(GRADINGS, key, (row,))


def _source_row(event: SourceHistoryTold) -> Rewrite:
    key = {"report_id": str(event.report_id)}
    corroborated, reliable = event.corroborated, event.reliable
    row = {
        **key,
        "reports": event.reports.value,
        "corroborated": None if corroborated is None else corroborated.value,
        "reliable": None if reliable is None else reliable.value,
    }
    return Rewrite(SOURCE_HISTORIES, key, (row,))


def _values(scores: Iterable[FactorScore]) -> str:
    return json.dumps({one.factor.value: one.value for one in scores}, sort_keys=True)


def _codes(reasons: Iterable[Rationale]) -> str:
    return json.dumps([one.value for one in reasons])


def _ids(ids: Iterable[UUID]) -> str:
    return json.dumps(sorted(map(str, ids)))


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")


def _text(identity: UUID | None) -> str | None:
    return None if identity is None else str(identity)


def _uuid(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)
