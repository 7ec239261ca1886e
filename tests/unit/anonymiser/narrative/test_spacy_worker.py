"""The plug for spaCy, which is no dependency: with a pipeline of the same shape."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pytest

from anonymiser.narrative.recogniser import RecogniserFailedError
from anonymiser.narrative.redact import Redactor, Withheld
from anonymiser.narrative.spacy_worker import SpacyRecogniser
from anonymiser.narrative.spans import Kind
from streams.errors import InvalidInputError


@dataclass
class Entity:
    start_char: int
    end_char: int
    label_: str


@dataclass
class Document:
    ents: tuple


def pipeline(text):
    start = text.index("gardener")
    return Document((Entity(start, start + 8, "PERSON"), Entity(0, 3, "CARDINAL")))


TEXT = "The gardener said that he had seen nobody at the gate and went back to work again."


def test_people_are_taken_over_and_numbers_are_not():
    (span,) = SpacyRecogniser(pipeline).recognise(TEXT)
    assert (span.start, span.end, span.kind) == (4, 12, Kind.PERSON)


def test_what_it_finds_goes():
    found = Redactor(SpacyRecogniser(pipeline)).redact(TEXT, (), 0)
    assert found.text.startswith("The [PERSON-0] said")


def test_a_pipeline_that_takes_too_long_keeps_the_narrative():
    go_on = threading.Event()
    slow = SpacyRecogniser(lambda _: go_on.wait(5), seconds_max=0.01)
    with pytest.raises(RecogniserFailedError):
        slow.recognise(TEXT)
    assert Redactor(slow).redact(TEXT, (), 0).withheld is Withheld.FAILED
    go_on.set()


def test_a_pipeline_that_raises_keeps_the_narrative():
    def broken(_):
        raise ValueError

    assert Redactor(SpacyRecogniser(broken)).redact(TEXT, (), 0).withheld is Withheld.FAILED


def test_a_model_that_is_not_there_is_named():
    with pytest.raises(InvalidInputError, match="no-such-model"):
        SpacyRecogniser.load("no-such-model")
