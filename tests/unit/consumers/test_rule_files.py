"""Rule files: read strictly or refused with one clear error; their examples are run."""

from __future__ import annotations

import json

import pytest

from consumers.safeguarding.adoption import (
    ExampleFailsError,
    OldVersionError,
    OwnReviewError,
    adopted,
)
from consumers.safeguarding.examples import failures
from consumers.safeguarding.rules import (
    DOCUMENT_BYTES_MAX,
    InvalidRulesError,
    differences,
    parse,
    standard,
)
from streams.values import AlertRule
from tests.hub_rules import rules_with
from tests.invented_evidence import DECIDED_AT


def plain():
    return standard().model_dump(mode="json")


def rule_in(document, rule_id):
    return next(rule for rule in document["rules"] if rule["id"] == rule_id)


def refusal(document):
    text = document if isinstance(document, str) else json.dumps(document)
    with pytest.raises(InvalidRulesError) as raised:
        parse(text, "rules.json")
    assert "\n" not in str(raised.value)
    return str(raised.value)


# --- reading ----------------------------------------------------------------------------


def test_the_standard_rules_hold_every_kind_once_and_are_on():
    rules = standard()
    assert [rule.kind for rule in rules.rules] == list(AlertRule)
    assert len(rules.enabled) == len(rules.rules)
    assert list(failures(rules)) == []


def test_a_document_is_read_back_as_the_same_rules():
    again = parse(standard().document)
    assert again == standard()
    assert again.digest == standard().digest
    assert rules_with(EARLY_SIGNS={"threshold": 6}).digest != standard().digest


@pytest.mark.parametrize(
    ("rule_id", "changed", "place"),
    [
        ("EARLY_SIGNS", {"colour": 1}, "rules[4].EARLY_SIGNS.colour: there is no such field"),
        ("EARLY_SIGNS", {"threshold": 0}, "rules[4].EARLY_SIGNS.threshold: "),
        ("EARLY_SIGNS", {"threshold": "7"}, "rules[4].EARLY_SIGNS.threshold: "),
        ("EARLY_SIGNS", {"threshold": 7.5}, "rules[4].EARLY_SIGNS.threshold: "),
        ("EARLY_SIGNS", {"threshold": True}, "rules[4].EARLY_SIGNS.threshold: "),
        ("EARLY_SIGNS", {"threshold": 99}, "rules[4].EARLY_SIGNS: threshold 99 is never reached"),
        ("EARLY_SIGNS", {"window_weeks": 105}, "rules[4].EARLY_SIGNS.window_weeks: "),
        ("EARLY_SIGNS", {"weights": {"MISING": 1}}, "rules[4].EARLY_SIGNS.weights.MISING"),
        ("EARLY_SIGNS", {"weights": {"MISSING": 11}}, "rules[4].EARLY_SIGNS.weights.MISSING: "),
        ("EARLY_SIGNS", {"weights": {}}, "rules[4].EARLY_SIGNS.weights: "),
        ("EARLY_SIGNS", {"about": ["ADULT"]}, "rules[4].EARLY_SIGNS: "),
        ("EARLY_SIGNS", {"recipients": {}}, "rules[4].EARLY_SIGNS: recipients name each"),
        ("EARLY_SIGNS", {"id": "lower"}, "rules[4].EARLY_SIGNS.id: "),
        ("EARLY_SIGNS", {"id": "DEAL_LINE"}, "the id DEAL_LINE stands there twice"),
        ("EARLY_SIGNS", {"kind": "MAGIC"}, "rules[4].kind: there is no such kind of rule"),
        ("MODERN_SLAVERY", {"threshold": 9}, "rules[8].MODERN_SLAVERY: threshold 9 is never"),
        ("UNANSWERED", {"hours": 0}, "rules[10].UNANSWERED.hours: "),
        ("UNANSWERED", {"ends": ["MISSING"]}, "rules[10].UNANSWERED: no sign both starts"),
        ("VULNERABLE_ADULT", {"about": ["CHILD"]}, "rules[7].VULNERABLE_ADULT: "),
    ],
)
def test_what_does_not_hold_is_told_by_its_place(rule_id, changed, place):
    document = plain()
    rule_in(document, rule_id).update(changed)
    assert place in refusal(document)


@pytest.mark.parametrize("field", ["title", "reason", "never", "source", "recipients", "enabled"])
def test_nothing_that_a_rule_must_say_may_be_missing(field):
    document = plain()
    del document["rules"][0][field]
    assert f"{field}: the field is missing" in refusal(document)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "no JSON at line 1"),
        ("[]", "rules.json: the file: "),
        ("null", "rules.json: the file: "),
        ('{"version": 1, "version": 2}', "the field version stands there twice"),
        ("[" * 100_000, "nested too deeply"),
        ("9" * (DOCUMENT_BYTES_MAX + 1), f"more than {DOCUMENT_BYTES_MAX} bytes"),
        ("9" * 5_000, "rules.json: "),
        ('{"version": NaN}', "rules.json: "),
        ('{"version": 1, "title": "\\ud800", "rules": []}', "rules.json: "),
    ],
    ids=["empty", "a list", "null", "twins", "deep", "long", "a number", "nan", "half a letter"],
)
def test_what_is_no_rule_file_is_told(text, place):
    assert place in refusal(text)


@pytest.mark.parametrize("version", [0, -1, 10**9, "1", None])
def test_a_version_is_a_number_above_nought(version):
    assert "version: " in refusal({**plain(), "version": version})


def test_what_differs_is_told_field_by_field():
    other = rules_with(
        EARLY_SIGNS={"threshold": 6, "weights": {"MISSING": 4, "DEBT": 2, "INJURY": 2}},
        DEAL_LINE={"enabled": False},
    )
    found = {(rule, field): (old, new) for rule, field, old, new in differences(standard(), other)}
    assert found["EARLY_SIGNS", "threshold"] == ("7", "6")
    assert found["EARLY_SIGNS", "weights.MISSING"] == ("3", "4")
    assert found["EARLY_SIGNS", "weights.EXCLUSION"] == ("2", "")
    assert found["DEAL_LINE", "enabled"] == ("true", "false")
    assert list(differences(standard(), standard())) == []


def test_an_example_that_tells_other_reports_under_the_same_story_differs():
    document = plain()
    example = rule_in(document, "UNANSWERED")["examples"][0]
    example["asked_after_hours"] = 74
    (one,) = differences(standard(), parse(json.dumps(document)))
    assert one[:2] == ("UNANSWERED", "example 1")


# --- examples ---------------------------------------------------------------------------


def test_an_example_that_comes_out_otherwise_is_told_with_both():
    (one,) = failures(rules_with(EARLY_SIGNS={"threshold": 8}))
    assert (one.rule_id, one.expected, one.found) == ("EARLY_SIGNS", ("kit",), ())


def test_examples_of_a_rule_that_is_off_are_run_as_if_it_were_on():
    assert list(failures(rules_with(EARLY_SIGNS={"enabled": False}))) == []


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([{"report": "a", "withdraw": "b"}], "a step is one of"),
        ([{}], "a step is one of"),
        ([{"keep": "a"}], "keep and absorb"),
        ([{"keep": "a", "absorb": "a"}], "keep and absorb"),
    ],
)
def test_a_step_that_is_no_step_is_told(steps, words):
    document = plain()
    document["rules"][0]["examples"] = [{"story": "x", "given": steps, "expect": []}]
    assert words in refusal(document)


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        (
            [{"report": "a", "after_hours": 5}, {"report": "b", "after_hours": 4}],
            "in the order of after_hours",
        ),
        ([{"report": "a", "people": {"x": {}}, "ties": [["y", "LIVES_AT", "x"]]}], "two kinds"),
    ],
)
def test_names_and_times_of_an_example_must_fit_together(steps, words):
    document = plain()
    document["rules"][0]["examples"] = [{"story": "x", "given": steps, "expect": []}]
    with pytest.raises(InvalidRulesError, match=words):
        list(failures(parse(json.dumps(document))))


def test_a_week_of_an_example_is_one_that_its_year_has():
    document = plain()
    given = rule_in(document, "EARLY_SIGNS")["examples"][0]["given"]
    given[0]["week"] = "2026-W53"
    parse(json.dumps(document))
    given[0]["week"] = "2025-W53"
    assert "given[0].week: its year has no week 53" in refusal(document)


def test_merges_withdrawals_and_nominals_can_be_told_in_examples():
    document = plain()
    tied = {
        "report": "i",
        "people": {"kit": {"child": "YES"}},
        "ties": [["ada", "EXPLOITS", "kit"]],
    }
    document["rules"][0]["examples"] = [
        {"story": "1", "given": [tied, {"nominal": "ada"}], "expect": ["kit"]},
        {"story": "2", "given": [tied, {"nominal": "ada"}, {"withdraw": "i"}], "expect": []},
        {
            "story": "3",
            "given": [tied, {"nominal": "ada"}, {"keep": "kim", "absorb": "kit"}],
            "expect": ["kim"],
        },
    ]
    assert list(failures(parse(json.dumps(document)))) == []


# --- adopting ---------------------------------------------------------------------------


def adopt(rules, earlier=(), reviewed_by="Rae Reviewer", decided_by="Hal Lead"):
    return adopted(rules, earlier, reviewed_by=reviewed_by, decided_by=decided_by, at=DECIDED_AT)


def test_adopted_rules_carry_their_document_and_two_names():
    event = adopt(rules_with())
    assert (event.version, event.reviewed_by, event.decided_by) == (2, "Rae Reviewer", "Hal Lead")
    assert parse(event.document) == rules_with()


@pytest.mark.parametrize("reviewer", ["Hal Lead", "hal  lead", " HAL LEAD "])
def test_nobody_reviews_what_they_adopt(reviewer):
    with pytest.raises(OwnReviewError):
        adopt(rules_with(), reviewed_by=reviewer)


def test_a_version_is_above_the_one_in_force():
    with pytest.raises(OldVersionError, match="version 1 "):
        adopt(rules_with(version=1))
    second = adopt(rules_with(version=7))
    with pytest.raises(OldVersionError, match="version 7 "):
        adopt(rules_with(version=7), (second,))
    assert adopt(rules_with(version=8), (second,)).version == 8


def test_rules_whose_examples_fail_are_not_adopted():
    with pytest.raises(ExampleFailsError, match="EARLY_SIGNS"):
        adopt(rules_with(EARLY_SIGNS={"threshold": 8}))
