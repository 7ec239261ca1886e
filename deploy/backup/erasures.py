"""The erasure ledger before a restore: what was erased stays erased, whatever the backup holds."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from deploy.backup.errors import StrangeLedgerError
from deploy.backup.manifest import topic_path
from deploy.backup.records import Kept, read_records
from streams.codec import decode, encode
from streams.erasure import EVENTS, Erasures, left_of
from streams.restricted import ErasureRecorded, ReportKeysWrapped
from streams.topics import ERASURES, REPORT_KEYS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from deploy.backup.manifest import Manifest

_MILLISECONDS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Ledger:
    """All erasures that are known at a restore; `later` are those that the backup lacks."""

    erasures: Erasures = field(default_factory=Erasures)
    later: tuple[ErasureRecorded, ...] = ()

    def left_of(self, topic: str, kept: Kept) -> Kept | None:
        """Return what may come back of a record; None where all its keys are erased."""
        if topic != REPORT_KEYS or kept.value is None:
            return kept
        wrapped = decode(kept.value, ReportKeysWrapped)
        left = left_of(wrapped, self.erasures)
        if left is None:
            return None
        return kept if left is wrapped else replace(kept, value=encode(left))

    def appended(self, topic: str, end: int, at: datetime) -> Iterator[Kept]:
        """Yield what the ledger's own topic gets beyond the backup, from `end` on."""
        if topic == ERASURES:
            stamp = round(at.timestamp() * _MILLISECONDS)
            for number, event in enumerate(self.later):
                yield Kept(end + number, stamp, None, encode(event))


def ledger_of(folder: Path, manifest: Manifest, known: Sequence[ErasureRecorded] = ()) -> Ledger:
    """Join the ledger in a backup with the newest export of it that there is.

    An export that is older than the backup adds nothing.
    Raises: StrangeLedgerError if the two do not begin alike.
    """
    inside = list(_recorded(folder, manifest))
    shorter = min(len(inside), len(known))
    if inside[:shorter] != list(known[:shorter]):
        raise StrangeLedgerError(
            "the erasure ledger is of another installation than the backup: they begin differently"
        )
    later = tuple(known[len(inside) :])
    return Ledger(Erasures((*inside, *later)), later)


def _recorded(folder: Path, manifest: Manifest) -> Iterable[ErasureRecorded]:
    if ERASURES not in manifest.topics:
        return
    for kept in read_records(folder / topic_path(ERASURES)):
        event = decode(kept.value or b"", *EVENTS)
        if isinstance(event, ErasureRecorded):
            yield event
