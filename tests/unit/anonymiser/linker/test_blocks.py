"""Keys that find: enough of them, short, and none that half a town shares."""

from __future__ import annotations

from datetime import date

import pytest

from anonymiser.keyring import new_keys
from anonymiser.linker.blocks import BLOCK_BYTES, STRONG_BLOCK_BYTES, blocks_of, is_strong_block
from anonymiser.linker.packing import pack
from anonymiser.tokens import Tokeniser
from streams.identifiers import read
from streams.restricted import Identity
from streams.values import NodeKind, Sex

TOKENISER = Tokeniser(new_keys(lambda count: bytes(range(1, count + 1))))
FULL = {
    "given_name": "Arvid", "middle_names": "Quill", "family_name": "Testmann",
    "born_on": date(1994, 3, 17), "address": "3 Nowhere Gardens", "postcode": "S99 9ZZ",
    "phone": "07700 900123", "email": "arvid@example.org", "nhs_number": "9434765919",
}  # fmt: skip


def blocks(kind=NodeKind.PERSON, **identity):
    tokens = TOKENISER.tokens_of(kind, read(Identity(**identity))[0])
    return set(blocks_of(kind, pack(tokens, Sex.UNKNOWN)))


def test_a_person_who_says_everything_has_about_twenty_short_keys():
    found = blocks(**FULL)
    assert 15 <= len(found) <= 30
    assert {len(one) for one in found} == {BLOCK_BYTES, STRONG_BLOCK_BYTES}


def test_a_number_is_a_strong_key_and_nothing_else_is():
    strong = [one for one in blocks(**FULL) if is_strong_block(one)]
    assert len(strong) == 1
    assert strong[0] in blocks(nhs_number="9434765919")


def test_one_token_of_two_kinds_gives_two_keys():
    person, phone = blocks(phone="07700 900123"), blocks(NodeKind.PHONE, phone="07700 900123")
    assert person
    assert phone
    assert not person & phone


@pytest.mark.parametrize(
    "change",
    [
        {"given_name": "Testmann", "family_name": "Arvid"},
        {"given_name": "Avrid"},
        {"family_name": "Tsetmann"},
        {"born_on": date(1994, 3, 18)},
        {"born_on": date(1994, 5, 17)},
        {"born_on": date(1995, 3, 17)},
        {"given_name": "Avrid", "postcode": "S1 2HE", "address": None},
        {"family_name": "Otherling", "postcode": "S1 2HE", "address": None},
        {"born_on": date(1995, 3, 17), "postcode": "S1 2HE", "address": None},
        {"born_on": None, "given_name": "Avrid"},
    ],
)
def test_one_or_two_mistakes_leave_a_common_key(change):
    bare = {**FULL, "phone": None, "email": None, "nhs_number": None}
    assert blocks(**bare) & blocks(**{**bare, **change})


def test_five_hundred_other_names_make_no_five_hundred_keys():
    many = tuple(f"Alias{chr(97 + one // 26)}{chr(97 + one % 26)}" for one in range(500))
    assert len(blocks(**FULL, known_as=many)) <= len(blocks(**FULL)) + 4


def test_nothing_said_is_found_by_nobody():
    assert blocks_of(NodeKind.PERSON, b"") == ()
