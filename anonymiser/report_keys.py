"""What lies under a report's data keys: how `enclave.report-keys` is keyed, and sealed tokens."""

from __future__ import annotations

import hashlib
import os
from functools import cache
from typing import TYPE_CHECKING, Final

from anonymiser.tokens import TOKEN_BYTES
from streams.restricted import FieldToken
from streams.sealing import UnsealError, decrypt, encrypt

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from uuid import UUID

    from streams.restricted import ReportSubmitted
    from streams.sealing import Entropy

_PARTNER_BYTES: Final = 2
_SEALING_BYTES: Final = 16


def record_key(submission: ReportSubmitted) -> bytes:
    """Return the key of a submission's record on `enclave.report-keys`.

    All keys of a report begin with `report_prefix`. The last part tells two sealings of
    one revision apart: a duplicate brings data keys of its own, and must not
    push out those that the first one's sealed tokens lie under.
    """
    sealing = hashlib.sha256(submission.sealed_keys).digest()[:_SEALING_BYTES]
    revision = submission.revision.to_bytes(8, signed=True)
    return report_prefix(submission.partner, submission.report_id) + revision + sealing


def report_prefix(partner: str, report_id: UUID) -> bytes:
    """Return what the record keys of all sealings of all revisions of a report begin with."""
    name = partner.encode()
    return len(name).to_bytes(_PARTNER_BYTES) + name + report_id.bytes


def seal_tokens(
    tokens: Sequence[FieldToken],
    data_key: bytes,
    label_token: bytes,
    entropy: Entropy = os.urandom,
) -> bytes:
    """Encrypt a subject's tokens under its data key, bound to its label in the report."""
    return encrypt(data_key, _packed(tokens), label_token, entropy)


def open_tokens(sealed: bytes, data_key: bytes, label_token: bytes) -> tuple[FieldToken, ...]:
    """Undo `seal_tokens`.

    Raises: UnsealError (`cannot_open`) if key, bytes or label are not the same.
    """
    return tuple(_unpacked(decrypt(data_key, sealed, label_token)))


def _packed(tokens: Sequence[FieldToken]) -> bytes:
    """Each token after its field's name and the length of that in one byte."""
    return b"".join([part for token in tokens for part in (_field_name(token.field), token.token)])


@cache
def _field_name(field: str) -> bytes:
    """A field's name after its length in one byte; there are some eighty names, and no more."""
    name = field.encode()
    return bytes([len(name)]) + name


def _unpacked(packed: bytes) -> Iterator[FieldToken]:
    while packed:
        name_ends = 1 + packed[0]
        token_ends = name_ends + TOKEN_BYTES
        if token_ends > len(packed):
            raise UnsealError("cannot_open")
        yield FieldToken(field=packed[1:name_ends].decode(), token=packed[name_ends:token_ends])
        packed = packed[token_ends:]
