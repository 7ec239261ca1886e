"""Small counts: none is shown, and none can be worked out from what is."""

from __future__ import annotations

import random
from itertools import product

import pytest

from consumers.safeguarding.suppression import FEW, WITHHELD, Sum, suppressed

ROW = Sum("all", ("a", "b", "c"))


def test_one_to_four_are_few_and_nought_and_five_are_shown():
    counts = {"a": 0, "b": 4, "c": 5, "d": 1}
    assert suppressed(counts, ()) == {"a": 0, "b": FEW, "c": 5, "d": FEW}


def test_one_small_part_of_a_known_whole_takes_the_next_smallest_with_it():
    counts = {"a": 3, "b": 9, "c": 40, "all": 52}
    assert suppressed(counts, (ROW,)) == {"a": FEW, "b": WITHHELD, "c": 40, "all": 52}


def test_two_small_parts_hide_each_other():
    counts = {"a": 3, "b": 2, "c": 40, "all": 45}
    assert suppressed(counts, (ROW,)) == {"a": FEW, "b": FEW, "c": 40, "all": 45}


def test_two_small_parts_that_can_only_be_four_and_four_need_a_third():
    counts = {"a": 4, "b": 4, "c": 40, "all": 48}
    shown = suppressed(counts, (ROW,))
    assert shown["c"] == WITHHELD
    assert shown["all"] == 48


def test_a_small_part_beside_the_least_that_is_withheld_is_not_given_away():
    """What is withheld is five at least: of six, with one of these, the other would be one."""
    shown = suppressed({"a": 1, "b": 5, "c": 0, "all": 6}, (ROW,))
    assert shown == {"a": FEW, "b": WITHHELD, "c": 0, "all": WITHHELD}


def test_what_two_sums_give_away_together_is_withheld_too():
    """The difference of two wholes would be the small part that only one of them has."""
    sums = (Sum("old", ("both", "lost")), Sum("new", ("both", "gained")))
    counts = {"both": 30, "lost": 2, "gained": 12, "old": 32, "new": 42}
    shown = suppressed(counts, sums)
    assert shown["lost"] == FEW
    assert not isinstance(shown["both"], int) or not isinstance(shown["old"], int)


def test_a_sum_that_is_none_is_refused():
    with pytest.raises(ValueError, match="all is not the sum"):
        suppressed({"a": 1, "b": 1, "c": 1, "all": 4}, (ROW,))


def table(chance):
    """Two rows and a total, three columns and a total: every sum of a published table."""
    cells = {
        f"{row}{column}": chance.choice((0, 1, 2, 3, 4, 5, 6, 9, 30)) for row, column in _CELLS
    }
    sums = []
    for row in "rs":
        cells[f"{row}*"] = sum(cells[f"{row}{column}"] for column in "xyz")
        sums.append(Sum(f"{row}*", tuple(f"{row}{column}" for column in "xyz")))
    for column in "xyz*":
        cells[f"*{column}"] = cells[f"r{column}"] + cells[f"s{column}"]
        sums.append(Sum(f"*{column}", (f"r{column}", f"s{column}")))
    sums.append(Sum("**", tuple(f"*{column}" for column in "xyz")))
    return cells, sums


_CELLS = list(product("rs", "xyz"))


@pytest.mark.parametrize("seed", range(40))
def test_no_small_count_of_a_table_can_be_worked_out(seed):
    """By trying every table that agrees with what is shown: each small count keeps two values."""
    cells, sums = table(random.Random(seed))
    shown = suppressed(cells, sums)
    small = [name for name, count in cells.items() if 0 < count < 5]
    assert all(shown[name] == FEW for name in small)
    possible = {name: set() for name in small}
    for other in agreeing(cells, shown):
        for name in small:
            possible[name].add(other[name])
        if all(len(values) > 1 for values in possible.values()):
            return
    assert all(len(values) > 1 for values in possible.values()), (cells, shown)


def agreeing(cells, shown):
    """Every table of inner counts that a reader cannot tell from the true one."""
    names = [f"{row}{column}" for row, column in _CELLS]
    choices = [values_of(shown[name], cells[name]) for name in names]
    for values in product(*choices):
        inner = {f"{row}{column}": one for (row, column), one in zip(_CELLS, values, strict=True)}
        whole = dict(inner)
        for row in "rs":
            whole[f"{row}*"] = sum(inner[f"{row}{column}"] for column in "xyz")
        for column in "xyz*":
            whole[f"*{column}"] = whole[f"r{column}"] + whole[f"s{column}"]
        if all(fits(shown[name], count) for name, count in whole.items()):
            yield whole


def values_of(shown, count):
    """Of what is withheld the values near the true one: two of them are enough."""
    if shown == FEW:
        return range(1, 5)
    near = [one for one in range(max(0, count - 3), count + 4) if not 0 < one < 5]
    return near if shown == WITHHELD else (shown,)


def fits(shown, count):
    if shown == FEW:
        return 0 < count < 5
    return shown in {WITHHELD, count}
