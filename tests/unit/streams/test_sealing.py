"""Sealing: who holds the key reads everything, and nobody can move a piece of it elsewhere."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

import schemas
from schemas import Catalogue
from streams import codec, sealing
from streams.errors import InvalidInputError
from streams.restricted import Identity, Node, Report, SealedPart
from streams.sealing import (
    SealingPrivateKey,
    SealingPublicKey,
    UnsealError,
    UntrustedKeyError,
    decrypt,
    encrypt,
    fingerprint_of,
    open_parts,
    open_submission,
    seal,
    sign_public_key,
    unwrap_data_keys,
    verify_public_key,
    wrap_data_keys,
)
from streams.values import NodeKind
from tests.invented_reports import IDENTIFIERS, child, report, sister, unnamed

SCHEMAS = Path(schemas.__file__).parent
KEY = SealingPrivateKey.generate(1)
FROM, UNTIL = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)


def code_of(submission, key=KEY) -> str:
    with pytest.raises(UnsealError) as caught:
        open_submission(submission, key)
    return caught.value.code


def swapped(submission, part: int, ciphertext: bytes):
    """The submission with another ciphertext in the place of one part."""
    parts = tuple(
        replace(one, ciphertext=ciphertext) if one.part == part else one for one in submission.parts
    )
    return replace(submission, parts=parts)


def ciphertext(submission, part: int) -> bytes:
    return next(one.ciphertext for one in submission.parts if one.part == part)


def sealed_with_other_facts(body: Report, **claims):
    """A submission whose envelope is consistently sealed and still tells another story."""
    bare = replace(body, nodes=tuple(replace(node, identity=None) for node in body.nodes))
    routed = replace(sealing._routed(body, 1, codec.schema_id(Report)), **claims)
    data_key = b"k" * 32
    part = encrypt(data_key, codec.encode(bare), sealing._bound(routed, 0))
    sealed_keys = sealing._HPKE.encrypt(
        data_key, KEY.public().for_hpke(), sealing._info(routed, (0,))
    )
    return replace(routed, sealed_keys=sealed_keys, parts=(SealedPart(part=0, ciphertext=part),))


# --- opening what was sealed -----------------------------------------------------------------


@pytest.fixture
def older_sdk(monkeypatch, tmp_path):
    """A partner that has not heard of version 2 of report and identity yet."""
    for name in ("report.v1.avsc", "identity.v1.avsc"):
        (tmp_path / name).write_text((SCHEMAS / name).read_text(encoding="utf-8"), encoding="utf-8")
    old = codec.Codec(Catalogue(tmp_path))

    def sealed_by_it(told):
        with monkeypatch.context() as patched:
            patched.setattr(codec, "encode", old.encode)
            patched.setattr(codec, "schema_id", old.schema_id)
            return seal(told, KEY.public())

    return sealed_by_it


def test_a_report_sealed_in_version_1_still_opens(older_sdk):
    submission = older_sdk(report())
    assert submission.content_schema == 101
    assert open_submission(submission, KEY).report == report()
    assert seal(report(), KEY.public()).content_schema == 203


def test_a_report_of_version_1_under_the_name_of_version_2_does_not_open(older_sdk):
    relabelled = replace(older_sdk(report()), content_schema=codec.schema_id(Report))
    assert code_of(relabelled) == "cannot_open"


def test_what_version_2_added_survives_sealing():
    identity = Identity(chi_number="1904851231", usrn="7301234", police_urn="14AB0012326")
    told = report(nodes=(replace(child(), identity=identity),), relations=())
    assert open_submission(seal(told, KEY.public()), KEY).report == told


def test_what_was_sealed_opens_to_the_same_report():
    opened = open_submission(seal(report(), KEY.public()), KEY)
    assert opened.report == report()
    assert sorted(opened.data_keys) == [0, 1, 2, 4]  # the third node has no identity


def test_a_key_read_back_from_its_file_opens_too():
    read_back = SealingPrivateKey.from_bytes(KEY.to_bytes())
    assert read_back.public() == KEY.public()
    assert open_submission(seal(report(), KEY.public()), read_back).report == report()


def test_a_submission_survives_the_codec():
    submission = seal(report(), KEY.public())
    decoded = codec.decode(codec.encode(submission), type(submission))
    assert open_submission(decoded, KEY).report == report()


def test_fifty_subjects_with_identities_fit():
    nodes = tuple(replace(child(), label=f"n{number}") for number in range(50))
    whole = report(nodes=nodes, relations=())
    opened = open_submission(seal(whole, KEY.public()), KEY)
    assert opened.report == whole
    assert len(set(opened.data_keys.values())) == 51


def test_sealing_twice_gives_different_bytes_everywhere():
    first, second = seal(report(), KEY.public()), seal(report(), KEY.public())
    assert first.sealed_keys != second.sealed_keys
    assert all(
        one.ciphertext != other.ciphertext
        for one, other in zip(first.parts, second.parts, strict=True)
    )


def test_no_identifier_is_readable_in_the_sealed_record():
    record = codec.encode(seal(report(), KEY.public()))
    assert [one for one in IDENTIFIERS if one.encode() in record] == []
    in_clear = codec.encode(report())
    assert [one for one in IDENTIFIERS if one.encode() not in in_clear] == []


def test_nothing_secret_shows_in_a_repr():
    submission = seal(report(), KEY.public())
    shown = repr((submission, open_submission(submission, KEY), KEY))
    assert [one for one in IDENTIFIERS if one in shown] == []
    assert "ciphertext" not in shown
    assert repr(KEY) == "SealingPrivateKey(epoch=1)"


# --- what must not open ----------------------------------------------------------------------


def test_another_epochs_key_is_told_apart_before_anything_is_tried():
    assert code_of(seal(report(), KEY.public()), SealingPrivateKey.generate(2)) == "wrong_epoch"


def test_another_key_of_the_same_epoch_does_not_open():
    assert code_of(seal(report(), KEY.public()), SealingPrivateKey.generate(1)) == "cannot_open"


@pytest.mark.parametrize(
    "changes",
    [
        {"partner": "rivelin-fire"},
        {"report_id": UUID(int=1)},
        {"revision": 2},
        {"supersedes": 1},
        {"content_schema": 9_999},
        {"immediate_risk": True},
        {"sealed_keys": b""},
        {"sealed_keys": b"x" * 1_500},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_submission_with_an_altered_fact_does_not_open(changes):
    assert code_of(replace(seal(report(), KEY.public()), **changes)) == "cannot_open"


def test_the_parts_of_two_subjects_of_one_report_cannot_be_swapped():
    submission = seal(report(nodes=(child(), sister()), relations=()), KEY.public())
    first, second = ciphertext(submission, 1), ciphertext(submission, 2)
    assert code_of(swapped(swapped(submission, 1, second), 2, first)) == "cannot_open"


def test_a_part_of_another_report_cannot_be_put_in():
    one, other = seal(report(), KEY.public()), seal(report(report_id=UUID(int=5)), KEY.public())
    assert code_of(swapped(one, 1, ciphertext(other, 1))) == "cannot_open"


def test_the_data_keys_of_another_submission_do_not_fit_even_for_the_same_report():
    one, other = seal(report(), KEY.public()), seal(report(), KEY.public())
    assert code_of(replace(one, sealed_keys=other.sealed_keys)) == "cannot_open"


def test_the_data_keys_of_one_report_are_bound_to_it_when_stored_too():
    submission = seal(report(), KEY.public())
    keys = open_submission(submission, KEY).data_keys
    with pytest.raises(UnsealError):
        open_parts(replace(submission, revision=2), keys)


REARRANGEMENTS = {
    "without the report": lambda parts: parts[1:],
    "none": lambda parts: (),
    "backwards": lambda parts: parts[::-1],
    "one twice": lambda parts: (*parts, parts[-1]),
}


@pytest.mark.parametrize("rearrange", REARRANGEMENTS.values(), ids=REARRANGEMENTS)
def test_parts_out_of_order_missing_or_doubled_are_refused(rearrange):
    submission = seal(report(), KEY.public())
    assert code_of(replace(submission, parts=rearrange(submission.parts))) == "bad_part"


def test_dropping_one_subject_is_noticed():
    submission = seal(report(), KEY.public())
    assert code_of(replace(submission, parts=submission.parts[:-1])) == "cannot_open"


@pytest.mark.parametrize(
    "claims",
    [
        {"partner": "rivelin-fire"},
        {"report_id": UUID(int=1)},
        {"revision": 2},
        {"supersedes": 1},
        {"immediate_risk": True},
        {"content_schema": 9_999},
    ],
    ids=lambda claims: next(iter(claims)),
)
def test_an_envelope_that_contradicts_its_sealed_report_is_refused(claims):
    assert code_of(sealed_with_other_facts(report(), **claims)) == "routing_mismatch"


def test_an_envelope_that_agrees_opens_by_the_same_way():
    bare = report(nodes=(unnamed(),), relations=())
    assert open_submission(sealed_with_other_facts(bare), KEY).report == bare


def test_an_identity_for_a_node_that_is_not_there_is_refused(monkeypatch):
    bodies = {
        0: codec.encode(report(nodes=(unnamed(),), relations=())),
        7: codec.encode(Identity()),
    }
    monkeypatch.setattr(sealing, "_split", lambda _: bodies)
    assert code_of(seal(report(nodes=(unnamed(),), relations=()), KEY.public())) == "bad_part"


def test_an_identity_left_in_the_report_itself_is_refused_because_it_could_not_be_erased(
    monkeypatch,
):
    monkeypatch.setattr(sealing, "_split", lambda whole: {0: codec.encode(whole)})
    assert code_of(seal(report(), KEY.public())) == "bad_part"


def test_bytes_that_are_no_record_give_the_codecs_own_reason(monkeypatch):
    monkeypatch.setattr(sealing, "_split", lambda _: {0: b"\x01 not a frame"})
    assert code_of(seal(report(), KEY.public())) == "bad_frame"


PARTS = tuple(one.part for one in seal(report(), KEY.public()).parts)


@settings(max_examples=60, deadline=None)
@given(part=st.sampled_from(PARTS), data=st.data())
def test_one_flipped_bit_anywhere_in_a_part_keeps_it_shut(part, data):
    submission = seal(report(), KEY.public())
    sealed = bytearray(ciphertext(submission, part))
    position = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[position // 8] ^= 1 << position % 8
    assert code_of(swapped(submission, part, bytes(sealed))) == "cannot_open"


@settings(max_examples=60, deadline=None)
@given(position=st.integers(0, 8 * 1_000 - 1), cut=st.integers(0, 1_200))
def test_altered_or_cut_data_keys_stay_shut(position, cut):
    submission = seal(report(), KEY.public())
    flipped = bytearray(submission.sealed_keys)
    flipped[position // 8] ^= 1 << position % 8
    assert code_of(replace(submission, sealed_keys=bytes(flipped))) == "cannot_open"
    assert code_of(replace(submission, sealed_keys=submission.sealed_keys[:cut])) == "cannot_open"


@settings(max_examples=60, deadline=None)
@given(
    source=st.sampled_from(PARTS),
    target=st.sampled_from(PARTS),
    facts=st.fixed_dictionaries(
        {},
        optional={
            "revision": st.integers(2, 9),
            "report_id": st.uuids(),
            "partner": st.just("rivelin-fire"),
            "immediate_risk": st.sampled_from((True,)),
        },
    ),
)
def test_a_part_opens_only_in_its_own_place_of_its_own_report(source, target, facts):
    """Even with the right data key: the associated data tells where a part belongs."""
    home = seal(report(), KEY.public())
    keys = open_submission(home, KEY).data_keys
    away = replace(home, **facts)
    moved = ciphertext(home, source)
    if source == target and not facts:
        assert decrypt(keys[source], moved, sealing._bound(away, target))
        return
    with pytest.raises(UnsealError):
        decrypt(keys[source], moved, sealing._bound(away, target))


@settings(max_examples=200, deadline=None)
@given(
    one=st.lists(st.binary(max_size=6), max_size=5),
    other=st.lists(st.binary(max_size=6), max_size=5),
)
def test_no_two_lists_of_facts_are_bound_by_the_same_bytes(one, other):
    assert (sealing._framed(*one) == sealing._framed(*other)) == (one == other)


@settings(max_examples=200, deadline=None)
@given(number=st.integers(-(2**63), 2**63 - 1))
def test_every_number_avro_can_carry_can_be_bound(number):
    assert len(sealing._number(number)) == 8


# --- erasing one subject ---------------------------------------------------------------------


def test_without_one_subjects_key_only_that_subject_is_gone():
    submission = seal(report(), KEY.public())
    keys = dict(open_submission(submission, KEY).data_keys)
    del keys[1]
    left = open_parts(submission, keys)
    assert left.nodes[0].identity is None
    assert left.nodes[1:] == report().nodes[1:]


def test_without_the_key_of_the_report_nothing_opens():
    submission = seal(report(), KEY.public())
    keys = dict(open_submission(submission, KEY).data_keys)
    del keys[0]
    with pytest.raises(UnsealError, match="cannot_open"):
        open_parts(submission, keys)


def test_data_keys_come_back_from_storage():
    submission = seal(report(), KEY.public())
    keys = open_submission(submission, KEY).data_keys
    wrapped = wrap_data_keys(submission, keys, b"s" * 32, 3)
    assert wrapped.storage_key == 3
    assert unwrap_data_keys(wrapped, b"s" * 32) == keys
    assert all(key not in codec.encode(wrapped) for key in keys.values())


@pytest.mark.parametrize(
    "changes", [{"revision": 2}, {"partner": "rivelin-fire"}, {"storage_key": 4}], ids=str
)
def test_a_stored_key_does_not_open_elsewhere(changes):
    submission = seal(report(), KEY.public())
    wrapped = wrap_data_keys(submission, open_submission(submission, KEY).data_keys, b"s" * 32, 3)
    with pytest.raises(UnsealError):
        unwrap_data_keys(replace(wrapped, **changes), b"s" * 32)


def test_stored_keys_of_two_parts_cannot_be_swapped():
    submission = seal(report(), KEY.public())
    wrapped = wrap_data_keys(submission, open_submission(submission, KEY).data_keys, b"s" * 32, 3)
    first, second, *others = wrapped.keys
    crossed = (replace(first, wrapped=second.wrapped), replace(second, wrapped=first.wrapped))
    with pytest.raises(UnsealError):
        unwrap_data_keys(replace(wrapped, keys=(*crossed, *others)), b"s" * 32)


# --- plain encryption ------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(plaintext=st.binary(max_size=200), associated=st.binary(max_size=20))
def test_what_was_encrypted_decrypts_only_with_the_same_associated_data(plaintext, associated):
    sealed = encrypt(b"k" * 32, plaintext, associated)
    assert decrypt(b"k" * 32, sealed, associated) == plaintext
    with pytest.raises(UnsealError):
        decrypt(b"k" * 32, sealed, associated + b"!")
    with pytest.raises(UnsealError):
        decrypt(b"l" * 32, sealed, associated)


@pytest.mark.parametrize("length", [0, 1, 11, 12, 27])
def test_bytes_too_short_to_be_sealed_are_refused_by_name(length):
    with pytest.raises(UnsealError, match="cannot_open"):
        decrypt(b"k" * 32, b"x" * length, b"")


# --- the keys that partners trust ------------------------------------------------------------


@pytest.fixture
def signer() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@pytest.fixture
def published(signer):
    return sign_public_key(KEY.public(), FROM, UNTIL, signer)


def test_a_signed_key_is_trusted_with_and_without_its_fingerprint(published):
    pinned = fingerprint_of(published.signing_key)
    spelt = ":".join(pinned[at : at + 2] for at in range(0, 64, 2)).upper()
    for fingerprint in (None, pinned, spelt):
        assert verify_public_key(published, fingerprint) == KEY.public()


def test_a_signed_key_survives_the_codec(published):
    assert verify_public_key(codec.decode(codec.encode(published), type(published)))


def test_a_key_signed_by_somebody_else_is_not_the_pinned_one(published):
    stranger = sign_public_key(KEY.public(), FROM, UNTIL, Ed25519PrivateKey.generate())
    with pytest.raises(UntrustedKeyError, match="pinned"):
        verify_public_key(stranger, fingerprint_of(published.signing_key))


@pytest.mark.parametrize(
    "changes",
    [
        {"epoch": 2},
        {"suite": "none"},
        {"public_key": SealingPrivateKey.generate(1).public().public_key},
        {"valid_from": UNTIL},
        {"valid_until": FROM},
        {"signature": b""},
        {"signing_key": b"short"},
        {"signing_key": Ed25519PrivateKey.generate().public_key().public_bytes_raw()},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_published_key_with_an_altered_fact_is_not_trusted(published, changes):
    with pytest.raises(UntrustedKeyError):
        verify_public_key(replace(published, **changes))


def test_every_field_of_a_published_key_is_covered_by_the_test_above(published):
    assert {one.name for one in fields(published)} == {
        "epoch", "suite", "public_key", "valid_from", "valid_until", "signing_key", "signature",
    }  # fmt: skip


@pytest.mark.parametrize(
    "unusable",
    [
        SealingPublicKey(1, "ROT13", KEY.public().public_key),
        SealingPublicKey(1, sealing.SUITE, b"short"),
        SealingPublicKey(1, sealing.SUITE, b"\xff" * len(KEY.public().public_key)),
    ],
    ids=["unknown suite", "too short", "no lattice point"],
)
def test_a_key_that_is_none_is_refused_even_when_signed(unusable, signer):
    with pytest.raises(UntrustedKeyError):
        verify_public_key(sign_public_key(unusable, FROM, UNTIL, signer))


@pytest.mark.parametrize("data", [b"", b"x" * 122, KEY.to_bytes()[:-1], KEY.to_bytes() + b"\0"])
def test_a_file_that_is_no_key_is_refused_without_showing_it(data):
    with pytest.raises(InvalidInputError, match="no sealing key"):
        SealingPrivateKey.from_bytes(data)


def test_keys_come_from_the_entropy_handed_in():
    drawn = []

    def entropy(count: int) -> bytes:
        drawn.append(count)
        return bytes(count)

    assert (
        SealingPrivateKey.generate(1, entropy).public()
        == SealingPrivateKey.generate(1, entropy).public()
    )
    assert drawn == [64, 32] * 2


# --- lengths ------------------------------------------------------------------------------------

NONCE_AND_TAG = 12 + 16


def identified(**identity):
    one = Node(label="x", kind=NodeKind.PERSON, identity=Identity(**identity))
    return report(nodes=(one,), relations=())


@pytest.mark.parametrize("name", ["Bo", "Testina", "Wolfeschlegelsteinhausenbergerdorff-Invented"])
def test_the_length_of_a_sealed_identity_does_not_tell_how_long_a_name_is(name):
    submission = seal(identified(given_name=name, born_on=date(2011, 5, 4)), KEY.public())
    assert len(ciphertext(submission, 1)) == 256 + NONCE_AND_TAG


@pytest.mark.parametrize("narrative", [None, "Seen twice.", "Seen twice. " * 40])
def test_the_length_of_a_sealed_report_does_not_tell_whether_it_has_a_narrative(narrative):
    submission = seal(report(narrative=narrative), KEY.public())
    assert len(ciphertext(submission, 0)) == 1_024 + NONCE_AND_TAG


def test_a_long_report_is_not_doubled():
    body = report(narrative="x" * 200_000)
    submission = seal(body, KEY.public())
    assert len(ciphertext(submission, 0)) < 200_000 + 16_384
    assert open_submission(submission, KEY).report == body


def test_what_was_sealed_without_padding_still_opens(monkeypatch):
    monkeypatch.setattr(sealing, "_padded", lambda _part, body: body)
    body = report()
    submission = seal(body, KEY.public())
    monkeypatch.undo()
    assert open_submission(submission, KEY).report == body


@pytest.mark.parametrize(
    "spoil",
    [
        lambda padded: padded[:-1] + b"x",  # something hides behind the zeros
        lambda padded: padded[:1] + b"\xff" + padded[2:],  # longer than what is there
        lambda padded: padded[:3],
    ],
)
def test_padding_that_is_none_does_not_open(monkeypatch, spoil):
    whole = sealing._padded
    monkeypatch.setattr(sealing, "_padded", lambda part, body: spoil(whole(part, body)))
    submission = seal(report(), KEY.public())
    assert code_of(submission) == "bad_part"
