"""Stories about the name of a candidate network, and the history that is told under it."""

from __future__ import annotations

from itertools import combinations

import pytest

from consumers.network.tables import HISTORY, NAMES, NETWORKS
from consumers.ocg_network import OcgNetwork
from streams.taxonomy import RelationKind
from streams.values import Role
from tests.invented_evidence import YES, Desk, Told, grade, graded, key, merged, split, withdrawn

CO = RelationKind.CO_OFFENDER


@pytest.fixture
def desk():
    return Desk(OcgNetwork())


def trio(name, *people):
    one, two, three = people
    return Told(name).tie(one, CO, two).tie(two, CO, three)


def named(desk, person):
    return desk.projection.fold.standing(key(person)).network


def history(desk, *networks):
    """What is told, in order; networks by their place in `networks`."""
    names = {network: number for number, network in enumerate(networks)}
    rows = sorted(desk.rows(HISTORY), key=lambda row: (row["offset"], row["number"]))
    return [
        (names[row["network_id"]], row["change"], names.get(row["other_id"]), row["people"])
        for row in rows
    ]


async def test_a_network_keeps_its_name_while_it_grows_and_shrinks(desk):
    await desk.hear(trio("R1", "ada", "bob", "cyd").police())
    first = named(desk, "ada")
    await desk.hear(*(Told(f"G{n}").tie("cyd", CO, f"new {n}").police() for n in range(9)))
    assert named(desk, "new 8") == first
    await desk.hear(*(withdrawn(f"G{n}") for n in range(9)))
    assert named(desk, "cyd") == first
    told = history(desk, first)
    assert told[:2] == [(0, "FORMED", None, 3), (0, "GREW", None, 4)]
    assert told[-1] == (0, "SHRANK", None, 3)
    assert len(told) == 19


async def test_of_two_that_become_one_the_earlier_name_goes_on_and_both_come_back(desk):
    await desk.hear(
        trio("R1", "ada", "bob", "cyd").police(), trio("R2", "eve", "fay", "gus").police()
    )
    one, other = named(desk, "ada"), named(desk, "eve")
    await desk.hear(Told("R3").tie("cyd", CO, "eve").police())
    assert named(desk, "gus") == named(desk, "ada") == one
    await desk.hear(withdrawn("R3"))
    assert (named(desk, "ada"), named(desk, "gus")) == (one, other)
    told = history(desk, one, other)[2:]
    assert told[0] == (0, "ABSORBED", 1, 6)
    assert set(told[1:]) == {(0, "SHRANK", None, 3), (1, "PARTED", 0, 3)}


async def test_a_merge_of_persons_that_is_undone_gives_both_names_back(desk):
    right = trio("R2", "eve", "fay", "gus")
    await desk.hear(trio("R1", "ada", "bob", "cyd").police(), right.police())
    before = {name: named(desk, name) for name in ("ada", "cyd", "fay", "gus")}
    await desk.hear(merged("ada", "eve"), split("ada", "eve", right.mention("eve")))
    assert {name: named(desk, name) for name in before} == before


PEOPLE = ("ada", "bob", "cyd", "dee", "eve")


async def everybody_tied(desk):
    """Five people, each pair told by a report; return the network and who carries its name."""
    pairs = combinations(PEOPLE, 2)
    await desk.hear(*(Told(f"{one} {other}").tie(one, CO, other).police() for one, other in pairs))
    (row,) = desk.rows(NAMES)
    return row["network_id"], next(one for one in PEOPLE if key(one) == row["carrier_id"])


async def leave(desk, person):
    told = (f"{one} {other}" for one, other in combinations(PEOPLE, 2) if person in {one, other})
    await desk.hear(*map(withdrawn, told))


async def test_who_carries_one_name_and_is_merged_with_who_carries_another_loses_neither(desk):
    reports = {"R1": ("ada", "bob", "cyd"), "R2": ("eve", "fay", "gus")}
    told = [trio(name, *people) for name, people in reports.items()]
    await desk.hear(*(one.police() for one in told))
    before = {name: named(desk, name) for people in reports.values() for name in people}
    carriers = {row["carrier_id"] for row in desk.rows(NAMES)}
    one, other = (name for name in before if key(name) in carriers)
    await desk.hear(merged(one, other), split(one, other, told[1].mention(other)))
    assert {name: named(desk, name) for name in before} == before
    assert {row["carrier_id"] for row in desk.rows(NAMES)} == carriers


async def test_most_of_a_network_keeps_the_name_when_its_carrier_leaves(desk):
    name, carrier = await everybody_tied(desk)
    await leave(desk, carrier)
    assert {named(desk, one) for one in PEOPLE if one != carrier} == {name}
    (row,) = desk.rows(NAMES)
    assert row["carrier_id"] != key(carrier)


async def test_somebody_who_founded_one_network_founds_another_under_another_name(desk):
    name, carrier = await everybody_tied(desk)
    await leave(desk, carrier)
    others = [one for one in map("new {}".format, range(40)) if key(one) > key(carrier)]
    await desk.hear(trio("R9", carrier, *others[:2]).police())
    assert named(desk, carrier) not in {name, None}
    assert {row["carrier_id"] for row in desk.rows(NAMES)} > {key(carrier)}


async def test_a_part_that_leaves_gets_a_name_of_its_own_and_is_told_to_have_parted(desk):
    await desk.hear(
        trio("R1", "ada", "bob", "cyd").police(), Told("R2").tie("cyd", CO, "dee").police()
    )
    await desk.hear(Told("R3").tie("dee", CO, "eve").tie("eve", CO, "fay").police())
    whole = named(desk, "ada")
    await desk.hear(withdrawn("R2"))
    assert {named(desk, "ada"), named(desk, "fay")} > {whole}
    assert named(desk, "ada") != named(desk, "fay")
    parted = [row for row in desk.rows(HISTORY) if row["change"] == "PARTED"]
    assert [(row["other_id"], row["people"]) for row in parted] == [(whole, 3)]


async def test_a_network_that_falls_apart_is_dissolved_and_forms_again_under_its_name(desk):
    await desk.hear(trio("R1", "ada", "bob", "cyd").police())
    name = named(desk, "ada")
    await desk.hear(graded("R1", grade("E")), graded("R1", grade("B")))
    assert named(desk, "ada") == name
    assert [change for _, change, _, _ in history(desk, name)] == ["FORMED", "DISSOLVED", "FORMED"]


async def test_a_sleeping_name_does_not_wake_while_its_network_is_called_otherwise(desk):
    await desk.hear(trio("R1", "ada", "bob", "cyd").police())
    old = named(desk, "ada")
    (row,) = desk.rows(NAMES)
    carrier = next(one for one in ("ada", "bob", "cyd") if key(one) == row["carrier_id"])
    await desk.hear(withdrawn("R1"), trio("R2", "xan", "yul", "zoe").police())
    young = named(desk, "xan")
    assert young != old
    await desk.hear(Told("R3").tie("zoe", CO, carrier).police())
    assert named(desk, carrier) == young, "it grew, and keeps its name"


async def test_a_network_whose_carrier_turns_out_to_be_a_child_keeps_its_name(desk):
    await desk.hear(trio("R1", "ada", "bob", "cyd").tie("cyd", CO, "dee").police())
    name = named(desk, "ada")
    (row,) = desk.rows(NAMES)
    carrier = next(one for one in ("ada", "bob", "cyd", "dee") if key(one) == row["carrier_id"])
    await desk.hear(Told("R2").person(carrier, child=YES, role=Role.VICTIM).police())
    assert named(desk, carrier) == name
    assert [row["people"] for row in desk.rows(NETWORKS)] == [3]


async def test_the_name_that_passed_on_stays_there_when_the_first_carrier_has_company_again(desk):
    name, carrier = await everybody_tied(desk)
    await desk.hear(Told("friend").tie(carrier, CO, "new 0").police())
    await leave(desk, carrier)
    assert named(desk, carrier) is None
    await desk.hear(Told("more").tie(carrier, CO, "new 1", "new 2").police())
    others = {named(desk, one) for one in PEOPLE if one != carrier}
    assert others == {name}
    assert named(desk, "new 2") == named(desk, carrier) not in {name, None}


async def test_of_two_names_that_sleep_in_a_network_that_was_awake_last_wakes(desk):
    old, carrier = await everybody_tied(desk)
    for one in PEOPLE:
        await leave(desk, one)
    await desk.hear(trio("R2", "xan", "yul", "zoe").police())
    young = named(desk, "xan")
    await desk.hear(Told("R3").tie("zoe", CO, carrier).police())
    await desk.hear(Told("R4").child("xan", "yul").police())
    assert named(desk, carrier) is None
    await desk.hear(withdrawn("R4"))
    assert named(desk, carrier) == young != old


async def test_a_tie_to_oneself_and_a_merge_with_oneself_change_nothing(desk):
    told = trio("R1", "ada", "bob", "cyd")
    await desk.hear(told.police())
    before = desk.table_hashes()
    await desk.hear(merged("ada", "ada"), split("ada", "ada", told.mention("ada")))
    assert desk.table_hashes() == before
    oneself = Told("R2").tie("eve", CO, "eve").tie("eve", RelationKind.PARENT, "eve")
    await desk.hear(oneself.police())
    assert len(desk.rows(NETWORKS)) == 1
    assert named(desk, "eve") is None
    assert not desk.projection.fold.near(key("eve"))
    assert not desk.projection.fold.standing(key("eve")).is_child, "nobody is one's own child"
