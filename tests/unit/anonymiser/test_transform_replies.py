"""What intake makes of a partner's answer or approval: coded, so nothing in it needs opening."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from anonymiser.intake.transform import transform
from streams.codec import decode, encode
from streams.codes import PreventionCode
from streams.restricted import (
    AnswerSubmitted,
    ApprovalSubmitted,
    MessageSubmitted,
    OriginatorApproved,
    Quarantined,
    ReceiptDue,
)
from streams.topics import QUARANTINE, TOKENISED
from streams.values import Answer, LinkQuestion
from tests.invented_enclave import (
    RECEIVED_AT,
    arrived,
    beside_the_row,
    context,
    onboarded,
    suspended,
)
from tests.invented_reports import PARTNER, REPORT_ID


def answer(partner=PARTNER):
    return AnswerSubmitted(
        partner=partner,
        question_id=UUID(int=5),
        report_id=REPORT_ID,
        node=0,
        question=LinkQuestion.TWIN,
        answer=Answer.YES,
    )


def approval(partner=PARTNER):
    return ApprovalSubmitted(partner=partner, report_id=REPORT_ID, revision=2)


def taken_in(event, *history):
    record = arrived(encode(event))
    return beside_the_row(transform(record, context(*history)), record)


def test_an_answer_goes_on_as_it_came():
    (one,) = taken_in(answer())

    assert one.topic == TOKENISED
    assert decode(one.value, AnswerSubmitted) == answer()


def test_an_approval_becomes_the_originators_by_the_topic_it_came_on():
    (one,) = taken_in(approval())
    approved = decode(one.value, OriginatorApproved)

    assert one.topic == TOKENISED
    assert (approved.partner, approved.approved_by) == (PARTNER, PARTNER)
    assert (approved.report_id, approved.revision) == (REPORT_ID, 2)
    assert approved.approved_at == RECEIVED_AT


def test_nobody_answers_or_approves_for_another():
    for event in (answer("rivelin-school"), approval("rivelin-school")):
        kept, receipt = taken_in(event)
        assert kept.topic == QUARANTINE
        assert decode(kept.value, Quarantined).reasons[0].code == "other_partner"
        assert decode(receipt.value, ReceiptDue).immediate_risk is False


def test_a_suspended_partner_is_told_that_its_word_is_not_taken():
    for event in (answer(), approval()):
        (one,) = taken_in(event, onboarded(), suspended())
        assert decode(one.value, ReceiptDue).reasons[0].code == "partner_suspended"


def test_a_message_goes_on_with_its_place_on_the_topic_whatever_its_partner_wrote():
    said = MessageSubmitted(
        partner=PARTNER,
        message_id=UUID(int=3),
        report_id=REPORT_ID,
        node=1,
        code=PreventionCode.RISK_LOWER,
        offset=999,
    )
    outgoing = transform(arrived(encode(said)), context())
    (one,) = [record for record in outgoing if record.topic == TOKENISED]
    assert decode(one.value, MessageSubmitted) == replace(said, offset=arrived(b"").offset)


def test_a_message_in_another_partners_name_is_not_believed():
    said = MessageSubmitted(
        partner="another-body",
        message_id=UUID(int=3),
        report_id=REPORT_ID,
        node=1,
        code=PreventionCode.RISK_LOWER,
    )
    outgoing = transform(arrived(encode(said)), context())
    assert QUARANTINE in {record.topic for record in outgoing}
