"""Real records, cut into their tokens by the schema, one or two of which then lie.

Random bytes rarely get past the frame. Here every length, count, branch, code,
number and text of every event is found first, and replaced by one that claims
something else; the rest of the record stays right.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import CATALOGUE
from streams.codec import decode, encode, schema_id
from streams.errors import DecodeError
from streams.restricted import (
    Identity,
    Report,
    ReportSubmitted,
    SealingKeyPublished,
    WithdrawalSubmitted,
)
from streams.sealing import (
    SealingPrivateKey,
    UntrustedKeyError,
    sign_public_key,
    verify_public_key,
)
from tests.contracts.events import events
from tests.hostile.avro_traps import long
from tests.invented_enclave import KEYS, RECEIVED_AT

FOREIGN = (Report, Identity, ReportSubmitted, WithdrawalSubmitted)
CODES = {
    *("bad_frame", "unknown_schema", "truncated", "trailing_bytes"),
    *("not_canonical", "too_large", "bad_value"),
}
LIES = (-(2**63), -(2**31), -2, -1, 0, 1, 2, 3, 63, 64, 999, 1_000, 1_001, 2**31, 2**63 - 1)


@dataclass(frozen=True)
class Token:
    """A piece of a record: where it lies and what it is."""

    kind: str
    start: int
    end: int


def tokens_of(data):
    """Cut a record into its tokens."""
    definition = CATALOGUE.find(int.from_bytes(data[1:5], "big")).definition
    found = []
    end = _cut(definition, data, 5, {}, found)
    assert end == len(data)
    return found


def _cut(schema, data, at, known, found):  # noqa: C901, PLR0911 - one branch for each kind of type
    if isinstance(schema, str) and schema in known:
        schema = known[schema]
    kind = schema if isinstance(schema, str) else "union"
    if isinstance(schema, dict):
        kind = schema["type"]
        known[schema.get("name", "")] = schema
    match kind:
        case "record":
            for field in schema["fields"]:
                at = _cut(field["type"], data, at, known, found)
            return at
        case "array":
            count, at = _take("count", data, at, found)
            for _ in range(count):
                at = _cut(schema["items"], data, at, known, found)
            return _take("end", data, at, found)[1] if count else at
        case "union":
            branch, at = _take("branch", data, at, found)
            # The branch that is not taken may define a name that comes again.
            return (
                _cut(schema[1], data, at, known, found) if branch else _skip(schema[1], known, at)
            )
        case "string" | "bytes":
            length, at = _take("length", data, at, found)
            return _piece(kind, at, at + length, found)
        case "fixed":
            return _piece(kind, at, at + schema["size"], found)
        case "boolean":
            return _piece(kind, at, at + 1, found)
    return _take(kind, data, at, found)[1]


def _skip(schema, known, at):
    if isinstance(schema, dict):
        known.setdefault(schema.get("name", ""), schema)
        for field in schema.get("fields", ()):
            _skip(field["type"], known, at)
        _skip(schema.get("items", ""), known, at)
    elif isinstance(schema, list):
        _skip(schema[1], known, at)
    return at


def _piece(kind, start, end, found):
    found.append(Token(kind, start, end))
    return end


def _take(kind, data, at, found):
    start, rest, bits = at, 0, 0
    while True:
        byte, at = data[at], at + 1
        rest |= (byte & 0x7F) << bits
        bits += 7
        if byte < 0x80:
            found.append(Token(kind, start, at))
            return (rest >> 1) ^ -(rest & 1), at


@st.composite
def lying(draw, data):
    """Replace one or two tokens by what may not stand there, or by another of the same record."""
    for _ in range(draw(st.integers(1, 2))):
        try:
            tokens = tokens_of(data)
        except (IndexError, AssertionError, KeyError, AttributeError):
            return data  # it lies already, about where the next token is
        token = draw(st.sampled_from(tokens))
        other = draw(st.sampled_from(tokens))
        instead = draw(
            st.one_of(
                st.sampled_from(LIES).map(long),
                st.binary(max_size=6),
                st.just(data[other.start : other.end]),
                st.just(data[token.start : token.end] * 2),
                st.just(_overlong(data[token.start : token.end])),
            )
        )
        data = data[: token.start] + instead + data[token.end :]
    return data


def _overlong(piece):
    return piece[:-1] + bytes([piece[-1] | 0x80, 0]) if piece else b"\x80\0"


@pytest.mark.parametrize("cls", FOREIGN)
@settings(deadline=None, max_examples=50)
@given(data=st.data())
def test_a_record_whose_tokens_lie_is_refused_by_name_or_spelt_that_way(cls, data):
    lied = data.draw(lying(encode(data.draw(events(cls)))))
    code = refusal_of(lied, cls)
    assert code in CODES or encode(decode(lied, cls)) == lied


def refusal_of(data, cls):
    """The code by which a record is refused; None where it is read."""
    try:
        decode(data, cls)
    except DecodeError as refused:
        return refused.code
    return None


@settings(deadline=None, max_examples=60)
@given(event=events(ReportSubmitted))
def test_the_tokens_of_a_record_are_all_of_it(event):
    data = encode(event)
    pieces = [data[token.start : token.end] for token in tokens_of(data)]
    assert data[:5] + b"".join(pieces) == data
    assert data[:5] == b"\0" + schema_id(ReportSubmitted).to_bytes(4, "big")


PUBLISHED = sign_public_key(
    SealingPrivateKey.generate(3).public(),
    RECEIVED_AT,
    RECEIVED_AT.replace(year=2027),
    KEYS.signing,
)


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_a_published_key_that_was_touched_is_not_trusted(data):
    lied = data.draw(lying(encode(PUBLISHED)))
    try:
        read = decode(lied, SealingKeyPublished)
    except DecodeError:
        return
    if read == PUBLISHED:
        return
    with pytest.raises(UntrustedKeyError):
        verify_public_key(read)


def test_the_key_as_it_was_is_trusted():
    assert verify_public_key(PUBLISHED).epoch == 3
    with pytest.raises(UntrustedKeyError):
        verify_public_key(replace(PUBLISHED, epoch=4))
