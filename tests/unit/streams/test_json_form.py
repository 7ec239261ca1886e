"""The JSON form: every problem at once, by path, never by value."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from streams.codec import decode, encode
from streams.errors import InvalidInputError
from streams.json_form import MalformedInputError, from_json, parse, to_json
from streams.parts import Reason
from streams.restricted import Identity, Node, Place, Report, SealedPart
from streams.shared import AlertUpdated, FeedbackGiven, NominalRelayed
from streams.values import HandlingCode, NodeKind, Sex

ONE = "00112233-4455-6677-8899-aabbccddeeff"
REPORT = {
    "report_id": ONE,
    "partner": "invented-housing",
    "service": "housing",
    "data_category": "HOUSING",
    "gateway": "CDA_1998_S115",
    "purpose": "SAFEGUARD_CHILDREN",
    "event_at": "2026-11-17T21:40:00Z",
    "reported_at": "2026-11-18T09:05:30.250+01:00",
    "nodes": [
        {
            "label": "a",
            "kind": "PERSON",
            "identity": {"given_name": "Zebedee", "born_on": "2011-02-28", "known_as": ["Zeb"]},
            "person": {"sex": "MALE", "age": 15},
        },
        {"label": "b", "kind": "PHONE", "identity": {"phone": "07700 900123"}},
    ],
    "relations": [{"subject": "a", "object": "b", "kind": "USES_LINE", "since": "2026-11-01"}],
    "facts": [{"theme": "COUNTY_LINES", "activity": "CALL", "four_p": "PROTECT"}],
    "source": {},
    "grading": {},
    "handling": {"code": "P"},
}


def problems_of(cls, data):
    with pytest.raises(MalformedInputError) as refused:
        from_json(cls, data)
    return {problem.field: problem.code for problem in refused.value.problems}


def with_report(**changes):
    return REPORT | changes


# --- reading and writing ----------------------------------------------------------


def test_a_report_is_read_with_its_defaults():
    report = from_json(Report, REPORT)
    assert report.report_id == UUID(ONE)
    assert (report.revision, report.supersedes, report.place) == (1, None, Place())
    assert report.event_at == datetime(2026, 11, 17, 21, 40, tzinfo=UTC)
    assert report.reported_at == datetime(2026, 11, 18, 8, 5, 30, 250_000, tzinfo=UTC)
    assert report.nodes[0].identity.born_on == date(2011, 2, 28)
    assert report.nodes[0].identity.known_as == ("Zeb",)
    assert report.nodes[0].person.sex is Sex.MALE
    assert report.nodes[1].kind is NodeKind.PHONE
    assert report.handling.code is HandlingCode.P


def test_a_report_read_from_json_can_be_written_and_read_back():
    report = from_json(Report, REPORT)
    assert decode(encode(report), Report) == report
    assert from_json(Report, parse(json.dumps(to_json(report)))) == report


def test_an_event_is_written_in_full_with_plain_json_values():
    assert to_json(NominalRelayed(person_id=UUID(ONE), is_nominal=True)) == {
        "person_id": ONE,
        "is_nominal": True,
    }
    assert to_json(SealedPart(part=1, ciphertext=b"\xff\x00")) == {"part": 1, "ciphertext": "/wA="}
    written = to_json(from_json(Report, REPORT))
    assert written["reported_at"] == "2026-11-18T08:05:30.250Z"
    assert written["nodes"][0]["identity"]["born_on"] == "2011-02-28"
    assert written["nodes"][0]["identity"]["family_name"] is None
    assert written["handling"] == {"code": "P", "recipients": [], "conditions": []}


def test_a_field_that_may_be_null_may_be_left_out_of_any_event():
    feedback = {
        "outcome": "REFUSED",
        "reasons": [{"code": "no_gateway"}],
        "immediate_risk": False,
        "given_at": "2026-11-17T21:40:00Z",
    }
    assert from_json(FeedbackGiven, feedback).report_id is None


def test_instants_are_cut_to_the_millisecond():
    report = from_json(Report, with_report(event_at="2026-11-17T21:40:00.123999Z"))
    assert report.event_at.microsecond == 123_000


# --- every kind of problem ------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("report_id", "SECRET", "not_a_uuid"),
        ("report_id", "{00112233-4455-6677-8899-aabbccddeeff}", "not_a_uuid"),
        ("report_id", ONE.replace("-", ""), "not_a_uuid"),
        ("report_id", None, "not_a_uuid"),
        ("revision", "1", "not_a_whole_number"),
        ("revision", 1.0, "not_a_whole_number"),
        ("revision", True, "not_a_whole_number"),
        ("revision", 2**63, "not_a_whole_number"),
        ("partner", 7, "not_a_text"),
        ("partner", "half \ud800", "not_a_text"),
        ("immediate_risk", 1, "not_true_or_false"),
        ("immediate_risk", "true", "not_true_or_false"),
        ("gateway", "SECRET", "unknown_code"),
        ("gateway", "cda_1998_s115", "unknown_code"),
        ("gateway", 3, "not_a_text"),
        ("event_at", "2026-11-17", "not_an_instant"),
        ("event_at", "2026-11-17 21:40:00Z", "not_an_instant"),
        ("event_at", "2026-11-17T24:00:00Z", "not_an_instant"),
        ("event_at", "0001-01-01T00:00:00+05:00", "not_an_instant"),
        ("event_at", "2026-11-17T21:40:00", "without_time_zone"),
        ("event_at", 1_700_000_000, "not_an_instant"),
        ("nodes", {}, "not_a_list"),
        ("nodes", "SECRET", "not_a_list"),
        ("nodes", [{}] * 1001, "too_many_items"),
        ("place", [], "not_an_object"),
        ("grading", None, "not_an_object"),
    ],
)
def test_a_value_of_another_kind_is_refused_by_the_name_of_its_field(field, value, code):
    assert problems_of(Report, with_report(**{field: value})) == {field: code}


@pytest.mark.parametrize("value", ["20110228", "2011-02-29", "2011-W07-1", "28/02/2011", 2011])
def test_a_date_has_one_form(value):
    assert problems_of(Identity, {"born_on": value}) == {"born_on": "not_a_date"}


@pytest.mark.parametrize("value", ["/w", "_wA=", "/wA=\n", "/x==", "SECRET!"])
def test_base64_has_one_form(value):
    assert problems_of(SealedPart, {"part": 0, "ciphertext": value}) == {"ciphertext": "not_base64"}


def test_bytes_that_are_no_text_in_json_are_refused():
    assert problems_of(SealedPart, {"part": 0, "ciphertext": 7}) == {"ciphertext": "not_a_text"}


@pytest.mark.parametrize("data", [None, [], "SECRET", 7])
def test_what_is_no_object_is_refused_as_a_whole(data):
    assert problems_of(Report, data) == {None: "not_an_object"}


def test_all_problems_are_told_at_once_each_by_its_path():
    nodes = [
        REPORT["nodes"][0],
        {"label": "b", "kind": "TELEPHONE", "identity": {"phone": 7}},
        {"kind": "PERSON", "identity": {"born_on": "17.11.2011", "surname": "SECRET"}},
        "SECRET",
    ]
    assert problems_of(Report, with_report(nodes=nodes, facts=[{"theme": "DRUGS"}], extra=1)) == {
        "extra": "unknown_field",
        "nodes[1].kind": "unknown_code",
        "nodes[1].identity.phone": "not_a_text",
        "nodes[2].label": "missing",
        "nodes[2].identity.born_on": "not_a_date",
        "nodes[2].identity.surname": "unknown_field",
        "nodes[3]": "not_an_object",
        "facts[0].activity": "missing",
        "facts[0].four_p": "missing",
    }


def test_missing_fields_are_told_and_those_with_a_default_are_not():
    assert problems_of(Node, {}) == {"label": "missing", "kind": "missing"}


def test_the_message_names_path_and_problem_and_no_value():
    with pytest.raises(InvalidInputError) as refused:
        from_json(Node, {"label": "SECRET", "kind": "SECRET", "identity": {"born_on": "SECRET"}})
    assert str(refused.value) == "kind: unknown code; identity.born_on: not a date"
    assert refused.value.problems == (
        Reason(code="unknown_code", field="kind"),
        Reason(code="not_a_date", field="identity.born_on"),
    )


def test_a_key_that_looks_like_no_field_name_is_not_repeated():
    assert problems_of(Identity, {"Zebedee Quill": 1, "é": 2, "x" * 41: 3, "7": 4}) == {
        "?": "unknown_field"
    }


def test_no_more_than_a_hundred_problems_are_told():
    with pytest.raises(MalformedInputError) as refused:
        from_json(AlertUpdated, {f"key_{'a' * number}": 1 for number in range(300)})
    assert len(refused.value.problems) == 100


# --- JSON text --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["", "{", "{'a': 1}", "NaN", '{"a": Infinity}', b"\xff", "[" * 100_000, "1" * 5_000],
    ids=["empty", "open", "quotes", "NaN", "infinity", "no UTF-8", "too deep", "huge number"],
)
def test_text_that_is_no_json_is_refused(text):
    with pytest.raises(MalformedInputError) as refused:
        parse(text)
    assert refused.value.problems == (Reason(code="not_json"),)
    assert refused.value.__context__ is None


def test_a_key_given_twice_is_refused():
    with pytest.raises(MalformedInputError, match="repeated key"):
        parse('{"partner": "one", "partner": "other"}')


def test_json_text_is_read():
    assert parse(b'{"a": [1, null, true, "x"]}') == {"a": [1, None, True, "x"]}
