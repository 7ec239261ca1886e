"""The rig itself, without a broker: plans, ledgers, named places, and rounds that add up."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter

import pytest

from tests.crash import ledger
from tests.crash.failpoints import FAILPOINTS, Control
from tests.crash.ledger import INVOKE, OK, Ledger
from tests.crash.nemesis import Deed, plan_of
from tests.crash.release import FIRST_SEED, reached, record, round_plan
from tests.crash.run import Plan, Result
from tests.crash.story import PARTNERS, Story
from tests.crash.system import BROKER, ROOT
from tests.crash.test_checker import BASE

ROLES = sorted({role for point in FAILPOINTS for role in point.roles})


def python(code, *arguments):
    return subprocess.run((sys.executable, "-c", code, *map(str, arguments)), cwd=ROOT, check=False)


def test_a_seed_plans_the_same_faults_each_time():
    assert plan_of(5, 20, 5, full_disk=True) == plan_of(5, 20, 5, full_disk=True)
    assert plan_of(5, 20, 5, full_disk=True) != plan_of(6, 20, 5, full_disk=True)


@pytest.mark.parametrize("kills", [20, 100])
def test_the_kills_are_as_many_as_asked_and_in_the_mix(kills):
    faults = plan_of(1, kills, 0, full_disk=False)
    assert sum(1 for one in faults if one.deed is not Deed.PARTNERS) == kills
    of_anonymiser = sum(1 for one in faults if one.process == "anonymiser" and one.deed == "kill")
    assert of_anonymiser == kills * 0.4
    assert sum(1 for one in faults if one.process == BROKER and one.deed == "kill") == kills * 0.15
    assert any(one.deed is Deed.STOP for one in faults)


def test_each_failpoint_is_planned_as_often_as_asked():
    planned = Counter(one.detail for one in plan_of(1, 20, 5, full_disk=False) if one.detail)
    assert {point.name: planned[point.name] for point in FAILPOINTS} == {
        point.name: 5 for point in FAILPOINTS
    }
    assert len(FAILPOINTS) >= 12


def test_a_story_is_a_function_of_its_seed_and_numbers_every_step():
    one, two = Story(3, 200, BASE), Story(3, 200, BASE)
    assert one.steps == two.steps
    assert [step.number for step in one.steps] == list(range(200))
    for partner in PARTNERS:
        mine = [step.sequence for step in one.steps if step.partner == partner]
        assert mine == list(range(len(mine)))


async def test_what_the_ledger_says_is_on_the_disk_before_it_returns(tmp_path):
    path = tmp_path / "ledger.jsonl"
    book = Ledger(path)
    await book.append(INVOKE, 0)
    assert ledger.read(path)[0].op == INVOKE
    await book.append(OK, 0, offset=7)
    assert ledger.read(path)[0].offset == 7
    await book.close()


def test_a_line_that_was_cut_short_was_never_written(tmp_path):
    path = tmp_path / "ledger.jsonl"
    path.write_text('{"op": "invoke", "step": 0, "at": 1}\n{"op": "ok", "st')
    assert ledger.read(path)[0].op == INVOKE


async def test_a_ledger_that_was_cut_short_is_ended_before_it_goes_on(tmp_path):
    path = tmp_path / "ledger.jsonl"
    path.write_text('{"op": "invoke", "step": 0, "at": 1}\n{"op": "ok", "st')

    book = Ledger(path)
    await book.append(INVOKE, 1)
    await book.close()

    assert sorted(ledger.read(path)) == [0, 1]


def test_an_answer_to_nothing_is_an_error_of_the_ledger(tmp_path):
    path = tmp_path / "ledger.jsonl"
    path.write_text('{"op": "ok", "step": 0, "at": 1}\n')
    with pytest.raises(ValueError, match="without being asked"):
        ledger.read(path)


def test_an_armed_place_kills_once_and_is_counted(tmp_path):
    code = (
        "import sys; from pathlib import Path; from tests.crash.failpoints import *;"
        "Points(Control(Path(sys.argv[1])), 'gate').hit('in-commit')"
    )
    control = Control(tmp_path)
    control.make()
    assert python(code, tmp_path).returncode == 0

    control.arm("in-commit", "gate")
    control.arm("in-commit", "linker")

    assert python(code, tmp_path).returncode == -signal.SIGKILL
    assert python(code, tmp_path).returncode == 0
    assert control.counts()["in-commit"] == 1
    assert control.is_armed("in-commit", "linker")


@pytest.mark.parametrize("role", ROLES)
def test_every_place_is_still_there_in_the_product(tmp_path, role):
    code = (
        "import sys; from pathlib import Path; from tests.crash.failpoints import *;"
        "Points(Control(Path(sys.argv[1])), sys.argv[2]).install()"
    )
    assert python(code, tmp_path, role).returncode == 0


def result(seed, **facts):
    told = {
        "sent": 100,
        "acknowledged": 100,
        "unknown": 0,
        "shared_police": 80,
        "shared_safeguarding": 90,
        "alerts": 20,
        "kills": 20,
        "deeds": {"kill": 20},
        "failpoints": {point.name: 1 for point in FAILPOINTS},
        "restarts": {},
    }
    plan = Plan(seed=seed, kills=20, reports=100, per_second=10, each=1)
    return Result(plan=plan, **(told | facts))


def test_rounds_add_up_and_go_on_where_they_stopped(tmp_path):
    book = tmp_path / "state" / "release.jsonl"
    assert reached(book).rounds == 0
    record(book, result(FIRST_SEED), "abc")
    record(book, result(FIRST_SEED + 1, violations=["I1 lost at …"]), "abc")
    with book.open("a") as file:
        file.write('{"a round that was cut sho')

    found = reached(book)

    assert (found.rounds, found.green, found.kills, found.reports) == (2, 1, 40, 200)
    assert found.violations == [(FIRST_SEED + 1, "I1 lost at …")]
    assert set(found.failpoints.values()) == {2}
    assert round_plan(found.rounds, per_second=100).seed == FIRST_SEED + 2


def test_a_run_in_which_less_happened_than_planned_is_not_green():
    assert result(1).is_green
    assert not result(1, kills=19).is_green
    assert not result(1, sent=99).is_green
    fired = {point.name: 1 for point in FAILPOINTS} | {"in-drain": 0}
    assert result(1, failpoints=fired).shortfalls == ["failpoint in-drain fired 0 of 1 times"]
