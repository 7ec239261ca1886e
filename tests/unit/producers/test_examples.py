"""The examples that newcomers start from are sound, and about nobody."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from uuid import UUID

import pytest

from producers.check import read
from producers.examples import EXAMPLES, example
from streams.json_form import to_json
from streams.values import HandlingCode

AT = datetime(2026, 11, 17, 9, 41, 3, 7, tzinfo=UTC)
PHONE = re.compile(r"(?:\+44 ?|0)7[\d ]{9,}")


def made(name):
    return example(name, UUID(int=9), AT)


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_has_nothing_to_correct(name):
    report = read(made(name), AT)
    assert report.report_id == UUID(int=9)
    assert report.event_at < report.reported_at == AT.replace(microsecond=0)


@pytest.mark.parametrize("name", EXAMPLES)
def test_phone_numbers_in_examples_are_those_kept_for_drama(name):
    numbers = [re.sub(r"\D", "", one)[-10:] for one in PHONE.findall(str(made(name)))]
    assert all(number.startswith("7700900") for number in numbers)


def test_together_the_examples_show_what_a_report_can_say():
    reports = {name: read(made(name), AT) for name in EXAMPLES}
    assert reports["risk"].immediate_risk
    assert reports["crime"].handling.code is HandlingCode.C
    assert {node.kind.value for one in reports.values() for node in one.nodes} >= {
        "PERSON", "PHONE", "ADDRESS", "VEHICLE", "ORGANISATION",
    }  # fmt: skip
    assert set(made("welfare")) >= set(to_json(reports["welfare"])) - {
        "supersedes",
        "origin_reference",
    }
