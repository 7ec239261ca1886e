"""Two thousand mutants through intake, each with one outcome; `make hostile` sends 100,000."""

from __future__ import annotations

from tests.hostile.mutants import FAMILIES, campaign

RECORDS = 2_000


def test_mutated_records_have_one_outcome_each_and_cost_little():
    tally = campaign(RECORDS, seed=20_261_125)
    assert tally.broken == []
    assert tally.outcomes.total() == RECORDS


def test_the_mutants_reach_every_kind_of_outcome():
    """A campaign that only ever broke the frame would prove nothing."""
    reasons = {outcome.partition(": ")[2] for outcome in campaign(100 * len(FAMILIES), 7).outcomes}
    frame = {"bad_frame", "unknown_schema", "truncated", "bad_value", "not_canonical", "too_large"}
    seal = {"cannot_open", "bad_part", "other_partner"}
    assert frame | seal | {"too_many_items", "ReportSubmitted"} <= reasons
