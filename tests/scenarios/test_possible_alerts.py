"""What safeguarding sees while nobody has decided whether two children are one."""

from __future__ import annotations

import random

import pytest

from consumers.ocg_network import OcgNetwork
from consumers.safeguarding import Safeguarding
from consumers.safeguarding.look import alert, alerts, may_also_be, possible_alerts
from consumers.safeguarding.paths import Paths
from consumers.safeguarding.possible import Doubts
from consumers.safeguarding.tables import ALERTS_TABLE, POSSIBLE_ALERTS, POSSIBLE_LINKS
from streams.shared import PossibleLinkTold
from streams.taxonomy import RelationKind
from streams.topics import SAFEGUARDING
from streams.values import AlertRule
from tests.invented_evidence import (
    NO,
    Desk,
    History,
    Told,
    an_id,
    key,
    merged,
    safeguarding_events,
    split,
    withdrawn,
)

CO = RelationKind.CO_OFFENDER
EXPLOITS = RelationKind.EXPLOITS
SIBLING = RelationKind.SIBLING
FRIEND = RelationKind.FRIEND
TIED = AlertRule.CHILD_TIED_TO_NOMINAL
BROTHER = AlertRule.SIBLING_OF_INVOLVED
MATE = AlertRule.FRIEND_OF_INVOLVED
KIM_OR_KIT = ("kim", "kit")


def doubt(left="kim", right="kit", *, is_open=True):
    return PossibleLinkTold(left_id=an_id(left), right_id=an_id(right), open=is_open)


def the_network():
    told = Told("N1").tie("ada", CO, "bob", "cyd").tie("bob", CO, "cyd")
    return told.suspect("ada").person("bob", "cyd", child=NO).safeguarding()


def kit_is_exploited():
    return Told("I1").tie("ada", EXPLOITS, "kit").child("kit")


def kim_is_seen(**ties):
    told = Told("S1").child("kim")
    for kind, other in ties.items():
        told = told.tie("kim", RelationKind[kind], other).child(other)
    return told


@pytest.fixture
def desk():
    return Desk(Safeguarding())


def possible(desk):
    return {(row["rule"], row["child_id"]) for row in desk.rows(POSSIBLE_ALERTS)}


def raised(desk):
    return {(row["rule"], row["child_id"]) for row in desk.rows(ALERTS_TABLE) if row["supported"]}


async def test_a_path_through_a_doubt_is_possible_and_raises_no_alert(desk):
    await desk.hear(the_network(), kit_is_exploited().safeguarding(), kim_is_seen().safeguarding())
    before = desk.published()
    await desk.hear(doubt())

    assert possible(desk) == {(TIED, key("kim"))}
    assert raised(desk) == {(TIED, key("kit"))}
    assert desk.published() == before


async def test_it_is_the_same_whichever_of_the_two_is_named_first(desk):
    await desk.hear(the_network(), kit_is_exploited().safeguarding(), kim_is_seen().safeguarding())
    await desk.hear(doubt("kit", "kim"))

    assert possible(desk) == {(TIED, key("kim"))}


async def test_the_reason_may_come_after_the_doubt_and_go_again(desk):
    await desk.hear(kim_is_seen().safeguarding(), doubt())
    assert possible(desk) == set()

    await desk.hear(the_network(), kit_is_exploited().safeguarding())
    assert possible(desk) == {(TIED, key("kim"))}

    await desk.hear(withdrawn("I1"))
    assert possible(desk) == set()


async def test_siblings_and_friends_of_one_side_are_concerned_by_the_other_side(desk):
    family = kim_is_seen(SIBLING="sib", FRIEND="pal")
    await desk.hear(the_network(), kit_is_exploited().safeguarding(), family.safeguarding())
    await desk.hear(doubt())

    assert possible(desk) == {
        (TIED, key("kim")),
        (BROTHER, key("sib")),
        (MATE, key("pal")),
    }
    assert raised(desk) == {(TIED, key("kit"))}


async def test_what_is_an_alert_anyway_is_not_possible_as_well(desk):
    also = Told("I2").tie("bob", EXPLOITS, "kim").child("kim").suspect("bob")
    await desk.hear(the_network(), kit_is_exploited().safeguarding(), also.safeguarding())
    await desk.hear(doubt())

    assert raised(desk) == {(TIED, key("kit")), (TIED, key("kim"))}
    assert possible(desk) == set()


async def test_decided_as_two_the_possible_goes_without_a_trace(desk):
    told = (the_network(), kit_is_exploited().safeguarding(), kim_is_seen().safeguarding())
    await desk.hear(*told)
    before = desk.table_hashes()
    await desk.hear(doubt(), doubt(is_open=False))

    assert desk.table_hashes() == before


async def test_decided_as_one_the_possible_becomes_an_alert(desk):
    await desk.hear(the_network(), kit_is_exploited().safeguarding(), kim_is_seen().safeguarding())
    await desk.hear(doubt(), merged("kim", "kit"))
    assert possible(desk) == set()

    await desk.hear(doubt(is_open=False))
    assert raised(desk) == {(TIED, key("kim"))}
    assert desk.rows(POSSIBLE_LINKS) == []


async def test_a_merge_that_is_undone_while_the_doubt_is_open_gives_the_possible_back(desk):
    kit = kit_is_exploited()
    await desk.hear(the_network(), kit.safeguarding(), kim_is_seen().safeguarding(), doubt())
    before = (desk.rows(POSSIBLE_LINKS), desk.rows(POSSIBLE_ALERTS))
    await desk.hear(merged("kim", "kit"))
    await desk.hear(split("kim", "kit", kit.mention("kit")))

    assert (desk.rows(POSSIBLE_LINKS), desk.rows(POSSIBLE_ALERTS)) == before


async def test_a_doubt_follows_a_side_that_is_merged_with_a_third(desk):
    third = Told("T1").child("kid")
    await desk.hear(the_network(), kit_is_exploited().safeguarding(), kim_is_seen().safeguarding())
    await desk.hear(third.safeguarding(), doubt(), merged("kid", "kim"))

    assert possible(desk) == {(TIED, key("kid"))}


async def test_a_doubt_about_somebody_safeguarding_never_saw_brings_nothing_and_harms_nothing(desk):
    await desk.hear(doubt("nobody", "kit"), the_network(), kit_is_exploited().safeguarding())

    assert possible(desk) == set()
    assert raised(desk) == {(TIED, key("kit"))}


async def test_a_doubt_that_ends_twice_or_never_began_changes_nothing(desk):
    await desk.hear(doubt(is_open=False), doubt(), doubt(), doubt(is_open=False))
    await desk.hear(doubt(is_open=False))

    assert desk.rows(POSSIBLE_LINKS) == []


async def test_the_hub_sees_the_possible_beside_the_record_and_in_a_state_of_its_own(desk):
    await desk.hear(the_network(), kit_is_exploited().safeguarding(), kim_is_seen().safeguarding())
    await desk.hear(doubt())

    with desk.store.snapshot() as snapshot:
        (one,) = possible_alerts(snapshot.connection)
        (standing,) = alerts(snapshot.connection)
        shown = alert(snapshot.connection, standing["alert_id"])
        assert may_also_be(snapshot.connection, key("kim")) == [key("kit")]
    assert (one["state"], one["child_id"], one["may_also_be"]) == (
        "POSSIBLE",
        key("kim"),
        [key("kit")],
    )
    assert (one["alert_id"], one["supported"]) == (None, False)
    assert standing["state"] == "RAISED"
    assert shown["may_also_be"] == [key("kim")]


def test_police_have_no_word_for_a_doubt():
    assert SAFEGUARDING not in OcgNetwork().topics
    assert not [table.name for table in OcgNetwork().tables if "possible" in table.name]


# --- laws ----------------------------------------------------------------------------


def with_doubts(seed, events):
    """A random history with doubts that begin and end in it."""
    source, history = random.Random(seed), History(seed, people=25)
    told = []
    for event in safeguarding_events(history.run(events)):
        yield event
        if source.random() < 0.3:
            left, right = source.sample([f"person {number}" for number in range(25)], 2)
            told.append((left, right))
            yield doubt(left, right)
        if told and source.random() < 0.15:
            yield doubt(*source.choice(told), is_open=False)


@pytest.mark.parametrize("seed", range(6))
async def test_the_possible_after_each_event_is_what_judging_all_doubts_anew_would_find(seed):
    desk, found = Desk(Safeguarding()), 0
    for event in with_doubts(seed, 90):
        await desk.hear(event)
        projection = desk.projection
        anew = Doubts()
        anew.load(projection.doubts.open.values())
        for link in tuple(anew.open):
            anew._judge(link, projection.fold, Paths(projection.fold))
        assert projection.doubts.open == anew.open
        found += sum(bool(one.alerts) for one in anew.open.values())
    assert found


async def test_a_restart_after_every_event_and_a_rebuild_come_to_the_same_rows():
    desk = Desk(Safeguarding())
    for event in with_doubts(3, 60):
        await desk.hear(event)
        desk = Desk(Safeguarding(), log=desk.log, store=desk.store)
    rebuilt = await Desk(Safeguarding(), log=desk.log).read()

    assert rebuilt.table_hashes() == desk.table_hashes()
    assert rebuilt.rows(POSSIBLE_LINKS)
