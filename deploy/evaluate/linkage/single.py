"""A report of one person as intake would hand it on, for measuring the linker by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid5

from streams.parts import Grading, Handling, SourceFacts
from streams.restricted import ReportTokenised, TokenisedNode
from streams.values import (
    AgeBand,
    ChildAtEvent,
    DataCategory,
    Gateway,
    HandlingCode,
    NodeKind,
    Purpose,
    Role,
    SourceAccess,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anonymiser.tokens import Tokeniser
    from streams.identifiers import Spelt
    from streams.values import Sex

_NAMESPACE: Final = UUID("b7a4e9c2-77a1-5c0e-8a55-2d0f3e6b9c41")
_START: Final = datetime(2026, 3, 2, 9, tzinfo=UTC)
_TICK: Final = timedelta(milliseconds=1)


def received_at(number: int) -> datetime:
    """Return the log time of the report of this number: one a millisecond."""
    return _START + number * _TICK


def report_id_of(number: int) -> UUID:
    """Return the id of the report of this number, always the same."""
    return uuid5(_NAMESPACE, f"{number}")


def report_of_one(
    number: int, partner: str, spelt: Iterable[Spelt], sex: Sex, tokeniser: Tokeniser
) -> ReportTokenised:
    """Return the report; its sealed parts are empty, since nothing recovers from them."""
    report_id = report_id_of(number)
    node = TokenisedNode(
        node=0,
        kind=NodeKind.PERSON,
        label_token=tokeniser.label_token(partner, report_id, "subject"),
        tokens=tokeniser.tokens_of(NodeKind.PERSON, spelt),
        sealed_tokens=b"",
        sex=sex,
        age_band=AgeBand.UNKNOWN,
        child_at_event=ChildAtEvent.UNKNOWN,
        role=Role.OTHER,
        protected=False,
        conflict=False,
    )
    return ReportTokenised(
        partner=partner,
        report_id=report_id,
        revision=1,
        supersedes=None,
        received_at=received_at(number),
        content_digest=tokeniser.content_digest(report_id.bytes),
        origin_token=None,
        immediate_risk=False,
        service="evaluation",
        data_category=DataCategory.CRIMINAL_OFFENCE,
        gateway=Gateway.CDA_1998_S115,
        purpose=Purpose.DISRUPT_ORGANISED_CRIME,
        event_week="2026-W10",
        district=None,
        nodes=(node,),
        relations=(),
        facts=(),
        source=SourceFacts(access=SourceAccess.RECORD),
        grading=Grading(),
        handling=Handling(code=HandlingCode.P),
        submission=b"",
    )
