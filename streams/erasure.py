"""The erasure ledger: whose data keys are destroyed, and how that is taken along with a backup.

A fold of `enclave.erasures`. Whoever could store a data key again asks it first: intake (also
when a submission is processed once more), the rotation of storage keys, and a restore. The export
is for restores: JSON lines, each bound to the one before by its hash, so that a line that was
changed, left out or put elsewhere is noticed. Cutting off its end is not: compare the number of
lines and the last hash with what `rivelin erase export` said.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from streams.codec import decode
from streams.errors import InvalidInputError
from streams.restricted import ErasureCertified, ErasureRecorded
from streams.values import ErasureReason

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from streams.ports import Record
    from streams.restricted import ReportKeysWrapped

EVENTS: Final = (ErasureRecorded, ErasureCertified)
#: The hash before the first line.
START: Final = hashlib.sha256(b"rivelin erasures 1").hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """One entry of the ledger, by its position, and its certificate once there is one."""

    offset: int
    event: ErasureRecorded
    certified: ErasureCertified | None = None


class Erasures:
    """Every erasure there is; asking costs the same however many there are."""

    def __init__(self, recorded: Iterable[ErasureRecorded] = ()) -> None:
        """Start with what an export holds, or with nothing."""
        self._entries: dict[int, Erasure] = {}
        self._whole: set[tuple[str, UUID]] = set()
        self._subjects: dict[tuple[str, UUID], set[tuple[int, int]]] = {}
        for number, event in enumerate(recorded):
            self._record(number, event)

    def learn(self, records: Iterable[Record]) -> None:
        """Fold records of `enclave.erasures` in, each once or more.

        Raises: DecodeError. A ledger that cannot be read must not be guessed at.
        """
        for record in records:
            event = decode(record.value or b"", *EVENTS)
            if isinstance(event, ErasureRecorded):
                self._record(record.offset, event)
            elif (entry := self._entries.get(event.erasure_offset)) is not None:
                self._entries[entry.offset] = replace(entry, certified=event)

    def _record(self, offset: int, event: ErasureRecorded) -> None:
        known = self._entries.get(offset)
        certified = None if known is None else known.certified
        self._entries[offset] = Erasure(offset=offset, event=event, certified=certified)
        report = (event.partner, event.report_id)
        if event.revision is None or event.subject is None:
            self._whole.add(report)
        else:
            self._subjects.setdefault(report, set()).add((event.revision, event.subject))

    def entries(self) -> tuple[Erasure, ...]:
        """Return every entry, oldest first."""
        return tuple(self._entries[offset] for offset in sorted(self._entries))

    def is_whole(self, partner: str, report_id: UUID) -> bool:
        """Tell whether a report is erased altogether, in every revision and for ever."""
        return (partner, report_id) in self._whole

    def subjects_of(self, partner: str, report_id: UUID) -> frozenset[tuple[int, int]]:
        """Return revision and node of the subjects of a report that are erased one by one."""
        return frozenset(self._subjects.get((partner, report_id), ()))


def erased(
    ledger: Erasures, partner: str, report_id: UUID, subject: tuple[int, int] | None = None
) -> bool:
    """Tell whether the data key of a subject (revision, node) must not be stored again.

    Without a subject: whether any key of the report is erased. No new submission under such an
    id is taken in, since which of its nodes is the erased one only its partner could tell.
    """
    if ledger.is_whole(partner, report_id):
        return True
    subjects = ledger.subjects_of(partner, report_id)
    return bool(subjects) if subject is None else subject in subjects


def left_of(wrapped: ReportKeysWrapped, ledger: Erasures) -> ReportKeysWrapped | None:
    """Return the stored data keys without those that are erased; None for a tombstone.

    The same object when none is. Part 0 is the report itself, part n the identity of node n-1.
    """
    report = (wrapped.partner, wrapped.report_id)
    if ledger.is_whole(*report):
        return None
    gone = {node for revision, node in ledger.subjects_of(*report) if revision == wrapped.revision}
    keys = tuple(key for key in wrapped.keys if key.part - 1 not in gone)
    return wrapped if len(keys) == len(wrapped.keys) else replace(wrapped, keys=keys)


# --- the export ----------------------------------------------------------------------------


def export_lines(entries: Iterable[Erasure]) -> Iterator[str]:
    """Yield one line of JSON for each erasure, in their order, without line ends."""
    before = START
    for number, entry in enumerate(entries):
        facts = {"number": number, **_facts(entry.event), "before": before}
        before = _hash(facts)
        yield json.dumps({**facts, "hash": before}, sort_keys=True)


def read_export(lines: Iterable[str]) -> tuple[ErasureRecorded, ...]:
    """Read what `export_lines` wrote; blank lines are passed over.

    Raises: InvalidInputError, naming the first line that is damaged or out of its place.
    """
    found: list[ErasureRecorded] = []
    before = START
    for line in filter(str.strip, lines):
        place = len(found) + 1
        facts = _object(line, place)
        told = facts.pop("hash", None)
        if facts.get("before") != before or told != _hash(facts):
            raise InvalidInputError(f"line {place} of the erasures was changed or moved")
        before = str(told)
        found.append(_event(facts, place))
    return tuple(found)


def head_of(lines: Sequence[str]) -> str:
    """Return the hash of the last line; whoever holds it notices that lines are missing."""
    return str(json.loads(lines[-1])["hash"]) if lines else START


def _facts(event: ErasureRecorded) -> dict[str, Any]:
    return {
        "partner": event.partner,
        "report_id": str(event.report_id),
        "revision": event.revision,
        "subject": event.subject,
        "reason": event.reason.value,
        "decided_by": event.decided_by,
        "confirmed_by": event.confirmed_by,
        "decided_at": event.decided_at.isoformat(),
    }


def _hash(facts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _object(line: str, place: int) -> dict[str, Any]:
    try:
        facts = json.loads(line)
    except (ValueError, RecursionError):
        facts = None
    if not isinstance(facts, dict):
        raise InvalidInputError(f"line {place} of the erasures is not a JSON object")
    return facts


def _event(facts: dict[str, Any], place: int) -> ErasureRecorded:
    try:
        return ErasureRecorded(
            partner=str(facts["partner"]),
            report_id=UUID(facts["report_id"]),
            revision=_maybe_number(facts["revision"]),
            subject=_maybe_number(facts["subject"]),
            reason=ErasureReason(facts["reason"]),
            decided_by=str(facts["decided_by"]),
            confirmed_by=None if facts["confirmed_by"] is None else str(facts["confirmed_by"]),
            decided_at=datetime.fromisoformat(facts["decided_at"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise InvalidInputError(f"line {place} of the erasures lacks a field") from None


def _maybe_number(value: object) -> int | None:
    return None if value is None else int(str(value))
