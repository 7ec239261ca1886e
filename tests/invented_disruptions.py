"""Builders of invented disruptions, outcomes and views of the hub, by name."""

from __future__ import annotations

from datetime import UTC, date, datetime

from consumers.ocg_network.disruption_decisions import Ground, Target
from consumers.ocg_network.disruptions import DisruptionBook
from consumers.ocg_network.levers import TargetKind
from streams.codes import (
    Agency,
    Cause,
    ConcernKind,
    DisruptionFailure,
    HubView,
    Impact,
    InterventionKind,
    InterventionOutcome,
    Lever,
    OffenceClass,
    Rationale,
    SeizedItem,
)
from streams.disruptions import (
    ArrestMade,
    CausedBy,
    ClosureMade,
    ConcernRecorded,
    DisruptionExecuted,
    DisruptionFailed,
    DisruptionPlanned,
    ImpactAssessed,
    InterventionAttempted,
    OffenceRecorded,
    SeizureMade,
    SentencePassed,
)
from streams.ocg import HubViewAsked
from streams.roles import OcgStatus
from streams.shared import HubViewRelayed, ProtectionRelayed
from streams.values import FourP, Theme
from tests.invented_evidence import an_id, key


def book_of(*events):
    """The book that these events give."""
    book = DisruptionBook()
    for event in events:
        book.apply(event)
    return book


DAY = date(2026, 6, 1)
AT = datetime(2026, 6, 30, 12, tzinfo=UTC)
OFFICER, ASSESSOR = "PC Invented Osgathorp", "DI Invented Pitsmoor"


def planned(name="D1", **terms):
    facts = {
        "disruption_id": an_id(name),
        "ocg_id": an_id("OCG 1"),
        "target_id": an_id("ada"),
        "lever": Lever.CIVIL_INJUNCTION,
        "agency": Agency.COUNCIL,
        "four_p": FourP.PREVENT,
        "report_ids": (an_id("R1"),),
        "request_id": None,
        "planned_for": DAY,
        "decided_by": OFFICER,
        "decided_at": datetime(2026, 5, 20, 9, tzinfo=UTC),
    }
    return DisruptionPlanned(**facts | terms)


def executed(name="D1", on=DAY, by=OFFICER):
    return DisruptionExecuted(
        disruption_id=an_id(name), executed_on=on, decided_by=by, decided_at=AT
    )


def failed(name="D1", reason=DisruptionFailure.COURT_REFUSED):
    return DisruptionFailed(
        disruption_id=an_id(name), reason=reason, decided_by=OFFICER, decided_at=AT
    )


def assessed(name="D1", impact=Impact.MAJOR, by=ASSESSOR, why=(Rationale.CAPABILITY_LOST,)):
    return ImpactAssessed(
        disruption_id=an_id(name), impact=impact, reasons=why, decided_by=by, decided_at=AT
    )


def by_disruption(name="D1"):
    return CausedBy(cause=Cause.DISRUPTION, cause_id=an_id(name))


def by_report(name="R1"):
    return CausedBy(cause=Cause.REPORT, cause_id=an_id(name))


def _outcome(name, caused_by, terms):
    facts = {
        "outcome_id": an_id(name),
        "ocg_id": an_id("OCG 1"),
        "caused_by": caused_by or by_disruption(),
        "occurred_on": DAY,
        "decided_by": OFFICER,
        "decided_at": AT,
    }
    return facts | terms


def seized(name="S1", item=SeizedItem.FIREARM, quantity=1, caused_by=None, **terms):
    return SeizureMade(item=item, quantity=quantity, **_outcome(name, caused_by, terms))


def arrested(name="A1", person="ada", caused_by=None, **terms):
    facts = _outcome(name, caused_by, terms)
    return ArrestMade(person_id=an_id(person), offence=OffenceClass.DRUGS, **facts)


def offence(name="O1", string=None, caused_by=None, **terms):
    facts = _outcome(name, caused_by, terms)
    string_id = None if string is None else an_id(string)
    return OffenceRecorded(offence=OffenceClass.DRUGS, string_id=string_id, **facts)


def sentenced(name="T1", person="ada", months=36, caused_by=None, **terms):
    facts = _outcome(name, caused_by, terms)
    return SentencePassed(
        person_id=an_id(person), offence=OffenceClass.DRUGS, months=months, **facts
    )


def closed(name="C1", place="home", until=date(2026, 9, 1), caused_by=None, **terms):
    return ClosureMade(entity_id=an_id(place), until=until, **_outcome(name, caused_by, terms))


def offered(name="I1", person="bob", kind=InterventionKind.MENTORING, agency=Agency.VOLUNTARY):
    return InterventionAttempted(
        intervention_id=an_id(name),
        ocg_id=None,
        person_id=an_id(person),
        kind=kind,
        agency=agency,
        outcome=InterventionOutcome.ACCEPTED,
        caused_by=None,
        occurred_on=DAY,
        decided_by=OFFICER,
        decided_at=AT,
    )


def concern(name="K1", week="2026-W20", count=3, area="S5", **terms):
    facts = {
        "concern_id": an_id(name),
        "kind": ConcernKind.PUBLIC,
        "area": area,
        "theme": Theme.DRUGS,
        "count": count,
        "week": week,
        "ocg_id": None,
        "caused_by": None,
        "decided_by": OFFICER,
        "decided_at": AT,
    }
    return ConcernRecorded(**facts | terms)


def asked(name="Q1", place="home", lever=Lever.CLOSURE_ORDER):
    return HubViewAsked(
        request_id=an_id(name),
        entity_id=an_id(place),
        lever=lever,
        decided_by=OFFICER,
        decided_at=AT,
    )


def answered(name="Q1", view=HubView.NO_OBJECTION):
    return HubViewRelayed(request_id=an_id(name), view=view)


def protected(name="P1", place="home", until=date(2026, 12, 31), *, ended=False):
    return ProtectionRelayed(
        declaration_id=an_id(name), entity_id=an_id(place), until=until, ended=ended
    )


ADULT = Target(entity_id=key("ada"), kind=TargetKind.PERSON)
CHILD = Target(entity_id=key("cy"), kind=TargetKind.PERSON, is_child=True)
VICTIM = Target(entity_id=key("vi"), kind=TargetKind.PERSON, is_victim_only=True)
HOME = Target(entity_id=key("home"), kind=TargetKind.ADDRESS)
CHILDS_HOME = Target(entity_id=key("home"), kind=TargetKind.ADDRESS, protects_child=True)


def ground(target=ADULT, **terms):
    facts = {
        "ocg_status": OcgStatus.MAPPED,
        "target": target,
        "reports": frozenset({key("R1")}),
    }
    return Ground(**facts | terms)
