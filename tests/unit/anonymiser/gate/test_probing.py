from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from anonymiser.gate.probing import ProbeWatch, ProbingPolicy
from streams.values import NodeKind, ProbingSignal

AT = datetime(2026, 11, 25, 9, 0, 30, tzinfo=UTC)
REPORT = UUID(int=1)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
POLICY = ProbingPolicy(persons_a_minute_max=4, revisions_a_day_max=3, withdrawals_a_day_max=2)


@dataclass(frozen=True)
class Subject:
    kind: NodeKind = NodeKind.PERSON


@dataclass(frozen=True)
class Linked:
    """As much of a linked report as the watch looks at."""

    partner: str = "loxley-council"
    report_id: UUID = REPORT
    revision: int = 1
    nodes: tuple[Subject, ...] = (Subject(),)


@pytest.fixture
def watch():
    return ProbeWatch(POLICY)


def test_many_people_within_a_minute_are_told_once(watch):
    told = [one for _ in range(12) for one in watch.linked(Linked(), AT)]
    (noticed,) = told
    assert (noticed.partner, noticed.signal, noticed.count) == (
        "loxley-council",
        ProbingSignal.MANY_PERSONS,
        5,
    )
    assert noticed.window_from == AT.replace(second=0)


def test_one_report_of_many_people_counts_each_and_no_thing(watch):
    things = (Subject(NodeKind.PHONE),) * 50
    assert not list(watch.linked(Linked(nodes=things), AT))
    assert list(watch.linked(Linked(nodes=(Subject(),) * 5), AT))


def test_the_next_minute_begins_anew_and_is_told_again(watch):
    for minute in range(3):
        at = AT + minute * 60 * SECOND
        assert sum(len(list(watch.linked(Linked(), at))) for _ in range(6)) == 1


def test_a_slow_partner_and_many_partners_are_not_told(watch):
    for number in range(100):
        assert not list(watch.linked(Linked(partner=f"partner-{number}"), AT))
        assert not list(watch.linked(Linked(), AT + number * 60 * SECOND))


def test_one_report_corrected_again_and_again_is_told(watch):
    told = [
        one
        for revision in range(2, 9)
        for one in watch.linked(Linked(revision=revision), AT + revision * 60 * SECOND)
    ]
    assert [(one.signal, one.count) for one in told] == [(ProbingSignal.MANY_REVISIONS, 4)]


def test_many_reports_each_corrected_once_are_no_series(watch):
    for number in range(50):
        linked = Linked(report_id=UUID(int=number), revision=2)
        assert not list(watch.linked(linked, AT + number * 60 * SECOND))


def test_withdrawals_in_series_are_told_and_forgotten_the_next_day(watch):
    told = [one for hour in range(5) for one in watch.retracted(Linked(), AT + hour * SECOND)]
    assert [one.signal for one in told] == [ProbingSignal.MANY_WITHDRAWALS]
    assert not list(watch.retracted(Linked(), AT + DAY))


def test_a_record_that_comes_late_counts_where_we_are(watch):
    for _ in range(3):
        assert not list(watch.linked(Linked(), AT))
    assert not list(watch.linked(Linked(), AT - 60 * SECOND))
    assert list(watch.linked(Linked(), AT))
