"""What a partner says beside its reports: answers to questions, and approvals."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from producers.sdk import ROUTINE, InvalidReportError, NoReceiptError, Partner, SyncPartner
from producers.sdk.questions import WORDS, open_questions
from streams import codec
from streams.codes import ShareBand
from streams.memory import MemoryLog
from streams.ports import Outgoing
from streams.restricted import AnswerSubmitted, ApprovalSubmitted
from streams.shared import FeedbackGiven, MeterFigures, MeterTold, QuestionPut, UsageTold
from streams.topics import feedback_of, submissions_of
from streams.values import Answer, CountBand, LinkQuestion, Outcome
from tests.invented_reports import PARTNER, REPORT_ID

AT = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
FEEDBACK, SUBMISSIONS = feedback_of(PARTNER), submissions_of(PARTNER)


def put(number=1, question=LinkQuestion.TWIN, *, answered=False):
    return QuestionPut(
        question_id=UUID(int=number),
        report_id=REPORT_ID,
        node=2,
        question=question,
        answered=answered,
        told_at=AT,
    )


async def tell(log, *events):
    await log.append([Outgoing(FEEDBACK, codec.encode(event)) for event in events])


async def give(log, outcome, revision=1):
    event = FeedbackGiven(
        report_id=REPORT_ID,
        revision=revision,
        outcome=outcome,
        reasons=(),
        immediate_risk=False,
        offset=None,
        given_at=AT,
    )
    await tell(log, event)


def sent(log, cls):
    return [codec.decode(record.value, cls) for record in log.records(SUBMISSIONS)]


@pytest.fixture
def log():
    return MemoryLog()


@pytest.fixture
async def partner(log):
    async with Partner(PARTNER, "none", log=log) as connected:
        yield connected


async def test_questions_that_wait_are_read_with_their_words(log, partner):
    await tell(log, put(1), put(2, LinkQuestion.MOVED))
    first, second = await partner.questions()

    assert (first.report_id, first.node, first.question) == (REPORT_ID, 2, LinkQuestion.TWIN)
    assert "born on the same day" in first.text
    assert "moved" in second.text


async def test_a_question_told_twice_is_one_and_an_answered_one_waits_no_longer(log, partner):
    await tell(log, put(1), put(1), put(2), put(1, answered=True))

    assert [one.question_id for one in await partner.questions()] == [UUID(int=2)]


async def test_an_answer_carries_back_what_the_question_came_with(log, partner):
    await tell(log, put(7))
    (question,) = await partner.questions()
    await partner.answer(question, Answer.NO)

    (said,) = sent(log, AnswerSubmitted)
    assert said == AnswerSubmitted(
        partner=PARTNER,
        question_id=UUID(int=7),
        report_id=REPORT_ID,
        node=2,
        question=LinkQuestion.TWIN,
        answer=Answer.NO,
    )


async def test_what_is_no_answer_is_not_sent(log, partner):
    await tell(log, put())
    (question,) = await partner.questions()
    with pytest.raises(InvalidReportError):
        await partner.answer(question, "maybe")
    assert sent(log, AnswerSubmitted) == []


async def test_a_question_is_no_receipt_and_deafens_nobody(log, partner, caplog):
    heard = []
    partner.on_feedback(heard.append)
    await tell(log, put())
    submission = await partner.approve(REPORT_ID)
    await give(log, Outcome.SHARED)

    assert (await submission.receipt(5)).outcome is Outcome.SHARED
    assert [one.outcome for one in heard] == [Outcome.SHARED]
    assert caplog.text == ""


async def test_an_approval_names_the_revision_and_hears_what_became_of_it(log, partner):
    submission = await partner.approve(REPORT_ID, revision=3)
    await give(log, Outcome.SHARED, revision=3)

    assert (await submission.outcome(5)).outcome is Outcome.SHARED
    assert sent(log, ApprovalSubmitted) == [
        ApprovalSubmitted(partner=PARTNER, report_id=REPORT_ID, revision=3)
    ]


async def test_an_approval_that_nobody_answers_says_so(partner):
    submission = await partner.approve(uuid4())
    with pytest.raises(NoReceiptError):
        await submission.receipt(0.05)


def test_the_face_without_asyncio_answers_and_approves(log):
    with SyncPartner(PARTNER, "none", log=log) as partner:
        assert partner.questions() == ()
        partner.approve(REPORT_ID)
    assert len(sent(log, ApprovalSubmitted)) == 1


def test_every_question_has_words_that_fit_any_record_and_speak_of_the_partners_own():
    assert WORDS.keys() == set(LinkQuestion)
    for words in WORDS.values():
        assert "your own record" in words
        assert not [one for one in ("agenc", "partner", "link", "match with") if one in words]
    assert "picked at random" in ROUTINE
    assert "whether anybody else reported" in ROUTINE


def test_an_answer_told_before_its_question_leaves_the_question_open():
    assert len(open_questions([put(answered=True), put()])) == 1


async def test_what_was_told_of_a_weeks_use_is_read_beside_receipts_and_questions(log, partner):
    told = UsageTold(week="2026-W45", shared=CountBand.FROM_20, used=None, told_at=AT)
    await give(log, Outcome.SHARED)
    await tell(log, told, put(1))

    assert await partner.usage() == (told,)
    assert len(await partner.questions()) == 1


async def test_the_meters_of_a_week_are_read_as_they_were_told(log, partner):
    own = MeterFigures(
        reports=30, old=20, untriaged=4, unlinked=ShareBand.SOME, without_outcome=ShareBand.MOST,
        acted_on=None, hours_to_action_p50=30, hours_to_action_p90=90, submissions=33, refused=2,
        duplicates=1,
    )  # fmt: skip
    told = MeterTold(week="2026-W45", days=28, own=own, others=None, told_at=AT)
    await tell(log, told, put(1))

    assert await partner.meters() == (told,)
    assert await partner.usage() == ()
