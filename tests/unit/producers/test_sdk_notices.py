"""What a partner hears of its own records from the hub, and says to the other holders."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from producers.sdk import OWN_RECORD, InvalidReportError, Partner, SyncPartner
from producers.sdk.notices import CORRECTIONS, SAID, WORDS
from streams import codec
from streams.codes import NoticeCorrection, NoticeWording, PreventionCode
from streams.memory import MemoryLog
from streams.ports import Outgoing
from streams.restricted import MessageSubmitted
from streams.shared import FeedbackGiven, MessageGiven, NoticeCorrected, NoticeGiven
from streams.topics import feedback_of, submissions_of
from streams.values import Outcome
from tests.invented_reports import PARTNER, REPORT_ID

AT = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)


def given(number=1, wording=NoticeWording.CHECK_YOUR_RECORD):
    return NoticeGiven(
        notice_id=UUID(int=number), report_id=REPORT_ID, node=2, wording=wording, given_at=AT
    )


def corrected(number=1):
    return NoticeCorrected(
        notice_id=UUID(int=number),
        report_id=REPORT_ID,
        node=2,
        reason=NoticeCorrection.PERSON_SPLIT,
        told_at=AT,
    )


def said(number=5):
    return MessageGiven(
        message_id=UUID(int=number),
        report_id=REPORT_ID,
        node=2,
        code=PreventionCode.SUPPORT_OFFERED,
        given_at=AT,
    )


async def tell(log, *events):
    records = [Outgoing(feedback_of(PARTNER), codec.encode(event)) for event in events]
    await log.append(records)


@pytest.fixture
def log():
    return MemoryLog()


@pytest.fixture
async def partner(log):
    async with Partner(PARTNER, "none", log=log) as connected:
        yield connected


async def test_notices_stand_with_their_words_and_a_corrected_one_says_so(log, partner):
    await tell(log, given(1), given(2, NoticeWording.EXTRA_CARE), given(1), corrected(1))
    first, second = await partner.notices()
    assert (first.report_id, first.node) == (REPORT_ID, 2)
    assert first.corrected is NoticeCorrection.PERSON_SPLIT
    assert "never given" in first.text
    assert "extra care" in second.text


async def test_messages_of_other_holders_are_read_and_one_told_twice_is_one(log, partner):
    await tell(log, said(), said(), given())
    (message,) = await partner.messages()
    assert message.text == "Another agency that works with this person offers support."


async def test_a_message_goes_out_under_an_id_of_its_own_and_waits_for_the_hub(log, partner):
    submission = await partner.message(REPORT_ID, PreventionCode.RISK_HIGHER, 2)
    (record,) = log.records(submissions_of(PARTNER))
    event = codec.decode(record.value, MessageSubmitted)
    assert (event.partner, event.report_id, event.node) == (PARTNER, REPORT_ID, 2)
    assert (event.code, event.offset) == (PreventionCode.RISK_HIGHER, None)
    for outcome in (Outcome.HELD, Outcome.SHARED):
        receipt = FeedbackGiven(
            report_id=REPORT_ID,
            revision=None,
            outcome=outcome,
            reasons=(),
            immediate_risk=False,
            offset=record.offset,
            given_at=AT,
        )
        await tell(log, receipt)
    assert (await submission.receipt(5)).outcome is Outcome.HELD
    assert (await submission.outcome(5)).outcome is Outcome.SHARED


async def test_two_messages_have_two_ids(log, partner):
    for _ in range(2):
        await partner.message(REPORT_ID, PreventionCode.RISK_LOWER)
    records = log.records(submissions_of(PARTNER))
    assert len({codec.decode(one.value, MessageSubmitted).message_id for one in records}) == 2


async def test_what_is_no_code_is_not_sent(log, partner):
    with pytest.raises(InvalidReportError):
        await partner.message(REPORT_ID, "RISK_LOWER")
    assert not log.records(submissions_of(PARTNER))


def test_without_asyncio_it_is_the_same():
    with SyncPartner(PARTNER, "none", log=MemoryLog()) as partner:
        assert partner.notices() == partner.messages() == ()
        partner.message(REPORT_ID, PreventionCode.RISK_LOWER)


def test_every_code_has_words_and_none_names_anybody():
    assert WORDS.keys() == set(NoticeWording)
    assert CORRECTIONS.keys() == set(NoticeCorrection)
    assert SAID.keys() == set(PreventionCode)
    for words in (*WORDS.values(), *CORRECTIONS.values(), *SAID.values()):
        assert not [one for one in ("police", "network", "nominal", "gang") if one in words.lower()]
    assert "999" in OWN_RECORD
