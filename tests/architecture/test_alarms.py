"""The operator's page knows every alarm that the code can raise."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from deploy.health import Reason
from deploy.pulse import Overdue
from deploy.settings import HealthSettings, WatchSettings
from streams import errors
from streams.alarms import Alarm
from streams.topics import ALARMS, SHARED_TOPICS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "OPERATIONS.md").read_text()
PACKAGES = ("streams", "anonymiser", "consumers", "deploy")
LOUD = {"critical", "error", "warning", "exception"}
#: Lines whose text is a variable: each is one of the codes above, or what nobody caught.
BY_CODE = {"code", "event", "what", "what.partition('\\n')[0]"}


@pytest.mark.parametrize("code", [*Reason, *Overdue, *Alarm])
def test_the_page_has_a_row_for_every_code(code):
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    assert any(f"`{code.value}`" in row for row in rows)


def test_the_page_has_a_row_for_every_error_that_ends_a_reader():
    own = vars(errors).values()
    family = [one for one in own if isinstance(one, type) and issubclass(one, errors.LogError)]
    assert [one.__name__ for one in family[1:] if f"| `{one.__name__}`" not in PAGE] == []


def test_the_page_names_every_event_on_the_topic_of_alarms():
    (spec,) = [one for one in SHARED_TOPICS if one.name == ALARMS]
    assert [one for one in spec.events if f"`{one}" not in PAGE] == []


def test_the_page_tells_every_bound():
    names = [*HealthSettings.model_fields, *WatchSettings.model_fields]
    assert [one for one in names if one.upper() not in PAGE] == []


def loud_lines():
    """Every text that is logged as a warning or worse: place, and the words it begins with."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and _is_loud(node.func) and node.args:
                    yield path.relative_to(ROOT).as_posix(), node.args[0]


def _is_loud(called):
    if not isinstance(called, ast.Attribute) or called.attr not in LOUD:
        return False
    return "log" in ast.unparse(called.value).casefold()


def _spelt(part):
    return part if isinstance(part, str) else ast.unparse(part)[:60]


@pytest.mark.parametrize(("place", "text"), list(loud_lines()), ids=_spelt)
def test_the_page_explains_every_line_above_news(place, text):
    if not isinstance(text, ast.Constant):
        assert ast.unparse(text) in BY_CODE, f"{place} logs what the page cannot list"
        return
    words = [re.sub(r"\s+", " ", part).strip(" :,'") for part in re.split(r"%[sdr]", text.value)]
    told = [part for part in words if len(part) > 2]
    missing = [part for part in told if part not in PAGE]
    assert missing == [], f"{place}: the page does not explain {text.value!r}"
