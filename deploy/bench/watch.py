"""Watches what comes out, as police and the safeguarding hub would see it, and when."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from anonymiser.gate.audience import AudienceIds
from anonymiser.gate.stage import OWN
from deploy.bench.cases import raises_alert, report
from streams.codec import decode
from streams.shared import (
    AlertRaised,
    AlertUpdated,
    PoliceReportShared,
)
from streams.topics import ALERTS, POLICE
from streams.values import AlertRule, Audience

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

    from anonymiser.keyring import Keys
    from streams.ports import Log

_LIMIT: Final = 500
_WAIT: Final = timedelta(milliseconds=50)


class Watch:
    """Counts reports on `police.intelligence`, and times the reports it was told to expect.

    Only a benchmark may know both ends: it holds the enclave's keys, with which
    it foretells under which ids a report will come out.
    """

    def __init__(self, log: Log, keys: Keys) -> None:
        self.released = 0
        self.police_seconds: list[float] = []
        self.alert_seconds: list[float] = []
        self.urgent_seconds: list[float] = []
        #: When each timed report was sent (seconds since 1970), and how long it took to police.
        self.police_times: list[tuple[float, float]] = []
        self.alert_times: list[tuple[float, float]] = []
        self._police = AudienceIds(Audience.POLICE, keys.audience)
        self._hub = AudienceIds(Audience.SAFEGUARDING, keys.audience)
        self._police_due: dict[UUID, float] = {}
        self._alert_due: dict[UUID, float] = {}
        self._source = log.source()

    def expect(self, serial: int, at: datetime, sent: float) -> None:
        """Time a report from `sent` (seconds since 1970) to where it comes out."""
        one = report(serial, at)
        self._police_due[self._police.report(one.partner, one.report_id)] = sent
        if raises_alert(serial):
            self._alert_due[self._hub.report(one.partner, one.report_id)] = sent

    @property
    def due(self) -> int:
        """How many expected reports and alerts have not come out yet."""
        return len(self._police_due) + len(self._alert_due)

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until `stop` is set."""
        await self._source.start({POLICE: 0, ALERTS: 0})
        while not stop.is_set():
            for record in await self._source.poll(_LIMIT, _WAIT):
                if record.topic == POLICE:
                    self._saw_report(record.value or b"")
                else:
                    self._saw_alert(record.value or b"")
        await self._source.stop()

    def _saw_report(self, value: bytes) -> None:
        event = decode(value, *OWN[POLICE])
        if not isinstance(event, PoliceReportShared):
            return
        self.released += 1
        if (sent := self._police_due.pop(event.report_id, None)) is not None:
            seconds = time.time() - sent
            self.police_seconds.append(seconds)
            self.police_times.append((sent, seconds))
            if event.immediate_risk:
                self.urgent_seconds.append(seconds)

    def forget(self) -> None:
        """Begin to time anew."""
        self.police_seconds.clear()
        self.alert_seconds.clear()
        self.urgent_seconds.clear()
        self.police_times.clear()
        self.alert_times.clear()

    def _saw_alert(self, value: bytes) -> None:
        if not self._alert_due:
            return
        event = decode(value, AlertRaised, AlertUpdated)
        if isinstance(event, AlertRaised) and event.rule is AlertRule.CHILD_TIED_TO_NOMINAL:
            self._answer(one for step in event.path for one in step.report_ids)

    def _answer(self, report_ids: Iterable[UUID]) -> None:
        for one in report_ids:
            if (sent := self._alert_due.pop(one, None)) is not None:
                self.alert_seconds.append(time.time() - sent)
                self.alert_times.append((sent, time.time() - sent))
