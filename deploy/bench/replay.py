"""Replaying a long log through every projection, read from a broker as an auditor would.

The topics are filled with the cases of `cases`, as the gate would share them; who
shares what with whom is not measured here, so ids are made by counting.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from consumers.audit.replay import Bound, replay
from deploy.bench.cases import REPORTS_PER_CASE, TELLINGS
from deploy.broker import LocalBroker
from deploy.replay import PROJECTIONS
from deploy.settings import Settings
from deploy.topics import ensure_topics
from streams.codec import encode
from streams.kafka import KafkaLog
from streams.parts import Grading, Handling
from streams.ports import Outgoing
from streams.shared import (
    PoliceNode,
    PoliceReportShared,
    SafeguardingNode,
    SafeguardingReportShared,
    SharedRelation,
)
from streams.taxonomy import RelationKind
from streams.topics import POLICE, SAFEGUARDING, SHARED_TOPICS
from streams.values import AgeBand, ChildAtEvent, HandlingCode, NodeKind, Purpose, Role, Sex

if TYPE_CHECKING:
    from collections.abc import Callable

    from deploy.bench.cases import Telling
    from streams.ports import Log

    Say = Callable[[str], None]

_APPEND: Final = 1_000
_PEOPLE_PER_CASE: Final = 6
_CHILDREN: Final = (3, 4)
_FAMILY: Final = (RelationKind.SIBLING, RelationKind.PARENT)


@dataclass(frozen=True, slots=True)
class _Reader:
    """One audience: its ids begin with `space`, so that no two audiences share one."""

    topic: str
    space: int

    def shared(self, serial: int) -> PoliceReportShared | SafeguardingReportShared:
        """Return the report of a serial number as this audience receives it."""
        case, place = divmod(serial, REPORTS_PER_CASE)
        telling = TELLINGS[place]
        kind: Any = PoliceReportShared if self.topic == POLICE else SafeguardingReportShared
        shared: PoliceReportShared | SafeguardingReportShared = kind(
            report_id=self._id(1, serial),
            revision=1,
            origin_id=self._id(2, serial),
            immediate_risk=False,
            purpose=Purpose.SAFEGUARD_CHILDREN,
            event_week="2026-W40",
            district=f"S{case % 20 + 1}",
            nodes=tuple(self._node(case, number) for number in telling.people),
            relations=self._relations(telling),
            facts=(telling.fact,),
            grading=Grading(),
            handling=Handling(code=HandlingCode.P),
        )
        return shared

    def _node(self, case: int, number: int) -> PoliceNode | SafeguardingNode:
        is_child = number in _CHILDREN
        facts: dict[str, Any] = {
            "node": number,
            "kind": NodeKind.PERSON,
            "entity_id": self._id(3, case * _PEOPLE_PER_CASE + number),
            "sex": Sex.UNKNOWN,
            "child_at_event": ChildAtEvent.YES if is_child else ChildAtEvent.NO,
            "role": Role.VICTIM if is_child else Role.SUSPECT,
        }
        if self.topic == POLICE:
            return PoliceNode(**facts)
        band = AgeBand.AGE_11_15 if is_child else AgeBand.ADULT
        return SafeguardingNode(**facts, age_band=band, protected=False)

    def _relations(self, telling: Telling) -> tuple[SharedRelation, ...]:
        return tuple(
            SharedRelation(subject=one, kind=kind, object=other)
            for one, kind, other in telling.ties
            if self.topic != POLICE or kind not in _FAMILY
        )

    def _id(self, kind: int, number: int) -> UUID:
        return UUID(int=(self.space << 120) | (kind << 112) | number)


_READERS: Final = (_Reader(POLICE, 1), _Reader(SAFEGUARDING, 2))


async def measure_replay(reports: int, say: Say) -> dict[str, Any]:
    """Fill a broker with so many reports for each audience, then replay every projection."""
    with TemporaryDirectory(prefix="rivelin-bench-") as folder:
        broker = LocalBroker(Settings(home=Path(folder) / "home"))
        await broker.start_async()
        try:
            await ensure_topics(broker.settings, SHARED_TOPICS)
            log = KafkaLog(broker.access("supervisor"), client_id="rivelin-bench")
            say(f"filling the log with {reports} reports for each audience")
            await _fill(log, reports)
            projections = [await _replayed(log, kind().name, say) for kind in PROJECTIONS]
            await log.stop()
        finally:
            broker.close()
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "reports": reports,
        "seconds": round(sum(one["seconds"] for one in projections), 1),
        "projections": projections,
    }


async def _fill(log: Log, reports: int) -> None:
    for start in range(0, reports, _APPEND):
        serials = range(start, min(start + _APPEND, reports))
        await log.append(
            [
                Outgoing(reader.topic, encode(reader.shared(serial)))
                for reader in _READERS
                for serial in serials
            ]
        )


async def _replayed(log: Log, name: str, say: Say) -> dict[str, Any]:
    projection = next(kind() for kind in PROJECTIONS if kind().name == name)
    events = sum((await log.ends(projection.topics)).values())
    say(f"replaying {events} events through {name}")
    began, cpu = time.perf_counter(), time.process_time()
    store = await replay(projection, log, Bound())
    seconds, spent = time.perf_counter() - began, time.process_time() - cpu
    with store.snapshot() as snapshot:
        rows = sum(snapshot.sizes().values())
    store.close()
    return {
        "projection": name,
        "events": events,
        "rows": rows,
        "seconds": round(seconds, 1),
        "events_per_second": round(events / seconds),
        "cpu_us_per_event": round(1e6 * spent / events, 1),
    }
