"""Every trap of the Avro library is real (a child process walks into it), and none is open here."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from functools import cache
from uuid import UUID

import pytest

from schemas import Catalogue, CatalogueError
from streams.codec import decode, encode
from streams.errors import DecodeError
from streams.restricted import ReportSubmitted, WithdrawalSubmitted
from streams.values import WithdrawalReason
from tests.conftest import ROOT
from tests.hostile.avro_traps import DECIMAL, RECURSIVE, TRAPS, long, record

REPORT_ID = UUID(int=7)
SUBMITTED = encode(
    ReportSubmitted(
        report_id=REPORT_ID,
        revision=1,
        supersedes=None,
        partner="p-1",
        content_schema=120,
        key_epoch=1,
        immediate_risk=False,
        sealed_keys=b"",
        parts=(),
    )
)
WITHDRAWN = encode(
    WithdrawalSubmitted(report_id=REPORT_ID, partner="p-1", reason=WithdrawalReason.ERROR)
)
REVISION_AT, SUPERSEDES_AT = 21, 22


def instead(data, at, *pieces):
    """Put something in the place of one byte."""
    return data[:at] + b"".join(pieces) + data[at + 1 :]


@cache
def walked_into(name):
    """What became of a process that let the library read: the signal that ended it, or its cost."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile.avro_traps", name],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode < 0:
        return signal.Signals(-done.returncode).name
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# --- the traps are real -----------------------------------------------------------------------


def test_the_library_makes_fifty_million_items_of_five_bytes():
    assert len(TRAPS["a list of fifty million nothings"].make()) == 5
    assert walked_into("a list of fifty million nothings")["mebibytes"] > 300


def test_the_library_dies_of_a_record_in_itself():
    assert walked_into("a record in itself five thousand deep") == "SIGSEGV"


def test_the_library_pays_the_square_for_a_decimal():
    short = walked_into("a decimal of forty kilobytes")["seconds"]
    assert walked_into("a decimal of eighty kilobytes")["seconds"] > 2.5 * short


@pytest.mark.parametrize("name", ["a deflate bomb", "a bzip2 bomb"])
def test_the_library_unpacks_whatever_a_file_holds(name):
    assert len(TRAPS[name].make()) < 70_000
    assert walked_into(name)["mebibytes"] > 60


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a union branch from the end", "{'x': 7}"),
        ("a code from the end", "{'x': 'B'}"),
        ("bytes behind the record", "{'x': 7}"),
        ("an integer of a megabyte", "{'x': 0}"),
        ("a key that stands twice", "{'k': 2}"),
    ],
)
def test_the_library_takes_a_second_spelling_for_good(name, found):
    assert walked_into(name)["found"] == found


# --- no schema of ours can have them ----------------------------------------------------------


def nested(depth):
    """Records inside records, none of them twice."""
    inner = "long"
    for number in range(depth):
        inner = record(inner, f"Level{number}")
    return inner


REFUSED_SCHEMAS = {
    "items of no byte": (record({"type": "array", "items": "null"}), "null is no type of ours"),
    "items that are empty records": (
        record({"type": "array", "items": {"type": "record", "name": "Empty", "fields": []}}),
        "takes no byte",
    ),
    "items of a fixed of nothing": (
        record({"type": "array", "items": {"type": "fixed", "name": "Gone", "size": 0}}),
        "takes no byte",
    ),
    "a record in itself": (RECURSIVE, "contains itself"),
    "a record in a list of itself": (
        record({"type": "array", "items": "Trap"}),
        "contains itself",
    ),
    "a decimal": (record(DECIMAL), "decimal is no type of ours"),
    "a map": (record({"type": "map", "values": "long"}), "map is no type of ours"),
    "a float": (record("double"), "double is no type of ours"),
    "a union of three": (record(["null", "long", "string"]), "not null or one type"),
    "a union that begins with something": (record(["long", "null"]), "not null or one type"),
    "seventeen levels": (nested(18), "deeper than 16"),
}


@pytest.mark.parametrize("name", REFUSED_SCHEMAS)
def test_a_schema_that_bounds_nothing_is_refused_when_it_is_loaded(name, tmp_path):
    schema, told = REFUSED_SCHEMAS[name]
    (tmp_path / "trap.v1.avsc").write_text(json.dumps(schema | {"schema_id": 1}))
    with pytest.raises(CatalogueError, match=told):
        list(Catalogue(tmp_path))


def test_a_schema_of_sixteen_levels_is_loaded(tmp_path):
    (tmp_path / "deep.v1.avsc").write_text(json.dumps(nested(16) | {"schema_id": 1}))
    assert [schema.id for schema in Catalogue(tmp_path)] == [1]


# --- and no bytes get through -----------------------------------------------------------------

REFUSED_BYTES = {
    "a list of fifty million": (
        instead(SUBMITTED, len(SUBMITTED) - 1, long(50_000_000), b"\0"),
        "too_large",
    ),
    "a list of 1,001": (
        instead(SUBMITTED, len(SUBMITTED) - 1, long(1_001), b"\0" * 3_000),
        "too_large",
    ),
    "a union branch from the end": (
        instead(SUBMITTED, SUPERSEDES_AT, long(-1)),
        "bad_value",
    ),
    "a union branch that is not there": (
        instead(SUBMITTED, SUPERSEDES_AT, long(2)),
        "bad_value",
    ),
    "a code from the end": (instead(WITHDRAWN, len(WITHDRAWN) - 1, long(-1)), "bad_value"),
    "a code beyond the last": (instead(WITHDRAWN, len(WITHDRAWN) - 1, long(5)), "bad_value"),
    "bytes behind the record": (SUBMITTED + b"more", "trailing_bytes"),
    "an integer of 200 kilobytes": (
        instead(SUBMITTED, REVISION_AT, b"\x82", b"\x80" * 200_000, b"\0"),
        "not_canonical",
    ),
    "an integer of one byte too much": (
        instead(SUBMITTED, REVISION_AT, b"\x82\0"),
        "not_canonical",
    ),
    "an integer of a megabyte": (
        instead(SUBMITTED, REVISION_AT, b"\x82", b"\x80" * (1 << 20), b"\0"),
        "too_large",
    ),
    "a length of eight exabytes": (
        instead(SUBMITTED, len(SUBMITTED) - 2, long(2**63 - 1)),
        "truncated",
    ),
    "a negative length": (instead(SUBMITTED, len(SUBMITTED) - 2, long(-1)), "bad_value"),
    "a list with a negative count": (
        instead(SUBMITTED, len(SUBMITTED) - 1, long(-1), long(2), b"\0\0\0"),
        "not_canonical",
    ),
    "a container file": (TRAPS["a deflate bomb"].make(), "bad_frame"),
}


@pytest.mark.parametrize("name", REFUSED_BYTES)
def test_bytes_that_claim_more_than_they_hold_are_refused_by_name(name):
    data, code = REFUSED_BYTES[name]
    with pytest.raises(DecodeError) as refused:
        decode(data, ReportSubmitted, WithdrawalSubmitted)
    assert refused.value.code == code


def test_what_they_were_made_from_is_read():
    assert decode(SUBMITTED, ReportSubmitted).revision == 1
    assert decode(WITHDRAWN, WithdrawalSubmitted).reason is WithdrawalReason.ERROR
