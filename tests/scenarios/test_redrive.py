"""A submission is processed once more: it ends with one outcome and is shared once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from anonymiser.keyring import new_keys
from streams.codec import encode
from streams.operations import place_of
from streams.ports import Outgoing
from streams.restricted import ErasureRecorded, Quarantined, RedriveRequested
from streams.shared import OperationRecorded
from streams.topics import (
    ERASURES,
    OPERATIONS,
    OUTGOING,
    POLICE,
    QUARANTINE,
    REDRIVES,
    REPORT_KEYS,
    SAFEGUARDING,
    TOKENISED,
    submissions_of,
)
from streams.values import ErasureReason, Operation
from tests.enclave import Enclave, report, seeded_ids

AT = datetime(2026, 2, 1, tzinfo=UTC)


@pytest.fixture
async def enclave():
    return await Enclave().start()


async def redrive(enclave, report, offset, *, collected=True, quarantined=None):
    event = RedriveRequested(
        partner=report.partner,
        offset=offset,
        collected=collected,
        quarantined_offset=quarantined,
        requested_by="reconciler",
        requested_at=AT,
    )
    await enclave.write(REDRIVES, event)
    await enclave.settle()


def collections(enclave):
    rows = enclave.events(OPERATIONS, OperationRecorded)
    return [place_of(one.subject) for one in rows if one.operation is Operation.COLLECTION]


async def lost_behind_intake(enclave, one):
    """Intake took it in, and what it passed on is gone from the transport."""
    await enclave.take_in(one)
    (record,) = enclave.log.records(TOKENISED)
    enclave.log._topics[TOKENISED][record.offset] = None
    await enclave.settle()
    assert enclave.outcomes(one) == []


async def test_what_was_lost_behind_intake_is_shared_once_and_collected_once(enclave):
    one = report()
    await lost_behind_intake(enclave, one)
    await redrive(enclave, one, 0)
    assert enclave.outcomes(one) == ["SHARED"]
    assert [given.offset for given in enclave.feedback(one)] == [0]
    assert len(enclave.events(POLICE)) == len(enclave.events(SAFEGUARDING)) == 1
    assert collections(enclave) == [(submissions_of(one.partner), 0)]


async def test_what_was_never_taken_in_gets_its_row_of_the_audit_with_its_outcome(enclave):
    one = report()
    topic = submissions_of(one.partner)
    enclave.log._groups["rivelin-intake"][topic] = 1  # passed over, however that came about
    await enclave._start()
    await enclave.submit(one)
    await redrive(enclave, one, 0, collected=False)
    assert collections(enclave).count((topic, 0)) == 1
    assert "SHARED" in enclave.outcomes(one)


async def test_what_had_an_outcome_is_a_duplicate_and_shared_no_second_time(enclave):
    one = report()
    await enclave.submit(one)
    await redrive(enclave, one, 0)
    assert enclave.outcomes(one) == ["SHARED", "DUPLICATE"]
    assert len(enclave.events(POLICE)) == len(enclave.events(SAFEGUARDING)) == 1


async def test_an_older_revision_does_not_come_back_over_a_later_one(enclave):
    one = report()
    later = replace(one, revision=2, supersedes=1)
    await enclave.submit(one, later)
    await redrive(enclave, one, 0)
    assert [event.revision for event in enclave.events(POLICE)] == [1, 2]
    assert enclave.outcomes(one)[-1] == "DUPLICATE"


async def test_a_withdrawn_report_stays_withdrawn(enclave):
    one = report()
    await enclave.submit(one)
    await enclave.withdraw(one)
    before = len(enclave.log.records(POLICE))
    await redrive(enclave, one, 0)
    assert len(enclave.log.records(POLICE)) == before
    (last,) = enclave.feedback(one)[-1].reasons
    assert last.code == "report_withdrawn"


async def test_an_erased_report_is_refused_and_none_of_its_keys_is_stored_again(enclave):
    one = report()
    await enclave.submit(one)
    await enclave.write(
        ERASURES,
        ErasureRecorded(
            partner=one.partner,
            report_id=one.report_id,
            revision=None,
            subject=None,
            reason=ErasureReason.SUBJECT_REQUEST,
            decided_by="Ida",
            confirmed_by=None,
            decided_at=AT,
        ),
    )
    stored = len(enclave.log.records(REPORT_KEYS))
    await redrive(enclave, one, 0)
    await enclave.submit(one, replace(one, revision=2, supersedes=1))
    assert len(enclave.log.records(REPORT_KEYS)) == stored
    codes = [[reason.code for reason in given.reasons] for given in enclave.feedback(one)]
    assert codes == [[], ["report_erased"], ["report_erased"], ["report_erased"]]


async def test_a_quarantined_report_goes_on_once_its_sealing_key_is_restored():
    lost = new_keys()
    without = replace(lost, sealing={2: lost.sealing[1]})
    one = report()
    enclave = await Enclave(keys=without).start()
    enclave.keys = lost
    await enclave.submit(one)
    assert enclave.outcomes(one) == ["REFUSED"]  # its partner may seal it anew
    await enclave.restart(ids=seeded_ids(9))
    await redrive(enclave, one, 0)
    assert enclave.outcomes(one) == ["REFUSED", "SHARED"]
    assert len(enclave.events(POLICE)) == 1


async def test_what_the_gate_set_aside_is_judged_anew_under_the_same_persons(enclave, monkeypatch):
    from anonymiser.gate import stage  # noqa: PLC0415 - broken for a moment

    one = report()
    with monkeypatch.context() as patch:
        patch.setattr(stage, "difference", lambda *_: "facts[0]")
        await enclave.submit(one)
    assert enclave.outcomes(one) == ["QUARANTINED"]
    (kept,) = enclave.events(QUARANTINE, Quarantined)
    assert (kept.stage, kept.submission_offset) == ("gate", 0)
    before = enclave.who(one)
    await redrive(enclave, one, kept.submission_offset, quarantined=0)
    assert enclave.outcomes(one) == ["QUARANTINED", "SHARED"]
    assert enclave.who(one) == before
    assert len(enclave.events(POLICE)) == 1


async def test_a_request_for_a_place_where_nothing_lies_changes_nothing(enclave):
    one = report()
    await enclave.submit(one)
    before = len(enclave.log.records(TOKENISED))
    await redrive(enclave, one, 99)
    await enclave.log.append([Outgoing(REDRIVES, encode(one))])
    await enclave.settle()
    assert len(enclave.log.records(TOKENISED)) == before


async def test_a_linked_report_that_comes_twice_is_shared_once(enclave):
    """A batch of the linker can be done twice where a node dies at the wrong moment (ADR-0011)."""
    one = report()
    await enclave.submit(one)
    (linked,) = [found for found in enclave.log.records(OUTGOING) if found.value is not None]
    await enclave.log.append([Outgoing(OUTGOING, linked.value, linked.key)])
    await enclave.settle()
    assert enclave.outcomes(one) == ["SHARED", "DUPLICATE"]
    assert len(enclave.events(POLICE)) == len(enclave.events(SAFEGUARDING)) == 1
