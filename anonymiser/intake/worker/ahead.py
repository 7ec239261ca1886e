"""Looks ahead in a backlog for immediate risks, so that a human hears of one before its turn comes.

A report waits behind all that its own partner wrote before it, and it must: its
topic has one order. The alarm need not wait. Whoever is behind by more than a
few seconds' work is read ahead, beside the lane and without a position on the
broker; the clear flag is looked at, and only what carries it is opened. The
alarm that comes in its turn says the same of the same offset, and the duty
officer sees one line. An alarm too many is no harm, a late one may be.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from anonymiser.intake.transform import IntakeContext, transform
from streams.codec import decode, encode
from streams.errors import DecodeError
from streams.parts import Reason
from streams.ports import Outgoing
from streams.restricted import ReportSubmitted, RiskRaised
from streams.topics import DUTY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from streams.ports import Log, Record, Source

#: With less before it a record's turn comes within about a second.
BACKLOG_RECORDS: Final = 500
#: So much is read ahead at a time: a look must not cost the turns of others.
LOOK_RECORDS_MAX: Final = 1_000
#: And so many alarms, give or take one poll: each opens its report, which holds up the lanes.
ALARMS_MAX: Final = 20
WAITS: Final = "waits_in_backlog"
_POLL_RECORDS: Final = ALARMS_MAX
_POLL_WAIT: Final = timedelta(milliseconds=200)


def early_alarms(records: Sequence[Record], context: IntakeContext) -> Iterator[Outgoing]:
    """Yield the alarm of each record that carries the flag, marked as early."""
    for record in records:
        if not _is_flagged(record):
            continue
        for one in transform(record, context):
            if one.topic == DUTY:
                raised = decode(one.value or b"", RiskRaised)
                reasons = (*raised.reasons, Reason(code=WAITS))
                yield Outgoing(DUTY, encode(replace(raised, reasons=reasons)))


def _is_flagged(record: Record) -> bool:
    """What cannot be read has no flag: it is urgent in its turn, grouped by partner and hour."""
    try:
        return decode(record.value or b"", ReportSubmitted).immediate_risk
    except DecodeError:
        return False


class Ahead:
    """Reads ahead of the lanes of one process, each topic once."""

    def __init__(self, log: Log, context: IntakeContext) -> None:
        self._log = log
        self._context = context
        self._sources: dict[str, Source] = {}
        self._positions: dict[str, int] = {}

    async def look(self, lanes: Mapping[str, tuple[int, int]]) -> None:
        """Raise what is urgent in the backlog; `lanes` has position and end of each topic.

        Raises: LogError, BrokerUnreachableError.
        """
        behind = {topic for topic, (at, end) in lanes.items() if end - at > BACKLOG_RECORDS}
        for topic in self._sources.keys() - behind:
            await self._sources.pop(topic).stop()
        for topic in sorted(behind):
            await self._look_in(topic, lanes[topic][0])

    async def stop(self) -> None:
        """Close the readers; the next look opens others."""
        while self._sources:
            await self._sources.popitem()[1].stop()

    async def _look_in(self, topic: str, position: int) -> None:
        source = self._sources.get(topic)
        if source is None:
            start = max(position, self._positions.get(topic, 0))
            source = self._sources[topic] = self._log.source()
            await source.start({topic: start})
        looked, alarms = 0, 0
        while looked < LOOK_RECORDS_MAX and alarms < ALARMS_MAX:
            records = await source.poll(_POLL_RECORDS, _POLL_WAIT)
            if not records:
                return
            found = list(early_alarms(records, self._context))
            if found:
                await self._log.append(found)
            self._positions[topic] = records[-1].offset + 1
            looked, alarms = looked + len(records), alarms + len(found)
            await asyncio.sleep(0)  # what waits in its turn goes on
