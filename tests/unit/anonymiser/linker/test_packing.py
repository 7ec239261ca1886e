"""Descriptions as bytes."""

from __future__ import annotations

import pytest

from anonymiser.linker.packing import NUMBER_OF, bit, chunks_of, pack, profile
from anonymiser.tokens import FIELDS_OF
from streams.restricted import FieldToken
from streams.values import NodeKind, Sex


@pytest.mark.parametrize("kind", list(NodeKind))
def test_every_field_that_intake_makes_is_known(kind):
    for field in FIELDS_OF[kind]:
        packed = pack((FieldToken(field=field, token=bytes(range(16))),), Sex.UNKNOWN)
        fields, chunk = chunks_of(packed)
        assert fields == bit(field)
        assert chunk.to_bytes(8) == bytes([NUMBER_OF[field]]) + bytes(range(7))


def test_all_fields_have_a_bit_in_eight_bytes():
    assert max(NUMBER_OF.values()) < 64


def test_nothing_packs_into_nothing_and_adds_nothing():
    assert pack((), Sex.UNKNOWN) == b""
    empty = profile(NodeKind.PERSON, (b"",))
    assert empty.chunks == frozenset()
    assert empty.fields == 0


def test_known_sexes_differ_and_unknown_ones_are_left_out():
    female, male = pack((), Sex.FEMALE), pack((), Sex.MALE)
    assert len({female, male, pack((), Sex.UNKNOWN)}) == 3


def test_a_profile_holds_what_all_mentions_say():
    one = pack((FieldToken(field="phone", token=b"a" * 16),), Sex.FEMALE)
    other = pack((FieldToken(field="email", token=b"b" * 16),), Sex.UNKNOWN)
    both = profile(NodeKind.PERSON, (one, other))
    assert both.fields == bit("phone") | bit("email") | bit("sex")
    assert len(both.chunks) == 3
