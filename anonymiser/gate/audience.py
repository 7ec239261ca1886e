"""The ids that each audience sees: keyed functions of the enclave's ids, one key per audience.

For persons, entities and origins the function is a permutation of all
16-byte values (one AES-256 block under a subkey): it needs no table, never
collides and can be turned round inside the enclave, which is how a police
decision about a person reaches safeguarding.

Two partners may use the same report id. So a report first gets a number that
only the enclave knows (an HMAC over partner and report id under a key made of
both audience keys), and each audience sees a permutation of that number: the
gate turns a police report id into that of the hub, and no partner or report id
can be had back from either.

Without the keys the ids of two audiences cannot be joined.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final
from uuid import UUID

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from streams.values import Audience

if TYPE_CHECKING:
    from collections.abc import Mapping

ID_BYTES: Final = 16
_SUBKEY_BYTES: Final = 32


class AudienceIds:
    """One audience's ids. Each of `keys` holds 32 bytes or more and never leaves the enclave."""

    def __init__(self, audience: Audience, keys: Mapping[Audience, bytes]) -> None:
        self.audience = audience
        both = b"".join(keys[one] for one in Audience)
        self._entities = _Permutation(_subkey(audience.value, keys[audience], "entity"))
        self._origins = _Permutation(_subkey(audience.value, keys[audience], "origin"))
        self._reports = _Permutation(_subkey(audience.value, keys[audience], "report"))
        self._requests = _Permutation(_subkey(audience.value, keys[audience], "request"))
        self._copies = _subkey(audience.value, keys[audience], "copy")
        self._numbers = _subkey("both", both, "report-number")

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
        return self._reports.forth(self._number(partner, report_id))

    def report_at(self, other: AudienceIds, audience_id: UUID) -> UUID:
        """Return under which id another audience knows the report that this one knows so."""
        return other._reports.forth(self._reports.back(audience_id))

    def request_at(self, other: AudienceIds, audience_id: UUID) -> UUID:
        """Return under which id another audience knows a request or declaration of this one."""
        return other._requests.forth(self._requests.back(audience_id))

    def offered(self, partner: str, message_id: UUID) -> UUID:
        """Return the id of a partner's message; two partners may use the same."""
        return self._named(b"offered", partner, message_id)

    def given_to(self, partner: str, audience_id: UUID) -> UUID:
        """Return the id of what goes to several partners, for one of them.

        No two get the same one, so that what they could compare says nothing.
        """
        return self._named(b"given", partner, audience_id)

    def _number(self, partner: str, report_id: UUID) -> UUID:
        named = partner.encode() + b"\0" + report_id.bytes
        return UUID(bytes=hmac.digest(self._numbers, named, "sha256")[:ID_BYTES])

    def _named(self, what: bytes, partner: str, one: UUID) -> UUID:
        named = what + b"\0" + partner.encode() + b"\0" + one.bytes
        return UUID(bytes=hmac.digest(self._copies, named, "sha256")[:ID_BYTES])


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


def _subkey(of: str, key: bytes, label: str) -> bytes:
    info = f"rivelin/gate/{of}/{label}/1".encode()
    return HKDF(algorithm=SHA256(), length=_SUBKEY_BYTES, salt=None, info=info).derive(key)
