"""Stories about candidate networks, as police see them."""

from __future__ import annotations

import pytest

from consumers.network.look import network, networks, person, persons
from consumers.network.tables import DECISIONS, ENTITIES, NETWORKS, PAIRS, SPLITS, TIES
from consumers.ocg_network import OcgNetwork
from consumers.projection import UNREADABLE
from streams.ports import Outgoing
from streams.taxonomy import RelationKind
from streams.topics import POLICE
from streams.values import Role
from tests.invented_evidence import (
    INNOCENT,
    NO,
    YES,
    Desk,
    Told,
    discharged,
    enrolled,
    grade,
    key,
    merged,
    split,
    withdrawn,
)

CO = RelationKind.CO_OFFENDER
ASSOCIATE = RelationKind.ASSOCIATE
MEMBER = RelationKind.MEMBER_OF
USES = RelationKind.USES_LINE


@pytest.fixture
def desk():
    return Desk(OcgNetwork())


def network_of(desk, name):
    return desk.projection.fold.standing(key(name)).network


def a_triangle(name="R1", **facts):
    return Told(name, **facts).tie("ada", CO, "bob", "cyd").tie("bob", CO, "cyd").suspect("ada")


# --- what makes a network ------------------------------------------------------------


async def test_three_people_tied_together_are_a_candidate_network(desk):
    await desk.hear(a_triangle().police())
    (row,) = desk.rows(NETWORKS)
    assert row["people"] == 3
    assert row["network_id"] not in {key("ada"), key("bob"), key("cyd")}, "called after nobody"


async def test_two_people_are_none(desk):
    await desk.hear(Told("R1").tie("ada", CO, "bob").police())
    assert desk.rows(NETWORKS) == []


async def test_a_child_does_not_count_towards_three(desk):
    await desk.hear(a_triangle().child("cyd").police())
    assert desk.rows(NETWORKS) == []
    await desk.hear(Told("R2").tie("bob", CO, "dee").police())
    (row,) = desk.rows(NETWORKS)
    assert (row["people"], row["children"]) == (3, 1)


async def test_a_child_that_turned_eighteen_counts_from_the_event_that_says_so(desk):
    await desk.hear(a_triangle(week="2026-W10").child("cyd").police())
    await desk.hear(Told("R2", week="2026-W10").person("cyd", child=NO).police())
    assert network_of(desk, "cyd") is None, "in one and the same week the yes stands"
    await desk.hear(Told("R3", week="2026-W11").person("cyd", child=NO).police())
    assert network_of(desk, "cyd")


async def test_a_report_that_comes_late_about_an_earlier_week_does_not_make_a_child(desk):
    await desk.hear(a_triangle(week="2026-W20").person("cyd", child=NO).police())
    await desk.hear(Told("R2", week="2026-W10").person("cyd", child=YES).police())
    assert not desk.projection.fold.standing(key("cyd")).is_child


async def test_members_of_one_organisation_and_users_of_one_line_are_tied(desk):
    await desk.hear(Told("R1").tie("ada", MEMBER, "crew").tie("bob", MEMBER, "crew").police())
    await desk.hear(Told("R2").tie("bob", USES, "line").tie("cyd", USES, "line").police())
    (row,) = desk.rows(NETWORKS)
    assert (row["people"], row["others"]) == (3, 2)


async def test_an_associate_is_tied_only_beside_a_criminal_fact(desk):
    told = Told("R1", activity=INNOCENT).tie("ada", ASSOCIATE, "bob", "cyd")
    await desk.hear(told.police())
    assert (desk.rows(NETWORKS), desk.rows(PAIRS)) == ([], [])
    assert len(desk.rows(TIES)) == 2
    await desk.hear(Told("R2").tie("ada", ASSOCIATE, "bob", "cyd").police())
    assert desk.rows(NETWORKS)
    assert {row["weight"] for row in desk.rows(PAIRS)} == {1}, "only R2 speaks of crime"


@pytest.mark.parametrize("kind", ["LIVES_AT", "CUCKOOED_AT", "USES"])
async def test_places_and_things_join_nobody(desk, kind):
    told = Told("R1")
    for name in ("ada", "bob", "cyd"):
        told.tie(name, RelationKind(kind), "it")
    await desk.hear(told.police())
    assert desk.rows(NETWORKS) == []


async def test_suspected_false_alone_makes_no_tie(desk):
    await desk.hear(a_triangle(grading=grade("E")).police())
    assert (desk.rows(NETWORKS), desk.rows(TIES), desk.rows(PAIRS)) == ([], [], [])


async def test_suspected_false_beside_another_is_listed_and_adds_no_weight(desk):
    await desk.hear(Told("R1", week="2026-W20").tie("ada", CO, "bob").police())
    doubted = Told("R2", grading=grade("E", "3"), week="2026-W30").tie("ada", CO, "bob")
    await desk.hear(doubted.police())
    (tie,) = desk.rows(TIES)
    assert (tie["weight"], tie["reports"]) == (1, 2)
    assert (tie["first_week"], tie["last_week"]) == ("2026-W20", "2026-W20")
    assert tie["weakest_assessment"] == "E"


# --- weight, validity, grade ------------------------------------------------------------


async def test_weight_counts_origins_not_reports(desk):
    await desk.hear(Told("R1", origin="X").tie("ada", CO, "bob").police())
    await desk.hear(Told("R2", origin="X").tie("bob", CO, "ada").police())
    assert [row["weight"] for row in desk.rows(PAIRS)] == [1]
    await desk.hear(Told("R3", origin="Y").tie("ada", CO, "bob").police())
    assert [row["weight"] for row in desk.rows(PAIRS)] == [2]


async def test_the_weight_of_a_pair_counts_each_origin_once_over_all_kinds(desk):
    await desk.hear(Told("R1", origin="X").tie("ada", CO, "bob").police())
    exploits = Told("R2", origin="X").tie("bob", RelationKind.EXPLOITS, "ada")
    await desk.hear(exploits.police(), Told("R3", origin="Y").tie("ada", CO, "bob").police())
    assert [row["weight"] for row in desk.rows(PAIRS)] == [2]


async def test_a_tie_is_valid_from_its_first_week_to_its_last_and_shows_the_weakest_grade(desk):
    for name, week, grading in (
        ("R1", "2026-W30", grade("A")),
        ("R2", "2025-W51", grade("D", "2")),
        ("R3", "2026-W02", grade("B")),
    ):
        await desk.hear(Told(name, week=week, grading=grading).tie("ada", CO, "bob").police())
    (tie,) = desk.rows(TIES)
    assert (tie["first_week"], tie["last_week"]) == ("2025-W51", "2026-W30")
    assert (tie["weakest_source"], tie["weakest_assessment"]) == ("2", "D")


async def test_what_a_withdrawn_report_said_no_longer_counts_anywhere(desk):
    await desk.hear(Told("R1", week="2026-W01", grading=grade("D")).tie("ada", CO, "bob").police())
    before = desk.table_hashes()
    await desk.hear(a_triangle("R2", week="2026-W30").police(), withdrawn("R2"))
    after = desk.table_hashes()
    assert {name for name in before if before[name] != after[name]} == {
        "reports",  # that it was withdrawn
        "names",  # the network that it formed and its end stay told
        "network_history",
    }


async def test_a_correction_replaces_what_was_said(desk):
    await desk.hear(a_triangle().police())
    await desk.hear(Told("R1", revision=2).tie("ada", CO, "bob").police())
    assert desk.rows(NETWORKS) == []
    assert key("cyd") not in {row["entity_id"] for row in desk.rows(ENTITIES)}


async def test_an_older_revision_that_comes_late_changes_nothing(desk):
    await desk.hear(Told("R1", revision=2).tie("ada", CO, "bob").police())
    before = desk.table_hashes()
    await desk.hear(a_triangle().police())
    assert desk.table_hashes() == before


async def test_a_withdrawn_report_stays_withdrawn(desk):
    await desk.hear(withdrawn("R1"), a_triangle().police())
    await desk.hear(Told("R1", revision=2).tie("ada", CO, "bob").police())
    assert desk.rows(ENTITIES) == []


# --- one person or two --------------------------------------------------------------------


async def test_a_merge_joins_two_networks_and_its_undoing_parts_them(desk):
    left = Told("R1").tie("ada", CO, "bob", "cyd")
    right = Told("R2").tie("eve", CO, "fay", "gus")
    await desk.hear(left.police(), right.police())
    parted = {name: network_of(desk, name) for name in ("ada", "bob", "fay", "gus")}
    await desk.hear(merged("ada", "eve"))
    (row,) = desk.rows(NETWORKS)
    assert row["people"] == 5
    await desk.hear(split("ada", "eve", right.mention("eve")))
    assert {name: network_of(desk, name) for name in parted} == parted
    assert len(desk.rows(NETWORKS)) == 2


async def test_a_report_held_longer_than_a_merge_took_is_read_as_of_the_kept_person(desk):
    await desk.hear(Told("R1").tie("ada", CO, "bob").police(), merged("ada", "eve"))
    await desk.hear(Told("R2").tie("eve", CO, "cyd").police())
    assert network_of(desk, "ada")
    assert desk.projection.fold.standing(key("eve")) is None


async def test_a_split_of_a_report_that_has_not_come_waits_for_it(desk):
    told = Told("R1").tie("ada", CO, "bob")
    await desk.hear(split("ada", "eve", told.mention("ada")), told.police())
    assert {row["entity_id"] for row in desk.rows(ENTITIES)} == {key("eve"), key("bob")}


# --- nominals --------------------------------------------------------------------------------


async def test_police_enrol_and_discharge_a_nominal(desk):
    await desk.hear(a_triangle().police(), enrolled("bob", seen=1))
    assert desk.projection.fold.standing(key("bob")).is_nominal
    await desk.hear(discharged("bob"))
    assert not desk.projection.fold.standing(key("bob")).is_nominal


async def test_an_enrolment_that_comes_before_the_person_waits(desk):
    await desk.hear(enrolled("bob", seen=0), a_triangle().police())
    assert desk.projection.fold.standing(key("bob")).is_nominal


async def test_a_role_does_not_survive_a_split_and_is_confirmed_again(desk):
    told = a_triangle()
    await desk.hear(told.police(), enrolled("ada", seen=1))
    await desk.hear(split("ada", "eve", told.mention("ada")))
    assert not any(row["is_nominal"] for row in desk.rows(ENTITIES))
    again = Told("R2").tie("ada", CO, "bob")
    await desk.hear(again.police(), enrolled("ada", seen=3))
    assert desk.projection.fold.standing(key("ada")).is_nominal
    assert [row["last_at"] for row in desk.rows(SPLITS)] == [1]


async def test_a_decision_on_an_outdated_look_is_void_whenever_it_is_read(desk):
    told = a_triangle()
    await desk.hear(told.police(), split("ada", "eve", told.mention("bob")))
    await desk.hear(enrolled("ada", seen=1))
    assert not desk.projection.fold.standing(key("ada")).is_nominal
    assert len(desk.rows(DECISIONS)) == 1


async def test_a_nominal_that_is_merged_away_makes_the_kept_person_one(desk):
    await desk.hear(a_triangle().police(), enrolled("cyd", seen=1), merged("ada", "cyd"))
    assert desk.projection.fold.standing(key("ada")).is_nominal
    await desk.hear(discharged("ada"))
    assert not desk.projection.fold.standing(key("ada")).is_nominal


async def test_a_suspect_is_a_suspected_nominal_only_in_a_candidate_network(desk):
    await desk.hear(Told("R1").tie("ada", CO, "bob").suspect("ada").police())
    assert not desk.projection.fold.standing(key("ada")).is_suspected_nominal
    joined = Told("R2").tie("bob", CO, "cyd", "dee").person("cyd", role=Role.WITNESS)
    await desk.hear(joined.person("dee", role=Role.VICTIM).police())
    assert desk.projection.fold.standing(key("ada")).is_suspected_nominal
    for other in ("cyd", "dee"):
        assert not desk.projection.fold.standing(key(other)).is_suspected_nominal


async def test_a_child_is_never_a_suspected_nominal(desk):
    told = a_triangle().tie("bob", CO, "dee").person("dee", child=YES, role=Role.SUSPECT)
    await desk.hear(told.police())
    assert network_of(desk, "dee")
    assert not desk.projection.fold.standing(key("dee")).is_suspected_nominal


# --- what is shown ------------------------------------------------------------------------------


async def test_a_network_is_shown_with_core_periphery_evidence_and_footprint(desk):
    await desk.hear(a_triangle().tie("cyd", CO, "dee").police())
    await desk.hear(Told("R2", district="S9").tie("ada", CO, "bob", "kid").child("kid").police())
    with desk.store.snapshot() as snapshot:
        shown = network(snapshot.connection, network_of(desk, "ada"))
        (listed,) = networks(snapshot.connection)
    names = {place: {row["entity_id"] for row in shown[place]} for place in ("core", "periphery")}
    assert names == {"core": {key("ada"), key("bob"), key("cyd")}, "periphery": {key("dee")}}
    assert [row["entity_id"] for row in shown["at_risk"]] == [key("kid")]
    assert shown["footprint"] == {"S5": 1, "S9": 1}
    both = next(tie for tie in shown["ties"] if tie["weight"] == 2)
    assert both["report_ids"] == sorted([key("R1"), key("R2")])
    assert (listed["people"], listed["children"], listed["pairs"]) == (4, 1, 5)


async def test_a_person_is_shown_with_every_report_that_mentions_it(desk):
    await desk.hear(a_triangle().police(), Told("R2").tie("ada", MEMBER, "crew").police())
    with desk.store.snapshot() as snapshot:
        shown = person(snapshot.connection, key("ada"))
    assert {row["report_id"] for row in shown["mentions"]} == {key("R1"), key("R2")}
    assert len(shown["ties"]) == 3


async def test_nobody_at_risk_is_ranked_by_reports(desk):
    told = [
        Told(f"R{number}").suspect("ada").child("kid").person("vi", child=NO, role=Role.VICTIM)
        for number in range(3)
    ]
    await desk.hear(*(one.police() for one in told), Told("R9").suspect("bob").police())
    with desk.store.snapshot() as view:
        order = [one["entity_id"] for one in persons(view.connection)]
    assert order == [key("ada"), key("bob"), *sorted([key("kid"), key("vi")])]


async def test_a_record_that_is_none_of_the_topics_events_is_kept_in_view(desk):
    await desk.log.append([Outgoing(POLICE, b"not an event"), Outgoing(POLICE, None)])
    await desk.hear(a_triangle().police())
    assert [row["offset"] for row in desk.rows(UNREADABLE)] == [0, 1]
    assert desk.rows(NETWORKS)
