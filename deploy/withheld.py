"""How much the gate kept from each audience, for the auditor; the look goes on the record first."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from deploy.authority import Act, allow
from deploy.views import now
from streams.codec import decode, encode
from streams.loop import read_to_end
from streams.ports import Outgoing
from streams.shared import ON_OPERATIONS, ItemWithheld, OperationRecorded
from streams.topics import OPERATIONS
from streams.values import Operation

if TYPE_CHECKING:
    from deploy.views import Asker
    from streams.ports import Log

_SUBJECT = "bridge withheld"


async def count_withheld(log: Log, who: Asker) -> Counter[tuple[str, str, str]]:
    """Count what was withheld by recipient, kind of item and reason.

    Raises: DeniedError (recorded) for whoever is no auditor.
    """
    await allow(log, who.name, Act.LOOK_AT_WITHHELD, _SUBJECT, now())
    look = OperationRecorded(
        operation=Operation.CONSULTATION,
        actor=who.name,
        purpose=who.purpose,
        subject=_SUBJECT,
        recipients=(),
        gateway=None,
        at=now(),
    )
    await log.append([Outgoing(OPERATIONS, encode(look))])
    counts: Counter[tuple[str, str, str]] = Counter()
    async for records in read_to_end(log, (OPERATIONS,)):
        for record in records:
            event = decode(record.value or b"", *ON_OPERATIONS)
            if isinstance(event, ItemWithheld):
                counts[event.recipient.value, event.what, event.reason] += 1
    return counts
