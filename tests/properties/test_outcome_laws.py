"""Which submissions wait does not depend on the order in which rows and receipts are read."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from anonymiser.reconcile.outcomes import Outcomes
from streams.codec import encode
from streams.operations import subject_of
from streams.ports import Record
from streams.shared import FeedbackGiven, OperationRecorded
from streams.topics import OPERATIONS, feedback_of, submissions_of
from streams.values import Operation, Outcome, Purpose

AT = datetime(2026, 1, 5, 9, tzinfo=UTC)
PARTNERS = ("loxley-council", "sheaf-health")


def row(partner, offset):
    told = OperationRecorded(
        operation=Operation.COLLECTION,
        actor="anonymiser",
        purpose=Purpose.OPERATE_SERVICE,
        subject=subject_of(submissions_of(partner), offset),
        recipients=(),
        gateway=None,
        at=AT,
    )
    return Record(OPERATIONS, 0, AT, None, encode(told))


def receipt(partner, offset, outcome=Outcome.SHARED):
    told = FeedbackGiven(
        report_id=None,
        revision=None,
        outcome=outcome,
        reasons=(),
        immediate_risk=False,
        offset=offset,
        given_at=AT,
    )
    return Record(feedback_of(partner), 0, AT, None, encode(told))


@st.composite
def stories(draw):
    """Rows in their order, receipts of some of them, and the two woven together somehow."""
    places = [
        (partner, offset) for partner in PARTNERS for offset in range(draw(st.integers(0, 8)))
    ]
    answered = draw(st.sets(st.sampled_from(places))) if places else set()
    rows = [("row", place) for place in places]
    receipts = [("receipt", place) for place in sorted(answered)]
    doubled = [one for one in receipts for _ in range(draw(st.integers(1, 2)))]
    woven = draw(st.permutations([True] * len(rows) + [False] * len(doubled)))
    left, right = iter(rows), iter(doubled)
    return places, answered, [next(left) if is_row else next(right) for is_row in woven]


def folded(story):
    found = Outcomes()
    for kind, place in story:
        found.apply(row(*place) if kind == "row" else receipt(*place))
    return found


@given(stories())
def test_what_waits_is_what_has_a_row_and_no_receipt_in_any_interleaving(story):
    places, answered, woven = story
    found = folded(woven)
    assert {one.place for one in found.waiting()} == set(places) - answered
    assert found.count_waiting() == len(places) - len(answered)


@given(stories())
def test_folding_everything_twice_changes_nothing(story):
    *_, woven = story
    assert folded(woven + woven).to_json() == folded(woven).to_json()


@given(stories(), st.integers(0, 40))
def test_a_snapshot_anywhere_goes_on_as_if_there_had_been_none(story, cut):
    *_, woven = story
    first = folded(woven[:cut])
    again = Outcomes()
    again.restore(json.loads(json.dumps(first.to_json())))
    for kind, place in woven[cut:]:
        again.apply(row(*place) if kind == "row" else receipt(*place))
    assert again.to_json() == folded(woven).to_json()


@given(st.sets(st.integers(0, 30), min_size=1))
def test_a_position_without_a_row_is_a_gap_until_it_has_one(offsets):
    found = Outcomes()
    for offset in sorted(offsets):
        found.apply(row(PARTNERS[0], offset))
    end = max(offsets) + 1
    gaps = set(range(min(offsets), end)) - offsets
    assert set(found.of(PARTNERS[0]).gaps(end)) == gaps
    for offset in gaps:
        found.apply(row(PARTNERS[0], offset))
    assert list(found.of(PARTNERS[0]).gaps(end)) == []
    assert found.of(PARTNERS[0]).floor == end
    assert found.of(PARTNERS[0]).ahead == set()
