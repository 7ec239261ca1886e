"""Roll a whole past on to another token key: what the old key made, made anew under the new one.

The identities come from the sealed submissions, opened with the data keys
that `enclave.report-keys` still holds; what has no key stays erased. Persons,
and so everything that ever left the enclave, do not change: `enclave.resolutions`
gets one `RecordRetokenised` for each admitted revision, and nothing else is written.

Pure: records in, events out. Source: privacy.md section 1, rotation (ii).
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from anonymiser.linker.recovery import RESOLUTION_CLASSES
from anonymiser.report_keys import record_key, seal_tokens
from anonymiser.tokens import Tokeniser
from streams.codec import decode
from streams.content import content_of
from streams.errors import DecodeError
from streams.identifiers import read
from streams.restricted import (
    MentionResolved,
    RecordRetokenised,
    ReportAdmitted,
    ReportKeysWrapped,
    ReportRetracted,
    ReportSubmitted,
    SubjectRetokenised,
)
from streams.sealing import UnsealError, open_parts, unwrap_data_keys
from streams.topics import REPORT_KEYS

if TYPE_CHECKING:
    from uuid import UUID

    from anonymiser.keyring import Keys
    from streams.ports import Record
    from streams.restricted import Report
    from streams.sealing import DataKeys, Entropy

Revision: TypeAlias = tuple[str, "UUID", int]


@dataclass(frozen=True, slots=True)
class Opened:
    """A submission opened with stored data keys; not whole where one of them is gone."""

    report: Report
    data_keys: DataKeys = field(repr=False)
    is_whole: bool


@dataclass(slots=True)
class Admitted:
    """One revision as the linker took it in, and its nodes."""

    digest: bytes
    nodes: set[int] = field(default_factory=set)


class Retokeniser:
    """Learns the past (`learn`), then turns submissions into events (`take`), each revision once.

    `coming` is the new token key's number and secret; `entropy` gives nonces.
    """

    def __init__(
        self, keys: Keys, coming: tuple[int, bytes], entropy: Entropy = os.urandom
    ) -> None:
        self._epoch, secret = coming
        self._old = Tokeniser(keys)
        self._new = Tokeniser(replace(keys, token=secret, token_epoch=self._epoch))
        self._storage = keys.storage
        self._entropy = entropy
        self._left: dict[Revision, Admitted] = {}
        self._keys: dict[bytes, ReportKeysWrapped] = {}
        self._sealings: Counter[Revision] = Counter()

    @property
    def left(self) -> int:
        """How many revisions are still under the old key; at the end, those that stay erased."""
        return len(self._left)

    def learn(self, record: Record) -> None:
        """Take in one record of `enclave.resolutions` or `enclave.report-keys`.

        Raises: DecodeError; nothing may be guessed here.
        """
        if record.topic == REPORT_KEYS:
            self._learn_keys(record)
        elif record.value is not None:
            self._learn_resolution(decode(record.value, *RESOLUTION_CLASSES))

    def take(self, record: Record) -> RecordRetokenised | None:
        """Return what becomes of a record of a partner's submissions.

        None for what was never admitted, is erased, was withdrawn, or is done already.
        """
        try:
            submission = decode(record.value or b"", ReportSubmitted)
        except DecodeError:
            return None
        revision = (submission.partner, submission.report_id, submission.revision)
        admitted = self._left.get(revision)
        opened = self._opened(submission) if admitted is not None else None
        if admitted is None or opened is None or not self._is_it(revision, opened):
            return None
        del self._left[revision]
        return self._anew(opened, admitted.nodes)

    def _learn_keys(self, record: Record) -> None:
        if record.value is None:
            self._keys.pop(record.key or b"", None)
            return
        wrapped = decode(record.value, ReportKeysWrapped)
        if record.key not in self._keys:
            self._sealings[wrapped.partner, wrapped.report_id, wrapped.revision] += 1
        self._keys[record.key or b""] = wrapped

    def _learn_resolution(self, event: object) -> None:
        match event:
            case ReportAdmitted():
                self._left[_revision(event)] = Admitted(event.content_digest)
            case MentionResolved():
                self._left[_revision(event)].nodes.add(event.node)
            case RecordRetokenised() if event.token_epoch == self._epoch:
                self._left.pop(_revision(event), None)
            case RecordRetokenised():
                self._left[_revision(event)].digest = event.content_digest
            case ReportRetracted():
                self._forget(event.partner, event.report_id)
            case _:
                pass  # says nothing that is keyed

    def _forget(self, partner: str, report_id: UUID) -> None:
        for revision in [one for one in self._left if one[:2] == (partner, report_id)]:
            del self._left[revision]

    def _opened(self, submission: ReportSubmitted) -> Opened | None:
        wrapped = self._keys.get(record_key(submission))
        storage_key = None if wrapped is None else self._storage.get(wrapped.storage_key)
        if wrapped is None or storage_key is None:
            return None
        try:
            data_keys = unwrap_data_keys(wrapped, storage_key)
            report = open_parts(submission, data_keys)
        except UnsealError:
            return None
        return Opened(report, data_keys, all(one.part in data_keys for one in submission.parts))

    def _is_it(self, revision: Revision, opened: Opened) -> bool:
        """Another sealing of the same revision may hold other content, which was refused."""
        if self._sealings[revision] == 1 or not opened.is_whole:
            return True
        digest = self._old.content_digest(content_of(opened.report))
        return digest == self._left[revision].digest

    def _anew(self, opened: Opened, nodes: set[int]) -> RecordRetokenised:
        report, tokeniser = opened.report, self._new
        origin = report.origin_reference
        digest = tokeniser.content_digest(content_of(report)) if opened.is_whole else b""
        return RecordRetokenised(
            partner=report.partner,
            report_id=report.report_id,
            revision=report.revision,
            token_epoch=self._epoch,
            content_digest=digest,
            origin_token=None if origin is None else tokeniser.origin_token(origin),
            subjects=tuple(self._subject(number, opened) for number in sorted(nodes)),
        )

    def _subject(self, number: int, opened: Opened) -> SubjectRetokenised:
        report, node = opened.report, opened.report.nodes[number]
        label = self._new.label_token(report.partner, report.report_id, node.label)
        spelt = read(node.identity)[0] if node.identity is not None else ()
        tokens = self._new.tokens_of(node.kind, spelt)
        data_key = opened.data_keys.get(number + 1)
        sealed = seal_tokens(tokens, data_key, label, self._entropy) if tokens and data_key else b""
        return SubjectRetokenised(node=number, label_token=label, sealed_tokens=sealed)


def _revision(event: ReportAdmitted | MentionResolved | RecordRetokenised) -> Revision:
    return event.partner, event.report_id, event.revision
