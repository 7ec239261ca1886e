"""The intruders are no straw men: on views that leak they recognise whom they must."""

from __future__ import annotations

import random
from datetime import date
from uuid import UUID

import pytest

from deploy.evaluate.intruder.acquaintance import anchored_claims
from deploy.evaluate.intruder.evaluation import below_k, register_hits
from deploy.evaluate.intruder.network import Graph, standing_out
from deploy.evaluate.intruder.register import GUESSES, Register
from deploy.evaluate.intruder.views import Kinship, Profile, View
from deploy.evaluate.intruder.who import Truth
from producers.town.city import Standing, build_city, census
from streams.taxonomy import RelationKind
from streams.values import AgeBand, Audience, NodeKind
from tests.small_cells import GROWN, PUPIL, TEEN, WEEK, F, M, node, police_report, report

AS_OF = date(2026, 9, 1)
PARENT, SIBLING, LIVES_AT = RelationKind.PARENT, RelationKind.SIBLING, RelationKind.LIVES_AT


@pytest.fixture(scope="module")
def city():
    return build_city(5, 40_000, AS_OF)


def children_of(city):
    today = AS_OF.toordinal()
    return [one for one in city.residents if today - one.born < 18 * 365]


def name_of(resident):
    return UUID(int=resident.number + 1)


def leaky_view(city, targets, place):
    """A view made for this test alone: birth date, sex and a place, which no view of ours has."""
    view = View(Audience.POLICE)
    for one in targets:
        profile = Profile(NodeKind.PERSON)
        profile.sexes[one.sex] += 1
        profile.narrow(one.born - 1, one.born)
        profile.districts[place(city.households[one.household])] += 1
        view.profiles[name_of(one)] = profile
    return view


def truth_about(targets):
    return Truth(
        {name_of(one): one.number for one in targets},
        frozenset(name_of(one) for one in targets),
        frozenset(),
    )


def sectors(city):
    """The same city, with each postcode sector as a district of its own."""
    homes = tuple(one._replace(district=sector_of(one)) for one in city.households)
    return type(city)(city.as_of, city.residents, homes)


def sector_of(household):
    return f"{household.district} {household.sector}"


def test_birth_date_sex_and_sector_recognise_nearly_everybody(city):
    """privacy.md section 5 measured 87.9 % with the full register of a town like this."""
    targets = random.Random(1).sample(children_of(city), 500)
    view = leaky_view(city, targets, sector_of)

    hits = register_hits(
        Register(sectors(city)), view, truth_about(targets), list(view.profiles), len(targets)
    )

    assert 0.8 <= hits.correct <= 0.96
    assert hits.precision >= 0.95


def test_with_three_tenths_of_the_register_claims_are_fewer_and_mostly_right(city):
    """There 28.9 % were recognised, and 92 % of the claims were right."""
    dice = random.Random(2)
    targets = dice.sample(children_of(city), 500)
    view = leaky_view(city, targets, sector_of)
    known = dice.sample(range(len(city.households)), int(0.3 * len(city.households)))

    hits = register_hits(
        Register(sectors(city), known), view, truth_about(targets), list(view.profiles), 500
    )

    assert 0.22 <= hits.correct <= 0.36
    assert hits.precision >= 0.85


def test_every_leaky_profile_is_in_a_cell_below_five(city):
    targets = random.Random(3).sample(children_of(city), 60)
    view = leaky_view(city, targets, sector_of)

    assert below_k(sectors(city), view) == len(targets)


def test_what_two_weeks_tell_of_a_birthday_is_put_together():
    view = View(Audience.SAFEGUARDING)
    view.apply(report(node(1, F, PUPIL), week="2026-W35", number=1))
    view.apply(report(node(1, F, TEEN), week="2026-W36", number=2))

    profile = view.profiles[UUID(int=1)]

    assert profile.until - profile.after <= 16


def test_a_shared_door_and_a_parent_show_a_family():
    view = View(Audience.SAFEGUARDING)
    mother, child = node(1, F, GROWN), node(2, M, PUPIL, place=1)
    view.apply(
        report(mother, child, node(3, M, TEEN, place=2), ties=[(0, PARENT, 1), (0, PARENT, 2)])
    )

    assert view.family(UUID(int=1)) == {
        UUID(int=2): Kinship.CHILD,
        UUID(int=3): Kinship.CHILD,
    }
    assert view.family(UUID(int=2)) == {
        UUID(int=1): Kinship.PARENT,
        UUID(int=3): Kinship.AROUND,
    }


def test_the_police_view_has_no_family_but_that_behind_a_door():
    view = View(Audience.POLICE)
    view.apply(police_report(node(1, F, TEEN), node(2, M, GROWN, place=1), week=WEEK))

    assert view.family(UUID(int=1)) == {}
    assert view.profiles[UUID(int=1)].until - view.profiles[UUID(int=1)].after > 17 * 365


def test_who_knows_a_mother_recognises_her_only_son(city):
    home = next(
        one
        for one in city.households
        if one.shape == "one_parent" and _is_mother_and_son(city.members(one.number))
    )
    mother, son = city.members(home.number)
    view = View(Audience.SAFEGUARDING)
    nodes = node(1, F, GROWN), node(2, M, band_of(son), place=1)
    view.apply(report(*nodes, ties=[(0, PARENT, 1)], district=home.district))

    claims = anchored_claims(city, view, {UUID(int=1): mother.number})

    assert claims == {UUID(int=2): son.number}


def _is_mother_and_son(members):
    return (
        len(members) == 2
        and members[0].sex is F
        and members[1].sex is M
        and AS_OF.toordinal() - members[1].born < 18 * 365
        and members[1].standing is Standing.CHILD
    )


def band_of(resident):
    years = (AS_OF.toordinal() - resident.born) // 365.2425
    ends = {5: AgeBand.AGE_0_4, 11: AgeBand.AGE_5_10, 16: AgeBand.AGE_11_15}
    return next((band for end, band in ends.items() if years < end), AgeBand.AGE_16_17)


def test_only_what_stands_out_is_matched():
    assert standing_out({"a": 3.0, "b": 1.0, "c": 1.0}) == "a"
    assert standing_out({"a": 3.0, "b": 3.0}) is None
    assert standing_out({"a": 0.0}) is None
    assert standing_out({}) is None


def test_a_tie_with_a_direction_looks_different_from_its_two_ends():
    graph = Graph()
    graph.tie("boss", RelationKind.EXPLOITS, "boy")
    graph.tie("boy", SIBLING, "girl")

    assert graph.around["boss"] == {(("EXPLOITS", True), "boy")}
    assert graph.around["boy"] == {(("EXPLOITS", False), "boss"), (("SIBLING", True), "girl")}


def test_every_way_of_guessing_is_tried():
    assert len(GUESSES) == 4


def test_the_census_of_the_city_counts_everybody_once(city):
    counted = sum(cell.count for one in census(city) for cell in one.cells)

    assert counted == len(city.residents)


def test_the_same_seed_builds_the_same_city():
    assert build_city(9, 2_000, AS_OF) == build_city(9, 2_000, AS_OF)
    assert build_city(9, 2_000, AS_OF) != build_city(10, 2_000, AS_OF)
