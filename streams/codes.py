"""Code lists of what people decide; they grow by a version of the taxonomy, not of a schema.

Human decisions are coded first (ARCHITECTURE.md, rule 9): a decision carries codes, never text.
"""

from __future__ import annotations

from enum import StrEnum

# --- people and their roles ---------------------------------------------------------


class StaffRole(StrEnum):
    """What a named person may do; the register assigns it, until a day."""

    ANALYST = "ANALYST"
    LEAD_RESPONSIBLE_OFFICER = "LEAD_RESPONSIBLE_OFFICER"
    RATER = "RATER"
    DISRUPTION_OFFICER = "DISRUPTION_OFFICER"
    ASSESSOR = "ASSESSOR"
    HUB_PRACTITIONER = "HUB_PRACTITIONER"
    HUB_LEAD = "HUB_LEAD"
    SOCIAL_WORKER = "SOCIAL_WORKER"
    COORDINATOR = "COORDINATOR"  # facilitates and never decides
    AUDITOR = "AUDITOR"


class CommandLevel(StrEnum):
    """Fortify's three levels of command."""

    STRATEGIC = "STRATEGIC"
    TACTICAL = "TACTICAL"
    OPERATIONAL = "OPERATIONAL"


# --- police.decisions -----------------------------------------------------------------


class GradeBasis(StrEnum):
    """What a grade rests on; the analyst has not seen the source."""

    SOURCE_HISTORY = "SOURCE_HISTORY"
    CORROBORATED = "CORROBORATED"
    CONTRADICTED = "CONTRADICTED"
    FIRST_HAND = "FIRST_HAND"
    SECOND_HAND = "SECOND_HAND"
    RECORD_CHECKED = "RECORD_CHECKED"


class OcgRole(StrEnum):
    """The part of a person in a mapped OCG (domain.md section 3)."""

    PRINCIPAL = "PRINCIPAL"
    SIGNIFICANT = "SIGNIFICANT"
    PERIPHERAL = "PERIPHERAL"


class Rationale(StrEnum):
    """Why a named person decided so about an OCG, a role, a score or an impact."""

    INTELLIGENCE = "INTELLIGENCE"
    CORROBORATED_INTELLIGENCE = "CORROBORATED_INTELLIGENCE"
    CONVICTION = "CONVICTION"
    CHARGE = "CHARGE"
    SEIZURE = "SEIZURE"
    PARTNER_ASSESSMENT = "PARTNER_ASSESSMENT"
    FINANCIAL_RECORD = "FINANCIAL_RECORD"
    COMMUNITY_CONCERN = "COMMUNITY_CONCERN"
    PROFESSIONAL_JUDGEMENT = "PROFESSIONAL_JUDGEMENT"
    ACTIVITY_CEASED = "ACTIVITY_CEASED"
    MEMBERS_SENTENCED = "MEMBERS_SENTENCED"
    CAPABILITY_LOST = "CAPABILITY_LOST"
    ERROR_CORRECTED = "ERROR_CORRECTED"


class ArchiveReason(StrEnum):
    """Why an OCG is mapped no longer; it may be reactivated."""

    DISMANTLED = "DISMANTLED"
    NO_ACTIVITY = "NO_ACTIVITY"
    BELOW_THRESHOLD = "BELOW_THRESHOLD"
    TRANSFERRED = "TRANSFERRED"
    MAPPED_IN_ERROR = "MAPPED_IN_ERROR"


class RoleEnd(StrEnum):
    """Why a confirmed role ends before its day."""

    LEFT = "LEFT"
    SENTENCED = "SENTENCED"
    FOUND_TO_BE_VICTIM = "FOUND_TO_BE_VICTIM"
    FOUND_TO_BE_CHILD = "FOUND_TO_BE_CHILD"
    WRONG_PERSON = "WRONG_PERSON"
    DECEASED = "DECEASED"


class Factor(StrEnum):
    """The factors of the MoRiLE-style model: harm, likelihood, organisational position."""

    PHYSICAL = "PHYSICAL"
    PSYCHOLOGICAL = "PSYCHOLOGICAL"
    FINANCIAL = "FINANCIAL"
    COMMUNITY_AND_ENVIRONMENT = "COMMUNITY_AND_ENVIRONMENT"
    GEOGRAPHIC_SCOPE = "GEOGRAPHIC_SCOPE"
    VICTIM_VULNERABILITY = "VICTIM_VULNERABILITY"
    PUBLIC_EXPECTATION = "PUBLIC_EXPECTATION"
    FREQUENCY = "FREQUENCY"
    TREND = "TREND"
    CAPACITY = "CAPACITY"
    CAPABILITY = "CAPABILITY"


class DeadlineKind(StrEnum):
    """What a deadline is about; the scheduler of the topic tells when it has passed."""

    ROLE_EXPIRED = "ROLE_EXPIRED"
    TRIAGE_DUE = "TRIAGE_DUE"
    DECISION_DUE = "DECISION_DUE"
    CLAIM_ESCALATED = "CLAIM_ESCALATED"
    PROTECTION_ENDED = "PROTECTION_ENDED"


# --- disruption.events ------------------------------------------------------------------


class Lever(StrEnum):
    """What can be done against a network; the catalogue says who holds it and under which law."""

    CLOSURE_NOTICE = "CLOSURE_NOTICE"
    CLOSURE_ORDER = "CLOSURE_ORDER"
    COMMUNITY_PROTECTION_NOTICE = "COMMUNITY_PROTECTION_NOTICE"
    CIVIL_INJUNCTION = "CIVIL_INJUNCTION"
    POSSESSION = "POSSESSION"
    TENANCY_WITHDRAWAL = "TENANCY_WITHDRAWAL"
    HMO_LICENCE = "HMO_LICENCE"
    FIXED_PENALTY = "FIXED_PENALTY"
    CRIMINAL_BEHAVIOUR_ORDER = "CRIMINAL_BEHAVIOUR_ORDER"
    GANG_INJUNCTION = "GANG_INJUNCTION"
    SERIOUS_CRIME_PREVENTION_ORDER = "SERIOUS_CRIME_PREVENTION_ORDER"
    SLAVERY_RISK_ORDER = "SLAVERY_RISK_ORDER"
    PROCEEDS_OF_CRIME = "PROCEEDS_OF_CRIME"
    ENFORCEMENT = "ENFORCEMENT"
    TRADING_STANDARDS_SEIZURE = "TRADING_STANDARDS_SEIZURE"
    TEST_PURCHASE = "TEST_PURCHASE"
    FIRE_PROHIBITION_NOTICE = "FIRE_PROHIBITION_NOTICE"
    PREMISES_LICENCE_REVIEW = "PREMISES_LICENCE_REVIEW"
    BENEFIT_ACTION = "BENEFIT_ACTION"
    TAX_ACTION = "TAX_ACTION"
    RECALL = "RECALL"
    DIVERSION = "DIVERSION"
    HARDENING = "HARDENING"


class Agency(StrEnum):
    """Who holds a lever or acts; kinds of body, never a person."""

    POLICE = "POLICE"
    CROWN_PROSECUTION = "CROWN_PROSECUTION"
    COUNCIL = "COUNCIL"
    HOUSING = "HOUSING"
    TRADING_STANDARDS = "TRADING_STANDARDS"
    LICENSING = "LICENSING"
    FIRE = "FIRE"
    HEALTH = "HEALTH"
    SCHOOLS = "SCHOOLS"
    YOUTH_JUSTICE = "YOUTH_JUSTICE"
    PROBATION = "PROBATION"
    VOLUNTARY = "VOLUNTARY"
    WORK_AND_PENSIONS = "WORK_AND_PENSIONS"
    REVENUE_AND_CUSTOMS = "REVENUE_AND_CUSTOMS"


class DisruptionFailure(StrEnum):
    """Why a disruption came to nothing; without blame, so that a lesson can be told."""

    TARGET_AWAY = "TARGET_AWAY"
    NOT_AUTHORISED = "NOT_AUTHORISED"
    COURT_REFUSED = "COURT_REFUSED"
    NO_RESOURCES = "NO_RESOURCES"
    STOPPED_FOR_A_CHILD = "STOPPED_FOR_A_CHILD"
    COMPROMISED = "COMPROMISED"
    OVERTAKEN = "OVERTAKEN"


class Impact(StrEnum):
    """Impact of a disruption as a named assessor sees it (domain.md section 6)."""

    MAJOR = "MAJOR"
    MODERATE = "MODERATE"
    MINOR = "MINOR"
    NO_IMPACT = "NO_IMPACT"


class Cause(StrEnum):
    """What an outcome is owed to."""

    REPORT = "REPORT"
    DISRUPTION = "DISRUPTION"


class SeizedItem(StrEnum):
    """What was seized; counted in pieces, drugs in grams, money in whole pounds."""

    FIREARM = "FIREARM"
    AMMUNITION = "AMMUNITION"
    KNIFE = "KNIFE"
    CLASS_A_DRUGS = "CLASS_A_DRUGS"
    CLASS_B_DRUGS = "CLASS_B_DRUGS"
    CASH = "CASH"
    VEHICLE = "VEHICLE"
    PHONE = "PHONE"
    COUNTERFEIT_GOODS = "COUNTERFEIT_GOODS"


class OffenceClass(StrEnum):
    """Broad classes of offence; nothing finer is needed to tell what worked."""

    DRUGS = "DRUGS"
    FIREARMS = "FIREARMS"
    VIOLENCE = "VIOLENCE"
    EXPLOITATION = "EXPLOITATION"
    MODERN_SLAVERY = "MODERN_SLAVERY"
    FRAUD_AND_MONEY = "FRAUD_AND_MONEY"
    THEFT = "THEFT"
    PUBLIC_ORDER = "PUBLIC_ORDER"
    OTHER = "OTHER"


class InterventionKind(StrEnum):
    """What was offered to somebody at the edge of a network."""

    MENTORING = "MENTORING"
    NAVIGATOR = "NAVIGATOR"
    HOME_VISIT = "HOME_VISIT"
    EDUCATION_OR_WORK = "EDUCATION_OR_WORK"
    HOUSING_SUPPORT = "HOUSING_SUPPORT"
    DRUG_TREATMENT = "DRUG_TREATMENT"
    FAMILY_SUPPORT = "FAMILY_SUPPORT"
    CEASE_AND_DESIST_TALK = "CEASE_AND_DESIST_TALK"


class InterventionOutcome(StrEnum):
    """How an intervention went."""

    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"
    NOT_REACHED = "NOT_REACHED"
    COMPLETED = "COMPLETED"
    BROKEN_OFF = "BROKEN_OFF"


class ConcernKind(StrEnum):
    """Who voices concern about organised crime in an area."""

    PUBLIC = "PUBLIC"
    MEDIA = "MEDIA"
    COUNCILLOR = "COUNCILLOR"
    PRACTITIONER = "PRACTITIONER"


# --- safeguarding -------------------------------------------------------------------------


class AlertSubject(StrEnum):
    """Whom an alert is about."""

    CHILD = "CHILD"
    ADULT = "ADULT"


class NeedReason(StrEnum):
    """Why a level of the continuum of need was chosen."""

    EXPLOITATION_SUSPECTED = "EXPLOITATION_SUSPECTED"
    EXPLOITATION_KNOWN = "EXPLOITATION_KNOWN"
    SIBLING_INVOLVED = "SIBLING_INVOLVED"
    PEER_INVOLVED = "PEER_INVOLVED"
    MISSING = "MISSING"
    INJURY = "INJURY"
    DEBT_OR_THREAT = "DEBT_OR_THREAT"
    CARER_PROTECTS = "CARER_PROTECTS"
    SUPPORT_IN_PLACE = "SUPPORT_IN_PLACE"
    CONSENT_GIVEN = "CONSENT_GIVEN"
    CONSENT_REFUSED = "CONSENT_REFUSED"
    LACKS_CAPACITY = "LACKS_CAPACITY"
    NOT_ENOUGH_KNOWN = "NOT_ENOUGH_KNOWN"


class ReferralRoute(StrEnum):
    """Where a referral goes."""

    CHILDRENS_SOCIAL_CARE = "CHILDRENS_SOCIAL_CARE"
    ADULT_SOCIAL_CARE = "ADULT_SOCIAL_CARE"
    EARLY_HELP = "EARLY_HELP"
    NATIONAL_REFERRAL_MECHANISM = "NATIONAL_REFERRAL_MECHANISM"


class ReferralRefusal(StrEnum):
    """Why a referral was declined."""

    BELOW_THRESHOLD = "BELOW_THRESHOLD"
    ALREADY_OPEN = "ALREADY_OPEN"
    NOT_ENOUGH_KNOWN = "NOT_ENOUGH_KNOWN"
    OTHER_AREA = "OTHER_AREA"
    NO_CONSENT = "NO_CONSENT"


class CloseReason(StrEnum):
    """Why a named person closed an alert; the machine never does."""

    REFERRED = "REFERRED"
    BELOW_THRESHOLD = "BELOW_THRESHOLD"
    SUPPORT_IN_PLACE = "SUPPORT_IN_PLACE"
    KNOWN_ALREADY = "KNOWN_ALREADY"
    MISTAKEN = "MISTAKEN"
    REASON_GONE = "REASON_GONE"


class NoticeRecipient(StrEnum):
    """Which holders of a child a notice goes to."""

    CHILDRENS_SOCIAL_CARE = "CHILDRENS_SOCIAL_CARE"
    SCHOOL = "SCHOOL"
    HEALTH = "HEALTH"
    YOUTH_JUSTICE = "YOUTH_JUSTICE"
    HOUSING = "HOUSING"
    VOLUNTARY = "VOLUNTARY"


class NoticeWording(StrEnum):
    """The wording class of a notice: what it says, and nothing beyond."""

    CHECK_YOUR_RECORD = "CHECK_YOUR_RECORD"
    SPEAK_TO_THE_HUB = "SPEAK_TO_THE_HUB"
    EXTRA_CARE = "EXTRA_CARE"


class NoticeStop(StrEnum):
    """Why a notice did not go to anybody, or not to this holder."""

    PROTECTED = "PROTECTED"
    CONFLICT = "CONFLICT"
    NO_HOLDER = "NO_HOLDER"
    PERSON_SPLIT = "PERSON_SPLIT"  # parted after the hub looked: look, and decide anew
    TAKEN_BACK = "TAKEN_BACK"  # a holder was told that its notice holds no longer


class NoticeCorrection(StrEnum):
    """Why a notice that went is corrected."""

    PERSON_SPLIT = "PERSON_SPLIT"
    REPORT_WITHDRAWN = "REPORT_WITHDRAWN"
    REPORT_CORRECTED = "REPORT_CORRECTED"
    RELEASED_IN_ERROR = "RELEASED_IN_ERROR"


class PreventionCode(StrEnum):
    """What one holder of a child says to the others; police never read it."""

    MEETING_PROPOSED = "MEETING_PROPOSED"
    SUPPORT_OFFERED = "SUPPORT_OFFERED"
    SUPPORT_WANTED = "SUPPORT_WANTED"
    LEAD_PROFESSIONAL_NAMED = "LEAD_PROFESSIONAL_NAMED"
    RISK_LOWER = "RISK_LOWER"
    RISK_HIGHER = "RISK_HIGHER"
    CONTACT_THE_HUB = "CONTACT_THE_HUB"


class FindingVerdict(StrEnum):
    """What the hub lead does with a finding of the threshold laboratory."""

    TAKEN_UP = "TAKEN_UP"
    DECLINED = "DECLINED"


class FindingReason(StrEnum):
    """Why a finding was taken up or declined."""

    CHILD_AT_RISK = "CHILD_AT_RISK"
    KNOWN_ALREADY = "KNOWN_ALREADY"
    RULE_TOO_WIDE = "RULE_TOO_WIDE"
    NOT_ENOUGH_KNOWN = "NOT_ENOUGH_KNOWN"


class ProvisionKind(StrEnum):
    """Help below the threshold, mostly of the voluntary sector."""

    MENTORING = "MENTORING"
    SPORT = "SPORT"
    ARTS = "ARTS"
    YOUTH_CLUB = "YOUTH_CLUB"
    PARENT_TRAINING = "PARENT_TRAINING"
    FAMILY_SUPPORT = "FAMILY_SUPPORT"
    COUNSELLING = "COUNSELLING"
    ALTERNATIVE_EDUCATION = "ALTERNATIVE_EDUCATION"


class SlaveryForm(StrEnum):
    """How suspected modern slavery is notified: NRM referral, or MS1 without identifiers."""

    NRM = "NRM"
    MS1 = "MS1"


class HubView(StrEnum):
    """What the hub says before a lever is used against a home where a child may live."""

    NO_OBJECTION = "NO_OBJECTION"
    WITH_A_SOCIAL_WORKER = "WITH_A_SOCIAL_WORKER"
    IN_SCHOOL_HOURS = "IN_SCHOOL_HOURS"
    HOLD_UNTIL_CHILD_SAFE = "HOLD_UNTIL_CHILD_SAFE"


class ShareBand(StrEnum):
    """A share, as coarse as it can be told without pointing at one report."""

    FEW = "FEW"  # below a quarter
    SOME = "SOME"  # a quarter to a half
    MOST = "MOST"  # a half to three quarters
    NEARLY_ALL = "NEARLY_ALL"  # three quarters and more
