"""Give the linker its memory back: its own decisions, and the tokens that the keys still open.

A mention's tokens lie sealed in the decision about it, under its subject's
data key, and that key lies on `enclave.report-keys` under the storage key.
The two topics have no order between them, so a mention waits for its key. One
whose key does not come is shredded: it stays where it was put and can link
nobody any more.

The same fold takes in a whole log or the tail behind a store. A key that a
tail's mention needs may lie before the tail: see `lacks_keys`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeAlias
from uuid import UUID

from anonymiser.linker.match import pack
from anonymiser.report_keys import open_tokens, record_key, report_prefix
from streams.codec import decode
from streams.errors import DecodeError
from streams.restricted import (
    AnswerSubmitted,
    LinkDecided,
    MentionResolved,
    MergeDecided,
    PossibleLink,
    PossibleLinkClosed,
    RecordRetokenised,
    ReportAdmitted,
    ReportKeysWrapped,
    ReportRetracted,
    ReportSubmitted,
    SplitDecided,
)
from streams.sealing import UnsealError, unwrap_data_keys
from streams.topics import REPORT_KEYS
from streams.values import ChildAtEvent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anonymiser.linker.state import LinkerState
    from streams.ports import Record
    from streams.restricted import ReportTokenised
    from streams.values import Sex

_PARTNER_BYTES: Final = 2
_ID_BYTES: Final = 16
_REVISION_BYTES: Final = 8
_SEALING_BYTES: Final = 16
RevisionKey: TypeAlias = tuple[str, UUID, int]
Resolution: TypeAlias = (
    ReportAdmitted
    | MentionResolved
    | ReportRetracted
    | MergeDecided
    | SplitDecided
    | PossibleLink
    | PossibleLinkClosed
    | LinkDecided
    | RecordRetokenised
    | AnswerSubmitted
)
RESOLUTION_CLASSES: Final = (
    ReportAdmitted,
    MentionResolved,
    ReportRetracted,
    MergeDecided,
    SplitDecided,
    PossibleLink,
    PossibleLinkClosed,
    LinkDecided,
    RecordRetokenised,
    AnswerSubmitted,
)


@dataclass(frozen=True, slots=True)
class Sealed:
    """The tokens of one node of one revision, as its data key seals them."""

    revision: RevisionKey
    node: int
    sex: Sex
    child: ChildAtEvent
    label: bytes = field(repr=False)
    tokens: bytes = field(repr=False)


class Recovery:
    """Folds committed records into a state; `finish` lets go of the keys."""

    def __init__(self, state: LinkerState, storage: Mapping[int, bytes], watch: KeyWatch) -> None:
        self._state = state
        self._watch = watch
        self._storage = storage
        # As bytes, since there may be very many: revision, then sealing, to the wrapped keys.
        self._keys: dict[bytes, dict[bytes, bytes]] = {}
        self._waiting: dict[bytes, dict[int, Sealed]] = {}

    @property
    def lacks_keys(self) -> bool:
        """Whether a mention waits for a key: one that is gone, or that lies before the tail."""
        return bool(self._waiting)

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

    # --- keys ---------------------------------------------------------------------

    def _take_keys(self, record: Record) -> None:
        self._watch.take(record)
        sealing = record.key or b""
        revision = sealing[:-_SEALING_BYTES]
        if record.value is None:
            self._keys.get(revision, {}).pop(sealing, None)
            return
        self._keys.setdefault(revision, {})[sealing] = record.value
        waiting = self._waiting.pop(revision, {})
        still = {node: one for node, one in waiting.items() if not self._describe(one)}
        if still:
            self._waiting[revision] = still

    def _describe(self, sealed: Sealed) -> bool:
        packed = self._opened(sealed)
        if packed is not None:
            self._state.describe(sealed.revision, sealed.node, packed)
        return packed is not None

    def _opened(self, sealed: Sealed) -> bytes | None:
        """Return what the mention says; None while no key opens its tokens."""
        if not sealed.tokens:
            return pack((), sealed.sex, sealed.child)
        for value in self._keys.get(_revision_bytes(sealed.revision), {}).values():
            packed = self._try(sealed, decode(value, ReportKeysWrapped))
            if packed is not None:
                return packed
        return None

    def _try(self, sealed: Sealed, wrapped: ReportKeysWrapped) -> bytes | None:
        storage_key = self._storage.get(wrapped.storage_key)
        ours = tuple(one for one in wrapped.keys if one.part == sealed.node + 1)
        if storage_key is None or not ours:
            return None
        try:
            (data_key,) = unwrap_data_keys(replace(wrapped, keys=ours), storage_key).values()
            tokens = open_tokens(sealed.tokens, data_key, sealed.label)
            return pack(tokens, sealed.sex, sealed.child)
        except UnsealError:
            return None

    # --- decisions ------------------------------------------------------------------

    def _fold(self, event: Resolution) -> None:
        match event:
            case MentionResolved():
                sealed = _sealed(event)
                packed = self._opened(sealed)
                self._state.resolve(event, packed or b"")
                self._wait(sealed, is_open=packed is not None)
            case RecordRetokenised():
                self._retokenise(event)
            case AnswerSubmitted():
                return  # the desk's
            case _:
                self._state.apply(event)

    def _retokenise(self, event: RecordRetokenised) -> None:
        plain = self._state.retokenise(event)
        revision = (event.partner, event.report_id, event.revision)
        for one in event.subjects:
            if one.node in plain:
                sealed = Sealed(
                    revision, one.node, *plain[one.node], one.label_token, one.sealed_tokens
                )
                self._wait(sealed, is_open=self._describe(sealed))

    def _wait(self, sealed: Sealed, *, is_open: bool) -> None:
        """Wait for a key; what waited for this node before waits no more."""
        revision = _revision_bytes(sealed.revision)
        waiting = self._waiting.setdefault(revision, {})
        waiting.pop(sealed.node, None)
        if not is_open:
            waiting[sealed.node] = sealed
        if not waiting:
            del self._waiting[revision]


class KeyWatch:
    """Notices that a record of `enclave.report-keys` was written again with keys missing.

    Each sealing of a revision has a record of its own, so a submission that was refused, with
    other content and fewer subjects, takes nobody's key away.
    """

    def __init__(self, state: LinkerState) -> None:
        self._state = state

    def take(self, record: Record) -> None:
        """Shred the mentions whose keys are gone since the record was last written.

        Raises: DecodeError if the record does not decode.
        """
        sealing = record.key or b""
        parts = _parts_of(record)
        lost = self._state.note_keys(sealing[-_SEALING_BYTES:], parts) & ~parts
        if lost:
            self._shred(revision_of(sealing), lost)

    def look_at(self, event: ReportTokenised) -> None:
        """Shred what has just been linked and had its key taken away while it was on its way."""
        try:
            submission = decode(event.submission, ReportSubmitted)
        except DecodeError:
            return
        parts = self._state.keys_of(record_key(submission)[-_SEALING_BYTES:])
        if parts is None:
            return
        sealed = sum(1 << (node.node + 1) for node in event.nodes if node.sealed_tokens)
        if lost := sealed & ~parts:
            self._shred((event.partner, event.report_id, event.revision), lost)

    def _shred(self, revision: RevisionKey, lost: int) -> None:
        partner, report_id, number = revision
        report = self._state.report(partner, report_id)
        if report is None or report.latest != number:
            return
        for mention in self._state.mentions_in(report):
            if lost >> (mention.name.node + 1) & 1:
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


def _revision_bytes(revision: RevisionKey) -> bytes:
    partner, report_id, number = revision
    return report_prefix(partner, report_id) + number.to_bytes(_REVISION_BYTES, signed=True)


def _sealed(event: MentionResolved) -> Sealed:
    revision = (event.partner, event.report_id, event.revision)
    child = event.child_at_event or ChildAtEvent.UNKNOWN
    return Sealed(revision, event.node, event.sex, child, event.label_token, event.sealed_tokens)


def _parts_of(record: Record) -> int:
    if record.value is None:
        return 0
    return sum(1 << key.part for key in decode(record.value, ReportKeysWrapped).keys)
