"""Every event survives its codec and its JSON form; no bytes have two readings or two spellings."""

from __future__ import annotations

import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import CATALOGUE
from streams.codec import decode, encode, schema_id
from streams.errors import DecodeError, NotCanonicalError
from streams.json_form import from_json, to_json
from streams.spelling import walk_of
from tests.contracts.events import EVERY_EVENT, events

ID_OF = {cls: schema_id(cls) for cls in EVERY_EVENT}
WALK_OF = {cls: walk_of(CATALOGUE.find(number).definition) for cls, number in ID_OF.items()}
EDGES = (0x00, 0x01, 0x02, 0x7F, 0x80, 0x81, 0xFE, 0xFF)


@pytest.mark.parametrize("cls", EVERY_EVENT)
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_every_event_survives_its_codec(cls, data):
    event = data.draw(events(cls))
    assert decode(encode(event), cls) == event


@pytest.mark.parametrize("cls", EVERY_EVENT)
@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_every_event_survives_its_json_form(cls, data):
    event = data.draw(events(cls))
    assert from_json(cls, json.loads(json.dumps(to_json(event)))) == event


@settings(deadline=None, max_examples=200)
@given(one=events(), other=events())
def test_two_events_never_share_their_bytes(one, other):
    assert (encode(one) == encode(other)) == (one == other and type(one) is type(other))


@settings(deadline=None, max_examples=200)
@given(event=events(), seed=st.integers(0, 2**32))
def test_mutated_records_are_refused_or_read_in_their_one_spelling(event, seed):
    """200 events with 100 mutations each: 20,000 records."""
    random = Random(seed)
    for _ in range(100):
        data = mutated(encode(event), random)
        try:
            read = decode(data, *EVERY_EVENT)
        except DecodeError:
            continue
        assert encode(read) == data


@settings(deadline=None, max_examples=200)
@given(event=events(), seed=st.integers(0, 2**32))
def test_the_walk_alone_finds_every_second_spelling(event, seed):
    """The comparison behind it never has the last word: the walk would do without it."""
    frame, random = encode(event)[:5], Random(seed)
    for _ in range(20):
        data = frame + mutated(encode(event), random)[5:]
        if walks(event, data) and read_as(type(event), data) is NotCanonicalError:
            pytest.fail("the walk let a second spelling pass")


def walks(event, data):
    try:
        return WALK_OF[type(event)](data, 5) == len(data)
    except DecodeError:
        return False


def read_as(cls, data):
    try:
        return decode(data, cls)
    except DecodeError as refused:
        return type(refused)


@settings(deadline=None, max_examples=500)
@given(body=st.binary(max_size=200), cls=st.sampled_from(EVERY_EVENT))
def test_arbitrary_bytes_are_refused_or_read_in_their_one_spelling(body, cls):
    data = b"\0" + ID_OF[cls].to_bytes(4, "big") + body
    try:
        read = decode(data, cls)
    except DecodeError:
        return
    assert encode(read) == data


def test_arbitrary_large_bytes_are_refused():
    random = Random(7)
    for cls in EVERY_EVENT:
        data = b"\0" + ID_OF[cls].to_bytes(4, "big") + random.randbytes(200_000)
        with pytest.raises(DecodeError):
            decode(data, cls)


def mutated(data, random):
    """One to three small changes anywhere behind the zero byte."""
    for _ in range(random.randint(1, 3)):
        if len(data) > 1:
            data = random.choice(MUTATIONS)(data, random)
    return data


def _place(data, random):
    return random.randrange(1, len(data))


def _flip(data, random):
    at = _place(data, random)
    return data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]


def _set_edge(data, random):
    at = _place(data, random)
    return data[:at] + bytes([random.choice(EDGES)]) + data[at + 1 :]


def _insert(data, random):
    at = _place(data, random)
    return data[:at] + bytes(random.choices(EDGES, k=random.randint(1, 4))) + data[at:]


def _remove(data, random):
    at = _place(data, random)
    return data[:at] + data[at + random.randint(1, 4) :]


def _repeat(data, random):
    at = _place(data, random)
    return data[:at] + data[at : at + random.randint(1, 20)] + data[at:]


def _cut(data, random):
    return data[: _place(data, random)]


def _lengthen(data, random):
    """Spell the integer that ends here with one empty group more."""
    at = _place(data, random)
    return data[:at] + bytes([data[at] | 0x80, 0]) + data[at + 1 :]


def _claim(data, random):
    """Say that the body is another event's."""
    return data[:1] + ID_OF[random.choice(EVERY_EVENT)].to_bytes(4, "big") + data[5:]


def _end(data, random):
    return data + bytes(random.choices(EDGES, k=random.randint(1, 3)))


MUTATIONS = (
    _flip,
    _set_edge,
    _insert,
    _remove,
    _repeat,
    _cut,
    _lengthen,
    _claim,
    _end,
)
