"""When a role counts as dead although its process lives: a table of looks at its progress file."""

from __future__ import annotations

import pytest

from deploy.pulse import Beat, Overdue, Pulse, PulseLimits

PID, LIMITS = 7, PulseLimits(silent_seconds_max=30, start_seconds_max=300)


def beat(mark, state="running", work="", pid=PID):
    return Beat(pid, (1, mark), state, work)


def looked(*looks):
    """Look at each (seconds since the start, beat); return what the last look says."""
    pulse = Pulse(PID, 0.0, LIMITS)
    return [pulse.look(seen, float(at)) for at, seen in looks][-1]


@pytest.mark.parametrize(
    ("looks", "verdict"),
    [
        pytest.param([(0, None)], None, id="has just been started"),
        pytest.param([(300, None)], None, id="a slow start"),
        pytest.param([(301, None)], Overdue.NOT_STARTED, id="never said a word"),
        pytest.param(
            [(5, beat(1, pid=6)), (301, beat(1, pid=6))],
            Overdue.NOT_STARTED,
            id="the word of the life before is not its own",
        ),
        pytest.param([(5, beat(1)), (35, beat(1))], None, id="at the bound"),
        pytest.param([(5, beat(1)), (36, beat(1))], Overdue.SILENT, id="fell silent"),
        pytest.param([(5, beat(1)), (36, beat(2)), (66, beat(2))], None, id="speaks again"),
        pytest.param([(5, beat(1)), (36, None)], Overdue.SILENT, id="its file was deleted"),
        pytest.param(
            [(5, beat(1, "rebuilding", "10")), (200, beat(1, "rebuilding", "10"))],
            None,
            id="opening a large store takes its time",
        ),
        pytest.param(
            [(5, beat(1, "rebuilding")), (306, beat(1, "rebuilding"))],
            Overdue.SILENT,
            id="silent in the start for longer than the start may take",
        ),
        pytest.param(
            [(200 * n, beat(n, "rebuilding", str(n))) for n in range(30)],
            None,
            id="a rebuild of an hour and a half that moves",
        ),
        pytest.param(
            [(5, beat(1, "starting")), (150, beat(2, "starting")), (306, beat(3, "starting"))],
            Overdue.START_STANDS_STILL,
            id="beats, and waits for something that never comes",
        ),
        pytest.param(
            [(5, beat(1)), (400, beat(2)), (800, beat(3))],
            None,
            id="idle for long, and beating whenever it was looked at",
        ),
        pytest.param(
            [(n, beat(n, "waiting for a partner")) for n in range(0, 900, 10)],
            None,
            id="waits for the first partner",
        ),
    ],
)
def test_a_role_is_ended_when(looks, verdict):
    assert looked(*looks) == verdict


def test_a_beat_is_made_of_what_the_file_says():
    facts = {"pid": PID, "state": "rebuilding", "positions": {}, "counts": {"records_folded": 3}}

    first = Beat.of(facts, (1, 1))
    second = Beat.of({**facts, "counts": {"records_folded": 4}, "written_at": "later"}, (1, 2))

    assert (first.pid, first.state) == (PID, "rebuilding")
    assert first.work != second.work
    assert Beat.of({**facts, "written_at": "later"}, (1, 2)).work == first.work
