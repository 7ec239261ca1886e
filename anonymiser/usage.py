"""Tell partners that reporting is worth it, and nothing about anybody: "used", never "known".

A partner hears how many of its reports of a week were used, in bands, at the
earliest two weeks later. That one report was used would tell that its child
is near a network, so no single report may show: below twenty shared reports
nothing is said of use, and the marks between bands are shifted by up to four,
by a number that only the enclave can compute. Source: issue 4, point 7.
"""

from __future__ import annotations

import hmac
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from anonymiser.gate.audience import AudienceIds
from streams.shared import UsageTold
from streams.values import Audience, CountBand

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime
    from uuid import UUID

    from anonymiser.keyring import Keys

#: From the end of a week to the telling of its use.
DELAY: Final = timedelta(days=14)
SHARED_MIN: Final = 20
_SHIFTS: Final = 5
_MARKS: Final = ((100, CountBand.FROM_100), (20, CountBand.FROM_20), (5, CountBand.FROM_5))


class UsageTeller:
    """Counts for one partner and week. `used` are report ids as police or safeguarding see them."""

    def __init__(self, keys: Keys, used: Collection[UUID]) -> None:
        self._keys = keys
        self._ids = [AudienceIds(one, keys.audience) for one in Audience]
        self._used = used

    def tell(
        self, partner: str, week: str, reports: Collection[UUID], at: datetime
    ) -> UsageTold | None:
        """Return what the partner is told of its `reports` shared in `week`; None of no report."""
        if not reports:
            return None
        shift = self._shift(partner, week)
        used = sum(self._is_used(partner, report_id) for report_id in reports)
        is_enough = len(reports) >= SHARED_MIN
        return UsageTold(
            week=week,
            shared=band(len(reports)),
            used=band(used + shift) if is_enough else None,
            told_at=at,
        )

    def _is_used(self, partner: str, report_id: UUID) -> bool:
        return any(ids.report(partner, report_id) in self._used for ids in self._ids)

    def _shift(self, partner: str, week: str) -> int:
        """Return 0 to 4, the same for a partner and week whenever it is asked."""
        return keyed_shift(self._keys, "usage 1", partner, week)


def keyed_shift(keys: Keys, *named: str) -> int:
    """Return 0 to 4, which only the enclave can compute: marks between bands move by it."""
    words = "\x1f".join(("rivelin " + named[0], *named[1:])).encode()
    return hmac.digest(keys.audience[Audience.SAFEGUARDING], words, "sha256")[0] % _SHIFTS


def band(count: int) -> CountBand:
    """Return the band of a count."""
    return next((name for mark, name in _MARKS if count >= mark), CountBand.BELOW_5)
