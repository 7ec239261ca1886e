"""Weights are published by a named person as the next version, through a real broker."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from anonymiser.linker.standard import WEIGHTS
from deploy.cli import build_app
from deploy.topics import ensure_topics
from deploy.weights import WeightsFile
from streams.json_form import to_json
from streams.topics import BY_NAME, REGISTRY
from tests.elsewhere import environment


@pytest.fixture
async def home(broker, monkeypatch):
    await ensure_topics(broker.settings, [BY_NAME[REGISTRY]])
    for name, value in environment(broker.settings).items():
        monkeypatch.setenv(name, value)
    return broker.settings.home


def run(*arguments):
    answer = CliRunner().invoke(build_app(), [str(one) for one in arguments])
    assert answer.exception is None, answer.exception
    return json.loads(answer.stdout)


def test_a_file_becomes_the_next_version_and_is_listed_and_shown(home, tmp_path):
    path = tmp_path / "weights.json"
    file = WeightsFile.of(WEIGHTS, "400 records, 500 true pairs")
    path.write_text(json.dumps(to_json(file)), encoding="utf-8")
    first = run("weights", "publish", path, "--by", "registrar", "--json")["version"]
    second = run("weights", "publish", path, "--by", "somebody", "--json")["version"]
    assert (first, second) == (WEIGHTS.version + 1, WEIGHTS.version + 2)
    listed = run("weights", "list", "--json")
    assert [(one["version"], one["decided_by"]) for one in listed] == [
        (first, "registrar"),
        (second, "somebody"),
    ]
    shown = run("weights", "show", "--json")
    assert (shown["version"], shown["trained_on"]) == (second, file.trained_on)
    assert run("weights", "show", first, "--json")["decided_by"] == "registrar"
