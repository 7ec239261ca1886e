"""No submission stays without an outcome in silence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from anonymiser.intake.worker.lane import GROUP
from anonymiser.reconcile.store import ReconcilerStore
from anonymiser.reconcile.worker import INTAKE_GROUP, Clocks, Reconciler
from streams.codec import decode, encode
from streams.errors import LogError, MissingTopicError
from streams.loop import NO_WAIT
from streams.memory import MemoryLog
from streams.ports import Outgoing
from streams.restricted import (
    AnswerSubmitted,
    OutcomeFound,
    OutcomeMissing,
    ProbingNoticed,
    RedriveRequested,
)
from streams.topics import ALARMS, POLICE, REDRIVES, TOKENISED, feedback_of, submissions_of
from streams.values import Answer, LinkQuestion, Outcome
from tests.enclave import Enclave, report

INTAKE, LINKER, GATE = range(3)
BOUND = timedelta(seconds=60)


class Watched:
    """An enclave whose stages run one by one, and a reconciler beside it."""

    def __init__(self, enclave, folder):
        self.enclave = enclave
        self.folder = folder
        self.seconds = 0.0

    async def start(self):
        log = self.enclave.log

        async def committed(group, topics):
            # The stage in memory is called otherwise than the group of intake's lanes.
            found = log.committed("rivelin-intake" if group == INTAKE_GROUP else group)
            return {topic: at for topic, at in found.items() if topic in topics}

        clocks = Clocks(lambda: datetime(2026, 2, 1, tzinfo=UTC), lambda: self.seconds)
        self.reconciler = Reconciler(log, ReconcilerStore(self.folder), committed, clocks, BOUND)
        await self.reconciler.start()
        return self

    async def look(self, after=0):
        """Look now, and again after so many seconds."""
        await self.reconciler._fold_to_end()
        await self.reconciler.look()
        if after:
            self.seconds += after
            await self.reconciler.look()

    async def run(self, *stages):
        for stage in stages:
            while await self.enclave._stages[stage].turn(NO_WAIT):
                pass

    async def send(self, *reports):
        await self.enclave.write_sealed(*reports)

    @property
    def alarms(self):
        found = self.enclave.log.records(ALARMS)
        return [decode(one.value, OutcomeMissing, OutcomeFound, ProbingNoticed) for one in found]

    @property
    def redrives(self):
        return [decode(one.value, RedriveRequested) for one in self.enclave.log.records(REDRIVES)]


@pytest.fixture
async def watched(tmp_path):
    return await Watched(await Enclave().start(), tmp_path).start()


def test_the_reconciler_asks_for_the_group_of_the_lanes():
    assert INTAKE_GROUP == GROUP


async def test_what_has_an_outcome_in_time_is_told_of_by_nobody(watched):
    await watched.enclave.submit(report(), report())
    await watched.look(after=61)
    assert watched.alarms == watched.redrives == []
    assert watched.reconciler.counts() == {"outcomes_waiting": 0, "outcomes_missing": 0}


async def test_a_refused_and_an_unreadable_one_have_an_outcome_too(watched):
    await watched.enclave.submit(report(service="nobody"))
    await watched.enclave.log.append([Outgoing(submissions_of("loxley-council"), b"noise")])
    await watched.enclave.withdraw(report())
    await watched.enclave.settle()
    await watched.look(after=61)
    assert watched.alarms == []


async def test_nothing_is_said_before_the_bound(watched):
    await watched.send(report())
    await watched.run(INTAKE)
    await watched.look(after=59)
    assert watched.alarms == []


@pytest.mark.parametrize(
    ("done", "stage"), [((), "anonymiser"), ((INTAKE,), "linker"), ((INTAKE, LINKER), "gate")]
)
async def test_a_stage_that_is_behind_is_named_once_and_nothing_is_done_twice(watched, done, stage):
    one, other = report(), report()
    await watched.send(one, other)
    await watched.run(*done)
    await watched.look(after=61)
    await watched.look(after=61)
    (told,) = watched.alarms
    assert (told.stage, told.lost, told.offset) == (stage, False, 0)
    assert (told.report_id, told.revision) == (one.report_id, 1)
    assert watched.redrives == []
    await watched.enclave.settle()
    await watched.look()
    assert watched.alarms[1:] == [
        OutcomeFound(
            partner=one.partner,
            offset=0,
            outcome=Outcome.SHARED,
            found_at=datetime(2026, 2, 1, tzinfo=UTC),
        )
    ]
    assert watched.reconciler.counts()["outcomes_missing"] == 0


async def test_what_was_lost_behind_intake_is_told_and_done_once_more(watched):
    one, other = report(), report()
    await watched.send(one, other)
    await watched.run(INTAKE)
    (lost, _) = watched.enclave.log.records(TOKENISED)
    watched.enclave.log._topics[TOKENISED][lost.offset] = None
    await watched.run(LINKER, GATE)
    await watched.look(after=61)
    (told,) = watched.alarms
    assert (told.offset, told.lost, told.stage) == (0, True, "anonymiser")
    assert [(ask.offset, ask.collected) for ask in watched.redrives] == [(0, True)]
    await watched.look(after=61)
    assert len(watched.alarms) == len(watched.redrives) == 1
    await watched.enclave.settle()
    await watched.look()
    assert [type(event) for event in watched.alarms] == [OutcomeMissing, OutcomeFound]
    assert watched.enclave.outcomes(one) == ["SHARED"]
    assert len(watched.enclave.events(POLICE)) == 2


async def test_what_was_lost_is_asked_for_once_wherever_a_look_is_cut_short(watched, monkeypatch):
    log = watched.enclave.log
    await watched.send(report(), report())
    await watched.run(INTAKE)
    log._topics[TOKENISED][log.records(TOKENISED)[0].offset] = None
    await watched.run(LINKER, GATE)
    append, written = log.append, []

    async def cut_short(outgoing):
        if written:
            raise LogError("the process ended here")
        written.extend(outgoing)
        return await append(outgoing)

    monkeypatch.setattr(log, "append", cut_short)
    with pytest.raises(LogError):
        await watched.look(after=61)
    monkeypatch.undo()
    await watched.start()
    await watched.look(after=61)
    assert [one.lost for one in watched.alarms] == [True]
    assert [ask.offset for ask in watched.redrives] == [0]


async def test_what_intake_passed_over_is_told_and_taken_in_after_all(watched):
    first, passed, last = report(), report(), report()
    await watched.enclave.submit(first)
    await watched.send(passed)
    topic = submissions_of(first.partner)
    watched.enclave.log._groups["rivelin-intake"][topic] = 2
    await watched.enclave._start()
    await watched.enclave.submit(last)
    await watched.look(after=61)
    (told,) = watched.alarms
    assert (told.offset, told.lost, told.stage) == (1, True, "none")
    assert [(ask.offset, ask.collected) for ask in watched.redrives] == [(1, False)]
    await watched.enclave.settle()
    await watched.look(after=61)
    await watched.look(after=61)
    assert watched.enclave.outcomes(passed) == ["SHARED"]
    assert [type(event) for event in watched.alarms] == [OutcomeMissing, OutcomeFound]


async def test_an_answer_has_no_receipt_of_its_own_and_is_not_missed(watched):
    answer = AnswerSubmitted(
        partner="loxley-council",
        question_id=report().report_id,
        report_id=report().report_id,
        node=0,
        question=LinkQuestion.TWIN,
        answer=Answer.YES,
    )
    await watched.enclave.write(submissions_of(answer.partner), answer)
    await watched.enclave.settle()
    await watched.look(after=61)
    assert watched.alarms == []
    assert watched.reconciler.counts()["outcomes_waiting"] == 0


async def test_a_new_start_goes_on_from_its_file_and_from_none(watched):
    lost, fine = report(), report()
    await watched.send(lost, fine)
    await watched.run(INTAKE)
    await watched.look(after=61)
    assert len(watched.alarms) == 1
    for keeps in (True, False):
        if not keeps:
            (watched.folder / "reconciler.json").unlink()
        await watched.start()
        await watched.look(after=61)
        assert len(watched.alarms) == 1
    await watched.enclave.settle()
    await watched.start()
    await watched.look()
    assert [type(event) for event in watched.alarms] == [OutcomeMissing, OutcomeFound]


async def test_a_file_that_is_damaged_or_of_another_log_is_not_believed(watched):
    await watched.enclave.submit(report())
    await watched.look()
    file = watched.folder / "reconciler.json"
    for content in ("{", file.read_text().replace(": 1", ": 1000000")):
        file.write_text(content)
        await watched.start()
        await watched.look(after=61)
        assert watched.alarms == []


async def test_a_partner_that_comes_later_is_followed(watched):
    from streams.topics import REGISTRY  # noqa: PLC0415 - of this test alone
    from tests.enclave import PartnerType, onboarded  # noqa: PLC0415 - the same

    entry = onboarded("tinsley-school", PartnerType.SCHOOL)
    await watched.enclave.write(REGISTRY, entry)
    one = report(partner="tinsley-school")
    await watched.send(one)
    await watched.look()
    await watched.look(after=61)
    (told,) = watched.alarms
    assert (told.partner, told.stage) == ("tinsley-school", "anonymiser")


class Lacking(MemoryLog):
    """A log without some topics."""

    lacks = frozenset({feedback_of("sheaf-health")})

    async def ends(self, topics):
        if gone := self.lacks & set(topics):
            raise MissingTopicError(f"there is no topic {sorted(gone)}")
        return await super().ends(topics)


async def test_a_partner_without_its_topics_hides_no_other(tmp_path):
    log = Lacking()
    watched = await Watched(await Enclave(log=log).start(), tmp_path).start()
    await watched.send(report(), report(partner="sheaf-health"))
    await watched.look(after=61)
    await watched.look(after=61)
    assert [told.partner for told in watched.alarms] == ["loxley-council"]
    log.lacks = frozenset()
    await watched.look(after=31)
    await watched.look(after=61)
    assert [told.partner for told in watched.alarms] == ["loxley-council", "sheaf-health"]


async def test_bytes_that_nobody_can_read_may_be_urgent(watched):
    await watched.enclave.log.append([Outgoing(submissions_of("loxley-council"), b"noise")])
    await watched.look(after=61)
    (told,) = watched.alarms
    assert told.immediate_risk
    assert told.report_id is None


async def test_alarms_of_others_are_no_concern(watched):
    other = ProbingNoticed(
        partner="loxley-council",
        signal="MANY_PERSONS",
        count=1,
        window_from=datetime(2026, 2, 1, tzinfo=UTC),
        policy_version=1,
        noticed_at=datetime(2026, 2, 1, tzinfo=UTC),
    )
    await watched.enclave.log.append([Outgoing(ALARMS, encode(other))])
    await watched.start()
    await watched.look(after=61)
    assert watched.alarms == [other]
