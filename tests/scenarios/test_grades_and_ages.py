"""Stories about grades, ages and what a thing is, as they change a network."""

from __future__ import annotations

import pytest

from consumers.network.tables import AGES, ENTITIES, FACTS, GRADES, NETWORKS, PAIRS, REPORTS, TIES
from consumers.ocg_network import OcgNetwork
from consumers.safeguarding import Safeguarding
from streams.parts import Grading
from streams.taxonomy import RelationKind
from streams.values import Activity, AgeBand, Role, Theme
from tests.invented_evidence import (
    NO,
    UNKNOWN,
    YES,
    Desk,
    Told,
    aged,
    grade,
    graded,
    key,
    merged,
    split,
    withdrawn,
)

CO = RelationKind.CO_OFFENDER
ASSOCIATE = RelationKind.ASSOCIATE
UNGRADED = Grading()


@pytest.fixture
def desk():
    return Desk(OcgNetwork())


@pytest.fixture
def hub():
    return Desk(Safeguarding())


def a_tie(name="R1", **facts):
    return Told(name, **facts).tie("ada", CO, "bob")


def a_line(name="R1", **facts):
    """Three people, one tied to the next."""
    return Told(name, **facts).tie("ada", CO, "bob").tie("bob", CO, "cyd")


def is_child(desk, name):
    return desk.projection.fold.standing(key(name)).is_child


def marks(desk):
    return [(row["tentative"], row["doubted"]) for row in desk.rows(PAIRS)]


# --- grades --------------------------------------------------------------------------------


async def test_a_tie_of_ungraded_reports_alone_is_tentative_until_one_is_graded(desk):
    await desk.hear(a_tie("R1", grading=UNGRADED).police(), a_tie("R2", grading=UNGRADED).police())
    assert marks(desk) == [(True, 0)]
    await desk.hear(graded("R2", grade("C")))
    assert marks(desk) == [(False, 0)]
    (tie,) = desk.rows(TIES)
    assert (tie["tentative"], tie["weight"], tie["weakest_scheme"]) == (False, 2, "UNGRADED")


async def test_a_tentative_network_is_a_candidate_network_all_the_same(desk):
    await desk.hear(a_line(grading=UNGRADED).police())
    assert len(desk.rows(NETWORKS)) == 1
    assert marks(desk) == [(True, 0), (True, 0)]


async def test_graded_as_suspected_false_a_report_takes_its_network_with_it(desk):
    await desk.hear(a_line().police(), graded("R1", grade("E")))
    assert (desk.rows(TIES), desk.rows(PAIRS), desk.rows(NETWORKS)) == ([], [], [])
    (row,) = desk.rows(REPORTS)
    assert row["assessment"] == "E"


async def test_a_later_grade_that_trusts_it_brings_the_same_network_back(desk):
    await desk.hear(a_line().police())
    (before,) = desk.rows(NETWORKS)
    await desk.hear(graded("R1", grade("E")), graded("R1", grade("A")))
    assert desk.rows(NETWORKS) == [before]


async def test_what_rested_on_a_report_that_is_suspected_false_now_is_marked(desk):
    await desk.hear(a_line("R1").police(), a_tie("R2").police(), graded("R2", grade("E")))
    doubted = {row["low_id"] + row["high_id"]: row["doubted"] for row in desk.rows(PAIRS)}
    assert sorted(doubted.values()) == [0, 1]
    low, high = sorted((key("ada"), key("bob")))
    assert doubted[low + high] == 1


async def test_a_doubted_word_of_an_acquaintance_marks_only_what_it_could_have_carried(desk):
    innocent = Told("R2", activity=Activity.MEETING, grading=grade("E"))
    await desk.hear(Told("R1").tie("ada", ASSOCIATE, "bob").police())
    await desk.hear(innocent.tie("ada", ASSOCIATE, "bob").police())
    (tie,), (pair,) = desk.rows(TIES), desk.rows(PAIRS)
    assert (tie["doubted"], pair["doubted"]) == (1, 0)


async def test_a_grade_that_comes_before_its_report_waits_for_it(desk):
    await desk.hear(graded("R1", grade("E")))
    assert len(desk.rows(GRADES)) == 1
    await desk.hear(a_tie().police())
    assert desk.rows(TIES) == []


async def test_a_grade_of_a_revision_to_come_waits_while_the_one_that_stands_keeps_its_own(desk):
    await desk.hear(a_tie().police(), graded("R1", grade("E"), revision=2))
    assert len(desk.rows(TIES)) == 1
    await desk.hear(a_tie(revision=2).police())
    assert desk.rows(TIES) == []


async def test_the_next_revision_has_its_own_grade_until_it_is_graded(desk):
    await desk.hear(a_tie().police(), graded("R1", grade("E")))
    await desk.hear(a_tie(revision=2, grading=grade("B")).police())
    assert len(desk.rows(TIES)) == 1
    assert desk.rows(GRADES) == []


@pytest.mark.parametrize("late", [graded("R1", grade("E")), graded("R1", grade("E"), revision=2)])
async def test_a_grade_of_a_report_that_was_withdrawn_or_replaced_changes_nothing(desk, late):
    await desk.hear(a_tie().police(), a_tie(revision=3).police(), a_tie("R2").police())
    before = desk.table_hashes()
    await desk.hear(late)
    assert desk.table_hashes() == before
    await desk.hear(withdrawn("R1"))
    before = desk.table_hashes()
    await desk.hear(late)
    assert desk.table_hashes() == before


async def test_who_is_a_suspect_in_a_report_that_is_suspected_false_is_none(desk):
    accused = a_line("R2", grading=grade("E")).person("ada", child=NO, role=Role.SUSPECT)
    await desk.hear(a_line("R1").police(), accused.police())
    assert not desk.projection.fold.standing(key("ada")).is_suspected_nominal
    await desk.hear(graded("R2", grade("B")))
    assert desk.projection.fold.standing(key("ada")).is_suspected_nominal


# --- who counts -----------------------------------------------------------------------------


async def test_victims_only_do_not_count_towards_three(desk):
    await desk.hear(a_line().person("cyd", child=NO, role=Role.VICTIM).police())
    assert desk.rows(NETWORKS) == []
    await desk.hear(Told("R2").tie("cyd", CO, "dee").police())
    (row,) = desk.rows(NETWORKS)
    assert (row["people"], row["victims"]) == (3, 1)


async def test_a_victim_whom_another_report_suspects_counts(desk):
    await desk.hear(a_line().person("cyd", child=NO, role=Role.VICTIM).police())
    await desk.hear(Told("R2").suspect("cyd").police())
    assert [row["people"] for row in desk.rows(NETWORKS)] == [3]


# --- ages -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "told",
    [
        Told("R1").tie("cyd", RelationKind.ATTENDS, "school"),
        Told("R1").tie("ada", RelationKind.PARENT, "cyd"),
        Told("R1").tie("ada", RelationKind.KINSHIP_CARER, "cyd"),
        Told("R1").tie("ada", RelationKind.FOSTER_CARER, "cyd"),
        Told("R1", theme=Theme.CHILD_CRIMINAL_EXPLOITATION).person("cyd", role=Role.VICTIM),
    ],
)
async def test_somebody_of_unknown_age_of_whom_a_child_is_told_counts_as_one(hub, told):
    await hub.hear(told.safeguarding())
    assert is_child(hub, "cyd")
    assert "ada" not in told.kinds or not is_child(hub, "ada")


@pytest.mark.parametrize(
    "told",
    [
        Told("R1").tie("cyd", RelationKind.PARENT, "ada"),
        Told("R1", theme=Theme.CHILD_CRIMINAL_EXPLOITATION).person("cyd", role=Role.SUSPECT),
        Told("R1", theme=Theme.DRUGS).person("cyd", role=Role.VICTIM),
        Told("R1", grading=grade("E")).tie("ada", RelationKind.PARENT, "cyd"),
        Told("R1").tie("ada", RelationKind.PARENT, "cyd").person("cyd", child=NO),
    ],
)
async def test_nothing_else_makes_a_child(hub, told):
    await hub.hear(told.safeguarding())
    assert not is_child(hub, "cyd")


@pytest.mark.parametrize("week", ["2026-W01", "2026-W40", "2026-W50"])
async def test_an_age_that_is_told_stands_above_signs_of_a_child_whenever(hub, week):
    signs = Told("R1", week="2026-W40").tie("ada", RelationKind.PARENT, "cyd")
    await hub.hear(signs.safeguarding())
    await hub.hear(Told("R2", week=week).person("cyd", child=NO).safeguarding())
    assert not is_child(hub, "cyd")
    await hub.hear(withdrawn("R2"))
    assert is_child(hub, "cyd")


async def test_of_two_ages_that_contradict_each_other_the_later_week_decides(hub):
    await hub.hear(Told("R1", week="2026-W20").person("cyd", child=NO).safeguarding())
    await hub.hear(Told("R2", week="2026-W19").person("cyd", child=YES).safeguarding())
    assert not is_child(hub, "cyd")
    await hub.hear(Told("R3", week="2026-W20").person("cyd", child=YES).safeguarding())
    assert is_child(hub, "cyd"), "of one week the younger"


async def test_who_comes_of_age_is_no_child_from_that_week_and_counts(hub):
    await hub.hear(a_line(week="2026-W10").person("cyd", child=YES).safeguarding())
    assert hub.rows(NETWORKS) == []
    await hub.hear(aged("cyd", AgeBand.ADULT, "2026-W30"))
    assert not is_child(hub, "cyd")
    assert len(hub.rows(NETWORKS)) == 1
    await hub.hear(Told("R2", week="2026-W12").person("cyd", child=YES).safeguarding())
    assert not is_child(hub, "cyd"), "a report of an earlier week tells of an earlier age"


async def test_an_age_that_was_told_by_mistake_is_taken_back(hub):
    await hub.hear(Told("R1").tie("kit", CO, "ada").person("kit", child=YES).safeguarding())
    before = hub.rows(AGES), is_child(hub, "kit")
    await hub.hear(aged("kit", AgeBand.ADULT, "2099-W01"))
    assert not is_child(hub, "kit")
    await hub.hear(aged("kit", AgeBand.UNKNOWN, "2099-W02"))
    assert (hub.rows(AGES), is_child(hub, "kit")) == before == ([], True)


async def test_an_age_that_comes_before_the_person_waits(hub):
    await hub.hear(aged("cyd", AgeBand.AGE_11_15, "2026-W30"))
    assert [row["age_band"] for row in hub.rows(AGES)] == ["AGE_11_15"]
    await hub.hear(Told("R1").person("cyd", child=UNKNOWN).safeguarding())
    assert is_child(hub, "cyd")
    (row,) = hub.rows(ENTITIES)
    assert row["age_band"] == "AGE_11_15"


async def test_an_age_follows_a_merge_and_comes_back_when_it_is_undone(hub):
    told = Told("R1").person("ada"), Told("R2").person("cyd")
    await hub.hear(
        *(one.safeguarding() for one in told), aged("cyd", AgeBand.AGE_16_17, "2026-W30")
    )
    await hub.hear(merged("ada", "cyd"))
    assert is_child(hub, "ada")
    await hub.hear(split("ada", "cyd", told[1].mention("cyd")))
    assert (is_child(hub, "ada"), is_child(hub, "cyd")) == (False, True)


async def test_an_age_leaves_with_its_person_whoever_the_split_names(hub):
    told = Told("R1").person("ada"), Told("R2").person("bob")
    await hub.hear(
        *(one.safeguarding() for one in told), aged("cyd", AgeBand.AGE_16_17, "2026-W30")
    )
    await hub.hear(merged("ada", "cyd"))
    assert is_child(hub, "ada")
    await hub.hear(split("bob", "cyd", told[1].mention("bob")))
    assert (is_child(hub, "ada"), is_child(hub, "cyd")) == (False, True)


async def test_the_band_is_that_of_the_last_week_and_police_are_told_none(hub, desk):
    for week, band in (("2026-W10", AgeBand.AGE_11_15), ("2026-W20", AgeBand.AGE_16_17)):
        told = Told(week, week=week).person("cyd", child=YES, band=band)
        await hub.hear(told.safeguarding())
        await desk.hear(told.police())
    assert hub.projection.fold.age_band(key("cyd")) is AgeBand.AGE_16_17
    assert desk.projection.fold.age_band(key("cyd")) is AgeBand.UNKNOWN


# --- what a thing is, and what was told -------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "thing", "column"),
    [
        (RelationKind.RUNS_LINE, "phone", "is_deal_line"),
        (RelationKind.USES_LINE, "phone", "is_deal_line"),
        (RelationKind.CUCKOOED_AT, "flat", "is_cuckooed"),
    ],
)
async def test_a_deal_line_and_a_cuckooed_address_are_what_they_are_while_a_tie_says_so(
    desk, kind, thing, column
):
    def marked():
        return {row["entity_id"] for row in desk.rows(ENTITIES) if row[column]}

    await desk.hear(Told("R1").tie("ada", kind, thing).police())
    assert marked() == {key(thing)}
    await desk.hear(graded("R1", grade("E")))
    assert marked() == set()
    await desk.hear(graded("R1", grade("D")), withdrawn("R1"))
    assert marked() == set()


async def test_a_phone_that_is_only_used_is_no_deal_line(desk):
    await desk.hear(Told("R1").tie("ada", RelationKind.USES, "car").police())
    assert not any(row["is_deal_line"] or row["is_cuckooed"] for row in desk.rows(ENTITIES))


async def test_the_coded_facts_of_a_report_are_kept_as_it_stands(desk):
    await desk.hear(a_tie(theme=Theme.FIREARMS, activity=Activity.WEAPON_SEEN).police())
    (row,) = desk.rows(FACTS)
    assert (row["theme"], row["activity"]) == ("FIREARMS", "WEAPON_SEEN")
    facts = desk.projection.fold.ledger.reports[key("R1")].shape.facts
    assert [fact.activity for fact in facts] == [Activity.WEAPON_SEEN]
    assert list(desk.projection.fold.reports_of(key("ada"))) == [key("R1")]
    await desk.hear(withdrawn("R1"))
    assert desk.rows(FACTS) == []
