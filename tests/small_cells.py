"""Reports and populations for tests of small cells; everybody in them is invented."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime
from uuid import UUID

from anonymiser.gate.population import Population
from streams.parts import Grading, Handling
from streams.shared import (
    DistrictPopulation,
    HouseholdCount,
    Housemate,
    PoliceNode,
    PoliceReportShared,
    PopulationCell,
    ReferencePopulationSet,
    SafeguardingNode,
    SafeguardingReportShared,
    SharedRelation,
)
from streams.values import AgeBand, ChildAtEvent, NodeKind, Purpose, Role, Sex

WEEK = "2026-W36"
COUNTED_AT = datetime(2026, 9, 1, tzinfo=UTC)
AREA = "Invented Police"
F, M = Sex.FEMALE, Sex.MALE
TODDLER, PUPIL, TEEN = AgeBand.AGE_0_4, AgeBand.AGE_5_10, AgeBand.AGE_11_15
YOUTH, GROWN = AgeBand.AGE_16_17, AgeBand.ADULT


def person_id(number):
    return UUID(int=number)


def node(number, sex=Sex.UNKNOWN, band=AgeBand.UNKNOWN, *, place=0, child=None, role=Role.OTHER):
    """A person under id `number`, at place `place` of the report."""
    return SafeguardingNode(
        node=place,
        kind=NodeKind.PERSON,
        entity_id=person_id(number),
        sex=sex,
        age_band=band,
        child_at_event=child or child_of(band),
        role=role,
        protected=False,
    )


def door(number, place):
    """An address under id `number`."""
    return SafeguardingNode(
        node=place,
        kind=NodeKind.ADDRESS,
        entity_id=person_id(number),
        sex=Sex.UNKNOWN,
        age_band=AgeBand.UNKNOWN,
        child_at_event=ChildAtEvent.UNKNOWN,
        role=Role.OTHER,
        protected=False,
    )


def child_of(band):
    if band is AgeBand.UNKNOWN:
        return ChildAtEvent.UNKNOWN
    return ChildAtEvent.NO if band is AgeBand.ADULT else ChildAtEvent.YES


def report(*nodes, ties=(), district="S5", week=WEEK, number=1):
    """A report for safeguarding; `ties` are (subject, kind, object) by place in the report."""
    return SafeguardingReportShared(nodes=nodes, **_facts(ties, district, week, number))


def police_report(*nodes, ties=(), district="S5", week=WEEK, number=1):
    """The same people as police see them."""
    fewer = tuple(
        PoliceNode(
            node=one.node,
            kind=one.kind,
            entity_id=one.entity_id,
            sex=one.sex,
            child_at_event=one.child_at_event,
            role=one.role,
        )
        for one in nodes
    )
    return PoliceReportShared(nodes=fewer, **_facts(ties, district, week, number))


def _facts(ties, district, week, number):
    return {
        "report_id": UUID(int=10_000 + number),
        "revision": 1,
        "origin_id": UUID(int=20_000 + number),
        "immediate_risk": False,
        "purpose": Purpose.SAFEGUARD_CHILDREN,
        "event_week": week,
        "district": district,
        "relations": tuple(
            SharedRelation(subject=one, object=other, kind=kind) for one, kind, other in ties
        ),
        "facts": (),
        "grading": Grading(),
        "handling": Handling(),
    }


def facts_of(*households, area=AREA, counted_on=None):
    """The census of households, each (district, how many such, (sex, band), …)."""
    counts = defaultdict(lambda: defaultdict(Counter))
    for district, many, *people in households:
        for at, look in enumerate(people):
            others = tuple(sorted([*people[:at], *people[at + 1 :]]))
            counts[district][look][others] += many
    return ReferencePopulationSet(
        name="invented",
        districts=tuple(
            DistrictPopulation(
                district=district,
                police_area=area,
                cells=tuple(_cell(look, how) for look, how in sorted(cells.items())),
            )
            for district, cells in sorted(counts.items())
        ),
        decided_by="a test",
        decided_at=COUNTED_AT,
        counted_on=counted_on,
    )


def _cell(look, how):
    return PopulationCell(
        sex=look[0],
        age_band=look[1],
        count=how.total(),
        households=tuple(
            HouseholdCount(
                others=tuple(Housemate(sex=sex, age_band=band) for sex, band in others),
                count=count,
            )
            for others, count in sorted(how.items())
            if others
        ),
    )


def population(*households, **how):
    return Population(facts_of(*households, **how))
