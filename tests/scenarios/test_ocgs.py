"""OCGs from the first candidate network to the archive, as an analyst would see them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from consumers.ocg_network import OcgNetwork
from consumers.ocg_network.explaining import explained
from consumers.ocg_network.grade_look import report, revision_of, waiting
from consumers.ocg_network.ocg_look import (
    find_ocg,
    ground_for_mapping,
    ground_for_ocg,
    history,
    lives,
    members,
    ocg,
    ocgs,
    roles,
    scores,
)
from consumers.ocg_network.scoring import totals
from consumers.worker import ProjectionRunner
from deploy.cli import ocg_show as show
from streams.codes import OcgRole, ShareBand
from streams.errors import InvalidInputError
from streams.parts import Grading
from streams.roles import expiry_of
from streams.shared import SourceHistoryTold
from streams.taxonomy import RelationKind
from streams.values import CountBand
from tests.invented_evidence import Told, an_id, key, split, withdrawn
from tests.invented_evidence import merged as same_person
from tests.invented_ocgs import (
    AT,
    LAST_DAY,
    Analyst,
    archived,
    confirmed,
    ended,
    expired,
    graded,
    mapped,
    merged,
    scored,
)
from tests.invented_ocgs import split as ocg_split

CO, USES, SUPPLIES = RelationKind.CO_OFFENDER, RelationKind.USES_LINE, RelationKind.RUNS_LINE


@pytest.fixture
async def analyst():
    """Four adults and a child in one candidate network, of which three are mapped as SY-1."""
    desk = Analyst(OcgNetwork())
    await desk.hear(
        Told("R1", week="2026-W40").tie("ada", CO, "bob", "cyd").suspect("ada", "bob").police(),
        Told("R2", week="2026-W41").tie("bob", CO, "dee").child("kid").police(),
        Told("R3", week="2026-W41").tie("ada", RelationKind.EXPLOITS, "kid").child("kid").police(),
        mapped("SY-1", "ada", "bob", "cyd", seen=3, reports=("R1",)),
    )
    return desk


def of(found, name):
    return next(one for one in found if one["person_id"] == key(name))


async def test_a_candidate_network_offers_its_adults_alone_with_evidence_and_areas(analyst):
    network = analyst.look(members, key("SY-1"))[0]["network_id"]
    offered = analyst.look(ground_for_mapping, network)
    assert set(offered["members"]) == {key(name) for name in ("ada", "bob", "cyd", "dee")}
    assert offered["areas"] == ["S5"]
    assert set(offered["report_ids"]) == {key("R1"), key("R2")}
    assert offered["ground"].seen >= 3


async def test_an_ocg_shows_its_overlap_and_who_is_new_at_its_edge(analyst):
    found = analyst.look(ocg, analyst.look(find_ocg, "SY-1"))
    assert (found["status"], found["members"], found["at_risk"]) == ("MAPPED", 3, 0)
    (network,) = found["overlap"]
    assert (network["members_in"], network["people"]) == (3, 4)
    (dee,) = found["edge"]["people"]
    assert (dee["person_id"], dee["since"], dee["new"]) == (key("dee"), "2026-W41", False)
    assert found["edge"]["left_out"] == 1, "the child is counted and not shown"
    await analyst.hear(
        Told("R4", week="2026-W49").tie("ada", SUPPLIES, "line").police(),
        Told("R5", week="2026-W50").tie("eve", USES, "line").police(),
    )
    edge = analyst.look(ocg, key("SY-1"))["edge"]
    eve = of(edge["people"], "eve")
    assert (eve["new"], eve["through"], eve["tied_to"]) == (True, [key("line")], [key("ada")])


async def test_a_confirmed_role_makes_a_nominal_until_its_last_day_is_over(analyst):
    await analyst.hear(confirmed("SY-1", "ada", 3, role=OcgRole.PRINCIPAL, reports=("R1",)))
    assert of(analyst.look(members, key("SY-1")), "ada")["role"] == "PRINCIPAL"
    assert analyst.projection.fold.standing(key("ada")).is_nominal
    (role,) = analyst.look(roles)
    assert role["expires_on"] == "2027-05-26"
    await analyst.hear(expired("SY-1", "ada"))
    assert not analyst.projection.fold.standing(key("ada")).is_nominal
    assert analyst.look(history, key("SY-1"))[-1]["decided"] == "ROLE_EXPIRED"


async def test_a_member_found_to_be_a_child_stays_on_the_record_and_is_not_counted(analyst):
    await analyst.hear(confirmed("SY-1", "ada", 3, role=OcgRole.PRINCIPAL))
    await analyst.hear(Told("R6", week="2026-W48").child("ada").police())
    ada = of(analyst.look(members, key("SY-1")), "ada")
    assert (ada["standing"], ada["role"], ada["role_not_counted"]) == ("AT_RISK", None, True)
    (found,) = analyst.look(ocgs)
    assert (found["members"], found["at_risk"], found["below_three"]) == (2, 1, True)
    assert not analyst.look(roles)
    assert not analyst.projection.fold.standing(key("ada")).is_nominal


async def test_a_role_does_not_survive_a_split_of_the_person(analyst):
    await analyst.hear(confirmed("SY-1", "bob", seen=3))
    told = Told("R2", week="2026-W41").tie("bob", CO, "dee").child("kid")
    await analyst.hear(split("bob", "rob", told.mention("bob")))
    bob = of(analyst.look(members, key("SY-1")), "bob")
    assert (bob["role"], bob["role_void"], bob["split_since"]) == (None, True, True)
    await analyst.hear(confirmed("SY-1", "bob", seen=30))
    bob = of(analyst.look(members, key("SY-1")), "bob")
    assert (bob["role"], bob["role_void"]) == ("SIGNIFICANT", False)


async def test_of_two_members_who_are_one_person_the_stronger_role_stands(analyst):
    await analyst.hear(
        confirmed("SY-1", "ada", 3, role=OcgRole.PERIPHERAL),
        confirmed("SY-1", "bob", 3, role=OcgRole.PRINCIPAL),
        same_person("ada", "bob"),
    )
    found = analyst.look(members, key("SY-1"))
    assert [one["person_id"] for one in found] == [key("ada"), key("cyd")]
    assert found[0]["role"] == "PRINCIPAL"
    await analyst.hear(ended("SY-1", "bob"))
    assert analyst.look(members, key("SY-1"))[0]["role"] == "PERIPHERAL"


async def test_a_decision_whose_report_is_graded_e_or_withdrawn_later_says_so(analyst):
    assert not analyst.look(history, key("SY-1"))[0]["doubted"]
    await analyst.hear(graded("R1", "E"))
    assert analyst.look(history, key("SY-1"))[0]["doubted"] == {key("R1"): "SUSPECTED_FALSE"}
    await analyst.hear(graded("R1", "B"))
    assert not analyst.look(history, key("SY-1"))[0]["doubted"]
    await analyst.hear(withdrawn("R1"))
    assert analyst.look(history, key("SY-1"))[0]["doubted"] == {key("R1"): "WITHDRAWN"}
    assert analyst.look(ocgs)[0]["doubted_reports"] == 1


async def test_history_goes_on_through_merge_and_split_and_says_that_scores_are_old(analyst):
    await analyst.hear(
        scored("SY-1"),
        mapped("SY-2", "bob", "dee", "fay", seen=3),
        merged("SY-1", "SY-2"),
        ocg_split("SY-1", "SY-3", "dee", "fay"),
    )
    told = [one["decided"] for one in analyst.look(history, key("SY-1"))]
    assert told == ["MAPPED", "SCORED", "TOOK_IN", "SPLIT"]
    assert analyst.look(history, key("SY-2"))[-1]["other_reference"] == "SY-1"
    assert analyst.look(scores, key("SY-1"))[-1]["before"] == "SPLIT"
    summary = {one["reference"]: one for one in analyst.look(ocgs)}
    assert summary["SY-2"]["status"] == "ABSORBED"
    assert summary["SY-3"]["risk"] is None


async def test_totals_as_the_source_reports_them_and_why_they_fell(analyst):
    later = AT + timedelta(days=60)
    lower = ((1, 1, 1, 2, 2, 0), (0, 1, 2), (3, 1))
    await analyst.hear(
        mapped("SY-2", "bob", "dee", "fay", seen=3),
        scored("SY-1"),
        scored("SY-2"),
        scored("SY-1", "again", lower, at=later),
        archived("SY-2", at=later),
    )
    found = analyst.look(explained, AT, later)
    assert (found["from"]["mapped"], found["to"]["mapped"]) == (2, 1)
    assert (found["from"]["risk"], found["to"]["risk"]) == (110, 21)
    assert found["percent"] == {"mapped": -50.0, "risk": -80.9}
    first, second = found["ocgs"]
    assert first["whole"] + sum(first["factors"].values()) == first["change"] == -34
    assert (second["moved"], second["whole"]) == ("ARCHIVED", -55)
    assert first["position"]["CAPACITY"] == [2, 3]
    show.explanation(found)  # as people see it
    assert totals(analyst.look(lives), later - timedelta(days=1)).risk == 110


async def test_ungraded_reports_wait_oldest_first_and_a_correction_waits_again(analyst):
    plain = {"grading": Grading()}
    await analyst.hear(
        Told("R8", week="2026-W45", **plain).tie("ada", CO, "gus").police(),
        Told("R7", week="2026-W30", **plain).tie("ada", CO, "hal").police(),
    )
    found = analyst.look(waiting)
    assert [one["report_id"] for one in found["waiting"]] == [key("R7"), key("R8")]
    assert (found["graded"], found["reports"]) == (3, 5)
    await analyst.hear(graded("R7"))
    assert [one["report_id"] for one in analyst.look(waiting)["waiting"]] == [key("R8")]
    again = Told("R7", week="2026-W30", revision=2, **plain).tie("ada", CO, "hal")
    await analyst.hear(again.police())
    assert len(analyst.look(waiting)["waiting"]) == 2
    assert analyst.look(revision_of, key("R7")) == 2


async def test_who_grades_sees_how_the_unseen_source_fared_and_who_relies_on_the_report(analyst):
    unknown = analyst.look(report, key("R1"))
    assert unknown["source_history"]["known"] is False
    await analyst.hear(
        SourceHistoryTold(
            report_id=an_id("R1"),
            reports=CountBand.FROM_5,
            corroborated=ShareBand.MOST,
            reliable=None,
        ),
        graded("R1"),
    )
    found = analyst.look(report, key("R1"))
    assert "a half to three quarters" in found["source_history"]["in_words"]
    assert [one["decided"] for one in found["decisions"]] == ["MAPPED"]
    assert len(found["ties"]) == 2
    assert found["gradings"][0]["basis"] == ["SOURCE_HISTORY"]


async def test_a_reference_is_found_and_an_unknown_one_is_a_clear_error(analyst):
    assert analyst.look(find_ocg, "SY-1") == key("SY-1")
    with pytest.raises(InvalidInputError):
        analyst.look(find_ocg, "SY-99")


async def test_a_member_whom_no_report_mentions_any_longer_can_still_be_named(analyst):
    await analyst.hear(withdrawn("R1"))
    found = analyst.look(ground_for_ocg, key("SY-1"), (key("cyd")[:13],))
    assert found["named"] == [key("cyd")]
    assert of(analyst.look(members, key("SY-1")), "cyd")["standing"] == "NOT_MENTIONED"


async def test_every_view_of_an_ocg_can_be_shown_to_people(analyst, capsys):
    await analyst.hear(scored("SY-1"), confirmed("SY-1", "ada", 3), graded("R1", "E"))
    show.ocgs(analyst.look(ocgs))
    show.ocg(analyst.look(ocg, key("SY-1")))
    show.history(analyst.look(history, key("SY-1")))
    show.trajectory(analyst.look(scores, key("SY-1")))
    show.roles(analyst.look(roles))
    shown = capsys.readouterr().out
    assert "rests on a doubted report" in shown
    assert "none of them is an OCG" in shown
    assert "harm 11 x likelihood 5" in shown


async def test_the_runner_tells_once_that_the_last_day_of_a_role_is_over():
    times = [expiry_of(LAST_DAY) - timedelta(minutes=1)]
    projection = OcgNetwork()
    desk = Analyst(projection)
    desk.runner = ProjectionRunner(projection, desk.store, desk.log, clock=lambda: times[-1])
    await desk.hear(
        Told("R1").tie("ada", CO, "bob", "cyd").suspect("ada").police(),
        mapped("SY-1", "ada", "bob", "cyd", seen=1),
        confirmed("SY-1", "ada", 1),
    )
    for _ in range(3):
        await desk.read()
    assert desk.look(roles)
    times.append(expiry_of(LAST_DAY))
    for _ in range(5):
        await desk.read()
    assert not desk.look(roles)
    assert not projection.fold.standing(key("ada")).is_nominal
    told = [one["decided"] for one in desk.look(history, key("SY-1"))]
    assert told.count("ROLE_EXPIRED") == 1
    assert not projection.deadlines.open()
