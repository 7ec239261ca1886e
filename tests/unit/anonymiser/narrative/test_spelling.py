"""The readable form: one spelling of each character, and the way back to the original."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymiser.narrative.spelling import fold, plain, squeeze


@pytest.mark.parametrize(
    ("text", "readable"),
    [
        ("Tеstinа", "Testina"),  # noqa: RUF001 - Cyrillic e and a
        ("Ｔｅｓｔｉｎａ", "Testina"),  # noqa: RUF001 - full width
        ("T\u200be\u200ds\u2060tina\ufeff", "Testina"),
        ("Tes\u00adtina", "Testina"),
        ("Te\u0301stina", "Testina"),
        ("Dilşad Łukasz Þóra Straße", "Dilsad Lukasz Thora Strasse"),
        ("\U0001d413\U0001d41e\U0001d42c\U0001d42d", "Test"),
        ("\U0001f139\U0001f13e", "JO"),
        ("٠٧٧٠٠", "07700"),  # noqa: RUF001 - Arabic digits
        ("ﬁsh", "fish"),
        ("O’Notreal — “so”", 'O\'Notreal - "so"'),  # noqa: RUF001 - the quotes are meant
        ("a\tb\u00a0c\u2003d", "a b c d"),
        ("J★o☆h", "J o h"),
    ],
)
def test_a_text_reads_as_a_reader_sees_it(text, readable):
    assert plain(text).text == readable


@pytest.mark.parametrize("text", ["a\x00b", "a\ufffdb", "a\ue000b", "a\x1b[2Jb"])
def test_what_no_reader_can_see_is_not_readable(text):
    assert not plain(text).is_readable


def test_letters_of_other_scripts_are_counted_look_alikes_among_them():
    found = plain("аб ab محمد")  # noqa: RUF001 - Cyrillic and Arabic
    assert (found.foreign, found.letters) == (6, 8)


def test_fold_and_squeeze_forget_case_and_separators():
    assert fold("TESTINA Ó") == "testina o"
    assert squeeze("O'Notreal-Ó 12") == "onotrealo12"


@given(st.text(max_size=80), st.data())
def test_a_piece_of_the_readable_form_is_found_in_the_original(text, data):
    found = plain(text)
    if not found.text:
        return
    start = data.draw(st.integers(0, len(found.text) - 1))
    end = data.draw(st.integers(start + 1, len(found.text)))
    first, last = found.original(start, end)
    assert 0 <= first < last <= len(text)
    assert found.text[start:end] in plain(text[first:last]).text
