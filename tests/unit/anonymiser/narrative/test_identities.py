"""L1: a report's own identifiers, in every form in which a narrative repeats them."""

from __future__ import annotations

from datetime import date

import pytest

from anonymiser.narrative.identities import Declared, Index, declared_by
from anonymiser.narrative.spans import Kind, merged
from anonymiser.narrative.words import tokens_of
from streams.restricted import Identity, Place
from tests.invented_reports import child, report


def found(text, *declared):
    return [(text[one.start : one.end].strip(), one.node) for one in merged(spans(text, declared))]


def spans(text, declared):
    return Index(declared).find(text, tokens_of(text))


def named(*names, node=0):
    return [Declared(name, Kind.PERSON, node, is_name=True) for name in names]


TESTINA = named("Testina", "Inventsson", "Testina Inventsson")
WILLIAM = named("William", "Notreal", "William Notreal", node=1)


@pytest.mark.parametrize(
    "mention",
    [
        "Testina",
        "testina",
        "TESTINA",
        "Testina's",
        "testinas",
        "Testena",
        "Tetsina",
        "Testin",
        "Testtina",
        "T3stina",
        "missinventsson",
        "anitset",
        "Inven-\ntsson",
        "Inven tsson",
        "ventsson",
        "T.I.",
        "TI",
        "I T",
    ],
)
def test_a_name_is_found_however_it_is_written(mention):
    text = f"and {mention} went"
    assert [node for _, node in found(text, *TESTINA)] == [0]
    assert "and" not in found(text, *TESTINA)[0][0]


@pytest.mark.parametrize("nickname", ["Bill", "billy", "Will", "willy"])
def test_a_nickname_belongs_to_who_bears_the_name(nickname):
    assert found(f"and {nickname} went", *TESTINA, *WILLIAM) == [(nickname, 1)]


def test_a_fragment_of_six_letters_is_found_and_the_next_word_is_left():
    kacper = named("Kacper", "Wilk", "Kacper Wilk")
    assert found("then Kacper was seen", *kacper) == [("Kacper", 0)]


def test_a_word_of_grammar_is_no_slip_of_a_name():
    assert found("they went", *named("Thuy")) == []


def test_short_values_count_as_whole_words_only():
    assert found("the boy and a cowboy", Declared("boy", Kind.PERSON, 0)) == [("boy", 0)]


def test_everything_a_report_holds_is_declared():
    node = child()
    values = {one.value for one in declared_by(report(), ("Loxley Council",))}
    identity = node.identity
    assert {identity.given_name, identity.family_name, node.label} <= values
    assert {"S99 9ZZ", "outside 3 Nowhere Gardens", "Loxley Council", "housing"} <= values


def test_dates_are_declared_in_the_forms_people_write():
    born = report(nodes=(child(),), relations=())
    values = {one.value for one in declared_by(born) if one.kind is Kind.DATE}
    day = child().identity.born_on or date(2011, 3, 14)
    assert {day.strftime("%d%m%Y"), day.strftime("%Y%m%d")} <= values


def test_a_place_without_words_and_a_person_without_identity_declare_nothing_empty():
    bare = report(place=Place(), nodes=(child(),), relations=(), narrative=None)
    assert all(one.value for one in declared_by(bare))


def test_no_value_is_shown_by_repr():
    assert "Testina" not in repr(TESTINA)
    assert "Testina" not in repr(Index(TESTINA))
    assert "Testina" not in repr(Identity(given_name="Testina"))
