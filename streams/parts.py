"""Values that stand inside both restricted and shared events; none can identify a person."""

from __future__ import annotations

from dataclasses import dataclass

from streams.values import (
    Activity,
    Audience,
    ConditionCode,
    FourP,
    GradingScheme,
    HandlingCode,
    SourceAccess,
    Theme,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedFact:
    """What happened, in codes: theme, activity and the strand of the 4P plan."""

    theme: Theme
    activity: Activity
    four_p: FourP


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFacts:
    """How the source knows, without saying who it is. Stays inside the enclave."""

    access: SourceAccess = SourceAccess.UNKNOWN
    corroborated: bool = False
    known_to_others: bool = False
    at_risk_if_disclosed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Grading:
    """Source and assessment with the scheme that gives the letters their meaning."""

    scheme: GradingScheme = GradingScheme.UNGRADED
    source: str | None = None
    assessment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Handling:
    """The handling code; with C, only `recipients` may see it, under `conditions`."""

    code: HandlingCode = HandlingCode.NONE
    recipients: tuple[Audience, ...] = ()
    conditions: tuple[ConditionCode, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """A reason code and, where one is to blame, the path of the field; never its value."""

    code: str
    field: str | None = None
