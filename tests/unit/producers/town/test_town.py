"""The town: lawful numbers, facts about Sheffield, declared mistakes, one town for one seed."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections import Counter
from datetime import date

import pytest

from producers.check import check
from producers.town import official, places
from producers.town.dice import Dice
from producers.town.errors import RATES, Mistake, swapped, typo
from producers.town.names import ORIGINS, WORDS, NameBook, borne_by, romanised
from producers.town.people import age, siblings
from producers.town.reports import Step
from producers.town.town import Town, build_town
from streams.identifiers import WrongCheckDigitError, canonical
from streams.taxonomy import RelationKind
from streams.values import Sex

SEEDS = range(12)


@pytest.fixture(scope="module")
def town():
    return build_town(7)


@pytest.fixture(scope="module")
def towns():
    return [build_town(seed, groups=1 + seed % 3, households=120) for seed in SEEDS]


def test_the_same_seed_builds_the_same_town(town):
    assert build_town(7) == town
    assert build_town(8).people != town.people


@pytest.mark.parametrize("seed", [145, 197, 304, 588, 646, 672, 939, 961])
def test_a_town_has_room_for_its_groups_whatever_the_seed(seed):
    assert len(build_town(seed).groups) == 2
    assert len(build_town(seed, 60, 1).groups) == 1


def test_no_two_reports_share_an_id_and_partners_use_their_own(town):
    ids = [step.report.report_id for step in town.submissions if step.step is Step.REPORT]
    assert len(set(ids)) == len(ids)
    assert all(step.report.partner == step.partner for step in town.submissions)


def test_every_report_passes_the_check_at_the_door_but_those_it_must_stop(towns):
    stopped = Counter()
    for step in (step for town in towns for step in town.submissions):
        problems = {problem.code for problem in check(step.report)}
        assert bool(problems) is (step.step is Step.STOPPED), (step.story, problems)
        stopped.update(problems)
    assert stopped == {"wrong_check_digit": 2 * len(towns), "conditions_missing": len(towns)}


def test_every_partner_tells_something_and_several_tell_the_same(towns):
    for town in towns:
        assert {step.partner for step in town.submissions} == {b.partner for b in town.bodies}
        origins = Counter(
            step.report.origin_reference for step in town.submissions if step.step is Step.REPORT
        )
        del origins[None]
        assert sum(count > 1 for count in origins.values()) > 10


def test_each_step_a_partner_can_take_is_in_every_town(towns):
    for town in towns:
        assert {step.step for step in town.submissions} == set(Step)
        assert any(step.report.immediate_risk for step in town.submissions)


def test_a_correction_follows_what_it_corrects_and_a_withdrawal_what_it_withdraws(towns):
    for town in towns:
        sent = {}
        for step in town.submissions:
            key = (step.partner, step.report.report_id)
            if step.step is Step.CORRECTION:
                assert sent[key].report.revision == step.report.supersedes
            if step.step in {Step.WITHDRAWAL, Step.REPEAT, Step.CLASH}:
                assert key in sent
            if step.step is not Step.STOPPED:
                sent.setdefault(key, step)


def test_mistakes_happen_about_as_often_as_declared():
    mentions, made = 0, Counter()
    for seed in range(30, 36):
        for step in Town.without_offences(seed, households=400).submissions:
            mentions += len(step.who)
            made.update(step.mistakes)
    assert mentions > 4000
    always_possible = (Mistake.NAME_ORDER, Mistake.NO_BIRTH_DATE, Mistake.NO_ADDRESS)
    for mistake, rate in RATES.items():
        assert made[mistake] / mentions < rate * 1.25, mistake
    for mistake in always_possible:
        assert made[mistake] / mentions > RATES[mistake] * 0.75, mistake
    assert set(made) == set(RATES)


def test_a_town_without_offences_names_no_suspect_and_no_tie_of_crime():
    town = Town.without_offences(5, households=300)
    kinds = {tie.kind for step in town.submissions for tie in step.report.relations}
    roles = {
        node.person.role.value for s in town.submissions for node in s.report.nodes if node.person
    }
    assert kinds <= {
        RelationKind.PARENT,
        RelationKind.KINSHIP_CARER,
        RelationKind.FOSTER_CARER,
        RelationKind.LIVES_AT,
        RelationKind.ATTENDS,
    }
    assert roles == {"CARER", "OTHER"}


# --- people ------------------------------------------------------------------


def test_households_of_every_shape_exist_and_kin_is_what_the_shape_says(town):
    shapes = {household.shape for household in town.households}
    assert {"half siblings", "twins", "namesakes", "kinship care", "foster care"} <= shapes
    pairs = siblings(town.ties)
    for household in town.households:
        related = {pair for pair in pairs if pair <= set(household.members)}
        if household.shape in {"hostel", "foster care", "alone", "couple"}:
            assert not related
        if household.shape in {"twins", "half siblings"}:
            assert related


def test_twins_share_birth_date_surname_and_home_but_not_the_first_name(town):
    for household in (h for h in town.households if h.shape == "twins"):
        _, _, one, other, *_ = (town.people[number] for number in household.members)
        assert one.born_on == other.born_on
        assert one.home == other.home
        assert one.given_name != other.given_name


def test_father_and_son_may_bear_one_name(town):
    for household in (h for h in town.households if h.shape == "namesakes"):
        father, _, son, *_ = (town.people[number] for number in household.members)
        assert (father.given_name, father.family_name) == (son.given_name, son.family_name)
        assert father.born_on.year + 15 < son.born_on.year


def test_parents_are_at_least_sixteen_years_older(towns):
    for town in towns:
        for tie in town.ties:
            if tie.kind is RelationKind.PARENT:
                parent, child = town.people[tie.subject], town.people[tie.object]
                assert (child.born_on - parent.born_on).days > 16 * 365


def test_a_birthday_on_29_february_is_kept_on_1_march():
    born = date(2008, 2, 29)
    assert age(born, date(2026, 2, 28)) == 17
    assert age(born, date(2026, 3, 1)) == 18


def test_group_members_and_exploited_children_come_from_different_households(towns):
    for town in towns:
        for group in town.groups:
            members = (*group.adults, *group.exploited)
            homes = {town.people[number].household for number in members}
            assert len(homes) == len(members)
            assert all(town.people[n].is_child_on(town.as_of) for n in group.exploited)


# --- names -------------------------------------------------------------------


def test_names_of_every_origin_are_in_latin_letters():
    book = NameBook(Dice(3, "names"))
    for origin in ORIGINS:
        for sex in (Sex.FEMALE, Sex.MALE):
            for _ in range(40):
                name = book.given(origin, sex) + borne_by(book.family(origin), origin, sex)
                letters = [letter for letter in name if letter.isalpha()]
                assert all("LATIN" in unicodedata.name(letter) for letter in letters), name


def test_other_alphabets_are_romanised_and_diacritics_stay():
    assert romanised("Юрій Демʼяненко") == "Yurii Demianenko"
    assert romanised("Ξανθίππη") == "Xanthippi"
    assert romanised("Dilşad Nováková") == "Dilşad Nováková"
    with pytest.raises(ValueError, match="alphabet"):
        romanised("王")


def test_a_daughter_bears_the_form_of_the_name_that_her_language_has():
    assert borne_by("Novák", "sk_SK", Sex.FEMALE) == "Nováková"
    assert borne_by("Kowalski", "pl_PL", Sex.FEMALE) == "Kowalska"
    assert borne_by("Kowalski", "pl_PL", Sex.MALE) == "Kowalski"


def test_nobody_bears_a_name_that_a_search_for_leaks_could_not_tell_from_a_word(towns):
    for person in (person for town in towns for person in town.people):
        names = {person.given_name, person.family_name, *person.known_as}
        assert not {name.lower() for name in names} & WORDS


# --- numbers -----------------------------------------------------------------


def test_every_number_is_one_that_its_register_could_have_given_out(towns):
    for person in (person for town in towns for person in town.people):
        for field in ("nhs_number", "upn", "pnc_id", "phone", "vehicle_mark"):
            value = getattr(person, field)
            assert value is None or canonical(field, value) is not None, field


def test_no_two_people_of_a_town_share_a_number(towns):
    for town in towns:
        for field in ("nhs_number", "upn", "pnc_id", "phone"):
            values = [v for person in town.people if (v := getattr(person, field))]
            assert len(set(values)) == len(values), field


def test_numbers_stay_in_the_ranges_kept_for_tests(towns):
    for person in (person for town in towns for person in town.people):
        assert person.nhs_number.startswith("999")
        assert person.phone is None or re.fullmatch(r"07700 900\d{3}", person.phone)


def test_a_mistyped_number_never_passes_its_check():
    numbers = [n for serial in range(500) if (n := official.nhs_number(serial * 977))]
    for number in numbers:
        with pytest.raises(WrongCheckDigitError):
            canonical("nhs_number", official.with_wrong_check(number))


# --- mistakes ----------------------------------------------------------------


def test_a_typo_changes_the_text_but_not_its_first_letter():
    dice = Dice(1, "typo")
    changed = [typo("Katherine", dice) for _ in range(200)]
    assert all(text[0] == "K" and abs(len(text) - 9) <= 1 for text in changed)
    assert sum(text != "Katherine" for text in changed) > 190


def test_day_and_month_are_swapped_only_where_that_is_a_date():
    assert swapped(date(2010, 3, 7)) == date(2010, 7, 3)
    assert swapped(date(2010, 3, 25)) == date(2010, 3, 25)


# --- Sheffield ---------------------------------------------------------------


def test_wards_and_districts_are_those_of_the_city(shared_data):
    with (shared_data / "geography" / "sheffield_wards.csv").open() as lines:
        wards = {row["name"] for row in csv.DictReader(lines)}
    with (shared_data / "geography" / "outcodes.csv").open() as lines:
        districts = {row["outcode"]: row["region"] for row in csv.DictReader(lines)}
    assert set(places.WARDS) == wards
    # Part of S36 (Stocksbridge) is the city's although the source files it under Barnsley.
    assert {districts[code] for code in places.OUTCODES} == {"Sheffield", "Barnsley"}
    assert {code for code, region in districts.items() if region == "Sheffield"} <= set(
        places.OUTCODES
    )


def test_every_ward_lies_in_districts_of_the_city():
    used = {code for codes in places.WARDS.values() for code in codes}
    assert used == set(places.OUTCODES)


def test_every_address_has_a_postcode_of_its_ward(town):
    for person in town.people:
        assert canonical("postcode", person.home.postcode) == person.home.postcode
        assert person.home.postcode.split()[0] in places.WARDS[person.home.ward]
