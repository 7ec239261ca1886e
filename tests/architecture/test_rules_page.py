"""docs/RULES.md is held to the rule file: every rule, weight, threshold and window stands on it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from consumers.safeguarding.rules import standard
from streams.values import AlertRule

PAGE = (Path(__file__).parents[2] / "docs" / "RULES.md").read_text("utf-8")
RULES = standard().rules
_SAID_ELSEWHERE = {"id", "kind", "enabled", "title", "reason", "source", "never", "about"}


def section(rule_id):
    found = re.search(rf"^### {rule_id}$(.*?)^##", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"{rule_id} has no section"
    return " ".join(found.group(1).split())


def test_every_rule_of_the_file_has_a_section_and_no_other_has():
    assert re.findall(r"^### ([A-Z_]+)$", PAGE, re.MULTILINE) == [rule.id for rule in RULES]
    assert {rule.kind for rule in RULES} == set(AlertRule)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_section_says_what_why_never_an_example_and_the_limits(rule):
    told = section(rule.id)
    heads = ("**Looks for**", "**Why.**", "**Never**", "**Story.**", "**Limits.**")
    assert [head for head in heads if head not in told] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_number_and_sign_of_a_rule_stands_in_its_section(rule):
    told = section(rule.id)
    parts = rule.model_dump(mode="json", exclude={*_SAID_ELSEWHERE, "recipients", "examples"})
    missing = [one for name, value in parts.items() for one in _missing(name, value, told)]
    assert missing == []


def _missing(name, value, told):
    """Yield what of a field the page does not say in so many words."""
    if isinstance(value, bool):
        if f"`{name}` set to `{str(value).lower()}`" not in told:
            yield name
    elif isinstance(value, dict):
        yield from (
            sign for sign, points in value.items() if f"| `{sign}` | {points} |" not in told
        )
    elif isinstance(value, list):
        yield from (sign for sign in value if f"`{sign}`" not in told)
    elif not _says(name, value, told):
        yield name


def _says(name, value, told):
    near = (f"`{name}` of **{value}**", f"`{name}` **{value}**", f"**{value}** `{name}`")
    return any(one in told for one in near) or f"| `{name}` | {value} |" in told


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_has_examples_that_alert_and_examples_that_do_not(rule):
    expected = [bool(example.expect) for example in rule.examples]
    assert True in expected
    assert False in expected


def test_the_page_names_the_version_of_the_file():
    assert f"## The rules of version {standard().version}" in PAGE


def test_the_local_targets_of_the_clocks_stand_on_the_page():
    for name, hours in standard().targets.model_dump().items():
        assert f"|`{name}`|{hours} hours|" in PAGE
