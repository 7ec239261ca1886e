"""Every topic as data: what it holds, how it is kept, who writes and reads it.

Each topic has one partition: it has one order, so that replay, as-of and the
fold have one meaning. Access control lists are computed from this table.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

PARTNER_ID: Final = re.compile(r"[a-z][a-z0-9-]{1,30}[a-z0-9]")
#: What a partner may send in one record.
MAX_SUBMISSION_BYTES: Final = 262_144
#: What the rest may hold: a submission, sealed as it came, and what was made of it.
MAX_MESSAGE_BYTES: Final = 1_048_576

_ALWAYS: Final = {
    "message.timestamp.type": "LogAppendTime",
    "max.message.bytes": str(MAX_MESSAGE_BYTES),
    "compression.type": "producer",
}
_EVIDENCE: Final = {**_ALWAYS, "cleanup.policy": "delete", "retention.ms": "-1"}
#: The broker unpacks what partners compress: one batch in a codec that the anonymiser cannot read
#: would stop it for everybody, and the limit counts what is really there.
_SUBMISSIONS: Final = {
    **_EVIDENCE,
    "max.message.bytes": str(MAX_SUBMISSION_BYTES),
    "compression.type": "uncompressed",
}
_TRANSPORT: Final = {
    **_ALWAYS,
    "cleanup.policy": "delete",
    "retention.ms": str(7 * 24 * 3_600_000),
    "segment.ms": str(24 * 3_600_000),
    "file.delete.delay.ms": "0",
}
_COMPACTED: Final = {**_ALWAYS, "cleanup.policy": "compact"}
#: Compaction that leaves no plaintext behind (kafka_proved.md section 6).
_SHREDDED: Final = {
    **_COMPACTED,
    "max.compaction.lag.ms": "1000",
    # A tombstone holds no key and outlives the one it deletes: whoever reads on from where it was
    # a week ago must still see it (anonymiser/linker/store.py).
    "delete.retention.ms": str(7 * 24 * 3_600_000),
    "file.delete.delay.ms": "0",
}


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic: principals that write and read it, and the names of the events it may carry.

    Names, not classes: a reader of shared topics need not import restricted events.
    """

    name: str
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    events: tuple[str, ...]
    config: Mapping[str, str] = field(default_factory=lambda: _EVIDENCE)
    key: str | None = None
    partitions: int = 1


#: Everybody but partners: who may be named as a writer or reader below.
ROLE_PRINCIPALS: Final = (
    "administrator",
    "keys",
    "anonymiser",
    "linker",
    "gate",
    "desk",
    "duty",
    "eraser",
    "reconciler",
    "police",
    "disruption",
    "safeguarding",
    "meters",
    "audit",
)

REGISTRY: Final = "registry.events"
PUBLIC_KEYS: Final = "enclave.public-keys"
REPORT_KEYS: Final = "enclave.report-keys"
TOKENISED: Final = "enclave.tokenised"
OUTGOING: Final = "enclave.outgoing"
HELD: Final = "enclave.held"
REVIEW_COMMANDS: Final = "enclave.review-commands"
RESOLUTIONS: Final = "enclave.resolutions"
QUARANTINE: Final = "enclave.quarantine"
DUTY: Final = "enclave.duty"
ALARMS: Final = "enclave.alarms"
REDRIVES: Final = "enclave.redrives"
ERASURES: Final = "enclave.erasures"
DESK: Final = "enclave.desk"
METERS: Final = "enclave.meters"
POLICE: Final = "police.intelligence"
SAFEGUARDING: Final = "safeguarding.intelligence"
POLICE_DECISIONS: Final = "police.decisions"
DISRUPTIONS: Final = "disruption.events"
ALERTS: Final = "safeguarding.alerts"
HUB_DECISIONS: Final = "safeguarding.decisions"
PREVENTION: Final = "prevention.messages"
OPERATIONS: Final = "audit.operations"

_ON_BOTH: Final = ("ReportWithdrawn", "PersonsMerged", "PersonSplit")

SHARED_TOPICS: Final[tuple[TopicSpec, ...]] = (
    TopicSpec(
        REGISTRY,
        # The rotation of the token key ends with its entry here.
        writers=("administrator", "keys"),
        readers=(
            "administrator",
            "keys",
            "anonymiser",
            "linker",
            "gate",
            "desk",
            "reconciler",
            "police",
            "disruption",
            "safeguarding",
            "meters",
            "audit",
        ),
        events=(
            "PartnerOnboarded",
            "PartnerSuspended",
            "ReferencePopulationSet",
            "LinkWeightsPublished",
            "TokenKeySettled",
            "RoleAssigned",
            "RoleRevoked",
        ),
    ),
    TopicSpec(
        PUBLIC_KEYS,
        writers=("keys",),
        readers=("everyone",),
        events=("SealingKeyPublished",),
        config=_COMPACTED,
        key="epoch",
    ),
    TopicSpec(
        REPORT_KEYS,
        writers=("anonymiser", "eraser", "keys"),  # keys: put under the newest storage key
        # Whoever reads this and holds the storage key opens every report there is; the eraser,
        # which must read back that what it took away is gone, has no key.
        readers=("linker", "keys", "eraser"),
        events=("ReportKeysWrapped",),
        config=_SHREDDED,
        key="partner, report id, revision, sealing",
    ),
    TopicSpec(
        TOKENISED,
        writers=("anonymiser",),
        readers=("linker",),
        events=(
            "ReportTokenised",
            "WithdrawalReceived",
            "ReceiptDue",
            "AnswerSubmitted",
            "OriginatorApproved",
            "MessageSubmitted",
        ),
        config=_TRANSPORT,
    ),
    TopicSpec(
        OUTGOING,
        writers=("linker",),
        readers=("gate",),
        events=(
            "ReportLinked",
            "ReportRetracted",
            "MergeDecided",
            "SplitDecided",
            "ReceiptDue",
            "PossibleLink",
            "PossibleLinkClosed",
            "LinkDecided",
            "AnswerSubmitted",
            "OriginatorApproved",
            "MessageSubmitted",
        ),
        config=_TRANSPORT,
    ),
    TopicSpec(
        HELD,
        writers=("gate",),
        readers=("gate", "desk", "keys", "eraser"),
        events=(
            "ReportHeld",
            "PossibleLink",
            "ReportWaiting",
            "MergeDecided",
            "ReporterNoted",
            "MentionsNoted",
            "NoticeSent",
            "MessageWaiting",
        ),
        config=_COMPACTED,
        key="partner, report id; of a possible link its two ids; all others by name and ids",
    ),
    TopicSpec(
        REVIEW_COMMANDS,
        writers=("desk",),
        readers=("linker", "gate", "desk", "audit"),
        events=(
            "OriginatorApproved",
            "SplitRequested",
            "LinkReviewed",
            "QuestionAsked",
            "HoldDecided",
        ),
    ),
    TopicSpec(
        RESOLUTIONS,
        writers=("linker",),
        readers=("linker", "desk", "keys", "meters", "audit", "eraser"),
        events=(
            "ReportAdmitted",
            "MentionResolved",
            "ReportRetracted",
            "MergeDecided",
            "SplitDecided",
            "PossibleLink",
            "PossibleLinkClosed",
            "LinkDecided",
            "RecordRetokenised",
            "AnswerSubmitted",
        ),
    ),
    TopicSpec(
        QUARANTINE,
        writers=("anonymiser", "gate"),
        readers=("desk", "keys", "eraser", "audit"),
        events=("Quarantined",),
    ),
    TopicSpec(
        DESK,
        writers=("desk",),
        readers=("desk", "audit"),
        events=("LinkReviewed", "QuestionAsked", "LinkEscalated", "PairPlanted"),
    ),
    TopicSpec(
        DUTY,
        writers=("anonymiser",),
        readers=("duty", "audit"),
        events=("RiskRaised",),
    ),
    TopicSpec(
        ALARMS,
        writers=("gate", "reconciler"),
        readers=("desk", "audit", "reconciler"),
        events=("ProbingNoticed", "OutcomeMissing", "OutcomeFound"),
    ),
    # Written without transactions, since the anonymiser's lane reads it like a partner's topic.
    TopicSpec(
        REDRIVES,
        writers=("desk", "reconciler"),
        readers=("anonymiser", "reconciler", "audit"),
        events=("RedriveRequested",),
    ),
    TopicSpec(
        ERASURES,
        writers=("eraser",),
        # The gate forgets whom an erased report named.
        readers=("eraser", "anonymiser", "gate", "keys", "desk", "audit"),
        events=("ErasureRecorded", "ErasureCertified"),
    ),
    TopicSpec(
        METERS,
        writers=("meters",),
        readers=("meters", "gate", "audit"),
        events=("MeterMeasured", "SourceHistoryMeasured"),
    ),
    TopicSpec(
        POLICE,
        writers=("gate",),
        readers=("police", "meters", "audit", "gate"),
        events=(
            "PoliceReportShared",
            "GradeRelayed",
            "SourceHistoryTold",
            "HubViewRelayed",
            "ProtectionRelayed",
            *_ON_BOTH,
        ),
    ),
    TopicSpec(
        SAFEGUARDING,
        writers=("gate",),
        readers=("safeguarding", "audit", "gate"),
        events=(
            "SafeguardingReportShared",
            "NominalRelayed",
            "PossibleLinkTold",
            "GradeRelayed",
            "AgeBandChanged",
            "HubViewWanted",
            "NoticeTold",
            "RulesAdopted",
            *_ON_BOTH,
        ),
    ),
    TopicSpec(
        POLICE_DECISIONS,
        writers=("police",),
        readers=("police", "gate", "meters", "audit"),
        events=(
            "NominalEnrolled",
            "NominalDischarged",
            "ReportGraded",
            "OcgMapped",
            "OcgMerged",
            "OcgSplit",
            "OcgArchived",
            "OcgReactivated",
            "RoleConfirmed",
            "RoleEnded",
            "OcgScored",
            "HubViewAsked",
            "DeadlinePassed",
        ),
    ),
    # Officers of any agency write by their role in the register, not by the agency's certificate.
    TopicSpec(
        DISRUPTIONS,
        writers=("police", "disruption"),
        readers=("police", "disruption", "meters", "audit"),
        events=(
            "DisruptionPlanned",
            "DisruptionExecuted",
            "DisruptionFailed",
            "ImpactAssessed",
            "SeizureMade",
            "ArrestMade",
            "OffenceRecorded",
            "SentencePassed",
            "ClosureMade",
            "InterventionAttempted",
            "ConcernRecorded",
        ),
    ),
    TopicSpec(
        ALERTS,
        writers=("safeguarding",),
        readers=("safeguarding", "gate", "meters", "audit"),
        events=("AlertRaised", "AlertUpdated"),
    ),
    TopicSpec(
        HUB_DECISIONS,
        writers=("safeguarding",),
        readers=("safeguarding", "gate", "meters", "audit"),
        events=(
            "AlertClaimed",
            "ThresholdAssessed",
            "ReferralMade",
            "ReferralAccepted",
            "ReferralDeclined",
            "AlertClosed",
            "NoticeReleased",
            "NoticeWithdrawn",
            "PreventionMessageDecided",
            "RulesAdopted",
            "LabFindingRaised",
            "LabFindingDecided",
            "ProvisionListed",
            "ProvisionOffered",
            "ProvisionAnswered",
            "SlaveryNotified",
            "HubViewGiven",
            "ProtectionDeclared",
            "ProtectionEnded",
            "DeadlinePassed",
        ),
    ),
    # A holder offers a message on its own topic, which proves who it is; the gate puts it here.
    TopicSpec(
        PREVENTION,
        writers=("gate",),
        readers=("safeguarding", "gate", "audit"),
        events=("PreventionMessageOffered",),
    ),
    TopicSpec(
        OPERATIONS,
        # Whoever does something to personal data, in the transaction in which it is done; and
        # every desk and view, before it answers. Partners do nothing to data but their own.
        writers=ROLE_PRINCIPALS,
        readers=("audit", "reconciler"),
        events=("OperationRecorded", "BatchReleased", "DecisionRefused", "ItemWithheld"),
    ),
)

BY_NAME: Final[Mapping[str, TopicSpec]] = {spec.name: spec for spec in SHARED_TOPICS}


def submissions_of(partner: str) -> str:
    """Return the name of the topic that only this partner writes."""
    return f"partner.{partner}.submissions"


def feedback_of(partner: str) -> str:
    """Return the name of the topic that only this partner reads."""
    return f"partner.{partner}.feedback"


def partner_of(topic: str) -> str:
    """Return the partner that owns a submissions topic; the topic, not the payload, says who."""
    return topic.removeprefix("partner.").removesuffix(".submissions")


def partner_topics(partner: str) -> tuple[TopicSpec, ...]:
    """Return the two topics of one partner."""
    return (
        TopicSpec(
            submissions_of(partner),
            writers=(f"partner:{partner}",),
            # keys: hashed anew when the token key rotates. The reconciler looks at the clear
            # routing facts of what has no outcome; it has no key.
            readers=("anonymiser", "keys", "reconciler"),
            events=(
                "ReportSubmitted",
                "WithdrawalSubmitted",
                "AnswerSubmitted",
                "ApprovalSubmitted",
                "MessageSubmitted",
            ),
            config=_SUBMISSIONS,
        ),
        TopicSpec(
            feedback_of(partner),
            writers=("gate",),
            readers=(f"partner:{partner}", "reconciler", "meters"),
            events=(
                "FeedbackGiven",
                "QuestionPut",
                "UsageTold",
                "NoticeGiven",
                "NoticeCorrected",
                "MessageGiven",
                "MeterTold",
            ),
        ),
    )
