"""One mechanism for every deadline: told once, never too soon, and never after it was met."""

from __future__ import annotations

from datetime import timedelta

import pytest

from consumers.deadlines import DEADLINES_PASSED, Deadline, Deadlines, notice_id_of
from consumers.safeguarding.hub_look import alerts, clocks, escalated, queue, rule_of_clocks
from consumers.safeguarding.rules import LocalTargets, standard
from consumers.worker import ProjectionRunner
from streams.codec import encode
from streams.codes import DeadlineKind
from streams.errors import FencedError
from streams.hub import RulesAdopted
from streams.loop import NO_WAIT
from streams.ports import Outgoing
from streams.topics import HUB_DECISIONS, SAFEGUARDING
from tests.invented_evidence import key, merged, withdrawn
from tests.invented_hub import (
    ANN,
    BEN,
    MONDAY,
    Hub,
    a_child,
    a_group,
    accepted,
    assessed,
    claimed,
    closed,
    hub_id,
    referred,
)

BOTH = {DeadlineKind.TRIAGE_DUE, DeadlineKind.CLAIM_ESCALATED}


def a_deadline(name="A", hours=1, kind=DeadlineKind.TRIAGE_DUE, person=None):
    return Deadline(kind, hub_id(name), person, MONDAY + timedelta(hours=hours))


# --- what is open ------------------------------------------------------------------------------


def test_an_id_says_what_is_due_of_whom_and_when():
    ids = {
        one.deadline_id
        for one in (
            a_deadline(),
            a_deadline("B"),
            a_deadline(hours=2),
            a_deadline(kind=DeadlineKind.DECISION_DUE),
            a_deadline(person=hub_id("P")),
        )
    }
    assert len(ids) == 5
    assert a_deadline().deadline_id == a_deadline().deadline_id


def test_what_is_due_is_told_soonest_first_and_stays_due_until_it_was_told():
    made = Deadlines("topic")
    made.offer("x", a_deadline("A", 2), a_deadline("B", 1), a_deadline("C", 9))
    at = MONDAY + timedelta(hours=3)
    assert made.due(MONDAY) == ()
    assert made.due(at) == (a_deadline("B", 1), a_deadline("A", 2))
    assert made.due(at) == made.due(at)
    assert made.tell(a_deadline("B", 1).passed(at))
    assert made.due(at) == (a_deadline("A", 2),)


def test_what_is_not_offered_any_longer_or_put_off_is_not_due():
    made = Deadlines("topic")
    made.offer("x", a_deadline("A", 1))
    made.offer("x", a_deadline("A", 5))
    assert made.due(MONDAY + timedelta(hours=3)) == ()
    made.offer("x", a_deadline("A", 1))
    assert made.due(MONDAY + timedelta(hours=3)) == (a_deadline("A", 1),)
    made.offer("x")
    assert made.open() == []


def test_offered_by_two_it_is_told_once_and_to_offer_what_was_told_changes_nothing():
    made = Deadlines("topic")
    made.offer("x", a_deadline())
    made.offer("y", a_deadline())
    at = MONDAY + timedelta(hours=2)
    assert made.due(at) == (a_deadline(),)
    assert made.tell(a_deadline().passed(at))
    assert not made.tell(a_deadline().passed(at))
    made.offer("x", a_deadline())
    assert made.due(at) == ()
    assert made.open() == []


def test_offered_by_two_it_stays_due_for_one_when_the_other_takes_it_back():
    made = Deadlines("topic")
    made.offer("x", a_deadline())
    made.offer("y", a_deadline())
    at = MONDAY + timedelta(hours=2)
    assert made.due(at) == (a_deadline(),)
    made.offer("x")
    assert made.due(at) == (a_deadline(),)
    made.offer("y")
    assert made.due(at) == ()


def test_a_record_of_another_kind_is_no_notice():
    assert notice_id_of(encode(claimed("A"))) is None
    assert notice_id_of(b"rubbish") is None
    passed = a_deadline().passed(MONDAY)
    assert notice_id_of(encode(passed)) == str(a_deadline().deadline_id)


# --- a hub over a log ------------------------------------------------------------------------


async def raised(hub=None):
    hub = await (hub or Hub()).hear(a_group(), a_child())
    return hub, hub.alert_ids()[0]


async def test_an_alert_that_nobody_takes_on_is_escalated_once_the_moment_it_is_due():
    hub, alert = await raised()
    hub.wall.forward(hours=3, minutes=59)
    await hub.read()
    assert hub.passed() == []
    hub.wall.forward(minutes=1)
    await hub.read()
    assert {one.kind for one in hub.passed()} == BOTH
    assert {one.due_at for one in hub.passed()} == {MONDAY + timedelta(hours=4)}
    hub.wall.forward(days=30)
    await hub.read()
    assert len(hub.passed()) == 2
    (one,) = hub.look(escalated, hub.wall.now)
    assert one["alert_id"] == str(alert)
    assert hub.look(queue, hub.wall.now)[0]["overdue"]


async def test_claimed_in_time_it_is_not_escalated_and_triage_still_runs_until_somebody_looks():
    hub, alert = await raised()
    await hub.hear(claimed(alert))
    hub.wall.forward(hours=5)
    await hub.read()
    assert [one.kind for one in hub.passed()] == [DeadlineKind.TRIAGE_DUE]
    assert hub.look(escalated, hub.wall.now) == []


async def test_assessed_in_time_nothing_is_due():
    hub, alert = await raised()
    await hub.hear(claimed(alert), assessed(alert))
    hub.wall.forward(days=9)
    await hub.read()
    assert hub.passed() == []
    assert hub.look(clocks, hub.wall.now) == []


async def test_a_referral_that_nobody_answers_is_told_after_one_working_day():
    hub, alert = await raised()
    hub.wall.forward(days=4)  # Friday
    await hub.hear(claimed(alert), referred("R", alert))
    hub.wall.forward(days=2)
    await hub.read()
    assert DeadlineKind.DECISION_DUE not in {one.kind for one in hub.passed()}
    hub.wall.forward(days=1)
    await hub.read()
    (due,) = [one for one in hub.passed() if one.kind is DeadlineKind.DECISION_DUE]
    assert due.subject_id == hub_id("R")
    await hub.hear(accepted("R"))
    assert hub.look(clocks, hub.wall.now) == []


async def test_a_claim_that_came_while_the_runner_was_down_is_read_before_anything_is_told():
    hub, alert = await raised()
    await hub.runner.stop()
    await hub.log.append([Outgoing(HUB_DECISIONS, encode(claimed(alert)))])
    await hub.log.append([Outgoing(HUB_DECISIONS, encode(assessed(alert)))])
    hub.wall.forward(days=1)
    again = hub.rebuilt()
    await again.runner.start()
    while await again.runner.turn(NO_WAIT, limit=1):  # one record at a time, overdue all the while
        pass
    await again.read()
    assert again.passed() == []


async def test_a_restart_neither_loses_nor_doubles_what_is_due():
    hub, _ = await raised()
    hub.wall.forward(hours=9)
    again = await hub.restarted().read()
    assert len(again.passed()) == 2
    third = await again.restarted().read()
    fourth = await third.rebuilt().read()
    assert len(fourth.passed()) == 2
    assert fourth.store.state_hash() == third.store.state_hash()


@pytest.mark.parametrize("is_sent", [True, False])
async def test_dying_between_outbox_and_topic_or_between_topic_and_outbox_it_is_told_once(is_sent):
    hub, _ = await raised()
    hub.wall.forward(hours=9)
    relay = next(r for r in hub.runner._relays if r._publication.topic == HUB_DECISIONS)
    send, sent = relay.send, hub.store.sent

    async def dies():
        raise FencedError("invented")

    def forgets(_names):
        raise FencedError("invented")

    if is_sent:
        hub.store.sent = forgets
    else:
        relay.send = dies
    with pytest.raises(FencedError):
        await hub.read()
    relay.send, hub.store.sent = send, sent
    assert len(hub.passed()) == (2 if is_sent else 0)
    assert hub.store.pending(10, HUB_DECISIONS)
    again = await hub.restarted().read()
    assert len(again.passed()) == 2
    assert not again.store.pending(10)


async def test_what_was_due_in_the_outbox_and_is_met_by_the_restart_is_not_sent():
    hub, alert = await raised()
    hub.wall.forward(hours=9)
    relay = next(r for r in hub.runner._relays if r._publication.topic == HUB_DECISIONS)

    async def dies():
        raise FencedError("invented")

    relay.send = dies
    with pytest.raises(FencedError):
        await hub.read()
    await hub.log.append([Outgoing(HUB_DECISIONS, encode(claimed(alert)))])
    await hub.log.append([Outgoing(HUB_DECISIONS, encode(assessed(alert)))])
    assert (await hub.restarted().read()).passed() == []


async def test_a_clock_that_jumps_back_does_no_harm():
    hub, _ = await raised()
    hub.wall.forward(hours=9)
    await hub.read()
    hub.wall.now = MONDAY - timedelta(days=400)
    await hub.read()
    await hub.hear(a_child(child="other", report="other"))
    hub.wall.now = MONDAY + timedelta(hours=9)
    await hub.read()
    every = [one.deadline_id for one in hub.passed()]
    assert len(every) == len(set(every))


async def test_a_replay_sends_nothing_and_gives_the_same_state():
    hub, alert = await raised()
    hub.wall.forward(hours=9)
    await hub.read()
    await hub.hear(claimed(alert), referred("R", alert))
    count = len(hub.log.records(HUB_DECISIONS))
    again = Hub(hub.wall, hub.log)
    again.runner = ProjectionRunner(again.projection, again.store, again.log)  # without a clock
    hub.wall.forward(days=60)
    await again.read()
    assert len(hub.log.records(HUB_DECISIONS)) == count
    assert again.store.state_hash() == hub.store.state_hash()
    assert again.rows(DEADLINES_PASSED) == hub.rows(DEADLINES_PASSED)


async def test_new_evidence_after_a_closing_has_a_clock_of_its_own():
    hub, alert = await raised()
    await hub.hear(claimed(alert), closed(alert))
    hub.wall.forward(days=2)
    await hub.read()
    assert hub.passed() == []
    await hub.hear(a_child(report="again"))
    (one,) = hub.look(alerts, hub.wall.now)
    assert (one["state"], one["new_since_closed"]) == ("CLOSED", True)
    hub.wall.forward(hours=4)
    await hub.read()
    assert {kind.kind for kind in hub.passed()} == BOTH
    await hub.hear(claimed(alert, BEN))
    assert hub.look(escalated, hub.wall.now) == []


async def test_deadlines_are_the_same_after_a_restart_as_before():
    hub, alert = await raised()
    await hub.hear(a_group("h"), a_child("h"), claimed(alert), referred("R", alert))
    before = hub.projection.deadlines.open()
    assert len(before) == 3
    again = await hub.restarted().read()
    assert again.projection.deadlines.open() == before


async def test_the_hub_goes_by_the_targets_of_the_rules_that_were_adopted():
    hub, _ = await raised()
    targets = {"triage_hours": 2, "claim_hours": 1}
    rules = standard().model_copy(update={"version": 2, "targets": LocalTargets(**targets)})
    event = RulesAdopted(
        version=2, document=rules.document, reviewed_by=ANN, decided_by=BEN, decided_at=MONDAY
    )
    await hub.log.append([Outgoing(SAFEGUARDING, encode(event))])
    hub.wall.forward(hours=1)
    await hub.read()
    assert [one.kind for one in hub.passed()] == [DeadlineKind.CLAIM_ESCALATED]
    again = await hub.restarted().read()
    hub.wall.forward(hours=1)
    await again.read()
    assert [one.kind for one in hub.passed()][1:] == [DeadlineKind.TRIAGE_DUE]
    assert "Triage within 2 hours, taken on within 1" in hub.look(rule_of_clocks)


def test_thousands_that_pass_at_once_are_each_told_once_and_leave_nothing_behind():
    made = Deadlines("topic")
    for number in range(3_000):
        made.offer(f"owner {number}", a_deadline(f"A{number}", 1), a_deadline(f"B{number}", 9))
    due = made.due(MONDAY + timedelta(hours=2))
    assert len(due) == len(set(due)) == 3_000
    for one in due:
        assert made.tell(one.passed(MONDAY))
    assert made.due(MONDAY + timedelta(hours=2)) == ()
    for number in range(3_000):
        made.offer(f"owner {number}")
    assert (made.open(), made._owners) == ([], {})


# --- people who turn out to be one, or two ------------------------------------------------------


async def say(hub, event):
    await hub.log.append([Outgoing(SAFEGUARDING, encode(event))])
    await hub.read()


async def test_a_person_merged_while_the_alert_is_open_keeps_it_with_its_owner():
    hub, alert = await raised()
    await hub.hear(claimed(alert))
    await say(hub, merged("g-elder", "g-kit"))
    (one,) = [one for one in hub.look(alerts, hub.wall.now) if one["alert_id"] == str(alert)]
    assert (one["child_id"], one["owner"], one["supported"]) == (key("g-elder"), ANN, True)


async def test_an_alert_whose_reason_a_withdrawal_removes_stays_marked_and_its_clock_runs_on():
    hub, alert = await raised()
    await say(hub, withdrawn("g-child"))
    (one,) = hub.look(queue, hub.wall.now)
    assert (one["alert_id"], one["supported"], one["state"]) == (str(alert), False, "RAISED")
    hub.wall.forward(hours=4)
    await hub.read()
    assert {kind.kind for kind in hub.passed()} == BOTH
