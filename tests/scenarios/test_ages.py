"""The hub hears of a change of age band in its week; nobody becomes an adult by mistake."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from anonymiser.gate.births import due_at, week_of
from streams.parts import Handling
from streams.restricted import ErasureRecorded, MentionsNoted
from streams.shared import AgeBandChanged, ItemWithheld, SafeguardingReportShared
from streams.topics import ERASURES, HELD, OPERATIONS, POLICE, REGISTRY, SAFEGUARDING
from streams.values import (
    AgeBand,
    Audience,
    ConditionCode,
    ErasureReason,
    HandlingCode,
    Role,
    Sex,
)
from tests.enclave import Enclave, corrected, mention, person, report, seeded_ids
from tests.small_cells import GROWN, TODDLER, F, M, facts_of

#: After the event, and after the log in memory begins.
NEXT = date(2026, 4, 16)
NHS, OTHER_NHS = "9434765919", "9434765870"


@pytest.fixture
async def enclave():
    return await Enclave().start()


def child(born, **changes):
    facts = {
        "given_name": "Wren",
        "family_name": "Inventsson",
        "nhs_number": NHS,
        "role": Role.VICTIM,
        "born_on": born,
    }
    return person("w", **(facts | changes))


def turning(years, on=NEXT):
    """The birth date of somebody who becomes so old on a day."""
    return on.replace(year=on.year - years)


async def tick(enclave, at):
    await enclave._stages[2].tick(at)


def told(enclave):
    return [(one.age_band, one.week) for one in enclave.events(SAFEGUARDING, AgeBandChanged)]


async def sunday(enclave, day=NEXT):
    await tick(enclave, due_at(week_of(day)))


# --- telling ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("years", "band"),
    [
        (5, AgeBand.AGE_5_10),
        (11, AgeBand.AGE_11_15),
        (16, AgeBand.AGE_16_17),
        (18, AgeBand.ADULT),
    ],
)
async def test_a_birthday_is_told_on_the_last_day_of_its_week_and_not_before(enclave, years, band):
    await enclave.submit(report(child(turning(years))))
    moment = due_at(week_of(NEXT))
    assert enclave.gate.due_at() == moment
    await tick(enclave, moment - timedelta(milliseconds=1))
    assert told(enclave) == []
    await tick(enclave, moment)
    await tick(enclave, moment + timedelta(days=1))
    assert told(enclave) == [(band, week_of(NEXT))]
    assert not enclave.events(POLICE, AgeBandChanged)


async def test_everybody_of_a_week_is_told_at_the_same_moment_whatever_their_day(enclave):
    days = {"Wren": date(2026, 4, 13), "Ottokar": NEXT, "Ilka": date(2026, 4, 19)}
    for name, day in days.items():
        one = child(turning(16, day), nhs_number=None, given_name=name, family_name=f"{name}sson")
        await enclave.submit(report(one))
    await sunday(enclave)
    assert told(enclave) == [(AgeBand.AGE_16_17, week_of(NEXT))] * 3
    records = enclave.log.records(SAFEGUARDING)[-3:]
    assert len({record.appended_at for record in records}) == 1
    people = [one.person_id.bytes for one in enclave.events(SAFEGUARDING, AgeBandChanged)]
    assert people == sorted(people)


async def test_a_record_of_the_log_lets_a_week_go_like_the_clock(enclave):
    await enclave.submit(report(child(turning(16))))
    enclave.log._clock.advance(timedelta(days=200))
    await enclave.submit(report())
    assert told(enclave) == [(AgeBand.AGE_16_17, week_of(NEXT))]


async def test_the_next_band_follows_without_a_new_report(enclave):
    await enclave.submit(report(child(turning(11))))
    await sunday(enclave)
    await tick(enclave, datetime(2040, 1, 1, tzinfo=UTC))
    assert [band for band, _ in told(enclave)] == [AgeBand.AGE_11_15, AgeBand.ADULT]


async def test_a_late_report_is_followed_at_once_by_what_has_come_since(enclave):
    await enclave.submit(report(child(date(2007, 5, 4)), event_at=datetime(2021, 3, 1, tzinfo=UTC)))
    assert told(enclave) == [(AgeBand.ADULT, "2025-W19")]  # reckoned from the week of 16: one late


async def test_after_a_restart_it_is_told_in_time_and_nothing_twice(enclave):
    await enclave.submit(report(child(turning(16))))
    await enclave.restart(ids=seeded_ids(9))
    await sunday(enclave)
    await enclave.restart(ids=seeded_ids(9))
    await sunday(enclave)
    assert told(enclave) == [(AgeBand.AGE_16_17, week_of(NEXT))]


# --- not telling --------------------------------------------------------------------


async def test_whoever_is_known_by_age_alone_is_never_told_of(enclave):
    await enclave.submit(report(child(None, age=15)))
    assert enclave.gate.due_at() is None
    await tick(enclave, datetime(2046, 1, 1, tzinfo=UTC))
    assert told(enclave) == []


async def test_contradicting_birth_dates_are_for_people(enclave):
    one, other = report(child(turning(16))), report(child(turning(16, date(2026, 6, 4))))
    await enclave.submit(one, other)
    assert enclave.who(one) == enclave.who(other)
    await tick(enclave, datetime(2030, 1, 1, tzinfo=UTC))
    assert told(enclave) == []


async def test_an_adult_by_another_report_stops_it(enclave):
    one, other = report(child(turning(16))), report(child(date(1990, 5, 4)))
    await enclave.submit(one, other)
    assert enclave.who(one) == enclave.who(other)
    await sunday(enclave)
    assert told(enclave) == []


async def test_an_age_that_contradicts_the_birth_date_stops_it(enclave):
    await enclave.submit(report(child(turning(16), age=19)))
    await tick(enclave, datetime(2030, 1, 1, tzinfo=UTC))
    assert told(enclave) == []


async def test_a_report_that_the_hub_may_not_have_tells_it_no_age(enclave):
    handling = Handling(
        code=HandlingCode.C, recipients=(Audience.POLICE,), conditions=(ConditionCode.S1,)
    )
    await enclave.submit(report(child(turning(16)), handling=handling))
    await enclave.submit(report(child(None, age=15)))
    await sunday(enclave)
    assert told(enclave) == []


async def test_a_withdrawn_report_tells_nothing_any_more(enclave):
    one = report(child(turning(16)))
    await enclave.submit(one)
    await enclave.withdraw(one)
    await sunday(enclave)
    assert told(enclave) == []


async def test_an_erased_report_is_forgotten(enclave):
    one = report(child(turning(16)))
    await enclave.submit(one)
    erased = ErasureRecorded(
        partner=one.partner,
        report_id=one.report_id,
        revision=None,
        subject=None,
        reason=ErasureReason.SUBJECT_REQUEST,
        decided_by="registrar",
        confirmed_by=None,
        decided_at=datetime(2026, 2, 1, tzinfo=UTC),
    )
    await enclave.write(ERASURES, erased)
    await sunday(enclave)
    assert told(enclave) == []
    assert enclave.log.records(HELD)[-1].value is None


async def test_one_erased_subject_of_two_is_forgotten_and_the_other_is_not(enclave):
    other = replace(child(turning(16), given_name="Odo", nhs_number=OTHER_NHS), label="o")
    one = report(child(turning(16)), other)
    await enclave.submit(one)
    facts = {
        "partner": one.partner,
        "report_id": one.report_id,
        "revision": 1,
        "reason": ErasureReason.SUBJECT_REQUEST,
        "decided_by": "registrar",
        "confirmed_by": None,
        "decided_at": datetime(2026, 2, 1, tzinfo=UTC),
    }
    await enclave.write(ERASURES, ErasureRecorded(subject=0, **facts))
    await sunday(enclave)
    (kept,) = enclave.events(HELD, MentionsNoted)[-1:]
    assert [person.node for person in kept.persons] == [1]
    assert len(told(enclave)) == 1


# --- taking back --------------------------------------------------------------------


async def test_what_a_withdrawn_report_told_is_taken_back(enclave):
    """So that a child does not stay an adult by mistake."""
    wrong = report(child(turning(18)))
    await enclave.submit(wrong, report(child(None, age=15)))
    await sunday(enclave)
    await enclave.withdraw(wrong)
    assert [band for band, _ in told(enclave)] == [AgeBand.ADULT, AgeBand.UNKNOWN]


async def test_a_corrected_birth_date_takes_it_back_and_tells_anew(enclave):
    wrong = report(child(turning(18)))
    await enclave.submit(wrong)
    await sunday(enclave)
    await enclave.submit(corrected(wrong, child(turning(16, date(2026, 9, 10)))))
    await sunday(enclave, date(2026, 9, 10))
    assert [band for band, _ in told(enclave)] == [
        AgeBand.ADULT,
        AgeBand.UNKNOWN,
        AgeBand.AGE_16_17,
    ]


async def test_after_a_split_each_is_told_of_by_their_own_birth_date(enclave):
    one, other = report(child(turning(16))), report(child(turning(16, date(2026, 6, 4))))
    await enclave.submit(one, other)
    await enclave.split(enclave.who(one), mention(other))
    await tick(enclave, datetime(2026, 12, 1, tzinfo=UTC))
    assert sorted(told(enclave)) == [
        (AgeBand.AGE_16_17, week_of(NEXT)),
        (AgeBand.AGE_16_17, week_of(date(2026, 6, 4))),
    ]


async def test_nothing_kept_of_a_birthday_is_finer_than_its_week(enclave):
    await enclave.submit(report(child(turning(16))))
    (kept,) = enclave.events(HELD, MentionsNoted)
    (noted,) = kept.persons
    assert (noted.turns, noted.week) == (AgeBand.AGE_16_17, week_of(NEXT))


# --- small cells ----------------------------------------------------------------------


async def in_a_town(enclave, boys):
    """A register in which so many boys under five live with a mother in S99, and nobody else."""
    await enclave.write(REGISTRY, facts_of(("S99", boys, (M, TODDLER), (F, GROWN))))


async def test_a_change_that_would_single_a_child_out_is_withheld_and_counted(enclave):
    await in_a_town(enclave, 300)
    await enclave.submit(report(child(turning(5), sex=Sex.MALE)))
    (shared,) = enclave.events(SAFEGUARDING, SafeguardingReportShared)
    assert shared.nodes[0].age_band is AgeBand.AGE_0_4
    await sunday(enclave)
    assert told(enclave) == []
    (kept,) = enclave.events(OPERATIONS, ItemWithheld)
    assert (kept.recipient, kept.what) == (Audience.SAFEGUARDING, "AGE_BAND")


async def test_where_enough_could_be_meant_it_is_told(enclave):
    await in_a_town(enclave, 12_000)
    await enclave.submit(report(child(turning(5), sex=Sex.MALE)))
    await sunday(enclave)
    assert told(enclave) == [(AgeBand.AGE_5_10, week_of(NEXT))]
