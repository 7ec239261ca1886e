"""A comparison in text: what a reviewer reads before deciding."""

from __future__ import annotations

from anonymiser.desk.cases import Bar
from anonymiser.desk.waterfall import waterfall
from tests.unit.anonymiser.desk.test_decisions import case

BARS = (Bar("given_name", "differs", -600), Bar("born_on", "exact", 1200), Bar("sex", "equal", 30))


def drawn(line):
    """What stands in the column of bars."""
    return line[line.index("█") if "█" in line else line.index("░") :]


def test_each_field_has_a_bar_that_hangs_where_the_sum_has_come_to():
    given, born, sex, *_ = waterfall(case(bars=BARS, score_centibits=630), 1650)

    assert given.startswith("given_name  differs     -6.0  ░░░░░░░░░░░░")
    assert born.startswith("born_on     exact      +12.0  ███████████████████████")
    assert sex.split()[:3] == ["sex", "equal", "+0.3"]


def test_what_contradicts_is_marked_and_named_as_the_veto():
    lines = waterfall(case(bars=BARS, score_centibits=630, contradicted=("given_name",)), 1650)

    assert lines[0].endswith("veto")
    assert not lines[1].endswith("veto")
    assert lines[-1].startswith("Veto: given_name contradicts")


def test_the_sum_is_held_against_the_threshold():
    one = case(bars=BARS, score_centibits=630, contradicted=())

    assert waterfall(one, 1650)[-1] == (
        "Sum +6.3 bits; it stays below the threshold of +16.5 (weights version 1)."
    )
    assert "reaches the threshold of +6.3" in waterfall(one, 630)[-1]
    assert waterfall(one)[-1] == "Sum +6.3 bits (weights version 1)."


def test_a_link_noticed_before_comparisons_were_recorded_says_so():
    assert waterfall(case(bars=())) == ["No comparison was recorded with this link."]


def test_bars_end_within_the_width_whatever_their_sizes():
    many = tuple(Bar(f"field_{n}", "equal", 1600) for n in range(12))
    lines = waterfall(case(bars=many, score_centibits=19200, contradicted=()))

    assert max(map(len, lines[:-1])) <= len("field_10  equal    +16.0  ") + 24
    assert all(drawn(line) for line in lines[:-1])
