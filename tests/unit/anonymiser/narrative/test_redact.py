"""The whole redactor: what is written in the place of what, and when nothing leaves."""

from __future__ import annotations

import pytest

from anonymiser.narrative.identities import Declared
from anonymiser.narrative.redact import CHARACTERS_MAX, Redactor, Withheld
from anonymiser.narrative.spans import Kind, Layer, Span

PLAIN = (
    " He would not say where the money had come from and went home late. Staff are worried that"
    " somebody is making use of him to carry drugs, and have told the duty team about it."
)


def named(name, node):
    parts = (*name.split(), name)
    return [Declared(part, Kind.PERSON, node, is_name=True) for part in parts]


KAI = [*named("Kai Notreal", 0), Declared("07700900123", Kind.PHONE, 0)]
DEE = named("Deedee Inventsson", 1)


def redacted(text, declared=(), subjects=2, recogniser=None):
    return Redactor(recogniser).redact(text + PLAIN, declared, subjects)


def first(text, declared=(), subjects=2):
    found = redacted(text, declared, subjects)
    assert found.text is not None
    return found.text.removesuffix(PLAIN)


def test_a_declared_person_bears_the_number_of_the_node():
    text = first("Deedee met Kai N at the gate.", [*KAI, *DEE])
    assert text == "[PERSON-1] met [PERSON-0] at the gate."


def test_undeclared_people_are_numbered_after_the_nodes_and_keep_their_number():
    text = first("Then Josh Okonkwo came. They met Adaeze later. Okonkwo saw Josh.", KAI)
    assert text == "Then [PERSON-2] came. They met [PERSON-3] later. [PERSON-2] saw [PERSON-2]."


def test_a_declared_phone_is_told_apart_from_others():
    text = first("Calls went from 07700 900 123 to 01632 960456 again.", KAI)
    assert text == "Calls went from [PHONE-0] to [PHONE-2] again."


def test_dates_times_ages_and_places_say_what_they_were():
    text = first("On 3 March at 21:45 a 14-year-old was seen in Fableton.")
    assert text == "On [DATE] at [TIME] a [AGE] was seen in [PLACE]."


def test_a_placeholder_that_the_partner_wrote_is_none():
    assert "PERSON-7" not in first("Seen with [PERSON-7] and two older males at the gate.")


def test_what_leaves_is_plain_characters_single_spaces_and_no_hidden_ones():
    text = first("He\u200b was\u00a0  seen\t\ttwice — late…\n\n\nat the gate.")
    assert text == "He was seen twice - late...\nat the gate."


def test_spans_point_into_the_original():
    text = "Then J\u200bosh Okonkwo came."
    found = redacted(text)
    assert [text[one.start : one.end] for one in found.spans] == ["J\u200bosh Okonkwo"]
    assert (found.words_gone, found.words > 30) == (2, True)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x" * (CHARACTERS_MAX + 1), Withheld.TOO_LONG),
        ("a\x00b", Withheld.UNREADABLE),
        ("محمد كان هنا في المدرسة مع رجلين أكبر سنا", Withheld.SCRIPT),
        ("Мальчик был здесь", Withheld.SCRIPT),
        ("Josh met Adaeze and Tunde.", Withheld.TOO_MUCH),
    ],
)
def test_what_cannot_be_cleaned_stays_behind(text, reason):
    found = Redactor().redact(text, (), 0)
    assert (found.text, found.withheld) == (None, reason)


def test_a_full_name_counts_as_one_placeholder_when_too_much_is_measured():
    text = "Josh Okonkwo was told by three people to be quiet about the bag."
    assert Redactor().redact(text, (), 0).text is not None


def test_nothing_to_redact_is_no_reason_to_withhold():
    assert Redactor().redact(PLAIN, (), 0).text == PLAIN.strip()


class Finds:
    def __init__(self, *spans):
        self._spans = spans

    def recognise(self, text):
        return [
            Span(text.index(one), text.index(one) + len(one), Kind.PERSON, Layer.RECOGNISER)
            for one in self._spans
        ]


def test_a_recogniser_adds_to_what_goes_and_keeps_nothing():
    bare = redacted("Then Josh spoke to the gardener.")
    more = redacted("Then Josh spoke to the gardener.", recogniser=Finds("gardener"))
    assert bare.text.startswith("Then [PERSON-2] spoke to the gardener.")
    assert more.text.startswith("Then [PERSON-2] spoke to the [PERSON-3].")


def test_a_recogniser_that_points_outside_the_text_keeps_the_narrative():
    class Wild:
        def recognise(self, text):
            return [Span(0, len(text) + 5, Kind.PERSON, Layer.RECOGNISER)]

    assert redacted("Fine.", recogniser=Wild()).withheld is Withheld.FAILED


def test_no_value_is_shown_by_repr():
    assert "Okonkwo" not in repr(redacted("Then Josh Okonkwo came."))
    assert "late" not in repr(redacted("Then Josh Okonkwo came."))
