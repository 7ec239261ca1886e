"""Builders of reports about visibly invented people, for the tests of sealing and of producers."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import UUID

from streams.parts import CodedFact, Grading, Handling, SourceFacts
from streams.restricted import Identity, Node, PersonFacts, Place, Relation, Report
from streams.taxonomy import RelationKind
from streams.values import (
    Activity,
    DataCategory,
    FourP,
    Gateway,
    NodeKind,
    Purpose,
    Role,
    Sex,
    SourceAccess,
    Theme,
)

REPORT_ID = UUID("7b0c7c9e-4f1d-4a53-9a6e-0c6a3f2b1d04")
PARTNER = "loxley-housing"

#: Every value below that could tell who a person is; none may lie on the broker in any form.
IDENTIFIERS = (
    "Testina",
    "Inventsson",
    "9434765919",
    "07700 900123",
    "Nowhere Gardens",
    "S99 9ZZ",
    "LOX-REF-4471",
    "Imaginara",
)


def child() -> Node:
    return Node(
        label="child",
        kind=NodeKind.PERSON,
        identity=Identity(
            given_name="Testina",
            family_name="Inventsson",
            born_on=date(2011, 5, 4),
            nhs_number="9434765919",
        ),
        reference="LOX-REF-4471",
        person=PersonFacts(sex=Sex.FEMALE, age=15, role=Role.VICTIM),
    )


def sister() -> Node:
    return Node(
        label="sister",
        kind=NodeKind.PERSON,
        identity=Identity(given_name="Imaginara", family_name="Inventsson"),
        person=PersonFacts(sex=Sex.FEMALE, age=17),
    )


def unnamed() -> Node:
    return Node(label="stranger", kind=NodeKind.PERSON, person=PersonFacts(role=Role.SUSPECT))


def phone() -> Node:
    return Node(label="line", kind=NodeKind.PHONE, identity=Identity(phone="07700 900123"))


def tie(subject: str, kind: RelationKind, target: str) -> Relation:
    return Relation(subject=subject, object=target, kind=kind)


def report(**changes) -> Report:
    """A report that `check` finds nothing wrong with; `changes` make it another."""
    facts = {
        "report_id": REPORT_ID,
        "partner": PARTNER,
        "service": "housing",
        "data_category": DataCategory.PERSONAL,
        "gateway": Gateway.CDA_1998_S115,
        "purpose": Purpose.DISRUPT_ORGANISED_CRIME,
        "event_at": datetime(2026, 11, 16, 18, 30, tzinfo=UTC),
        "reported_at": datetime(2026, 11, 17, 9, 0, tzinfo=UTC),
        "place": Place(postcode="S99 9ZZ", description="outside 3 Nowhere Gardens"),
        "nodes": (child(), sister(), unnamed(), phone()),
        "relations": (
            tie("child", RelationKind.SIBLING, "sister"),
            tie("stranger", RelationKind.RUNS_LINE, "line"),
        ),
        "facts": (
            CodedFact(theme=Theme.COUNTY_LINES, activity=Activity.SUPPLY, four_p=FourP.PURSUE),
        ),
        "source": SourceFacts(access=SourceAccess.FIRST_HAND),
        "grading": Grading(),
        "handling": Handling(),
        "narrative": "Testina Inventsson was handed a second phone outside Nowhere Gardens.",
    }
    return Report(**(facts | changes))
