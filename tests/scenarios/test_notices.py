"""Notices and messages at the gate: each holder in its own reference, nobody learns who else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import pytest

from streams.codes import (
    NoticeCorrection,
    NoticeRecipient,
    NoticeStop,
    NoticeWording,
    PreventionCode,
)
from streams.hub import (
    NoticeReleased,
    NoticeWithdrawn,
    PreventionMessageDecided,
    PreventionMessageOffered,
)
from streams.restricted import MessageSubmitted
from streams.shared import (
    FeedbackGiven,
    MessageGiven,
    NoticeCorrected,
    NoticeGiven,
    NoticeTold,
    OperationRecorded,
    Service,
)
from streams.topics import (
    HUB_DECISIONS,
    OPERATIONS,
    PREVENTION,
    SAFEGUARDING,
    feedback_of,
    submissions_of,
)
from streams.values import DataCategory, Operation, PartnerType, Role, Sex
from tests.enclave import (
    PARTNERS,
    Enclave,
    corrected,
    mention,
    onboarded,
    person,
    report,
    seeded_ids,
)

AT = datetime(2026, 2, 1, tzinfo=UTC)
CHILD = {
    "given_name": "Wren",
    "family_name": "Inventsson",
    "born_on": date(2012, 5, 4),
    "nhs_number": "9434765919",
    "sex": Sex.FEMALE,
    "role": Role.VICTIM,
}
SOCIAL_CARE = (NoticeRecipient.CHILDRENS_SOCIAL_CARE,)
LATER = 10**6
NOTICE = UUID(int=0x407)
FORCE = "don-force"
SCHOOL = "owlerton-school"
EVERYBODY = (*PARTNERS, FORCE, SCHOOL)


@pytest.fixture
async def enclave():
    extra = [onboarded(FORCE, PartnerType.POLICE), onboarded(SCHOOL, PartnerType.SCHOOL)]
    return await Enclave().start(extra=extra)


def of_child(partner, **changes):
    return report(person("w", **(CHILD | changes)), partner=partner)


async def told_by(enclave, *partners):
    reports = [of_child(partner) for partner in partners]
    await enclave.submit(*reports)
    assert len({enclave.who(one) for one in reports}) == 1
    return reports


def hub_id(enclave, told):
    return enclave.shared(told, SAFEGUARDING).nodes[0].entity_id


async def released(enclave, person_id, recipients=SOCIAL_CARE, *, seen=LATER, notice_id=NOTICE):
    event = NoticeReleased(
        notice_id=notice_id,
        alert_id=UUID(int=1),
        person_id=person_id,
        recipients=recipients,
        wording=NoticeWording.CHECK_YOUR_RECORD,
        seen=seen,
        decided_by="lee",
        decided_at=AT,
    )
    await enclave.write(HUB_DECISIONS, event)
    await enclave.settle()


def given(enclave, partner, *kinds):
    return enclave.events(feedback_of(partner), *(kinds or (NoticeGiven,)))


def outcome(enclave):
    """What the hub was last told of the notice."""
    told = enclave.events(SAFEGUARDING, NoticeTold)[-1]
    assert told.notice_id == NOTICE
    return told.holders, told.stopped


# --- giving -------------------------------------------------------------------------


async def test_social_care_hears_by_its_own_reference_and_nobody_else_hears(enclave):
    council, health = await told_by(enclave, "loxley-council", "sheaf-health")
    await released(enclave, hub_id(enclave, health))
    (notice,) = given(enclave, "loxley-council")
    assert (notice.report_id, notice.node) == (council.report_id, 0)
    assert notice.wording is NoticeWording.CHECK_YOUR_RECORD
    assert notice.notice_id != NOTICE
    assert not any(given(enclave, partner) for partner in EVERYBODY if partner != "loxley-council")
    assert outcome(enclave) == (1, ())


async def test_two_holders_cannot_tell_by_the_notice_that_it_is_one(enclave):
    reports = await told_by(enclave, "loxley-council", "sheaf-health")
    await released(enclave, hub_id(enclave, reports[0]), tuple(NoticeRecipient))
    notices = [given(enclave, one.partner)[0] for one in reports]
    assert len({one.notice_id for one in notices}) == 2
    assert [one.report_id for one in notices] == [one.report_id for one in reports]
    assert outcome(enclave) == (2, ())


async def test_a_holder_is_told_once_however_often_it_reported_and_by_its_latest_report(enclave):
    reports = await told_by(enclave, "loxley-council", "loxley-council", "loxley-council")
    await released(enclave, hub_id(enclave, reports[0]))
    (notice,) = given(enclave, "loxley-council")
    assert notice.report_id == reports[-1].report_id


async def test_a_report_of_the_care_service_is_preferred(enclave):
    care = replace(of_child("loxley-council"), service="social-care")
    await enclave.submit(care)
    (other,) = await told_by(enclave, "loxley-council")
    await released(enclave, hub_id(enclave, other))
    assert [one.report_id for one in given(enclave, "loxley-council")] == [care.report_id]


async def test_a_council_without_social_care_is_no_recipient(enclave):
    plain = Service(
        name="neighbourhoods",
        health_or_social_care=False,
        data_categories=(DataCategory.PERSONAL,),
    )
    parks = Enclave()
    await parks.start(extra=[onboarded("don-parks", PartnerType.COUNCIL, services=(plain,))])
    (told,) = await told_by(parks, "don-parks")
    await released(parks, hub_id(parks, told))
    assert outcome(parks) == (0, (NoticeStop.NO_HOLDER,))


async def test_police_are_never_a_holder(enclave):
    (told,) = await told_by(enclave, FORCE)
    await released(enclave, hub_id(enclave, told), tuple(NoticeRecipient))
    assert not given(enclave, FORCE)
    assert outcome(enclave) == (0, (NoticeStop.NO_HOLDER,))


@pytest.mark.parametrize("flag", ["protected", "conflict"])
async def test_a_flag_in_any_report_of_the_person_stops_every_notice(enclave, flag):
    (told,) = await told_by(enclave, "loxley-council")
    await enclave.submit(of_child("sheaf-health", **{flag: True}))
    await released(enclave, hub_id(enclave, told), tuple(NoticeRecipient))
    assert not any(given(enclave, partner) for partner in EVERYBODY)
    assert outcome(enclave) == (0, (NoticeStop[flag.upper()],))


async def test_a_notice_about_somebody_the_hub_never_heard_of_has_no_holder(enclave):
    await told_by(enclave, "loxley-council")
    await released(enclave, uuid4())
    assert outcome(enclave) == (0, (NoticeStop.NO_HOLDER,))


async def test_a_split_after_the_hub_looked_stops_the_notice(enclave):
    reports = await told_by(enclave, "loxley-council", "sheaf-health")
    child = hub_id(enclave, reports[0])
    seen = len(enclave.log.records(SAFEGUARDING))
    await enclave.split(enclave.who(reports[0]), mention(reports[1]))
    await released(enclave, child, seen=seen)
    assert outcome(enclave) == (0, (NoticeStop.PERSON_SPLIT,))
    await released(enclave, child, notice_id=NOTICE)  # the id was used
    assert len(enclave.events(SAFEGUARDING, NoticeTold)) == 1


async def test_a_notice_is_given_once_even_over_a_restart_and_recorded(enclave):
    (told,) = await told_by(enclave, "loxley-council")
    await released(enclave, hub_id(enclave, told))
    await enclave.restart(ids=seeded_ids(9))
    await released(enclave, hub_id(enclave, told))
    assert len(given(enclave, "loxley-council")) == 1
    rows = enclave.events(OPERATIONS, OperationRecorded)
    (row,) = [one for one in rows if one.subject == f"notice {NOTICE}"]
    assert (row.operation, row.actor) == (Operation.DISCLOSURE, "lee")


# --- correcting ---------------------------------------------------------------------


async def corrected_to(enclave, partner, told, reason):
    (notice,) = given(enclave, partner)
    (correction,) = given(enclave, partner, NoticeCorrected)
    assert correction == NoticeCorrected(
        notice_id=notice.notice_id,
        report_id=told.report_id,
        node=0,
        reason=reason,
        told_at=correction.told_at,
    )


@pytest.mark.parametrize("is_restarted", [False, True])
async def test_who_was_told_hears_of_a_split_and_nobody_else(enclave, is_restarted):
    council, _health = await told_by(enclave, "loxley-council", "sheaf-health")
    await released(enclave, hub_id(enclave, council), tuple(NoticeRecipient))
    if is_restarted:
        await enclave.restart(ids=seeded_ids(9))
    await enclave.split(enclave.who(council), mention(council))
    await corrected_to(enclave, "loxley-council", council, NoticeCorrection.PERSON_SPLIT)
    assert not given(enclave, "sheaf-health", NoticeCorrected)
    assert outcome(enclave) == (1, (NoticeStop.TAKEN_BACK,))


async def test_a_withdrawn_report_takes_its_notice_along(enclave):
    (council,) = await told_by(enclave, "loxley-council")
    await released(enclave, hub_id(enclave, council))
    await enclave.withdraw(council)
    await corrected_to(enclave, "loxley-council", council, NoticeCorrection.REPORT_WITHDRAWN)
    assert outcome(enclave) == (0, (NoticeStop.TAKEN_BACK,))


async def test_a_correction_that_names_somebody_else_corrects_the_notice(enclave):
    (council,) = await told_by(enclave, "loxley-council")
    await released(enclave, hub_id(enclave, council))
    other = person("x", given_name="Odo", family_name="Testling", nhs_number="9434765870")
    await enclave.submit(corrected(council, other))
    await corrected_to(enclave, "loxley-council", council, NoticeCorrection.REPORT_CORRECTED)


async def test_a_correction_that_still_names_the_child_changes_nothing(enclave):
    (council,) = await told_by(enclave, "loxley-council")
    await released(enclave, hub_id(enclave, council))
    await enclave.submit(corrected(council, replace(council.nodes[0], reference="K-1")))
    assert not given(enclave, "loxley-council", NoticeCorrected)


async def test_a_notice_released_in_error_is_taken_back_once(enclave):
    (council,) = await told_by(enclave, "loxley-council")
    await released(enclave, hub_id(enclave, council))
    event = NoticeWithdrawn(notice_id=NOTICE, decided_by="lee", decided_at=AT)
    await enclave.write(HUB_DECISIONS, event, event)
    await enclave.settle()
    await corrected_to(enclave, "loxley-council", council, NoticeCorrection.RELEASED_IN_ERROR)


# --- messages -----------------------------------------------------------------------


async def offered(enclave, told, code=PreventionCode.MEETING_PROPOSED, **changes):
    facts = {
        "partner": told.partner,
        "message_id": UUID(int=21),
        "report_id": told.report_id,
        "node": 0,
        "code": code,
    }
    event = MessageSubmitted(**(facts | changes))
    await enclave.write(submissions_of(told.partner), event)
    await enclave.settle()


async def decided(enclave, message_id, *, is_released=True):
    event = PreventionMessageDecided(
        message_id=message_id, released=is_released, decided_by="lee", decided_at=AT
    )
    await enclave.write(HUB_DECISIONS, event)
    await enclave.settle()


def answers(enclave, told):
    """What its partner was told of the message, behind the receipt of the report."""
    found = [one for one in enclave.feedback(told) if one.revision is None]
    return [(one.outcome.value, *(reason.code for reason in one.reasons)) for one in found]


async def test_a_message_goes_to_the_hub_and_on_to_the_other_holders_but_police(enclave):
    school, health, _ = await told_by(enclave, SCHOOL, "sheaf-health", FORCE)
    await offered(enclave, school)
    (waiting,) = enclave.events(PREVENTION, PreventionMessageOffered)
    assert waiting.person_id == hub_id(enclave, health)
    assert waiting.code is PreventionCode.MEETING_PROPOSED
    assert waiting.sector is None
    assert answers(enclave, school) == [("HELD", "hub_decides")]
    await decided(enclave, waiting.message_id)
    await decided(enclave, waiting.message_id)
    (message,) = given(enclave, "sheaf-health", MessageGiven)
    assert (message.report_id, message.node) == (health.report_id, 0)
    assert message.code is PreventionCode.MEETING_PROPOSED
    assert message.message_id not in {waiting.message_id, UUID(int=21)}
    assert not any(given(enclave, partner, MessageGiven) for partner in (SCHOOL, FORCE))
    assert answers(enclave, school) == [("HELD", "hub_decides"), ("SHARED",)]


async def test_the_receipt_of_a_message_names_its_place_so_that_nothing_is_missed(enclave):
    (school,) = await told_by(enclave, SCHOOL)
    await offered(enclave, school)
    (told,) = [one for one in given(enclave, SCHOOL, FeedbackGiven) if one.revision is None]
    assert told.offset == 1


async def test_the_sender_hears_the_same_whether_or_not_there_is_another_holder(enclave):
    (school,) = await told_by(enclave, SCHOOL)
    await offered(enclave, school)
    (waiting,) = enclave.events(PREVENTION, PreventionMessageOffered)
    await decided(enclave, waiting.message_id)
    assert answers(enclave, school) == [("HELD", "hub_decides"), ("SHARED",)]


async def test_a_message_that_the_hub_declines_goes_nowhere(enclave):
    school, _ = await told_by(enclave, SCHOOL, "sheaf-health")
    await offered(enclave, school)
    (waiting,) = enclave.events(PREVENTION, PreventionMessageOffered)
    await decided(enclave, waiting.message_id, is_released=False)
    assert answers(enclave, school) == [("HELD", "hub_decides"), ("REFUSED", "not_released")]
    assert not given(enclave, "sheaf-health", MessageGiven)


async def test_a_message_is_counted_once_and_ids_of_two_partners_do_not_meet(enclave):
    school, health = await told_by(enclave, SCHOOL, "sheaf-health")
    await offered(enclave, school)
    await offered(enclave, school)
    await offered(enclave, health)
    assert answers(enclave, school) == [("HELD", "hub_decides"), ("DUPLICATE",)]
    assert answers(enclave, health) == [("HELD", "hub_decides")]
    ids = [one.message_id for one in enclave.events(PREVENTION)]
    assert len(ids) == len(set(ids)) == 2


@pytest.mark.parametrize(
    "changes", [{"node": 7}, {"node": -1}, {"report_id": UUID(int=99)}], ids=str
)
async def test_a_message_about_nobody_of_the_report_is_refused(enclave, changes):
    (school,) = await told_by(enclave, SCHOOL)
    await offered(enclave, school, **changes)
    told = [one for one in given(enclave, SCHOOL, FeedbackGiven) if one.revision is None]
    assert [one.outcome.value for one in told] == ["REFUSED"]
    assert [one.code for one in told[0].reasons] == ["person_not_with_the_hub"]
    assert not enclave.events(PREVENTION)


async def test_a_police_body_is_refused_in_so_many_words(enclave):
    (force,) = await told_by(enclave, FORCE)
    await offered(enclave, force)
    assert answers(enclave, force) == [("REFUSED", "not_a_holder")]


async def test_whether_others_reported_the_child_does_not_change_a_refusal(enclave):
    """The sender's own report is not with the hub; another agency's of the same child is."""
    (_,) = await told_by(enclave, "sheaf-health")
    held = of_child(SCHOOL, conflict=True)
    await enclave.submit(held)
    await offered(enclave, held)
    assert answers(enclave, held) == [("REFUSED", "person_not_with_the_hub")]


async def test_a_split_or_a_flag_meanwhile_voids_a_message(enclave):
    school, health = await told_by(enclave, SCHOOL, "sheaf-health")
    await offered(enclave, school)
    (waiting,) = enclave.events(PREVENTION, PreventionMessageOffered)
    await enclave.split(enclave.who(school), mention(school))
    await decided(enclave, waiting.message_id)
    assert not given(enclave, "sheaf-health", MessageGiven)
    assert answers(enclave, school)[-1] == ("REFUSED", "not_released")
    await enclave.submit(of_child("loxley-council", protected=True))
    await offered(enclave, health)
    *_, other = enclave.events(PREVENTION, PreventionMessageOffered)
    await decided(enclave, other.message_id)
    assert answers(enclave, health)[-1] == ("REFUSED", "not_released")


async def test_a_message_waits_over_a_restart_and_goes_with_its_report(enclave):
    school, _ = await told_by(enclave, SCHOOL, "sheaf-health")
    await offered(enclave, school)
    await enclave.restart(ids=seeded_ids(9))
    assert enclave.gate.counts()["messages_waiting"] == 1
    await enclave.withdraw(school)
    assert ("REFUSED", "report_withdrawn") in answers(enclave, school)
    (waiting,) = enclave.events(PREVENTION, PreventionMessageOffered)
    await decided(enclave, waiting.message_id)
    assert not given(enclave, "sheaf-health", MessageGiven)
