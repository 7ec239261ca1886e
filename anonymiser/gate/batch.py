"""Release batches: reports go to police together, in random order, so that no time names a source.

A report for police waits until enough reports from enough partners wait with
it, or until the longest wait is over; it then goes late, and is counted.
Merges wait with them, since a merge would tell when the report came that
caused it. What takes something back (withdrawal, split) never waits, nor does
an immediate risk, nor anything for the safeguarding hub.

What waits is renamed by merges and splits and dropped by a withdrawal or a
later revision, so nothing that refers to a waiting report can overtake it:
police only ever hear of what they have. It stands on `enclave.held`, written
in the transaction that commits past it and cleared in the one that releases
it; what comes and goes within one transaction is never written there. So a
batch is released once and only once, whenever the process ends.

Source: privacy.md section 5 (Reporter), section 8 properties 10 and 11.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeVar
from uuid import UUID

from streams.topics import HELD

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from streams.ports import Outgoing
    from streams.sealing import Entropy

Item = TypeVar("Item")

_REPORT: Final = b"batch:"
_MERGE: Final = b"merge:"
_REPORTER: Final = b"reporter:"
_BETWEEN: Final = (_REPORT, _MERGE)
#: Enough that two items never draw the same number.
_LOT_BYTES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasePolicy:
    """When a batch goes, version 1: enough reports from enough partners, or the longest wait.

    It holds `reports_max` at most, the oldest, so that a transaction stays small.
    `type_reporters_min`: from so many partners of a sector on that have reported, a report
    released in a full batch tells its sector.
    """

    reports_min: int = 5
    partners_min: int = 3
    delay_seconds_max: float = 3600.0
    type_reporters_min: int = 5
    reports_max: int = 500

    @property
    def delay_max(self) -> timedelta:
        """The longest wait."""
        return timedelta(seconds=self.delay_seconds_max)

    @property
    def is_at_once(self) -> bool:
        """Whether nothing ever waits."""
        return self.reports_min <= 1 and self.partners_min <= 1

    def is_full(self, reports: int, partners: int) -> bool:
        """Tell whether so many reports from so many partners may go together."""
        return reports >= max(1, self.reports_min) and partners >= self.partners_min


#: Each report by itself, in its own order: for evaluation and tests of other things. It protects
#: no source.
AT_ONCE: Final = ReleasePolicy(reports_min=1, partners_min=1, delay_seconds_max=0.0)


def shuffled(items: Iterable[Item], entropy: Entropy) -> list[Item]:
    """Return the items in an order that only `entropy` decides."""
    lots = [(entropy(_LOT_BYTES), number, item) for number, item in enumerate(items)]
    return [item for _, _, item in sorted(lots, key=lambda lot: lot[:2])]


# --- record keys on enclave.held; no partner's name holds a colon ----------------------


def waiting_key(partner: str, report_id: UUID) -> bytes:
    """Return the key under which a report waits."""
    return _REPORT + f"{partner}/{report_id}".encode()


def merge_key(absorbed_id: UUID) -> bytes:
    """Return the key under which a merge waits."""
    return _MERGE + str(absorbed_id).encode()


def reporter_key(partner: str) -> bytes:
    """Return the key under which it stands that a partner has reported."""
    return _REPORTER + partner.encode()


def waiting_of(key: bytes) -> tuple[str, UUID] | None:
    """Undo `waiting_key`; None if it is the key of something else."""
    if not key.startswith(_REPORT):
        return None
    partner, _, report_id = key.removeprefix(_REPORT).decode().rpartition("/")
    return partner, UUID(report_id)


def merge_of(key: bytes) -> UUID | None:
    """Undo `merge_key`; None if it is the key of something else."""
    return UUID(key.removeprefix(_MERGE).decode()) if key.startswith(_MERGE) else None


def is_of_batch(key: bytes | None) -> bool:
    """Tell whether a record of `enclave.held` is of a report or merge that waits for a batch."""
    return key is not None and key.startswith(_BETWEEN)


class KeptOnHeld:
    """Which keys of batches stand on `enclave.held`, so that each is written once a transaction."""

    def __init__(self) -> None:
        self._standing: set[bytes] = set()

    def recover(self, key: bytes | None, value: bytes | None) -> None:
        """Take in a record of the topic."""
        if key is not None and is_of_batch(key):
            (self._standing.discard if value is None else self._standing.add)(key)

    def compacted(self, outgoing: Sequence[Outgoing]) -> list[Outgoing]:
        """Keep of each key's records the last, and nothing of what came and went meanwhile."""
        last = {one.key: number for number, one in enumerate(outgoing) if _is_between(one)}
        kept: list[Outgoing] = []
        for number, one in enumerate(outgoing):
            if not _is_between(one) or (last[one.key] == number and self._changes(one)):
                kept.append(one)
        return kept

    def _changes(self, one: Outgoing) -> bool:
        key = one.key or b""
        if one.value is None:
            stood = key in self._standing
            self._standing.discard(key)
            return stood
        self._standing.add(key)
        return True


def _is_between(one: Outgoing) -> bool:
    return one.topic == HELD and is_of_batch(one.key)
