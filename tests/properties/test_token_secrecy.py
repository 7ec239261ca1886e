"""Without the key a token says nothing of the number (privacy.md section 8, properties 2 and 3).

An NHS number has only a thousand million values: whoever can hash as we do can try
them all within minutes. So nothing but the key may stand between.
"""

from __future__ import annotations

import hashlib
import random

import pytest

from anonymiser.keyring import new_keys
from anonymiser.tokens import TOKEN_BYTES, Tokeniser
from producers.town.official import nhs_number
from streams.identifiers import read
from streams.restricted import Identity
from streams.values import NodeKind

GUESSES = 3_000
NUMBERS = [one for serial in range(GUESSES) if (one := nhs_number(serial)) is not None]


def tokens(tokeniser, number):
    spelt, _ = read(Identity(nhs_number=number))
    return {one.token for one in tokeniser.tokens_of(NodeKind.PERSON, spelt)}


@pytest.fixture(scope="module")
def real():
    """The tokens of every number that is guessed, under a key that the guesser lacks."""
    tokeniser = Tokeniser(new_keys(random.Random(31).randbytes))
    return {number: tokens(tokeniser, number) for number in NUMBERS}


def test_guessing_numbers_under_another_key_recovers_none(real):
    every = set().union(*real.values())
    guesser = Tokeniser(new_keys(random.Random(32).randbytes))
    assert not any(tokens(guesser, number) & every for number in NUMBERS)


def test_guessing_with_any_common_hash_and_no_key_recovers_none(real):
    every = set().union(*real.values())
    for number in NUMBERS:
        for name in ("sha256", "sha1", "md5", "blake2b", "sha3_256"):
            digest = hashlib.new(name, number.encode()).digest()
            assert digest[:TOKEN_BYTES] not in every, name


def test_with_the_key_the_guess_is_right_so_that_the_test_above_can_fail(real):
    insider = Tokeniser(new_keys(random.Random(31).randbytes))
    number = NUMBERS[len(NUMBERS) // 2]
    assert tokens(insider, number) == real[number]


def test_a_token_tells_neither_nearness_nor_order_of_numbers(real):
    """Neighbours share no byte more often than chance gives: 1 in 256 for each of 16."""
    pairs = [(next(iter(real[a])), next(iter(real[b]))) for a, b in zip(NUMBERS, NUMBERS[1:])]  # noqa: B905, RUF007 - the last has no neighbour
    equal = sum(x == y for a, b in pairs for x, y in zip(a, b, strict=True))
    expected = len(pairs) * TOKEN_BYTES / 256
    assert 0.7 * expected < equal < 1.3 * expected
