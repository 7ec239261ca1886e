"""What the safeguarding hub decides: events of `safeguarding.decisions`, and messages of holders.

Under safeguarding ids. None of it is a verdict of the machine: a named person decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from streams.codes import (
    CloseReason,
    FindingReason,
    FindingVerdict,
    HubView,
    NeedReason,
    NoticeRecipient,
    NoticeWording,
    PreventionCode,
    ProvisionKind,
    ReferralRefusal,
    ReferralRoute,
    SlaveryForm,
)
from streams.values import PartnerType

# --- an alert's life ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertClaimed:
    """A named person takes an alert on; claimed again it is handed over."""

    alert_id: UUID
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdAssessed:
    """The level of need by a version of the local continuum (1 universal to 4 statutory)."""

    alert_id: UUID
    level: int
    continuum: int
    reasons: tuple[NeedReason, ...]
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferralMade:
    """A named person refers; the decision is due after one working day."""

    referral_id: UUID
    alert_id: UUID
    route: ReferralRoute
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferralAccepted:
    """The receiving social worker takes the referral on."""

    referral_id: UUID
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferralDeclined:
    """The receiving social worker declines it, with a reason."""

    referral_id: UUID
    reason: ReferralRefusal
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertClosed:
    """A named person closes an alert; new evidence after it asks to look again.

    `seen` is the version of the alert that they had before them.
    """

    alert_id: UUID
    reason: CloseReason
    seen: int
    decided_by: str
    decided_at: datetime


# --- notices and messages -------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeReleased:
    """A named hub member lets holders of a person know, each in its own reference.

    `seen` is the next offset of `safeguarding.intelligence` when they looked.
    """

    notice_id: UUID
    alert_id: UUID
    person_id: UUID
    recipients: tuple[NoticeRecipient, ...]
    wording: NoticeWording
    seen: int
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeWithdrawn:
    """A notice was released in error: who got it is told so."""

    notice_id: UUID
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PreventionMessageOffered:
    """A holder of a person has something to say to the other holders; waits for the hub."""

    message_id: UUID
    person_id: UUID
    code: PreventionCode
    sector: PartnerType | None
    offered_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PreventionMessageDecided:
    """The hub lets a message go to the other holders, or does not."""

    message_id: UUID
    released: bool
    decided_by: str
    decided_at: datetime


# --- rules and the laboratory -----------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesAdopted:
    """The hub lead adopts a version of the rules, reviewed by somebody else.

    `document` is the JSON of the rule file. The gate puts the event on `safeguarding.intelligence`
    too: there it has one place among the evidence, so that every replay judges alike.
    """

    version: int
    document: str
    reviewed_by: str
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LabFindingRaised:
    """Only the rules under trial flag this person, on evidence of the last 90 days."""

    finding_id: UUID
    person_id: UUID
    rule_id: str
    rules_digest: str
    report_ids: tuple[UUID, ...]
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LabFindingDecided:
    """The hub lead takes a finding up or declines it."""

    finding_id: UUID
    verdict: FindingVerdict
    reason: FindingReason
    decided_by: str
    decided_at: datetime


# --- below the threshold -------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionListed:
    """Help that an organisation of this sector has, with so many places; 0 ends it."""

    provision_id: UUID
    kind: ProvisionKind
    sector: PartnerType
    area: str
    places: int
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionOffered:
    """A place was offered to the person of an alert."""

    offer_id: UUID
    provision_id: UUID
    alert_id: UUID
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionAnswered:
    """The offer was taken up, or was not."""

    offer_id: UUID
    taken_up: bool
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SlaveryNotified:
    """A first responder organisation was prompted; MS1 holds no identifier of the adult."""

    notification_id: UUID
    alert_id: UUID
    form: SlaveryForm
    consent: bool | None
    first_responder: str
    decided_by: str
    decided_at: datetime


# --- the bridge ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class HubViewGiven:
    """The hub's view on a lever that police asked about; says nothing about who lives there."""

    request_id: UUID
    view: HubView
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectionDeclared:
    """Police are to know that a child is protected at this place or thing, not who; until a day."""

    declaration_id: UUID
    entity_id: UUID
    until: date
    decided_by: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectionEnded:
    """It is protected no longer."""

    declaration_id: UUID
    decided_by: str
    decided_at: datetime
