"""The gate works out anew what may be told, and notices a stage that says something else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from anonymiser.gate.carriers import chi_number, driver_number
from anonymiser.gate.facts import difference
from streams.restricted import LinkedNode, NumberedRelation, Place, ReportLinked
from streams.taxonomy import RelationKind
from streams.values import AgeBand, ChildAtEvent, NodeKind, Role, Sex
from tests.enclave import person, report, tie

WRITTEN = report(
    person("a", sex=Sex.MALE, age=14, given_name="Arvid", born_on=date(2011, 6, 1)),
    person("b", role=Role.WITNESS, given_name="Imke"),
    relations=(tie("a", RelationKind.FRIEND, "b"),),
    place=Place(postcode="S10 2TN"),
    event_at=datetime(2026, 1, 4, 23, 30, tzinfo=UTC),
)


def node(number, **changes):
    facts = {
        "node": number,
        "kind": NodeKind.PERSON,
        "entity_id": UUID(int=number + 1),
        "sex": Sex.UNKNOWN,
        "age_band": AgeBand.UNKNOWN,
        "child_at_event": ChildAtEvent.UNKNOWN,
        "role": Role.WITNESS,
        "protected": False,
        "conflict": False,
    }
    return LinkedNode(**(facts | changes))


ARVID = {"sex": Sex.MALE, "role": Role.SUSPECT}
LINKED = ReportLinked(
    received_at=datetime(2026, 1, 5, tzinfo=UTC),
    origin_id=UUID(int=9),
    event_week="2026-W01",
    district="S10",
    nodes=(
        node(0, age_band=AgeBand.AGE_11_15, child_at_event=ChildAtEvent.YES, **ARVID),
        node(1),
    ),
    relations=(NumberedRelation(subject=0, object=1, kind=RelationKind.FRIEND),),
    submission=b"",
    **{
        name: getattr(WRITTEN, name)
        for name in (
            "partner",
            "report_id",
            "revision",
            "supersedes",
            "immediate_risk",
            "service",
            "data_category",
            "gateway",
            "purpose",
            "facts",
            "source",
            "grading",
            "handling",
        )
    },
)


def nodes(*some):
    return replace(LINKED, nodes=some)


def test_a_report_that_says_what_was_written_is_the_same():
    assert difference(WRITTEN, LINKED) is None


@pytest.mark.parametrize("district", [None, "S10"])
def test_a_district_may_be_left_out(district):
    assert difference(WRITTEN, replace(LINKED, district=district)) is None


@pytest.mark.parametrize(
    ("postcode", "district", "fits"),
    [
        ("S10 2TN", "S10", True),
        ("s102tn", "S10", True),
        ("S1 2TN", "S1", True),
        ("S10", "S10", True),
        ("S10 2", "S10", True),
        ("S10 2TN", "S10 2TN", False),
        ("S10 2TN", "S102TN", False),
        ("S10 2TN", "S11", False),
        ("S10 2TN", "Sheffield", False),
        (None, "S10", False),
    ],
)
def test_a_district_is_the_first_half_of_the_postcode_and_nothing_else(postcode, district, fits):
    written = replace(WRITTEN, place=Place(postcode=postcode))
    found = difference(written, replace(LINKED, district=district))
    assert found == (None if fits else "district")


@pytest.mark.parametrize(
    "week", ["2026-W02", "2026-01-04", "2026-01-04T23:30:00+00:00", "2026", ""]
)
def test_a_time_is_the_week_of_the_event_in_london(week):
    assert difference(WRITTEN, replace(LINKED, event_week=week)) == "event_week"


def test_just_before_midnight_in_summer_it_is_tomorrow_in_london():
    written = replace(WRITTEN, event_at=datetime(2026, 7, 5, 23, 30, tzinfo=UTC))
    assert difference(written, replace(LINKED, event_week="2026-W28")) is None


@pytest.mark.parametrize(
    "changed",
    [
        nodes(LINKED.nodes[0]),
        nodes(LINKED.nodes[0], node(2)),
        nodes(replace(LINKED.nodes[0], sex=Sex.FEMALE), LINKED.nodes[1]),
        nodes(replace(LINKED.nodes[0], role=Role.VICTIM), LINKED.nodes[1]),
        nodes(replace(LINKED.nodes[0], kind=NodeKind.PHONE), LINKED.nodes[1]),
        nodes(replace(LINKED.nodes[0], age_band=AgeBand.AGE_0_4), LINKED.nodes[1]),
        nodes(replace(LINKED.nodes[0], child_at_event=ChildAtEvent.NO), LINKED.nodes[1]),
        nodes(LINKED.nodes[0], replace(LINKED.nodes[1], age_band=AgeBand.ADULT)),
        nodes(LINKED.nodes[0], replace(LINKED.nodes[1], child_at_event=ChildAtEvent.YES)),
    ],
)
def test_a_subject_that_became_somebody_else_is_noticed(changed):
    assert difference(WRITTEN, changed) == "nodes"


def test_a_stage_may_doubt_an_age_and_say_nothing():
    assert difference(WRITTEN, nodes(node(0, **ARVID), node(1))) is None


@pytest.mark.parametrize(
    "relations",
    [
        (),
        (NumberedRelation(subject=1, object=0, kind=RelationKind.FRIEND),),
        (NumberedRelation(subject=0, object=1, kind=RelationKind.CO_OFFENDER),),
    ],
)
def test_a_tie_that_became_another_is_noticed(relations):
    assert difference(WRITTEN, replace(LINKED, relations=relations)) == "relations"


# --- numbers that carry facts ------------------------------------------------------


def test_a_driver_number_carries_the_start_of_a_name_and_a_birth_date():
    name, births = driver_number("MORGA 657054 SM9IJ")
    assert name == "MORGA"
    assert date(1964, 7, 5) in births


def test_a_womans_month_is_fifty_more():
    _, births = driver_number("TESTM861094AB9CD")
    assert date(1984, 11, 9) in births


@pytest.mark.parametrize("number", ["", "no number", "MORGA699994SM9IJ"])
def test_a_driver_number_that_is_none_carries_no_birth_date(number):
    assert driver_number(number)[1] == ()


def test_a_short_family_name_is_filled_with_nines():
    assert driver_number("LI999657054SM9IJ")[0] == ""
    assert driver_number("FOX99657054SM9IJ")[0] == "FOX"


def test_a_chi_number_begins_with_the_birth_date():
    assert date(1994, 3, 17) in chi_number("170394 1234")
    assert chi_number("9434765919") == ()
