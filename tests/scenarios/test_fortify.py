"""The acceptance story: nine bodies, nineteen OCGs, a year of decisions, and what came of it.

Reports go sealed through every stage; people decide through the product's own rules. It is played
once, in memory; what must come out stands in the story's own truth.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from anonymiser.keyring import new_keys
from consumers.ocg_network import disruption_look, ocg_look
from deploy.authority import Act, NotYourRoleError
from deploy.demo import fortify_office as cast
from deploy.demo.fortify import PipelineHouse, entries_of, play_year, roles
from deploy.demo.fortify_office import Calendar, Office
from deploy.demo.fortify_result import recounted
from deploy.pipeline import Pipeline
from deploy.population import example_population
from deploy.views import now
from producers.town.fortify import COMMUNITY_AREAS, GROUPS, Fortified, area_of, fortify_town
from streams.codec import decode, encode
from streams.errors import InvalidInputError, UnknownSchemaError
from streams.memory import LogicalClock, MemoryLog
from streams.ports import Outgoing
from streams.shared import DecisionRefused, OperationRecorded
from streams.topics import OPERATIONS, REGISTRY


@pytest.fixture(scope="module")
def story():
    """The story once played, its log and house still open to look into."""
    return asyncio.run(_played())


async def _played():
    at = now()
    calendar = Calendar(at.date())
    town = fortify_town(1, calendar.day_zero)
    log = MemoryLog(LogicalClock(at))
    register = (example_population("a test", at), *roles("a test", at))
    await log.append([Outgoing(REGISTRY, encode(event)) for event in register])
    keys = new_keys(random.Random(2019).randbytes)
    pipeline = Pipeline(log, keys, list(entries_of(town)))
    await pipeline.start()
    await pipeline.send(step.report for step in town.submissions)
    await pipeline.settle()
    house = PipelineHouse(log, pipeline)
    result = await play_year(house, calendar, time.monotonic())
    return SimpleNamespace(
        town=town, log=log, house=house, calendar=calendar, pipeline=pipeline, result=result
    )


def test_the_figures_of_the_paper_come_out_of_the_log(story):
    told = story.result.as_dict()
    assert told["mapped"] == {"before": 19, "after": 12}
    assert told["score"]["change_percent"] < -60
    assert (told["guns"], told["sentences"]) == (16, 85)
    assert (told["areas"], told["partner_bodies"]) == (5, 9)
    assert story.result.undoings() == []
    assert told["as_expected"]


async def test_without_one_archive_thirteen_are_mapped(story):
    recount = await recounted(story.log, story.calendar, "OcgArchived")
    assert recount.counted.mapped == (19, 13)
    assert story.result.as_dict()["mapped_without_one_archive"] == 13


@pytest.mark.parametrize(
    ("event", "name", "less"),
    [
        ("SentencePassed", "sentences", 1),
        ("SeizureMade", "guns", 2),
        ("ClosureMade", "closures", 1),
    ],
)
async def test_every_figure_hangs_on_its_events(story, event, name, less):
    whole = story.result.counted.totals["all"][name]
    recount = await recounted(story.log, story.calendar, event)
    assert recount.counted.totals["all"][name] in {whole - 1, whole - less}
    assert replace(story.result, counted=recount.counted).undoings() or name == "closures"


async def test_without_a_mapping_there_were_eighteen(story):
    recount = await recounted(story.log, story.calendar, "OcgMapped")
    assert recount.counted.mapped[0] == 18


async def test_a_record_that_nobody_wrote_cannot_be_left_out(story):
    with pytest.raises(InvalidInputError, match="holds no OcgSplit"):
        await recounted(story.log, story.calendar, "OcgSplit")
    with pytest.raises(InvalidInputError, match="there are"):
        await recounted(story.log, story.calendar, "Nonsense")


def test_the_change_of_the_score_is_explained_to_the_last_point(story):
    told, counted = story.result.explained, story.result.counted
    assert told["by_archiving"] + told["by_rating_anew"] == told["change"]
    assert told["change"] == counted.score[1] - counted.score[0]
    assert sum(told["by_factor"].values()) == pytest.approx(told["by_rating_anew"])
    assert told["beside"]["of_them_disrupted"] == told["beside"]["ocgs_down"]


def test_no_child_is_a_member_holds_a_role_or_is_a_target(story):
    with story.house.police() as connection:
        day = story.calendar.day(295).isoformat()
        for ocg in ocg_look.ocgs(connection):
            assert ocg["at_risk"] == 0
            assert all(
                one["standing"] == "COUNTED" for one in ocg_look.members(connection, ocg["ocg_id"])
            )
            for lever in disruption_look.lever_gaps(connection, ocg["ocg_id"], day)["levers"]:
                named = [one["entity_id"] for one in lever["chances"] if one["kind"] == "PERSON"]
                facts = ocg_look.people(connection, named)
                assert not any(one.is_at_risk for one in facts.values())


def test_the_exploited_childs_sibling_is_found_beside_it_in_every_group(story):
    assert story.result.alerts["SIBLING_OF_INVOLVED"] >= GROUPS
    assert story.result.alerts["CHILD_TIED_TO_NOMINAL"] >= GROUPS


def test_at_homes_with_children_the_hub_was_asked_first_and_its_hold_stood(story):
    course = story.result.course
    assert (course.refused_without_view, course.held) == (3, 1)
    with story.house.police() as connection:
        views = disruption_look.hub_views(connection)
        held = [one["entity_id"] for one in views if one["view"] == "HOLD_UNTIL_CHILD_SAFE"]
        targets = {one["target_id"] for one in disruption_look.disruptions(connection)}
    assert len(views) == 3
    assert len(held) == 1
    assert not targets & set(held)


def test_every_decision_is_on_the_record_and_none_was_refused_for_want_of_a_role(story):
    kinds = (OperationRecorded, DecisionRefused)
    told = []
    for record in story.log.records(OPERATIONS):
        try:
            told.append(decode(record.value, *kinds))
        except UnknownSchemaError:
            continue
    actors = {one.actor for one in told}
    assert {*cast.ANALYSTS, cast.RATER, cast.LEAD_OFFICER, cast.ASSESSOR, cast.HUB_LEAD} <= actors
    assert not [one for one in told if isinstance(one, DecisionRefused)]


async def test_who_has_no_role_decides_nothing_in_the_story_either(story):
    office = Office(story.house, story.calendar)
    with pytest.raises(NotYourRoleError):
        await office.disruptions(cast.RATER, Act.PLAN_DISRUPTION, "a plan", lambda _: iter(()))


def test_a_strand_that_nobody_uses_shows_as_none(story):
    strands = {one["four_p"].value: one for one in story.result.balance}
    assert set(strands) == {"PURSUE", "PREVENT", "PROTECT", "PREPARE", "PARTNERSHIP"}
    assert strands["PREPARE"]["planned"] == 0


def test_what_does_not_come_out_is_said(story):
    other = Fortified(guns=17, mapped_after=11, score_down_percent=90.0)
    wrong = replace(story.result, truth=other).undoings()
    assert any("guns: 16, not 17" in one for one in wrong)
    assert any("mapped OCGs after: 12, not 11" in one for one in wrong)
    assert any("total score" in one for one in wrong)


def test_the_town_has_its_groups_in_five_areas_and_nine_bodies_tell_of_them(story):
    assert len(story.town.groups) == GROUPS
    assert {step.partner for step in story.town.submissions} == {
        body.partner for body in story.town.bodies
    }
    people = story.town.people
    areas = {area_of({people[group.core[0]].home.outcode: 1}) for group in story.town.groups}
    assert areas == set(COMMUNITY_AREAS)
