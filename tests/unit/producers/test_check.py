"""The check that partners run offline: it names field, rule and remedy, and never a value."""

from __future__ import annotations

import inspect
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from producers.check import InvalidReportError, check, problem, read
from streams import content
from streams.content import NODES_MAX
from streams.json_form import to_json
from streams.parts import Grading, Handling
from streams.restricted import Identity, PersonFacts, Place, Relation
from streams.taxonomy import RELATIONS, RelationKind
from streams.values import Audience, ConditionCode, GradingScheme, HandlingCode, NodeKind
from tests.invented_reports import IDENTIFIERS, child, phone, report, sister, tie, unnamed

MIDNIGHT = datetime(2011, 1, 1, tzinfo=UTC)


def found(subject, at=None) -> list[tuple[str | None, str]]:
    return [(problem.field, problem.code) for problem in check(subject, at)]


def identified(kind=NodeKind.PERSON, **identity):
    """A report whose one node is identified by these fields."""
    node = replace(unnamed(), kind=kind, identity=Identity(**identity), person=None)
    return report(nodes=(node,), relations=())


def graded(scheme, source=None, assessment=None):
    return report(grading=Grading(scheme=scheme, source=source, assessment=assessment))


def test_a_sound_report_has_no_problem():
    assert check(report()) == ()
    assert check(report(), at=report().reported_at) == ()


# --- shape -----------------------------------------------------------------------------------


def test_a_report_without_nodes_is_refused():
    assert found(report(nodes=(), relations=())) == [("nodes", "no_nodes")]


def test_fifty_nodes_pass_and_fifty_one_do_not():
    nodes = tuple(replace(unnamed(), label=f"n{number}") for number in range(NODES_MAX + 1))
    assert found(report(nodes=nodes[:NODES_MAX], relations=())) == []
    assert found(report(nodes=nodes, relations=())) == [("nodes", "too_many_nodes")]


def test_two_nodes_of_one_label_are_told_apart_by_their_place():
    nodes = (unnamed(), unnamed(), unnamed())
    assert found(report(nodes=nodes, relations=())) == [
        ("nodes[1].label", "duplicate_label"),
        ("nodes[2].label", "duplicate_label"),
    ]


def test_a_relation_names_nodes_that_are_there():
    relations = (tie("child", RelationKind.SIBLING, "nobody"), tie("x", RelationKind.USES, "y"))
    assert found(report(relations=relations)) == [
        ("relations[0].object", "missing_node"),
        ("relations[1].subject", "missing_node"),
        ("relations[1].object", "missing_node"),
    ]


@pytest.mark.parametrize("kind", RELATIONS)
def test_every_kind_of_relation_refuses_ends_that_it_does_not_join(kind):
    assert found(report(relations=(tie("line", kind, "child"),))) == [
        ("relations[0].kind", "relation_does_not_fit")
    ]


def test_a_relation_joins_two_different_people():
    relations = (tie("child", RelationKind.FRIEND, "child"),)
    assert found(report(relations=relations)) == [("relations[0]", "relation_to_itself")]


def test_a_relation_ends_after_it_starts():
    backwards = Relation(
        subject="child",
        object="sister",
        kind=RelationKind.FRIEND,
        since=date(2026, 2, 2),
        until=date(2026, 1, 1),
    )
    assert found(report(relations=(backwards,))) == [("relations[0].until", "ends_before_start")]


def test_a_report_without_a_coded_fact_is_refused():
    assert found(report(facts=())) == [("facts", "no_facts")]


@pytest.mark.parametrize(
    ("revision", "supersedes", "problems"),
    [
        (1, None, []),
        (2, 1, []),
        (7, 3, []),
        (0, None, [("revision", "bad_revision")]),
        (1, 1, [("supersedes", "bad_supersedes")]),
        (2, 2, [("supersedes", "bad_supersedes")]),
        (2, 0, [("supersedes", "bad_supersedes")]),
    ],
)
def test_a_revision_replaces_an_earlier_one(revision, supersedes, problems):
    assert found(report(revision=revision, supersedes=supersedes)) == problems


@pytest.mark.parametrize("partner", ["", "ab", "Loxley", "loxley housing", "loxley.x", "a" * 33])
def test_a_partner_id_that_could_name_no_topic_is_refused(partner):
    assert found(report(partner=partner)) == [("partner", "bad_partner")]


@pytest.mark.parametrize("field", ["service", "narrative", "origin_reference"])
def test_a_blank_text_is_refused_because_it_hides_that_nothing_was_said(field):
    assert found(report(**{field: " \t"})) == [(field, "empty")]


def test_texts_have_a_limit():
    assert found(report(narrative="x" * 20_000)) == []
    assert found(report(narrative="x" * 20_001)) == [("narrative", "too_long")]


# --- time ------------------------------------------------------------------------------------


def test_an_event_does_not_come_after_the_report_about_it():
    late = report().reported_at + timedelta(minutes=1)
    assert found(report(event_at=late)) == [("event_at", "event_after_report")]


def test_an_event_before_anyone_alive_was_born_is_a_slip():
    long_ago = report().event_at.replace(year=1)
    assert found(report(event_at=long_ago)) == [("event_at", "too_long_ago")]


def test_a_report_from_the_future_is_found_where_there_is_a_clock():
    now = report().reported_at - timedelta(days=2)
    assert found(report()) == []
    assert found(report(), at=now) == [("reported_at", "in_future")]


def test_a_birth_date_in_the_future_is_refused():
    nodes = (replace(child(), identity=Identity(born_on=date(2026, 11, 18))),)
    assert found(report(nodes=nodes, relations=())) == [
        ("nodes[0].identity.born_on", "born_in_future")
    ]


@pytest.mark.parametrize(
    ("born_on", "problems"),
    [
        (date(2026, 11, 17), []),  # born on the day of the report
        (date(1906, 1, 1), []),
        (date(1905, 12, 31), [("nodes[0].identity.born_on", "implausible")]),
        (date(1900, 1, 1), []),  # a placeholder: it never links, and is no fault
    ],
)
def test_a_birth_date_is_one_of_a_person_alive(born_on, problems):
    assert found(identified(born_on=born_on)) == problems


@pytest.mark.parametrize(("age", "wrong"), [(0, False), (120, False), (-1, True), (121, True)])
def test_an_age_is_one_of_a_person_alive(age, wrong):
    node = replace(unnamed(), person=PersonFacts(age=age))
    expected = [("nodes[0].person.age", "implausible")] if wrong else []
    assert found(report(nodes=(node,), relations=())) == expected


# --- grading and handling ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "source", "assessment", "problems"),
    [
        (GradingScheme.UNGRADED, None, None, []),
        (GradingScheme.SCHEME_3X5X2, "1", "A", []),
        (GradingScheme.SCHEME_3X5X2, "3", "E", []),
        (GradingScheme.SCHEME_5X5X5, "E", "5", []),
        (GradingScheme.UNGRADED, "1", None, [("grading.source", "not_graded")]),
        (GradingScheme.SCHEME_3X5X2, "4", "A", [("grading.source", "not_in_scheme")]),
        (GradingScheme.SCHEME_3X5X2, "1", "F", [("grading.assessment", "not_in_scheme")]),
        (GradingScheme.SCHEME_3X5X2, "1", "AB", [("grading.assessment", "not_in_scheme")]),
        (GradingScheme.SCHEME_3X5X2, "1", "", [("grading.assessment", "not_in_scheme")]),
        (GradingScheme.SCHEME_3X5X2, "1", None, [("grading.assessment", "grade_missing")]),
    ],
)
def test_grades_hold_within_their_own_scheme(scheme, source, assessment, problems):
    assert found(graded(scheme, source, assessment)) == problems


def test_the_letters_of_one_scheme_do_not_pass_in_the_other():
    swapped = [("grading.source", "not_in_scheme"), ("grading.assessment", "not_in_scheme")]
    assert found(graded(GradingScheme.SCHEME_5X5X5, "2", "B")) == swapped
    assert found(graded(GradingScheme.SCHEME_3X5X2, "B", "2")) == swapped


def test_handling_code_c_names_recipients_and_conditions():
    assert found(report(handling=Handling(code=HandlingCode.C))) == [
        ("handling.recipients", "conditions_missing"),
        ("handling.conditions", "conditions_missing"),
    ]
    whole = Handling(
        code=HandlingCode.C, recipients=(Audience.POLICE,), conditions=(ConditionCode.A1,)
    )
    assert found(report(handling=whole)) == []


@pytest.mark.parametrize("code", [HandlingCode.P, HandlingCode.NONE])
def test_conditions_without_code_c_are_a_contradiction(code):
    handling = Handling(code=code, conditions=(ConditionCode.S2,))
    assert found(report(handling=handling)) == [("handling.conditions", "only_with_code_c")]


# --- identities --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "identity", "code"),
    [
        (NodeKind.PERSON, {"nhs_number": "9434765918"}, "wrong_check_digit"),
        (NodeKind.PERSON, {"upn": "A801200005001"}, "wrong_check_digit"),
        (NodeKind.PERSON, {"uln": "9276308685"}, "wrong_check_digit"),
        (NodeKind.PERSON, {"pnc_id": "2001/0171310S"}, "wrong_check_digit"),
        (NodeKind.PERSON, {"cro_number": "85227/65G"}, "wrong_check_digit"),
        (NodeKind.PHONE, {"imei": "490154203237519"}, "wrong_check_digit"),
        (NodeKind.PERSON, {"nino": "QQ 12"}, "unreadable_identifier"),
        (NodeKind.ADDRESS, {"postcode": "S1"}, "unreadable_identifier"),
        (NodeKind.PHONE, {"phone": "12"}, "unreadable_identifier"),
    ],
)
def test_an_identifier_that_cannot_be_right_is_named(kind, identity, code):
    (field,) = identity
    assert found(identified(kind, **identity)) == [(f"nodes[0].identity.{field}", code)]


@pytest.mark.parametrize(
    ("kind", "identity"),
    [
        (NodeKind.PERSON, {"nhs_number": "943 476 5919", "phone": "07700 900123"}),
        (NodeKind.PERSON, {"given_name": "UNKNOWN", "nhs_number": "0000000000"}),
        (NodeKind.ADDRESS, {"address": "3 Nowhere Gardens", "postcode": "ZZ99 3VZ"}),
        (NodeKind.PHONE, {"phone": "+44 7700 900123", "imei": "490154203237518"}),
        (NodeKind.VEHICLE, {"vehicle_mark": "ZZ99 ZZZ"}),
        (NodeKind.ACCOUNT, {"account_number": "12345678", "sort_code": "00-00-01"}),
        (NodeKind.HANDLE, {"handle": "@nobody.invented"}),
        (NodeKind.ORGANISATION, {"organisation_name": "Imaginara Academy"}),
    ],
)
def test_each_kind_of_node_is_identified_in_its_own_way(kind, identity):
    assert found(identified(kind, **identity)) == []


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        (NodeKind.PHONE, "nhs_number", "9434765919"),
        (NodeKind.PERSON, "vehicle_mark", "ZZ99 ZZZ"),
        (NodeKind.ADDRESS, "given_name", "Testina"),
        (NodeKind.ORGANISATION, "born_on", date(2000, 2, 2)),
    ],
)
def test_an_identifier_of_another_kind_of_thing_is_refused(kind, field, value):
    problems = [(f"nodes[0].identity.{field}", "wrong_kind")]
    assert found(identified(kind, **{field: value})) == problems


def test_sex_age_and_role_belong_to_people():
    node = replace(phone(), person=PersonFacts(age=4))
    assert found(report(nodes=(node,), relations=())) == [("nodes[0].person", "not_a_person")]


def test_an_identity_that_says_nothing_is_left_out():
    assert found(identified()) == [("nodes[0].identity", "empty")]
    assert found(identified(given_name="  ")) == [("nodes[0].identity.given_name", "empty")]


def test_a_postcode_of_the_place_is_read_too():
    assert found(report(place=Place(postcode="nowhere"))) == [
        ("place.postcode", "unreadable_identifier")
    ]


# --- types and JSON ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"partner": None}, "partner", "wrong_type"),
        ({"revision": "1"}, "revision", "wrong_type"),
        ({"revision": True}, "revision", "wrong_type"),
        ({"gateway": "CDA_1998_S115"}, "gateway", "wrong_type"),
        ({"nodes": [unnamed()]}, "nodes", "wrong_type"),
        ({"nodes": (None,)}, "nodes[0]", "wrong_type"),
        ({"event_at": datetime(2026, 1, 1)}, "event_at", "without_time_zone"),  # noqa: DTZ001 - the example
        ({"event_at": date(2026, 1, 1)}, "event_at", "wrong_type"),
        (
            {"nodes": (replace(child(), identity=Identity(born_on=MIDNIGHT)),)},
            "nodes[0].identity.born_on",
            "wrong_type",
        ),
    ],
    ids=str,
)
def test_a_value_of_another_type_is_named_before_it_can_fail_elsewhere(changes, field, code):
    assert found(report(**changes)) == [(field, code)]


def test_a_report_in_json_is_read():
    assert read(to_json(report())) == report()


def test_everything_wrong_in_a_json_report_is_told_at_once():
    data = to_json(report()) | {"gateway": "GOODWILL", "colour": "blue"}
    del data["service"]
    with pytest.raises(InvalidReportError) as caught:
        read(data)
    told = {(problem.field, problem.code) for problem in caught.value.problems}
    assert told == {
        ("gateway", "unknown_code"),
        ("colour", "unknown_field"),
        ("service", "missing"),
    }


def test_a_json_report_is_checked_like_any_other():
    with pytest.raises(InvalidReportError) as caught:
        read(to_json(report(facts=())))
    assert [problem.code for problem in caught.value.problems] == ["no_facts"]


def test_no_problem_shows_a_value():
    nodes = (
        replace(child(), identity=replace(child().identity, nhs_number="9434765918")),
        replace(sister(), label="child"),
        replace(phone(), identity=Identity(phone="not 07700 900123", given_name="Testina")),
    )
    wrong = report(nodes=nodes, place=Place(postcode="S99 9ZZ!"), partner="Testina Inventsson")
    problems = check(wrong)
    assert len(problems) >= 5
    shown = repr(problems) + "".join(map(str, problems)) + str(InvalidReportError(problems))
    assert [one for one in (*IDENTIFIERS, "9434765918") if one in shown] == []


def test_every_rule_of_content_has_a_remedy_of_its_own():
    codes = set(re.findall(r'Fault\(\s*"([a-z_]+)"', inspect.getsource(content)))
    codes |= {"too_many_nodes", "too_many_items"}
    codes |= {f"disagrees_with_{what}" for what in ("family_name", "birth_date", "sex")}
    assert len(codes) > 25
    plain = {code: f"{code.replace('_', ' ').capitalize()}." for code in codes}
    assert [code for code in codes if problem(code, None).remedy == plain[code]] == []


def test_a_carrier_that_disagrees_is_told_with_its_remedy():
    identity = replace(child().identity, driver_number="MORGA657054SM9IJ")
    problems = check(report(nodes=(replace(child(), identity=identity),), relations=()))
    assert [(one.field, one.code) for one in problems] == [
        ("nodes[0].identity.driver_number", "disagrees_with_family_name"),
        ("nodes[0].identity.driver_number", "disagrees_with_birth_date"),
    ]
    assert all("MORGA" not in str(one) and "64" not in str(one) for one in problems)


@pytest.mark.parametrize("postcode", ["S1", "s1 2he", "BFPO 58", "ZZ99 3VZ", "N/K"])
def test_a_place_may_be_a_district_alone(postcode):
    assert found(report(place=Place(postcode=postcode))) == []


def test_every_problem_comes_with_a_remedy_in_a_sentence():
    wrong = report(nodes=(), relations=(tie("a", RelationKind.USES, "b"),), facts=(), service="")
    problems = check(wrong)
    assert len(problems) == 5
    assert all(len(one.remedy) > 10 and one.remedy.endswith(".") for one in problems)
