"""Give the linker its memory back: its own decisions, and the tokens that the keys still open.

A mention's tokens lie sealed in the decision about it, under its subject's
data key, and that key lies on `enclave.report-keys` under the storage key.
The two topics have no order between them, so a mention waits for its key. One
whose key does not come is shredded: it stays where it was put and can link
nobody any more.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias
from uuid import UUID

from anonymiser.linker.match import pack
from anonymiser.report_keys import open_tokens
from streams.codec import decode
from streams.restricted import (
    AnswerSubmitted,
    MentionResolved,
    MergeDecided,
    PossibleLink,
    ReportAdmitted,
    ReportKeysWrapped,
    ReportRetracted,
    SplitDecided,
)
from streams.sealing import UnsealError, unwrap_data_keys
from streams.topics import REPORT_KEYS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anonymiser.linker.state import LinkerState
    from streams.ports import Record

_PARTNER_BYTES: Final = 2
_ID_BYTES: Final = 16
_SEALING_BYTES: Final = 16
RevisionKey: TypeAlias = tuple[str, UUID, int]
Resolution: TypeAlias = (
    ReportAdmitted
    | MentionResolved
    | ReportRetracted
    | MergeDecided
    | SplitDecided
    | PossibleLink
    | AnswerSubmitted
)
RESOLUTION_CLASSES: Final = (
    ReportAdmitted,
    MentionResolved,
    ReportRetracted,
    MergeDecided,
    SplitDecided,
    PossibleLink,
    AnswerSubmitted,
)


class Recovery:
    """Folds committed records into a state; `finish` lets go of the keys."""

    def __init__(self, state: LinkerState, storage: Mapping[int, bytes], watch: KeyWatch) -> None:
        self._state = state
        self._watch = watch
        self._storage = storage
        self._keys: dict[RevisionKey, dict[bytes, ReportKeysWrapped]] = {}
        self._waiting: dict[RevisionKey, list[MentionResolved]] = {}

    def take(self, record: Record) -> None:
        """Fold one record of `enclave.report-keys` or `enclave.resolutions`.

        Raises: DecodeError if it does not decode; the linker must not guess its past.
        """
        if record.topic == REPORT_KEYS:
            self._take_keys(record)
        elif record.value is not None:
            self._fold(decode(record.value, *RESOLUTION_CLASSES))

    def finish(self) -> None:
        """Forget keys and sealed tokens; what still waits is shredded."""
        self._keys.clear()
        self._waiting.clear()

    def _take_keys(self, record: Record) -> None:
        self._watch.take(record)
        sealing = record.key or b""
        if record.value is None:
            revision = revision_of(sealing)
            self._keys.get(revision, {}).pop(sealing, None)
            return
        wrapped = decode(record.value, ReportKeysWrapped)
        revision = (wrapped.partner, wrapped.report_id, wrapped.revision)
        self._keys.setdefault(revision, {})[sealing] = wrapped
        self._open_waiting(revision)

    def _open_waiting(self, key: RevisionKey) -> None:
        still = [event for event in self._waiting.pop(key, ()) if not self._describe(event)]
        if still:
            self._waiting[key] = still

    def _describe(self, event: MentionResolved) -> bool:
        packed = self._opened(event)
        if packed is not None:
            self._state.describe(event, packed)
        return packed is not None

    def _fold(self, event: Resolution) -> None:
        match event:
            case MentionResolved():
                self._resolve(event)
            case AnswerSubmitted():
                return  # the desk's
            case _:
                self._state.apply(event)

    def _resolve(self, event: MentionResolved) -> None:
        packed = self._opened(event)
        self._state.resolve(event, packed or b"")
        if packed is None:
            key = (event.partner, event.report_id, event.revision)
            self._waiting.setdefault(key, []).append(event)

    def _opened(self, event: MentionResolved) -> bytes | None:
        """Return what the mention says; None while no key opens its tokens."""
        if not event.sealed_tokens:
            return pack((), event.sex)
        sealings = self._keys.get((event.partner, event.report_id, event.revision), {})
        for wrapped in sealings.values():
            for one in wrapped.keys:
                if one.part == event.node + 1:
                    packed = self._try(event, replace(wrapped, keys=(one,)))
                    if packed is not None:
                        return packed
        return None

    def _try(self, event: MentionResolved, wrapped: ReportKeysWrapped) -> bytes | None:
        storage_key = self._storage.get(wrapped.storage_key)
        if storage_key is None:
            return None
        try:
            (data_key,) = unwrap_data_keys(wrapped, storage_key).values()
            return pack(open_tokens(event.sealed_tokens, data_key, event.label_token), event.sex)
        except UnsealError:
            return None


class KeyWatch:
    """Notices that a record of `enclave.report-keys` was written again with keys missing.

    Each sealing of a revision has a record of its own, so a submission that was refused, with
    other content and fewer subjects, takes nobody's key away.
    """

    def __init__(self, state: LinkerState) -> None:
        self._state = state
        self._parts: dict[bytes, int] = {}  # as bits, since there may be very many

    def take(self, record: Record) -> None:
        """Shred the mentions whose keys are gone since the record was last written.

        Raises: DecodeError if the record does not decode.
        """
        sealing = record.key or b""
        parts = _parts_of(record)
        lost = self._parts.get(sealing[-_SEALING_BYTES:], 0) & ~parts
        self._parts[sealing[-_SEALING_BYTES:]] = parts
        if lost:
            self._shred(revision_of(sealing), lost)

    def _shred(self, revision: RevisionKey, lost: int) -> None:
        partner, report_id, number = revision
        report = self._state.report(partner, report_id)
        if report is None or report.latest != number:
            return
        for mention in tuple(report.mentions.values()):
            if lost >> (mention.node + 1) & 1:
                self._state.shred(mention)


def revision_of(record_key: bytes) -> RevisionKey:
    """Read what `anonymiser.report_keys.record_key` wrote: whose revision of which report."""
    name_ends = _PARTNER_BYTES + int.from_bytes(record_key[:_PARTNER_BYTES])
    id_ends = name_ends + _ID_BYTES
    return (
        record_key[_PARTNER_BYTES:name_ends].decode(),
        UUID(bytes=record_key[name_ends:id_ends]),
        int.from_bytes(record_key[id_ends:-_SEALING_BYTES], signed=True),
    )


def _parts_of(record: Record) -> int:
    if record.value is None:
        return 0
    return sum(1 << key.part for key in decode(record.value, ReportKeysWrapped).keys)
