"""What each partner sent, and what became of it, counted from the log alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deploy.reconcile import count_all
from streams.codec import encode
from streams.handling import ConditionCode, HandlingCode
from streams.loop import NO_WAIT
from streams.parts import Handling
from streams.ports import Outgoing
from streams.restricted import ApprovalSubmitted
from streams.shared import FeedbackGiven
from streams.topics import feedback_of, submissions_of
from streams.values import Audience, Outcome
from tests.enclave import PARTNERS, Enclave, report

S2 = Handling(code=HandlingCode.C, recipients=tuple(Audience), conditions=(ConditionCode.S2,))
COUNCIL = "loxley-council"


@pytest.fixture
async def enclave():
    return await Enclave().start()


async def council(enclave):
    counts = await count_all(enclave.log)
    assert [one.partner for one in counts] == sorted(PARTNERS)
    return next(one for one in counts if one.partner == COUNCIL)


async def test_submitted_is_the_sum_of_all_outcomes(enclave):
    shared, held = report(), report(handling=S2)
    await enclave.submit(shared, shared, report(service="nobody"), held)
    await enclave.log.append([Outgoing(submissions_of(COUNCIL), b"noise")])
    await enclave.withdraw(shared)
    counted = await council(enclave)
    assert counted.outcomes == {
        Outcome.SHARED: 1,
        Outcome.DUPLICATE: 1,
        Outcome.REFUSED: 1,
        Outcome.HELD: 1,
        Outcome.QUARANTINED: 1,
        Outcome.WITHDRAWN: 1,
    }
    assert counted.submissions == sum(counted.outcomes.values())
    assert counted.missing == ()


async def test_what_went_on_after_a_hold_counts_as_it_is_now(enclave):
    held = report(handling=S2)
    await enclave.submit(held)
    await enclave.approve(held)
    assert (await council(enclave)).outcomes == {Outcome.SHARED: 1}


async def test_what_has_no_outcome_is_named_by_its_place_and_its_clear_facts(enclave):
    first, second = report(), replace(report(), revision=2, supersedes=1)
    await enclave.write_sealed(first, second)
    await enclave._stages[0].turn(NO_WAIT)
    counted = await council(enclave)
    assert [(one.offset, one.report_id, one.revision) for one in counted.missing] == [
        (0, first.report_id, 1),
        (1, second.report_id, 2),
    ]
    assert counted.outcomes == {}


async def test_an_approval_is_told_of_by_no_receipt_of_its_own(enclave):
    held = report(handling=S2)
    await enclave.submit(held)
    event = ApprovalSubmitted(partner=COUNCIL, report_id=held.report_id, revision=1)
    await enclave.write(submissions_of(COUNCIL), event)
    await enclave.settle()
    counted = await council(enclave)
    assert counted.outcomes == {Outcome.SHARED: 1}
    assert (counted.submissions, counted.unanswered, counted.missing) == (2, 1, ())


async def test_a_receipt_of_an_older_version_counts_for_the_report_that_it_names(enclave):
    one = report()
    await enclave.write_sealed(one)
    told = FeedbackGiven(
        report_id=one.report_id,
        revision=1,
        outcome=Outcome.SHARED,
        reasons=(),
        immediate_risk=False,
        offset=None,
        given_at=one.reported_at,
    )
    await enclave.log.append([Outgoing(feedback_of(COUNCIL), encode(told))])
    assert (await council(enclave)).outcomes == {Outcome.SHARED: 1}
