"""Stories about levers: what is offered against an OCG, what never is, what the hub says first."""

from __future__ import annotations

import random

import pytest

from consumers.ocg_network import OcgNetwork, disruption_look
from consumers.ocg_network.disruption_decisions import HubViewMissingError, decide_plan
from consumers.ocg_network.removal import NotRemovableError
from streams.codec import encode
from streams.codes import Agency, HubView, Lever, OcgRole, Rationale
from streams.errors import InvalidInputError
from streams.ocg import OcgMapped, RoleConfirmed
from streams.ports import Outgoing
from streams.roles import OcgStatus
from streams.taxonomy import RelationKind
from streams.topics import DISRUPTIONS, POLICE, POLICE_DECISIONS
from streams.values import NodeKind, Role
from tests.invented_disruptions import (
    AT,
    DAY,
    answered,
    arrested,
    asked,
    assessed,
    book_of,
    by_report,
    executed,
    failed,
    planned,
    protected,
    seized,
)
from tests.invented_evidence import (
    NO,
    UNKNOWN,
    YES,
    Desk,
    Told,
    an_id,
    enrolled,
    key,
    merged,
    split,
    withdrawn,
)

CO = RelationKind.CO_OFFENDER
LIVES = RelationKind.LIVES_AT
TODAY = "2026-06-30"
MEMBERS = ("ada", "bob", "cyd")


def mapped(*members, ocg="OCG 1", reference="FV-1"):
    return OcgMapped(
        ocg_id=an_id(ocg),
        reference=reference,
        network_id=None,
        members=tuple(map(an_id, members or MEMBERS)),
        areas=("DON",),
        reasons=(Rationale.INTELLIGENCE,),
        report_ids=(),
        seen=0,
        decided_by="DS Invented",
        decided_at=AT,
    )


def confirmed(person, role):
    return RoleConfirmed(
        ocg_id=an_id("OCG 1"),
        person_id=an_id(person),
        role=role,
        reasons=(Rationale.INTELLIGENCE,),
        report_ids=(),
        expires_on=DAY.replace(year=2027),
        seen=10,
        decided_by="DS Invented",
        decided_at=AT,
    )


def a_group(name="R1"):
    told = Told(name).tie("ada", CO, "bob", "cyd").tie("bob", CO, "cyd")
    return told.suspect("ada", "bob", "cyd")


def at_home(name, *people, place="home"):
    """Who lives at a place; the first is a suspect, the others are as they are told apart."""
    told = Told(name).suspect(people[0])
    for one in people:
        told.tie(one, LIVES, place)
    return told


class Police:
    """The police projection over a log in memory, fed topic by topic."""

    def __init__(self):
        self.desk = Desk(OcgNetwork())

    async def hear(self, topic, *events):
        await self.desk.log.append([Outgoing(topic, encode(event)) for event in events])
        await self.desk.read()

    def look(self, read, *arguments, **terms):
        with self.desk.store.snapshot() as view:
            return read(view.connection, *arguments, **terms)

    def gaps(self):
        found = self.look(disruption_look.lever_gaps, key("OCG 1"), TODAY)
        return {one["entry"]["lever"]: one for one in found["levers"]}

    def chances(self, lever):
        return {one["entity_id"]: one for one in self.gaps()[lever]["chances"]}


@pytest.fixture
async def police():
    one = Police()
    await one.hear(POLICE, a_group().police())
    await one.hear(POLICE_DECISIONS, mapped())
    return one


# --- what is offered ------------------------------------------------------------------


async def test_levers_are_offered_by_what_is_there(police):
    assert set(police.chances(Lever.CIVIL_INJUNCTION)) == {key(one) for one in MEMBERS}
    assert Lever.CLOSURE_ORDER not in police.gaps()
    await police.hear(POLICE, at_home("R2", "ada").police())
    assert set(police.chances(Lever.CLOSURE_ORDER)) == {key("home")}


async def test_a_lever_that_failed_stays_a_gap_and_says_why(police):
    await police.hear(DISRUPTIONS, planned(), failed())
    gap = police.gaps()[Lever.CIVIL_INJUNCTION]
    assert gap["is_gap"]
    assert (gap["tried"], gap["failures"]) == ("FAILED", ("COURT_REFUSED",))


async def test_a_lever_that_was_used_is_none_and_its_target_is_offered_no_more(police):
    await police.hear(DISRUPTIONS, planned(), executed())
    gap = police.gaps()[Lever.CIVIL_INJUNCTION]
    assert not gap["is_gap"]
    assert key("ada") not in police.chances(Lever.CIVIL_INJUNCTION)


async def test_what_was_used_against_somebody_merged_since_is_not_offered_again(police):
    await police.hear(POLICE, Told("R2").suspect("ada b").police())
    await police.hear(DISRUPTIONS, planned(target_id=an_id("ada b")), executed())
    assert key("ada") in police.chances(Lever.CIVIL_INJUNCTION)
    await police.hear(POLICE, merged("ada", "ada b"))
    assert key("ada") not in police.chances(Lever.CIVIL_INJUNCTION)


async def test_who_is_a_victim_only_is_offered_no_lever_though_police_enrolled_them(police):
    told = Told("R4").person("vi", role=Role.VICTIM, child=NO).tie("bob", CO, "vi")
    await police.hear(POLICE, told.police())
    await police.hear(POLICE_DECISIONS, mapped("ada", "bob", "cyd", "vi"), enrolled("vi", seen=9))
    assert key("vi") not in police.chances(Lever.CIVIL_INJUNCTION)
    nodes = police.look(disruption_look.nodes_of, "FV-1")
    with pytest.raises(NotRemovableError):
        police.look(disruption_look.removal, nodes, without=[key("vi")])


async def test_no_lever_is_offered_against_a_child_or_a_victim_among_the_members(police):
    later = Told("R3", week="2026-W41").person("cyd", child=YES)
    await police.hear(POLICE, later.police())
    victim = Told("R4").person("vi", role=Role.VICTIM).tie("bob", CO, "vi")
    await police.hear(POLICE, victim.police())
    await police.hear(POLICE_DECISIONS, mapped("ada", "bob", "cyd", "vi"))
    offered = {
        one for gap in police.gaps().values() for one in (c["entity_id"] for c in gap["chances"])
    }
    assert not offered & {key("cyd"), key("vi")}
    assert key("ada") in offered


async def test_somebody_of_unknown_age_is_offered_with_the_doubt_said(police):
    await police.hear(
        POLICE, Told("R3").person("dan", role=Role.SUSPECT).tie("ada", CO, "dan").police()
    )
    await police.hear(POLICE_DECISIONS, mapped("ada", "bob", "cyd", "dan"))
    assert not police.chances(Lever.CIVIL_INJUNCTION)[key("dan")]["age_known"]
    assert police.chances(Lever.CIVIL_INJUNCTION)[key("ada")]["age_known"]


async def test_where_only_a_victim_lives_nothing_takes_the_home(police):
    told = Told("R5").suspect("ada").person("vi", role=Role.VICTIM)
    told.tie("vi", RelationKind.CUCKOOED_AT, "flat")
    await police.hear(POLICE, told.police())
    assert key("flat") in police.chances(Lever.HARDENING)
    for lever in (Lever.POSSESSION, Lever.CLOSURE_ORDER, Lever.TENANCY_WITHDRAWAL):
        assert lever not in police.gaps()


async def test_what_a_child_among_the_members_has_alone_is_no_target(police):
    told = Told("R5", week="2026-W41").person("cyd", child=YES).suspect("ada")
    told.tie("cyd", RelationKind.USES, "own account").tie("cyd", RelationKind.USES, "account")
    told.tie("ada", RelationKind.USES, "account")
    for name in ("own account", "account"):
        told.kinds[name] = NodeKind.ACCOUNT
    await police.hear(POLICE, told.police())
    fitting = {chance["entity_id"] for gap in police.gaps().values() for chance in gap["chances"]}
    assert key("account") in fitting
    assert key("own account") not in fitting
    terms = {"ocg_id": key("OCG 1"), "target_id": key("own account")}
    assert not police.look(disruption_look.ground, TODAY, **terms).is_of_ocg


async def test_what_is_of_the_ocg_is_its_members_and_what_they_have(police):
    await police.hear(
        POLICE, at_home("R2", "ada").police(), at_home("R3", "eve", place="far").police()
    )
    for one, is_of_it in (("ada", True), ("home", True), ("eve", False), ("far", False)):
        terms = {"ocg_id": key("OCG 1"), "target_id": key(one)}
        assert police.look(disruption_look.ground, TODAY, **terms).is_of_ocg is is_of_it


# --- the hub's view -------------------------------------------------------------------


async def plan_at_home(police):
    ground = police.look(
        disruption_look.ground,
        TODAY,
        ocg_id=key("OCG 1"),
        target_id=key("home"),
        report_ids=[key("R1")],
    )
    event = planned(
        lever=Lever.POSSESSION,
        agency=Agency.HOUSING,
        target_id=an_id("home"),
        request_id=an_id("Q1"),
    )
    return decide_plan(event, book_of(), ground)


@pytest.mark.parametrize("child", [YES, UNKNOWN])
async def test_a_child_or_somebody_of_unknown_age_at_home_means_asking_first(police, child):
    await police.hear(POLICE, at_home("R2", "ada", "kim").person("kim", child=child).police())
    assert police.chances(Lever.POSSESSION)[key("home")]["view_state"] == "ASK_FIRST"
    with pytest.raises(HubViewMissingError):
        await plan_at_home(police)
    await police.hear(POLICE_DECISIONS, asked(lever=Lever.POSSESSION))
    assert police.chances(Lever.POSSESSION)[key("home")]["view_state"] == "ASKED"
    await police.hear(POLICE, answered(view=HubView.IN_SCHOOL_HOURS))
    assert police.chances(Lever.POSSESSION)[key("home")]["view"] == "IN_SCHOOL_HOURS"
    assert await plan_at_home(police)


async def test_a_later_report_that_says_adult_takes_the_need_away(police):
    await police.hear(POLICE, at_home("R2", "ada", "kim").child("kim").police())
    await police.hear(POLICE, Told("R3", week="2026-W45").suspect("kim").police())
    assert await plan_at_home(police)


async def test_what_the_hub_protects_needs_its_view_though_police_know_of_no_child(police):
    await police.hear(POLICE, at_home("R2", "ada").police())
    assert await plan_at_home(police)
    await police.hear(POLICE, protected())
    with pytest.raises(HubViewMissingError):
        await plan_at_home(police)
    await police.hear(POLICE, protected(ended=True))
    assert await plan_at_home(police)


async def test_hold_is_shown_where_the_lever_is_offered(police):
    await police.hear(POLICE, at_home("R2", "ada", "kim").child("kim").police())
    await police.hear(POLICE_DECISIONS, asked(lever=Lever.POSSESSION))
    await police.hear(POLICE, answered(view=HubView.HOLD_UNTIL_CHILD_SAFE))
    assert police.chances(Lever.POSSESSION)[key("home")]["view_state"] == "HOLD"


async def test_a_view_asked_under_an_id_that_was_merged_holds_for_the_one_it_is_now(police):
    await police.hear(POLICE, at_home("R2", "ada", "kim").child("kim").police())
    await police.hear(POLICE_DECISIONS, asked(place="old home", lever=Lever.POSSESSION))
    await police.hear(POLICE, answered())
    with pytest.raises(HubViewMissingError):
        await plan_at_home(police)
    await police.hear(POLICE, merged("home", "old home", NodeKind.ADDRESS))
    assert await plan_at_home(police)


# --- what rows tell -------------------------------------------------------------------


async def test_an_outcome_whose_report_was_withdrawn_says_that_its_cause_is_gone(police):
    await police.hear(DISRUPTIONS, seized(caused_by=by_report()))
    (one,) = police.look(disruption_look.outcomes)
    assert one["cause_known"]
    await police.hear(POLICE, withdrawn("R1"))
    (one,) = police.look(disruption_look.outcomes)
    assert not one["cause_known"]
    assert police.look(disruption_look.all_totals)["all"]["guns"] == 1


async def test_roles_are_found_under_the_id_a_person_goes_by_now(police):
    await police.hear(POLICE_DECISIONS, confirmed("cyd", OcgRole.PRINCIPAL))
    await police.hear(POLICE, merged("bob", "cyd"))
    assert police.look(disruption_look.roles_of, key("bob")) == {OcgRole.PRINCIPAL}
    assert police.look(disruption_look.roles_of, key("ada")) == frozenset()


async def test_a_role_that_a_split_has_voided_keeps_nobody_from_a_way_out(police):
    await police.hear(POLICE_DECISIONS, confirmed("cyd", OcgRole.PRINCIPAL))
    later = [Told(f"R{number}").suspect("cyd") for number in range(2, 12)]
    await police.hear(POLICE, *(one.police() for one in later))
    await police.hear(POLICE, split("cyd", "cyd b", later[0].mention("cyd")))
    assert police.look(disruption_look.roles_of, key("cyd")) == frozenset()


async def test_an_outcome_without_an_ocg_is_listed_with_that_of_its_disruption(police):
    await police.hear(DISRUPTIONS, planned(), seized(ocg_id=None), seized("S2", ocg_id=None))
    listed = police.look(disruption_look.outcomes, key("OCG 1"))
    counted = police.look(disruption_look.all_totals)["by_ocg"]["FV-1"]
    assert len(listed) == counted["guns"] == 2
    assert not police.look(disruption_look.outcomes, key("OCG 2"))


async def test_the_arrest_of_somebody_found_to_be_a_child_counts_no_longer(police):
    await police.hear(DISRUPTIONS, planned(), arrested(person="cyd"), arrested("A2"))
    assert police.look(disruption_look.all_totals)["all"]["arrests"] == 2
    await police.hear(POLICE, Told("R3", week="2026-W41").person("cyd", child=YES).police())
    assert police.look(disruption_look.all_totals)["all"]["arrests"] == 1
    assert len(police.look(disruption_look.outcomes)) == 2, "it stays on the record"


async def test_an_ocg_is_found_by_its_reference_and_unknown_ones_are_not(police):
    assert police.look(disruption_look.find_ocg, "FV-1") == key("OCG 1")
    assert police.look(disruption_look.find_ocg, "fv-1") == key("OCG 1")
    assert police.look(disruption_look.status_of, key("OCG 1")) is OcgStatus.MAPPED
    with pytest.raises(InvalidInputError):
        police.look(disruption_look.find_ocg, "FV-2")


async def test_live_rows_are_those_of_a_fresh_fold(police):
    await police.hear(DISRUPTIONS, planned(), executed(), assessed(), seized())
    fresh = Desk(OcgNetwork(), log=police.desk.log)
    await fresh.read()
    assert fresh.table_hashes() == police.desk.table_hashes()


# --- removal --------------------------------------------------------------------------


async def test_on_paper_a_child_stays_in_the_network(police):
    told = Told("R6").suspect("ada").child("kim").tie("ada", RelationKind.EXPLOITS, "kim")
    await police.hear(POLICE, told.police())
    nodes = police.look(disruption_look.nodes_of, "FV-1")
    assert key("kim") in nodes
    found = police.look(disruption_look.removal, nodes, top=3)
    assert key("kim") not in found["removed"]
    assert found["after"]["nodes"] == 1
    with pytest.raises(NotRemovableError):
        police.look(disruption_look.removal, nodes, without=[key("kim")])
    with pytest.raises(InvalidInputError, match="--without"):
        police.look(disruption_look.removal, nodes)


# --- order and past -------------------------------------------------------------------


def history():
    """What three topics hold, each in its own order."""
    return {
        POLICE: [
            a_group().police(),
            at_home("R2", "ada", "kim").child("kim").police(),
            answered(view=HubView.WITH_A_SOCIAL_WORKER),
            protected(),
            merged("home", "old home", NodeKind.ADDRESS),
        ],
        POLICE_DECISIONS: [mapped(), asked(), confirmed("ada", OcgRole.PRINCIPAL)],
        DISRUPTIONS: [planned(), executed(), assessed(), planned("D2"), failed("D2"), seized()],
    }


@pytest.mark.parametrize("seed", range(6))
async def test_every_interleaving_of_the_three_topics_gives_the_same_rows(seed):
    dice, police = random.Random(seed), Police()
    queues = {topic: list(events) for topic, events in history().items()}
    while any(queues.values()):
        topic = dice.choice([one for one, events in queues.items() if events])
        await police.hear(topic, queues[topic].pop(0))
    in_turn = Police()
    for topic, events in history().items():
        await in_turn.hear(topic, *events)
    assert police.desk.table_hashes() == in_turn.desk.table_hashes()


async def test_a_look_back_shows_what_was_known_then(police):
    await police.hear(DISRUPTIONS, planned(), executed())
    then = dict(police.desk.store.positions())
    await police.hear(DISRUPTIONS, assessed(), seized())
    with police.desk.store.as_of(then) as view:
        (one,) = disruption_look.disruptions(view.connection)
        assert one["impact"] == "not assessed"
        assert disruption_look.all_totals(view.connection)["all"]["guns"] == 0
    (one,) = police.look(disruption_look.disruptions)
    assert one["impact"] == "MAJOR"
