"""What a partner may write beside a record: a short key and a few short headers, all ignored.

Nothing of it is read, kept or sent on, so no name is reserved and an unknown
one does no harm. What is above the limits is no mistake of a client library,
and its record waits for a human.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streams.parts import Reason
from streams.ports import UNSOUND

if TYPE_CHECKING:
    from collections.abc import Sequence

HEADERS_MAX: Final = 8
HEADERS_BYTES_MAX: Final = 1_024
KEY_BYTES_MAX: Final = 1_024


def fault_beside(key: bytes | None, headers: Sequence[tuple[str, bytes | None]]) -> Reason | None:
    """Return the reason why a record is quarantined for what stands beside its value."""
    if UNSOUND in headers:
        return Reason(code="unsound_record")
    if len(headers) > HEADERS_MAX:
        return Reason(code="too_many_headers")
    if sum(len(name.encode()) + len(value or b"") for name, value in headers) > HEADERS_BYTES_MAX:
        return Reason(code="headers_too_large")
    return Reason(code="key_too_large") if len(key or b"") > KEY_BYTES_MAX else None
