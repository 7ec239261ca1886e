"""Closed vocabularies that restricted and shared events have in common."""

from __future__ import annotations

from enum import StrEnum


class Audience(StrEnum):
    """A zone that the gate serves; each sees its own ids."""

    POLICE = "POLICE"
    SAFEGUARDING = "SAFEGUARDING"


class NodeKind(StrEnum):
    """What a node of a report is (POLE: person, object, location)."""

    PERSON = "PERSON"
    ADDRESS = "ADDRESS"
    PHONE = "PHONE"
    VEHICLE = "VEHICLE"
    ACCOUNT = "ACCOUNT"
    HANDLE = "HANDLE"
    ORGANISATION = "ORGANISATION"


class Sex(StrEnum):
    """Sex as the partner recorded it."""

    FEMALE = "FEMALE"
    MALE = "MALE"
    OTHER = "OTHER"
    UNKNOWN = "UNKNOWN"


class Role(StrEnum):
    """The part a person plays in one report; never a verdict, never carried to the next."""

    SUSPECT = "SUSPECT"
    VICTIM = "VICTIM"
    WITNESS = "WITNESS"
    CARER = "CARER"
    OTHER = "OTHER"


class AgeBand(StrEnum):
    """Age at the event, as coarse as privacy.md section 5 found safe."""

    AGE_0_4 = "AGE_0_4"
    AGE_5_10 = "AGE_5_10"
    AGE_11_15 = "AGE_11_15"
    AGE_16_17 = "AGE_16_17"
    ADULT = "ADULT"
    UNKNOWN = "UNKNOWN"


class ChildAtEvent(StrEnum):
    """Was the person under 18 on the day of the event?"""

    YES = "YES"
    NO = "NO"
    UNKNOWN = "UNKNOWN"


class Theme(StrEnum):
    """What the report is about, after Fortify's themes."""

    ORGANISED_CRIME = "ORGANISED_CRIME"
    STREET_GANG = "STREET_GANG"
    CHILD_CRIMINAL_EXPLOITATION = "CHILD_CRIMINAL_EXPLOITATION"
    CUCKOOING = "CUCKOOING"
    COUNTY_LINES = "COUNTY_LINES"
    DRUGS = "DRUGS"
    FIREARMS = "FIREARMS"
    MONEY = "MONEY"
    MODERN_SLAVERY = "MODERN_SLAVERY"
    SERIOUS_VIOLENCE = "SERIOUS_VIOLENCE"
    OTHER = "OTHER"


class Activity(StrEnum):
    """The coded act or sign; `criminal` ones are listed in the taxonomy."""

    SUPPLY = "SUPPLY"
    STORAGE = "STORAGE"
    CARRYING = "CARRYING"
    RECRUITMENT = "RECRUITMENT"
    THREAT = "THREAT"
    ASSAULT = "ASSAULT"
    WEAPON_SEEN = "WEAPON_SEEN"
    MONEY_MOVED = "MONEY_MOVED"
    MEETING = "MEETING"
    CALL = "CALL"
    MISSING = "MISSING"
    UNEXPLAINED_GOODS = "UNEXPLAINED_GOODS"
    INJURY = "INJURY"
    EXCLUSION = "EXCLUSION"
    FIRE_RISK = "FIRE_RISK"
    CONCERN = "CONCERN"
    NONE = "NONE"
    RETURNED = "RETURNED"  # of somebody who was missing
    OUT_OF_AREA = "OUT_OF_AREA"
    OLDER_ASSOCIATES = "OLDER_ASSOCIATES"
    SELF_HARM = "SELF_HARM"
    DEBT = "DEBT"
    CARE_NEEDS = "CARE_NEEDS"  # an adult who needs care and support
    LACKS_CAPACITY = "LACKS_CAPACITY"
    DOCUMENTS_HELD = "DOCUMENTS_HELD"
    CONTROLLED_MOVEMENT = "CONTROLLED_MOVEMENT"
    PAY_WITHHELD = "PAY_WITHHELD"
    CROWDED_ACCOMMODATION = "CROWDED_ACCOMMODATION"
    COACHED_ANSWERS = "COACHED_ANSWERS"
    FEAR = "FEAR"


class FourP(StrEnum):
    """The strand of the 4P plan the report serves, plus Fortify's fifth, Partnership."""

    PURSUE = "PURSUE"
    PREVENT = "PREVENT"
    PROTECT = "PROTECT"
    PREPARE = "PREPARE"
    PARTNERSHIP = "PARTNERSHIP"


class SourceAccess(StrEnum):
    """How the source came to know."""

    FIRST_HAND = "FIRST_HAND"
    SECOND_HAND = "SECOND_HAND"
    RECORD = "RECORD"
    UNKNOWN = "UNKNOWN"


class GradingScheme(StrEnum):
    """3x5x2 and 5x5x5 swap letters and digits between axes, so the scheme travels along."""

    UNGRADED = "UNGRADED"
    SCHEME_3X5X2 = "SCHEME_3X5X2"
    SCHEME_5X5X5 = "SCHEME_5X5X5"


class HandlingCode(StrEnum):
    """P: lawful sharing permitted. C: permitted on conditions. NONE: the partner gave none."""

    P = "P"
    C = "C"
    NONE = "NONE"


class ConditionCode(StrEnum):
    """Machine-readable conditions of handling code C (domain.md section 1)."""

    A1 = "A1"  # covert development
    A2 = "A2"  # covert use
    A3 = "A3"  # overt use
    S1 = "S1"  # sanitisation delegated
    S2 = "S2"  # consult the originator before sharing onward


class DataCategory(StrEnum):
    """The category of data, which decides with the service which gateway is open."""

    PERSONAL = "PERSONAL"
    CRIMINAL_OFFENCE = "CRIMINAL_OFFENCE"
    PATIENT = "PATIENT"
    SOCIAL_CARE = "SOCIAL_CARE"
    EDUCATION = "EDUCATION"
    HOUSING = "HOUSING"


class Gateway(StrEnum):
    """The legal power a partner names for a disclosure (domain.md section 5)."""

    CDA_1998_S115 = "CDA_1998_S115"
    PCSC_2022_PART2 = "PCSC_2022_PART2"
    CA_2004_S10 = "CA_2004_S10"
    CA_2004_S11 = "CA_2004_S11"
    CA_2004_S16LA = "CA_2004_S16LA"
    DPA_2018_SCH2_PARA2 = "DPA_2018_SCH2_PARA2"
    DPA_2018_PART3 = "DPA_2018_PART3"
    COMMON_LAW = "COMMON_LAW"


class Purpose(StrEnum):
    """The closed register of purposes."""

    PREVENT_SERIOUS_VIOLENCE = "PREVENT_SERIOUS_VIOLENCE"
    DISRUPT_ORGANISED_CRIME = "DISRUPT_ORGANISED_CRIME"
    SAFEGUARD_CHILDREN = "SAFEGUARD_CHILDREN"
    AUDIT = "AUDIT"
    OPERATE_SERVICE = "OPERATE_SERVICE"


class PartnerType(StrEnum):
    """The sector of a partner; told with a report once enough of that sector have reported."""

    COUNCIL = "COUNCIL"
    HEALTH = "HEALTH"
    SCHOOL = "SCHOOL"
    HOUSING = "HOUSING"
    YOUTH_JUSTICE = "YOUTH_JUSTICE"
    PROBATION = "PROBATION"
    FIRE = "FIRE"
    VOLUNTARY = "VOLUNTARY"
    POLICE = "POLICE"


class Outcome(StrEnum):
    """What became of a submission; each has exactly one."""

    SHARED = "SHARED"
    HELD = "HELD"
    REFUSED = "REFUSED"
    QUARANTINED = "QUARANTINED"
    DUPLICATE = "DUPLICATE"
    WITHDRAWN = "WITHDRAWN"


class WithdrawalReason(StrEnum):
    """Why a partner takes a report back; coded, so that no text can identify."""

    ERROR = "ERROR"
    WRONG_PERSON = "WRONG_PERSON"
    UNLAWFUL = "UNLAWFUL"
    SOURCE_AT_RISK = "SOURCE_AT_RISK"
    OTHER = "OTHER"


class LinkBasis(StrEnum):
    """Why the linker put a mention where it did."""

    NEW = "NEW"
    STRONG = "STRONG"
    AGREEMENT = "AGREEMENT"
    SAME_REPORT = "SAME_REPORT"
    HUMAN = "HUMAN"


class AlertRule(StrEnum):
    """The kinds of safeguarding rules; a rule file says which are on, and with which numbers."""

    CHILD_TIED_TO_NOMINAL = "CHILD_TIED_TO_NOMINAL"
    SIBLING_OF_INVOLVED = "SIBLING_OF_INVOLVED"
    FRIEND_OF_INVOLVED = "FRIEND_OF_INVOLVED"
    HOUSEHOLD_OF_INVOLVED = "HOUSEHOLD_OF_INVOLVED"
    EARLY_SIGNS = "EARLY_SIGNS"
    CUCKOOED_ADDRESS = "CUCKOOED_ADDRESS"
    DEAL_LINE = "DEAL_LINE"
    VULNERABLE_ADULT = "VULNERABLE_ADULT"
    MODERN_SLAVERY = "MODERN_SLAVERY"
    MISSING_IN_AREA = "MISSING_IN_AREA"
    UNANSWERED = "UNANSWERED"


class Operation(StrEnum):
    """The operations that DPA 2018 s62 wants logged."""

    COLLECTION = "COLLECTION"
    ALTERATION = "ALTERATION"
    CONSULTATION = "CONSULTATION"
    DISCLOSURE = "DISCLOSURE"
    COMBINATION = "COMBINATION"
    ERASURE = "ERASURE"


class LinkVerdict(StrEnum):
    """What a reviewer says of a possible link."""

    SAME = "SAME"
    DIFFERENT = "DIFFERENT"
    UNSURE = "UNSURE"


class LinkDoubt(StrEnum):
    """Why the linker asks about two and does not decide."""

    CONTRADICTED = "CONTRADICTED"
    WEAK = "WEAK"
    AMBIGUOUS = "AMBIGUOUS"
    REUSED = "REUSED"
    PARTED = "PARTED"


class LinkClosed(StrEnum):
    """Why a possible link is no question any longer."""

    UNSUPPORTED = "UNSUPPORTED"
    GONE = "GONE"
    MERGED = "MERGED"


class VoidReason(StrEnum):
    """Why a reviewer's verdict changes nothing."""

    UNKNOWN_ID = "UNKNOWN_ID"
    OF_TWO_KINDS = "OF_TWO_KINDS"
    ALREADY_ONE = "ALREADY_ONE"
    ALREADY_APART = "ALREADY_APART"


class OverBudgetReason(StrEnum):
    """Why a reviewer decides beyond the day's budget."""

    CHILD_AT_RISK = "CHILD_AT_RISK"
    BACKLOG_ORDERED = "BACKLOG_ORDERED"
    COVER_FOR_COLLEAGUE = "COVER_FOR_COLLEAGUE"


class LinkQuestion(StrEnum):
    """The fixed questions to the holders of a record; each is about that record alone."""

    TWIN = "TWIN"
    NHS_NUMBER = "NHS_NUMBER"
    BIRTH_DATE = "BIRTH_DATE"
    MOVED = "MOVED"
    OTHER_NAME = "OTHER_NAME"


class Answer(StrEnum):
    """What a partner's own record says to a fixed question."""

    YES = "YES"
    NO = "NO"
    UNKNOWN = "UNKNOWN"


class HoldVerdict(StrEnum):
    """What the desk decides about a report that waits."""

    RELEASE = "RELEASE"
    REFUSE = "REFUSE"
    CLOSE = "CLOSE"
    REDRIVE = "REDRIVE"


class HoldReason(StrEnum):
    """Why the desk decided so; the partner's receipt says it in small letters."""

    NO_CONFLICT_FOUND = "NO_CONFLICT_FOUND"
    STAFF_EXCLUDED = "STAFF_EXCLUDED"
    REDIRECTED_TO_STANDARDS = "REDIRECTED_TO_STANDARDS"
    PARTNER_ASKED = "PARTNER_ASKED"
    PARTNER_DECLINED = "PARTNER_DECLINED"
    NOT_LAWFUL = "NOT_LAWFUL"
    OUT_OF_DATE = "OUT_OF_DATE"
    RESOLVED_WITH_PARTNER = "RESOLVED_WITH_PARTNER"
    CAUSE_MENDED = "CAUSE_MENDED"


class ErasureReason(StrEnum):
    """Why data keys were destroyed."""

    SUBJECT_REQUEST = "SUBJECT_REQUEST"
    UNLAWFUL = "UNLAWFUL"
    RETENTION_OVER = "RETENTION_OVER"
    WRONG_PERSON = "WRONG_PERSON"
    SOURCE_AT_RISK = "SOURCE_AT_RISK"
    COURT_ORDER = "COURT_ORDER"


class ProbingSignal(StrEnum):
    """What a partner did in series, as if it asked by reporting."""

    MANY_PERSONS = "MANY_PERSONS"
    MANY_REVISIONS = "MANY_REVISIONS"
    MANY_WITHDRAWALS = "MANY_WITHDRAWALS"


class CountBand(StrEnum):
    """How many, as coarse as a partner is told."""

    BELOW_5 = "BELOW_5"
    FROM_5 = "FROM_5"
    FROM_20 = "FROM_20"
    FROM_100 = "FROM_100"
