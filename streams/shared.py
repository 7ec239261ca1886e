"""Events that leave the enclave, and those of the zones outside it; no identifier, no token."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final
from uuid import UUID

from streams.codes import (
    AlertSubject,
    CommandLevel,
    HubView,
    Lever,
    NoticeCorrection,
    NoticeStop,
    NoticeWording,
    PreventionCode,
    ShareBand,
    StaffRole,
)
from streams.parts import CodedFact, Grading, Handling, Reason
from streams.taxonomy import RelationKind
from streams.values import (
    Activity,
    AgeBand,
    AlertRule,
    Audience,
    ChildAtEvent,
    CountBand,
    DataCategory,
    Gateway,
    LinkQuestion,
    NodeKind,
    Operation,
    Outcome,
    PartnerType,
    Purpose,
    Role,
    Sex,
)

# --- registry.events ---------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LawfulGateway:
    """One gateway the agreement lists, and the purposes it lists it for."""

    gateway: Gateway
    purposes: tuple[Purpose, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service of a partner (a council has eight) and the categories of data it may send."""

    name: str
    health_or_social_care: bool
    data_categories: tuple[DataCategory, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerOnboarded:
    """A partner's whole registry entry; a later one replaces it (and lifts a suspension)."""

    partner: str
    name: str
    type: PartnerType
    services: tuple[Service, ...]
    agreement: str
    gateways: tuple[LawfulGateway, ...]
    narrative_permitted: bool
    expires_at: datetime
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerSuspended:
    """From here on the partner's reports are refused, immediate risks excepted."""

    partner: str
    reason: str
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Housemate:
    """Somebody who lives in the household that is counted."""

    sex: Sex
    age_band: AgeBand


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseholdCount:
    """How many of a cell live with exactly these others."""

    others: tuple[Housemate, ...]
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PopulationCell:
    """The people of one sex and age band in a district; without `households`, just how many."""

    sex: Sex
    age_band: AgeBand
    count: int
    households: tuple[HouseholdCount, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DistrictPopulation:
    """The people of one postcode district ("S5"), and the police force area it lies in."""

    district: str
    police_area: str
    cells: tuple[PopulationCell, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferencePopulationSet:
    """How many people of each kind live where; small cells are counted in it from here on.

    `counted_on` is the day the tables tell of; None: that of the decision.
    """

    name: str
    districts: tuple[DistrictPopulation, ...]
    decided_by: str
    decided_at: datetime
    counted_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedWeight:
    """What it is worth that a field agrees at a level ("sound"), in hundredths of a bit."""

    field: str
    level: str
    centibits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkWeightsPublished:
    """Weights that link new reports from here on; a decision that stands is never weighed again.

    The thresholds accept a person, and ask a human about one, among
    `population` people. `trained_on` tells how much was counted and how, and
    nothing of anybody. A version never changes: the first event of it holds.
    """

    version: int
    weights: tuple[PublishedWeight, ...]
    threshold_centibits: int
    review_threshold_centibits: int
    population: int
    trained_on: str
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenKeySettled:
    """Every record lies under this token key; who lacks it must not hash anything."""

    token_epoch: int
    settled_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleAssigned:
    """A named person may act in a role for an agency, until an instant; again: replaces.

    `agency` is a partner's id, or "police", or "hub".
    """

    name: str
    role: StaffRole
    agency: str
    level: CommandLevel
    expires_at: datetime
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleRevoked:
    """The person may act in the role no longer."""

    name: str
    role: StaffRole
    decided_by: str
    decided_at: datetime


# --- partner.<id>.feedback ---------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackGiven:
    """The outcome of a submission, in the partner's own report id; None if that was unreadable.

    `offset` is the position of the submission on the partner's own topic where known.
    """

    report_id: UUID | None
    revision: int | None
    outcome: Outcome
    reasons: tuple[Reason, ...]
    immediate_risk: bool
    offset: int | None
    given_at: datetime
    law_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionPut:
    """A routine question about the quality of one record, in the partner's own report id.

    Told again with `answered` when the answer has come in. It says nothing about any other
    report: records are also asked about at random.
    """

    question_id: UUID
    report_id: UUID
    node: int
    question: LinkQuestion
    answered: bool
    told_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageTold:
    """How many of a partner's reports of one week were used, in bands, two weeks later or more.

    `used` is None where too few were shared to say anything that is about no single report.
    """

    week: str
    shared: CountBand
    used: CountBand | None
    told_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeGiven:
    """The hub asks a holder to look at its own record; no name, no other report, no network."""

    notice_id: UUID
    report_id: UUID
    node: int
    wording: NoticeWording
    given_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeCorrected:
    """A notice that was given does not hold any longer."""

    notice_id: UUID
    report_id: UUID
    node: int
    reason: NoticeCorrection
    told_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageGiven:
    """Another holder of the same child says this; the hub let it go."""

    message_id: UUID
    report_id: UUID
    node: int
    code: PreventionCode
    given_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterFigures:
    """What became of the reports of one agency, or of some together, by the end of a week.

    `old` reports are those older than the window of days; of them tell `untriaged` (nobody
    looked), `unlinked`, `without_outcome` and `acted_on`. Shares and hours are None where there are
    too few to tell.
    """

    reports: int
    old: int
    untriaged: int
    unlinked: ShareBand | None
    without_outcome: ShareBand | None
    acted_on: ShareBand | None
    hours_to_action_p50: int | None
    hours_to_action_p90: int | None
    submissions: int
    refused: int
    duplicates: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterTold:
    """An agency's own meters for a week, and those of all others where they can hide in number."""

    week: str
    days: int
    own: MeterFigures
    others: MeterFigures | None
    told_at: datetime


# --- police.intelligence -----------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedRelation:
    """A relation between node numbers of the same report."""

    subject: int
    object: int
    kind: RelationKind


@dataclass(frozen=True, slots=True, kw_only=True)
class PoliceNode:
    """A subject under its police id: role and whether a child, nothing finer."""

    node: int
    kind: NodeKind
    entity_id: UUID
    sex: Sex
    child_at_event: ChildAtEvent
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class PoliceReportShared:
    """A report for police: no kin, friend, carer or school tie; ids that only police see.

    `event_week` is an ISO week ("2026-W47"), `district` a postcode district ("S5"); where too
    few people are like these, `police_area` stands in its place, or neither. `narrative` is
    redacted. `partner_type` is None until enough partners of that sector have reported.
    `padding` is zero bytes up to the next size class.
    """

    report_id: UUID
    revision: int
    origin_id: UUID
    immediate_risk: bool
    purpose: Purpose
    event_week: str
    district: str | None
    nodes: tuple[PoliceNode, ...]
    relations: tuple[SharedRelation, ...]
    facts: tuple[CodedFact, ...]
    grading: Grading
    handling: Handling
    narrative: str | None = field(default=None, repr=False)
    partner_type: PartnerType | None = None
    police_area: str | None = None
    padding: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceHistoryTold:
    """How reports of the same unseen source fared so far, in bands, to grade one by.

    A share is None where too few were judged to say anything that is about no single report.
    """

    report_id: UUID
    reports: CountBand
    corroborated: ShareBand | None
    reliable: ShareBand | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HubViewRelayed:
    """What the hub says of a lever that police asked about."""

    request_id: UUID
    view: HubView


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectionRelayed:
    """A child is protected at this place or thing, or no longer; not who. Under the police id."""

    declaration_id: UUID
    entity_id: UUID
    until: date
    ended: bool


# --- safeguarding.intelligence -----------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SafeguardingNode:
    """A subject under its safeguarding id, with the age band the hub needs to judge urgency."""

    node: int
    kind: NodeKind
    entity_id: UUID
    sex: Sex
    age_band: AgeBand
    child_at_event: ChildAtEvent
    role: Role
    protected: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SafeguardingReportShared:
    """A report for the safeguarding hub, with kin, carer, friend and school ties.

    What is said of `PoliceReportShared` holds here too.
    """

    report_id: UUID
    revision: int
    origin_id: UUID
    immediate_risk: bool
    purpose: Purpose
    event_week: str
    district: str | None
    nodes: tuple[SafeguardingNode, ...]
    relations: tuple[SharedRelation, ...]
    facts: tuple[CodedFact, ...]
    grading: Grading
    handling: Handling
    narrative: str | None = field(default=None, repr=False)
    partner_type: PartnerType | None = None
    police_area: str | None = None
    padding: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NominalRelayed:
    """Police say (or no longer say) that this person is a nominal; under the safeguarding id."""

    person_id: UUID
    is_nominal: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PossibleLinkTold:
    """Two ids may be one person, a child perhaps; `open` until somebody has decided.

    Under safeguarding ids; police are never told.
    """

    left_id: UUID
    right_id: UUID
    open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AgeBandChanged:
    """A person comes into another age band in this ISO week; the enclave knows the day."""

    person_id: UUID
    age_band: AgeBand
    week: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HubViewWanted:
    """Police want the hub's view on a lever at a place; not for which operation."""

    request_id: UUID
    entity_id: UUID
    lever: Lever


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeTold:
    """What became of a released notice: how many holders got it, or why none, or fewer, did."""

    notice_id: UUID
    holders: int
    stopped: tuple[NoticeStop, ...]


# --- on both, each under the reader's own ids --------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeRelayed:
    """Police graded a revision of a report; here it has one place among the evidence."""

    report_id: UUID
    revision: int
    grading: Grading


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportWithdrawn:
    """Every revision of the report is void."""

    report_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonsMerged:
    """Every mention of `absorbed_id` is now one of `kept_id` (entities too, by `kind`)."""

    kind: NodeKind
    kept_id: UUID
    absorbed_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A node of a report."""

    report_id: UUID
    node: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonSplit:
    """These mentions of `entity_id` are now mentions of `new_entity_id`."""

    kind: NodeKind
    entity_id: UUID
    new_entity_id: UUID
    mentions: tuple[Mention, ...]


# --- police.decisions --------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class NominalEnrolled:
    """Police enrol a person as a nominal.

    `seen` is the next offset of `police.intelligence` when they looked: a
    split that came later voids the decision, whatever order the two topics
    are read in.
    """

    person_id: UUID
    seen: int
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NominalDischarged:
    """The person is a nominal no longer."""

    person_id: UUID
    decided_by: str
    decided_at: datetime


# --- safeguarding.alerts -----------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PathStep:
    """One tie of the reason: who, how, to whom, and the reports that say so."""

    from_id: UUID
    kind: RelationKind
    to_id: UUID
    report_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignSeen:
    """A coded sign that a report tells of the person, and the week it tells of."""

    activity: Activity
    week: str
    report_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRaised:
    """A person may be at risk: one alert per rule and person. Not a referral.

    `rule` is the kind of rule, `rule_id` its name in the rule file; `child_id` is whom it is
    about, an adult where `about` says so. `signs` are the reason of rules that count signs.
    """

    alert_id: UUID
    rule: AlertRule
    rule_version: int
    child_id: UUID
    path: tuple[PathStep, ...]
    raised_at: datetime
    rule_id: str | None = None
    about: AlertSubject | None = None
    signs: tuple[SignSeen, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertUpdated:
    """The reason changed; `supported` is false when none is left. Never auto-closed."""

    alert_id: UUID
    version: int
    supported: bool
    path: tuple[PathStep, ...]
    updated_at: datetime
    rule_version: int | None = None
    signs: tuple[SignSeen, ...] = ()


# --- audit.operations --------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationRecorded:
    """One operation of DPA 2018 s62: who, what, on which record, to whom, for what.

    `subject` names a record or a view ("report 4f…", "network list"), never a person's data.
    """

    operation: Operation
    actor: str
    purpose: Purpose
    subject: str
    recipients: tuple[Audience, ...]
    gateway: Gateway | None
    at: datetime
    law_version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchReleased:
    """The gate let reports go together in random order.

    `late`: the longest wait was over before the batch was full, so that too few stand in it to
    hide a source.
    """

    recipient: Audience
    reports: int
    partners: int
    late: bool
    released_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRefused:
    """A named person asked for something that their roles do not allow; nothing was done."""

    actor: str
    act: str
    subject: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemWithheld:
    """The gate kept something back from an audience; `what` and `reason` are codes."""

    recipient: Audience
    what: str
    reason: str
    at: datetime


#: Everything that may stand on a partner's feedback topic.
ON_FEEDBACK: Final = (
    FeedbackGiven,
    QuestionPut,
    UsageTold,
    MeterTold,
    NoticeGiven,
    NoticeCorrected,
    MessageGiven,
)
#: Everything that may stand on `audit.operations`.
ON_OPERATIONS: Final = (OperationRecorded, BatchReleased, DecisionRefused, ItemWithheld)
