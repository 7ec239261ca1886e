"""Property 13: of a mutated narrative nothing declared is left, or the narrative stays behind.

Properties 12 and 14 of research/privacy.md section 8 stand here as well, for the narrative.
"""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from nicknames import NickNamer

from anonymiser.narrative import redact
from anonymiser.narrative.identities import Declared
from anonymiser.narrative.redact import Redactor, Withheld
from anonymiser.narrative.spans import Kind
from deploy.evaluate.narrative.measure import measure
from deploy.evaluate.narrative.stories import ORIGINS, stories
from deploy.evaluate.narrative.texts import text_of

# --- property 13: mutations -----------------------------------------------------------------

CARRIER = (
    "Staff were told by a parent that {} had been near the gate again after dark, and that two"
    " older males who came in a dark car gave {} a phone and a bag with money in it."
)
#: "I" is a word before it is Inventsson's initial.
CARRIER_WORDS = {"i", *re.findall(r"[a-z]+", CARRIER.lower())}
GIVEN = ("Testina", "Callum", "Grace", "Will", "Kai", "Dilşad", "Zofia", "Hope", "Abdirahman", "Jo")
FAMILY = ("Inventsson", "Walker", "Young", "Okonkwo", "O'Notreal", "Al-Haddad", "Nowak", "Chen")
LOOK_ALIKES = str.maketrans("aeopcyxAEOPCTXKMHB", "аеорсухАЕОРСТХКМНВ")  # noqa: RUF001
LEET = str.maketrans("aeiostAEIOST", "431057431057")
WIDE = {mark: chr(ord(mark) + 0xFEE0) for mark in map(chr, range(0x21, 0x7F))}


def slip(name, at, kind):
    if len(name) < 5:  # of four letters one is too much: "Kai" and "Hope" could be any word
        return name
    at = 1 + at % (len(name) - 2)
    return {
        "drop": name[:at] + name[at + 1 :],
        "double": name[:at] + name[at] + name[at:],
        "swap": name[:at] + name[at + 1] + name[at] + name[at + 2 :],
        "other": name[:at] + "z" + name[at + 1 :],
    }[kind]


def nicknamed(name, at):
    first, _, rest = name.partition(" ")
    known = sorted(NickNamer().nicknames_of(first))
    return f"{known[at % len(known)]} {rest}".strip() if known else name


#: How the letters look.
LOOKS = {
    "as it is": lambda name, at: name,
    "look-alikes": lambda name, at: name.translate(LOOK_ALIKES),
    "one look-alike": lambda name, at: name.replace("a", "а", 1).replace("e", "е", 1),  # noqa: RUF001
    "zero width": lambda name, at: "\u200b".join(name),
    "soft hyphens": lambda name, at: name[:3] + "\u00ad" + name[3:],
    "combining marks": lambda name, at: "\u0301".join(name),
    "full width": lambda name, at: name.translate(str.maketrans(WIDE)),
    "mathematical": lambda name, at: "".join(
        chr(0x1D41A + ord(mark) - ord("a")) if "a" <= mark <= "z" else mark for mark in name.lower()
    ),
    "leet": lambda name, at: name.translate(LEET),
    "lower case": lambda name, at: name.lower(),
    "capitals": lambda name, at: name.upper(),
    "first half low": lambda name, at: name[:2].lower() + name[2:].upper(),
}
#: What becomes of the name.
SHAPES = {
    "as it is": lambda name, at: name,
    "spaced": lambda name, at: " ".join(name),
    "dotted": lambda name, at: ".".join(name),
    "hyphened": lambda name, at: "-".join(name),
    "starred": lambda name, at: "*".join(name),
    "a hyphen inside": lambda name, at: name[: 1 + at % 5] + "-" + name[1 + at % 5 :],
    "a space inside": lambda name, at: name[: 1 + at % 5] + " " + name[1 + at % 5 :],
    "a line break inside": lambda name, at: name[: 1 + at % 5] + "-\n" + name[1 + at % 5 :],
    "possessive": lambda name, at: name + "'s",
    "plural": lambda name, at: name + "s",
    "together": lambda name, at: name.replace(" ", ""),
    "family name first": lambda name, at: ", ".join(reversed(name.split(" ", 1))),
    "backwards": lambda name, at: name[::-1],
    "a letter dropped": lambda name, at: slip(name, at, "drop"),
    "a letter doubled": lambda name, at: slip(name, at, "double"),
    "letters swapped": lambda name, at: slip(name, at, "swap"),
    "another letter": lambda name, at: slip(name, at, "other"),
}


#: One letter alone is nobody's, and "to" is a word before it is T. O.
SHORTENED = (
    lambda given_name, family_name: f"{given_name[0]}.{family_name[0]}.",
    lambda given_name, family_name: f"{given_name[0]}. {family_name[0]}.",
    lambda given_name, family_name: f"{given_name[0]}{family_name[0]}",
    lambda given_name, family_name: f"{given_name[0]} {family_name[0]}",
    lambda given_name, family_name: f"{family_name[0]}.{given_name[0]}.".lower(),
    lambda given_name, family_name: f"{given_name[0]}. {family_name}",
    lambda given_name, family_name: f"{given_name} {family_name[0]}",
)


@st.composite
def mentions(draw):
    """A declared name and how it is written: whole or in part, in other letters and shapes."""
    given_name, family_name = draw(st.sampled_from(GIVEN)), draw(st.sampled_from(FAMILY))
    declared = declared_names(given_name, family_name)
    whole = f"{given_name} {family_name}"
    if draw(st.integers(0, 9)) == 0:
        return declared, draw(st.sampled_from(SHORTENED))(given_name, family_name)
    written = draw(st.sampled_from((whole, given_name, family_name)))
    if draw(st.integers(0, 9)) == 0:
        return declared, nicknamed(written, draw(st.integers(0, 9)))
    shape, look = draw(st.sampled_from(sorted(SHAPES))), draw(st.sampled_from(sorted(LOOKS)))
    for mutation in draw(st.permutations((SHAPES[shape], LOOKS[look]))):
        written = mutation(written, draw(st.integers(0, 9)))
    return declared, written


def declared_names(given_name, family_name):
    names = (given_name, family_name, f"{given_name} {family_name}")
    return [Declared(name, Kind.PERSON, 0, is_name=True) for name in names]


def left_of(text):
    """The words that are left, placeholders apart."""
    return re.findall(r"[^\W_]+", re.sub(r"\[[A-Z]+(?:-\d+)?\]", " ", text).lower())


@given(mentions(), mentions())
def test_13_of_a_mutated_name_nothing_is_left_or_the_narrative_stays_behind(one, other):
    (declared, written), (others, also) = one, other
    assume(written.strip() and also.strip())
    redaction = Redactor().redact(CARRIER.format(written, also), [*declared, *others], 1)
    if redaction.text is None:
        assert redaction.withheld is not None
    else:
        assert set(left_of(redaction.text)) <= CARRIER_WORDS


NUMBERS = {
    "phone": ("07700900123", Kind.PHONE),
    "nhs_number": ("9434765919", Kind.IDENTIFIER),
    "account": ("20304050", Kind.ACCOUNT),
    "imei": ("490154203237518", Kind.PHONE),
}
DIGIT_WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
SPELLINGS = {
    "as it is": lambda number: number,
    "spaced": " ".join,
    "hyphened": "-".join,
    "dotted": ".".join,
    "in pairs": lambda number: " ".join(re.findall("..?", number)),
    "in threes": lambda number: "-".join(re.findall("..?.?", number)),
    "with brackets": lambda number: f"({number[:3]}) {number[3:]}",
    "abroad": lambda number: "+44 (0)" + number.lstrip("0"),
    "in words": lambda number: " ".join(DIGIT_WORDS[int(digit)] for digit in number),
    "in words with oh": lambda number: ", ".join(
        DIGIT_WORDS[int(digit)].replace("zero", "oh") for digit in number
    ),
    "letters for digits": lambda number: number.replace("0", "O").replace("1", "l"),
    "zero width": "\u200b".join,
    "Arabic digits": lambda number: "".join(chr(0x0660 + int(digit)) for digit in number),
    "full width": lambda number: number.translate(str.maketrans(WIDE)),
    "over lines": lambda number: number[:5] + "\n" + number[5:],
}


@given(st.sampled_from(sorted(NUMBERS)), st.sampled_from(sorted(SPELLINGS)), st.booleans())
def test_13_of_a_number_nothing_is_left_however_it_is_spelt(field, spelling, is_declared):
    number, kind = NUMBERS[field]
    declared = [Declared(number, kind, 0)] if is_declared else []
    text = CARRIER.format("somebody", f"them on {SPELLINGS[spelling](number)}")
    redaction = Redactor().redact(text, declared, 1)
    assert redaction.text is not None
    assert set(left_of(redaction.text)) <= CARRIER_WORDS | {"somebody", "them", "on"}


@given(st.text(max_size=400))
def test_no_text_breaks_the_redactor_and_what_leaves_is_plain(text):
    redaction = Redactor().redact(text, declared_names("Testina", "Inventsson"), 1)
    assert redaction.withheld is not Withheld.FAILED
    assert (redaction.text is None) == (redaction.withheld is not None)
    assert re.fullmatch(r"[\x20-\x7e\n£€]*", redaction.text or "")


@given(st.text("0123456789 -./()+,:\n", max_size=60))
def test_no_run_of_five_digits_is_left_however_it_is_written(number):
    redaction = Redactor().redact(CARRIER.format("somebody", number + " men"), (), 0)
    left = re.sub(r"\[[A-Z]+(?:-\d+)?\]", "x", redaction.text or "")
    assert not re.search(r"\d(?:[\s./()+,:-]{0,3}\d){4}", left)
    assert all(0 <= one.start < one.end <= 300 for one in redaction.spans)


# --- property 14: names that nobody declared ---------------------------------------------------


def test_14_undeclared_names_leak_in_at_most_one_and_a_half_percent_for_every_origin():
    corpus = [text_of(story, number) for number, story in enumerate(stories(400, 14))]
    found = measure(corpus, Redactor()).as_dict()
    assert set(found["leak_by_origin"]) == set(ORIGINS)
    assert max(found["leak_by_origin"].values()) <= 0.015
    assert found["leak_declared"] == 0
    assert found["over_redaction"] <= 0.05
    assert found["quarantined_share"] <= 0.05


def test_14_numbers_dates_and_places_of_the_same_stories_leak_nowhere():
    corpus = [text_of(story, number) for number, story in enumerate(stories(200, 15))]
    leak = measure(corpus, Redactor()).as_dict()["leak_if_none_withheld"]
    assert {kind: share for kind, share in leak.items() if share and kind != "PERSON"} == {}


# --- property 12: whatever breaks, the text stays behind -----------------------------------------

LAYERS = (
    "plain",
    "tokens_of",
    "found_by_form",
    "merged",
    "Index",
    "AllowList",
    "_spaced_letters",
    "_whole_tokens",
    "_joined",
    "_written",
    "_is_left",
)


@pytest.mark.parametrize("layer", LAYERS)
def test_12_a_layer_that_raises_keeps_the_narrative_and_tells_no_value(layer, monkeypatch, caplog):
    def broken(*_):
        raise ValueError("Testina Inventsson")

    monkeypatch.setattr(redact, layer, broken)
    redaction = Redactor().redact(CARRIER.format("Testina", "her"), (), 1)
    assert (redaction.text, redaction.withheld) == (None, Withheld.FAILED)
    assert "Testina" not in caplog.text


@pytest.mark.parametrize(
    "found", [RuntimeError, lambda text: [None], lambda text: [text], lambda text: 3]
)
def test_12_a_recogniser_that_raises_or_answers_nonsense_keeps_the_narrative(found):
    class Broken:
        def recognise(self, text):
            raise found if isinstance(found, type) else TypeError(found(text))

    assert Redactor(Broken()).redact("Nothing here.", (), 0).withheld is Withheld.FAILED
