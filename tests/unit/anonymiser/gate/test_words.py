"""What may stand in a narrative that leaves: the gate's own look at words, by itself."""

from __future__ import annotations

import pytest

from anonymiser.gate.words import is_ordinary, stop_word

NAMES = ("Alexandra", "Testmannsen", "Bartholomew")

CLEAN = [
    "[PERSON-0] was seen at the flat on [DATE]. Staff are worried about cuckooing.",
    "There were 3 men in the kitchen and [PERSON-1] would not go in.",
    "He owes \u00a3200 and is scared; she said \u201cno\u201d.",
    "Mum's friend has been excluded. NHS staff agree. It's the second time this month.",
    "[PERSON-2], [AGE], goes missing most weekends \u2013 and comes back tired.\nNo action.",
    "",
]
RAW = [
    ("the young man \u0410rvid drives it", "narrative_script"),  # the first letter is Cyrillic
    ("he is kn\u200bown there", "narrative_script"),
    ("\u0634\u0648\u0647\u062f \u0647\u0646\u0627", "narrative_script"),
    ("call [the] line", "narrative_script"),
    ("mail a@example.invalid now", "narrative_script"),
    ("his number is 07700 900123", "narrative_pattern"),
    ("number 0 7 7 0 0 9 0 0 1 2 3", "narrative_pattern"),
    ("zero seven seven double zero nine hundred", "narrative_pattern"),
    ("nhs 943 476 5919 given", "narrative_pattern"),
    ("born 17 march and seen", "narrative_pattern"),
    ("seen on march 17 again", "narrative_pattern"),
    ("born 17/03/94 they say", "narrative_pattern"),
    ("aged 14 and alone", "narrative_pattern"),
    ("a 14 year old was there", "narrative_pattern"),
    ("in a car ab12 cde", "narrative_pattern"),
    ("in s99 9zz by night", "narrative_pattern"),
    ("4rv1d did it", "narrative_pattern"),
    ("a r v i d did it", "narrative_pattern"),
    ("see www.example.invalid", "narrative_pattern"),
    ("at 6pm", "narrative_pattern"),
    ("then Arvid came", "narrative_name"),
    ("Gerhardine came", "narrative_name"),
    ("he lives in Invented Gardens", "narrative_name"),
    ("the ARVID house", "narrative_name"),
    ("then alexandra came", "narrative_near_name"),
    ("then alex came", "narrative_near_name"),  # a start
    ("then sandy came", "narrative_near_name"),  # a pet name
    ("then alexandrra came", "narrative_near_name"),  # a slip
    ("then alexnadra came", "narrative_near_name"),  # changed places
    ("then testmansen came", "narrative_near_name"),
    ("then bart came", "narrative_near_name"),
    ("x" * 20_001, "narrative_too_long"),
]


@pytest.mark.parametrize("text", CLEAN)
def test_ordinary_words_and_placeholders_may_leave(text):
    assert stop_word(text, NAMES) is None


@pytest.mark.parametrize(("text", "code"), RAW)
def test_a_sign_of_a_failed_redaction_stops_a_text(text, code):
    assert stop_word(text, NAMES) == code


def test_without_a_name_that_was_declared_only_its_form_can_give_it_away():
    """What the gate cannot see: a name in lower case that nobody declared."""
    assert stop_word("then alexandra came", ()) is None
    assert stop_word("then Alexandra came", ()) == "narrative_name"


def test_the_list_knows_inflections_and_no_names():
    assert all(map(is_ordinary, ("the", "neighbours", "worried", "police", "mum's")))
    assert not any(map(is_ordinary, ("arvid", "sheffield", "rose", "grace", "mark", "april")))


def test_a_declared_name_that_is_nearly_an_ordinary_word_is_no_false_alarm():
    assert stop_word("her carer was seen near the house", ("Carter", "Hous")) is None
