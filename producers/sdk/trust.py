"""Which published sealing key a partner seals to; pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from streams.errors import RivelinError
from streams.sealing import UntrustedKeyError, fingerprint_of, verify_public_key

if TYPE_CHECKING:
    from datetime import datetime

    from streams.restricted import SealingKeyPublished
    from streams.sealing import SealingPublicKey

#: A partner's clock may be this far behind the enclave's when a key begins.
CLOCK_SKEW_MAX: Final = timedelta(minutes=5)


class NoSealingKeyError(RivelinError):
    """The enclave has published no key that is valid now: ask its operator, or mend your clock."""


class TrustedKeys:
    """The sealing keys of the pinned signer; without a pin, of the first signer seen.

    A key of anybody else is passed over, so that nobody can stop partners from
    reporting by publishing a bad one. Pin the fingerprint that onboarding
    printed: first seen is only first seen.
    """

    def __init__(self, fingerprint: str | None = None) -> None:
        self._fingerprint = fingerprint
        self._by_epoch: dict[int, tuple[SealingKeyPublished, SealingPublicKey]] = {}
        self._refusal: UntrustedKeyError | None = None

    def apply(self, published: SealingKeyPublished) -> None:
        """Take in a published key if it can be trusted; a later one of an epoch replaces it."""
        try:
            key = verify_public_key(published, self._fingerprint)
        except UntrustedKeyError as refusal:
            self._refusal = refusal
            return
        if self._fingerprint is None:
            self._fingerprint = fingerprint_of(published.signing_key)
        self._by_epoch[published.epoch] = (published, key)

    def current(self, at: datetime) -> SealingPublicKey:
        """Return the newest key that is valid at `at`.

        Raises: UntrustedKeyError if all that was published is not to be trusted,
        NoSealingKeyError if none is valid now.
        """
        valid = [key for published, key in self._by_epoch.values() if _is_valid(published, at)]
        if valid:
            return max(valid, key=lambda key: key.epoch)
        if self._refusal is not None and not self._by_epoch:
            raise self._refusal
        raise NoSealingKeyError("the enclave has published no sealing key that is valid now")


def _is_valid(published: SealingKeyPublished, at: datetime) -> bool:
    return published.valid_from - CLOCK_SKEW_MAX <= at < published.valid_until
