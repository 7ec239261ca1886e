"""The erasure ledger: what it names, what is left of stored keys, and its export."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from streams.codec import encode
from streams.erasure import START, Erasures, erased, export_lines, head_of, left_of, read_export
from streams.errors import DecodeError, InvalidInputError
from streams.ports import Record
from streams.restricted import ErasureCertified, ErasureRecorded, ReportKeysWrapped, WrappedKey
from streams.topics import ERASURES
from streams.values import ErasureReason

AT = datetime(2026, 11, 25, 22, 30, tzinfo=UTC)
R1, R2 = UUID(int=1), UUID(int=2)
PARTNER = "loxley-housing"


def recorded(report=R1, revision=None, subject=None, partner=PARTNER):
    return ErasureRecorded(
        partner=partner,
        report_id=report,
        revision=revision,
        subject=subject,
        reason=ErasureReason.SUBJECT_REQUEST,
        decided_by="Ida Invented",
        confirmed_by=None,
        decided_at=AT,
    )


def wrapped(report=R1, revision=1, parts=(0, 1, 2)):
    keys = tuple(WrappedKey(part=part, wrapped=bytes([part])) for part in parts)
    return ReportKeysWrapped(
        partner=PARTNER, report_id=report, revision=revision, storage_key=1, keys=keys
    )


def records(*events):
    return [
        Record(ERASURES, offset, AT, None, encode(event)) for offset, event in enumerate(events)
    ]


def test_a_report_is_erased_in_every_revision_and_no_other_is():
    ledger = Erasures([recorded()])
    assert erased(ledger, PARTNER, R1)
    assert erased(ledger, PARTNER, R1, (7, 3))
    assert not erased(ledger, PARTNER, R2)
    assert not erased(ledger, "porter-housing", R1)
    assert left_of(wrapped(), ledger) is None
    assert left_of(wrapped(R2), ledger) == wrapped(R2)


def test_of_a_subject_only_its_own_key_goes_and_only_of_its_revision():
    ledger = Erasures([recorded(revision=1, subject=0)])
    assert erased(ledger, PARTNER, R1)
    assert erased(ledger, PARTNER, R1, (1, 0))
    assert not erased(ledger, PARTNER, R1, (1, 1))
    assert left_of(wrapped(), ledger) == wrapped(parts=(0, 2))
    other = wrapped(revision=2)
    assert left_of(other, ledger) is other


def test_what_has_no_erased_key_left_is_left_as_it_is():
    ledger = Erasures([recorded(revision=1, subject=0)])
    once = left_of(wrapped(), ledger)
    assert left_of(once, ledger) is once


def test_the_ledger_is_folded_alike_when_a_tail_comes_twice():
    certified = ErasureCertified(erasure_offset=0, certified_by="Ida", certified_at=AT)
    told = records(recorded(), recorded(R2, 1, 0), certified)
    once, twice = Erasures(), Erasures()
    once.learn(told)
    twice.learn(told)
    twice.learn(told)
    assert once.entries() == twice.entries()
    assert [entry.certified for entry in once.entries()] == [certified, None]


def test_a_ledger_that_cannot_be_read_is_not_guessed_at():
    with pytest.raises(DecodeError):
        Erasures().learn([Record(ERASURES, 0, AT, None, b"noise")])


def exported(*events):
    ledger = Erasures(events)
    return list(export_lines(ledger.entries()))


def test_an_export_is_read_as_it_was_written():
    events = (recorded(), recorded(R2, 3, 1), replace(recorded(R2), confirmed_by="Ole"))
    assert read_export(exported(*events)) == events
    assert read_export([]) == ()
    assert read_export(["", *exported(recorded()), ""]) == (recorded(),)


def test_an_export_grows_at_its_end_alone():
    first = exported(recorded())
    both = exported(recorded(), recorded(R2))
    assert both[:1] == first
    assert head_of(both) != head_of(first) != head_of([]) == START


@pytest.mark.parametrize("field", ["report_id", "partner", "reason", "subject", "before", "hash"])
def test_a_changed_field_of_an_export_is_noticed(field):
    lines = exported(recorded(), recorded(R2))
    facts = json.loads(lines[0])
    facts[field] = "another"
    with pytest.raises(InvalidInputError, match="line 1"):
        read_export([json.dumps(facts), lines[1]])


def test_a_line_that_is_left_out_or_moved_is_noticed():
    lines = exported(recorded(), recorded(R2), recorded(R2, 1, 0))
    for broken in ([lines[0], lines[2]], [lines[1], lines[0]], lines[1:]):
        with pytest.raises(InvalidInputError):
            read_export(broken)


@pytest.mark.parametrize("line", ["noise", "[]", "{}", '{"hash": null}', "[" * 100_000])
def test_what_is_no_export_is_told_in_one_line(line):
    with pytest.raises(InvalidInputError, match="line 1"):
        read_export([line])
