"""The ids that each audience sees: keyed functions of the enclave's ids, one key per audience.

For persons, entities and origins the function is a permutation of all
16-byte values (one AES-256 block under a subkey): it needs no table, never
collides and can be turned round inside the enclave, which is how a police
decision about a person reaches safeguarding. For reports it is an HMAC over
partner and report id, since two partners may use the same report id.

Without the keys the ids of two audiences cannot be joined.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final
from uuid import UUID

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

if TYPE_CHECKING:
    from streams.values import Audience

ID_BYTES: Final = 16
_SUBKEY_BYTES: Final = 32


class AudienceIds:
    """One audience's ids. `key` holds 32 bytes or more and never leaves the enclave."""

    def __init__(self, audience: Audience, key: bytes) -> None:
        self.audience = audience
        self._entities = _Permutation(_subkey(audience, key, "entity"))
        self._origins = _Permutation(_subkey(audience, key, "origin"))
        self._reports = _subkey(audience, key, "report")

    def entity(self, entity_id: UUID) -> UUID:
        """Return the id under which this audience knows a person or another entity."""
        return self._entities.forth(entity_id)

    def entity_behind(self, audience_id: UUID) -> UUID:
        """Return the enclave's id; of an id that was never given out it is a meaningless one."""
        return self._entities.back(audience_id)

    def origin(self, origin_id: UUID) -> UUID:
        """Return the number of an independent origin as this audience sees it."""
        return self._origins.forth(origin_id)

    def report(self, partner: str, report_id: UUID) -> UUID:
        """Return the id of a report; the same for all its revisions."""
        named = partner.encode() + b"\0" + report_id.bytes
        return UUID(bytes=hmac.digest(self._reports, named, "sha256")[:ID_BYTES])


class _Permutation:
    """AES-256 of a single block: a keyed permutation of all 16-byte values."""

    def __init__(self, key: bytes) -> None:
        # One block, every value at most once: ECB leaks nothing but equality, which is the purpose.
        cipher = Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305 - see the line above
        self._encryptor = cipher.encryptor()
        self._decryptor = cipher.decryptor()

    def forth(self, value: UUID) -> UUID:
        return UUID(bytes=self._encryptor.update(value.bytes))

    def back(self, value: UUID) -> UUID:
        return UUID(bytes=self._decryptor.update(value.bytes))


def _subkey(audience: Audience, key: bytes, label: str) -> bytes:
    info = f"rivelin/gate/{audience.value}/{label}/1".encode()
    return HKDF(algorithm=SHA256(), length=_SUBKEY_BYTES, salt=None, info=info).derive(key)
