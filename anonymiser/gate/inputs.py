"""What the gate reads from its sources: which events, and decoding them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from anonymiser.gate.effects import Effect, quarantine, reason_of
from schemas import CATALOGUE
from streams.codec import decode
from streams.errors import DecodeError, UnknownSchemaError
from streams.hub import (
    HubViewGiven,
    NoticeReleased,
    NoticeWithdrawn,
    PreventionMessageDecided,
    ProtectionDeclared,
    ProtectionEnded,
    RulesAdopted,
)
from streams.ocg import DeadlinePassed, HubViewAsked, ReportGraded
from streams.parts import Reason
from streams.restricted import (
    AnswerSubmitted,
    HoldDecided,
    LinkDecided,
    LinkReviewed,
    MergeDecided,
    MessageSubmitted,
    MeterMeasured,
    OriginatorApproved,
    PossibleLink,
    PossibleLinkClosed,
    QuestionAsked,
    ReceiptDue,
    ReportLinked,
    ReportRetracted,
    ReportTokenised,
    SourceHistoryMeasured,
    SplitDecided,
    SplitRequested,
)
from streams.roles import ROLE_EVENTS
from streams.shared import NominalDischarged, NominalEnrolled
from streams.topics import (
    BY_NAME,
    HUB_DECISIONS,
    METERS,
    OUTGOING,
    POLICE_DECISIONS,
    REVIEW_COMMANDS,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.ports import Record
    from streams.roles import RoleEvent

Command: TypeAlias = (
    OriginatorApproved
    | HoldDecided
    | QuestionAsked
    | AnswerSubmitted
    | SplitRequested
    | LinkReviewed
)
PoliceDecision: TypeAlias = (
    "NominalEnrolled | NominalDischarged | ReportGraded | HubViewAsked | RoleEvent"
)
HubDecision: TypeAlias = (
    NoticeReleased
    | NoticeWithdrawn
    | PreventionMessageDecided
    | HubViewGiven
    | ProtectionDeclared
    | ProtectionEnded
    | RulesAdopted
)
Input: TypeAlias = (
    "ReportLinked | ReportRetracted | MergeDecided | SplitDecided | ReceiptDue | PossibleLink"
    " | PossibleLinkClosed | LinkDecided | MessageSubmitted | PoliceDecision | HubDecision"
    " | Command | MeterMeasured | SourceHistoryMeasured"
)

#: Topics on which people decide, and what of it concerns the gate.
DECISIONS: Final[Mapping[str, tuple[type[Any], ...]]] = {
    POLICE_DECISIONS: (
        NominalEnrolled,
        NominalDischarged,
        ReportGraded,
        HubViewAsked,
        *ROLE_EVENTS,
    ),
    HUB_DECISIONS: (
        NoticeReleased,
        NoticeWithdrawn,
        PreventionMessageDecided,
        HubViewGiven,
        ProtectionDeclared,
        ProtectionEnded,
        RulesAdopted,
        DeadlinePassed,
    ),
}
_INPUT: Final[Mapping[str, tuple[type[Any], ...]]] = {
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
    REVIEW_COMMANDS: (
        OriginatorApproved,
        SplitRequested,
        LinkReviewed,
        QuestionAsked,
        HoldDecided,
    ),
    METERS: (MeterMeasured, SourceHistoryMeasured),
    **DECISIONS,
}


def read(record: Record) -> Input | None:
    """Decode one record of the gate's sources; None for a decision that does not concern it.

    Raises: DecodeError.
    """
    try:
        event: Input = decode(record.value or b"", *_INPUT[record.topic])
    except UnknownSchemaError:
        if record.topic in DECISIONS and _is_of_topic(record):
            return None
        raise
    return event


def _is_of_topic(record: Record) -> bool:
    """Tell by its schema whether a record is one that its topic may carry."""
    schema = CATALOGUE.find(int.from_bytes((record.value or b"")[1:5]))
    return schema is not None and schema.name.rpartition(".")[2] in BY_NAME[record.topic].events


def not_understood(record: Record, error: Exception) -> Effect:
    """Keep what the gate cannot read. A report that was never linked says at least whose it is."""
    try:
        unlinked = decode(record.value or b"", ReportTokenised)
    except DecodeError:
        return quarantine(record, None, reason_of(error))
    return quarantine(record, unlinked, Reason(code="not_linked"))
