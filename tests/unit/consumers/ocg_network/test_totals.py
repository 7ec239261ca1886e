"""Sums of what was tried and what it brought."""

from __future__ import annotations

from datetime import date

import pytest

from consumers.ocg_network.totals import balance, totals
from streams.codes import Lever, SeizedItem
from streams.values import FourP
from tests.invented_disruptions import (
    arrested,
    assessed,
    book_of,
    by_report,
    closed,
    executed,
    failed,
    offence,
    planned,
    seized,
    sentenced,
)
from tests.invented_evidence import an_id, key

BOOK = book_of(
    planned(),
    executed(),
    assessed(),
    planned("D2", lever=Lever.ENFORCEMENT, four_p=FourP.PURSUE, ocg_id=an_id("OCG 2")),
    executed("D2"),
    planned("D3"),
    failed("D3"),
    seized("S1", quantity=2),
    seized("S2", quantity=1, caused_by=by_report()),
    seized("S3", item=SeizedItem.CASH, quantity=4_000),
    arrested(),
    sentenced("T1", months=36),
    sentenced("T2", months=0),
    sentenced("T3", person="bob", months=12, occurred_on=date(2026, 6, 20)),
    closed(),
    offence("O1", string="string"),
    offence("O2", string="string"),
    offence("O3"),
)


def counted(day=None, **terms):
    return totals(BOOK.disruptions.values(), BOOK.outcomes.values(), day, **terms)


def test_everything_is_counted_once():
    whole = counted().all
    assert (whole.planned, whole.executed, whole.failed) == (3, 2, 1)
    assert (whole.guns, whole.arrests, whole.closures) == (3, 1, 1)
    assert (whole.sentences, whole.months, len(whole.sentenced)) == (3, 48, 2)
    assert (whole.offences, len(whole.strings)) == (3, 1)
    assert whole.impact == {"MAJOR": 1, "not assessed": 1}


@pytest.mark.parametrize("part", ["by_ocg", "by_lever", "by_four_p"])
def test_the_parts_add_up_to_the_whole(part):
    found = counted()
    parts = getattr(found, part).values()
    for name in ("planned", "executed", "failed", "guns", "arrests", "sentences", "months"):
        assert sum(getattr(one, name) for one in parts) == getattr(found.all, name)


def test_what_a_report_led_to_belongs_to_no_lever():
    found = counted()
    assert found.by_lever["none"].guns == 1
    assert found.by_lever["CIVIL_INJUNCTION"].guns == 2


def test_an_outcome_without_an_ocg_belongs_to_that_of_its_disruption():
    book = book_of(planned(), seized(ocg_id=None), seized("S2", ocg_id=None, caused_by=by_report()))
    found = totals(book.disruptions.values(), book.outcomes.values())
    assert found.by_ocg[key("OCG 1")].guns == 1
    assert found.by_ocg["none"].guns == 1


def test_as_of_a_day_what_came_later_is_not_counted():
    assert counted("2026-06-19").all.sentences == 2
    assert counted("2026-05-31").all.executed == 0
    assert counted("2026-05-31").all.planned == 3
    assert counted("2026-05-31").all.guns == 0


def test_what_was_absorbed_counts_for_the_one_that_took_it_in():
    found = counted(ocg_now=lambda _: "kept")
    assert set(found.by_ocg) == {"kept"}


def test_the_balance_shows_strands_that_nobody_uses():
    strands = {one.four_p: one for one in balance(list(BOOK.disruptions.values()))}
    assert set(strands) == set(FourP)
    assert strands[FourP.PREVENT].share == 0.5
    assert strands[FourP.PROTECT].planned == 0
    assert sum(one.share for one in strands.values()) == 1.0


def test_nothing_at_all_adds_up_to_nothing():
    assert totals([], []).all.as_dict()["guns"] == 0
    assert sum(one.share for one in balance([])) == 0.0
