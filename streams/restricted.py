"""Events and values that only partners and the enclave may name: raw reports, tokens, decisions.

An import contract keeps `consumers` away from this module. Fields that hold
something identifying have `repr=False`, so that no log line can show them.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final
from uuid import UUID

from streams.codes import PreventionCode, ShareBand
from streams.parts import (
    CodedFact,
    Grading,
    Handling,
    Reason,
    SourceFacts,
)
from streams.shared import MeterFigures
from streams.taxonomy import RelationKind
from streams.values import (
    AgeBand,
    Answer,
    ChildAtEvent,
    CountBand,
    DataCategory,
    ErasureReason,
    Gateway,
    HoldReason,
    HoldVerdict,
    LinkBasis,
    LinkClosed,
    LinkDoubt,
    LinkQuestion,
    LinkVerdict,
    NodeKind,
    Outcome,
    OverBudgetReason,
    PartnerType,
    ProbingSignal,
    Purpose,
    Role,
    Sex,
    VoidReason,
    WithdrawalReason,
)

# --- what a partner writes; on the log only ever sealed ---------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What identifies one subject; every field optional, as the partner spelt it."""

    given_name: str | None = field(default=None, repr=False)
    middle_names: str | None = field(default=None, repr=False)
    family_name: str | None = field(default=None, repr=False)
    known_as: tuple[str, ...] = field(default=(), repr=False)
    born_on: date | None = field(default=None, repr=False)
    nhs_number: str | None = field(default=None, repr=False)
    upn: str | None = field(default=None, repr=False)
    uln: str | None = field(default=None, repr=False)
    pnc_id: str | None = field(default=None, repr=False)
    cro_number: str | None = field(default=None, repr=False)
    nino: str | None = field(default=None, repr=False)
    driver_number: str | None = field(default=None, repr=False)
    passport_number: str | None = field(default=None, repr=False)
    address: str | None = field(default=None, repr=False)
    postcode: str | None = field(default=None, repr=False)
    uprn: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    email: str | None = field(default=None, repr=False)
    handle: str | None = field(default=None, repr=False)
    vehicle_mark: str | None = field(default=None, repr=False)
    account_number: str | None = field(default=None, repr=False)
    sort_code: str | None = field(default=None, repr=False)
    imei: str | None = field(default=None, repr=False)
    organisation_name: str | None = field(default=None, repr=False)
    organisation_number: str | None = field(default=None, repr=False)
    chi_number: str | None = field(default=None, repr=False)
    usrn: str | None = field(default=None, repr=False)
    police_urn: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonFacts:
    """What a report says of a person beside the identity. `age` in whole years at the event."""

    sex: Sex = Sex.UNKNOWN
    age: int | None = field(default=None, repr=False)
    role: Role = Role.OTHER


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One subject of a report. `label` is local to the report; relations refer to it."""

    label: str = field(repr=False)
    kind: NodeKind
    identity: Identity | None = field(default=None, repr=False)
    reference: str | None = field(default=None, repr=False)
    protected: bool = False
    conflict: bool = False
    person: PersonFacts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A directed tie between two labels of the same report."""

    subject: str = field(repr=False)
    object: str = field(repr=False)
    kind: RelationKind
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the event was; leaves the enclave as a postcode district only."""

    postcode: str | None = field(default=None, repr=False)
    description: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The intelligence report, version 1, as a partner writes it (JSON keys are these names)."""

    report_id: UUID
    revision: int = 1
    supersedes: int | None = None
    partner: str
    immediate_risk: bool = False
    service: str
    data_category: DataCategory
    gateway: Gateway
    purpose: Purpose
    event_at: datetime
    reported_at: datetime
    place: Place = Place()
    nodes: tuple[Node, ...]
    relations: tuple[Relation, ...] = ()
    facts: tuple[CodedFact, ...]
    source: SourceFacts
    origin_reference: str | None = field(default=None, repr=False)
    grading: Grading
    handling: Handling
    narrative: str | None = field(default=None, repr=False)


# --- partner.<id>.submissions ------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedPart:
    """One sealed part: nonce (12 bytes), ciphertext and tag under that part's own data key.

    Part 0 holds the report without identities, part n the identity of node n-1.
    """

    part: int
    ciphertext: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSubmitted:
    """A report on its way: clear routing facts, everything else sealed (ADR-0005)."""

    report_id: UUID
    revision: int
    supersedes: int | None
    partner: str
    content_schema: int
    key_epoch: int
    immediate_risk: bool
    sealed_keys: bytes = field(repr=False)
    parts: tuple[SealedPart, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalSubmitted:
    """A partner takes one of its reports back, all revisions of it."""

    report_id: UUID
    partner: str
    reason: WithdrawalReason


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSubmitted:
    """A partner answers a question about one of its records, in codes; changes nothing by itself.

    All but the answer is as it came with the question (`QuestionPut`).
    """

    partner: str
    question_id: UUID
    report_id: UUID
    node: int
    question: LinkQuestion
    answer: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSubmitted:
    """A holder of a person has something to say to the other holders, in a code, by its report.

    `offset` is where it lies on the partner's topic: intake writes it, whatever the partner wrote.
    """

    partner: str
    message_id: UUID
    report_id: UUID
    node: int
    code: PreventionCode
    offset: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalSubmitted:
    """The originator allows its report under condition S2 to go on, that revision alone."""

    partner: str
    report_id: UUID
    revision: int


#: Everything that may stand on a partner's submissions topic.
ON_SUBMISSIONS: Final = (
    ReportSubmitted,
    WithdrawalSubmitted,
    AnswerSubmitted,
    ApprovalSubmitted,
    MessageSubmitted,
)


# --- enclave.public-keys, enclave.report-keys --------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SealingKeyPublished:
    """The public sealing key of one epoch, signed by the enclave's Ed25519 key."""

    epoch: int
    suite: str
    public_key: bytes
    valid_from: datetime
    valid_until: datetime
    signing_key: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class WrappedKey:
    """One part's data key under the storage key (nonce, ciphertext, tag)."""

    part: int
    wrapped: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportKeysWrapped:
    """A report's data keys; the record's key is partner, report id, revision, sealing digest."""

    partner: str
    report_id: UUID
    revision: int
    storage_key: int
    keys: tuple[WrappedKey, ...]


# --- enclave.tokenised -------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldToken:
    """One keyed hash. `field` names field and transform ("nhs_number", "given_name.metaphone")."""

    field: str
    token: bytes = dataclasses.field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenisedNode:
    """A subject as tokens and generalised attributes.

    `sealed_tokens` holds the same tokens under the subject's data key for the
    linker to record; without that key they are gone (crypto-shredding).
    `label_token` stays the same for the same label over a report's revisions.
    """

    node: int
    kind: NodeKind
    label_token: bytes = field(repr=False)
    tokens: tuple[FieldToken, ...]
    sealed_tokens: bytes = field(repr=False)
    sex: Sex
    age_band: AgeBand
    child_at_event: ChildAtEvent
    role: Role
    protected: bool
    conflict: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedRelation:
    """A relation between node numbers of the same report."""

    subject: int
    object: int
    kind: RelationKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportTokenised:
    """A report after intake: no identifier left but inside `submission`, which is sealed.

    `redacted` is the narrative as far as it may go on, `withheld` the code of why one stays
    behind; `token_epoch` is the number of the token key, None for the first. `offset` is the
    position of the submission on its partner's topic; `redriven` if it is processed once more.
    """

    partner: str
    report_id: UUID
    revision: int
    supersedes: int | None
    received_at: datetime
    content_digest: bytes
    origin_token: bytes | None
    immediate_risk: bool
    service: str
    data_category: DataCategory
    gateway: Gateway
    purpose: Purpose
    event_week: str
    district: str | None
    nodes: tuple[TokenisedNode, ...]
    relations: tuple[NumberedRelation, ...]
    facts: tuple[CodedFact, ...]
    source: SourceFacts
    grading: Grading
    handling: Handling
    submission: bytes = field(repr=False)
    redacted: str | None = field(default=None, repr=False)
    token_epoch: int | None = None
    withheld: str | None = None
    offset: int | None = None
    redriven: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalReceived:
    """A withdrawal that its partner may make; the linker knows whether the report exists."""

    partner: str
    report_id: UUID
    reason: WithdrawalReason
    received_at: datetime
    offset: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptDue:
    """An outcome the gate must tell the partner; passed through linker and gate in order."""

    partner: str
    report_id: UUID | None
    revision: int | None
    outcome: Outcome
    reasons: tuple[Reason, ...]
    immediate_risk: bool
    offset: int | None
    due_at: datetime


# --- enclave.quarantine, enclave.duty ----------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """Ciphertext and the reasons.

    `offset` is the position on the topic that the stage read it from, `submission_offset` that
    on the partner's topic, None where it is not known.
    """

    partner: str
    offset: int
    report_id: UUID | None
    revision: int | None
    stage: str
    reasons: tuple[Reason, ...]
    immediate_risk: bool
    submission: bytes = field(repr=False)
    quarantined_at: datetime
    submission_offset: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskRaised:
    """An immediate risk, first and singly before a human.

    `readable` is false for a record that could not be opened; those carry
    `immediate_risk` true as well when the flag could not be read.
    """

    partner: str
    offset: int
    report_id: UUID | None
    revision: int | None
    readable: bool
    reasons: tuple[Reason, ...]
    raised_at: datetime


# --- enclave.alarms -----------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbingNoticed:
    """A partner's submissions look as if it asked by reporting; `count` within the window."""

    partner: str
    signal: ProbingSignal
    count: int
    window_from: datetime
    policy_version: int
    noticed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeMissing:
    """A submission has had no outcome for too long; told once.

    `lost`: every stage is past it and none answered. Otherwise `stage` is behind, this is the
    oldest of its partner that waits for it, and others may wait as well. `since` is the
    log-append time of the submission.
    """

    partner: str
    offset: int
    report_id: UUID | None
    revision: int | None
    immediate_risk: bool
    since: datetime
    stage: str
    lost: bool
    noticed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeFound:
    """A submission that was told of as missing has its outcome after all."""

    partner: str
    offset: int
    outcome: Outcome
    found_at: datetime


# --- enclave.redrives ----------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RedriveRequested:
    """A submission is to be processed once more, as it lies on its partner's topic.

    `collected`: the audit has its row already. `quarantined_offset` is the position of the
    record whose cause was mended, None where there was no outcome.
    """

    partner: str
    offset: int
    collected: bool
    quarantined_offset: int | None
    requested_by: str
    requested_at: datetime


# --- enclave.erasures ----------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureRecorded:
    """Data keys are destroyed, and never stored again.

    `revision` and `subject` (a node of it) are None for a whole report, over all revisions.
    """

    partner: str
    report_id: UUID
    revision: int | None
    subject: int | None
    reason: ErasureReason
    decided_by: str
    confirmed_by: str | None
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureCertified:
    """Nothing opens any longer what an erasure, by its position, named."""

    erasure_offset: int
    certified_by: str
    certified_at: datetime


# --- enclave.resolutions -----------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportAdmitted:
    """The linker takes a revision in: from here on the same content again is a duplicate.

    `event_week` and `relations` are what later comparisons need to know of it.
    """

    partner: str
    report_id: UUID
    revision: int
    content_digest: bytes
    origin_token: bytes | None
    origin_id: UUID
    admitted_at: datetime
    event_week: str | None = None
    relations: tuple[NumberedRelation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MentionResolved:
    """One node of one report is this person or entity. `agreed` names the fields, no values.

    `sex` is what the report says: two mentions that differ in it are not linked by agreement.
    `child_at_event` is for the review desk; None in records of version 1.
    """

    partner: str
    report_id: UUID
    revision: int
    node: int
    kind: NodeKind
    sex: Sex
    entity_id: UUID
    basis: LinkBasis
    agreed: tuple[str, ...]
    label_token: bytes = field(repr=False)
    sealed_tokens: bytes = field(repr=False)
    child_at_event: ChildAtEvent | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRetracted:
    """A report was withdrawn: none of its mentions links anybody any longer."""

    partner: str
    report_id: UUID
    reason: WithdrawalReason
    retracted_at: datetime
    offset: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeDecided:
    """Two ids are one person: every mention of `absorbed_id` is now one of `kept_id`."""

    kind: NodeKind
    kept_id: UUID
    absorbed_id: UUID
    basis: LinkBasis
    agreed: tuple[str, ...]
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EnclaveMention:
    """A node of a report, by the partner's own report id."""

    partner: str
    report_id: UUID
    node: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitDecided:
    """Some mentions of a person are another's; undoing a merge names the absorbed id again."""

    kind: NodeKind
    entity_id: UUID
    new_entity_id: UUID
    mentions: tuple[EnclaveMention, ...]
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectRetokenised:
    """One subject of a revision under the new token key; sealed tokens as in MentionResolved."""

    node: int
    label_token: bytes = field(repr=False)
    sealed_tokens: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRetokenised:
    """One revision of a report under another token key: what the old one keyed, anew.

    It replaces the digest and origin token of the ReportAdmitted, and label and
    sealed tokens of each MentionResolved, of that revision. No person changes.
    """

    partner: str
    report_id: UUID
    revision: int
    token_epoch: int
    content_digest: bytes
    origin_token: bytes | None
    subjects: tuple[SubjectRetokenised, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedField:
    """One bar of a comparison's waterfall: how well a field agrees, and what that is worth.

    `level` is a word ("exact", "sound", "differs"), never a value. `centibits`
    are hundredths of a bit of evidence, negative for what speaks against.
    """

    field: str
    level: str
    centibits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PossibleLink:
    """Much agrees and something contradicts: a human decides, never a merge.

    `score` and the levels it is the sum of are in centibits; None in records of version 1.
    """

    kind: NodeKind
    left_id: UUID
    right_id: UUID
    agreed: tuple[str, ...]
    contradicted: tuple[str, ...]
    noticed_at: datetime
    score: int | None = None
    weights_version: int | None = None
    levels: tuple[ComparedField, ...] = ()
    doubt: LinkDoubt | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PossibleLinkClosed:
    """A possible link is no question any longer, though nobody decided it."""

    kind: NodeKind
    left_id: UUID
    right_id: UUID
    reason: LinkClosed
    closed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkDecided:
    """The linker takes a reviewer's verdict over; a merge or split follows as its own event.

    The ids are as the reviewer named them, the roots what they are at this point of the log.
    `void` says why a verdict changes nothing.
    """

    kind: NodeKind
    left_id: UUID
    right_id: UUID
    left_root: UUID
    right_root: UUID
    verdict: LinkVerdict
    void: VoidReason | None = None
    decided_by: str
    decided_at: datetime


# --- enclave.outgoing --------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedNode:
    """A subject under the enclave's random id."""

    node: int
    kind: NodeKind
    entity_id: UUID
    sex: Sex
    age_band: AgeBand
    child_at_event: ChildAtEvent
    role: Role
    protected: bool
    conflict: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportLinked:
    """A tokenised report whose tokens have become persons; the gate decides who sees what."""

    partner: str
    report_id: UUID
    revision: int
    supersedes: int | None
    received_at: datetime
    origin_id: UUID
    immediate_risk: bool
    service: str
    data_category: DataCategory
    gateway: Gateway
    purpose: Purpose
    event_week: str
    district: str | None
    nodes: tuple[LinkedNode, ...]
    relations: tuple[NumberedRelation, ...]
    facts: tuple[CodedFact, ...]
    source: SourceFacts
    grading: Grading
    handling: Handling
    submission: bytes = field(repr=False)
    redacted: str | None = field(default=None, repr=False)
    withheld: str | None = None
    offset: int | None = None
    redriven: bool | None = None


# --- enclave.held, enclave.review-commands -----------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportHeld:
    """The gate waits for something named in `reasons`; `linked` is the framed ReportLinked."""

    partner: str
    report_id: UUID
    revision: int
    reasons: tuple[Reason, ...]
    held_at: datetime
    linked: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportWaiting:
    """A report that is to go to police together with others; `linked` as in `ReportHeld`.

    `offset` is the position on `enclave.outgoing` that it came in with.
    """

    partner: str
    report_id: UUID
    revision: int
    offset: int
    since: datetime
    linked: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReporterNoted:
    """A partner's first report was let go; the sector is told once enough of it have reported."""

    partner: str
    type: PartnerType
    noted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NotedPerson:
    """One person of a report: who it is, and what stops a notice.

    By the birth date the person comes into the age band `turns` in ISO week `week` ("2026-W47"),
    the first after the event; ADULT without a week: is one already. None without a birth date.
    `contradicts` if the report's own age says otherwise.
    """

    node: int
    entity_id: UUID
    protected: bool
    conflict: bool
    turns: AgeBand | None
    week: str | None
    contradicts: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MentionsNoted:
    """Whom the latest revision of a report names; the gate finds the holders of a person by it."""

    partner: str
    report_id: UUID
    revision: int
    service: str
    event_week: str
    persons: tuple[NotedPerson, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeSent:
    """A holder was given a notice by this mention; kept to correct it. `notice_id` is the hub's."""

    notice_id: UUID
    partner: str
    report_id: UUID
    node: int
    sent_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageWaiting:
    """A holder's message waits for the hub; ids are as its partner wrote them.

    `entity_id` is whom it was offered about: a split since then voids it.
    """

    partner: str
    message_id: UUID
    report_id: UUID
    node: int
    code: PreventionCode
    offset: int | None
    entity_id: UUID
    offered_at: datetime


#: Everything that stands on `enclave.held`.
ON_HELD: Final = (
    ReportHeld,
    ReportWaiting,
    PossibleLink,
    MergeDecided,
    ReporterNoted,
    MentionsNoted,
    NoticeSent,
    MessageWaiting,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginatorApproved:
    """The originator allows a report under condition S2 to go on."""

    partner: str
    report_id: UUID
    revision: int
    approved_by: str
    approved_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRequested:
    """A named reviewer says that these mentions are somebody else."""

    kind: NodeKind
    entity_id: UUID
    mentions: tuple[EnclaveMention, ...]
    requested_by: str
    requested_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkReviewed:
    """A named reviewer says of a possible link what it is; the ids are as the link was noticed.

    The linker decides on it and tells. Of a planted pair it lies on `enclave.desk` alone.
    """

    kind: NodeKind
    left_id: UUID
    right_id: UUID
    verdict: LinkVerdict
    decided_by: str
    decided_at: datetime
    over_budget: OverBudgetReason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedHolder:
    """One holder that is asked, under a question id of its own.

    A decoy is a record of no open link, chosen at random: being asked says nothing.
    """

    question_id: UUID
    mention: EnclaveMention
    decoy: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionAsked:
    """A named reviewer has a fixed question put to the holders of both sides of a link."""

    kind: NodeKind
    left_id: UUID
    right_id: UUID
    question: LinkQuestion
    holders: tuple[AskedHolder, ...]
    asked_by: str
    asked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldDecided:
    """A named person of the desk decides about a report that is held or quarantined.

    `quarantined_offset` is the record's place on `enclave.quarantine`, None for a held one.
    `decided_for` is that person's own body: the desk, or a partner that did not report.
    """

    partner: str
    report_id: UUID | None
    revision: int | None
    quarantined_offset: int | None
    verdict: HoldVerdict
    reason: HoldReason
    decided_by: str
    decided_for: str
    decided_at: datetime


# --- enclave.desk ------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkEscalated:
    """A possible link has waited longer than policy allows; told once."""

    left_id: UUID
    right_id: UUID
    noticed_at: datetime
    escalated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedSide:
    """What a reviewer sees of one side of a planted pair."""

    reports: int
    partners: int
    is_child: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedAnswer:
    """What the holders of each side of a planted pair would answer to a question."""

    question: LinkQuestion
    left: Answer
    right: Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class PairPlanted:
    """An invented possible link of known truth, by which reviewers are measured.

    `link` is the framed `PossibleLink` that the linker would have written. It
    never leaves the desk, and links nobody.
    """

    link: bytes = field(repr=False)
    truth: LinkVerdict
    left: PlantedSide
    right: PlantedSide
    answers: tuple[PlantedAnswer, ...]
    planted_at: datetime


# --- enclave.meters ------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterMeasured:
    """One partner's meters for a week, for the gate to tell it."""

    partner: str
    week: str
    days: int
    own: MeterFigures
    others: MeterFigures | None
    measured_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceHistoryMeasured:
    """How earlier reports of a report's source fared, for the gate to tell police; in bands."""

    partner: str
    report_id: UUID
    reports: CountBand
    corroborated: ShareBand | None
    reliable: ShareBand | None
