"""The client of partners over the log in memory: what it sends, refuses, and hears."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from producers.sdk import (
    NOTICE_999,
    InvalidReportError,
    NoReceiptError,
    NoSealingKeyError,
    NotAcknowledgedError,
    Partner,
    Rejected,
    SyncPartner,
    UntrustedKeyError,
)
from streams import codec
from streams.errors import BrokerUnreachableError, InvalidInputError
from streams.json_form import to_json
from streams.memory import MemoryLog
from streams.parts import Reason
from streams.ports import Outgoing
from streams.restricted import Node, ReportSubmitted, WithdrawalSubmitted
from streams.sealing import SealingPrivateKey, fingerprint_of, open_submission, sign_public_key
from streams.shared import FeedbackGiven
from streams.taxonomy import RelationKind
from streams.topics import PUBLIC_KEYS, feedback_of, submissions_of
from streams.values import NodeKind, Outcome, WithdrawalReason
from tests.invented_reports import IDENTIFIERS, PARTNER, REPORT_ID, report, tie

DAY = timedelta(days=1)
NOW = datetime.now(UTC).replace(microsecond=0)
SIGNER = Ed25519PrivateKey.generate()
KEY = SealingPrivateKey.generate(1)
FINGERPRINT = fingerprint_of(SIGNER.public_key().public_bytes_raw())
AT = NOW - DAY
SUBMISSIONS, FEEDBACK = submissions_of(PARTNER), feedback_of(PARTNER)


def told_now(**changes):
    return report(event_at=AT, reported_at=AT, **changes)


async def publish(log, key=KEY, signer=SIGNER, since=NOW - DAY, until=NOW + DAY):
    event = sign_public_key(key.public(), since, until, signer)
    await log.append([Outgoing(PUBLIC_KEYS, codec.encode(event))])


async def give(log, outcome, report_id=REPORT_ID, revision=1, offset=None, *, risk=False):
    """Give feedback as the gate would."""
    event = FeedbackGiven(
        report_id=report_id,
        revision=revision,
        outcome=outcome,
        reasons=(Reason(code="example"),),
        immediate_risk=risk,
        offset=offset,
        given_at=NOW,
    )
    await log.append([Outgoing(FEEDBACK, codec.encode(event))])


def sent(log):
    return [
        codec.decode(record.value, ReportSubmitted, WithdrawalSubmitted)
        for record in log.records(SUBMISSIONS)
    ]


@pytest.fixture
async def log():
    memory = MemoryLog()
    await publish(memory)
    return memory


@pytest.fixture
async def partner(log):
    async with Partner(PARTNER, "none", FINGERPRINT, log=log) as connected:
        yield connected


# --- sending ---------------------------------------------------------------------------------


async def test_a_report_reaches_the_partners_own_topic_sealed(log, partner):
    submission = await partner.submit(told_now())
    (arrived,) = sent(log)
    assert open_submission(arrived, KEY).report == told_now()
    assert (submission.offset, submission.revision, submission.notice) == (0, 1, None)


async def test_a_record_has_no_key_and_no_identifier(log, partner):
    await partner.submit(told_now())
    (record,) = log.records(SUBMISSIONS)
    assert record.key is None
    assert [one for one in IDENTIFIERS if one.encode() in record.value] == []


async def test_a_report_may_be_a_dict_that_leaves_the_partner_out(log, partner):
    data = to_json(told_now())
    del data["partner"]
    await partner.submit(data)
    assert open_submission(sent(log)[0], KEY).report == told_now()


async def test_instants_are_cut_to_what_the_log_keeps(log, partner):
    at = AT.replace(microsecond=123_999)
    await partner.submit(report(event_at=at, reported_at=at))
    arrived = open_submission(sent(log)[0], KEY).report
    assert arrived.event_at == AT.replace(microsecond=123_000)


async def test_a_report_with_problems_is_not_sent_and_each_field_is_named(log, partner):
    with pytest.raises(InvalidReportError) as caught:
        await partner.submit(told_now(facts=(), nodes=(), relations=()))
    assert {one.field for one in caught.value.problems} == {"nodes", "facts"}
    assert isinstance(caught.value, InvalidInputError)
    assert sent(log) == []


async def test_a_report_of_another_partner_is_not_sent(log, partner):
    with pytest.raises(InvalidReportError, match="partner"):
        await partner.submit(told_now(partner="rivelin-fire"))
    assert sent(log) == []


async def test_a_report_that_would_not_fit_a_message_is_not_sent(log, partner):
    """Within every bound of its own, in letters that take two bytes each."""
    big = tuple(
        Node(label=f"{number} {'é' * 95}", kind=NodeKind.PERSON, reference="é" * 499)
        for number in range(50)
    )
    ties = tuple(
        tie(one.label, RelationKind.ASSOCIATE, other.label) for one, other in combinations(big, 2)
    )
    with pytest.raises(InvalidReportError) as caught:
        await partner.submit(told_now(nodes=big, relations=ties[:500], narrative="é" * 19_999))
    assert [one.code for one in caught.value.problems] == ["too_large"]
    assert sent(log) == []


async def test_a_correction_is_the_next_revision(log, partner):
    corrected = told_now(revision=3, narrative=None)
    submission = await partner.correct(corrected)
    arrived = open_submission(sent(log)[0], KEY).report
    assert submission.revision == 4
    assert (arrived.revision, arrived.supersedes, arrived.narrative) == (4, 3, None)


async def test_a_withdrawal_names_report_and_reason(log, partner):
    await partner.withdraw(REPORT_ID, WithdrawalReason.WRONG_PERSON)
    assert sent(log) == [
        WithdrawalSubmitted(
            report_id=REPORT_ID, partner=PARTNER, reason=WithdrawalReason.WRONG_PERSON
        )
    ]


async def test_a_withdrawal_needs_a_coded_reason(log, partner):
    with pytest.raises(InvalidReportError, match="reason"):
        await partner.withdraw(REPORT_ID, "because Testina asked")
    assert sent(log) == []


# --- immediate risk ----------------------------------------------------------------------------


async def test_every_answer_to_an_immediate_risk_says_that_it_is_no_999_call(log, partner):
    submission = await partner.submit(told_now(immediate_risk=True))
    assert submission.notice == NOTICE_999
    with pytest.raises(NoReceiptError, match="ring 999"):
        await submission.receipt(0.01)
    await give(log, Outcome.SHARED, risk=True)
    assert (await submission.receipt(5)).notice == NOTICE_999


@pytest.mark.parametrize(
    "wrong",
    [
        told_now(immediate_risk=True, facts=()),
        {"immediate_risk": True},
        {"immediate_risk": "yes"},
        {"immediate_risk": []},
        ["no object"],
    ],
    ids=["checked", "hardly a report", "a word", "a list", "not an object"],
)
async def test_a_refused_report_of_a_risk_says_so_too(partner, wrong):
    with pytest.raises(InvalidReportError, match="ring 999") as caught:
        await partner.submit(wrong)
    assert caught.value.notice == NOTICE_999


async def test_a_refused_report_without_a_risk_does_not_cry_wolf(partner):
    with pytest.raises(InvalidReportError) as caught:
        await partner.submit({"narrative": 3})
    assert caught.value.notice is None


# --- receipts ----------------------------------------------------------------------------------


async def test_a_receipt_finds_its_submission_by_id_and_revision(log, partner):
    first = await partner.submit(told_now())
    second = await partner.submit(told_now(revision=2, supersedes=1))
    await give(log, Outcome.REFUSED, revision=2)
    await give(log, Outcome.SHARED, revision=1)
    assert (await first.receipt(5)).outcome is Outcome.SHARED
    assert (await second.receipt(5)).outcome is Outcome.REFUSED
    assert (await second.receipt(5)).reasons == (Reason(code="example"),)


async def test_the_same_report_sent_twice_gets_two_receipts_in_order(log, partner):
    first, second = await partner.submit(told_now()), await partner.submit(told_now())
    await give(log, Outcome.SHARED)
    await give(log, Outcome.DUPLICATE)
    assert (await first.receipt(5)).outcome is Outcome.SHARED
    assert (await second.receipt(5)).outcome is Outcome.DUPLICATE


async def test_a_receipt_that_names_the_offset_goes_there(log, partner):
    first, second = await partner.submit(told_now()), await partner.submit(told_now())
    await give(log, Outcome.QUARANTINED, offset=second.offset)
    assert (await second.receipt(5)).outcome is Outcome.QUARANTINED
    assert first.last is None


async def test_a_held_report_gets_its_outcome_later_and_a_duplicate_does_not_take_it(log, partner):
    first, second = await partner.submit(told_now()), await partner.submit(told_now())
    await give(log, Outcome.HELD)
    await give(log, Outcome.DUPLICATE)
    await give(log, Outcome.SHARED)
    assert (await first.outcome(5)).outcome is Outcome.SHARED
    assert [one.outcome for one in first.receipts] == [Outcome.HELD, Outcome.SHARED]
    assert [one.outcome for one in second.receipts] == [Outcome.DUPLICATE]


@pytest.mark.parametrize("revision", [None, 2])
async def test_a_withdrawal_gets_its_receipt_with_or_without_a_revision(log, partner, revision):
    submission = await partner.withdraw(REPORT_ID, WithdrawalReason.ERROR)
    await give(log, Outcome.WITHDRAWN, revision=revision)
    assert (await submission.receipt(5)).outcome is Outcome.WITHDRAWN


async def test_a_withdrawal_does_not_take_the_receipt_of_a_report(log, partner):
    reported = await partner.submit(told_now())
    withdrawal = await partner.withdraw(REPORT_ID, WithdrawalReason.ERROR)
    await give(log, Outcome.SHARED)
    await give(log, Outcome.WITHDRAWN, revision=1)
    assert (await withdrawal.receipt(5)).outcome is Outcome.WITHDRAWN
    assert [one.outcome for one in reported.receipts] == [Outcome.SHARED]


async def test_answered_submissions_are_forgotten(log, partner):
    for number in range(20):
        await partner.submit(told_now(report_id=UUID(int=number)))
        await give(log, Outcome.SHARED, report_id=UUID(int=number))
    last = await partner.submit(told_now())
    await give(log, Outcome.SHARED)
    await last.receipt(5)
    assert len(partner._inbox.unanswered) == 0


async def test_no_receipt_in_time_is_told_and_may_be_asked_for_again(log, partner):
    submission = await partner.submit(told_now())
    with pytest.raises(NoReceiptError, match="safe"):
        await submission.receipt(timedelta(milliseconds=10))
    await give(log, Outcome.SHARED)
    assert (await submission.receipt(5)).outcome is Outcome.SHARED


async def test_old_feedback_is_not_taken_for_the_answer_to_a_new_submission(log):
    await give(log, Outcome.REFUSED)
    async with Partner(PARTNER, "none", FINGERPRINT, log=log) as partner:
        submission = await partner.submit(told_now())
        await give(log, Outcome.DUPLICATE)
        assert (await submission.receipt(5)).outcome is Outcome.DUPLICATE


# --- hearing -----------------------------------------------------------------------------------


async def test_callbacks_hear_everything_from_now_on_and_one_that_fails_deafens_nobody(
    log, partner, caplog
):
    heard, arrived = [], asyncio.Event()

    @partner.on_feedback
    def fails(receipt):
        raise ValueError("Testina")

    @partner.on_feedback
    async def hears(receipt):
        heard.append(receipt.outcome)
        if len(heard) == 2:
            arrived.set()

    with caplog.at_level(logging.DEBUG):
        await give(log, Outcome.HELD)
        await give(log, Outcome.SHARED, report_id=uuid4())
        await asyncio.wait_for(arrived.wait(), 5)
    assert heard == [Outcome.HELD, Outcome.SHARED]
    assert "ValueError" in caplog.text
    assert "Testina" not in caplog.text


async def test_feedback_can_be_read_from_the_beginning_and_from_a_position(log, partner):
    for outcome in (Outcome.HELD, Outcome.SHARED, Outcome.WITHDRAWN):
        await give(log, outcome)
    everything = [one async for one in partner.feedback(from_beginning=True, follow=False)]
    assert [one.outcome for one in everything] == [Outcome.HELD, Outcome.SHARED, Outcome.WITHDRAWN]
    later = partner.feedback(after=everything[0].position, follow=False)
    assert [one.outcome async for one in later] == [Outcome.SHARED, Outcome.WITHDRAWN]
    assert [one async for one in partner.feedback(follow=False)] == []


async def test_feedback_followed_hears_what_comes_later(log, partner):
    following = partner.feedback()
    waiting = asyncio.ensure_future(anext(following))
    await asyncio.sleep(0.05)
    await give(log, Outcome.SHARED)
    assert (await asyncio.wait_for(waiting, 5)).outcome is Outcome.SHARED
    await following.aclose()


async def test_feedback_that_cannot_be_read_is_passed_over(log, partner, caplog):
    submission = await partner.submit(told_now())
    await log.append([Outgoing(FEEDBACK, b"\0\0")])
    await give(log, Outcome.SHARED)
    assert (await submission.receipt(5)).outcome is Outcome.SHARED
    assert "bad_frame" in caplog.text


# --- keys --------------------------------------------------------------------------------------


async def test_the_newest_valid_key_is_sealed_to_also_when_it_comes_later(log, partner):
    newer = SealingPrivateKey.generate(2)
    await publish(log, newer)
    await publish(log, SealingPrivateKey.generate(3), since=NOW + DAY, until=NOW + 2 * DAY)
    await asyncio.sleep(0.1)
    await partner.submit(told_now())
    assert open_submission(sent(log)[0], newer).report == told_now()


async def test_a_key_of_somebody_else_is_passed_over(log, partner):
    await publish(log, SealingPrivateKey.generate(9), signer=Ed25519PrivateKey.generate())
    await asyncio.sleep(0.1)
    await partner.submit(told_now())
    assert sent(log)[0].key_epoch == 1


async def test_without_a_pin_the_first_signer_seen_is_kept(log):
    await publish(log, SealingPrivateKey.generate(9), signer=Ed25519PrivateKey.generate())
    async with Partner(PARTNER, "none", log=log) as partner:
        await partner.submit(told_now())
    assert sent(log)[0].key_epoch == 1


async def test_nothing_is_sent_to_a_key_of_the_wrong_signer(log, monkeypatch):
    monkeypatch.setattr("producers.sdk.inbox._FIRST_KEY_SECONDS", 0.05)
    async with Partner(PARTNER, "none", "0" * 64, log=log) as partner:
        with pytest.raises(UntrustedKeyError, match="pinned"):
            await partner.submit(told_now())
    assert sent(log) == []


async def test_nothing_is_sent_when_every_key_has_run_out(monkeypatch):
    monkeypatch.setattr("producers.sdk.inbox._FIRST_KEY_SECONDS", 0.05)
    log = MemoryLog()
    await publish(log, since=NOW - 9 * DAY, until=NOW - DAY)
    async with Partner(PARTNER, "none", FINGERPRINT, log=log) as partner:
        with pytest.raises(NoSealingKeyError):
            await partner.submit(told_now())
    assert sent(log) == []


async def test_a_system_that_is_just_starting_is_waited_for():
    log = MemoryLog()
    async with Partner(PARTNER, "none", FINGERPRINT, log=log) as partner:
        submitting = asyncio.ensure_future(partner.submit(told_now()))
        await asyncio.sleep(0.05)
        await publish(log)
        await asyncio.wait_for(submitting, 5)
    assert len(sent(log)) == 1


async def test_a_published_key_that_is_no_record_is_passed_over(log, caplog):
    await log.append([Outgoing(PUBLIC_KEYS, b"nonsense")])
    async with Partner(PARTNER, "none", FINGERPRINT, log=log) as partner:
        await partner.submit(told_now())
    assert "bad_frame" in caplog.text


# --- bulk --------------------------------------------------------------------------------------


async def test_many_reports_go_in_their_order_and_a_bad_one_stops_none(log, partner):
    reports = [told_now(report_id=UUID(int=number)) for number in range(10)]
    reports[4] = replace(reports[4], facts=())
    seen = []
    sending = partner.submit_many(reports, in_flight_max=3, on_progress=seen.append)
    results = [one async for one in sending]
    rejected = [one for one in results if isinstance(one, Rejected)]
    assert [(one.index, one.problems[0].code) for one in rejected] == [(4, "no_facts")]
    expected = [UUID(int=number) for number in range(10) if number != 4]
    assert [one.report_id for one in sent(log)] == expected
    assert [one.report_id for one in results if one not in rejected] == expected
    assert seen == [3, 6, 9, 10]


async def test_a_batch_is_taken_from_a_stream_piece_by_piece(log, partner):
    taken = []

    def stream():
        for number in range(1_000):
            taken.append(number)
            yield told_now(report_id=UUID(int=number))

    sending = partner.submit_many(stream(), in_flight_max=5)
    await anext(sending)
    assert len(taken) == 5
    await sending.aclose()


# --- a broker that goes away -----------------------------------------------------------------


class Flaky(MemoryLog):
    """Fails to acknowledge some times, before or after it has written."""

    def __init__(self, failures, *, after_writing=False):
        super().__init__()
        self.failures = failures
        self.after_writing = after_writing

    async def append(self, outgoing):
        if self.failures and outgoing[0].topic == SUBMISSIONS:
            self.failures -= 1
            if self.after_writing:
                await super().append(outgoing)
            raise BrokerUnreachableError("gone")
        return await super().append(outgoing)


async def flaky(failures, **how):
    log = Flaky(failures, **how)
    await publish(log)
    return log


async def test_a_broker_that_comes_back_in_time_gets_the_report():
    log = await flaky(2)
    async with Partner(PARTNER, "none", FINGERPRINT, log=log) as partner:
        await partner.submit(told_now())
    assert len(sent(log)) == 1


async def test_a_report_written_without_being_acknowledged_is_written_again_never_lost():
    log = await flaky(1, after_writing=True)
    async with Partner(PARTNER, "none", FINGERPRINT, log=log) as partner:
        submission = await partner.submit(told_now())
        await give(log, Outcome.SHARED, offset=0)  # answers the first of the two
        assert (await submission.receipt(5)).outcome is Outcome.SHARED
    assert [one.report_id for one in sent(log)] == [REPORT_ID, REPORT_ID]


async def test_a_broker_that_stays_away_is_told_within_the_limit():
    log = await flaky(1_000)
    patience = timedelta(seconds=0.5)
    async with Partner(PARTNER, "none", FINGERPRINT, log=log, patience=patience) as partner:
        started = time.monotonic()
        with pytest.raises(NotAcknowledgedError, match=f"{REPORT_ID} revision 1") as caught:
            await partner.submit(told_now(immediate_risk=True))
        assert time.monotonic() - started < 3
        assert caught.value.notice == NOTICE_999
        assert isinstance(caught.value, BrokerUnreachableError)
        assert len(partner._inbox.unanswered) == 0


# --- without asyncio ---------------------------------------------------------------------------


def test_the_face_without_asyncio_does_the_same():
    log = MemoryLog()
    asyncio.run(publish(log))
    heard = []
    with SyncPartner(PARTNER, "none", FINGERPRINT, log=log) as partner:
        partner.on_feedback(heard.append)
        submission = partner.submit(told_now())
        partner._loop.run(give(log, Outcome.SHARED))
        assert submission.receipt(5).outcome is Outcome.SHARED
        assert submission.outcome(5).outcome is Outcome.SHARED
        assert partner.correct(told_now()).revision == 2
        partner.withdraw(REPORT_ID, WithdrawalReason.ERROR)
        many = list(partner.submit_many([told_now(report_id=UUID(int=5)), {}]))
        assert many[0].report_id == UUID(int=5)
        assert isinstance(many[1], Rejected)
        assert [one.outcome for one in partner.feedback(from_beginning=True, follow=False)] == [
            Outcome.SHARED
        ]
        with pytest.raises(InvalidReportError):
            partner.submit({})
        assert [one.outcome for one in heard] == [Outcome.SHARED]
    assert len(sent(log)) == 4


def test_the_face_without_asyncio_ends_its_thread_also_when_it_cannot_start():
    before = threading.active_count()
    with pytest.raises(InvalidReportError):
        SyncPartner("Not An Id", "none")

    class Dead(MemoryLog):
        async def ends(self, topics):
            raise BrokerUnreachableError("gone")

    with pytest.raises(BrokerUnreachableError), SyncPartner(PARTNER, "none", log=Dead()):
        pytest.fail("it cannot have started")
    assert threading.active_count() == before


@pytest.mark.parametrize("partner_id", ["", "UPPER", "a.b", "x" * 40])
def test_an_id_that_could_name_no_topic_is_refused_at_once(partner_id):
    with pytest.raises(InvalidReportError, match="partner"):
        Partner(partner_id, "none", log=MemoryLog())
