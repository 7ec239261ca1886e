"""Events become bytes in one spelling, and every other spelling is refused by name."""

from __future__ import annotations

import base64
import json
import tracemalloc
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest

from schemas import CATALOGUE, Catalogue
from streams.codec import Codec, UnencodableError, decode, encode, schema_id
from streams.errors import (
    BadFrameError,
    BadValueError,
    DecodeError,
    InvalidInputError,
    NotCanonicalError,
    TooLargeError,
    TrailingBytesError,
    TruncatedError,
    UnknownSchemaError,
)
from streams.parts import Reason
from streams.restricted import Identity, ReportHeld, ReportSubmitted, SealedPart
from streams.shared import (
    AlertUpdated,
    FeedbackGiven,
    NominalRelayed,
    PathStep,
    PersonsMerged,
    ReportWithdrawn,
)
from streams.taxonomy import RelationKind
from streams.topics import MAX_MESSAGE_BYTES, MAX_SUBMISSION_BYTES
from streams.values import NodeKind, Outcome

ONE = UUID("00112233-4455-6677-8899-aabbccddeeff")
TWO = UUID("ffffffff-4455-6677-8899-aabbccddeeff")
NOON = datetime(2026, 11, 17, 12, tzinfo=UTC)
RELAYED = NominalRelayed(person_id=ONE, is_nominal=True)
MERGED = PersonsMerged(kind=NodeKind.PHONE, kept_id=ONE, absorbed_id=TWO)
UPDATED = AlertUpdated(
    alert_id=ONE,
    version=2,
    supported=True,
    path=(PathStep(from_id=ONE, kind=RelationKind.SIBLING, to_id=TWO, report_ids=(ONE, TWO)),),
    updated_at=NOON,
)
NO_RULE_VERSION_AND_NO_SIGNS = b"\0\0"
FEEDBACK = FeedbackGiven(
    report_id=ONE,
    revision=None,
    outcome=Outcome.REFUSED,
    reasons=(Reason(code="no_gateway"),),
    immediate_risk=False,
    offset=7,
    given_at=NOON,
)
SUBMITTED = ReportSubmitted(
    report_id=ONE,
    revision=1,
    supersedes=None,
    partner="invented-housing",
    content_schema=101,
    key_epoch=1,
    immediate_risk=False,
    sealed_keys=b"",
    parts=(),
)


def zigzag(number):
    """A whole number as Avro writes it."""
    rest, out = (number << 1) ^ (number >> 63), b""
    while rest > 0x7F:
        out += bytes([rest & 0x7F | 0x80])
        rest >>= 7
    return out + bytes([rest])


# --- the one spelling -----------------------------------------------------------


def test_a_record_is_a_zero_byte_the_schema_id_and_the_fields():
    assert encode(RELAYED) == b"\0" + (502).to_bytes(4, "big") + ONE.bytes + b"\x01"


def test_collections_codes_and_instants_are_plain_avro():
    body = (
        ONE.bytes
        + zigzag(2)
        + b"\x01"
        + zigzag(1)
        + (ONE.bytes + zigzag(7) + b"SIBLING" + TWO.bytes)
        + (zigzag(2) + ONE.bytes + TWO.bytes + zigzag(0))
        + zigzag(0)
        + zigzag(int(NOON.timestamp() * 1000))
        + NO_RULE_VERSION_AND_NO_SIGNS
    )
    assert encode(UPDATED)[5:] == body


@pytest.mark.parametrize("event", [RELAYED, MERGED, UPDATED, FEEDBACK, SUBMITTED, Identity()])
def test_decoding_gives_the_event_back(event):
    assert decode(encode(event), type(event)) == event


def test_one_of_several_expected_events_is_found():
    assert decode(encode(MERGED), ReportWithdrawn, PersonsMerged, NominalRelayed) == MERGED


def test_an_instant_of_another_time_zone_comes_back_as_utc():
    abroad = NOON.astimezone(timezone(timedelta(hours=5)))
    event = decode(encode(replace(UPDATED, updated_at=abroad)), AlertUpdated)
    assert event == UPDATED
    assert event.updated_at.utcoffset() == timedelta(0)


def test_the_schema_id_of_an_event_is_the_one_in_its_frame():
    assert schema_id(AlertUpdated) == int.from_bytes(encode(UPDATED)[1:5], "big")


# --- what cannot be written --------------------------------------------------------


@pytest.mark.parametrize(
    "event",
    [
        replace(UPDATED, updated_at=NOON.replace(tzinfo=None)),
        replace(UPDATED, updated_at=NOON + timedelta(microseconds=1)),
        replace(UPDATED, version=2**63),
        replace(UPDATED, path=UPDATED.path * 1001),
        replace(UPDATED, alert_id="SECRET"),
        replace(UPDATED, version=None),
        replace(UPDATED, version=1.5),
        replace(UPDATED, supported="SECRET"),
        replace(UPDATED, path=(replace(UPDATED.path[0], kind="SECRET"),)),
        replace(MERGED, kind="SECRET"),
        replace(SUBMITTED, partner="SECRET \ud800"),
        replace(SUBMITTED, sealed_keys=bytes(MAX_SUBMISSION_BYTES)),
    ],
    ids=[
        "instant without a zone",
        "instant finer than a millisecond",
        "number above 64 bits",
        "collection of 1,001",
        "text for a UUID",
        "nothing for a number",
        "a fraction",
        "text for a truth value",
        "relation outside the taxonomy",
        "unknown code",
        "half a character",
        "record above the limit",
    ],
)
def test_an_event_no_reader_would_take_is_not_written(event):
    with pytest.raises(UnencodableError) as refused:
        encode(event)
    assert isinstance(refused.value, InvalidInputError)
    assert type(event).__name__ in str(refused.value)
    assert "SECRET" not in str(refused.value)
    assert refused.value.__context__ is None


def test_a_value_that_is_no_event_has_no_schema():
    with pytest.raises(UnknownSchemaError):
        encode(NOON)


# --- what is refused, by name --------------------------------------------------------


def refusal(data, *expected):
    with pytest.raises(DecodeError) as refused:
        decode(data, *(expected or (type(UPDATED),)))
    return type(refused.value)


@pytest.mark.parametrize("data", [b"", b"\0", b"\0\0\0\x02", b"\x01\0\0\x02\0rest"])
def test_bytes_without_a_frame_are_refused(data):
    assert refusal(data) is BadFrameError


def test_an_unknown_schema_id_is_refused():
    assert refusal(b"\0\xff\xff\xff\xff" + encode(UPDATED)[5:]) is UnknownSchemaError


def test_an_event_that_is_not_expected_is_refused():
    assert refusal(encode(UPDATED), PersonsMerged, ReportWithdrawn) is UnknownSchemaError


def test_an_event_is_refused_when_nothing_is_expected():
    with pytest.raises(UnknownSchemaError):
        decode(encode(UPDATED))


@pytest.mark.parametrize("event", [RELAYED, MERGED, UPDATED, FEEDBACK, SUBMITTED])
def test_a_record_cut_short_anywhere_is_truncated(event):
    data = encode(event)
    for length in range(5, len(data)):
        assert refusal(data[:length], type(event)) is TruncatedError


def test_a_byte_behind_the_last_field_is_refused():
    assert refusal(encode(UPDATED) + b"\0") is TrailingBytesError


@pytest.mark.parametrize(
    ("event", "limit"), [(UPDATED, MAX_MESSAGE_BYTES), (SUBMITTED, MAX_SUBMISSION_BYTES)]
)
def test_a_record_above_the_limit_of_its_topic_is_refused_before_it_is_read(event, limit):
    data = encode(event)
    filled = data + bytes(limit - len(data))
    assert refusal(filled, type(event)) is TrailingBytesError
    assert refusal(filled + b"\0", type(event)) is TooLargeError


def flooded(item, count):
    """A submission whose list of parts holds `count` times the bytes of `item`."""
    return encode(SUBMITTED)[:-1] + zigzag(count) + item * count + b"\0"


def test_a_collection_of_a_thousand_is_read_and_of_one_more_refused():
    assert len(decode(flooded(b"\0\0", 1000), ReportSubmitted).parts) == 1000
    assert refusal(flooded(b"\0\0", 1001), ReportSubmitted) is TooLargeError


def test_a_flood_of_items_is_refused_before_they_take_memory():
    data = flooded(b"\0\0", (MAX_SUBMISSION_BYTES - 100) // 2)
    tracemalloc.start()
    kind = refusal(data, ReportSubmitted)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert kind is TooLargeError
    assert peak < 1_000_000


@pytest.mark.parametrize(
    ("count", "named"),
    [
        (1, TruncatedError),
        (1000, TruncatedError),
        (1001, TooLargeError),
        (2**62, TooLargeError),
        (2**63 - 1, TooLargeError),
        (-1, NotCanonicalError),
        (-(2**63), NotCanonicalError),
    ],
)
def test_a_count_with_nothing_behind_it_is_refused_at_once(count, named):
    assert refusal(encode(SUBMITTED)[:-1] + zigzag(count), ReportSubmitted) is named


def test_a_length_with_nothing_behind_it_is_refused_at_once():
    head = encode(SUBMITTED)[:-2]
    assert refusal(head + zigzag(2**62), ReportSubmitted) is TruncatedError


PART = SealedPart(part=3, ciphertext=b"x")
WITH_PARTS = replace(SUBMITTED, parts=(PART, PART))
ITEM = zigzag(3) + zigzag(1) + b"x"
HEAD = encode(SUBMITTED)[:-1]


@pytest.mark.parametrize(
    "tail",
    [
        zigzag(1) + ITEM + zigzag(1) + ITEM + b"\0",
        zigzag(-2) + zigzag(6) + ITEM * 2 + b"\0",
        zigzag(2) + ITEM * 2 + b"\x80\0",
        b"\x84\0" + ITEM * 2 + b"\0",
        b"\x84" + b"\x80" * 5_000 + b"\0" + ITEM * 2 + b"\0",
    ],
    ids=[
        "two blocks",
        "negative count with a size",
        "over-long end",
        "over-long count",
        "count of 5,000 bytes",
    ],
)
def test_a_second_spelling_of_a_list_is_refused(tail):
    assert decode(HEAD + zigzag(2) + ITEM * 2 + b"\0", ReportSubmitted) == WITH_PARTS
    assert refusal(HEAD + tail, ReportSubmitted) is NotCanonicalError


def test_a_truth_value_other_than_nought_and_one_is_refused():
    assert refusal(encode(RELAYED)[:-1] + b"\x02", NominalRelayed) is NotCanonicalError


def with_kind(index):
    return encode(MERGED)[:5] + zigzag(index) + ONE.bytes + TWO.bytes


def test_a_code_counted_from_the_end_is_refused():
    assert decode(with_kind(2), PersonsMerged) == MERGED
    assert refusal(with_kind(-5), PersonsMerged) is BadValueError


@pytest.mark.parametrize("index", [7, -8, 2**62])
def test_a_code_outside_its_list_is_refused(index):
    assert refusal(with_kind(index), PersonsMerged) is BadValueError


def with_branch(index):
    data = encode(FEEDBACK)
    return data[:5] + zigzag(index) + data[6:]


def test_a_union_branch_counted_from_the_end_is_refused():
    assert decode(with_branch(1), FeedbackGiven) == FEEDBACK
    assert refusal(with_branch(-1), FeedbackGiven) is BadValueError


@pytest.mark.parametrize("index", [2, -3, 2**62])
def test_a_union_branch_that_is_not_there_is_refused(index):
    assert refusal(with_branch(index), FeedbackGiven) is BadValueError


def test_a_relation_outside_the_taxonomy_is_a_bad_value():
    assert refusal(encode(UPDATED).replace(b"SIBLING", b"NEIGHBR")) is BadValueError


def test_text_that_is_no_utf8_is_a_bad_value():
    data = encode(SUBMITTED).replace(b"invented", b"inv\xff\xfeted")
    assert refusal(data, ReportSubmitted) is BadValueError


@pytest.mark.parametrize("milliseconds", [2**62, -(2**62), 253_402_300_800_000])
def test_an_instant_outside_the_calendar_is_a_bad_value(milliseconds):
    tail = zigzag(int(NOON.timestamp() * 1000)) + NO_RULE_VERSION_AND_NO_SIGNS
    changed = zigzag(milliseconds) + NO_RULE_VERSION_AND_NO_SIGNS
    assert refusal(encode(UPDATED).removesuffix(tail) + changed) is BadValueError


def test_a_negative_length_of_text_is_refused():
    data = encode(SUBMITTED)
    start = data.index(b"invented") - 1
    assert refusal(data[:start] + zigzag(-1) + data[start + 1 :], ReportSubmitted) is BadValueError


def test_a_refusal_shows_no_value_and_carries_no_inner_error():
    data = encode(UPDATED).replace(b"SIBLING", b"MRSMITH")
    with pytest.raises(BadValueError) as refused:
        decode(data, AlertUpdated)
    assert "MRSMITH" not in str(refused.value)
    assert refused.value.__context__ is None
    assert refused.value.__cause__ is None


def test_bytes_inside_an_event_are_not_read():
    held = ReportHeld(
        partner="invented-housing",
        report_id=ONE,
        revision=1,
        reasons=(),
        held_at=NOON,
        linked=b"\0not even a frame",
    )
    assert decode(encode(held), ReportHeld) == held


def test_what_the_walk_would_let_pass_is_still_compared(monkeypatch):
    monkeypatch.setattr("streams.codec.walk_of", lambda _: lambda data, _: len(data))
    spelt_twice = HEAD + zigzag(-2) + zigzag(6) + ITEM * 2 + b"\0"
    careless = Codec(CATALOGUE)
    assert careless.decode(encode(WITH_PARTS), ReportSubmitted) == WITH_PARTS
    with pytest.raises(NotCanonicalError):
        careless.decode(spelt_twice, ReportSubmitted)
    with pytest.raises(NotCanonicalError):
        careless.decode(encode(UPDATED) + b"\0", AlertUpdated)


# --- versions ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    """An event whose second version gained a field and a code."""

    person_id: UUID
    ward: str | None
    mark: bytes = b""


Noticed.__module__ = "streams.shared"


@pytest.fixture
def two_versions(tmp_path):
    first = deepcopy(CATALOGUE.find(502).definition)
    first |= {"name": "rivelin.shared.Noticed", "schema_id": 9001}
    del first["fields"][1]
    second = deepcopy(first) | {"schema_id": 9002}
    second["fields"].append({"name": "ward", "type": ["null", "string"], "default": None})
    second["fields"].append({"name": "mark", "type": "bytes", "default": ""})
    for version, definition in enumerate((first, second), start=1):
        (tmp_path / f"noticed.v{version}.avsc").write_text(json.dumps(definition))
    return Codec(Catalogue(tmp_path))


def test_the_newest_version_is_written(two_versions):
    noticed = Noticed(person_id=ONE, ward="Walkley", mark=b"\0\xff")
    data = two_versions.encode(noticed)
    assert int.from_bytes(data[1:5], "big") == 9002
    assert two_versions.decode(data, Noticed) == noticed


def test_a_record_of_an_old_version_becomes_the_event_of_today(two_versions):
    old = b"\0" + (9001).to_bytes(4, "big") + ONE.bytes
    assert two_versions.decode(old, Noticed) == Noticed(person_id=ONE, ward=None, mark=b"")


def test_an_old_version_is_read_as_strictly(two_versions):
    old = b"\0" + (9001).to_bytes(4, "big") + ONE.bytes
    with pytest.raises(TrailingBytesError):
        two_versions.decode(old + b"\0", Noticed)
    with pytest.raises(TruncatedError):
        two_versions.decode(old[:-1], Noticed)


# --- records of another implementation ---------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """The record of Apache Avro's own example files."""

    station: str
    time: int
    temp: int


Weather.__module__ = "streams.shared"
WEATHER = {
    "type": "record",
    "name": "rivelin.shared.Weather",
    "schema_id": 9003,
    "fields": [
        {"name": "station", "type": "string"},
        {"name": "time", "type": "long"},
        {"name": "temp", "type": "int"},
    ],
}


@pytest.fixture
def containers(shared_data):
    path = shared_data / "interop" / "avro" / "weather_containers.json"
    return json.loads(path.read_text())["files"]


def test_a_container_file_is_no_record_of_ours(containers):
    assert containers
    for container in containers:
        assert refusal(base64.b64decode(container["base64"])) is BadFrameError


def test_records_that_java_wrote_are_spelt_the_one_way(containers, tmp_path):
    (tmp_path / "weather.v1.avsc").write_text(json.dumps(WEATHER))
    codec = Codec(Catalogue(tmp_path))
    container = next(container for container in containers if container["codec"] == "null")
    rest = only_block(base64.b64decode(container["base64"]))

    for row in container["rows"]:
        weather = Weather(**row)
        data = codec.encode(weather)
        assert rest.startswith(data[5:])
        assert codec.decode(data[:5] + rest[: len(data) - 5], Weather) == weather
        rest = rest[len(data) - 5 :]
    assert rest == b""


def only_block(container):
    """The records between the two sync markers, without their count and their size."""
    sync = container[-16:]
    block = container[container.index(sync) + 16 : -16]
    return block[1 + len(zigzag(len(block) - 3)) :]
