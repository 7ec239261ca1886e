"""Hundreds of seeds over the product's own loops, and every planted bug at a seed that shows it.

`make check` runs a part; `rivelin simulate faults` and `--mutants` run all.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter

import pytest

from deploy.simulate.link import LINKED, Patch, PatchFailedError, Product
from deploy.simulate.planted import NoPlantedBugsError, read_planted
from deploy.simulate.run import MUTANT_SEEDS_MAX, hunt, play, run_chunk, scene_of

SEEDS = 500
NEAR = 12  # the product moves on, and with it which seed shows a bug: mostly not far
PLANTED = {one.name: one for one in read_planted()}

TRACES = """
import hashlib
from deploy.simulate.run import play
for seed in {seeds}:
    print(hashlib.sha256("\\n".join(play(seed, traced=True).trace).encode()).hexdigest())
"""


@pytest.fixture(scope="module")
def played():
    """Hundreds of seeds: what did not hold, how many kills, and at which requests they fell."""
    broken, kills, deadly = {}, 0, Counter()
    for seed in range(SEEDS):
        world = play(seed, traced=True)
        kills += world.kills
        if world.violations:
            broken[seed] = world.violations
        asked = (line.partition(" asks ")[2].partition(": ") for line in world.trace)
        deadly.update(what for what, _, fate in asked if "killed" in fate)
    return broken, kills, deadly


def test_hundreds_of_seeds_break_no_promise(played):
    broken, kills, _ = played
    assert broken == {}
    assert kills > SEEDS / 2  # it did try


@pytest.mark.parametrize(
    "what",
    [
        "connect", "init producer", "fetch offsets", "ends", "first fetch", "fetch",
        "add topic", "produce", "add group", "commit offsets", "commit",
    ],
)  # fmt: skip
def test_a_kill_falls_at_every_step_of_a_transaction_and_of_a_start(played, what):
    _, _, deadly = played
    assert deadly[what] > 0


def test_seeds_are_counted_as_they_are_played():
    outcome = run_chunk(range(6))
    assert (outcome.seeds, outcome.violations) == (6, 0)
    assert outcome.kills == sum(play(seed).kills for seed in range(6))


def test_a_seed_replays_byte_for_byte_in_another_process_and_after_other_seeds():
    seeds = range(40, 52)  # each scene twice
    here = [
        hashlib.sha256("\n".join(play(seed, traced=True).trace).encode()).hexdigest()
        for seed in reversed(seeds)
    ]
    told = subprocess.run(
        [sys.executable, "-c", TRACES.format(seeds=list(seeds))],
        env={**os.environ, "PYTHONHASHSEED": "4"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert told.stdout.split() == here[::-1]
    assert len(set(here)) == len(here)


def test_a_trace_changes_nothing_in_what_it_tells_of():
    silent, traced = play(45), play(45, traced=True)
    assert silent.trace is None
    assert traced.trace
    assert (silent.kills, silent.loop.time()) == (traced.kills, traced.loop.time())


def test_there_are_a_dozen_planted_bugs_and_more_in_every_loop():
    assert len(PLANTED) >= 12
    assert {patch.module for one in PLANTED.values() for patch in one.patches} >= {
        "streams.loop",
        "streams.kafka.sink",
        "anonymiser.intake.worker.lane",
        "consumers.worker",
        "consumers.store",
    }


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_is_caught(name):
    planted = PLANTED[name]
    caught = hunt(planted, range(planted.seed, planted.seed + NEAR))
    if caught.seed is None:
        caught = hunt(planted)
    assert caught.seed is not None, f"{planted.why} No seed below {MUTANT_SEEDS_MAX} shows it."


def test_a_bug_is_planted_in_one_world_and_in_no_module_that_can_be_imported():
    import streams.loop  # noqa: PLC0415 - that it is untouched is what is tested

    before = streams.loop.StageRunner.tick
    planted = Product(PLANTED["tick-moves-a-position"].patches)
    assert planted.module("streams.loop").StageRunner is not streams.loop.StageRunner
    assert streams.loop.StageRunner.tick is before
    assert all(
        planted.module(name) is not module for name, module in sys.modules.items() if name in LINKED
    )


def test_a_patch_that_does_not_fit_any_more_is_told():
    with pytest.raises(PatchFailedError, match="0 places look like 'no such line'"):
        Product([Patch("streams.loop", "no such line\n", "")])
    with pytest.raises(PatchFailedError, match=r"no linked module: streams\.codec"):
        Product([Patch("streams.codec", "x", "y")])


def test_without_the_tests_there_are_no_planted_bugs(tmp_path):
    with pytest.raises(NoPlantedBugsError, match="checkout"):
        read_planted(tmp_path / "planted.toml")


def test_every_scene_is_played():
    assert {scene_of(seed).name for seed in range(6)} == {"linker", "gate", "intake", "projection"}
