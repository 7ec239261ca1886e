"""L0: what gives itself away by its form, and what does not."""

from __future__ import annotations

import pytest

from anonymiser.narrative.patterns import found_by_form, kind_of_digits
from anonymiser.narrative.spans import Kind, merged


def found(text):
    return [(str(span.kind), text[span.start : span.end]) for span in merged(found_by_form(text))]


@pytest.mark.parametrize(
    ("text", "kind", "mention"),
    [
        ("ring 07700 900123 now", "PHONE", "07700 900123"),
        ("ring +44 (0)7700-900 123 now", "PHONE", "+44 (0)7700-900 123"),
        ("ring 0 7 7 0 0 9 0 0 1 2 3 now", "PHONE", "0 7 7 0 0 9 0 0 1 2 3"),
        ("NHS 943 476 5919 here", "IDENTIFIER", "943 476 5919"),
        ("NHS 9434765918 here", "NUMBER", "9434765918"),  # wrong check digit, gone all the same
        ("UPN B801200005001 here", "IDENTIFIER", "B801200005001"),
        ("PNC 81/34U here", "IDENTIFIER", "81/34U"),
        ("CRO 65656/91H here", "IDENTIFIER", "65656/91H"),
        ("NINO QQ 12 34 56 C here", "IDENTIFIER", "QQ 12 34 56 C"),
        ("IMEI 490154203237518 here", "PHONE", "490154203237518"),
        ("card 4111 1111 1111 1111 here", "ACCOUNT", "4111 1111 1111 1111"),
        ("IBAN GB82 WEST 1234 5698 7654 32 here", "ACCOUNT", "GB82 WEST 1234 5698 7654 32"),
        ("car YK51 ABC there", "VEHICLE", "YK51 ABC"),
        ("car yk51abc there", "VEHICLE", "yk51abc"),
        ("car M123 ABC there", "VEHICLE", "M123 ABC"),
        ("lives in S99 9ZZ now", "PLACE", "S99 9ZZ"),
        ("lives in s999zz now", "PLACE", "s999zz"),
        ("mail some.body@example.org now", "EMAIL", "some.body@example.org"),
        ("mail somebody at example dot org now", "EMAIL", "somebody at example dot org"),
        ("see https://example.org/x?y=1 now", "LINK", "https://example.org/x?y=1"),
        ("see example.co.uk/page now", "LINK", "example.co.uk/page"),
        ("posts as @lil_fox9 now", "HANDLE", "@lil_fox9"),
        ("snapchat is silentfox now", "HANDLE", "silentfox"),
        ("born 14/03/2011 there", "DATE", "14/03/2011"),
        ("born 2011-03-14 there", "DATE", "2011-03-14"),
        ("born 14th of March 2011 there", "DATE", "14th of March 2011"),
        ("born fourteenth of march there", "DATE", "fourteenth of march"),
        ("since March 2011 there", "DATE", "March 2011"),
        ("born in two thousand and eleven there", "DATE", "two thousand and eleven"),
        ("on Tuesday they", "DATE", "Tuesday"),
        ("at 21:45 they", "TIME", "21:45"),
        ("at 9.15pm they", "TIME", "9.15pm"),
        ("at half past nine they", "TIME", "half past nine"),
        ("aged 14 and", "AGE", "aged 14"),
        ("a 14-year-old boy", "AGE", "14-year-old"),
        ("a fourteen year old boy", "AGE", "fourteen year old"),
        ("he is 14.", "AGE", "14"),
        ("he is fourteen.", "AGE", "fourteen"),
        ("in Year 9 now", "AGE", "Year 9"),
        ("his 15th birthday was", "AGE", "15th birthday"),
        ("lives at 12a Nowhere Gardens now", "ADDRESS", "12a Nowhere Gardens"),
        ("in Flat 3 now", "ADDRESS", "Flat 3"),
        ("on Nowhere Lane now", "PLACE", "Nowhere Lane"),
        ("on nowhere street now", "PLACE", "nowhere street"),
        ("zero seven seven double oh nine", "NUMBER", "zero seven seven double oh nine"),
    ],
)
def test_a_form_is_found_and_named(text, kind, mention):
    assert (kind, mention) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "There were 3 men and 2 phones in the kitchen.",
        "They crossed the road and ran down the street.",
        "It has happened for two years and more than once.",
        "One of the two said so; the other three said nothing.",
        "He may come in and she might not.",
        "To be sure, all of them were in the same lane.",
    ],
)
def test_ordinary_words_have_no_form(text):
    assert found(text) == []


@pytest.mark.parametrize(
    ("digits", "kind"),
    [
        ("07700900123", Kind.PHONE),
        ("+447700900123", Kind.PHONE),
        ("9434765919", Kind.IDENTIFIER),
        ("20-30-40", Kind.ACCOUNT),
        ("123456", Kind.NUMBER),
    ],
)
def test_digits_are_called_by_length_and_check_digit(digits, kind):
    assert kind_of_digits(digits) is kind
