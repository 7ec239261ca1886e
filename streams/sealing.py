"""Seal a report for the enclave, open it there, and sign the keys it is sealed to.

A submission has a part 0 (the report without identities) and one part for
each identity, each under a data key of its own: destroy one data key and one
subject is gone. The data keys travel together in one HPKE ciphertext.

Each part is padded to a size class before it is sealed: the length of what
lies on the broker would otherwise tell how long a name is, and whether a
report has a narrative. What was sealed without padding still opens.

Everything is bound to the clear routing facts, so a part moved to another
report, subject or revision does not open. Source: ARCHITECTURE.md, Sealing;
HPKE is RFC 9180; the hybrid of ML-KEM-768 and X25519 keeps the records closed
to someone who stores them today and has a quantum computer later.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeAlias

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from streams import codec
from streams.errors import DecodeError, InvalidInputError, RivelinError
from streams.padding import size_class
from streams.restricted import (
    Identity,
    Report,
    ReportKeysWrapped,
    ReportSubmitted,
    SealedPart,
    SealingKeyPublished,
    WrappedKey,
)

if TYPE_CHECKING:
    from uuid import UUID

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from streams.restricted import Node

SUITE: Final = "MLKEM768-X25519.HKDF-SHA256.AES-256-GCM"
DATA_KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12

_HPKE: Final = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_MLKEM_SEED_BYTES: Final = 64
_MLKEM_PUBLIC_BYTES: Final = 1_184
_X25519_BYTES: Final = 32
_EPOCH_BYTES: Final = 4
_FILE_MAGIC: Final = b"rivelin sealing key 1\n"
_FILE_BYTES: Final = len(_FILE_MAGIC) + _EPOCH_BYTES + _MLKEM_SEED_BYTES + _X25519_BYTES
#: Before a padded body; a bare one begins with the zero byte of its frame.
_PADDED_MAGIC: Final = b"\x01"
_LENGTH_BYTES: Final = 4
#: The smallest size classes: a full identity, a report of some people and no narrative.
_SMALLEST_IDENTITY_BYTES: Final = 256
_SMALLEST_REPORT_BYTES: Final = 1_024
_UNIX_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)  # the precision of instants on the log

Entropy: TypeAlias = Callable[[int], bytes]
"""Returns that many unpredictable bytes; `os.urandom` everywhere but in tests."""

DataKeys: TypeAlias = Mapping[int, bytes]
"""The data key of each part, by part number (0 the report, n the identity of node n-1)."""


class UnsealError(RivelinError):
    """A submission that cannot be opened or contradicts itself.

    `code` is the reason a receipt may carry: `wrong_epoch`, `cannot_open`,
    `routing_mismatch`, `bad_part`, or the code of a DecodeError. Nothing of
    the content is in it.
    """

    def __init__(self, code: str) -> None:
        super().__init__(f"the submission does not open: {code}")
        self.code = code


class UntrustedKeyError(RivelinError):
    """A published sealing key whose signature, signer or suite does not hold. Do not seal to it."""


# --- keys ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SealingPublicKey:
    """What partners seal to during one epoch: the ML-KEM key, then the X25519 key."""

    epoch: int
    suite: str
    public_key: bytes

    def for_hpke(self) -> MLKEM768X25519PublicKey:
        """Return the pair of keys that HPKE takes.

        Raises: UntrustedKeyError if the suite is not ours or the bytes are no key pair.
        """
        if self.suite != SUITE or len(self.public_key) != _MLKEM_PUBLIC_BYTES + _X25519_BYTES:
            raise UntrustedKeyError(
                f"the sealing key of epoch {self.epoch} is not of suite {SUITE}"
            )
        mlkem = MLKEM768PublicKey.from_public_bytes(self.public_key[:_MLKEM_PUBLIC_BYTES])
        x25519 = X25519PublicKey.from_public_bytes(self.public_key[_MLKEM_PUBLIC_BYTES:])
        return MLKEM768X25519PublicKey(mlkem, x25519)


class SealingPrivateKey:
    """What opens the submissions of one epoch; destroyed when the epoch's time is over."""

    __slots__ = ("_mlkem", "_pair", "_x25519", "epoch")

    def __init__(self, epoch: int, mlkem_seed: bytes, x25519: bytes) -> None:
        self.epoch = epoch
        self._mlkem = MLKEM768PrivateKey.from_seed_bytes(mlkem_seed)
        self._x25519 = X25519PrivateKey.from_private_bytes(x25519)
        self._pair = MLKEM768X25519PrivateKey(self._mlkem, self._x25519)

    def __repr__(self) -> str:
        return f"SealingPrivateKey(epoch={self.epoch})"

    @classmethod
    def generate(cls, epoch: int, entropy: Entropy = os.urandom) -> SealingPrivateKey:
        """Make the key of a new epoch."""
        return cls(epoch, entropy(_MLKEM_SEED_BYTES), entropy(_X25519_BYTES))

    @classmethod
    def from_bytes(cls, data: bytes) -> SealingPrivateKey:
        """Read what `to_bytes` wrote.

        Raises: InvalidInputError if it is anything else.
        """
        if len(data) != _FILE_BYTES or not data.startswith(_FILE_MAGIC):
            raise InvalidInputError("this is no sealing key file")
        rest = data[len(_FILE_MAGIC) :]
        epoch, secrets = int.from_bytes(rest[:_EPOCH_BYTES]), rest[_EPOCH_BYTES:]
        return cls(epoch, secrets[:_MLKEM_SEED_BYTES], secrets[_MLKEM_SEED_BYTES:])

    def to_bytes(self) -> bytes:
        """Return epoch, ML-KEM seed and raw X25519 key: the pair itself has no serialiser."""
        return b"".join(
            (
                _FILE_MAGIC,
                self.epoch.to_bytes(_EPOCH_BYTES),
                self._mlkem.private_bytes_raw(),
                self._x25519.private_bytes_raw(),
            )
        )

    def public(self) -> SealingPublicKey:
        """Return the half that partners get."""
        mlkem = self._mlkem.public_key().public_bytes_raw()
        x25519 = self._x25519.public_key().public_bytes_raw()
        return SealingPublicKey(self.epoch, SUITE, mlkem + x25519)

    def unseal(self, sealed: bytes, info: bytes) -> bytes:
        """Open one HPKE ciphertext.

        Raises: UnsealError (`cannot_open`) if it was altered, cut or sealed for another.
        """
        try:
            return _HPKE.decrypt(sealed, self._pair, info)
        except (InvalidTag, ValueError):
            raise UnsealError("cannot_open") from None


# --- sealing and opening a report --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Opened:
    """A submission after opening: the whole report, and the data key of each of its parts."""

    report: Report
    data_keys: DataKeys = field(repr=False)


def seal(report: Report, key: SealingPublicKey, entropy: Entropy = os.urandom) -> ReportSubmitted:
    """Turn a report into what may lie on the broker.

    Sealing the same report twice gives different bytes.
    Raises: UntrustedKeyError if the key is not of the one known suite.
    """
    bodies = _split(report)
    data_keys = {part: entropy(DATA_KEY_BYTES) for part in bodies}
    routed = _routed(report, key.epoch, content_schema=codec.schema_id(Report))
    parts = tuple(
        SealedPart(
            part=part,
            ciphertext=encrypt(data_keys[part], _padded(part, body), _bound(routed, part), entropy),
        )
        for part, body in bodies.items()
    )
    packed = b"".join(data_keys.values())
    sealed_keys = _HPKE.encrypt(packed, key.for_hpke(), _info(routed, tuple(bodies)))
    return replace(routed, sealed_keys=sealed_keys, parts=parts)


def open_submission(submission: ReportSubmitted, key: SealingPrivateKey) -> Opened:
    """Open every part and put the identities back into their nodes.

    Raises: UnsealError, see its codes.
    """
    if submission.key_epoch != key.epoch:
        raise UnsealError("wrong_epoch")
    data_keys = _open_keys(submission, key)
    return Opened(open_parts(submission, data_keys), data_keys)


def open_parts(submission: ReportSubmitted, data_keys: DataKeys) -> Report:
    """Open with data keys alone; a subject whose key is gone stays without identity.

    Raises: UnsealError; `cannot_open` too when the key of part 0 is gone.
    """
    _check_part_numbers(submission)
    bodies = {
        sealed.part: _unpadded(
            decrypt(data_keys[sealed.part], sealed.ciphertext, _bound(submission, sealed.part))
        )
        for sealed in submission.parts
        if sealed.part in data_keys
    }
    if 0 not in bodies:
        raise UnsealError("cannot_open")
    report = _read_body(submission, bodies.pop(0))
    return _merge(report, {part: _decode_identity(body) for part, body in bodies.items()})


def _split(report: Report) -> dict[int, bytes]:
    """Part number to plaintext, in ascending order."""
    bare = tuple(replace(node, identity=None) for node in report.nodes)
    bodies = {0: codec.encode(replace(report, nodes=bare))}
    for part, node in enumerate(report.nodes, start=1):
        if node.identity is not None:
            bodies[part] = codec.encode(node.identity)
    return bodies


def _padded(part: int, body: bytes) -> bytes:
    """Mark, length of the body, body, zeros up to the size class.

    The mark is a one: a bare body begins with the zero of its frame.
    """
    framed = _PADDED_MAGIC + len(body).to_bytes(_LENGTH_BYTES) + body
    smallest = _SMALLEST_IDENTITY_BYTES if part else _SMALLEST_REPORT_BYTES
    return framed.ljust(size_class(len(framed), smallest), b"\0")


def _unpadded(padded: bytes) -> bytes:
    """Undo `_padded`; a bare body is returned as it is.

    Raises: UnsealError (`bad_part`) if anything but zeros fills it up: nothing may hide there.
    """
    if not padded.startswith(_PADDED_MAGIC):
        return padded
    start = len(_PADDED_MAGIC) + _LENGTH_BYTES
    end = start + int.from_bytes(padded[len(_PADDED_MAGIC) : start])
    if len(padded) < end or padded[end:].strip(b"\0"):
        raise UnsealError("bad_part")
    return padded[start:end]


def _routed(report: Report, key_epoch: int, content_schema: int) -> ReportSubmitted:
    """The clear facts of a report, nothing sealed yet."""
    return ReportSubmitted(
        report_id=report.report_id,
        revision=report.revision,
        supersedes=report.supersedes,
        partner=report.partner,
        content_schema=content_schema,
        key_epoch=key_epoch,
        immediate_risk=report.immediate_risk,
        sealed_keys=b"",
        parts=(),
    )


def _open_keys(submission: ReportSubmitted, key: SealingPrivateKey) -> dict[int, bytes]:
    numbers = _check_part_numbers(submission)
    packed = key.unseal(submission.sealed_keys, _info(submission, numbers))
    if len(packed) != len(numbers) * DATA_KEY_BYTES:
        raise UnsealError("bad_part")
    starts = range(0, len(packed), DATA_KEY_BYTES)
    return {
        part: packed[start : start + DATA_KEY_BYTES]
        for part, start in zip(numbers, starts, strict=True)
    }


def _check_part_numbers(submission: ReportSubmitted) -> tuple[int, ...]:
    """Part 0 first, then ascending: the order in which the data keys were packed."""
    numbers = tuple(sealed.part for sealed in submission.parts)
    if not numbers or numbers[0] != 0 or numbers != tuple(sorted(set(numbers))):
        raise UnsealError("bad_part")
    return numbers


def _read_body(submission: ReportSubmitted, body: bytes) -> Report:
    report = _decode_report(body)
    claimed = _routed(report, submission.key_epoch, _schema_of(body))
    if replace(claimed, sealed_keys=submission.sealed_keys, parts=submission.parts) != submission:
        raise UnsealError("routing_mismatch")
    return report


def _merge(report: Report, identities: Mapping[int, Identity]) -> Report:
    """An identity for a missing node, or one left in part 0, could never be erased: refused."""
    known = range(1, len(report.nodes) + 1)
    if any(node.identity is not None for node in report.nodes) or not identities.keys() <= set(
        known
    ):
        raise UnsealError("bad_part")

    def whole(part: int, node: Node) -> Node:
        return replace(node, identity=identities.get(part))

    return replace(report, nodes=tuple(map(whole, known, report.nodes)))


def _schema_of(body: bytes) -> int:
    """The schema id in the Confluent frame of a body that has decoded."""
    return int.from_bytes(body[1:5])


def _decode_report(body: bytes) -> Report:
    try:
        return codec.decode(body, Report)
    except DecodeError as error:
        raise UnsealError(error.code) from None


def _decode_identity(body: bytes) -> Identity:
    try:
        return codec.decode(body, Identity)
    except DecodeError as error:
        raise UnsealError(error.code) from None


# --- storage wrapping --------------------------------------------------------------------------


def encrypt(
    key: bytes, plaintext: bytes, associated: bytes, entropy: Entropy = os.urandom
) -> bytes:
    """AES-256-GCM: a random nonce of 12 bytes, ciphertext, tag of 16. `key` holds 32 bytes.

    One key should not encrypt more than 2**32 times (NIST SP 800-38D, random nonces).
    """
    nonce = entropy(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, associated)


def decrypt(key: bytes, sealed: bytes, associated: bytes) -> bytes:
    """Undo `encrypt`.

    Raises: UnsealError (`cannot_open`) if key, bytes or associated data are not the same.
    """
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], associated)
    except (InvalidTag, ValueError):
        raise UnsealError("cannot_open") from None


def wrap_data_keys(
    submission: ReportSubmitted,
    data_keys: DataKeys,
    storage_key: bytes,
    storage_key_number: int,
    entropy: Entropy = os.urandom,
) -> ReportKeysWrapped:
    """Put a report's data keys under the enclave's storage key, each bound to report and part."""
    wrapped = ReportKeysWrapped(
        partner=submission.partner,
        report_id=submission.report_id,
        revision=submission.revision,
        storage_key=storage_key_number,
        keys=(),
    )
    keys = tuple(
        WrappedKey(
            part=part, wrapped=encrypt(storage_key, data_key, _stored(wrapped, part), entropy)
        )
        for part, data_key in sorted(data_keys.items())
    )
    return replace(wrapped, keys=keys)


def unwrap_data_keys(wrapped: ReportKeysWrapped, storage_key: bytes) -> dict[int, bytes]:
    """Undo `wrap_data_keys` for the keys that are left.

    Raises: UnsealError (`cannot_open`) if one was altered or moved, or the storage key differs.
    """
    return {
        key.part: decrypt(storage_key, key.wrapped, _stored(wrapped, key.part))
        for key in wrapped.keys
    }


def rewrap_data_keys(
    wrapped: ReportKeysWrapped,
    old_key: bytes,
    new_key: bytes,
    new_number: int,
    entropy: Entropy = os.urandom,
) -> ReportKeysWrapped:
    """Put the data keys that are left under another storage key.

    Raises: UnsealError as `unwrap_data_keys`.
    """
    data_keys = unwrap_data_keys(wrapped, old_key)
    bare = replace(wrapped, storage_key=new_number, keys=())
    keys = tuple(
        WrappedKey(part=part, wrapped=encrypt(new_key, data_key, _stored(bare, part), entropy))
        for part, data_key in sorted(data_keys.items())
    )
    return replace(bare, keys=keys)


# --- signed public keys ------------------------------------------------------------------------


def sign_public_key(
    key: SealingPublicKey,
    valid_from: datetime,
    valid_until: datetime,
    signing_key: Ed25519PrivateKey,
) -> SealingKeyPublished:
    """Make the event that tells partners what to seal to from `valid_from` to `valid_until`."""
    unsigned = SealingKeyPublished(
        epoch=key.epoch,
        suite=key.suite,
        public_key=key.public_key,
        valid_from=valid_from,
        valid_until=valid_until,
        signing_key=signing_key.public_key().public_bytes_raw(),
        signature=b"",
    )
    return replace(unsigned, signature=signing_key.sign(_signed_bytes(unsigned)))


def verify_public_key(
    published: SealingKeyPublished, fingerprint: str | None = None
) -> SealingPublicKey:
    """Return the key if its signer vouches for it and is the one pinned by `fingerprint`.

    Raises: UntrustedKeyError.
    """
    if fingerprint is not None and not same_fingerprint(published.signing_key, fingerprint):
        raise UntrustedKeyError(
            f"the sealing key of epoch {published.epoch} is signed by another than the pinned key"
        )
    try:
        signer = Ed25519PublicKey.from_public_bytes(published.signing_key)
        signer.verify(published.signature, _signed_bytes(published))
    except (InvalidSignature, ValueError):
        raise UntrustedKeyError(
            f"the signature of the sealing key of epoch {published.epoch} does not hold"
        ) from None
    return _checked(SealingPublicKey(published.epoch, published.suite, published.public_key))


def fingerprint_of(signing_public_key: bytes) -> str:
    """SHA-256 in hex of the raw Ed25519 public key; partners pin it."""
    return hashlib.sha256(signing_public_key).hexdigest()


def same_fingerprint(signing_public_key: bytes, fingerprint: str) -> bool:
    """Compare as people write fingerprints: case, colons and blanks do not count."""
    written = fingerprint.replace(":", "").replace(" ", "").lower()
    return fingerprint_of(signing_public_key) == written


def _checked(key: SealingPublicKey) -> SealingPublicKey:
    try:
        key.for_hpke()
    except ValueError:
        raise UntrustedKeyError(f"the sealing key of epoch {key.epoch} is no key") from None
    return key


# --- what is bound to what ---------------------------------------------------------------------


def _info(routed: ReportSubmitted, parts: tuple[int, ...]) -> bytes:
    """The data keys hold only for these routing facts and exactly these parts."""
    numbers = b"".join(map(_number, parts))
    return _framed(b"rivelin data keys 1", *_routing_facts(routed), numbers)


def _bound(routed: ReportSubmitted, part: int) -> bytes:
    """A part holds only for these routing facts and this subject."""
    return _framed(b"rivelin part 1", *_routing_facts(routed), _number(part))


def _stored(wrapped: ReportKeysWrapped, part: int) -> bytes:
    report = _report_facts(wrapped.partner, wrapped.report_id, wrapped.revision)
    return _framed(b"rivelin stored key 1", *report, _number(wrapped.storage_key), _number(part))


def _signed_bytes(published: SealingKeyPublished) -> bytes:
    return _framed(
        b"rivelin public sealing key 1",
        _number(published.epoch),
        published.suite.encode(),
        published.public_key,
        _number((published.valid_from - _UNIX_EPOCH) // _MILLISECOND),
        _number((published.valid_until - _UNIX_EPOCH) // _MILLISECOND),
        published.signing_key,
    )


def _routing_facts(routed: ReportSubmitted) -> tuple[bytes, ...]:
    return (
        *_report_facts(routed.partner, routed.report_id, routed.revision),
        b"" if routed.supersedes is None else _number(routed.supersedes),
        _number(routed.content_schema),
        _number(routed.key_epoch),
        _number(routed.immediate_risk),
    )


def _report_facts(partner: str, report_id: UUID, revision: int) -> tuple[bytes, ...]:
    return (partner.encode(), report_id.bytes, _number(revision))


def _number(value: int) -> bytes:
    """Eight signed bytes: every Avro int and long, also a hostile one, has this form."""
    return value.to_bytes(8, signed=True)


def _framed(*fields: bytes) -> bytes:
    """Each field after its length, so that no two lists of fields give the same bytes."""
    return b"".join(len(field_).to_bytes(4) + field_ for field_ in fields)
