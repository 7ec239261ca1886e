"""The fold of disruptions: every order of topics, a tail told twice, the rows: one state."""

from __future__ import annotations

from datetime import date
from itertools import permutations

import pytest

from consumers.ocg_network.disruptions import DISRUPTION_EVENTS, DisruptionBook, State
from streams.codes import DisruptionFailure, HubView, Impact
from streams.topics import BY_NAME, DISRUPTIONS, POLICE, POLICE_DECISIONS
from tests.invented_disruptions import (
    answered,
    arrested,
    asked,
    assessed,
    book_of,
    closed,
    concern,
    executed,
    failed,
    offence,
    offered,
    planned,
    protected,
    seized,
    sentenced,
)
from tests.invented_evidence import key

BY_TOPIC = {
    DISRUPTIONS: [
        planned(),
        executed(),
        assessed(),
        seized(),
        planned("D2"),
        failed("D2"),
        arrested(),
        offence(string="string"),
        sentenced(),
        closed(),
        offered(),
        concern(),
        executed("unseen"),
    ],
    POLICE_DECISIONS: [asked(), asked("Q2")],
    POLICE: [answered("Q2", HubView.HOLD_UNTIL_CHILD_SAFE), protected(), protected(ended=True)],
}


def state_of(book):
    """All it knows, as the rows tell it; the order of taking in is no part of it."""
    kept = (book.disruptions, book.outcomes, book.interventions, book.concerns)
    return [
        dict(sorted(one.items())) for one in (*kept, book.requests, book.answers, book.protections)
    ]


def rows_of(book):
    """The rows as a store would hold them after every rewrite."""
    rows = {table.name: {} for table in book.tables}
    for rewrite in book.take_rewrites():
        (keyed,) = rewrite.key.values()
        rows[rewrite.table.name][keyed] = dict(rewrite.rows[0])
    return rows


def test_every_event_of_its_topics_is_known_to_the_topic():
    for topic, events in DISRUPTION_EVENTS.items():
        assert {one.__name__ for one in events} <= set(BY_NAME[topic].events)
    assert {one.__name__ for one in DISRUPTION_EVENTS[DISRUPTIONS]} == set(
        BY_NAME[DISRUPTIONS].events
    )


@pytest.mark.parametrize("order", list(permutations(BY_TOPIC)))
def test_every_order_of_the_topics_gives_the_same_state(order):
    one_after_another = book_of(*(event for topic in order for event in BY_TOPIC[topic]))
    queues = [list(BY_TOPIC[topic]) for topic in order]
    in_turns = book_of()
    while any(queues):
        for queue in queues:
            if queue:
                in_turns.apply(queue.pop(0))
    assert state_of(one_after_another) == state_of(in_turns)
    assert rows_of(one_after_another) == rows_of(in_turns)


def test_each_table_is_a_function_of_one_topic_and_stands_once():
    told = [table for tables in DisruptionBook.past.values() for table in tables]
    assert sorted(one.name for one in told) == sorted(one.name for one in DisruptionBook.tables)


def test_a_tail_that_is_delivered_twice_changes_nothing():
    events = [event for some in BY_TOPIC.values() for event in some]
    book = book_of(*events)
    before = state_of(book)
    book.take_rewrites()
    for event in BY_TOPIC[DISRUPTIONS][3:]:
        book.apply(event)
    assert state_of(book) == before
    assert book.take_rewrites() == []


def test_the_state_comes_back_from_its_rows():
    book = book_of(*(event for some in BY_TOPIC.values() for event in some))
    rows = rows_of(book)
    again = DisruptionBook()
    again.restore(lambda table: rows[table.name].values())
    assert state_of(again) == state_of(book)
    assert again.take_rewrites() == []


def test_a_disruption_nobody_assessed_says_so():
    book = book_of(planned(), executed())
    assert book.disruptions[key("D1")].impact_shown == "not assessed"


def test_a_word_about_an_unseen_plan_waits_and_holds_once_the_plan_comes():
    book = book_of(executed())
    assert book.disruptions[key("D1")].state is State.WAITING
    book.apply(planned())
    assert book.disruptions[key("D1")].state is State.EXECUTED


def test_the_first_word_on_how_it_went_stands():
    book = book_of(planned(), failed(reason=DisruptionFailure.TARGET_AWAY), executed())
    assert book.disruptions[key("D1")].state is State.FAILED


def test_a_later_assessment_takes_the_place_of_the_earlier():
    book = book_of(planned(), executed(), assessed(), assessed(impact=Impact.MINOR))
    assert book.disruptions[key("D1")].impact == "MINOR"


def test_as_of_a_day_later_words_are_not_there_yet():
    whole = book_of(planned(), executed(on=date(2026, 6, 1)), assessed()).disruptions[key("D1")]
    assert whole.as_of("2026-05-19") is None
    assert whole.as_of("2026-05-31").state is State.PLANNED
    assert whole.as_of("2026-06-01").impact_shown == "not assessed"
    assert whole.as_of("2026-06-30").impact == "MAJOR"


def test_protection_holds_to_its_day_and_not_after_its_end():
    one = book_of(protected(until=date(2026, 7, 1))).protections[key("P1")]
    assert one.holds_on("2026-07-01")
    assert not one.holds_on("2026-07-02")
    ended = book_of(protected(), protected(ended=True)).protections[key("P1")]
    assert not ended.holds_on("2026-06-01")
