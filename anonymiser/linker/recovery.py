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

from anonymiser.linker.match import pack
from anonymiser.report_keys import open_tokens
from streams.codec import decode
from streams.restricted import (
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
    from uuid import UUID

    from anonymiser.linker.state import LinkerState
    from streams.ports import Record

RevisionKey: TypeAlias = tuple[str, "UUID", int]
Resolution: TypeAlias = (
    ReportAdmitted | MentionResolved | ReportRetracted | MergeDecided | SplitDecided | PossibleLink
)
RESOLUTION_CLASSES: Final = (
    ReportAdmitted,
    MentionResolved,
    ReportRetracted,
    MergeDecided,
    SplitDecided,
    PossibleLink,
)


class Recovery:
    """Folds committed records into a state; `finish` lets go of the keys."""

    def __init__(self, state: LinkerState, storage: Mapping[int, bytes]) -> None:
        self._state = state
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
        if record.value is None:  # what was opened is taken back by `forget_lost`
            for sealings in self._keys.values():
                sealings.pop(record.key or b"", None)
            return
        wrapped = decode(record.value, ReportKeysWrapped)
        key = (wrapped.partner, wrapped.report_id, wrapped.revision)
        self._keys.setdefault(key, {})[record.key or b""] = wrapped
        forget_lost(self._state, wrapped)
        self._open_waiting(key)

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
            case _:
                self._state.apply(event)

    def _resolve(self, event: MentionResolved) -> None:
        packed = self._opened(event)
        self._state.resolve(event, packed or b"")
        if packed is None and event.sealed_tokens:
            key = (event.partner, event.report_id, event.revision)
            self._waiting.setdefault(key, []).append(event)

    def _opened(self, event: MentionResolved) -> bytes | None:
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
            return pack(open_tokens(event.sealed_tokens, data_key, event.label_token))
        except UnsealError:
            return None


def forget_lost(state: LinkerState, wrapped: ReportKeysWrapped) -> None:
    """Shred the mentions of a revision whose keys were written again without theirs."""
    report = state.report(wrapped.partner, wrapped.report_id)
    if report is None or report.latest != wrapped.revision:
        return
    parts = {key.part for key in wrapped.keys}
    for mention in tuple(report.mentions.values()):
        if mention.packed and mention.node + 1 not in parts:
            state.shred(mention)
