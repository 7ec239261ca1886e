"""Small cells: the ladder on populations counted by hand, and what adds up over reports."""

from __future__ import annotations

from datetime import date

import pytest

from anonymiser.gate.cells import Cells, Detail, PlaceRung, Shown, at_least, observed
from anonymiser.gate.population import Population
from streams.taxonomy import RelationKind
from streams.values import AgeBand, ChildAtEvent, Role, Sex
from tests.small_cells import (
    AREA,
    GROWN,
    PUPIL,
    TEEN,
    TODDLER,
    YOUTH,
    F,
    M,
    door,
    facts_of,
    node,
    person_id,
    police_report,
    population,
    report,
)

SIBLING, PARENT, LIVES_AT = RelationKind.SIBLING, RelationKind.PARENT, RelationKind.LIVES_AT


def fit(people, event, shown=None):
    return Cells(people).fit(event, Shown() if shown is None else shown)


def rungs(fitted):
    return fitted.place, fitted.detail


# --- the ladder ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("in_district", "in_area", "rung"),
    [
        (5, 0, PlaceRung.DISTRICT),
        (4, 1, PlaceRung.POLICE_AREA),
        (0, 5, PlaceRung.POLICE_AREA),
    ],
)
def test_five_alike_are_enough_and_four_are_not(in_district, in_area, rung):
    people = population(("S5", in_district, (F, TEEN)), ("S6", in_area, (F, TEEN)))

    fitted = fit(people, report(node(1, F, TEEN)))

    assert rungs(fitted) == (rung, Detail.FULL)


def test_the_area_is_told_instead_of_the_district_and_never_beside_it():
    people = population(("S5", 4, (F, TEEN)), ("S6", 4, (F, TEEN)))

    event = fit(people, report(node(1, F, TEEN))).event

    assert (event.district, event.police_area) == (None, AREA)


def test_with_too_few_alike_in_the_area_no_place_is_told():
    facts = facts_of(("S5", 4, (F, TEEN)))
    elsewhere = facts_of(("S6", 4, (F, TEEN)), area="Another Police").districts
    people = Population(_with(facts, elsewhere))

    fitted = fit(people, report(node(1, F, TEEN)))

    assert rungs(fitted) == (PlaceRung.NONE, Detail.FULL)
    assert (fitted.event.district, fitted.event.police_area) == (None, None)


def _with(facts, more):
    return type(facts)(
        name=facts.name,
        districts=(*facts.districts, *more),
        decided_by=facts.decided_by,
        decided_at=facts.decided_at,
    )


def test_where_no_place_helps_the_age_band_goes_and_the_district_stays():
    people = population(("S5", 4, (F, TEEN)), ("S5", 9, (F, PUPIL)))

    fitted = fit(people, report(node(1, F, TEEN)))

    assert rungs(fitted) == (PlaceRung.DISTRICT, Detail.WITHOUT_AGE)
    told = fitted.event.nodes[0]
    assert (told.age_band, told.sex) == (AgeBand.UNKNOWN, F)


def test_then_the_sex_goes():
    people = population(("S5", 4, (F, TEEN)), ("S5", 4, (M, PUPIL)))

    fitted = fit(people, report(node(1, F, TEEN)))

    assert rungs(fitted) == (PlaceRung.DISTRICT, Detail.WITHOUT_AGE_AND_SEX)
    assert fitted.event.nodes[0].sex is Sex.UNKNOWN


def test_what_no_rung_makes_large_enough_is_held():
    people = population(("S5", 4, (F, TEEN)))

    assert fit(people, report(node(1, F, TEEN))).event is None


def test_that_somebody_is_a_child_is_told_on_every_rung():
    people = population(("S5", 4, (F, TEEN)), ("S5", 4, (M, PUPIL)), ("S5", 50, (M, GROWN)))

    event = fit(people, report(node(1, F, TEEN))).event

    assert event.nodes[0].child_at_event is ChildAtEvent.YES


def test_only_those_in_a_small_cell_are_told_of_in_less_detail():
    people = population(("S5", 4, (F, TEEN)), ("S5", 50, (F, PUPIL)), ("S5", 50, (M, YOUTH)))

    event = fit(people, report(node(1, F, TEEN), node(2, M, YOUTH, place=1))).event

    assert [one.age_band for one in event.nodes] == [AgeBand.UNKNOWN, YOUTH]


def test_without_a_population_no_place_leaves_and_the_rest_does():
    event = report(node(1, F, TEEN))

    fitted = fit(None, event)

    assert (fitted.event.district, fitted.event.police_area) == (None, None)
    assert fitted.event.nodes == event.nodes


def test_a_district_that_was_not_counted_is_not_told():
    people = population(("S5", 50, (F, TEEN)))

    fitted = fit(people, report(node(1, F, TEEN), district="ZZ9"))

    assert rungs(fitted) == (PlaceRung.NONE, Detail.FULL)


def test_police_are_counted_by_child_or_not_alone():
    people = population(("S5", 3, (F, TEEN)), ("S5", 2, (F, TODDLER)), ("S5", 40, (F, GROWN)))

    fitted = fit(people, police_report(node(1, F, TEEN)))

    assert rungs(fitted) == (PlaceRung.DISTRICT, Detail.FULL)


# --- families --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("families", "detail"),
    [(5, Detail.FULL), (4, Detail.WITHOUT_AGE), (0, Detail.PART_OF_FAMILY)],
)
def test_a_child_is_counted_with_the_brother_that_the_report_names(families, detail):
    people = population(
        ("S5", 100, (F, TEEN)),
        ("S5", families, (F, TEEN), (M, PUPIL), (F, GROWN)),
        ("S5", min(families, 1), (F, TEEN), (M, TODDLER)),
    )
    event = report(node(1, F, TEEN), node(2, M, PUPIL, place=1), ties=[(0, SIBLING, 1)])

    fitted = fit(people, event)

    assert fitted.detail is detail


def test_whom_the_report_leaves_out_of_a_family_does_not_make_it_smaller():
    people = population(
        ("S5", 3, (F, TEEN), (M, PUPIL)), ("S5", 2, (F, TEEN), (M, PUPIL), (M, TODDLER))
    )
    event = report(node(1, F, TEEN), node(2, M, PUPIL, place=1), ties=[(0, SIBLING, 1)])

    assert rungs(fit(people, event)) == (PlaceRung.DISTRICT, Detail.FULL)


def test_who_shares_a_door_is_counted_as_a_household():
    people = population(("S5", 100, (F, TEEN)), ("S5", 4, (F, TEEN), (M, GROWN)))
    event = police_report(
        node(1, F, TEEN),
        node(2, M, GROWN, place=1),
        door(3, place=2),
        ties=[(0, LIVES_AT, 2), (1, LIVES_AT, 2)],
    )

    fitted = fit(people, event)

    assert fitted.detail is Detail.PART_OF_FAMILY
    assert [one.node for one in fitted.event.nodes] == [0, 2]
    assert len(fitted.event.relations) == 1


def test_a_family_too_large_for_any_cell_is_never_told_to_the_hub_in_part():
    """The gate then tells the hub all of it in the plainest form."""
    people = population(("S5", 9, (F, TEEN), (M, PUPIL)), ("S5", 1, (F, TEEN), *[(M, PUPIL)] * 3))
    nodes = [node(0, F, TEEN), *(node(n, M, PUPIL, place=n) for n in range(1, 4))]
    event = report(*nodes, ties=[(0, SIBLING, n) for n in range(1, 4)])

    assert fit(people, event).event is None


def test_whom_a_report_is_about_is_never_left_out():
    people = population(("S5", 1, *[(M, PUPIL)] * 5), ("S5", 9, (M, TODDLER)))
    nodes = [node(n, M, PUPIL, place=n, role=Role.VICTIM) for n in range(5)]
    event = report(*nodes, ties=[(0, SIBLING, n) for n in range(1, 5)], district="S5")

    told = fit(people, event)

    assert told.event is None or len(told.event.nodes) == 5


def test_a_door_goes_with_the_last_of_those_behind_it():
    people = population(("S5", 100, (F, TEEN)), ("S5", 4, (M, GROWN), (M, PUPIL)))
    event = police_report(
        node(1, F, TEEN, role=Role.VICTIM),
        node(2, M, GROWN, place=1),
        node(3, M, PUPIL, place=2),
        door(4, place=3),
        ties=[(1, LIVES_AT, 3), (2, LIVES_AT, 3)],
    )

    told = fit(people, event).event

    assert [one.node for one in told.nodes] in ([0], [0, 1, 3])
    assert told.nodes[0].child_at_event is ChildAtEvent.YES


def test_friends_are_no_household():
    people = population(("S5", 100, (F, TEEN)), ("S5", 100, (M, PUPIL)))
    event = report(node(1, F, TEEN), node(2, M, PUPIL, place=1), ties=[(0, RelationKind.FRIEND, 1)])

    assert rungs(fit(people, event)) == (PlaceRung.DISTRICT, Detail.FULL)


def test_the_men_of_a_hostel_hide_among_each_other():
    people = population(("S5", 1, *[(M, GROWN)] * 12))
    nodes = [node(number, M, GROWN, place=number) for number in range(12)]
    event = report(*nodes, door(99, 12), ties=[(n, LIVES_AT, 12) for n in range(12)])

    assert rungs(fit(people, event)) == (PlaceRung.DISTRICT, Detail.FULL)


def test_the_one_woman_of_a_hostel_is_not_told_from_the_men():
    people = population(("S5", 1, *[(M, GROWN)] * 11, (F, GROWN)))
    nodes = [node(n, F if n == 0 else M, GROWN, place=n) for n in range(12)]
    event = report(*nodes, door(99, 12), ties=[(n, LIVES_AT, 12) for n in range(12)])

    told = fit(people, event).event

    assert {one.sex for one in told.nodes} == {Sex.UNKNOWN}


def test_a_grown_sister_is_no_mother():
    people = population(("S5", 60, (F, PUPIL), (F, GROWN)))
    both = node(1, F, PUPIL), node(2, F, GROWN, place=1)

    mother = fit(people, report(*both, ties=[(1, PARENT, 0)]))
    sister = fit(people, report(*both, ties=[(0, SIBLING, 1)]))

    assert rungs(mother) == (PlaceRung.DISTRICT, Detail.FULL)
    assert rungs(sister) != (PlaceRung.DISTRICT, Detail.FULL)


# --- what adds up -----------------------------------------------------------------------


def released(shown, people, *events):
    """Let reports go one after the other; return them as they left."""
    left = []
    for event in events:
        fitted = Cells(people).fit(event, shown).event
        left.append(fitted)
        if fitted is not None:
            shown.apply(fitted)
    return left


def test_what_was_told_before_counts_with_what_is_told_now():
    people = population(
        ("S5", 50, (F, TEEN)), ("S5", 4, (F, TEEN), (M, PUPIL)), ("S5", 9, (F, TEEN), (M, TODDLER))
    )
    alone = report(node(1, F, TEEN), number=1)
    with_brother = report(
        node(1, F, TEEN),
        node(2, M, PUPIL, place=1),
        ties=[(0, SIBLING, 1)],
        district="S6",
        number=2,
    )

    first, second = released(Shown(), people, alone, with_brother)

    assert first.district == "S5"
    assert second.nodes[1].age_band is AgeBand.UNKNOWN


def test_a_place_once_told_makes_the_next_report_coarser_though_it_tells_none():
    people = population(("S5", 5, (F, TEEN)), ("S6", 50, (F, TEEN), (M, PUPIL)))
    alone = report(node(1, F, TEEN), number=1)
    placeless = report(
        node(1, F, TEEN),
        node(2, M, PUPIL, place=1),
        ties=[(0, SIBLING, 1)],
        district=None,
        number=2,
    )

    assert fit(people, placeless).event == placeless
    assert released(Shown(), people, alone, placeless) == [alone, None]


def test_two_age_bands_in_two_weeks_would_tell_the_birthday():
    people = population(("S5", 300, (F, PUPIL)), ("S5", 300, (F, TEEN)))
    earlier = report(node(1, F, PUPIL), week="2026-W35", number=1)
    later = report(node(1, F, TEEN), week="2026-W36", number=2)

    first, second = released(Shown(), people, earlier, later)

    assert first.nodes[0].age_band is PUPIL
    assert second.nodes[0].age_band is AgeBand.UNKNOWN


def test_years_later_the_new_age_band_is_told():
    people = population(("S5", 3000, (F, PUPIL)), ("S5", 3000, (F, TEEN)))
    earlier = report(node(1, F, PUPIL), week="2024-W36", number=1)
    later = report(node(1, F, TEEN), week="2026-W36", number=2)

    assert released(Shown(), people, earlier, later)[1].nodes[0].age_band is TEEN


def test_that_somebody_turned_18_this_week_is_not_told_this_week():
    people = population(("S5", 300, (M, YOUTH)), ("S5", 3000, (M, GROWN)))
    child = police_report(node(1, M, YOUTH), week="2026-W35", number=1)
    adult = police_report(node(1, M, GROWN), week="2026-W36", number=2)

    second = released(Shown(), people, child, adult)[1]

    assert second.nodes[0].child_at_event is ChildAtEvent.UNKNOWN


def test_ever_more_districts_end_in_the_police_area():
    districts = [f"S{number}" for number in range(1, 13)]
    people = population(*((name, 20, (M, GROWN)) for name in districts))
    events = [
        report(node(1, M, GROWN), district=name, number=number)
        for number, name in enumerate(districts)
    ]

    left = [event.district for event in released(Shown(), people, *events)]

    assert left[0] == "S1"
    assert left[-1] is None
    assert left == sorted(left, key=lambda name: name is None)


def test_a_sibling_not_in_the_report_is_counted_all_the_same():
    people = population(
        ("S5", 50, (F, TEEN)),
        ("S5", 4, (F, TEEN), (M, PUPIL)),
        ("S5", 50, (F, TODDLER), (M, PUPIL)),
    )
    ageless = report(
        node(1, F), node(2, M, PUPIL, place=1), ties=[(0, SIBLING, 1)], district=None, number=1
    )
    alone = report(node(1, F, TEEN), number=2)

    left = released(Shown(), people, ageless, alone)

    assert left[0] == ageless
    assert fit(people, alone).event == alone
    assert left[1].nodes[0].age_band is AgeBand.UNKNOWN


def test_a_merge_adds_up_what_was_known_of_both():
    shown = Shown()
    shown.apply(report(node(1, F, TEEN), number=1))
    shown.apply(report(node(2), district="S6", number=2))

    shown.merge(person_id(1), person_id(2))

    known = shown.known(person_id(1).bytes)
    assert len(known.places) == 2
    assert shown.known(person_id(2).bytes) is None


def test_a_merge_of_siblings_leaves_one_of_them_in_the_family():
    shown = Shown()
    event = report(node(1, F, TEEN), node(2, F, TEEN, place=1), ties=[(0, SIBLING, 1)])
    shown.apply(event)

    shown.merge(person_id(1), person_id(2))

    assert set(shown.tied(person_id(1).bytes).members) == {person_id(1).bytes}


def test_a_split_leaves_what_was_known_with_both():
    shown = Shown()
    shown.apply(report(node(1, F, TEEN), node(2, M, PUPIL, place=1), ties=[(0, SIBLING, 1)]))

    shown.split(person_id(1), person_id(3))

    assert shown.known(person_id(3).bytes) == shown.known(person_id(1).bytes)
    assert person_id(3).bytes in shown.tied(person_id(2).bytes).members


def test_the_same_reports_in_any_order_leave_the_same_behind():
    events = [
        report(node(1, F, TEEN), district="S6", number=1),
        report(node(1, F, TEEN), node(2, M, PUPIL, place=1), ties=[(0, SIBLING, 1)], number=2),
        report(node(1), week="2026-W01", number=3),
    ]
    forth, back = Shown(), Shown()
    for event in events:
        forth.apply(event)
    for event in reversed(events):
        back.apply(event)

    one, other = (shown.known(person_id(1).bytes) for shown in (forth, back))
    assert one._replace(places=()) == other._replace(places=())
    assert set(one.places) == set(other.places)


def test_a_record_of_a_person_takes_tens_of_bytes():
    shown = Shown()
    for number in range(1000):
        shown.apply(report(node(number, F, TEEN), number=number))

    assert len(shown) == 1000
    assert max(len(record) for record in shown._people.values()) <= 20


def test_a_person_at_two_nodes_of_a_report_is_one():
    event = report(node(1, F), node(1, Sex.UNKNOWN, TEEN, place=1))

    (known,) = observed(event).values()

    assert known.sex == 1


def test_old_tables_count_for_less_and_families_with_children_first():
    households = ("S5", 12, (F, TEEN), (M, PUPIL)), ("S5", 60, (F, GROWN))
    fresh = population(*households)
    old = population(*households, counted_on=date(2021, 3, 21))
    event = report(node(1, F, TEEN), node(2, M, PUPIL, place=1), ties=[(0, SIBLING, 1)])
    adult = report(node(3, F, GROWN), number=2)

    assert rungs(fit(fresh, event)) == (PlaceRung.DISTRICT, Detail.FULL)
    assert rungs(fit(old, event)) != (PlaceRung.DISTRICT, Detail.FULL)
    assert rungs(fit(old, adult)) == (PlaceRung.DISTRICT, Detail.FULL)


# --- chance --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "share", "least"), [(5, 1.0, 5), (0, 1.0, 0), (700, 0.05, 17), (100, 0.02, -3)]
)
def test_a_share_counts_less_three_standard_deviations(count, share, least):
    assert at_least(count, share) == least
