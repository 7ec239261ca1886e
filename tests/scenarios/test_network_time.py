"""Networks through time: what changed between two moments, why, and how far a network reaches."""

from __future__ import annotations

from datetime import date

import pytest

from consumers.network.change import difference, history
from consumers.network.decay import faded
from consumers.network.look import network
from consumers.network.tables import ENTITIES
from consumers.ocg_network import OcgNetwork
from deploy.moments import Position
from deploy.views import Asker, Question, answer_between
from streams.codec import encode
from streams.codes import StaffRole
from streams.errors import InvalidInputError
from streams.memory import MemoryLog
from streams.ports import Outgoing
from streams.taxonomy import RelationKind
from streams.topics import POLICE
from streams.values import Purpose
from tests.invented_evidence import Desk, Told, key, merged, split, withdrawn
from tests.staff import let_act

CO, ASSOCIATE = RelationKind.CO_OFFENDER, RelationKind.ASSOCIATE
LIVES, CUCKOOED = RelationKind.LIVES_AT, RelationKind.CUCKOOED_AT


@pytest.fixture
def desk():
    return Desk(OcgNetwork())


def network_of(desk, name):
    return next(row["network_id"] for row in desk.rows(ENTITIES) if row["entity_id"] == key(name))


def between(desk, low, high, network_id=None):
    with desk.store.snapshot() as snapshot:
        return difference(snapshot.connection, POLICE, (low, high), network_id)


def shown(desk, name):
    with desk.store.snapshot() as snapshot:
        return network(snapshot.connection, network_of(desk, name))


def moves(found):
    names = {key(name): name for name in ("ada", "bob", "cyd", "dee", "eve", "fay", "gus", "kit")}
    return {(names[one["entity_id"]], one["change"]) for one in found["people"]}


# --- between two moments ------------------------------------------------------------------------


async def test_who_joined_is_told_with_the_report_that_did_it(desk):
    await desk.hear(
        Told("R1").tie("ada", CO, "bob", "cyd").police(),
        Told("R2").tie("cyd", CO, "dee").police(),
    )
    found = between(desk, 1, 2)
    assert moves(found) == {("dee", "JOINED")}
    (joined,) = found["people"]
    (cause,) = joined["because"]
    assert (cause["event"], cause["offset"]) == ("PoliceReportShared", 1)
    assert cause["report_id"] == key("R2")
    assert [one["change"] for one in found["networks"]] == ["GREW"]


async def test_who_left_is_told_with_the_withdrawal_that_did_it(desk):
    await desk.hear(
        Told("R1").tie("ada", CO, "bob", "cyd").police(),
        Told("R2").tie("cyd", CO, "dee").police(),
        withdrawn("R2"),
    )
    found = between(desk, 2, 3, network_of(desk, "ada"))
    assert moves(found) == {("dee", "LEFT")}
    assert found["people"][0]["because"][0]["event"] == "ReportWithdrawn"
    (gone,) = found["ties"]
    assert (gone["changes"], gone["weight_before"], gone["weight_after"]) == (["VANISHED"], 1, 0)
    assert gone["because"][0]["report_id"] == key("R2")


async def test_a_second_origin_strengthens_a_tie_and_who_comes_and_goes_between_is_not_told(desk):
    await desk.hear(
        Told("R1").tie("ada", CO, "bob", "cyd").police(),
        Told("R2").tie("ada", CO, "bob").police(),
        Told("R3").tie("cyd", CO, "dee").police(),
        withdrawn("R3"),
    )
    found = between(desk, 1, 4)
    assert found["people"] == []
    (stronger,) = found["ties"]
    assert (stronger["changes"], stronger["weight_after"]) == (["STRENGTHENED"], 2)
    assert [cause["report_id"] for cause in stronger["because"]] == [key("R2")]


@pytest.mark.parametrize("limit", [1, 500])
async def test_a_report_that_says_the_same_again_is_no_reason_in_whatever_batches_they_come(limit):
    desk = Desk(OcgNetwork())
    await desk.hear(Told("R0").suspect("eve").police())
    told = [Told("R1", revision=number).tie("ada", CO, "bob", "cyd") for number in (1, 2)]
    await desk.log.append([Outgoing(POLICE, encode(one.police())) for one in told])
    await desk.read(limit)
    for tie in between(desk, 1, 3)["ties"]:
        assert [cause["offset"] for cause in tie["because"]] == [1]


async def test_a_merge_and_the_split_that_undoes_it_say_whom_they_are_about(desk):
    await desk.hear(
        Told("R1").tie("ada", CO, "bob", "cyd").police(),
        Told("R2").tie("dee", CO, "ada").police(),
        merged("ada", "dee"),
        split("ada", "dee", Told("R2").tie("dee", CO, "ada").mention("dee")),
    )
    gone, back = between(desk, 2, 3), between(desk, 3, 4)
    assert (moves(gone), moves(back)) == ({("dee", "LEFT")}, {("dee", "JOINED")})
    (cause,) = gone["people"][0]["because"]
    assert (cause["event"], cause["kept_id"], cause["absorbed_id"]) == (
        "PersonsMerged",
        key("ada"),
        key("dee"),
    )
    (cause,) = back["people"][0]["because"]
    assert (cause["event"], cause["split_id"]) == ("PersonSplit", key("ada"))


async def test_a_child_is_linked_to_a_network_and_never_said_to_join_it(desk):
    await desk.hear(
        Told("R1").tie("ada", CO, "bob", "cyd").police(),
        Told("R2").child("kit").tie("ada", RelationKind.EXPLOITS, "kit").police(),
        withdrawn("R2"),
    )
    assert moves(between(desk, 1, 2)) == {("kit", "LINKED")}
    assert moves(between(desk, 2, 3)) == {("kit", "UNLINKED")}


async def test_of_one_network_only_its_own_changes_are_told(desk):
    await desk.hear(
        Told("R1").tie("ada", CO, "bob", "cyd").police(),
        Told("R2").tie("dee", CO, "eve", "fay").police(),
        Told("R3").tie("fay", CO, "gus").police(),
    )
    assert moves(between(desk, 2, 3, network_of(desk, "ada"))) == set()
    assert moves(between(desk, 2, 3, network_of(desk, "dee"))) == {("gus", "JOINED")}
    assert moves(between(desk, 2, 3)) == {("gus", "JOINED")}
    assert between(desk, 3, 3)["ties"] == []


async def test_two_networks_that_become_one_are_told_with_what_joined_them(desk):
    await desk.hear(
        Told("R1").tie("ada", CO, "bob", "cyd").police(),
        Told("R2").tie("dee", CO, "eve", "fay").police(),
    )
    first, second = network_of(desk, "ada"), network_of(desk, "dee")
    await desk.hear(Told("R3").tie("ada", CO, "dee").police())
    found = between(desk, 2, 3, first)
    assert moves(found) == {("dee", "JOINED"), ("eve", "JOINED"), ("fay", "JOINED")}
    assert {one["from_network"] for one in found["people"]} == {second}
    with desk.store.snapshot() as snapshot:
        told = history(snapshot.connection, POLICE, first)
    absorbed = next(one for one in told["changes"] if one["change"] == "ABSORBED")
    assert absorbed["because"][0]["report_id"] == key("R3")
    assert told["changes"][0]["change"] == "FORMED"


async def test_asked_through_the_log_a_comparison_is_on_record_and_goes_forward_only(tmp_path):
    log = MemoryLog()
    await let_act(log, "DC Invented", StaffRole.ANALYST)
    desk = Desk(OcgNetwork(), log)  # its store is elsewhere: the answer comes by replay
    await desk.hear(Told("R1").tie("ada", CO, "bob", "cyd").police())
    await desk.hear(Told("R2").tie("cyd", CO, "dee").police())

    def read(connection, _, window):
        return difference(connection, POLICE, window)

    asker = Asker("DC Invented", Purpose.DISRUPT_ORGANISED_CRIME)
    question = Question(OcgNetwork(), "network diff", read)
    found = await answer_between(question, asker, log, tmp_path, (Position(POLICE, 1), None))
    assert moves(found) == {("dee", "JOINED")}
    moments = (Position(POLICE, 2), Position(POLICE, 1))
    with pytest.raises(InvalidInputError, match="second moment lies before"):
        await answer_between(question, asker, log, tmp_path, moments)


# --- measures, reach and decay of one network ---------------------------------------------------


async def test_a_child_and_a_victim_are_links_and_have_no_number(desk):
    await desk.hear(
        Told("R1").suspect("ada", "bob", "cyd").tie("ada", CO, "bob", "cyd").police(),
        Told("R2").child("kit").tie("ada", RelationKind.EXPLOITS, "kit").police(),
        Told("R3").tie("bob", RelationKind.EXPLOITS, "kit").police(),
    )
    found = shown(desk, "ada")
    numbered = {
        one[name]
        for name, some in (
            ("node", found["measures"]["degree"]),
            ("node", found["measures"]["betweenness"]),
            ("entity_id", found["brokers"]),
        )
        for one in some
    }
    assert key("kit") not in numbered | set(found["measures"]["cuts"])
    assert key("kit") not in found["measures"]["core"]
    assert found["measures"]["nodes"] == 4
    assert found["brokers"][0]["entity_id"] == key("ada")
    assert found["brokers"][0]["holds_apart"] is True


async def test_a_report_more_gives_other_measures(desk):
    await desk.hear(Told("R1").tie("ada", CO, "bob", "cyd").police())
    before = shown(desk, "ada")["measures"]
    assert shown(desk, "ada")["measures"] == before
    await desk.hear(Told("R2").tie("bob", CO, "cyd").police())
    after = shown(desk, "ada")["measures"]
    assert (before["edges"], after["edges"]) == (2, 3)
    assert after["core_number"] == 2


async def test_reach_is_districts_themes_other_networks_and_what_is_shared(desk):
    await desk.hear(
        Told("R1", district="S5").tie("ada", CO, "bob", "cyd").police(),
        Told("R2", district="S9").tie("dee", CO, "eve", "fay").police(),
        Told("R3").tie("bob", CUCKOOED, "a flat").police(),
        Told("R4").tie("eve", LIVES, "a flat").police(),
    )
    reach = shown(desk, "ada")["reach"]
    assert reach["networks"] == {network_of(desk, "dee"): 1}
    assert reach["districts"]["S5"] == 2
    assert sum(reach["themes"].values()) >= 2
    (flat,) = reach["things"]
    assert (flat["kind"], flat["is_cuckooed"]) == ("ADDRESS", True)


async def test_strength_is_laid_over_a_look_and_changes_nothing_else(desk):
    await desk.hear(Told("R1", week="2026-W01").tie("ada", CO, "bob", "cyd").police())
    found = shown(desk, "ada")
    new, old = (faded(found["ties"], date(year, 1, 5)) for year in (2026, 2028))
    assert [one["strength"]["value"] for one in new] > [one["strength"]["value"] for one in old]
    assert [{**one, "strength": 0} for one in new] == [{**one, "strength": 0} for one in old]
    assert shown(desk, "ada") == found
