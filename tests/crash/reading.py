"""What lies on the topics after a run, in the checker's own words; it shares decoding, no stage.

Of transport inside the enclave only names are kept; what leaves it is kept whole, for the search.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from anonymiser.gate.stage import OWN
from streams.codec import decode
from streams.errors import DecodeError
from streams.restricted import (
    ON_SUBMISSIONS,
    AnswerSubmitted,
    LinkDecided,
    LinkReviewed,
    MentionResolved,
    MergeDecided,
    MessageSubmitted,
    OriginatorApproved,
    OutcomeFound,
    OutcomeMissing,
    PossibleLink,
    PossibleLinkClosed,
    ProbingNoticed,
    Quarantined,
    ReceiptDue,
    RecordRetokenised,
    RedriveRequested,
    ReportAdmitted,
    ReportKeysWrapped,
    ReportLinked,
    ReportRetracted,
    ReportSubmitted,
    ReportTokenised,
    RiskRaised,
    SplitDecided,
    WithdrawalReceived,
)
from streams.shared import (
    ON_FEEDBACK,
    ON_OPERATIONS,
    AlertRaised,
    AlertUpdated,
)
from streams.topics import (
    ALARMS,
    ALERTS,
    DUTY,
    HELD,
    OPERATIONS,
    OUTGOING,
    POLICE,
    QUARANTINE,
    REDRIVES,
    REPORT_KEYS,
    RESOLUTIONS,
    SAFEGUARDING,
    TOKENISED,
    feedback_of,
    submissions_of,
)
from tests.crash.story import PARTNERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from streams.kafka.access import Access

CLASSES: dict[str, tuple[type[Any], ...]] = {
    REPORT_KEYS: (ReportKeysWrapped,),
    TOKENISED: (
        ReportTokenised,
        WithdrawalReceived,
        ReceiptDue,
        AnswerSubmitted,
        OriginatorApproved,
        MessageSubmitted,
    ),
    OUTGOING: (
        ReportLinked,
        ReportRetracted,
        MergeDecided,
        SplitDecided,
        ReceiptDue,
        PossibleLink,
        PossibleLinkClosed,
        LinkDecided,
        AnswerSubmitted,
        OriginatorApproved,
        MessageSubmitted,
    ),
    RESOLUTIONS: (
        ReportAdmitted,
        MentionResolved,
        ReportRetracted,
        MergeDecided,
        SplitDecided,
        PossibleLink,
        PossibleLinkClosed,
        LinkDecided,
        LinkReviewed,
        RecordRetokenised,
        AnswerSubmitted,
    ),
    ALARMS: (ProbingNoticed, OutcomeMissing, OutcomeFound),
    REDRIVES: (RedriveRequested,),
    QUARANTINE: (Quarantined,),
    DUTY: (RiskRaised,),
    POLICE: OWN[POLICE],
    SAFEGUARDING: OWN[SAFEGUARDING],
    ALERTS: (AlertRaised, AlertUpdated),
    OPERATIONS: ON_OPERATIONS,
    **{submissions_of(partner): ON_SUBMISSIONS for partner in PARTNERS},
    **{feedback_of(partner): ON_FEEDBACK for partner in PARTNERS},
}
#: Outside the enclave: read by somebody else, so that no identifier may lie there.
OUTSIDE = frozenset({POLICE, SAFEGUARDING, ALERTS, OPERATIONS, *map(feedback_of, PARTNERS)})
TOPICS = (*CLASSES, HELD)


@dataclass(frozen=True, slots=True)
class Told:
    """One committed record. `event` is None for what does not decode and for tombstones."""

    topic: str
    offset: int
    at: datetime
    key: bytes | None = field(repr=False)
    event: Any = field(repr=False)
    value: bytes | None = field(repr=False)
    is_tombstone: bool = False

    @property
    def name(self) -> str:
        """Where it lies."""
        return f"{self.topic}/{self.offset}"


def told(topic: str, offset: int, at: datetime, key: bytes | None, value: bytes | None) -> Told:
    """Decode a record, and keep of it what the checker needs."""
    classes = CLASSES.get(topic)
    event = None
    if classes is not None and value is not None:
        try:
            event = decode(value, *classes)
        except DecodeError:
            event = None
    if isinstance(event, ReportTokenised | ReportLinked | ReportSubmitted | Quarantined):
        event = Named.of(event)
    kept = value if topic in OUTSIDE else None
    return Told(topic, offset, at, key, event, kept, is_tombstone=value is None)


@dataclass(frozen=True, slots=True)
class Named:
    """The name of a large event, whose content the checker does not need."""

    kind: str
    partner: str
    report_id: Any
    revision: int | None
    supersedes: int | None
    offset: int | None
    immediate_risk: bool

    @classmethod
    def of(cls, event: Any) -> Named:
        return cls(
            type(event).__name__,
            event.partner,
            event.report_id,
            event.revision,
            getattr(event, "supersedes", None),
            getattr(event, "offset", None),
            event.immediate_risk,
        )


async def read_all(access: Access, topics: Iterable[str] = TOPICS) -> dict[str, list[Told]]:
    """Read every topic from its start to its last committed record, by a client of our own."""
    found: dict[str, list[Told]] = {}
    for topic in topics:
        consumer = AIOKafkaConsumer(
            **access.options(),
            client_id="crash-checker",
            enable_auto_commit=False,
            isolation_level="read_committed",
            auto_offset_reset="none",
        )
        await consumer.start()
        try:
            found[topic] = [one async for one in _read(consumer, topic)]
        finally:
            await consumer.stop()
    return found


async def _read(consumer: AIOKafkaConsumer, topic: str) -> Any:
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    (start,) = (await consumer.beginning_offsets([partition])).values()
    (end,) = (await consumer.end_offsets([partition])).values()
    consumer.seek(partition, start)
    while await consumer.position(partition) < end:
        for messages in (await consumer.getmany(partition, timeout_ms=500)).values():
            for one in messages:
                at = datetime.fromtimestamp(one.timestamp / 1000, UTC)
                yield told(topic, one.offset, at, one.key, one.value)


# --- the search for canaries --------------------------------------------------------------------


def forms_of(canary: str) -> tuple[bytes, ...]:
    """Return the bytes that a canary may have become; of base64 what is the same at any place."""
    found = []
    for text in (canary, canary.lower(), canary.upper()):
        raw = text.encode()
        found += [raw, raw.hex().encode(), raw.hex().upper().encode()]
        found += [text.encode("utf-16-le"), text.encode("utf-16-be")]
        for shift in range(3):
            coded = base64.b64encode(b"\0" * shift + raw)
            found.append(coded[(0, 2, 3)[shift] : len(coded) // 4 * 4 - 4])
    return tuple(dict.fromkeys(found))


def leaks_in(data: bytes, forms: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the forms that stand in some bytes."""
    return (form for form in forms if form in data)
