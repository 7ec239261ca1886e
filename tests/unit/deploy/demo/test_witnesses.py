"""What is searched for leaks: all that others may read; controls find what is planted."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from deploy.demo.witnesses import files_in, is_outside, records_outside
from deploy.leaks import Identifier, find_leaks
from streams.codec import encode
from streams.codes import ArchiveReason
from streams.ocg import OcgArchived
from streams.ports import Record
from streams.shared import DecisionRefused, FeedbackGiven, PartnerSuspended
from streams.topics import SHARED_TOPICS, partner_topics
from streams.values import Outcome

AT = datetime(2026, 9, 1, tzinfo=UTC)
ARCHIVED = OcgArchived(
    ocg_id=UUID(int=1),
    reason=ArchiveReason.NO_ACTIVITY,
    reasons=(),
    decided_by="Ali",
    decided_at=AT,
)


def record(topic, value, key=None):
    return Record(topic, 7, AT, key, value)


def test_only_what_the_enclave_alone_reads_is_left_out():
    specs = [*SHARED_TOPICS, *partner_topics("loxley-homes")]
    outside = {spec.name for spec in specs if is_outside(spec.name)}
    for spec in specs:
        enclave = {
            "anonymiser",
            "linker",
            "gate",
            "desk",
            "duty",
            "audit",
            "eraser",
            "keys",
            "meters",
            "reconciler",
        }
        if not set(spec.readers) <= enclave:
            assert spec.name in outside
    assert "enclave.tokenised" not in outside


@pytest.mark.parametrize("place", ["key", "value"])
def test_an_identifier_in_key_or_value_is_found(place):
    planted = record("police.intelligence", **{"value": b"x", place: b"..Rosenthal.."})
    leaks = find_leaks([Identifier("n", "Rosenthal")], records_outside(planted))
    assert {leak.document for leak in leaks} == {"police.intelligence 7"}


def test_a_short_name_in_a_text_field_is_found_although_avro_puts_a_length_before_it():
    event = PartnerSuspended(partner="loxley-homes", reason="Ali", decided_by="a", decided_at=AT)
    leaks = find_leaks(
        [Identifier("n", "Ali")], records_outside(record("registry.events", encode(event)))
    )
    assert [leak.document for leak in leaks] == ["registry.events 7 decoded"]


@pytest.mark.parametrize(
    ("topic", "event"),
    [
        ("audit.operations", DecisionRefused(actor="Ali", act="GRADE", subject="", at=AT)),
        ("police.decisions", ARCHIVED),
    ],
)
def test_whatever_event_a_topic_may_carry_is_read_as_text_too(topic, event):
    leaks = find_leaks([Identifier("n", "Ali")], records_outside(record(topic, encode(event))))
    assert [leak.document for leak in leaks] == [f"{topic} 7 decoded"]


def test_a_clean_record_leaks_nothing():
    event = FeedbackGiven(
        report_id=None,
        revision=1,
        outcome=Outcome.SHARED,
        reasons=(),
        immediate_risk=False,
        offset=3,
        given_at=AT,
    )
    wanted = [Identifier("n", "Rosenthal"), Identifier("m", "Ali")]
    assert not find_leaks(
        wanted, records_outside(record("partner.loxley-homes.feedback", encode(event)))
    )


def test_every_file_below_a_folder_is_searched(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "gate.log").write_text("seen: Rosenthal")
    leaks = find_leaks([Identifier("n", "Rosenthal")], files_in(tmp_path))
    assert {leak.document for leak in leaks} == {"deep/gate.log"}


def test_a_file_that_is_replaced_meanwhile_stops_no_search(tmp_path):
    for name in ("gate.1.draft", "gate.json"):
        (tmp_path / name).write_text("seen: Rosenthal")
    found = files_in(tmp_path)
    next(found)  # it knows by now what there was
    (tmp_path / "gate.json").unlink()
    assert list(found) == []
