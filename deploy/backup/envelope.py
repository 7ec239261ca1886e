"""The enclave's keys for a safe place: sealed to a recovery key that two people hold in halves.

Each half by itself is random bytes: it tells nothing, and opens nothing. Sealing needs neither,
only the public key, so keys can be exported by a timer and opened by two people.
"""

from __future__ import annotations

import base64
import json
import os
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from deploy.backup.errors import SealedKeysError
from streams.errors import InvalidInputError
from streams.sealing import (
    DATA_KEY_BYTES,
    NONCE_BYTES,
    SUITE,
    SealingPrivateKey,
    SealingPublicKey,
    UnsealError,
    UntrustedKeyError,
    fingerprint_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.sealing import Entropy

FORMAT: Final = 1
_EPOCH: Final = 1
_HPKE: Final = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_INFO: Final = b"rivelin sealed keys 1"
_SHARE: Final = "rivelin recovery share"
_BAD: Final = (KeyError, TypeError, ValueError, AttributeError)


@dataclass(frozen=True, slots=True)
class RecoveryKey:
    """The public half: what keys are sealed to. Compare its fingerprint with both holders."""

    public_key: bytes

    @property
    def fingerprint(self) -> str:
        """Return what both holders have on paper."""
        return fingerprint_of(self.public_key)

    def as_text(self) -> str:
        """Return the file that is no secret."""
        told = {"rivelin_recovery_key": FORMAT, "suite": SUITE, "key": self.public_key.hex()}
        return json.dumps(told, indent=1) + "\n"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read it back.

        Raises: SealedKeysError.
        """
        try:
            told = json.loads(text)
            if told["rivelin_recovery_key"] != FORMAT:
                raise ValueError("another format")
            key = cls(bytes.fromhex(told["key"]))
            key.for_sealing().for_hpke()
        except (*_BAD, UntrustedKeyError):
            raise SealedKeysError(
                "this is no recovery key; it was made by `rivelin keys recovery`"
            ) from None
        return key

    def for_sealing(self) -> SealingPublicKey:
        """Return it as the key it is."""
        return SealingPublicKey(_EPOCH, SUITE, self.public_key)


def new_recovery_key(entropy: Entropy = os.urandom) -> tuple[RecoveryKey, str, str]:
    """Make a recovery key; return its public half and the two shares, as text."""
    private = SealingPrivateKey.generate(_EPOCH, entropy)
    secret = private.to_bytes()
    first = entropy(len(secret))
    second = _xor(secret, first)
    key = RecoveryKey(private.public().public_key)
    return key, _share_text(1, key, first), _share_text(2, key, second)


def _share_text(number: int, key: RecoveryKey, share: bytes) -> str:
    return f"{_SHARE} {number} of 2\nfor {key.fingerprint}\n{share.hex()}\n"


def join_shares(texts: tuple[str, str]) -> SealingPrivateKey:
    """Put the two halves together.

    Raises: SealedKeysError if they are damaged, one twice, or of two recovery keys.
    """
    first, second = map(_read_share, texts)
    if {first[0], second[0]} != {1, 2}:
        raise SealedKeysError("two shares are needed, number 1 and number 2")
    if first[1] != second[1]:
        raise SealedKeysError("the shares are of two different recovery keys")
    try:
        key = SealingPrivateKey.from_bytes(_xor(first[2], second[2]))
    except InvalidInputError:
        raise SealedKeysError("a share is damaged: together they give no key") from None
    if RecoveryKey(key.public().public_key).fingerprint != first[1]:
        raise SealedKeysError("a share is damaged: together they give another key")
    return key


def _read_share(text: str) -> tuple[int, str, bytes]:
    try:
        head, key, share = text.strip().splitlines()
        number = {f"{_SHARE} 1 of 2": 1, f"{_SHARE} 2 of 2": 2}[head.strip()]
        return number, key.strip().removeprefix("for "), bytes.fromhex(share)
    except _BAD:
        raise SealedKeysError("this is no share of a recovery key") from None


def _xor(left: bytes, right: bytes) -> bytes:
    if len(left) != len(right):
        raise SealedKeysError("a share is damaged: it has another length than the other")
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedKeys:
    """All secret files of an installation under the recovery key; beside it what may be told.

    `fingerprint` is the installation's, `recovery` the recovery key's; `names` are paths below
    the home.
    """

    fingerprint: str
    recovery: str
    made_at: datetime
    names: tuple[str, ...]
    sealed_key: bytes = field(repr=False)
    ciphertext: bytes = field(repr=False)

    def as_text(self) -> str:
        """Return the file."""
        told = {
            **_clear(self),
            "sealed_key": _text(self.sealed_key),
            "ciphertext": _text(self.ciphertext),
        }
        return json.dumps(told, indent=1) + "\n"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read it back.

        Raises: SealedKeysError.
        """
        try:
            told = json.loads(text)
            if told["rivelin_sealed_keys"] != FORMAT:
                raise ValueError("another format")
            return cls(
                fingerprint=told["fingerprint"],
                recovery=told["recovery"],
                made_at=datetime.fromisoformat(told["made_at"]),
                names=tuple(told["names"]),
                sealed_key=base64.b64decode(told["sealed_key"], validate=True),
                ciphertext=base64.b64decode(told["ciphertext"], validate=True),
            )
        except _BAD:
            raise SealedKeysError(
                "this is no file of sealed keys, or it is cut short;"
                " it was made by `rivelin keys export`"
            ) from None


def seal_keys(
    files: Mapping[str, bytes],
    fingerprint: str,
    key: RecoveryKey,
    at: datetime,
    entropy: Entropy = os.urandom,
) -> SealedKeys:
    """Seal files, by path below the home, to the recovery key."""
    data_key, nonce = entropy(DATA_KEY_BYTES), entropy(NONCE_BYTES)
    bare = SealedKeys(
        fingerprint=fingerprint,
        recovery=key.fingerprint,
        made_at=at,
        names=tuple(sorted(files)),
        sealed_key=_HPKE.encrypt(data_key, key.for_sealing().for_hpke(), _INFO),
        ciphertext=b"",
    )
    plain = json.dumps({name: _text(data) for name, data in sorted(files.items())}).encode()
    ciphertext = nonce + AESGCM(data_key).encrypt(nonce, plain, _bound(bare))
    return SealedKeys(
        fingerprint=bare.fingerprint,
        recovery=bare.recovery,
        made_at=at,
        names=bare.names,
        sealed_key=bare.sealed_key,
        ciphertext=ciphertext,
    )


def open_keys(sealed: SealedKeys, key: SealingPrivateKey) -> dict[str, bytes]:
    """Return the files by path below the home.

    Raises: SealedKeysError if it was changed, or sealed to another recovery key.
    """
    if RecoveryKey(key.public().public_key).fingerprint != sealed.recovery:
        raise SealedKeysError("the keys are sealed to another recovery key than these shares make")
    try:
        data_key = key.unseal(sealed.sealed_key, _INFO)
        nonce, rest = sealed.ciphertext[:NONCE_BYTES], sealed.ciphertext[NONCE_BYTES:]
        plain = json.loads(AESGCM(data_key).decrypt(nonce, rest, _bound(sealed)))
    except (UnsealError, InvalidTag, ValueError):
        raise SealedKeysError("the sealed keys were changed or are damaged") from None
    return {name: base64.b64decode(data) for name, data in plain.items()}


def _clear(sealed: SealedKeys) -> dict[str, Any]:
    return {
        "rivelin_sealed_keys": FORMAT,
        "fingerprint": sealed.fingerprint,
        "recovery": sealed.recovery,
        "made_at": sealed.made_at.isoformat(),
        "names": list(sealed.names),
    }


def _bound(sealed: SealedKeys) -> bytes:
    """What is told in clear holds only for these keys."""
    return json.dumps(_clear(sealed), sort_keys=True).encode()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
