"""Weights as a file, as an event and as what the linker uses are one."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from anonymiser.linker.standard import WEIGHTS
from anonymiser.linker.weights import published
from deploy.weights import UNPUBLISHED, WeightsFile, read_weights_file
from streams.codec import decode, encode
from streams.errors import InvalidInputError
from streams.json_form import to_json
from streams.ports import Record
from streams.registry import Registry
from streams.shared import LinkWeightsPublished, PublishedWeight
from streams.topics import REGISTRY

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
STANDARD = WeightsFile.of(WEIGHTS, "nothing, an example")


@pytest.fixture
def written(tmp_path):
    def write(file):
        path = tmp_path / "weights.json"
        path.write_text(json.dumps(to_json(file)), encoding="utf-8")
        return path

    return write


def test_a_file_is_read_back_as_it_was_written(written):
    assert read_weights_file(written(STANDARD)) == STANDARD


def test_what_is_published_links_as_what_was_trained():
    event = STANDARD.event(3, "registrar", AT)
    assert published(event) == replace(WEIGHTS, version=3)
    assert decode(encode(event), LinkWeightsPublished) == event
    assert STANDARD.for_trial() == replace(WEIGHTS, version=UNPUBLISHED)


FIRST, *OTHERS = STANDARD.weights


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"weights": (*OTHERS, replace(FIRST, field="shoe"))}, "no level .* of 'shoe'"),
        ({"weights": (*OTHERS, replace(FIRST, level="perhaps"))}, "no level 'perhaps'"),
        ({"weights": (*STANDARD.weights, FIRST)}, "stands twice"),
        ({"weights": tuple(OTHERS)}, "has no weight"),
        ({"weights": (*OTHERS, replace(FIRST, centibits=9_999))}, "a weight is beyond"),
        ({"threshold_centibits": 0}, "threshold_centibits lies between"),
        ({"threshold_centibits": 10_001}, "threshold_centibits lies between"),
        ({"review_threshold_centibits": 9_000}, "review_threshold_centibits is at most"),
        ({"population": 0}, "population"),
        ({"trained_on": " "}, "trained_on"),
        ({"trained_on": "x" * 201}, "trained_on"),
    ],
)
def test_a_file_that_could_not_link_is_refused(written, changes, says):
    with pytest.raises(InvalidInputError, match=says):
        read_weights_file(written(replace(STANDARD, **changes)))


def test_a_level_may_say_more_behind_a_comma(written):
    more = PublishedWeight(field="given_name", level="near, so to speak", centibits=10)
    file = replace(STANDARD, weights=(*STANDARD.weights, more))
    assert read_weights_file(written(file)) == file


@pytest.mark.parametrize("text", ["", "[]", '{"weights": 7}', "not json", "\udcff"])
def test_what_is_no_file_of_weights_is_refused(tmp_path, text):
    path = tmp_path / "weights.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InvalidInputError):
        read_weights_file(path)


# --- the register --------------------------------------------------------------------------------


def register(*events):
    registry = Registry()
    records = [Record(REGISTRY, n, AT, None, encode(event)) for n, event in enumerate(events)]
    registry.learn(records)
    return registry


def test_no_version_was_published_at_first():
    assert register().weights is None
    assert register().weight_versions() == ()


def test_the_newest_version_links_and_the_older_ones_stay_on_record():
    second, third = STANDARD.event(2, "a", AT), STANDARD.event(3, "b", AT)
    registry = register(second, third)
    assert registry.weights == third
    assert registry.weight_versions() == (second, third)


def test_a_version_never_changes_the_first_event_of_it_stands():
    first = STANDARD.event(2, "a", AT)
    other = replace(first, threshold_centibits=1, decided_by="somebody else")
    assert register(first, other).weights == first
